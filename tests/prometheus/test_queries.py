"""Every question of dashboard, rules and alerts has an answer, once everything has happened to a release."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from consumer.lab.samples import samples
from consumer.lab.story import CURRENCIES, FOREIGN
from monitoring.alerts import ALERTS, RECORDINGS
from monitoring.alerts.model import filled
from monitoring.dashboard import queries, text
from monitoring.picture import expressions
from monitoring.prometheus import Prometheus, QueryError
from tests.prometheus import faults
from tests.prometheus.bed import Bed
from tests.prometheus.conftest import BUSY
from tests.prometheus.evidence import answers, unknown
from tests.prometheus.faults import answering
from tests.prometheus.proof import SCALE
from tests.prometheus.release import Release, Setting
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(600)

SELECTOR: Final = f'namespace="{BUSY}"'
VARIABLES: Final = {"namespace": BUSY, "job": f"{BUSY}/.+", "instance": ".+"}
QUERIES: Final = queries({**VARIABLES, "__rate_interval": "15s", "__range": "5m"})
MODEL: Final[Any] = json.loads(text())

#: Every way of failing that a call has, and calls that succeed between them.
WEATHER: Final = (
    "seed=3; 429 share=3%; 500 share=3%; 503 share=3%; 200 html share=2%; reset share=2%; hang share=1%; "
    "garbage share=2%; 422 share=2%"
)
#: What must have happened; each is true once it has. The release itself is put in.
HAPPENED: Final = (
    'sum(linkrunner_consumer_records_settled_total{S, outcome="delivered", action="capture"}) > 200',
    'sum(linkrunner_consumer_records_settled_total{S, outcome="delivered", action="remove"}) > 0',
    'sum(linkrunner_consumer_records_settled_total{S, outcome="nothing_to_remove"}) > 0',
    'sum(linkrunner_consumer_records_settled_total{S, outcome="skipped"}) > 0',
    'sum(linkrunner_consumer_records_settled_total{S, reason="undecodable"}) > 0',
    'sum(linkrunner_consumer_records_settled_total{S, reason="refused"}) > 0',
    'sum(linkrunner_consumer_retries_total{S, reason="429"}) > 0',
    'sum(linkrunner_consumer_retries_total{S, reason="500"}) > 0',
    'sum(linkrunner_consumer_retries_total{S, reason="timeout"}) > 0',
    'sum(linkrunner_consumer_retries_total{S, reason="html"}) > 0',
    'max(max_over_time(linkrunner_consumer_holding{S, cause="credentials"}[10m])) == 1',
    'sum(max_over_time(linkrunner_consumer_rebalances_total{S, event="revoked"}[10m])) > 0',
    "count(linkrunner_consumer_build_info{S}) == 2",
)


def rates_file(folder: Path) -> Path:
    """Write dated rates of every currency in the samples: without dates nothing could grow too old."""
    file = folder / "rates.csv"
    codes = (*CURRENCIES, FOREIGN)
    rows = [f"{day},{code},2\n" for day in ("2026-02-27", "2026-11-01") for code in codes if code != "INR"]
    file.write_text("date,currency,rate\n" + "".join(rows), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def server(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Give a Prometheus that has seen everything happen to the release ``busy``."""
    story = samples(1_000_000, seed=5)
    rates = {"source": "file", "base": "INR", "path": str(rates_file(tmp_path_factory.mktemp("rates")))}
    over = {
        "linkrunner": {"timeout_seconds": 1},
        "currency": {"accept": None, "reporting": "INR", "rates": {**rates, "max_age_days": 366}},
    }
    setting = Setting(pods=2, rate=30.0, make=lambda _: next(story), over=over)
    with closing(Release(bed, BUSY, setting)) as release:
        release.start()
        with faults.key_revoked(release):
            condition = f'max(linkrunner_consumer_holding{{{SELECTOR}, cause="credentials"}}) == 1'
            eventually(lambda: bed.server.query(condition), 60, condition)
        release.start_pod().wait_ready()
        release.end_pod(release.pods[0])
        with answering(WEATHER)(release):
            for happened in HAPPENED:
                condition = happened.replace("{S", f"{{{SELECTOR}")
                eventually(lambda: bed.server.query(condition), 120, condition, every=0.5)  # noqa: B023  # used here
            yield bed.server


@pytest.mark.parametrize(
    ("title", "expression"), QUERIES, ids=[f"{title}-{number}" for number, (title, _) in enumerate(QUERIES)]
)
def test_every_query_of_the_dashboard_returns_data(server: Prometheus, title: str, expression: str) -> None:
    """No panel is empty on a service that works, and none asks for a metric or label that is not there."""
    assert unknown(server, expression) == [], title
    eventually(lambda: answers(server, expression), 20, f"{title}: {expression}", every=0.5)


@pytest.mark.parametrize("rule", RECORDINGS, ids=lambda rule: rule.record)
def test_every_recording_rule_returns_data(server: Prometheus, rule: Any) -> None:
    """What alerts and dashboards read from a recorded series is there."""
    eventually(lambda: answers(server, f"{rule.record}{{{SELECTOR}}}"), 20, rule.record, every=0.5)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_asks_for_what_is_there(server: Prometheus, alert: Any) -> None:
    """An alert on a metric or label that does not exist never fires."""
    threshold = alert.threshold.scaled(SCALE) if alert.threshold else None
    assert unknown(server, filled(alert.expr, SELECTOR, threshold, SCALE)) == []


@pytest.mark.parametrize("annotation", MODEL["annotations"]["list"], ids=lambda one: one["name"])
def test_every_annotation_returns_data(server: Prometheus, annotation: Any) -> None:
    """Starts and alerts are drawn into the panels: both have happened."""
    span = expressions.Span(0, 300, 1, 1)
    expression = expressions.filled(annotation["expr"], VARIABLES, span)
    assert answers(server, f"count_over_time(({expression})[10m:1s])")


@pytest.mark.parametrize(
    "variable",
    [one for one in MODEL["templating"]["list"] if one["type"] == "query"],
    ids=lambda one: one["name"],
)
def test_every_variable_has_values(server: Prometheus, variable: Any) -> None:
    """The lists at the top of the dashboard are not empty."""
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
    assert found
    selector = expressions.filled(found[1], VARIABLES, expressions.Span(0, 300, 1, 1))
    assert [series for series in server.query(selector) if series.labels.get(found[2])]


def test_rules_are_evaluated_without_an_error(server: Prometheus) -> None:
    """Prometheus has no complaint about any rule."""
    assert {rule["name"]: rule.get("lastError") for rule in server.rules() if rule["health"] != "ok"} == {}


def test_a_query_that_is_none_is_refused(server: Prometheus) -> None:
    """What Prometheus can't read is an error that names it, not an empty result."""
    with pytest.raises(QueryError, match=r"sum\(: .+parse error"):
        server.query("sum(")


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        (
            "sum(rate(linkrunner_consumer_nothing_total[1m])) or vector(0)",
            ["linkrunner_consumer_nothing_total"],
        ),
        (f'absent(linkrunner_consumer_queued{{{SELECTOR}, pot="a"}})', ['pot="a"']),
        (f"sum by (user_id) (linkrunner_consumer_queued{{{SELECTOR}}})", ["user_id"]),
    ],
)
def test_an_unknown_metric_or_label_is_found(server: Prometheus, expression: str, what: list[str]) -> None:
    """The proof can fail: a mistake shows although the expression itself has a result."""
    assert server.query(expression)
    (missing,) = unknown(server, expression)
    assert what[0] in missing
