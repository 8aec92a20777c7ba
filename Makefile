# One entry for people and for CI. It needs Python >= 3.11 and make; everything else goes into .venv.
.DEFAULT_GOAL := help
.PHONY: help demo test check fmt docs tools lock clean

ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
PIP_INSTALL := $(PIP) install --require-hashes --no-deps
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-header --no-emit-index-url
SOURCES := consumer tests benchmarks docs monitoring helm

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  ARGS="..."   passes options on, e.g. make demo ARGS=--faults, make test ARGS="-k lanes"'

demo: $(VENV)/.runtime ## Run everything on this machine and reconcile the sums (ARGS=--faults)
	@$(BIN)/python -m consumer demo $(ARGS)

test: $(VENV)/.dev ## Run the tests (ARGS="tests/unit -x" and the like)
	@$(BIN)/python -m pytest $(ARGS)

check: check-format check-lint check-types check-imports check-pages ## Check format, lint, types, imports and generated pages

fmt: $(VENV)/.dev ## Format the code and mend what the linter can mend
	@$(BIN)/ruff check --quiet --fix-only $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

docs: $(VENV)/.dev ## Write the generated pages and the chart's generated files anew
	@$(BIN)/python -m docs.generate
	@$(BIN)/python -m monitoring.generate
	@$(BIN)/python -m helm.generate

tools: ## Get Helm, linters and Prometheus into .cache, for the tests that need them
	@.ci/tools

lock: $(VENV)/.dev ## Pin the requirements anew (ARGS=--upgrade takes newer versions)
	@$(UV_COMPILE) $(ARGS) pyproject.toml --output-file requirements/runtime.txt
	@$(UV_COMPILE) $(ARGS) --group build --output-file requirements/build.txt
	@$(UV_COMPILE) $(ARGS) --group image --output-file requirements/image.txt
	@$(UV_COMPILE) $(ARGS) pyproject.toml --group dev \
	  --constraints requirements/runtime.txt --constraints requirements/build.txt --output-file requirements/dev.txt

clean: ## Remove what the targets above have made
	@rm -rf $(VENV) build dist .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: check-format check-lint check-types check-imports check-pages
check-format: $(VENV)/.dev
	@echo "format"; $(BIN)/ruff format --quiet --check $(SOURCES)

check-lint: $(VENV)/.dev
	@echo "lint"; $(BIN)/ruff check --quiet $(SOURCES)

check-types: $(VENV)/.dev
	@echo "types"; $(BIN)/mypy --no-error-summary

check-imports: $(VENV)/.dev
	@echo "imports"; $(BIN)/lint-imports > $(VENV)/imports.txt || { cat $(VENV)/imports.txt; exit 1; }

check-pages: $(VENV)/.dev
	@echo "generated pages"; $(BIN)/python -m docs.generate --check
	@$(BIN)/python -m monitoring.generate --check
	@$(BIN)/python -m helm.generate --check

# The environment. Stamps make the second run instant; each file holds what was installed last.

$(VENV)/.python:
	@for python in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
	  "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	  echo "making $(VENV) with $$("$$python" --version)"; \
	  "$$python" -m venv --clear $(VENV) && touch $@; exit; \
	done; \
	echo "No Python >= 3.11 with venv and ensurepip found (on Debian: apt install python3-venv)." >&2; \
	echo "Name one: make PYTHON=/path/to/python3.11" >&2; exit 1

$(VENV)/.runtime: $(VENV)/.python requirements/runtime.txt requirements/build.txt pyproject.toml
	@echo "installing runtime requirements"
	@$(PIP_INSTALL) -r requirements/build.txt -r requirements/runtime.txt
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@echo "installing development requirements"
	@$(PIP_INSTALL) -r requirements/dev.txt
	@touch $@
