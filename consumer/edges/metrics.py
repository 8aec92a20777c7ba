"""What Prometheus sees: the catalogue made into metrics, and one method for each thing that happens.

Counters and histograms are told of events. Gauges are read when somebody scrapes, from one :class:`Gauges`
value, so they are never stale and the series of a partition vanish with its assignment.
"""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Final, TypeAlias

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics import exposition as openmetrics

from consumer import __version__
from consumer.core.api.verdicts import FaultKind, HoldCause
from consumer.core.meaning.ecommerce import Rule
from consumer.core.meaning.intents import Action
from consumer.core.operations.catalogue import CATALOGUE, MetricSpec, MetricType, skipped_by_route
from consumer.core.operations.negotiation import preferred
from consumer.core.outcomes import CommitResult, Outcome, RebalanceEvent, Settled
from consumer.core.records import Partition

_PLAIN: Final = "text/plain"
_OPENMETRICS: Final = "application/openmetrics-text"


@dataclass(frozen=True, slots=True)
class Gauges:
    """The state of the service at one moment. The defaults are a service that has not begun.

    ``freshness_seconds`` is the age of the oldest unsettled record of the held partitions, 0 without one.
    ``lag``, ``uncommitted_age`` and ``retention_headroom`` (seconds) have held partitions and no other, and
    of those only what is known; ``retention`` (seconds) has their topics, as far as it is known.
    ``rates_headroom`` (seconds) is None where no rate grows old. ``topic_partitions`` counts those of all
    subscribed topics, held or not.
    """

    freshness_seconds: float = 0.0
    lag: Mapping[Partition, int] = field(default_factory=dict)
    uncommitted_age: Mapping[Partition, float] = field(default_factory=dict)
    retention: Mapping[str, float] = field(default_factory=dict)
    retention_headroom: Mapping[Partition, float] = field(default_factory=dict)
    in_flight: int = 0
    queued: int = 0
    parked: int = 0
    removes_in_grace: int = 0
    rate_limit_per_second: float = 0.0
    holding: frozenset[HoldCause] = frozenset()
    auth_ok: bool = True
    key_file_ok: bool = True
    rates_file_ok: bool = True
    rates_headroom: float | None = None
    assigned_partitions: int = 0
    topic_partitions: int = 0
    missing_topics: int = 0


class Metrics:
    """All metrics of one process, registered in ``registry``.

    Methods may be called from any thread; none of them waits or raises. ``status`` and ``reason`` texts that
    no answer can have are counted as ``protocol``, so that the number of series stays bounded.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        # They double the series, and resets are seen without them.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # not annotated by its authors
        self._registry: Final = registry
        self._counters: Final = {
            spec.name: Counter(spec.full_name, spec.help, spec.label_names, registry=registry)
            for spec in CATALOGUE
            if spec.type is MetricType.COUNTER
        }
        self._histograms: Final = {
            spec.name: Histogram(
                spec.full_name, spec.help, spec.label_names, buckets=spec.buckets, registry=registry
            )
            for spec in CATALOGUE
            if spec.type is MetricType.HISTOGRAM
        }
        self._gauges: Final = _GaugeCollector()
        registry.register(self._gauges)
        ProcessCollector(registry=registry)
        self._start()

    def _start(self) -> None:
        for spec in CATALOGUE:
            if spec.starts_with_topic or not spec.labels:
                continue
            for values in spec.start:
                if spec.type is MetricType.COUNTER:
                    self._counters[spec.name].labels(*values)
                elif spec.type is MetricType.HISTOGRAM:
                    self._histograms[spec.name].labels(*values)

    def watch_topics(self, topics: Iterable[str]) -> None:
        """Start every series of these topics at 0; topics that are known already are left alone."""
        for topic in topics:
            for spec in CATALOGUE:
                if spec.type is MetricType.COUNTER and spec.starts_with_topic:
                    for values in spec.start:
                        self._counters[spec.name].labels(topic, *values)

    def watch_skips(self, topic: str, routes: Iterable[str]) -> None:
        """Start the series of records of ``topic`` that these routes of a mapping skip at 0."""
        for route in routes:
            self._counters["records_settled_total"].labels(topic, *skipped_by_route(route))

    def observe(self, source: Callable[[], Gauges]) -> None:
        """Read the gauges from ``source`` at each scrape from now on. It must be quick."""
        self._gauges.source = source

    def consumed(self, topic: str, count: int) -> None:
        """Count ``count`` records received."""
        self._counters["records_consumed_total"].labels(topic).inc(count)

    def settled(self, topic: str, settled: Settled, delay_seconds: float | None) -> None:
        """Count one settled record; ``delay_seconds`` since its timestamp, None where it has none."""
        labels = (topic, settled.action, settled.outcome, settled.reason)
        self._counters["records_settled_total"].labels(*labels).inc()
        if delay_seconds is not None:
            # A producer's clock may run ahead of ours.
            self._histograms["delivery_delay_seconds"].labels(settled.outcome).observe(max(delay_seconds, 0))

    def released(self, topic: str, count: int) -> None:
        """Count ``count`` records given up unsettled."""
        self._counters["records_released_total"].labels(topic).inc(count)

    def call_ended(self, action: Action, status: str, seconds: float) -> None:
        """Count one try of a call: ``status`` is an HTTP status or a :class:`FaultKind`."""
        self._counters["calls_total"].labels(action, _bounded(status)).inc()
        self._histograms["call_duration_seconds"].labels(action).observe(seconds)

    def retried(self, reason: str) -> None:
        """Count one call that will be tried again: an HTTP status, a :class:`FaultKind` or ``html``."""
        self._counters["retries_total"].labels(reason if reason == "html" else _bounded(reason)).inc()

    def throttled(self, seconds: float) -> None:
        """Add the time that one call waited for the rate limit."""
        self._counters["throttled_seconds_total"].inc(max(seconds, 0))

    def erased(self, outcome: Outcome) -> None:
        """Count one request to erase a user that was settled."""
        self._counters["erasures_total"].labels(outcome).inc()

    def rule_broken(self, rule: Rule) -> None:
        """Count one payment whose ecommerce data breaks ``rule``."""
        self._counters["event_data_invalid_total"].labels(rule).inc()

    def attributes_dropped(self, count: int) -> None:
        """Count ``count`` attributes that were not sent."""
        self._counters["attributes_dropped_total"].inc(count)

    def dead_letter_failed(self) -> None:
        """Count one dead letter that the broker did not take."""
        self._counters["dead_letter_failures_total"].inc()

    def committed(self, result: CommitResult) -> None:
        """Count one offset commit."""
        self._counters["commits_total"].labels(result).inc()

    def rebalanced(self, event: RebalanceEvent) -> None:
        """Count one assignment or revocation."""
        self._counters["rebalances_total"].labels(event).inc()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics and their content type: OpenMetrics 1.0 if ``accept`` prefers it, else text."""
        if preferred(accept, (_PLAIN, _OPENMETRICS)) == _OPENMETRICS:
            body: bytes = openmetrics.generate_latest(self._registry)  # type: ignore[no-untyped-call]  # same
            return body, openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4


