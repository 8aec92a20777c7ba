"""What a panel of the dashboard is, as data, and how it becomes a panel of Grafana."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, TypeAlias

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from monitoring.alerts.model import PREFIX

#: Conditions that name the releases which are chosen at the top of the dashboard.
RELEASE: Final = 'namespace=~"$namespace", job=~"$job"'
#: The conditions of nearly every query: the release, and the instances of it that are chosen.
SELECTOR: Final = f'{RELEASE}, instance=~"$instance"'

#: The data source that is chosen at the top of the dashboard.
SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")

GREEN, YELLOW, RED, BLUE = "green", "orange", "red", "blue"

#: What a panel shows where Prometheus has nothing: neither 0 nor a gap that could be taken for it.
NO_DATA: Final = "no data"


#: Where the labels stand that say what a row of a table is.
_FIRST_COLUMNS: Final = {
    name: place
    for place, name in enumerate(("namespace", "job", "topic", "partition", "pod", "instance", "version"))
}

#: What Grafana calls the queries of a panel; none has more.
_LETTERS: Final = "ABCDEFGHIJ"


class Kind(Enum):
    """How a panel is drawn."""

    STAT = auto()
    """Numbers of now, one for each series."""
    LINES = auto()
    STACK = auto()
    """Lines on top of one another: parts of a whole."""
    HEATMAP = auto()
    """A histogram over time; its query sums buckets by ``le``."""
    STATES = auto()
    """What was true when, one row for each series."""
    TABLE = auto()
    """One row for each combination of the labels that all queries have; each query is a column."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question to Prometheus: PromQL with ``$selector`` in place of the conditions of all of them.

    ``$release`` is for what can be told of a whole release only, whichever of its instances are chosen.
    ``legend`` names its series, in a table its column; ``unit`` and ``steps`` are its own, in a table or
    where a panel has numbers of several kinds.
    """

    expr: str
    legend: str
    unit: str = ""
    steps: tuple[tuple[float, str], ...] = ()

    @property
    def filled(self) -> str:
        """The expression as Grafana gets it, with Grafana's variables in it."""
        return self.expr.replace("$selector", SELECTOR).replace("$release", RELEASE)


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel, ``width`` of 24 columns wide. ``unit`` is one of Grafana's.

    ``steps`` are values with the colour from there on; below the first it is ``base``. ``words`` are texts in
    place of values, with their colours. ``names`` are texts in place of legends, ``colours`` are theirs.
    ``alerts`` are those whose runbooks the panel links to, without prefix. The rows of a table are sorted by
    its first query, the largest first.
    """

    title: str
    description: str
    kind: Kind
    unit: str
    queries: tuple[Query, ...]
    width: int = 8
    height: int = 8
    decimals: int | None = None
    base: str = GREEN
    steps: tuple[tuple[float, str], ...] = ()
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)
    alerts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels below it."""

    title: str
    panels: tuple[Panel, ...]


_Builder: TypeAlias = stat.Panel | timeseries.Panel | heatmap.Panel | statetimeline.Panel | tables.Panel


def built(panel: Panel, number: int) -> _Builder:
    """Return the builder of ``panel`` with the id ``number``."""
    builder = _KINDS[panel.kind](panel)
    builder.id(number).title(panel.title).description(panel.description).datasource(SOURCE)
    builder.span(panel.width).height(panel.height).unit(panel.unit).no_value(NO_DATA)
    builder.thresholds(_thresholds(panel))
    if panel.decimals is not None:
        builder.decimals(panel.decimals)
    if panel.words:
        builder.mappings([_words(panel.words)])
    for legend, name in panel.names.items():
        builder.override_by_name(legend, [models.DynamicConfigValue("displayName", name)])
    for legend, colour in panel.colours.items():
        fixed = {"mode": "fixed", "fixedColor": colour}
        builder.override_by_name(legend, [models.DynamicConfigValue("color", fixed)])
    for query in panel.queries:
        if query.unit:
            builder.override_by_name(query.legend, [models.DynamicConfigValue("unit", query.unit)])
        if query.steps:
            steps = _absolute(panel.base, query.steps)
            builder.override_by_name(query.legend, [models.DynamicConfigValue("thresholds", steps)])
    builder.links([_runbook(alert) for alert in panel.alerts])
    for letter, query in zip(_LETTERS, panel.queries, strict=False):
        builder.with_target(_target(panel, letter, query))
    return builder


