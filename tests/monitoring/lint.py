"""What a dashboard has to keep to: a table of rules over its JSON. Each returns what is wrong, as sentences.

Most are rules of Grafana's dashboard-linter (https://github.com/grafana/dashboard-linter); the others hold
what an on-call engineer relies on: no data is not 0, fifty pods are as readable as one, every panel leads on.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from grafana_foundation_sdk.models import units

from monitoring.promql import selectors

#: The dashboard's JSON, or a part of it.
Json: TypeAlias = dict[str, Any]
Rule: TypeAlias = Callable[[Json], Iterator[str]]

_SOURCE: Final = "${datasource}"
_COLUMNS: Final = 24
_UNITS: Final = frozenset(
    value for name, value in vars(units).items() if isinstance(value, str) and name[0] != "_"
)
_OLDEST_SCHEMA: Final = 38
_WITHIN_RATE: Final = frozenset({"rate", "irate", "increase"})
#: Kinds that show one moment.
_OF_NOW: Final = frozenset({"stat", "table"})
_CHOSEN: Final = ("namespace", "job", "instance")
#: What nobody owns can't be told of a part of the instances: the others would count as missing.
_OF_THE_RELEASE: Final = frozenset(
    {"Partitions without an owner", "Who holds how many partitions", "Error budgets left"}
)
#: What adds up the time shown.
_TOTALS: Final = frozenset({"increase", "changes", "last_over_time"})
#: What counts a new series from 0, where ``increase`` would not see what came before its first scrape.
_FROM_THE_START: Final = re.compile(
    r"\(max_over_time\((\w+\{[^}]*\})\[\$__range\]\) unless last_over_time\(\1\[1h\] offset \$__range\)\) > 0"
    r" or increase\(\1\[\$__range\]\)"
)
_RUNBOOK: Final = re.compile(r"^\$\{runbooks\}LinkrunnerConsumer\w+\.md$")


def panels(model: Json) -> list[Json]:
    """Return the panels that are no headings."""
    return [panel for panel in model["panels"] if panel["type"] != "row"]


def targets(model: Json) -> Iterator[tuple[Json, Json]]:
    """Yield each query with its panel."""
    for panel in panels(model):
        for target in panel.get("targets", []):
            yield panel, target


def source_is_chosen(model: Json) -> Iterator[str]:
    """There is one variable for the data source, and everything asks that one."""
    sources = [one for one in model["templating"]["list"] if one["type"] == "datasource"]
    if [(one["name"], one["label"], one["query"]) for one in sources] != [
        ("datasource", "Data source", "prometheus")
    ]:
        yield "the variable of the data source is not as it has to be"
    asked = [(panel["title"], panel) for panel in panels(model)]
    asked += [(panel["title"], target) for panel, target in targets(model)]
    asked += [(one["name"], one) for one in model["templating"]["list"] if one["type"] == "query"]
    asked += [(one["name"], one) for one in model["annotations"]["list"]]
    for name, one in asked:
        if (one.get("datasource") or {}).get("uid") != _SOURCE:
            yield f"{name}: does not ask the chosen data source"


def release_is_chosen(model: Json) -> Iterator[str]:
    """Namespace, job and instance are chosen at the top: several, or all."""
    known = {one["name"]: one for one in model["templating"]["list"]}
    for name, everything in (("namespace", ".*"), ("job", ".+"), ("instance", ".+")):
        one = known.get(name, {})
        if not (one.get("type") == "query" and one.get("multi") and one.get("includeAll")):
            yield f"{name}: is no query with several values"
        if one.get("allValue") != everything:
            yield f"{name}: all is not {everything}"
        if one.get("label") != name.title():
            yield f"{name}: has another label"
        if one.get("refresh") != 2:  # on a change of the time range
            yield f"{name}: is not read again when the time changes"


def layout_is_fixed(model: Json) -> Iterator[str]:
    """Nobody edits what is generated, and one crosshair goes through all panels."""
    if model["editable"]:
        yield "it can be edited"
    if model["graphTooltip"] != 1:
        yield "the crosshair is not shared"
    if model["schemaVersion"] < _OLDEST_SCHEMA:
        yield "the layout is too old"
    if not model.get("uid"):
        yield "it has no uid: each import would make another one"


def panels_explain_themselves(model: Json) -> Iterator[str]:
    """Every panel has a title, a sentence and a unit that Grafana knows."""
    for panel in panels(model):
        if not panel.get("title"):
            yield f"panel {panel['id']}: has no title"
        if not (panel.get("description") or "").endswith("."):
            yield f"{panel['title']}: has no description"
        if panel["fieldConfig"]["defaults"].get("unit") not in _UNITS:
            yield f"{panel['title']}: has no unit that Grafana knows"


def titles_differ(model: Json) -> Iterator[str]:
    """A runbook names a panel by row and title; ids are Grafana's own handle."""
    row, seen = "", set()
    for panel in model["panels"]:
        row = panel["title"] if panel["type"] == "row" else row
        if (row, panel["title"]) in seen or panel["id"] in seen:
            yield f"{panel['title']}: is there twice"
        seen |= {(row, panel["title"]), panel["id"]}


