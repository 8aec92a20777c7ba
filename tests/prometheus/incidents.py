"""The incidents, as a table: what is broken, how it is mended, and which alerts have to say so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.prometheus import faults
from tests.prometheus.faults import Fault, answering, producing
from tests.prometheus.release import Setting
from tests.support.payments import garbage

_ORDINARY: Final = Setting()
#: So that a tenth of the records is a burst, while a topic is not stopped for it: that takes a fifth.
_BUSY: Final = Setting(rate=20.0)
_LATE: Final = ("Stalled", "FreshnessHigh")
#: By then they have fired, where nothing is delivered.
_LATE_SECONDS: Final = 40.0
#: The objective's 60 s are a bucket of a histogram and not shortened: a stop on a slow machine takes as long.
_LATE_AFTERWARDS: Final = ("FreshnessBudgetBurnFast", "FreshnessBudgetBurnSlow")


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident. Alerts are named without their prefix.

    ``tells`` are those that people hear of while the fault lasts; ``silent`` those that fire too and are kept
    back by one that tells the cause. ``may`` are those that may come besides or afterwards, because they look
    back for hours. ``lasts`` is how many seconds the fault lasts at least, so that alerts that must not fire
    would have. ``own_broker``: it needs a broker to hurt.
    """

    name: str
    fault: str
    cure: str
    story: Fault
    tells: tuple[str, ...]
    silent: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    lasts: float = 0.0
    setting: Setting = _ORDINARY
    own_broker: bool = False


