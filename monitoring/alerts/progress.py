"""Alerts on payments that do not move: late, in danger of being lost, or never sent."""

from typing import Final

from monitoring.alerts.holds import ADDRESS_WRONG, KEY_REFUSED, LEASE_OVER
from monitoring.alerts.model import BY, Alert, Severity, Threshold

_OPEN: Final = (
    "linkrunner_consumer_queued{$selector} + linkrunner_consumer_parked{$selector}"
    " + linkrunner_consumer_in_flight{$selector}"
)
_SETTLED: Final = "linkrunner_consumer_records_settled_total"
_EACH: Final = "by (namespace, job, instance)"

_ON_INSTANCE: Final = "on (namespace, job, instance)"

#: Instances that stand still for a cause with a page of its own.
STOPPED: Final = (KEY_REFUSED, ADDRESS_WRONG, LEASE_OVER)
_BUT_STOPPED: Final = f"unless {_ON_INSTANCE} ({' or '.join(STOPPED)})"

_TOPIC: Final = "by (namespace, job, topic)"

#: What is left, until Kafka may delete the oldest record, of the time that the topic keeps one. As a share,
#: so that a topic that keeps an hour is no risk while all is fresh, and a month is not measured in hours.
TIME_LEFT: Final = (
    f"min {_TOPIC} (linkrunner_consumer_retention_headroom_seconds{{$selector}})"
    f" / (min {_TOPIC} (linkrunner_consumer_retention_seconds{{$selector}}) > 0)"
)
#: Below these somebody has to act, and somebody is woken.
AT_RISK, CRITICAL = 0.25, 0.1

ALERTS: Final = (
    Alert(
        name="Stalled",
        group="progress",
        severity=Severity.CRITICAL,
        # By instance, so that one that stands still is seen beside others that work. A lag of one record may
        # be the end of a transaction that is not known as such yet.
        expr=f"count {BY} ((sum {_EACH} ({_OPEN}) > 0"
        f" or max {_EACH} (linkrunner_consumer_lag_records{{$selector}}) > $threshold)"
        f" and sum {_EACH} (rate({_SETTLED}{{$selector}}[5m])) == 0 {_BUT_STOPPED})",
        threshold=Threshold(1, "records of lag in a partition, where none is open"),
        lasts="10m",
        keeps="5m",
        summary="Payments wait and none is delivered",
        description="{{ $value }} instances have had records to deliver for 10 minutes and settled none.",
    ),
    Alert(
        name="FreshnessHigh",
        group="progress",
        severity=Severity.CRITICAL,
        expr=f"max {BY} (linkrunner_consumer_freshness_seconds{{$selector}} {_BUT_STOPPED}) > $threshold",
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
        expr=f"min {BY} ({TIME_LEFT}) < $threshold",
        threshold=Threshold(AT_RISK, "share of retention.ms"),
        lasts="5m",
        summary="Kafka will soon delete payments that are not delivered",
        description="{{ $value | humanizePercentage }} is left of the time that Kafka keeps the oldest "
        "record that is not delivered.",
    ),
    Alert(
        name="RetentionCritical",
        group="progress",
        severity=Severity.CRITICAL,
        expr=f"min {BY} ({TIME_LEFT}) < $threshold",
        threshold=Threshold(CRITICAL, "share of retention.ms"),
        lasts="5m",
        summary="Kafka is about to delete payments that are not delivered",
        description="{{ $value | humanizePercentage }} is left of the time that Kafka keeps the oldest "
        "record that is not delivered.",
    ),
    Alert(
        name="NothingDelivered",
        group="progress",
        severity=Severity.WARNING,
        # A delivered erasure has no action: it proves nothing about payments.
        expr=f'sum {BY} (increase({_SETTLED}{{$selector, outcome!="delivered"}}[1h])) > $threshold'
        f' and sum {BY} (increase({_SETTLED}{{$selector, action!="none", outcome="delivered"}}[1h])) == 0',
        threshold=Threshold(100, "records in an hour"),
        lasts="30m",
        summary="Records come in and not one of them is delivered",
        description="{{ $value | humanize }} records were skipped or set aside in an hour, none was sent.",
    ),
)