def panels_ask(model: Json) -> Iterator[str]:
    """A panel without a query is empty; two queries with one letter are one."""
    for panel in panels(model):
        letters = [target["refId"] for target in panel.get("targets", [])]
        if not letters or len(set(letters)) < len(letters):
            yield f"{panel['title']}: its queries are {letters}"


def queries_are_of_the_release(model: Json) -> Iterator[str]:
    """Every metric is asked for with the conditions that are chosen at the top."""
    for panel, target in targets(model):
        for selector in selectors(target["expr"]):
            has = {(one.label, one.operator, one.value) for one in selector.matchers}
            labels = ("namespace", "job") if panel["title"] in _OF_THE_RELEASE else _CHOSEN
            if has & {(name, "=~", f"${name}") for name in _CHOSEN} != {
                (name, "=~", f"${name}") for name in labels
            }:
                yield f"{panel['title']}: {selector.metric} without {', '.join(labels)}"


def counters_are_rates(model: Json) -> Iterator[str]:
    """A counter's own value means nothing: it begins anew with each process."""
    for panel, target in targets(model):
        for selector in selectors(_rates_only(target["expr"])):
            counts = selector.metric.endswith(("_total", "_bucket", "_sum", "_count"))
            if counts and not (selector.window and selector.function in _WITHIN_RATE):
                yield f"{panel['title']}: {selector.metric} is no rate"


def ranges_fit_the_scrape(model: Json) -> Iterator[str]:
    """Rates take the interval that fits resolution and scrape; totals of now take the whole time shown."""
    for panel, target in targets(model):
        for selector in selectors(_rates_only(target["expr"])):
            total = selector.function in _TOTALS and panel["type"] == "stat"
            if selector.window not in ({"$__range"} if total else {"", "$__rate_interval"}):
                yield f"{panel['title']}: {selector.metric}[{selector.window}]"


def stats_divide_by_something(model: Json) -> Iterator[str]:
    """Nothing by nothing is no share: a quiet time has no data, and is not red."""
    for panel, target in targets(model):
        divided = re.search(r"/ (?P<by>.*)", target["expr"])
        if panel["type"] == "stat" and divided and not re.search(r"\) > 0\)", divided["by"]):
            yield f"{panel['title']}: divides by what may be 0"


def _rates_only(expression: str) -> str:
    """Return ``expression`` with the increase alone where new series are counted from 0."""
    return _FROM_THE_START.sub(r"increase(\1[$__range])", expression)


def moments_are_instant(model: Json) -> Iterator[str]:
    """What shows one moment asks for one, and what shows time asks for time."""
    for panel, target in targets(model):
        if bool(target.get("instant")) != (panel["type"] in _OF_NOW):
            yield f"{panel['title']}: asks for the wrong span"


