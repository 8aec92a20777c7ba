"""What the service really exposes: each metric with its labels and the values that these can have."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from consumer.core.operations.catalogue import CATALOGUE, MetricType
from consumer.edges.metrics import Metrics
from monitoring.alerts import RECORDINGS
from monitoring.promql import Selector, grouping_labels, selectors

#: Labels that Prometheus adds by where it scrapes; ``pod`` comes from a monitor of the Prometheus operator.
TARGET_LABELS: Final = frozenset({"namespace", "job", "instance", "pod"})

#: Labels whose values nobody knows beforehand.
_OPEN: Final = frozenset({"topic", "partition", "version", "python", "confluent_kafka", *TARGET_LABELS})


@cache
def exposed() -> Mapping[str, Mapping[str, frozenset[str]]]:
    """Return the labels of each metric, with their values.

    From an exposition of the real exporter, so that ``le`` is written as it is there. Gauges of topics,
    partitions and dated rates have no series without them: their labels are the catalogue's. Recorded series
    keep what they group by.
    """
    metrics = Metrics(CollectorRegistry())
    metrics.watch_topics(["payments"])
    found: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(metrics.exposition("text/plain")[0].decode()):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    for spec in CATALOGUE:
        if spec.full_name not in found and spec.type is MetricType.GAUGE:
            found[spec.full_name] = {label: set() for label in spec.label_names}
    for recording in RECORDINGS:
        found[recording.record] = {}
    return {
        name: {label: frozenset(values) for label, values in labels.items()} for name, labels in found.items()
    }


def unknown(expression: str) -> list[str]:
    """Return what ``expression`` asks for and nobody exposes: metrics, labels, values of labels."""
    found = selectors(expression)
    strange = [text for selector in found for text in _unknown(selector)]
    labels = TARGET_LABELS.union(*(exposed().get(selector.metric, {}) for selector in found))
    return strange + sorted(f"label {label}" for label in grouping_labels(expression) - labels)


def _unknown(selector: Selector) -> Iterator[str]:
    if selector.metric not in exposed():
        yield f"metric {selector.metric}"
        return
    known = exposed()[selector.metric]
    for matcher in selector.matchers:
        if matcher.label not in known and matcher.label not in TARGET_LABELS:
            yield f"{selector.metric}: label {matcher.label}"
        elif matcher.label not in _OPEN:
            for value in _alternatives(matcher.operator, matcher.value):
                if not _matches(value, known[matcher.label], regular="~" in matcher.operator):
                    yield f"{selector.metric}: {matcher.label} is never {value}"


def _alternatives(operator: str, value: str) -> list[str]:
    return value.split("|") if "~" in operator else [value]


def _matches(value: str, known: Iterable[str], *, regular: bool) -> bool:
    return any(re.fullmatch(value, one) if regular else value == one for one in known)
