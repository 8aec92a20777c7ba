"""Every metric of the service, as data: names, labels, units and the series that exist from the start.

The exporter, ``docs/metrics.md`` and the command ``metrics`` are made from :data:`CATALOGUE`; there is no
other list. Labels have closed sets of values, or are a topic or a partition: nothing that grows with users,
payments or error texts. Every possible combination of closed labels starts at 0, so that a rate sees the
first error; those with a topic start when the topic is announced.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final

from consumer.core.api.verdicts import FaultKind, HoldCause
from consumer.core.meaning.ecommerce import Rule
from consumer.core.meaning.intents import Action, DeadLetterReason, SkipReason
from consumer.core.outcomes import NO_REASON, CommitResult, Outcome, RebalanceEvent

#: In front of every name.
PREFIX: Final = "linkrunner_consumer_"

#: Answers that the API documents, and those that an API, or a proxy before it, gives without a document.
KNOWN_STATUSES: Final = ("200", "201", "400", "401", "403", "404", "422", "429", "500", "502", "503", "504")

#: Upper bounds in seconds: an API call takes tens of milliseconds; the default deadline is 10 s.
CALL_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

#: Upper bounds in seconds: the objective is 60 s, an outage of the API lasts minutes to hours.
DELAY_BUCKETS: Final = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 14400.0)


class MetricType(StrEnum):
    """Types of the Prometheus exposition format that are used here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Label:
    """A label. ``values`` are those known beforehand; ``note`` says what else may come, or what they mean."""

    name: str
    values: tuple[str, ...] = ()
    note: str = ""


#: The label that is known only once topics are subscribed.
TOPIC: Final = Label("topic", note="a subscribed topic")


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric. ``name`` has no prefix; ``unit`` is what its value counts, in words.

    ``possible`` lists the combinations of closed labels that can occur, where that is not all of them.
    ``buckets`` are upper bounds in seconds.
    """

    name: str
    type: MetricType
    unit: str
    help: str
    labels: tuple[Label, ...] = ()
    possible: tuple[tuple[str, ...], ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """The name as it is scraped and queried."""
        return PREFIX + self.name

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels, in order."""
        return tuple(label.name for label in self.labels)

    @property
    def starts_with_topic(self) -> bool:
        """Whether the series start when a topic is announced, not with the process."""
        return self.label_names[:1] == ("topic",)

    @property
    def start(self) -> tuple[tuple[str, ...], ...]:
        """The values of all labels but ``topic``, one tuple for each series that starts at 0.

        A gauge of a topic does not: it is there once its value is known.
        """
        if self.type is MetricType.GAUGE and self.starts_with_topic:
            return ()
        closed = (label.values for label in self.labels if label is not TOPIC)
        return self.possible or tuple(product(*closed))


#: What the event had become when it was skipped for this reason (``meaning.lifecycle``, ``api.calls``).
_SKIPS: Final = {
    SkipReason.STATUS: (Action.NONE,),
    SkipReason.KIND: (Action.NONE,),
    SkipReason.WITHDRAWAL: (Action.NONE,),
    SkipReason.WALLET_TOPUP: (Action.NONE,),
    SkipReason.PARTIAL_REFUND: (Action.NONE,),
    SkipReason.NO_USER: (Action.CAPTURE,),
    SkipReason.ZERO_AMOUNT: (Action.CAPTURE,),
    SkipReason.TOMBSTONE: (Action.NONE,),
    SkipReason.NO_ROUTE: (Action.NONE,),
}

#: The same for dead letters.
_DEAD_LETTERS: Final = {
    DeadLetterReason.UNDECODABLE: (Action.NONE,),
    DeadLetterReason.UNKNOWN_SCHEMA: (Action.NONE,),
    DeadLetterReason.INVALID_EVENT: (Action.NONE, Action.CAPTURE, Action.REMOVE),
    DeadLetterReason.MAPPING: (Action.NONE, Action.CAPTURE, Action.REMOVE),
    DeadLetterReason.REJECTED: (Action.NONE,),
    DeadLetterReason.REFUSED: (Action.NONE, Action.CAPTURE, Action.REMOVE),
    DeadLetterReason.NO_RATE: (Action.CAPTURE,),
    DeadLetterReason.CURRENCY_NOT_ACCEPTED: (Action.CAPTURE,),
    DeadLetterReason.TOO_OLD: (Action.CAPTURE,),
    DeadLetterReason.GAVE_UP: (Action.NONE, Action.CAPTURE, Action.REMOVE),
    DeadLetterReason.PARTIAL_REFUND: (Action.NONE,),
    DeadLetterReason.NOTHING_TO_REMOVE: (Action.REMOVE,),
}


