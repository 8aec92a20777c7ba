"""The rules that the project keeps about itself: pins, layout, docstrings, where concurrency starts."""

import ast
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

Documented: TypeAlias = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

ROOT: Final = Path(__file__).resolve().parents[2]
PYPROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
REQUIREMENTS: Final = ("runtime", "build", "dev", "image")
MODULES: Final = sorted((ROOT / "consumer").rglob("*.py"))

#: What may stand at the top level; the first group has to.
TOP_LEVEL: Final = {
    ".ci", ".dockerignore", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile", "Makefile",
    "README.md", "benchmarks", "consumer", "docs", "examples", "helm", "monitoring", "pyproject.toml",
    "requirements", "schemas", "tests",
}  # fmt: skip

#: Halves are joined here so that this file does not find itself.
FOREIGN: Final = re.compile(
    "|".join(
        left + right
        for left, right in (
            ("pypi", r"\.org"), ("python", r"hosted\.org"), ("repo1?", r"\.maven"), ("proxy", r"\.golang"),
            ("registry", r"\.npm"), ("deb", r"\.debian\.org"),
            (r"(?<![\w.])/wo", "rk/"), (r"(?<![\w.])/ro", "ot/"), (r"(?<![\w.])/ho", r"me/\w"),
        )
    )
)  # fmt: skip

#: What starts a thread, a process or a task.
STARTERS: Final = {
    "Process", "ProcessPoolExecutor", "TaskGroup", "Thread", "ThreadPoolExecutor", "Timer",
    "create_task", "ensure_future", "gather", "run_in_executor", "start_new_thread", "to_thread",
}  # fmt: skip
MAY_START: Final = {"source", "dead_letters", "pipeline", "service"}

#: What reads the clock or a file: not in the core. The bundled schemas, as package data, are the exception.
IMPURE: Final = {"now", "utcnow", "today", "open", "read_text", "read_bytes", "write_text", "getenv"}
READS_PACKAGE_DATA: Final = {"core/avro/schemas.py"}


def tracked() -> list[str]:
    """Return the project's files: those that git tracks, or all of the tree where git has no say."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        command = [git, "-C", str(ROOT), "ls-files", "-z"]
        listed = subprocess.run(command, check=False, capture_output=True, text=True)
        if listed.returncode == 0:
            return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    made = {
        ".git",
        ".venv",
        ".cache",
        "__pycache__",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".hypothesis",
    }
    paths = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return [path.as_posix() for path in paths if not made.intersection(path.parts)]


@cache
def tree(module: Path) -> ast.Module:
    """Return the syntax tree of ``module``."""
    return ast.parse(module.read_text("utf-8"))


def name_of(module: Path) -> str:
    """Return the path below ``consumer/``, the way the tables above write it."""
    return module.relative_to(ROOT / "consumer").as_posix()


def called(module: Path) -> Iterator[str]:
    """Yield the last name of all that ``module`` calls: ``create_task`` of ``asyncio.create_task()``."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.func.attr
            elif isinstance(node.func, ast.Name):
                yield node.func.id


def imported(module: Path) -> Iterator[str]:
    """Yield the dotted name of everything that ``module`` imports."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def declared() -> list[Requirement]:
    """Return every dependency that pyproject.toml names, of the service and of its development."""
    groups = PYPROJECT["dependency-groups"].values()
    lines = [line for group in groups for line in group if isinstance(line, str)]
    return [Requirement(line) for line in (*PYPROJECT["project"]["dependencies"], *lines)]


def pins(name: str) -> dict[str, Version]:
    """Return the version of each package that ``requirements/<name>.txt`` pins."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)
    return {canonicalize_name(package): Version(version) for package, version in found}


