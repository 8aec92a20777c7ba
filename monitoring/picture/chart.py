"""Lines over time: the panel kind ``timeseries``, with its legend."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from monitoring.picture.canvas import Box, Canvas
from monitoring.picture.data import Line, Mark
from monitoring.picture.legend import Entry, draw_legend, legend_height, legend_width
from monitoring.picture.looks import series_colour, text_of, thresholds
from monitoring.picture.panels import Json, Panel
from monitoring.picture.theme import colour
from monitoring.picture.units import step_unit

_SIZE: Final = 7.5
_TIME_HEIGHT: Final = 16.0
_LINE_HEIGHT: Final = 24.0
_TICKS_APART: Final = 90.0
#: Room above the highest value, as a share.
_HEADROOM: Final = 0.08
#: Points of a line that the dashboard calls 1 wide.
_LINE_WIDTH: Final = 0.75
#: On which side of a point the line steps, by ``lineInterpolation``.
_STEPS: Final[Mapping[str, Literal["pre", "post"]]] = {"stepAfter": "post", "stepBefore": "pre"}
#: Steps between marks of the time axis, in seconds.
_TIME_STEPS: Final = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Curve:
    """A line with its looks; ``base`` is what it stands on where lines are stacked."""

    line: Line
    looks: Json
    colour: str
    base: Sequence[float]
    top: Sequence[float]


@dataclass(frozen=True, slots=True)
class Scale:
    """The vertical axis: its ends, and marks with their texts."""

    low: float
    high: float
    ticks: Sequence[float]
    labels: Sequence[str]


def draw_chart(
    canvas: Canvas,
    box: Box,
    panel: Panel,
    lines: Sequence[Line],
    times: Sequence[float],
    marks: Sequence[Mark],
) -> None:
    """Draw a ``timeseries`` panel into ``box``; ``marks`` are moments to be seen in it."""
    curves = _curves(panel, lines)
    entries = [Entry(curve.line.name, curve.colour, curve.line.values, curve.looks) for curve in curves]
    plot = _plot_box(canvas, box, panel.options.get("legend") or {}, entries)
    looks = curves[0].looks if curves else panel.looks("")
    scale = _scale(curves, looks, plot.height - _TIME_HEIGHT)
    room = max(canvas.width_of(label, _SIZE) for label in scale.labels) + 12
    inner = plot.inside(room, 4, 8, _TIME_HEIGHT)
    axes = canvas.axes(inner)
    mark_times(axes, times, inner.width)
    axes.set_ylim(scale.low, scale.high)
    axes.set_yticks(scale.ticks, scale.labels)
    for mark in marks:
        axes.axvline(mark.at, color=mark.colour, linewidth=0.7, linestyle=(0, (2, 2)), alpha=0.8)
    for curve in curves:
        _draw_curve(axes, curve, times)
    _draw_thresholds(axes, looks)


def mark_times(axes: Axes, times: Sequence[float], width: float) -> None:
    """Let the horizontal axis be ``times``, marked at whole minutes or the like, in UTC."""
    span = times[-1] - times[0]
    step = next((one for one in _TIME_STEPS if span / one * _TICKS_APART <= width), _TIME_STEPS[-1])
    first = math.ceil(times[0] / step) * step
    ticks = range(first, int(times[-1]) + 1, step)
    form = "%H:%M" if step % 60 == 0 else "%H:%M:%S"
    axes.set_xlim(times[0], times[-1])
    axes.tick_params(axis="x", pad=4)
    axes.set_xticks(ticks, [datetime.fromtimestamp(at, UTC).strftime(form) for at in ticks])


def _plot_box(canvas: Canvas, box: Box, options: Json, entries: Sequence[Entry]) -> Box:
    if not options.get("showLegend", True) or not entries:
        return box
    if options.get("placement") == "right":
        width = legend_width(canvas, box, options, entries)
        draw_legend(canvas, Box(box.right - width, box.y, width - 8, box.height), options, entries)
        return box.inside(0, 0, width, 0)
    height = legend_height(canvas, box, options, entries)
    draw_legend(canvas, Box(box.x + 8, box.bottom - height, box.width - 16, height), options, entries)
    return box.inside(0, 0, 0, height)


def _curves(panel: Panel, lines: Sequence[Line]) -> list[Curve]:
    stacks: dict[str, Sequence[float]] = {}
    curves = []
    for position, line in enumerate(lines):
        looks = panel.looks(line.name, line.ref)
        custom = looks["custom"]
        base: Sequence[float] = [0.0] * len(line.values)
        top: Sequence[float] = line.values
        stacking = custom.get("stacking") or {}
        if stacking.get("mode") == "normal":
            base = stacks.get(str(stacking.get("group")), base)
            top = [low + (0.0 if math.isnan(value) else value) for low, value in zip(base, top, strict=True)]
            stacks[str(stacking.get("group"))] = top
        curves.append(Curve(line, looks, series_colour(position, looks, line.last), base, top))
    return curves


def _draw_curve(axes: Axes, curve: Curve, times: Sequence[float]) -> None:
    custom = curve.looks["custom"]
    opacity = float(custom.get("fillOpacity") or 0) / 100
    step_side = _STEPS.get(custom.get("lineInterpolation", ""))
    if opacity:
        axes.fill_between(
            times, curve.base, curve.top, color=curve.colour, alpha=opacity, linewidth=0, step=step_side
        )
    width = _LINE_WIDTH * float(custom.get("lineWidth", 1))
    drawing = f"steps-{step_side}" if step_side else "default"
    axes.plot(times, curve.top, color=curve.colour, linewidth=width, drawstyle=drawing)


def _scale(curves: Sequence[Curve], looks: Json, height: float) -> Scale:
    tops = [value for curve in curves for value in curve.top if math.isfinite(value)] or [0.0]
    low, high = min(tops), max(tops)
    low = float(looks["min"]) if looks.get("min") is not None else min(low, 0.0)
    high = low + 1.0 if high <= low else high + (high - low) * _HEADROOM
    high = float(looks["max"]) if looks.get("max") is not None else high
    locator = MaxNLocator(nbins=max(2, int(height / _LINE_HEIGHT)))
    unit = step_unit(high, str(looks.get("unit") or ""))
    marks = [float(tick) * unit for tick in locator.tick_values(low / unit, high / unit)]
    ticks = [tick for tick in marks if low <= tick <= high]
    plain = {**looks, "mappings": []}
    return Scale(low, high, ticks, [text_of(tick, plain) for tick in ticks])


def _draw_thresholds(axes: Axes, looks: Json) -> None:
    mode = (looks["custom"].get("thresholdsStyle") or {}).get("mode", "off")
    low, high = axes.get_ylim()
    for level, name in thresholds(looks):
        if mode != "off" and low <= level <= high:
            style = "--" if "dashed" in mode else "-"
            axes.axhline(level, color=colour(name), linewidth=0.8, linestyle=style, alpha=0.8)
