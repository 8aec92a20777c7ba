"""Write the chart's generated files, or with ``--check`` tell which of them are not current (exit 1)."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from helm.options import read
from helm.readme import readme
from helm.schema import schema

CHART: Final = Path(__file__).parent / "linkrunner-consumer"
#: The part of the README that is written by hand.
TEXT: Final = Path(__file__).parent / "README.in.md"


def files() -> Mapping[str, str]:
    """Return what the generated files have to hold, by their names in the chart."""
    options = read((CHART / "values.yaml").read_text(encoding="utf-8"))
    return {
        "README.md": readme(TEXT.read_text(encoding="utf-8"), options),
        "values.schema.json": json.dumps(schema(options), indent=2, ensure_ascii=False) + "\n",
    }


def stale(chart: Path) -> list[str]:
    """Return the names of the generated files in ``chart`` that are missing or not current."""
    return [name for name, text in files().items() if _text(chart / name) != text]


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 0, 1 with stale files, 2 for arguments that are none."""
    match arguments:
        case []:
            for name, text in files().items():
                (CHART / name).write_text(text, encoding="utf-8")
            return 0
        case ["--check"]:
            names = stale(CHART)
            for name in names:
                sys.stderr.write(f"helm/{CHART.name}/{name} is not current: run python -m helm.generate\n")
            return 1 if names else 0
        case _:
            sys.stderr.write("usage: python -m helm.generate [--check]\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
