"""Series of a whole release: one that has nothing to do, and one that works while its pods come and go.

It reads two topics, and nothing comes into the second one.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from consumer.core.operations.catalogue import CATALOGUE, MetricSpec, MetricType
from tests.monitoring.promtool import Series, series

#: Gauges of an instance that has nothing to do; all other series are 0.
_AT_REST: Final = {
    "auth_ok": 1,
    "key_file_ok": 1,
    "rates_file_ok": 1,
    "rates_headroom_seconds": 432_000,
    "assigned_partitions": 3,
    "topic_partitions": 6,
    "rate_limit_per_second": 25,
    "build_info": 1,
    "retention_seconds": 604_800,
    "retention_headroom_seconds": 604_800,
}

#: What each instance holds: as many as :data:`_AT_REST` says.
_PARTITIONS: Final = (("payments", "0"), ("payments", "1"), ("invoices", "0"))
_TOPICS: Final = ("payments", "invoices")

#: What grows in an instance that delivers: per minute, by the conditions that a series has to meet.
_GROWTH: Final[tuple[tuple[str, Mapping[str, str], int], ...]] = (
    ("records_consumed_total", {"topic": "payments"}, 120),
    ("records_settled_total", {"topic": "payments", "action": "capture", "outcome": "delivered"}, 100),
    ("records_settled_total", {"topic": "payments", "action": "remove", "outcome": "delivered"}, 10),
    ("records_settled_total", {"topic": "payments", "outcome": "skipped", "reason": "status"}, 10),
    ("calls_total", {"status": "201"}, 110),
    ("call_duration_seconds_bucket", {}, 110),
    ("call_duration_seconds_count", {}, 110),
    ("delivery_delay_seconds_bucket", {"outcome": "delivered"}, 110),
    ("delivery_delay_seconds_count", {"outcome": "delivered"}, 110),
    ("commits_total", {"result": "ok"}, 60),
)


#: No series is unlike the others.
_AS_LIFE_GOES: Final[Mapping[tuple[str, str], str]] = {}


def instance(
    name: str, life: str, *, busy: bool = False, instead: Mapping[tuple[str, str], str] = _AS_LIFE_GOES
) -> Iterator[Series]:
    """Yield every series of one instance.

    ``life`` is promtool's notation with ``V`` for the value of a series and ``+G`` for its growth, such as
    ``V+Gx60``; both are filled in by what the series is. ``W`` is the value after five minutes of growth:
    that of an instance which has worked before it is scraped for the first time. ``instead`` has samples of
    single series, by metric and topic (empty for one without).
    """
    for metric, labels, value in _all_series():
        growth = _growth(metric, labels) if busy else 0
        samples = life.replace("V", str(value)).replace("W", str(value + 5 * growth))
        samples = samples.replace("G", str(growth))
        samples = instead.get((metric, labels.get("topic", "")), samples)
        yield series(metric, samples, instance=name, **labels)


def _growth(metric: str, labels: Mapping[str, str]) -> int:
    return next(
        (growth for name, wanted, growth in _GROWTH if name == metric and wanted.items() <= labels.items()), 0
    )


def _all_series() -> Iterator[tuple[str, dict[str, str], int]]:
    yield "process_start_time_seconds", {}, 1000
    for spec in CATALOGUE:
        for labels in _label_sets(spec):
            value = _AT_REST.get(spec.name, 0)
            if spec.type is MetricType.HISTOGRAM:
                for bound in (*(f"{bound}" for bound in spec.buckets), "+Inf"):
                    yield f"{spec.name}_bucket", labels | {"le": bound}, value
                yield f"{spec.name}_count", labels, value
            else:
                yield spec.name, labels, value


def _label_sets(spec: MetricSpec) -> Iterator[dict[str, str]]:
    if "partition" in spec.label_names:
        yield from ({"topic": topic, "partition": partition} for topic, partition in _PARTITIONS)
    elif spec.type is MetricType.GAUGE and spec.starts_with_topic:
        yield from ({"topic": topic} for topic in _TOPICS)
    elif spec.name == "build_info":
        yield {"version": "1.0.0", "python": "3.13.0", "confluent_kafka": "2.16.1"}
    else:
        closed = [label.name for label in spec.labels if label.name != "topic"]
        for topic in [{"topic": name} for name in _TOPICS] if spec.starts_with_topic else [{}]:
            for values in spec.start:
                yield topic | {name: str(value) for name, value in zip(closed, values, strict=True)}
