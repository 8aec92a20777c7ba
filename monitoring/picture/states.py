"""States over time: the panel kind ``state-timeline``; and counts by bucket: ``heatmap``."""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from monitoring.picture.canvas import Box, Canvas
from monitoring.picture.chart import mark_times
from monitoring.picture.data import Line
from monitoring.picture.looks import colour_of, text_of
from monitoring.picture.panels import Panel
from monitoring.picture.theme import DIM, ON_COLOUR, PANEL
from monitoring.picture.units import written

_NAME: Final = 8.0
_TIME_HEIGHT: Final = 14.0
_LABEL_SHARE: Final = 0.3
_LEAST_TEXT_WIDTH: Final = 24.0
#: From no observation to the most in one cell of a heatmap.
_HEAT: Final = "Blues_r"


def draw_states(
    canvas: Canvas, box: Box, panel: Panel, lines: Sequence[Line], times: Sequence[float]
) -> None:
    """Draw a ``state-timeline`` panel: a row for each series, its value as a colour."""
    names = [canvas.shortened(line.name, _NAME, box.width * _LABEL_SHARE) for line in lines]
    label = max((canvas.width_of(name, _NAME) for name in names), default=0.0) + 14
    inner = box.inside(label, 2, 8, _TIME_HEIGHT)
    axes = canvas.axes(inner)
    axes.grid(visible=False)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    mark_times(axes, times, inner.width)
    row = inner.height / max(len(lines), 1)
    for number, line in enumerate(lines):
        y = inner.y + row * number
        canvas.text(inner.x - 6, y + row / 2, names[number], _NAME, DIM, align="right")
        _draw_row(canvas, Box(inner.x, y + row * 0.12, inner.width, row * 0.76), panel, line)


def draw_heatmap(
    canvas: Canvas, box: Box, panel: Panel, lines: Sequence[Line], times: Sequence[float]
) -> None:
    """Draw a ``heatmap`` panel of a histogram's buckets, whose series are cumulative and have ``le``."""
    buckets = sorted(lines, key=lambda line: float(line.labels["le"]))
    inner = box.inside(48, 4, 8, _TIME_HEIGHT)
    axes = canvas.axes(inner)
    mark_times(axes, times, inner.width)
    if not buckets:
        axes.set_yticks([])
        return
    cells = _counted(buckets)
    step = (times[-1] - times[0]) / max(len(times) - 1, 1)
    edges = [*(at - step / 2 for at in times), times[-1] + step / 2]
    axes.pcolormesh(edges, range(len(cells) + 1), cells, cmap=_HEAT, rasterized=True)
    unit = str((panel.options.get("yAxis") or {}).get("unit") or panel.field.get("unit") or "")
    labels = [written(float(line.labels["le"]), unit) for line in buckets]
    shown = max(1, math.ceil(len(labels) / (inner.height / 12)))
    ticks = range(0, len(labels), shown)
    axes.set_yticks([tick + 1 for tick in ticks], [labels[tick] for tick in ticks])
    axes.set_xlim(times[0], times[-1])


def _counted(buckets: Sequence[Line]) -> list[list[float]]:
    """Return the counts of each bucket alone; not a number where it has none, so that nothing is drawn."""
    cells = []
    below: Sequence[float] = [0.0] * len(buckets[0].values)
    for line in buckets:
        counts = [value - less for value, less in zip(line.values, below, strict=True)]
        cells.append([count if count > 0 else math.nan for count in counts])
        below = line.values
    return cells


def _draw_row(canvas: Canvas, box: Box, panel: Panel, line: Line) -> None:
    looks = panel.looks(line.name, line.ref)
    cell = box.width / len(line.values)
    x = box.x
    for text, values in groupby(line.values, lambda value: text_of(value, looks)):
        same = list(values)
        width = cell * len(same)
        known = not math.isnan(same[0])
        canvas.fill(Box(x, box.y, width, box.height), colour_of(same[0], looks) if known else PANEL, 0.85)
        if known and panel.options.get("showValue") != "never" and width > _LEAST_TEXT_WIDTH:
            canvas.text(
                x + 4, box.y + box.height / 2, canvas.shortened(text, _NAME, width - 8), _NAME, ON_COLOUR
            )
        x += width
