"""The dashboard keeps to its rules, each rule can be broken, and Prometheus and Grafana's models take it."""

import copy
import json
import re
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from monitoring.alerts import ALERTS
from monitoring.alerts.model import PREFIX
from monitoring.dashboard import queries, text
from tests.monitoring.lint import RULES, Json, panels, targets
from tests.support.tools import tool


@cache
def dashboard() -> Json:
    """Return the dashboard's JSON; not to be changed."""
    model: Json = json.loads(text())
    return model


def _panel(model: Json, **matches: str) -> Json:
    return next(one for one in panels(model) if all(one[name] == value for name, value in matches.items()))


def _expr(find: str, put: str) -> Callable[[Json], object]:
    """Return what replaces ``find`` in every query."""

    def change(model: Json) -> None:
        for _, target in targets(model):
            target["expr"] = target["expr"].replace(find, put)

    return change


def _variable(which: str, **changes: Any) -> Callable[[Json], object]:
    return lambda model: next(one for one in model["templating"]["list"] if one["name"] == which).update(
        changes
    )


def _first(**changes: Any) -> Callable[[Json], object]:
    return lambda model: panels(model)[0].update(changes)


def _default(name: str, value: object) -> Callable[[Json], object]:
    return lambda model: panels(model)[0]["fieldConfig"]["defaults"].update({name: value})


#: Ways to break each rule.
_BROKEN: Final[Mapping[str, tuple[Callable[[Json], object], ...]]] = {
    "source_is_chosen": (
        _variable("datasource", name="source"),
        _variable("job", datasource={"uid": "one"}),
        _first(datasource={"type": "prometheus", "uid": "mine"}),
    ),
    "release_is_chosen": (
        _variable("job", multi=False),
        _variable("instance", allValue=".*"),
        _variable("namespace", refresh=1),
        _variable("namespace", label="ns"),
    ),
    "layout_is_fixed": (
        lambda model: model.update(editable=True),
        lambda model: model.update(graphTooltip=0),
        lambda model: model.update(schemaVersion=16),
        lambda model: model.pop("uid"),
    ),
    "panels_explain_themselves": (_first(description=""), _default("unit", "payments"), _first(title="")),
    "titles_differ": (
        lambda model: panels(model)[1].update(title=panels(model)[0]["title"]),
        lambda model: panels(model)[1].update(id=panels(model)[0]["id"]),
    ),
    "panels_ask": (
        _first(targets=[]),
        lambda model: panels(model)[0]["targets"].append({"refId": "A", "expr": "1"}),
    ),
    "queries_are_of_the_release": (_expr('job=~"$job", ', ""), _expr('"$instance"', '"$pod"')),
    "stats_divide_by_something": (_expr(" > 0)", ")"),),
    "counters_are_rates": (_expr("rate(", "avg_over_time("), _expr("[$__range]", "")),
    "ranges_fit_the_scrape": (_expr("$__rate_interval", "5m"), _expr("$__range", "1h")),
    "moments_are_instant": (
        lambda model: _panel(model, type="stat")["targets"][0].update(instant=False),
        lambda model: _panel(model, type="timeseries")["targets"][0].update(instant=True),
    ),
    "no_data_is_not_zero": (
        _default("noValue", "0"),
        _expr("max(", "vector(0) or max("),
        _default("custom", {"spanNulls": True}),
    ),
    "quantiles_keep_their_buckets": (_expr("sum by (le) ", "sum "),),
    "lines_do_not_grow_with_pods": (
        _expr("max by (cause)", "max by (cause, instance)"),
        _expr("max(linkrunner", "(linkrunner"),
        lambda model: _panel(model, type="timeseries")["targets"][0].pop("legendFormat"),
    ),
    "panels_fit_their_grid": (
        lambda model: panels(model)[0]["gridPos"].update(x=22),
        lambda model: panels(model)[1]["gridPos"].update(panels(model)[0]["gridPos"]),
    ),
    "links_lead_to_runbooks": (
        lambda model: panels(model)[0]["links"][0].update(url="https://example.com"),
        lambda model: model["templating"]["list"].pop(),
    ),
    "events_are_marked": (
        lambda model: model["annotations"]["list"].pop(),
        lambda model: model["annotations"]["list"][0].update(enable=False),
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_rule_is_kept(name: str) -> None:
    """Every panel and every query keeps to the rule."""
    assert list(RULES[name](dashboard())) == []


@pytest.mark.parametrize(
    ("name", "number"), [(name, at) for name, ways in _BROKEN.items() for at in range(len(ways))]
)
def test_rule_can_be_broken(name: str, number: int) -> None:
    """A rule that nothing breaks proves nothing."""
    model = copy.deepcopy(dashboard())
    _BROKEN[name][number](model)
    assert list(RULES[name](model))


def test_every_rule_has_been_broken() -> None:
    """No rule is left out above."""
    assert _BROKEN.keys() == RULES.keys()


def test_every_alert_is_found_from_a_panel() -> None:
    """Whoever sees red in a panel gets to the runbook from there, and no link leads to nowhere."""
    linked = {link["url"] for panel in panels(dashboard()) for link in panel.get("links", [])}
    assert linked == {f"${{runbooks}}{PREFIX}{alert.name}.md" for alert in ALERTS}


def test_prometheus_can_read_every_query(tmp_path: Path) -> None:
    """Each query, its variables filled in, is an expression that Prometheus takes."""
    rules = [{"record": f"q{number}", "expr": expr} for number, (_, expr) in enumerate(queries())]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    command = [str(tool("promtool")), "check", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_queries_take_variables() -> None:
    """Whoever runs the queries without a Grafana chooses release and interval."""
    chosen = queries({"job": "payments/consumer", "__rate_interval": "30s", "__range": "10m"})
    assert len(chosen) == len(list(targets(dashboard())))
    assert not [expr for _, expr in chosen if "$" in expr]
    assert all('job=~"payments/consumer"' in expr for _, expr in chosen)
    assert {window for _, expr in chosen for window in ("[30s]", "[10m]", "[5m]") if window in expr} == {
        "[30s]",
        "[10m]",
    }


def _lost(mine: object, theirs: object, path: str = "") -> list[str]:
    """Return the paths of what is in ``mine`` and not in ``theirs``, which may have more."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        found = [_lost(value, theirs.get(name), f"{path}/{name}") for name, value in mine.items()]
        return [one for each in found for one in each]
    if isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        found = [_lost(*pair, f"{path}/{place}") for place, pair in enumerate(zip(mine, theirs, strict=True))]
        return [one for each in found for one in each]
    return [] if mine == theirs else [path]


def test_models_of_grafana_read_it_back() -> None:
    """Everything in the JSON is where Grafana looks for it; its models know no texts of annotations."""
    register_default_plugins()
    again = json.loads(json.dumps(Dashboard.from_json(copy.deepcopy(dashboard())), cls=JSONEncoder))
    texts = r"/annotations/list/\d/(?:titleFormat|textFormat|tagKeys|useValueForTime)"
    assert [path for path in _lost(dashboard(), again) if not re.fullmatch(texts, path)] == []
