"""Alerts on payments that do not move: late, in danger of being lost, or never sent."""

from typing import Final

from monitoring.alerts.model import BY, Alert, Severity, Threshold

_OPEN: Final = (
    "linkrunner_consumer_queued{$selector} + linkrunner_consumer_parked{$selector}"
    " + linkrunner_consumer_in_flight{$selector}"
)
_SETTLED: Final = "linkrunner_consumer_records_settled_total"
_EACH: Final = "by (namespace, job, instance)"

_HEADROOM: Final = f"min {BY} (linkrunner_consumer_retention_headroom_seconds{{$selector}})"

#: Little time is left, and less than is gone: a topic that keeps an hour only is no risk while all is fresh.
_NEAR_DELETION: Final = (
    f"{_HEADROOM} < $threshold"
    f" and {_HEADROOM} < max {BY} (linkrunner_consumer_freshness_seconds{{$selector}})"
)

ALERTS: Final = (
    Alert(
        name="Stalled",
        group="progress",
        severity=Severity.CRITICAL,
        # By instance, so that one that stands still is seen beside others that work.
        expr=f"count {BY} ((sum {_EACH} ({_OPEN}) > 0"
        f" or max {_EACH} (linkrunner_consumer_lag_records{{$selector}}) > $threshold)"
        f" and sum {_EACH} (rate({_SETTLED}{{$selector}}[5m])) == 0)",
        threshold=Threshold(100, "records of lag in a partition, where none is open"),
        lasts="10m",
        keeps="5m",
        summary="Payments wait and none is delivered",
        description="{{ $value }} instances have had records to deliver for 10 minutes and settled none.",
    ),
    Alert(
        name="FreshnessHigh",
        group="progress",
        severity=Severity.CRITICAL,
        expr=f"max {BY} (linkrunner_consumer_freshness_seconds{{$selector}}) > $threshold",
        threshold=Threshold(600, "seconds"),
        lasts="5m",
        keeps="5m",
        summary="The oldest payment that is not delivered is far too old",
        description="The oldest open record is {{ $value | humanizeDuration }} old; the objective is 60 s.",
    ),
    Alert(
        name="RetentionAtRisk",
        group="progress",
        severity=Severity.WARNING,
        expr=_NEAR_DELETION,
        threshold=Threshold(24 * 3600, "seconds"),
        lasts="5m",
        summary="Kafka will soon delete payments that are not delivered",
        description="The oldest open record has {{ $value | humanizeDuration }} left in Kafka.",
    ),
    Alert(
        name="RetentionCritical",
        group="progress",
        severity=Severity.CRITICAL,
        expr=_NEAR_DELETION,
        threshold=Threshold(4 * 3600, "seconds"),
        lasts="5m",
        summary="Kafka is about to delete payments that are not delivered",
        description="The oldest open record has {{ $value | humanizeDuration }} left in Kafka.",
    ),
    Alert(
        name="NothingDelivered",
        group="progress",
        severity=Severity.WARNING,
        expr=f'sum {BY} (increase({_SETTLED}{{$selector, outcome!="delivered"}}[1h])) > $threshold'
        f' and sum {BY} (increase({_SETTLED}{{$selector, outcome="delivered"}}[1h])) == 0',
        threshold=Threshold(100, "records in an hour"),
        lasts="30m",
        summary="Records come in and not one of them is delivered",
        description="{{ $value | humanize }} records were skipped or set aside in an hour, none was sent.",
    ),
)
