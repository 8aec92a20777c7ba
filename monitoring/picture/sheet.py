"""The whole dashboard on one sheet: header, rows, panels at their places."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from monitoring.picture.canvas import Box, Canvas
from monitoring.picture.chart import draw_chart
from monitoring.picture.data import Mark, Reader
from monitoring.picture.figures import draw_stat
from monitoring.picture.panels import COLUMNS, Json, Panel, Place, panels
from monitoring.picture.states import draw_heatmap, draw_states
from monitoring.picture.tables import draw_table, rows_of
from monitoring.picture.theme import DIM, TEXT

WIDTH: Final = 960.0
_UNIT: Final = 23.0
_MARGIN: Final = 6.0
_HEADER: Final = 30.0
_TITLE: Final = 18.0
#: Long titles are written smaller, then shortened.
_TITLE_SIZES: Final = (9.0, 8.5, 8.0, 7.5, 7.0)


def draw(dashboard: Json, reader: Reader, caption: str, file: Path, rows: int | None = None) -> None:
    """Write the dashboard, or its first ``rows``, as a PNG; ``caption`` says what is seen.

    Raises KeyError for a kind of panel that is not known here.
    """
    every = _first(panels(dashboard), rows)
    height = max(panel.place.y + panel.place.height for panel in every)
    canvas = Canvas(WIDTH, _HEADER + height * _UNIT + _MARGIN)
    _draw_header(canvas, dashboard, reader, caption)
    marks = reader.marks(dashboard)
    for panel in every:
        _draw_panel(canvas, panel, reader, marks)
    canvas.save(file)


def _first(every: Sequence[Panel], rows: int | None) -> Sequence[Panel]:
    """Return the panels of the first ``rows`` rows, those before any row too."""
    headings = [panel.place.y for panel in every if panel.kind == "row"]
    if rows is None or rows >= len(headings):
        return every
    return [panel for panel in every if panel.place.y < headings[rows]]


def _draw_header(canvas: Canvas, dashboard: Json, reader: Reader, caption: str) -> None:
    title = str(dashboard["title"])
    canvas.text(_MARGIN + 4, _HEADER / 2, title, 13, TEXT, bold=True)
    canvas.text(_MARGIN + 16 + canvas.width_of(title, 13, bold=True), _HEADER / 2, caption, 10, DIM)
    start, end = (datetime.fromtimestamp(at, UTC) for at in (reader.span.start, reader.span.end))
    when = f"{start:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S} UTC"
    canvas.text(WIDTH - _MARGIN - 4, _HEADER / 2, when, 9, DIM, align="right")


def _draw_panel(canvas: Canvas, panel: Panel, reader: Reader, marks: Sequence[Mark]) -> None:
    box = _box(panel.place)
    if panel.kind == "row":
        canvas.text(box.x + 4, box.y + box.height / 2, panel.title, 10, TEXT, bold=True)
        canvas.rule(
            Box(box.x + 12 + canvas.width_of(panel.title, 10, bold=True), box.y + box.height / 2, 0, 0)
        )
        return
    canvas.panel(box)
    size = next(
        (one for one in _TITLE_SIZES if canvas.width_of(panel.title, one, bold=True) <= box.width - 12), 0
    )
    size = size or _TITLE_SIZES[-1]
    title = canvas.shortened(panel.title, size, box.width - 12, bold=True)
    canvas.text(box.x + 7, box.y + 10, title, size, TEXT, bold=True)
    inner = box.inside(0, _TITLE if panel.title else 2, 0, 2)
    match panel.kind:
        case "timeseries":
            draw_chart(canvas, inner, panel, reader.lines(panel), reader.times, marks)
        case "stat":
            draw_stat(canvas, inner, panel, reader.lines(panel), reader.times)
        case "state-timeline":
            draw_states(canvas, inner, panel, reader.lines(panel), reader.times)
        case "heatmap":
            draw_heatmap(canvas, inner, panel, reader.lines(panel), reader.times)
        case "table":
            rows = rows_of(panel, {target.ref: reader.now(target) for target in panel.targets})
            draw_table(canvas, inner, panel, rows)
        case other:
            raise KeyError(other)


def _box(place: Place) -> Box:
    column = (WIDTH - 2 * _MARGIN) / COLUMNS
    x = _MARGIN + place.x * column
    y = _HEADER + place.y * _UNIT
    return Box(x + 2, y + 2, place.width * column - 4, place.height * _UNIT - 4)


def step_of(start: float, end: float, points: int = 240) -> float:
    """Return a step for so many points, in whole seconds."""
    return float(max(1, math.ceil((end - start) / points)))
