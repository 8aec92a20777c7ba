"""Write what is made of the modules here, or with ``--check`` tell which files are not current (exit 1)."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import yaml

from monitoring import dashboard, index
from monitoring.alerts import chart_values, inhibit_rules

#: The project's folder.
ROOT: Final = Path(__file__).parent.parent

#: Where the chart keeps what it ships.
_FILES: Final = "helm/linkrunner-consumer/files"

_HEAD: Final = (
    "# Written by python -m monitoring.generate from monitoring/alerts; a change here does not last.\n"
)


def _alerts() -> str:
    return _HEAD + _yaml(chart_values())


def _inhibition() -> str:
    return _HEAD + _yaml({"inhibit_rules": inhibit_rules()})


def _yaml(value: Mapping[str, object]) -> str:
    # The YAML reader of Helm takes lines of any length; a folded expression is harder to compare.
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000)


#: Each file by its path in the project.
TEXTS: Final[Mapping[str, Callable[[], str]]] = {
    f"{_FILES}/alerts.yaml": _alerts,
    f"{_FILES}/dashboard.json": dashboard.text,
    f"{_FILES}/inhibit_rules.yaml": _inhibition,
    "docs/runbooks/README.md": index.page,
}


def stale(root: Path) -> list[str]:
    """Return the paths of the files under ``root`` that are missing or not what the modules say now."""
    return [path for path, text in TEXTS.items() if _text(root / path) != text()]


def write(root: Path) -> None:
    """Write all files under ``root``."""
    for path, text in TEXTS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text(), encoding="utf-8")


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 0, 1 with stale files, 2 for arguments that are none."""
    match arguments:
        case []:
            write(ROOT)
            return 0
        case ["--check"]:
            names = stale(ROOT)
            for name in names:
                sys.stderr.write(f"{name} is not current: run python -m monitoring.generate\n")
            return 1 if names else 0
        case _:
            sys.stderr.write("usage: python -m monitoring.generate [--check]\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
