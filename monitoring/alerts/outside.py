"""Alerts on the API, on Kafka and on the pods themselves."""

from typing import Final

from monitoring.alerts.model import BY, OUTLASTS, Alert, Severity, Threshold

_CALLS: Final = "linkrunner_consumer_calls_total"
_ASSIGNED: Final = "linkrunner_consumer_assigned_partitions{$selector}"
_EACH: Final = "by (namespace, job, instance)"
_BUILD: Final = "linkrunner_consumer_build_info{$selector}"

_API: Final = (
    Alert(
        name="ApiErrorRatioHigh",
        group="api",
        severity=Severity.WARNING,
        # Retries and not statuses: a proxy's page with status 200 is an error too. 429 has its own alert.
        expr=f'sum {BY} (rate(linkrunner_consumer_retries_total{{$selector, reason!="429"}}[5m]))'
        f" / sum {BY} (rate({_CALLS}{{$selector}}[5m])) > $threshold",
        threshold=Threshold(0.1, "share of all calls"),
        lasts="10m",
        keeps="5m",
        summary="Linkrunner fails to answer many calls",
        description="{{ $value | humanizePercentage }} of the calls have to be tried again.",
    ),
    Alert(
        name="RateLimited",
        group="api",
        severity=Severity.WARNING,
        expr=f'sum {BY} (rate({_CALLS}{{$selector, status="429"}}[5m]))'
        f" / sum {BY} (rate({_CALLS}{{$selector}}[5m])) > $threshold",
        threshold=Threshold(0.1, "share of all calls"),
        lasts="15m",
        keeps="5m",
        summary="Linkrunner turns many calls away: they are too many for it",
        description="{{ $value | humanizePercentage }} of the calls are answered with 429.",
    ),
)

_KAFKA: Final = (
    Alert(
        name="NoConsumers",
        group="kafka",
        severity=Severity.CRITICAL,
        expr=f"absent({_ASSIGNED}) or sum {BY} ({_ASSIGNED}) == 0",
        lasts="5m",
        keeps=OUTLASTS,
        summary="Nobody reads the topics: no instance runs, or none holds a partition",
        description="No payment is delivered, and none of the other alerts can tell how late it is.",
    ),
    Alert(
        name="PartitionsUnowned",
        group="kafka",
        severity=Severity.CRITICAL,
        expr=f"max {BY} (linkrunner_consumer_topic_partitions{{$selector}}) - sum {BY} ({_ASSIGNED}) > 0",
        lasts="10m",
        summary="Partitions are read by nobody that Prometheus knows of",
        description="{{ $value }} partitions have no owner; no other metric shows how late they are.",
    ),
    Alert(
        name="PartitionsSilent",
        group="kafka",
        severity=Severity.CRITICAL,
        # By instance: another one's partitions must not fill the gap.
        expr=f"sum {BY} (sum {_EACH} ({_ASSIGNED})"
        f" - (count {_EACH} (linkrunner_consumer_lag_records{{$selector}}) or 0 * sum {_EACH} ({_ASSIGNED}))"
        " > 0)",
        lasts="10m",
        summary="Partitions are held, and nothing is known of what is in them",
        description="{{ $value }} partitions have an owner and no lag: their leaders do not answer it.",
    ),
    Alert(
        name="TopicsMissing",
        group="kafka",
        severity=Severity.CRITICAL,
        expr=f"max {BY} (linkrunner_consumer_missing_topics{{$selector}}) > 0",
        lasts="10m",
        summary="A topic that should be read does not exist, or we may not see it",
        description="{{ $value }} topics are read by nobody; no other metric shows how late they are.",
    ),
    Alert(
        name="RebalanceStorm",
        group="kafka",
        severity=Severity.WARNING,
        # A rollout rebalances a few times too, but is over before the alert may fire.
        expr=f"avg {BY} (sum by (namespace, job, instance)"
        ' (increase(linkrunner_consumer_rebalances_total{$selector, event="assigned"}[15m]))) > $threshold',
        threshold=Threshold(6, "rebalances of an instance in 15 minutes"),
        lasts="30m",
        summary="The consumer group does not come to rest",
        description="Each instance was given partitions {{ $value | humanize }} times in 15 minutes.",
    ),
    Alert(
        name="CommitFailing",
        group="kafka",
        severity=Severity.WARNING,
        expr=f"max {BY} (linkrunner_consumer_uncommitted_age_seconds{{$selector}}) > $threshold",
        threshold=Threshold(180, "seconds"),
        lasts="5m",
        summary="Kafka does not store how far we are",
        description="Progress of {{ $value | humanizeDuration }} is not committed; a crash would repeat it.",
    ),
)

_PODS: Final = (
    Alert(
        name="Restarting",
        group="pods",
        severity=Severity.WARNING,
        # Not every process in the namespace is ours; a metric of ours tells which are.
        expr=f"max {BY} (changes(process_start_time_seconds{{$selector}}[30m])"
        f" and on (namespace, job, instance) last_over_time({_BUILD}[30m])) > $threshold",
        threshold=Threshold(2, "restarts in 30 minutes"),
        lasts="0m",
        keeps="15m",
        summary="An instance dies and starts again and again",
        description="One instance was started {{ $value }} times in 30 minutes.",
    ),
    Alert(
        name="KeyFileUnusable",
        group="pods",
        severity=Severity.WARNING,
        expr=f"min {BY} (linkrunner_consumer_key_file_ok{{$selector}}) == 0",
        lasts="5m",
        summary="The file of the server key is empty or can't be read: no new instance could start",
        description="Running instances go on with the last good key. A restart would end in exit code 77.",
    ),
    Alert(
        name="VersionSkew",
        group="pods",
        severity=Severity.WARNING,
        # One scrape that fails must not begin the hour anew.
        expr=f"count {BY} (count by (namespace, job, version) (last_over_time({_BUILD}[5m]))) > 1",
        lasts="1h",
        summary="Two versions run side by side: a rollout has got stuck",
        description="{{ $value }} versions run at the same time.",
    ),
)

_RATES: Final = (
    Alert(
        name="RatesRunningOut",
        group="rates",
        severity=Severity.WARNING,
        expr=f"min {BY} (linkrunner_consumer_rates_headroom_seconds{{$selector}}) < $threshold",
        threshold=Threshold(24 * 3600, "seconds"),
        lasts="15m",
        summary="No new exchange rates come: soon payments that have to be converted will wait",
        description="In {{ $value | humanizeDuration }} the newest rates are too old for a payment of then.",
    ),
    Alert(
        name="RatesFileUnusable",
        group="rates",
        severity=Severity.WARNING,
        expr=f"min {BY} (linkrunner_consumer_rates_file_ok{{$selector}}) == 0",
        lasts="5m",
        summary="The new file of exchange rates is refused: the old rates stay in use",
        description="It can't be read, holds mistakes, or changes a rate that was there. A restart may fail.",
    ),
)

ALERTS: Final = (*_API, *_KAFKA, *_PODS, *_RATES)