def _settled() -> tuple[tuple[str, ...], ...]:
    skips = ((action, Outcome.SKIPPED, reason) for reason, actions in _SKIPS.items() for action in actions)
    letters = (
        (action, Outcome.DEAD_LETTERED, reason)
        for reason, actions in _DEAD_LETTERS.items()
        for action in actions
    )
    return (
        (Action.CAPTURE, Outcome.DELIVERED, NO_REASON),
        (Action.REMOVE, Outcome.DELIVERED, NO_REASON),
        (Action.REMOVE, Outcome.NOTHING_TO_REMOVE, NO_REASON),
        # Erasures of users, which are neither payments nor refunds.
        (Action.NONE, Outcome.DELIVERED, NO_REASON),
        (Action.NONE, Outcome.NOTHING_TO_REMOVE, NO_REASON),
        *skips,
        *letters,
    )


def skipped_by_route(name: str) -> tuple[str, str, str]:
    """Return action, outcome and reason of a record that the mapping's route ``name`` skips."""
    return (Action.NONE, Outcome.SKIPPED, name)


def _values(*members: Iterable[StrEnum]) -> tuple[str, ...]:
    return tuple(member.value for group in members for member in group)


_PARTITION: Final = Label("partition", note="the number of a partition held by this process")
_SENT: Final = Label("action", (Action.CAPTURE.value, Action.REMOVE.value))
_ACTION: Final = Label("action", _values(Action))
_OUTCOME: Final = Label("outcome", _values(Outcome))
_REASON: Final = Label(
    "reason",
    (NO_REASON, *dict.fromkeys(_values(SkipReason, DeadLetterReason))),
    "the name of a route that skips, where a mapping has such",
)
_STATUS: Final = Label("status", (*KNOWN_STATUSES, *_values(FaultKind)), "any other HTTP status, 100 to 599")
_RETRY: Final = Label(
    "reason",
    ("401", "403", "404", "429", "500", "502", "503", "504", *_values(FaultKind), "html"),
    "any other HTTP status, 100 to 599; 401 to 407 and redirects of a record that is alone in them",
)
_CAUSE: Final = Label("cause", _values(HoldCause))
_RULE: Final = Label("rule", _values(Rule), "; ".join(f"{rule}: {rule.meaning}" for rule in Rule))
_RESULT: Final = Label("result", _values(CommitResult))
_EVENT: Final = Label("event", _values(RebalanceEvent))
_BUILD: Final = (
    Label("version", note="of this service"),
    Label("python", note="version of the interpreter"),
    Label("confluent_kafka", note="version of the Kafka client"),
)

_COUNTER, _GAUGE, _HISTOGRAM = MetricType.COUNTER, MetricType.GAUGE, MetricType.HISTOGRAM

