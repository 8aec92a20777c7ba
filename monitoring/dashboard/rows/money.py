"""The first look: whether money is late, lost or doubled, and what has been stopped."""

from typing import Final

from consumer.core.api.verdicts import HoldCause
from monitoring.alerts.events import BURST, SHARE, counted
from monitoring.alerts.objectives import DELIVERED, FAILED, OBJECTIVES
from monitoring.alerts.progress import AT_RISK, CRITICAL, TIME_LEFT
from monitoring.dashboard.panels import BLUE, GREEN, RED, YELLOW, Kind, Panel, Query, Row

_SETTLED: Final = "linkrunner_consumer_records_settled_total"

_SET_ASIDE: Final = 'outcome="dead_lettered"'
_PAID: Final = 'action="capture", outcome="delivered"'

_NOT_SKIPPED: Final = 'outcome!="skipped"'

_OF_A_TOPIC: Final = "sum by (namespace, job, topic)"
_LETTERS: Final = f"{_OF_A_TOPIC} ({counted(_SET_ASIDE, '$__range')})"
_MEANT: Final = f"{_OF_A_TOPIC} ({counted(_NOT_SKIPPED, '$__range')})"

#: What is stopped by each cause, in words.
HELD: Final = {
    HoldCause.CREDENTIALS: "All: key refused",
    HoldCause.ADDRESS: "All: wrong address",
    HoldCause.REFUSALS: "Topic: mostly bad",
    HoldCause.DEAD_LETTERS: "Dead letters",
    HoldCause.REGISTRY: "Unknown schemas",
    HoldCause.RATES: "Rates too old",
    HoldCause.LEASE: "All: Kafka is silent",
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
            description="Age of the oldest record that is not settled, over all partitions that are held. "
            "The objective is 60 s for 99 % of the payments.",
            kind=Kind.STAT,
            unit="s",
            queries=(Query("max(linkrunner_consumer_freshness_seconds{$selector})", "oldest"),),
            width=3,
            height=5,
            decimals=0,
            steps=((60, YELLOW), (600, RED)),
            alerts=("FreshnessHigh", "FreshnessBudgetBurnFast", "Stalled"),
        ),
        Panel(
            title="Lost: time left in Kafka",
            description="How much is left of the time that Kafka keeps the oldest payment that is not "
            "delivered, in the partition that is worst off: 100 % where nothing waits. No data where Kafka "
            "keeps records for ever, or the topic's configuration may not be read.",
            kind=Kind.STAT,
            unit="percentunit",
            queries=(Query(f"min({TIME_LEFT})", "least"),),
            width=3,
            height=5,
            decimals=0,
            base=RED,
            steps=((CRITICAL, YELLOW), (AT_RISK, GREEN)),
            alerts=("RetentionAtRisk", "RetentionCritical", "HoldingOutOfRange"),
        ),
        Panel(
            title="Doubled: hand-overs without a commit",
            description="In the time shown: partitions that changed hands without a last commit, and "
            "processes that started anew in their place, as after SIGKILL or lack of memory. Either repeats "
            "up to a second of calls and what was on the wire; the API counts each payment once all the "
            "same. A pod that was killed and came back under another address is not seen here.",
            kind=Kind.STAT,
            unit="short",
            queries=(
                Query(
                    'sum(increase(linkrunner_consumer_rebalances_total{$selector, event="lost"}[$__range]))',
                    "lost",
                ),
                Query(
                    "sum(changes(process_start_time_seconds{$selector}[$__range])"
                    " and on (namespace, job, instance)"
                    " last_over_time(linkrunner_consumer_build_info{$selector}[$__range]))",
                    "starts",
                ),
            ),
            width=3,
            height=5,
            decimals=0,
            steps=((0.5, YELLOW),),
            names={"lost": "Lost", "starts": "Started anew"},
            alerts=("RebalanceStorm", "CommitFailing", "Restarting"),
        ),
        Panel(
            title="Delivered of what could be",
            description="Delivered payments and removals, as a share of them and the dead letters that are "
            "ours (refused or hopeless calls, unknown schemas, no rates), in the time shown. The objective "
            "is 99.9 %.",
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
            width=3,
            height=5,
            decimals=2,
            base=RED,
            steps=((0.99, YELLOW), (0.999, GREEN)),
            alerts=("DeliveryBudgetBurnFast",),
        ),
        Panel(
            title="Delivered payments",
            description="How many payments were delivered in the time shown: their number, never their sum.",
            kind=Kind.STAT,
            unit="short",
            queries=(Query(f"sum({counted(_PAID, '$__range')})", "delivered"),),
            width=3,
            height=5,
            decimals=0,
            base=BLUE,
            alerts=("NothingDelivered",),
        ),
        Panel(
            title="Error budgets left",
            description="What the last three days have left of what may fail: 0.1 % refused, 1 % later than "
            "60 s. Below 0, more has failed than the objectives allow. Of the release, whichever of its "
            "instances are chosen.",
            kind=Kind.STAT,
            unit="percentunit",
            queries=tuple(
                Query(f"min(1 - {one.record('3d')}{{$release}} * {1 / one.budget:g})", one.name)
                for one in OBJECTIVES
            ),
            width=3,
            height=5,
            decimals=0,
            base=RED,
            steps=((0, YELLOW), (0.5, GREEN)),
            names={one.name: one.name for one in OBJECTIVES},
            alerts=("DeliveryBudgetBurnSlow", "FreshnessBudgetBurnSlow"),
        ),
        Panel(
            title="Dead letters",
            description="Records that were set aside in the time shown, whoever has to mend them, and their "
            "share of all but the skipped ones in the topic that has most, where they are more than 20: red "
            "where somebody is woken.",
            kind=Kind.STAT,
            unit="short",
            queries=(
                Query(f"sum({counted(_SET_ASIDE, '$__range')})", "all"),
                Query(
                    f"max({_LETTERS} / ({_MEANT} > 0) * ({_LETTERS} > bool {BURST}))",
                    "most",
                    "percentunit",
                    ((0.0001, YELLOW), (SHARE.value, RED)),
                ),
            ),
            width=3,
            height=5,
            decimals=0,
            steps=((0.5, YELLOW),),
            names={"all": "All", "most": "Of a topic"},
            alerts=("DeadLettersFlowing", "DeadLetterBurst", "DecodeFailuresBurst"),
        ),
        Panel(
            title="Lag",
            description="Records between the committed offsets and the ends of all partitions that are held.",
            kind=Kind.STAT,
            unit="short",
            queries=(Query("sum(linkrunner_consumer_lag_records{$selector})", "records"),),
            width=3,
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
                "HoldingRefusals",
                "DeadLetterPublishFailing",
                "HoldingRegistry",
                "HoldingRates",
                "HoldingLease",
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
