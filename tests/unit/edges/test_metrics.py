"""What a scraper sees of what happened."""

import time
from collections.abc import Callable, Iterable
from itertools import product

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from consumer import __version__
from consumer.core.api.verdicts import FaultKind, HoldCause
from consumer.core.meaning.ecommerce import Rule
from consumer.core.meaning.intents import Action, DeadLetterReason, SkipReason
from consumer.core.operations.catalogue import CATALOGUE, PREFIX, MetricType
from consumer.core.outcomes import CommitResult, Outcome, RebalanceEvent, Settled
from consumer.core.records import Partition
from consumer.edges.metrics import Gauges, Metrics

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"


class Scraper:
    """Metrics of their own, and what a scrape of them shows."""

    def __init__(self, topics: Iterable[str] = ("t",)) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.metrics.watch_topics(topics)

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of one series, None if it does not exist."""
        return self.registry.get_sample_value(PREFIX + name, labels)

    def series(self) -> list[str]:
        """Return all lines that are series."""
        body, _ = self.metrics.exposition("")
        return [line for line in body.decode().splitlines() if not line.startswith("#")]


#: What is told, and which series it adds how much to.
TOLD: list[tuple[Callable[[Metrics], None], str, dict[str, str], float]] = [
    (lambda m: m.consumed("t", 7), "records_consumed_total", {"topic": "t"}, 7),
    (lambda m: m.released("t", 3), "records_released_total", {"topic": "t"}, 3),
    (
        lambda m: m.settled("t", Settled(Action.CAPTURE, Outcome.DELIVERED, status=201), 0.7),
        "records_settled_total",
        {"topic": "t", "action": "capture", "outcome": "delivered", "reason": "none"},
        1,
    ),
    (
        lambda m: m.settled("t", Settled(Action.NONE, Outcome.SKIPPED, SkipReason.KIND), None),
        "records_settled_total",
        {"topic": "t", "action": "none", "outcome": "skipped", "reason": "kind"},
        1,
    ),
    (
        lambda m: m.settled("t", Settled(Action.REMOVE, Outcome.DEAD_LETTERED, DeadLetterReason.REFUSED), 1),
        "records_settled_total",
        {"topic": "t", "action": "remove", "outcome": "dead_lettered", "reason": "refused"},
        1,
    ),
    (
        lambda m: m.settled("t", Settled(Action.CAPTURE, Outcome.DELIVERED), 70),
        "delivery_delay_seconds_sum",
        {"outcome": "delivered"},
        70,
    ),
    (
        lambda m: m.settled("t", Settled(Action.CAPTURE, Outcome.DELIVERED), -5),
        "delivery_delay_seconds_bucket",
        {"outcome": "delivered", "le": "0.1"},
        1,
    ),
    (
        lambda m: m.settled("t", Settled(Action.CAPTURE, Outcome.DELIVERED), None),
        "delivery_delay_seconds_count",
        {"outcome": "delivered"},
        0,
    ),
    (
        lambda m: m.call_ended(Action.CAPTURE, "201", 0.02),
        "calls_total",
        {"action": "capture", "status": "201"},
        1,
    ),
    (
        lambda m: m.call_ended(Action.REMOVE, FaultKind.TIMEOUT, 10),
        "calls_total",
        {"action": "remove", "status": "timeout"},
        1,
    ),
    (
        lambda m: m.call_ended(Action.CAPTURE, "201", 0.02),
        "call_duration_seconds_sum",
        {"action": "capture"},
        0.02,
    ),
    (lambda m: m.retried("502"), "retries_total", {"reason": "502"}, 1),
    (lambda m: m.retried("html"), "retries_total", {"reason": "html"}, 1),
    (lambda m: m.throttled(1.5), "throttled_seconds_total", {}, 1.5),
    (lambda m: m.erased(Outcome.DELIVERED), "erasures_total", {"outcome": "delivered"}, 1),
    (lambda m: m.rule_broken(Rule.R3), "event_data_invalid_total", {"rule": "R3"}, 1),
    (lambda m: m.attributes_dropped(2), "attributes_dropped_total", {}, 2),
    (lambda m: m.dead_letter_failed(), "dead_letter_failures_total", {}, 1),
    (lambda m: m.committed(CommitResult.REFUSED), "commits_total", {"result": "refused"}, 1),
    (lambda m: m.rebalanced(RebalanceEvent.LOST), "rebalances_total", {"event": "lost"}, 1),
]


@pytest.mark.parametrize(("tell", "name", "labels", "added"), TOLD)
def test_what_is_told_is_counted(
    tell: Callable[[Metrics], None], name: str, labels: dict[str, str], added: float
) -> None:
    """Each method adds to its own series."""
    scraper = Scraper()
    before = scraper.value(name, **labels) or 0
    tell(scraper.metrics)
    assert scraper.value(name, **labels) == before + added


def test_every_counter_is_told_of_by_a_method() -> None:
    """No metric of the catalogue is forgotten by the methods."""
    told = {
        name.removesuffix("_sum").removesuffix("_bucket").removesuffix("_count") for _, name, _, _ in TOLD
    }
    assert told == {spec.name for spec in CATALOGUE if spec.type is not MetricType.GAUGE}


def test_every_closed_combination_starts_at_zero() -> None:
    """A rate sees the first error, because its series was there before."""
    scraper = Scraper(topics=["a", "b"])
    for spec in CATALOGUE:
        topics = ["a", "b"] if spec.starts_with_topic else [None]
        for topic, values in product(topics, spec.start):
            labels = (topic, *values) if topic else values
            suffix = "_count" if spec.type is MetricType.HISTOGRAM else ""
            named = dict(zip(spec.label_names, labels, strict=True))
            expected = 1 if spec.name in {"auth_ok", "key_file_ok", "rates_file_ok"} else 0
            if spec.name == "rates_headroom_seconds":
                continue  # absent where rates have no date
            assert scraper.value(spec.name + suffix, **named) == expected, (spec.name, named)


def test_topics_are_announced_once_and_again() -> None:
    """A second announcement changes nothing of what was counted."""
    scraper = Scraper(topics=["a"])
    scraper.metrics.consumed("a", 5)
    scraper.metrics.watch_topics(["a", "b"])
    assert scraper.value("records_consumed_total", topic="a") == 5
    assert scraper.value("records_consumed_total", topic="b") == 0


@pytest.mark.parametrize("status", ["600", "99", "-1", "", "²00", "0200", "user-4711", "9" * 5000])
def test_a_status_that_no_answer_has_is_a_protocol_fault(status: str) -> None:
    """Nothing from outside makes series without end."""
    scraper = Scraper()
    before = len(scraper.series())
    scraper.metrics.call_ended(Action.CAPTURE, status, 0.1)
    scraper.metrics.retried(status)
    assert scraper.value("calls_total", action="capture", status="protocol") == 1
    assert scraper.value("retries_total", reason="protocol") == 1
    assert len(scraper.series()) == before


def holding(topics: int, partitions: int) -> Scraper:
    """Return a scraper that holds so many partitions, of so many topics with names as long as real ones."""
    names = [f"payments.events.production.v{number}" for number in range(topics)]
    scraper = Scraper(names)
    held = [Partition(names[number % topics], number // topics) for number in range(partitions)]
    scraper.metrics.observe(
        lambda: Gauges(
            freshness_seconds=1.23456789012,
            lag=dict.fromkeys(held, 123_456),
            uncommitted_age=dict.fromkeys(held, 1.23456789012),
            retention=dict.fromkeys(names, 604_800.0),
            retention_headroom=dict.fromkeys(held, 604_799.123456789),
        )
    )
    return scraper


@pytest.mark.parametrize(("topics", "partitions"), [(1, 1), (2, 12), (2, 100), (10, 12), (50, 100)])
def test_the_series_stay_within_the_budget(topics: int, partitions: int) -> None:
    """With odd statuses: fewer than 350, 35 more for each topic and 12 more for each partition."""
    scraper = holding(topics, partitions)
    for status in map(str, range(400, 420)):
        scraper.metrics.call_ended(Action.CAPTURE, status, 0.1)
        scraper.metrics.retried(status)
    assert len(scraper.series()) < 350 + 35 * topics + 12 * partitions
    assert len(scraper.series()) - 35 * topics - 3 * partitions < 300


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_a_scrape_is_small_and_cheap(accept: str) -> None:
    """A hundred partitions: less than 300 kB, and far less processor time than a scrape may take (50 ms).

    Processor time of the best of a few tries: what else runs on the machine does not count.
    """
    scraper = holding(2, 100)
    spent, body = [], b""
    for _ in range(5):
        begun = time.process_time()
        body, _ = scraper.metrics.exposition(accept)
        spent.append(time.process_time() - begun)
    assert len(body) < 300_000
    assert min(spent) < 0.05


def test_gauges_are_read_at_the_scrape_and_vanish_with_their_partition() -> None:
    """A partition that moved away shows in no series of its old owner."""
    scraper = Scraper()
    one, two = Partition("t", 1), Partition("t", 2)
    state = Gauges(
        lag={one: 5, two: 6},
        uncommitted_age={one: 0.5, two: 0.0},
        retention={"t": 3600.0},
        retention_headroom={one: 60.0},
        assigned_partitions=2,
    )
    scraper.metrics.observe(lambda: state)
    assert scraper.value("lag_records", topic="t", partition="1") == 5
    assert scraper.value("uncommitted_age_seconds", topic="t", partition="1") == 0.5
    assert scraper.value("retention_seconds", topic="t") == 3600
    assert scraper.value("retention_headroom_seconds", topic="t", partition="1") == 60
    assert scraper.value("retention_headroom_seconds", topic="t", partition="2") is None
    state = Gauges(lag={two: 9}, uncommitted_age={two: 0.0}, assigned_partitions=1)
    assert scraper.value("lag_records", topic="t", partition="1") is None
    assert scraper.value("uncommitted_age_seconds", topic="t", partition="1") is None
    assert scraper.value("retention_seconds", topic="t") is None
    assert scraper.value("retention_headroom_seconds", topic="t", partition="1") is None
    assert scraper.value("lag_records", topic="t", partition="2") == 9
    assert scraper.value("assigned_partitions") == 1


def test_every_gauge_shows_its_own_value() -> None:
    """Each field of the state is read by the gauge of its name, and by no other."""
    scraper = Scraper()
    state = Gauges(
        freshness_seconds=1.5,
        in_flight=2,
        queued=3,
        parked=4,
        rate_limit_per_second=5,
        holding=frozenset({HoldCause.CREDENTIALS}),
        auth_ok=False,
        key_file_ok=False,
        rates_file_ok=False,
        rates_headroom=9.5,
        assigned_partitions=6,
        topic_partitions=7,
        missing_topics=8,
    )
    scraper.metrics.observe(lambda: state)
    names = [
        "freshness_seconds", "in_flight", "queued", "parked", "rate_limit_per_second", "auth_ok",
        "key_file_ok", "rates_file_ok", "rates_headroom_seconds", "assigned_partitions",
        "topic_partitions", "missing_topics",
    ]  # fmt: skip
    assert [scraper.value(name) for name in names] == [1.5, 2, 3, 4, 5, 0, 0, 0, 9.5, 6, 7, 8]
    holds = {cause: scraper.value("holding", cause=cause) for cause in HoldCause}
    assert holds == {cause: float(cause is HoldCause.CREDENTIALS) for cause in HoldCause}


def test_build_info_names_what_runs() -> None:
    """The version of the service is in a label, and the value is 1."""
    scraper = Scraper()
    [line] = [line for line in scraper.series() if line.startswith(f"{PREFIX}build_info")]
    assert f'version="{__version__}"' in line
    assert 'confluent_kafka="2.' in line
    assert line.endswith(" 1.0")


def test_memory_and_processor_time_of_the_process_are_there() -> None:
    """The usual metrics of a process come along."""
    names = {line.partition(" ")[0] for line in Scraper().series()}
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total"} <= names


def test_openmetrics_is_given_to_who_prefers_it() -> None:
    """What Prometheus sends is answered in OpenMetrics, and its own parser reads it."""
    body, content_type = Scraper().metrics.exposition(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    names = {family.name for family in parse_openmetrics(body.decode())}  # type: ignore[no-untyped-call]  # upstream
    assert {spec.full_name.removesuffix("_total") for spec in CATALOGUE} <= names


@pytest.mark.parametrize("accept", ["", "*/*", "text/html", "text/plain", "application/openmetrics-text;q=x"])
def test_others_get_the_text_format(accept: str) -> None:
    """The format that everything reads is the fallback, without doubled series."""
    body, content_type = Scraper().metrics.exposition(accept)
    assert content_type.startswith("text/plain; version=0.0.4")
    assert list(parse_text(body.decode()))
    assert b"_created" not in body


def test_routes_that_skip_begin_with_the_topics_of_their_source() -> None:
    """A rate sees the first record that a route skips; topics of other sources have no such series."""
    scraper = Scraper(("orders", "canonical"))
    scraper.metrics.watch_skips("orders", ("in_tests",))
    labels = {"action": "none", "outcome": "skipped", "reason": "in_tests"}
    assert scraper.value("records_settled_total", topic="orders", **labels) == 0
    assert scraper.value("records_settled_total", topic="canonical", **labels) is None
