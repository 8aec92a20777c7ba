"""Write the generated pages, or with ``--check`` tell which of them are not current (exit 1)."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from docs.pages import configuration, faults, incidents, kubernetes, logs, metrics

#: Each page by its file name in this folder.
PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "configuration.md": configuration.page,
    "metrics.md": metrics.page,
    "logs.md": logs.page,
    # Made of records, which a run on a real Prometheus, with an API that fails, or on Kubernetes writes.
    "incidents.md": incidents.page,
    "faults.md": faults.page,
    "kubernetes-figures.md": kubernetes.page,
}


def stale(folder: Path) -> list[str]:
    """Return the names of the pages in ``folder`` that are missing or not what the code says now."""
    return [name for name, page in PAGES.items() if _text(folder / name) != page()]


def write(folder: Path) -> None:
    """Write all pages into ``folder``."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 0, 1 with stale pages, 2 for arguments that are none."""
    folder = Path(__file__).parent
    match arguments:
        case []:
            write(folder)
            return 0
        case ["--check"]:
            names = stale(folder)
            for name in names:
                sys.stderr.write(f"docs/{name} is not current: run make docs\n")
            return 1 if names else 0
        case _:
            sys.stderr.write("usage: python -m docs.generate [--check]\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