def no_data_is_not_zero(model: Json) -> Iterator[str]:
    """Nothing puts a 0 where nothing is known, and a panel says so in words."""
    for panel in panels(model):
        if panel["fieldConfig"]["defaults"].get("noValue") != "no data":
            yield f"{panel['title']}: does not say that there is no data"
        if panel["fieldConfig"]["defaults"].get("custom", {}).get("spanNulls"):
            yield f"{panel['title']}: draws over gaps"
    for panel, target in targets(model):
        if re.search(r"\bor\b|\bvector\b|\babsent", _rates_only(target["expr"])):
            yield f"{panel['title']}: puts something where there is no data"


def quantiles_keep_their_buckets(model: Json) -> Iterator[str]:
    """A quantile over buckets that were not summed by ``le`` is of one instance, not of all."""
    for panel, target in targets(model):
        buckets = any(one.metric.endswith("_bucket") for one in selectors(target["expr"]))
        if buckets and "sum by (le)" not in target["expr"]:
            yield f"{panel['title']}: its buckets are not summed by le"


def lines_do_not_grow_with_pods(model: Json) -> Iterator[str]:
    """Fifty pods or a hundred partitions are rows of a table, never as many lines; every line has a name."""
    for panel, target in targets(model):
        if panel["type"] == "table":
            continue
        if not target.get("legendFormat"):
            yield f"{panel['title']}: a series without a name"
        if not re.match(r"(?:sum|max|min|count|quantile|histogram_quantile)\b", target["expr"]):
            yield f"{panel['title']}: as many series as there are pods"
        if re.search(r"by \([^)]*(?:instance|pod|partition)", target["expr"]):
            yield f"{panel['title']}: a line for each pod or partition"


def panels_fit_their_grid(model: Json) -> Iterator[str]:
    """No panel hangs over the edge or lies on another one."""
    taken: dict[tuple[int, int], str] = {}
    for panel in model["panels"]:
        grid = panel["gridPos"]
        if grid["x"] + grid["w"] > _COLUMNS:
            yield f"{panel['title']}: hangs over the edge"
        for x in range(grid["x"], grid["x"] + grid["w"]):
            for y in range(grid["y"], grid["y"] + grid["h"]):
                if (other := taken.setdefault((x, y), panel["title"])) != panel["title"]:
                    yield f"{panel['title']}: lies on {other}"


def links_lead_to_runbooks(model: Json) -> Iterator[str]:
    """What a panel shows in red has a page that says what to do."""
    for panel in panels(model):
        for link in panel.get("links", []):
            if not _RUNBOOK.match(link["url"]) or not link["targetBlank"]:
                yield f"{panel['title']}: {link['url']}"
    if not any(one["name"] == "runbooks" and one["type"] == "textbox" for one in model["templating"]["list"]):
        yield "nothing says where the runbooks are"


def events_are_marked(model: Json) -> Iterator[str]:
    """Starts of instances and firing alerts are marked in every graph."""
    marks = {one["name"]: one for one in model["annotations"]["list"] if one["enable"]}
    for name, metric in (("Starts", "process_start_time_seconds"), ("Alerts", "ALERTS")):
        found = selectors(marks.get(name, {}).get("expr", ""))
        if metric not in {one.metric for one in found}:
            yield f"{name}: not marked"


RULES: Final[Mapping[str, Rule]] = {
    rule.__name__: rule
    for rule in (
        source_is_chosen,
        release_is_chosen,
        layout_is_fixed,
        panels_explain_themselves,
        titles_differ,
        panels_ask,
        queries_are_of_the_release,
        counters_are_rates,
        ranges_fit_the_scrape,
        stats_divide_by_something,
        moments_are_instant,
        no_data_is_not_zero,
        quantiles_keep_their_buckets,
        lines_do_not_grow_with_pods,
        panels_fit_their_grid,
        links_lead_to_runbooks,
        events_are_marked,
    )
}
