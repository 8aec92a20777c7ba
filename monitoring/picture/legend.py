"""Legends: names with their colours, as a list or as a table with figures about each series."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitoring.picture.canvas import Box, Canvas
from monitoring.picture.looks import text_of
from monitoring.picture.panels import Json
from monitoring.picture.theme import DIM, TEXT

_SIZE: Final = 7.5
_ROW: Final = 11.5
_DASH: Final = 8.0
_GAP: Final = 12.0
_FIGURE_WIDTH: Final = 52.0
_MOST_ROWS: Final = 4
#: A legend at the right takes no more of its panel than this.
_MOST_SHARE: Final = 0.45


@dataclass(frozen=True, slots=True)
class Entry:
    """One series in a legend."""

    name: str
    colour: str
    values: Sequence[float]
    looks: Json


def _known(values: Sequence[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


#: Figures by their names in ``calcs``, with the head of their column.
_CALCS: Final[Mapping[str, tuple[str, Callable[[list[float]], float]]]] = {
    "lastNotNull": ("Last", lambda known: known[-1]),
    "last": ("Last", lambda known: known[-1]),
    "max": ("Max", max),
    "min": ("Min", min),
    "mean": ("Mean", lambda known: sum(known) / len(known)),
    "sum": ("Total", sum),
}


def figure(name: str, values: Sequence[float]) -> float:
    """Return one figure about ``values``, not a number where there are none; KeyError for an unknown one."""
    calculate = _CALCS[name][1]
    known = _known(values)
    return calculate(known) if known else math.nan


def legend_height(canvas: Canvas, box: Box, options: Json, entries: Sequence[Entry]) -> float:
    """Return how high a legend below the plot is."""
    if options.get("displayMode") == "table":
        return _ROW * (min(len(entries), _MOST_ROWS) + 1) + 4
    return _ROW * len(_lines(canvas, box.width - 16, entries)) + 4


def legend_width(canvas: Canvas, box: Box, options: Json, entries: Sequence[Entry]) -> float:
    """Return how wide a legend beside the plot is."""
    names = max(canvas.width_of(entry.name, _SIZE) for entry in entries) + _DASH + _GAP
    figures = _FIGURE_WIDTH * len(options.get("calcs") or []) if options.get("displayMode") == "table" else 0
    return min(names + figures + 16, box.width * _MOST_SHARE)


def draw_legend(canvas: Canvas, box: Box, options: Json, entries: Sequence[Entry]) -> None:
    """Draw it into ``box``; what does not fit is counted in its last row."""
    if options.get("displayMode") == "table":
        _draw_table(canvas, box, options.get("calcs") or [], entries)
    elif options.get("placement") == "right":
        for number, entry in enumerate(entries[: int(box.height / _ROW)]):
            _draw_name(canvas, box.x, box.y + _ROW * (number + 0.5), entry, box.width)
    else:
        for number, line in enumerate(_lines(canvas, box.width, entries)):
            x = box.x
            for entry in line:
                _draw_name(canvas, x, box.y + _ROW * (number + 0.5), entry, box.width)
                x += _width(canvas, entry)


def _draw_table(canvas: Canvas, box: Box, calcs: Sequence[str], entries: Sequence[Entry]) -> None:
    names = box.width - _FIGURE_WIDTH * len(calcs)
    for column, calc in enumerate(calcs):
        x = box.x + names + _FIGURE_WIDTH * (column + 1)
        canvas.text(x, box.y + _ROW / 2, _CALCS[calc][0], _SIZE, DIM, align="right")
    rows = max(1, int(box.height / _ROW) - 1)
    for number, entry in enumerate(entries[:rows]):
        y = box.y + _ROW * (number + 1.5)
        hidden = len(entries) - rows + 1
        if number == rows - 1 and hidden > 1:
            canvas.text(box.x + _DASH + 4, y, f"and {hidden} more", _SIZE, DIM)
            return
        _draw_name(canvas, box.x, y, entry, names)
        for column, calc in enumerate(calcs):
            x = box.x + names + _FIGURE_WIDTH * (column + 1)
            canvas.text(x, y, text_of(figure(calc, entry.values), entry.looks), _SIZE, align="right")


def _draw_name(canvas: Canvas, x: float, y: float, entry: Entry, width: float) -> None:
    canvas.fill(Box(x, y - 1, _DASH, 2), entry.colour)
    canvas.text(x + _DASH + 4, y, canvas.shortened(entry.name, _SIZE, width - _DASH - 6), _SIZE, TEXT)


def _width(canvas: Canvas, entry: Entry) -> float:
    return canvas.width_of(entry.name, _SIZE) + _DASH + 4 + _GAP


def _lines(canvas: Canvas, width: float, entries: Sequence[Entry]) -> list[list[Entry]]:
    lines: list[list[Entry]] = [[]]
    used = 0.0
    for entry in entries:
        wide = _width(canvas, entry)
        if lines[-1] and used + wide - _GAP > width:
            lines.append([])
            used = 0.0
        lines[-1].append(entry)
        used += wide
    return lines[:_MOST_ROWS]
