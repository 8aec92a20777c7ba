"""What a panel shows: its queries asked, the answers on one grid of times, named as its legend says."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from monitoring.picture.expressions import Span, filled
from monitoring.picture.panels import Json, Panel, Target
from monitoring.picture.theme import colour
from monitoring.prometheus import Prometheus, Series

_LABEL: Final = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Line:
    """One series over the grid of times; not a number where there was nothing."""

    name: str
    ref: str
    labels: Mapping[str, str]
    values: Sequence[float]

    @property
    def last(self) -> float:
        """The newest value that there is, or not a number."""
        return next((value for value in reversed(self.values) if not math.isnan(value)), math.nan)


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment (seconds since the epoch) that the dashboard's annotations tell of, in its colour."""

    at: float
    colour: str


@dataclass(frozen=True, slots=True)
class Reader:
    """Asks ``server`` about ``span`` with these ``values`` of the dashboard's variables."""

    server: Prometheus
    values: Mapping[str, str]
    span: Span

    @property
    def times(self) -> list[float]:
        """The grid of times, in seconds since the epoch."""
        count = int((self.span.end - self.span.start) / self.span.step + 0.5)
        return [self.span.start + number * self.span.step for number in range(count + 1)]

    def lines(self, panel: Panel) -> list[Line]:
        """Return the series of all queries of a panel, over time; an instant query has the end alone."""
        return [line for target in panel.targets for line in self._lines(panel, target)]

    def now(self, target: Target) -> list[Series]:
        """Return what a query is at the end of the span."""
        return self.server.query(filled(target.expression, self.values, self.span), self.span.end)

    def _lines(self, panel: Panel, target: Target) -> list[Line]:
        found = self.now(target) if target.instant else self._over_time(target.expression)
        return [self._line(panel, target, series) for series in found]

    def marks(self, dashboard: Json) -> list[Mark]:
        """Return the moments at which the dashboard's annotations begin."""
        found: list[Mark] = []
        for annotation in dashboard["annotations"]["list"]:
            shade = colour(annotation["iconColor"])
            for series in self._over_time(annotation["expr"]):
                beginnings = _beginnings(
                    series, self.span.step, by_value=bool(annotation.get("useValueForTime"))
                )
                found.extend(Mark(at, shade) for at in beginnings)
        return [mark for mark in found if self.span.start < mark.at < self.span.end]

    def _over_time(self, expression: str) -> list[Series]:
        span = self.span
        asked = filled(expression, self.values, span)
        return self.server.query_range(asked, span.start, span.end, span.step)

    def _line(self, panel: Panel, target: Target, series: Series) -> Line:
        values = [math.nan] * len(self.times)
        for at, value in series.points:
            values[min(round((at - self.span.start) / self.span.step), len(values) - 1)] = value
        name = legend(target, series.labels)
        shown = str(panel.looks(name, target.ref).get("displayName") or name)
        return Line(shown, target.ref, series.labels, values)


def _beginnings(series: Series, step: float, *, by_value: bool) -> list[float]:
    """Return when a series begins, also again after a gap; or the times (in ms) that are its values."""
    if by_value:
        return sorted({value / 1000 for _, value in series.points})
    times = [at for at, _ in series.points]
    return [at for at, before in zip(times, [-math.inf, *times], strict=False) if at - before > 1.5 * step]


def legend(target: Target, labels: Mapping[str, str]) -> str:
    """Return a series' name: its ``legendFormat`` filled in, else its labels, else the query."""
    if target.legend and target.legend != "__auto":
        return _LABEL.sub(lambda found: labels.get(found[1], ""), target.legend)
    shown = {name: value for name, value in labels.items() if name != "__name__"}
    if len(shown) == 1:
        return next(iter(shown.values()))
    inner = ", ".join(f'{name}="{value}"' for name, value in shown.items())
    return f"{{{inner}}}" if inner else target.expression