#: The slowest come first, so that the others run beside them.
INCIDENTS: Final = (
    Incident(
        "events-changed",
        "a producer sends events of a new kind, and items without prices",
        "the producer is mended",
        producing(lambda number: (faults.unknown_kind if number % 4 else faults.broken_items)(number)),
        tells=("UnknownEventKinds", "EventDataInvalid"),
    ),
    Incident(
        "refunds-alone",
        "refunds of payments that were never captured",
        "payments come, and their refunds behind them",
        producing(faults.lone_refund, healed=faults.paid_and_refunded, rate=40),
        tells=("RemovalsFindNothing",),
        setting=Setting(over={"delivery": {"nothing_to_remove_grace_seconds": 1}}),
    ),
    Incident(
        "nothing-paid",
        "every event is one that is skipped",
        "payments come again",
        producing(faults.skipped, share=1),
        tells=("NothingDelivered",),
    ),
    Incident(
        "rollout-stuck",
        "a pod of a new version runs, and the old one stays",
        "the old one goes",
        faults.rollout_stuck,
        tells=("VersionSkew",),
    ),
    Incident(
        "group-restless",
        "a member joins the group and leaves it, again and again",
        "it stays away",
        faults.group_restless,
        tells=("RebalanceStorm",),
        # No commit is confirmed while partitions change hands: on a busy machine that may outlast the lease.
        may=("HoldingLease",),
    ),
    Incident(
        "api-slow",
        "each call takes 3 s, and more comes in than goes out",
        "calls take milliseconds again",
        answering("delay=3s"),
        tells=("FreshnessHigh", "FreshnessBudgetBurnFast"),
        may=("FreshnessBudgetBurnSlow",),
        setting=Setting(over={"linkrunner": {"max_in_flight": 8}}),
    ),
    Incident(
        "payments-refused",
        "the API refuses a tenth of the payments for good (422)",
        "it takes them",
        answering("422 share=10%"),
        tells=("DeadLettersFlowing", "DeadLetterBurst", "DeliveryBudgetBurnFast"),
        may=("DeliveryBudgetBurnSlow",),
        setting=_BUSY,
    ),
    Incident(
        "topic-refused",
        "the API refuses every payment for good (422)",
        "it takes them",
        answering("422"),
        tells=("DeadLettersFlowing", "HoldingRefusals"),
        # Few are set aside before the topic is stopped, of few records in a while; then it is late.
        may=(
            "DeadLetterBurst",
            "DeliveryBudgetBurnFast",
            "DeliveryBudgetBurnSlow",
            *_LATE,
            *_LATE_AFTERWARDS,
        ),
    ),
    Incident(
        "poison-flood",
        "a tenth of the records are no Avro",
        "the producer is mended",
        producing(lambda number: garbage(f"poison-{number}"), share=10),
        tells=("DeadLettersFlowing", "DecodeFailuresBurst"),
        setting=_BUSY,
    ),
    Incident(
        "broker-gone",
        "the broker is away",
        "it comes back with its data",
        faults.broker_gone,
        tells=("NoConsumers",),
        silent=("PartitionsUnowned",),
        # What is behind the position when the broker goes gets late, and is told as part of the cause.
        may=("CommitFailing", "HoldingLease", "FreshnessHigh", *_LATE_AFTERWARDS),
        own_broker=True,
    ),
    Incident(
        "retention-near",
        "the API answers nothing but 503, and the topic keeps records for a minute only",
        "the API answers again",
        answering("503"),
        tells=("RetentionAtRisk", "RetentionCritical", *_LATE),
        may=("ApiErrorRatioHigh", *_LATE_AFTERWARDS),
        setting=Setting(topic_properties={"retention.ms": "60000"}),
    ),
    Incident(
        "broker-frozen",
        "the broker does not answer, and its connections stay",
        "it goes on",
        faults.broker_frozen,
        tells=("CommitFailing", "HoldingLease"),
        # While the broker is silent, nobody knows where a partition ends; a record that was seen and had not
        # come when it froze gets old. Minutes are seconds here, so what a lease that is over keeps silent can
        # fire before this lease of 27 s is.
        may=("PartitionsSilent", "FreshnessHigh", "Stalled"),
        setting=Setting(over={"kafka": {"properties": {"session.timeout.ms": 45_000}}}),
        own_broker=True,
    ),
    Incident(
        "partition-stuck",
        "one payment gets 503 for ever, with 11 000 records behind it",
        "the API takes it",
        faults.one_stuck,
        tells=("HoldingSpan", "FreshnessHigh"),
        may=_LATE_AFTERWARDS,
    ),
    Incident(
        "key-revoked",
        "the API refuses the key (401)",
        "the new key is in the file",
        faults.key_revoked,
        tells=("AuthRejected",),
        may=_LATE_AFTERWARDS,
        lasts=_LATE_SECONDS,
    ),
    Incident(
        "key-file-empty",
        "the key's file is empty",
        "the key is in it again",
        faults.key_file_emptied,
        tells=("KeyFileUnusable",),
    ),
    Incident(
        "topic-missing",
        "one of two topics is deleted",
        "it is created again",
        faults.topic_deleted,
        tells=("TopicsMissing",),
        setting=Setting(second_topic=True),
    ),
    Incident(
        "address-wrong",
        "everything gets 404",
        "the API answers again",
        answering("404"),
        tells=("HoldingAddress",),
        may=_LATE_AFTERWARDS,
        lasts=_LATE_SECONDS,
    ),
    Incident(
        "api-down",
        "connections to the API are refused",
        "it accepts them",
        faults.api_gone,
        tells=("ApiErrorRatioHigh", *_LATE),
        may=_LATE_AFTERWARDS,
    ),
    Incident(
        "api-failing",
        "a third of the calls gets 500",
        "it stops",
        answering("500 share=33%"),
        tells=("ApiErrorRatioHigh",),
    ),
    Incident(
        "api-limiting",
        "a third of the calls gets 429",
        "it stops",
        answering("429 share=33%"),
        tells=("RateLimited",),
        setting=Setting(rate=2.0),
    ),
    Incident(
        "pod-gone",
        "the only pod is killed and nothing replaces it",
        "a new pod starts",
        faults.pod_gone,
        tells=("NoConsumers",),
        may=_LATE_AFTERWARDS,
    ),
    Incident(
        "pod-restarting",
        "one of two pods ends and starts again and again",
        "it stays up",
        faults.pod_restarting,
        tells=("Restarting",),
        setting=Setting(pods=2),
    ),
    Incident(
        "partitions-unowned",
        "a member that nobody watches holds partitions",
        "it leaves the group",
        faults.partitions_taken,
        tells=("PartitionsUnowned",),
    ),
    Incident(
        "records-deleted",
        "Kafka deletes records that were not read",
        "the pods are rolled out with on_out_of_range: earliest",
        faults.records_deleted,
        tells=("HoldingOutOfRange",),
        # What is left in the partitions that wait for a decision gets old.
        may=(*_LATE, *_LATE_AFTERWARDS),
        setting=Setting(pods=2),
    ),
    Incident(
        "letters-missing",
        "a record that can't be read, and no dead-letter topic",
        "the topic is created",
        faults.letters_missing,
        tells=("DeadLetterPublishFailing",),
        may=("DeadLettersFlowing",),
        setting=Setting(letters=False),
    ),
    Incident(
        "registry-down",
        "a new schema id while the registry is away",
        "the registry is back",
        faults.registry_away,
        tells=("HoldingRegistry",),
    ),
)

#: Alerts that no incident here ends, with the reason.
NOT_PLAYED: Final[Mapping[str, str]] = {
    "DeliveryBudgetBurnSlow": "looks back for six hours, and ends as late as that",
    "FreshnessBudgetBurnSlow": "looks back for six hours, and ends as late as that",
    "HoldingRates": "conversion is off in the bed; the unit tests play it",
    "RatesFileUnusable": "conversion is off in the bed; the unit tests play it",
    "RatesRunningOut": "conversion is off in the bed; the unit tests play it",
    "PartitionsSilent": "needs one of several brokers to be away, and the bed has single ones",
    "UserErasureBurst": "needs an API that erases users, and those of the bed refuse that on purpose",
}
