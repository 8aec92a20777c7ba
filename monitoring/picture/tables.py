"""Rows and columns: the panel kind ``table``, with the transformations that put its queries together."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from monitoring.picture.canvas import Box, Canvas
from monitoring.picture.looks import colour_of, text_of
from monitoring.picture.panels import Json, Panel
from monitoring.picture.theme import DIM, ON_COLOUR, TEXT
from monitoring.prometheus import Series

#: A row: what stands in each column, a number or a text.
Row: TypeAlias = dict[str, float | str]
Rows: TypeAlias = list[Row]

_SIZE: Final = 8.0
_ROW: Final = 15.0
_NUMBERS: Final = "Value #"


def rows_of(panel: Panel, answers: Mapping[str, Sequence[Series]]) -> Rows:
    """Return the rows of a table: all queries, by their letters, put together as its transformations say."""
    rows: Rows = [
        {**series.labels, f"{_NUMBERS}{ref}": series.last}
        for ref, answer in answers.items()
        for series in answer
    ]
    if len(answers) == 1:
        (ref,) = answers
        rows = [_renamed(row, {f"{_NUMBERS}{ref}": "Value"}) for row in rows]
    for transformation in panel.transformations:
        rows = _TRANSFORMATIONS[transformation["id"]](rows, transformation.get("options") or {})
    return rows


def draw_table(canvas: Canvas, box: Box, panel: Panel, rows: Rows) -> None:
    """Draw a ``table`` panel; rows that do not fit are counted."""
    columns = [
        name for name in dict.fromkeys(name for row in rows for name in row) if not _hidden(panel, name)
    ]
    if not columns:
        canvas.text(box.x + 8, box.y + _ROW / 2, "no data", _SIZE, DIM)
        return
    inner = box.inside(8, 0, 8, 4)
    widths = _widths(panel, columns, inner.width)
    _draw_head(canvas, inner, columns, widths, rows)
    fits = int(inner.height / _ROW) - 1
    for number, row in enumerate(rows[:fits]):
        y = inner.y + _ROW * (number + 1)
        canvas.rule(Box(inner.x, y, inner.width, _ROW))
        x = inner.x
        for name, width in zip(columns, widths, strict=True):
            _draw_cell(canvas, Box(x, y, width, _ROW), panel.looks(name), row.get(name, math.nan))
            x += width
    if len(rows) > fits:
        canvas.text(inner.right, box.bottom - 5, f"and {len(rows) - fits} more", _SIZE, DIM, align="right")


def _draw_head(canvas: Canvas, box: Box, columns: Sequence[str], widths: Sequence[float], rows: Rows) -> None:
    x = box.x
    for name, width in zip(columns, widths, strict=True):
        number = isinstance(rows[0].get(name), float)
        at = x + width - 6 if number else x
        short = canvas.shortened(name, _SIZE, width - 4, bold=True)
        canvas.text(at, box.y + _ROW / 2, short, _SIZE, DIM, bold=True, align="right" if number else "left")
        x += width


def _draw_cell(canvas: Canvas, box: Box, looks: Json, value: float | str) -> None:
    if isinstance(value, str):
        canvas.text(box.x, box.y + _ROW / 2, canvas.shortened(value, _SIZE, box.width - 4), _SIZE, TEXT)
        return
    kind = str((looks["custom"].get("cellOptions") or {}).get("type", "auto"))
    coloured = colour_of(value, looks) if kind.startswith("color") else TEXT
    if kind == "color-background":
        canvas.fill(box.inside(2, 1, 2, 1), coloured, 0.8)
        coloured = ON_COLOUR
    canvas.text(box.right - 6, box.y + _ROW / 2, text_of(value, looks), _SIZE, coloured, align="right")


def _widths(panel: Panel, columns: Sequence[str], whole: float) -> list[float]:
    """Return the columns' widths: those that are set keep their share, the others divide the rest."""
    wanted = [panel.looks(name)["custom"].get("width") for name in columns]
    free = wanted.count(None)
    # Grafana's widths are of a screen some twice as wide as this sheet
    fixed = [None if width is None else float(width) * 0.55 for width in wanted]
    rest = max(whole - sum(width for width in fixed if width), 60.0 * free)
    scale = whole / (rest * bool(free) + sum(width for width in fixed if width))
    return [scale * (rest / free if width is None else width) for width in fixed]


def _hidden(panel: Panel, name: str) -> bool:
    return name == "Time" or bool(panel.looks(name)["custom"].get("hidden"))


def _renamed(row: Row, names: Mapping[str, str]) -> Row:
    return {names.get(name) or name: value for name, value in row.items()}


def _merge(rows: Rows, _: Json) -> Rows:
    """Put rows together that agree in the labels which all of them have."""
    labels = [{name for name in row if not name.startswith("Value")} for row in rows]
    common = sorted(set.intersection(*labels)) if labels else []
    together: dict[tuple[float | str, ...], Row] = {}
    for row in rows:
        key = tuple(row[name] for name in common)
        together.setdefault(key, {}).update(row)
    return list(together.values())


def _join(rows: Rows, options: Json) -> Rows:
    """Put rows together that agree in one column."""
    field = options["byField"]
    together: dict[float | str, Row] = {}
    for row in rows:
        if field in row:
            together.setdefault(row[field], {}).update(row)
    return list(together.values())


def _organize(rows: Rows, options: Json) -> Rows:
    """Leave columns out, order them, and give them other names."""
    left_out = {name for name, out in (options.get("excludeByName") or {}).items() if out}
    order = options.get("indexByName") or {}
    names = options.get("renameByName") or {}
    known = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in left_out]
    known = sorted(known, key=lambda name: order.get(name, len(order)))
    return [_renamed({name: row[name] for name in known if name in row}, names) for row in rows]


def _sort(rows: Rows, options: Json) -> Rows:
    (by,) = options["sort"]
    return sorted(
        rows, key=lambda row: (by["field"] in row, row.get(by["field"], 0)), reverse=bool(by.get("desc"))
    )


#: What a table may do with its rows, by Grafana's names.
_TRANSFORMATIONS: Final[Mapping[str, Callable[[Rows, Json], Rows]]] = {
    "merge": _merge,
    "joinByField": _join,
    "organize": _organize,
    "sortBy": _sort,
}