def _stat(panel: Panel) -> stat.Panel:
    several = len(panel.names) > 1
    return (
        stat.Panel()
        .graph_mode(looks.BigValueGraphMode.NONE)
        .color_mode(looks.BigValueColorMode.BACKGROUND if panel.words else looks.BigValueColorMode.VALUE)
        .text_mode(looks.BigValueTextMode.VALUE_AND_NAME if several else looks.BigValueTextMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_scheme(_by_threshold())
    )


def _lines(panel: Panel) -> timeseries.Panel:
    builder = (
        timeseries.Panel()
        .legend(
            common.VizLegendOptions()
            .display_mode(looks.LegendDisplayMode.LIST)
            .placement(looks.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(
            common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING)
        )
        .line_width(1)
        .fill_opacity(10)
        .show_points(looks.VisibilityMode.NEVER)
        .axis_soft_min(0)
    )
    if panel.steps:
        style = common.GraphThresholdsStyleConfig().mode(looks.GraphTresholdsStyleMode.DASHED)
        builder.thresholds_style(style)
    return builder


def _stack(panel: Panel) -> timeseries.Panel:
    stacking = common.StackingConfig().mode(looks.StackingMode.NORMAL).group("A")
    # Without lines: that of a series which is 0 would lie on top of the others, in its own colour.
    return _lines(panel).stacking(stacking).line_width(0).fill_opacity(70)


def _heatmap(panel: Panel) -> heatmap.Panel:
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(32)
    axis = heatmap.YAxisConfig().unit(panel.unit)
    return heatmap.Panel().calculate(False).color(colours).y_axis(axis).show_tooltip()


def _states(_: Panel) -> statetimeline.Panel:
    return (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(looks.VisibilityMode.NEVER)
        .row_height(0.8)
        .color_scheme(_by_threshold())
    )


def _table(panel: Panel) -> tables.Panel:
    letters = _LETTERS[: len(panel.queries)]
    renamed = {f"Value #{letter}": query.legend for letter, query in zip(letters, panel.queries, strict=True)}
    hidden = {"Time": True} | {f"Time {number}": True for number in range(1, len(letters) + 1)}
    tidied = {"excludeByName": hidden, "indexByName": _FIRST_COLUMNS, "renameByName": renamed}
    worst_first = {"sort": [{"field": panel.queries[0].legend, "desc": True}]}
    return (
        tables.Panel()
        .show_header(True)
        .with_transformation(models.DataTransformerConfig("merge", options={}))
        .with_transformation(models.DataTransformerConfig("organize", options=tidied))
        .with_transformation(models.DataTransformerConfig("sortBy", options=worst_first))
    )


_KINDS: Final[Mapping[Kind, Callable[[Panel], _Builder]]] = {
    Kind.STAT: _stat,
    Kind.LINES: _lines,
    Kind.STACK: _stack,
    Kind.HEATMAP: _heatmap,
    Kind.STATES: _states,
    Kind.TABLE: _table,
}


def _target(panel: Panel, letter: str, query: Query) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.filled).ref_id(letter).datasource(SOURCE)
    match panel.kind:
        case Kind.TABLE:
            return target.instant().format(PromQueryFormat.TABLE)
        case Kind.STAT:
            return target.instant().legend_format(query.legend)
        case Kind.HEATMAP:
            return target.range().format(PromQueryFormat.HEATMAP).legend_format("{{le}}")
        case Kind.LINES | Kind.STACK | Kind.STATES:
            return target.range().legend_format(query.legend)


def _absolute(base: str, steps: tuple[tuple[float, str], ...]) -> dict[str, object]:
    values: list[dict[str, object]] = [{"value": None, "color": base}]
    values += [{"value": at, "color": colour} for at, colour in steps]
    return {"mode": "absolute", "steps": values}


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    steps = [
        models.Threshold(None, panel.base),
        *(models.Threshold(at, colour) for at, colour in panel.steps),
    ]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _words(words: Mapping[str, tuple[str, str]]) -> models.ValueMap:
    return models.ValueMap(
        {
            value: models.ValueMappingResult(text=text, color=colour, index=place)
            for place, (value, (text, colour)) in enumerate(words.items())
        }
    )


def _by_threshold() -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)


def _runbook(alert: str) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(f"What to do: {alert}").type(models.DashboardLinkType.LINK)
    return link.url(f"${{runbooks}}{PREFIX}{alert}.md").target_blank(True)
