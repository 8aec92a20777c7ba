"""Single numbers: the panel kind ``stat``."""

import math
from collections.abc import Sequence
from typing import Final

from monitoring.picture.canvas import Box, Canvas
from monitoring.picture.data import Line
from monitoring.picture.legend import figure
from monitoring.picture.looks import colour_of, text_of
from monitoring.picture.panels import Json, Panel
from monitoring.picture.theme import DIM, ON_COLOUR

_NAME: Final = 8.0
_LARGEST: Final = 30.0
_SMALLEST: Final = 8.0
#: Share of a stat's height that its little graph takes.
_GRAPH: Final = 0.42


def draw_stat(canvas: Canvas, box: Box, panel: Panel, lines: Sequence[Line], times: Sequence[float]) -> None:
    """Draw a ``stat`` panel: each series' figure, side by side, over a small graph where it has one."""
    if not lines:
        _draw_value(canvas, box, "", math.nan, panel.looks(""), "auto")
        return
    across = len(lines) == 1 or box.width >= box.height
    for number, line in enumerate(lines):
        share = (box.width if across else box.height) / len(lines)
        part = (
            Box(box.x + share * number, box.y, share, box.height)
            if across
            else Box(box.x, box.y + share * number, box.width, share)
        )
        looks = panel.looks(line.name, line.ref)
        value = reduced(panel, line)
        if panel.options.get("graphMode", "area") == "area":
            _draw_graph(canvas, part, line, times, colour_of(value, looks))
        shown = str(panel.options.get("textMode", "auto"))
        named = shown in {"name", "value_and_name"} or (shown == "auto" and len(lines) > 1)
        _draw_value(
            canvas, part, line.name if named else "", value, looks, str(panel.options.get("colorMode"))
        )


def reduced(panel: Panel, line: Line) -> float:
    """Return the one figure of a series that the panel's ``reduceOptions`` ask for."""
    calcs = (panel.options.get("reduceOptions") or {}).get("calcs") or ["lastNotNull"]
    return figure(str(calcs[0]), line.values)


def _draw_value(canvas: Canvas, box: Box, name: str, value: float, looks: Json, mode: str) -> None:
    text, colour, named = text_of(value, looks), colour_of(value, looks), DIM
    if mode.startswith("background"):
        canvas.fill(box.inside(1, 1, 1, 1), colour, 0.85)
        colour = named = ON_COLOUR
    size = min(_LARGEST, box.height * 0.5)
    while size > _SMALLEST and canvas.width_of(text, size, bold=True) > box.width - 12:
        size -= 0.5
    middle = box.y + box.height / 2 + (5 if name else 0)
    x = box.x + box.width / 2
    if name:
        short = canvas.shortened(name, _NAME, box.width - 6)
        canvas.text(x, middle - size / 2 - 6, short, _NAME, named, align="center")
    canvas.text(x, middle, text, size, colour, bold=True, align="center")


def _draw_graph(canvas: Canvas, box: Box, line: Line, times: Sequence[float], colour: str) -> None:
    known = [value for value in line.values if math.isfinite(value)]
    if not known or len(times) < 2:  # noqa: PLR2004  # a line has two ends
        return
    height = box.height * _GRAPH
    axes = canvas.axes(Box(box.x + 2, box.bottom - height - 1, box.width - 4, height))
    axes.axis("off")
    low, high = min(0.0, *known), max(known)
    axes.set_xlim(times[0], times[-1])
    axes.set_ylim(low, high * 1.1 if high > low else low + 1)
    axes.fill_between(times, low, line.values, color=colour, alpha=0.18, linewidth=0)
    axes.plot(times, line.values, color=colour, linewidth=0.7, alpha=0.7)
