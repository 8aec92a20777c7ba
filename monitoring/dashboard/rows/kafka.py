"""How far behind, how safe, and who reads what."""

from typing import Final

from monitoring.dashboard.panels import GREEN, RED, YELLOW, Kind, Panel, Query, Row

_ASSIGNED: Final = "linkrunner_consumer_assigned_partitions{$release}"

#: What leads from a partition to the pod that holds it; ``pod`` is there where a monitor of the Prometheus
#: operator scrapes.
_PLACE: Final = "namespace, job, topic, partition, pod, instance"

ROW: Final = Row(
    "Kafka",
    (
        Panel(
            title="Lag",
            description="Records between the committed offset and the end: of all partitions, and of the "
            "worst one.",
            kind=Kind.LINES,
            unit="short",
            queries=(
                Query("sum(linkrunner_consumer_lag_records{$selector})", "all partitions"),
                Query("max(linkrunner_consumer_lag_records{$selector})", "worst partition"),
            ),
            alerts=("Stalled",),
        ),
        Panel(
            title="Time until Kafka deletes an open record",
            description="For each topic, the partition with the least time left.",
            kind=Kind.LINES,
            unit="s",
            queries=(
                Query(
                    "min by (topic) (linkrunner_consumer_retention_headroom_seconds{$selector})", "{{topic}}"
                ),
            ),
            alerts=("RetentionAtRisk", "RetentionCritical"),
        ),
        Panel(
            title="Progress that is not committed",
            description="How long the oldest offset that could be committed has waited for it. A crash now "
            "would repeat what was finished since.",
            kind=Kind.LINES,
            unit="s",
            queries=(Query("max(linkrunner_consumer_uncommitted_age_seconds{$selector})", "oldest"),),
            steps=((180, RED),),
            alerts=("CommitFailing",),
        ),
        Panel(
            title="Partitions",
            description="Every partition that is held, and by whom: the one furthest behind is the first.",
            kind=Kind.TABLE,
            unit="short",
            queries=(
                Query(f"max by ({_PLACE}) (linkrunner_consumer_lag_records{{$selector}})", "lag", "short"),
                Query(
                    f"max by ({_PLACE}) (linkrunner_consumer_uncommitted_age_seconds{{$selector}})",
                    "not committed for",
                    "s",
                ),
                Query(
                    f"min by ({_PLACE}) (linkrunner_consumer_retention_headroom_seconds{{$selector}})",
                    "deleted in",
                    "s",
                ),
            ),
            width=24,
            alerts=("HoldingSpan", "HoldingOutOfRange", "PartitionsSilent"),
        ),
        Panel(
            title="Who holds how many partitions",
            description="All that there are, those that are held, and the most and fewest of one instance, "
            "of all instances whichever are chosen.",
            kind=Kind.LINES,
            unit="short",
            queries=(
                Query("sum(max by (namespace, job) (linkrunner_consumer_topic_partitions{$release}))", "all"),
                Query(f"sum({_ASSIGNED})", "held"),
                Query(f"max({_ASSIGNED})", "most of one"),
                Query(f"min({_ASSIGNED})", "fewest of one"),
            ),
            alerts=("PartitionsUnowned", "NoConsumers"),
        ),
        Panel(
            title="Commits, by result",
            description="`refused` is normal while the group rebalances.",
            kind=Kind.STACK,
            unit="ops",
            queries=(
                Query(
                    "sum by (result) (rate(linkrunner_consumer_commits_total{$selector}[$__rate_interval]))",
                    "{{result}}",
                ),
            ),
            colours={"ok": GREEN, "refused": YELLOW, "timeout": RED},
            alerts=("CommitFailing",),
        ),
        Panel(
            title="Rebalances, by event",
            description="What the group told the instances. `lost` is a hand-over without a last commit.",
            kind=Kind.STACK,
            unit="short",
            queries=(
                Query(
                    "sum by (event) (increase(linkrunner_consumer_rebalances_total{$selector}"
                    "[$__rate_interval]))",
                    "{{event}}",
                ),
            ),
            colours={"lost": RED},
            alerts=("RebalanceStorm",),
        ),
        Panel(
            title="Topics that are missing",
            description="Topics that should be read and do not exist, or that we may not see.",
            kind=Kind.LINES,
            unit="short",
            queries=(Query("max(linkrunner_consumer_missing_topics{$selector})", "missing"),),
            steps=((0.5, RED),),
            alerts=("TopicsMissing",),
        ),
    ),
)
