"""The first look: whether money is late, lost or doubled, and what has been stopped."""

from typing import Final

from consumer.core.api.verdicts import HoldCause
from monitoring.alerts.events import counted
from monitoring.alerts.objectives import DELIVERED, FAILED
from monitoring.alerts.progress import OPEN_PARTITIONS
from monitoring.dashboard.panels import BLUE, GREEN, RED, YELLOW, Kind, Panel, Query, Row

_SETTLED: Final = "linkrunner_consumer_records_settled_total"

_SET_ASIDE: Final = 'outcome="dead_lettered"'

#: What is stopped by each cause, in words.
HELD: Final = {
    HoldCause.CREDENTIALS: "All: key refused",
    HoldCause.ADDRESS: "All: wrong address",
    HoldCause.DEAD_LETTERS: "Dead letters",
    HoldCause.REGISTRY: "Unknown schemas",
    HoldCause.RATES: "Rates too old",
    HoldCause.SPAN: "Stuck partition",
    HoldCause.OUT_OF_RANGE: "Records deleted",
}

#: A flag in words.
FLAG: Final = {"0": ("no", GREEN), "1": ("STOPPED", RED)}

ROW: Final = Row(
    "Is money late, lost or doubled?",
    (
        Panel(
            title="Late: oldest open payment",
            description="Age of the oldest record that is received and not settled, over all instances. "
            "The objective is 60 s for 99 % of the payments.",
            kind=Kind.STAT,
            unit="s",
            queries=(Query("max(linkrunner_consumer_freshness_seconds{$selector})", "oldest"),),
            width=4,
            height=5,
            decimals=0,
            steps=((60, YELLOW), (600, RED)),
            alerts=("FreshnessHigh", "FreshnessBudgetBurnFast", "Stalled"),
        ),
        Panel(
            title="Lost: time until deletion",
            description="Least time, over all partitions with open records, until Kafka may delete the "
            "oldest of them. No data where nothing waits, Kafka keeps records for ever, or the topic's "
            "configuration may not be read.",
            kind=Kind.STAT,
            unit="s",
            queries=(
                Query(
                    f"min(linkrunner_consumer_retention_headroom_seconds{{$selector}} and {OPEN_PARTITIONS})",
                    "least",
                ),
            ),
            width=4,
            height=5,
            base=RED,
            steps=((4 * 3600, YELLOW), (24 * 3600, GREEN)),
            alerts=("RetentionAtRisk", "RetentionCritical", "HoldingOutOfRange"),
        ),
        Panel(
            title="Doubled: lost hand-overs",
            description="Partitions that changed hands without a last commit, in the time shown: the next "
            "owner repeats up to a second of calls. The API counts each payment once all the same.",
            kind=Kind.STAT,
            unit="short",
            queries=(
                Query(
                    'sum(increase(linkrunner_consumer_rebalances_total{$selector, event="lost"}[$__range]))',
                    "lost",
                ),
            ),
            width=4,
            height=5,
            decimals=0,
            steps=((0.5, YELLOW),),
            alerts=("RebalanceStorm", "CommitFailing"),
        ),
        Panel(
            title="Delivered of what could be",
            description="Delivered payments and removals, as a share of them and the dead letters that are "
            "ours (refused calls, unknown schemas, no rates), in the time shown. The objective is 99.9 %.",
            kind=Kind.STAT,
            unit="percentunit",
            queries=(
                Query(
                    f"sum(increase({_SETTLED}{{$selector, {DELIVERED}}}[$__range]))"
                    f" / (sum(increase({_SETTLED}{{$selector, {DELIVERED}}}[$__range]))"
                    f" + sum(increase({_SETTLED}{{$selector, {FAILED}}}[$__range])) > 0)",
                    "delivered",
                ),
            ),
            width=4,
            height=5,
            decimals=2,
            base=RED,
            steps=((0.99, YELLOW), (0.999, GREEN)),
            alerts=("DeliveryBudgetBurnFast",),
        ),
        Panel(
            title="Dead letters",
            description="Records that were set aside in the time shown, whoever has to mend them.",
            kind=Kind.STAT,
            unit="short",
            queries=(Query(f"sum({counted(_SET_ASIDE, '$__range')})", "set aside"),),
            width=4,
            height=5,
            decimals=0,
            steps=((0.5, YELLOW),),
            alerts=("DeadLettersFlowing", "DeadLetterBurst", "DecodeFailuresBurst"),
        ),
        Panel(
            title="Lag",
            description="Records between the committed offsets and the ends of all partitions that are held.",
            kind=Kind.STAT,
            unit="short",
            queries=(Query("sum(linkrunner_consumer_lag_records{$selector})", "records"),),
            width=4,
            height=5,
            decimals=0,
            base=BLUE,
            alerts=("Stalled",),
        ),
        Panel(
            title="Stopped on purpose",
            description="What is held now, in any instance, until its cause is gone.",
            kind=Kind.STAT,
            unit="bool",
            queries=(Query("max by (cause) (linkrunner_consumer_holding{$selector})", "{{cause}}"),),
            width=16,
            height=4,
            words=FLAG,
            names={cause.value: words for cause, words in HELD.items()},
            alerts=(
                "AuthRejected",
                "HoldingAddress",
                "DeadLetterPublishFailing",
                "HoldingRegistry",
                "HoldingRates",
                "HoldingSpan",
                "HoldingOutOfRange",
            ),
        ),
        Panel(
            title="Partitions without an owner",
            description="Partitions of all topics less those that an instance holds, of all instances "
            "whichever are chosen. Nothing else tells how late their payments are.",
            kind=Kind.STAT,
            unit="short",
            queries=(
                Query(
                    "sum(clamp_min(max by (namespace, job) (linkrunner_consumer_topic_partitions{$release})"
                    " - sum by (namespace, job) (linkrunner_consumer_assigned_partitions{$release}), 0))",
                    "unowned",
                ),
            ),
            width=4,
            height=4,
            decimals=0,
            steps=((0.5, RED),),
            alerts=("PartitionsUnowned", "NoConsumers"),
        ),
        Panel(
            title="Instances",
            description="Instances that are scraped.",
            kind=Kind.STAT,
            unit="short",
            queries=(Query("count(linkrunner_consumer_build_info{$selector})", "instances"),),
            width=4,
            height=4,
            decimals=0,
            base=BLUE,
            alerts=("NoConsumers", "Restarting", "VersionSkew"),
        ),
    ),
)
