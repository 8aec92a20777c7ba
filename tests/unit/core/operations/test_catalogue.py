"""The catalogue: names, labels and the series that it promises to start."""

import re
from collections.abc import Mapping
from itertools import product
from typing import Final

import pytest

from consumer.core.meaning.intents import Action, DeadLetterReason, SkipReason
from consumer.core.operations.catalogue import CATALOGUE, MetricSpec, MetricType
from consumer.core.outcomes import NO_REASON, Outcome

#: The names that charts, dashboards and users rely on, with their labels.
METRICS: Final[Mapping[str, tuple[str, ...]]] = {
    "records_consumed_total": ("topic",),
    "records_settled_total": ("topic", "action", "outcome", "reason"),
    "records_released_total": ("topic",),
    "erasures_total": ("outcome",),
    "calls_total": ("action", "status"),
    "retries_total": ("reason",),
    "call_duration_seconds": ("action",),
    "delivery_delay_seconds": ("outcome",),
    "freshness_seconds": (),
    "lag_records": ("topic", "partition"),
    "uncommitted_age_seconds": ("topic", "partition"),
    "retention_seconds": ("topic",),
    "retention_headroom_seconds": ("topic", "partition"),
    "in_flight": (),
    "queued": (),
    "parked": (),
    "removes_in_grace": (),
    "rate_limit_per_second": (),
    "throttled_seconds_total": (),
    "holding": ("cause",),
    "auth_ok": (),
    "key_file_ok": (),
    "rates_file_ok": (),
    "rates_headroom_seconds": (),
    "event_data_invalid_total": ("rule",),
    "attributes_dropped_total": (),
    "dead_letter_failures_total": (),
    "commits_total": ("result",),
    "rebalances_total": ("event",),
    "assigned_partitions": (),
    "topic_partitions": (),
    "missing_topics": (),
    "build_info": ("version", "python", "confluent_kafka"),
}


def spec_of(name: str) -> MetricSpec:
    """Return the metric called ``name``."""
    return next(spec for spec in CATALOGUE if spec.name == name)


def test_names_and_labels_are_the_published_ones() -> None:
    """Nothing is renamed, lost or added by accident; each name occurs once."""
    assert [(spec.name, spec.label_names) for spec in CATALOGUE] == list(METRICS.items())
    assert spec_of("in_flight").full_name == "linkrunner_consumer_in_flight"


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.name)
def test_each_metric_follows_the_conventions(spec: MetricSpec) -> None:
    """Counters and only they end in _total, names are snake case, helps are sentences, buckets rise."""
    assert spec.name.endswith("_total") == (spec.type is MetricType.COUNTER)
    assert all(re.fullmatch(r"[a-z][a-z_]*", name) for name in (spec.name, *spec.label_names))
    assert spec.help.endswith(".")
    assert spec.unit
    assert bool(spec.buckets) == (spec.type is MetricType.HISTOGRAM)
    assert list(spec.buckets) == sorted(set(spec.buckets))


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.name)
def test_each_series_that_starts_fits_the_labels(spec: MetricSpec) -> None:
    """Series that exist from the start use known values of the labels, each combination once."""
    closed = [label for label in spec.labels if label.name != "topic"]
    assert set(spec.start) <= set(product(*(label.values for label in closed)))
    assert len(set(spec.start)) == len(spec.start)


def test_every_reason_of_a_settled_record_starts() -> None:
    """No skip or dead-letter reason is forgotten, and only they come with a reason."""
    starts = spec_of("records_settled_total").start
    reasons = {outcome: {why for _, how, why in starts if how == outcome} for outcome in Outcome}
    assert reasons == {
        Outcome.DELIVERED: {NO_REASON},
        Outcome.NOTHING_TO_REMOVE: {NO_REASON},
        Outcome.SKIPPED: set(SkipReason),
        Outcome.DEAD_LETTERED: set(DeadLetterReason),
    }
    assert {action for action, how, _ in starts if how == Outcome.DELIVERED} == set(Action)


def test_the_objectives_are_bounds_of_buckets() -> None:
    """The share of records within a minute, and of calls within the default deadline, can be read exactly."""
    assert 60 in spec_of("delivery_delay_seconds").buckets
    assert 10 in spec_of("call_duration_seconds").buckets
