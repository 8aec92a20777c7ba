"""Alerts on payments that do not move: late, in danger of being lost, or never sent."""

from typing import Final

from consumer.core.api.verdicts import HoldCause
from monitoring.alerts.model import BY, Alert, Severity, Threshold

_OPEN: Final = (
    "linkrunner_consumer_queued{$selector} + linkrunner_consumer_parked{$selector}"
    " + linkrunner_consumer_in_flight{$selector}"
)
_SETTLED: Final = "linkrunner_consumer_records_settled_total"
_EACH: Final = "by (namespace, job, instance)"

_ON_INSTANCE: Final = "on (namespace, job, instance)"

#: Instances that stand still for a cause with a page of its own: most of ten minutes, so that a moment of it
#: hides nothing, and that they have time to catch up behind it.
_STOPPED: Final = (
    "(avg_over_time(linkrunner_consumer_auth_ok{$selector}[10m]) < 0.5"
    f' or avg_over_time(linkrunner_consumer_holding{{$selector, cause="{HoldCause.ADDRESS}"}}[10m]) > 0.5)'
)

#: Partitions with records that are not delivered.
OPEN_PARTITIONS: Final = (
    "on (namespace, job, instance, topic, partition) linkrunner_consumer_lag_records{$selector} > 0"
)

#: Little time is left, and less than is gone: a topic that keeps an hour only is no risk while all is fresh.
_NEAR_DELETION: Final = (
    f"min {BY} (linkrunner_consumer_retention_headroom_seconds{{$selector}} < {_ON_INSTANCE} group_left ()"
    f" linkrunner_consumer_freshness_seconds{{$selector}} and {OPEN_PARTITIONS}) < $threshold"
)

ALERTS: Final = (
    Alert(
        name="Stalled",
        group="progress",
        severity=Severity.CRITICAL,
        # By instance, so that one that stands still is seen beside others that work. A lag of one record may
        # be the end of a transaction that is not known as such yet.
        expr=f"count {BY} ((sum {_EACH} ({_OPEN}) > 0"
        f" or max {_EACH} (linkrunner_consumer_lag_records{{$selector}}) > $threshold)"
        f" and sum {_EACH} (rate({_SETTLED}{{$selector}}[5m])) == 0 unless {_ON_INSTANCE} {_STOPPED})",
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
        expr=f"max {BY} (linkrunner_consumer_freshness_seconds{{$selector}}"
        f" unless {_ON_INSTANCE} {_STOPPED}) > $threshold",
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
        # A delivered erasure has no action: it proves nothing about payments.
        expr=f'sum {BY} (increase({_SETTLED}{{$selector, outcome!="delivered"}}[1h])) > $threshold'
        f' and sum {BY} (increase({_SETTLED}{{$selector, action!="none", outcome="delivered"}}[1h])) == 0',
        threshold=Threshold(100, "records in an hour"),
        lasts="30m",
        summary="Records come in and not one of them is delivered",
        description="{{ $value | humanize }} records were skipped or set aside in an hour, none was sent.",
    ),
)