def without_docstring(owner: Documented, name: str) -> Iterator[str]:
    """Yield the names of ``owner`` and of all public things in it that have no docstring."""
    if not ast.get_docstring(owner):
        yield name
    if isinstance(owner, ast.Module | ast.ClassDef):
        for node in owner.body:
            if (
                isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
                and node.name[0] != "_"
            ):
                yield from without_docstring(node, f"{name}:{node.name}")


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_pinned_with_hashes_and_names_no_place(name: str) -> None:
    """A pin without a hash, or one that says where to fetch from, would let a mirror choose the code."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    entries = re.split(r"^(?=\S)", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)[1:]
    assert entries
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links|--trusted-host", text) == []


def test_pins_are_what_pyproject_asks_for() -> None:
    """A lower bound above its pin would mean that the two files were not changed together."""
    pinned_anywhere = pins("image") | pins("dev")
    wrong = {str(wanted): pinned_anywhere.get(canonicalize_name(wanted.name)) for wanted in declared()}
    wrong = {
        wanted: pinned
        for wanted, pinned in wrong.items()
        if not pinned or pinned not in Requirement(wanted).specifier
    }
    assert wrong == {}


@pytest.mark.parametrize("name", ["runtime", "build"])
def test_development_runs_on_the_pins_of_the_service(name: str) -> None:
    """Tests prove something about the service only on the same versions."""
    dev = pins("dev")
    assert {package: dev.get(package) for package in pins(name)} == pins(name)


def test_build_backend_is_the_pinned_one() -> None:
    """The build runs without isolation, so what it needs must be in the build group."""
    assert PYPROJECT["build-system"]["requires"] == PYPROJECT["dependency-groups"]["build"]


def test_every_dependency_has_its_reason() -> None:
    """A dependency that nobody can give a reason for has no place here."""
    text = (ROOT / "docs" / "adr" / "0008-dependencies.md").read_text("utf-8")
    told = {
        canonicalize_name(name) for name in re.findall(r"^\| `([\w.-]+)(?:\[\w+\])?` \|", text, re.MULTILINE)
    }
    assert told == {canonicalize_name(wanted.name) for wanted in declared()}


def test_top_level_is_the_agreed_one() -> None:
    """Newcomers find every thing at its place, and nothing lies about."""
    found = {name.partition("/")[0] for name in tracked()}
    assert found == TOP_LEVEL


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    """The project builds anywhere: from any mirror, in any folder."""
    hits = {
        name: sorted(
            {match.group() for match in FOREIGN.finditer((ROOT / name).read_text("utf-8", errors="replace"))}
        )
        for name in tracked()
    }
    assert {name: found for name, found in hits.items() if found} == {}


def test_everything_public_has_a_docstring() -> None:
    """A reader learns what a thing promises without reading its body."""
    assert [name for module in MODULES for name in without_docstring(tree(module), name_of(module))] == []


def test_threads_and_tasks_start_in_four_files_only() -> None:
    """Concurrency is found where it is expected; the lab and the commands are not part of the service."""
    found = {
        name_of(module): starters
        for module in MODULES
        if not name_of(module).startswith(("lab/", "cli/"))
        and (starters := STARTERS.intersection(called(module)))
    }
    assert {name: starters for name, starters in found.items() if Path(name).stem not in MAY_START} == {}


def test_core_imports_nothing_impure() -> None:
    """The rule of the import linter, kept where the linter is not run; its list is the one used here."""
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    (forbidden,) = (
        contract["forbidden_modules"] for contract in contracts if contract["type"] == "forbidden"
    )
    impure = re.compile(rf"(?:{'|'.join(forbidden)}|urllib\.request)(?:\.|$)")
    core = [module for module in MODULES if name_of(module).startswith("core/")]
    assert core
    assert [
        (name_of(module), name) for module in core for name in imported(module) if impure.match(name)
    ] == []


def test_core_reads_no_clock_and_no_file() -> None:
    """Time and texts are handed in, so that a decision can be tested without a world around it."""
    core = [module for module in MODULES if name_of(module).startswith("core/")]
    found = {name_of(module): IMPURE.intersection(called(module)) for module in core}
    assert {name for name, impure in found.items() if impure} <= READS_PACKAGE_DATA
