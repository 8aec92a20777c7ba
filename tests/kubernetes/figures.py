"""What the scenarios measured: told at the end of the run, and on request written down for the docs."""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

#: Whether this run is to be written down.
RECORDING: Final = bool(os.environ.get("RECORD_KUBERNETES"))
FILE: Final = Path(__file__).parents[2] / "docs" / "kubernetes.json"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its unit; ``bound`` is what was promised of it, in words, empty for none."""

    what: str
    value: float
    unit: str
    bound: str = ""


class Figures:
    """Collects the figures of a run."""

    def __init__(self) -> None:
        self._all: Final[list[Figure]] = []

    def note(self, what: str, value: float, unit: str, bound: str = "") -> None:
        """Keep a figure."""
        self._all.append(Figure(what, round(value, 2), unit, bound))

    def table(self) -> str:
        """Return them as a table for people."""
        rows = [(f.what, f"{f.value:g} {f.unit}", f.bound) for f in self._all]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)] if rows else []
        return "\n".join(f"{what:<{widths[0]}}  {value:>{widths[1]}}  {bound}" for what, value, bound in rows)

    def write(self, file: Path = FILE) -> None:
        """Write them as JSON; nothing where there is none."""
        if self._all:
            text = json.dumps([asdict(figure) for figure in self._all], indent=1, ensure_ascii=False)
            file.write_text(text + "\n", encoding="utf-8")


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest of ``values`` that at least ``share`` of them don't exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]