#: Values of the labels (empty without labels) with what the gauge reads there.
_Samples: TypeAlias = Iterable[tuple[tuple[str, ...], float]]


class _GaugeCollector:
    """Makes the gauges of the catalogue from a :class:`Gauges` at each scrape."""

    def __init__(self) -> None:
        self.source: Callable[[], Gauges] = Gauges
        self._build: Final = (__version__, platform.python_version(), metadata.version("confluent-kafka"))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every gauge; called by the registry."""
        now = self.source()
        for spec in CATALOGUE:
            if spec.type is MetricType.GAUGE:
                samples = [(self._build, 1.0)] if spec.name == "build_info" else _READERS[spec.name](now)
                yield _family(spec, samples)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the names only; lets the registry refuse two metrics of one name without a scrape."""
        for spec in CATALOGUE:
            if spec.type is MetricType.GAUGE:
                yield _family(spec, ())


def _family(spec: MetricSpec, samples: _Samples) -> GaugeMetricFamily:
    family = GaugeMetricFamily(spec.full_name, spec.help, labels=spec.label_names)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _one(value: float) -> _Samples:
    return [((), value)]


def _by_partition(values: Mapping[Partition, float]) -> _Samples:
    return [((partition.topic, str(partition.number)), value) for partition, value in values.items()]


#: Where each gauge of the catalogue is read.
_READERS: Final[Mapping[str, Callable[[Gauges], _Samples]]] = {
    "freshness_seconds": lambda now: _one(now.freshness_seconds),
    "lag_records": lambda now: _by_partition(now.lag),
    "uncommitted_age_seconds": lambda now: _by_partition(now.uncommitted_age),
    "retention_seconds": lambda now: [((topic,), seconds) for topic, seconds in now.retention.items()],
    "retention_headroom_seconds": lambda now: _by_partition(now.retention_headroom),
    "in_flight": lambda now: _one(now.in_flight),
    "queued": lambda now: _one(now.queued),
    "parked": lambda now: _one(now.parked),
    "removes_in_grace": lambda now: _one(now.removes_in_grace),
    "rate_limit_per_second": lambda now: _one(now.rate_limit_per_second),
    "holding": lambda now: [((cause.value,), float(cause in now.holding)) for cause in HoldCause],
    "auth_ok": lambda now: _one(now.auth_ok),
    "key_file_ok": lambda now: _one(now.key_file_ok),
    "rates_file_ok": lambda now: _one(now.rates_file_ok),
    "rates_headroom_seconds": lambda now: [] if now.rates_headroom is None else _one(now.rates_headroom),
    "assigned_partitions": lambda now: _one(now.assigned_partitions),
    "topic_partitions": lambda now: _one(now.topic_partitions),
    "missing_topics": lambda now: _one(now.missing_topics),
}


def _bounded(status: str) -> str:
    """Return ``status`` if it is a fault or an HTTP status, else ``protocol``."""
    return status if status in _STATUSES else FaultKind.PROTOCOL


_STATUSES: Final = frozenset((*FaultKind, *map(str, range(100, 600))))