#: All metrics, in the order of a record's way through the service.
CATALOGUE: Final = (
    MetricSpec("records_consumed_total", _COUNTER, "records", "Records received from Kafka.", (TOPIC,)),
    MetricSpec(
        "records_settled_total",
        _COUNTER,
        "records",
        "Records whose story ended, by how. Consumed = settled + released + still open.",
        (TOPIC, _ACTION, _OUTCOME, _REASON),
        possible=_settled(),
    ),
    MetricSpec(
        "records_released_total",
        _COUNTER,
        "records",
        "Records given up unsettled when their partition was revoked or the service stopped; "
        "the next owner gets them again.",
        (TOPIC,),
    ),
    MetricSpec(
        "erasures_total",
        _COUNTER,
        "records",
        "Records of the erasure topic that were settled, by how: each delivered one has deleted all payments "
        "of a user. They are in records_settled_total too, with the action none.",
        (_OUTCOME,),
    ),
    MetricSpec(
        "calls_total",
        _COUNTER,
        "calls",
        "Calls sent to the Linkrunner API, every try, by the status of the answer or how it failed. "
        "An erasure is a remove here: the action names the call.",
        (_SENT, _STATUS),
    ),
    MetricSpec(
        "retries_total",
        _COUNTER,
        "calls",
        "Calls that have to be tried again, by the answer that made it so.",
        (_RETRY,),
    ),
    MetricSpec(
        "call_duration_seconds",
        _HISTOGRAM,
        "seconds",
        "Time of one call, from the first byte of the request to the end of the answer or its failure.",
        (_SENT,),
        buckets=CALL_BUCKETS,
    ),
    MetricSpec(
        "delivery_delay_seconds",
        _HISTOGRAM,
        "seconds",
        "Time from a record's own timestamp until it was settled.",
        (_OUTCOME,),
        buckets=DELAY_BUCKETS,
    ),
    MetricSpec(
        "freshness_seconds",
        _GAUGE,
        "seconds",
        "Age of the oldest record of the held partitions that is not settled, at the time of the scrape; 0 "
        "when there is none. By its own timestamp where it is received; of one that is there and does not "
        "come, the least age: since records were seen behind the last one that came.",
    ),
    MetricSpec(
        "lag_records",
        _GAUGE,
        "records",
        "Records between the committed offset and the end of the partition; absent while its leader does "
        "not say where that is.",
        (TOPIC, _PARTITION),
    ),
    MetricSpec(
        "uncommitted_age_seconds",
        _GAUGE,
        "seconds",
        "How long the oldest offset that could be committed has waited for that; 0 when there is none.",
        (TOPIC, _PARTITION),
    ),
    MetricSpec(
        "retention_seconds",
        _GAUGE,
        "seconds",
        "For how long Kafka keeps a record of a topic of which partitions are held: its retention.ms. Absent "
        "while not known, or where records are kept for ever.",
        (TOPIC,),
    ),
    MetricSpec(
        "retention_headroom_seconds",
        _GAUGE,
        "seconds",
        "Time until Kafka may delete the oldest record of the partition that is not settled: "
        "retention_seconds less the record's age as in freshness_seconds, at least 0; all of it where "
        "nothing waits. For a record that does not come it is at most this. Absent while retention_seconds "
        "is, or where the partition ends is not known. Deletion by size (retention.bytes) is not foreseen.",
        (TOPIC, _PARTITION),
    ),
    MetricSpec("in_flight", _GAUGE, "calls", "Calls on the wire now."),
    MetricSpec("queued", _GAUGE, "records", "Records received that no worker has taken yet."),
    MetricSpec(
        "parked", _GAUGE, "records", "Records that wait: in backoff, in a grace, or for the end of a hold."
    ),
    MetricSpec(
        "removes_in_grace",
        _GAUGE,
        "records",
        "Removes that found no payment and are tried again until delivery.nothing_to_remove_grace_seconds "
        "are over, or that wait for a capture of their payment. They are unsettled and hold nothing up.",
    ),
    MetricSpec(
        "rate_limit_per_second",
        _GAUGE,
        "calls per second",
        "The rate of calls that this process allows itself now: its share of linkrunner.requests_per_second, "
        "less what refusals have cut and what is held back after a pause; 0 while the API asked for silence.",
    ),
    MetricSpec(
        "throttled_seconds_total",
        _COUNTER,
        "seconds",
        "Time that calls were ready and waited for the rate limit, added up over all calls.",
    ),
    MetricSpec(
        "holding",
        _GAUGE,
        "flag",
        "1 while something is stopped for this cause, else 0.",
        (_CAUSE,),
    ),
    MetricSpec("auth_ok", _GAUGE, "flag", "0 while the API refuses our key, else 1."),
    MetricSpec(
        "key_file_ok",
        _GAUGE,
        "flag",
        "0 while the file of the server key can't be read or holds no key, else 1. The last good key is "
        "used, but no new process could start.",
    ),
    MetricSpec(
        "rates_file_ok",
        _GAUGE,
        "flag",
        "0 while the file of exchange rates can't be used, or changes a rate that was there, else 1 (also "
        "without such a file). The last good rates are used, but no new process could start without a file.",
    ),
    MetricSpec(
        "rates_headroom_seconds",
        _GAUGE,
        "seconds",
        "Time until the newest exchange rate is too old for a payment of that moment "
        "(currency.rates.max_age_days), at least 0; then such payments wait. Absent where rates have no date "
        "or nothing is converted.",
    ),
    MetricSpec(
        "event_data_invalid_total",
        _COUNTER,
        "payments",
        "Payments whose ecommerce data broke a rule of Meta's catalogue.",
        (_RULE,),
    ),
    MetricSpec(
        "attributes_dropped_total",
        _COUNTER,
        "attributes",
        "Attributes of events that were not sent: a reserved name, a number that is not finite, or "
        "above a limit of Linkrunner (192 of them, 128 characters in a name, 256 in a text).",
    ),
    MetricSpec(
        "dead_letter_failures_total",
        _COUNTER,
        "records",
        "Dead letters that the broker did not take. Their offsets wait.",
    ),
    MetricSpec(
        "commits_total",
        _COUNTER,
        "commits",
        "Offset commits by result, those included that only prove the membership in the group.",
        (_RESULT,),
    ),
    MetricSpec(
        "rebalances_total",
        _COUNTER,
        "events",
        "Assignments and revocations of partitions to this process.",
        (_EVENT,),
    ),
    MetricSpec("assigned_partitions", _GAUGE, "partitions", "Partitions that this process holds."),
    MetricSpec("topic_partitions", _GAUGE, "partitions", "Partitions of all subscribed topics together."),
    MetricSpec(
        "missing_topics",
        _GAUGE,
        "topics",
        "Subscribed topics that do not exist, or that this service may not see, and patterns of topics that "
        "match none.",
    ),
    MetricSpec("build_info", _GAUGE, "flag", "Always 1; what runs is in the labels.", _BUILD),
)
