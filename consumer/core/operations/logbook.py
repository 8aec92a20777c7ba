"""What the log may say: a closed list of events, a closed list of fields, and how often one may repeat.

Personal data stays out by construction: there is no field for a key, a payload, an id or an amount, and the
writer lets no other field through. A record is named by ``topic``, ``partition`` and ``offset``.
"""

from enum import IntEnum, StrEnum
from typing import Final, Protocol, Self, TypedDict, Unpack

#: How often an event may repeat itself in :data:`REPEAT_SECONDS`.
MAX_REPEATS: Final = 20
REPEAT_SECONDS: Final = 60.0


class Level(IntEnum):
    """How much an event matters; the numbers are those of Python's logging."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


class Event(StrEnum):
    """Everything that is ever logged, with its level and its meaning. ``docs/logs.md`` is made from it."""

    level: Level
    meaning: str

    def __new__(cls, name: str, level: Level, meaning: str) -> Self:
        """Make a member whose value is its name."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.level = level
        member.meaning = meaning
        return member

    STARTING = "starting", Level.INFO, "The configuration is read and the service begins."
    LISTENING = "listening", Level.INFO, "Health, metrics and status are served at this address."
    WAITING = "waiting", Level.WARNING, "Something outside does not answer yet; it is tried again."
    TOPIC_MATCHED = "topic_matched", Level.INFO, "A pattern matches this topic, which is read from now on."
    TOPIC_GONE = (
        "topic_gone",
        Level.WARNING,
        "A topic that a pattern matched does not exist any more; it is not read.",
    )
    PATTERN_UNMATCHED = (
        "pattern_unmatched",
        Level.WARNING,
        "No topic that we may see matches this pattern; the topics are looked through again and again.",
    )
    GROUP_JOINED = "group_joined", Level.INFO, "The consumer group is joined: the service is ready."
    PARTITIONS_ASSIGNED = "partitions_assigned", Level.INFO, "Partitions were given to this process."
    PARTITIONS_REVOKED = "partitions_revoked", Level.INFO, "Partitions were handed over, after a last commit."
    PARTITIONS_LOST = (
        "partitions_lost",
        Level.WARNING,
        "Partitions were lost without a hand-over; another process repeats what was not committed.",
    )
    PARTITION_STARTED = "partition_started", Level.INFO, "A partition is read from this offset on."
    PARTITION_PAUSED = "partition_paused", Level.DEBUG, "A partition is not fetched: its bound is reached."
    PARTITION_RESUMED = "partition_resumed", Level.DEBUG, "A paused partition is fetched again."
    PROGRESS = "progress", Level.INFO, "What was settled lately; at most once a minute."
    RECORD_DELIVERED = "record_delivered", Level.DEBUG, "The API has the record, or had nothing to remove."
    RECORD_SKIPPED = "record_skipped", Level.DEBUG, "The record is not sent, on purpose."
    RECORD_DEAD_LETTERED = (
        "record_dead_lettered",
        Level.WARNING,
        "The record is in the dead-letter topic and will not be sent.",
    )
    RECORD_KEPT = (
        "record_kept",
        Level.WARNING,
        "The record would be a dead letter, and is kept: its topic is stopped, as too many would be.",
    )
    TOPIC_STOPPED = (
        "topic_stopped",
        Level.ERROR,
        "Too many records of a topic would be dead letters: one at a time is tried until five are good.",
    )
    TOPIC_RESUMED = "topic_resumed", Level.INFO, "Five records in a row were good: the topic goes on."
    DEAD_LETTER_SHORTENED = (
        "dead_letter_shortened",
        Level.WARNING,
        "A record is too large for its dead-letter topic: a pointer to it, with size and hash, is there.",
    )
    ERASURE_ENABLED = (
        "erasure_enabled",
        Level.INFO,
        "Users are erased: each record of this topic deletes all payments of one.",
    )
    USER_ERASED = (
        "user_erased",
        Level.INFO,
        "All payments of a user were removed, as the record asked, or the API had none.",
    )
    EVENT_DATA_INVALID = (
        "event_data_invalid",
        Level.WARNING,
        "The items of a payment break a rule of Meta's catalogue.",
    )
    CALL_RETRIED = "call_retried", Level.INFO, "A call will be tried again after a wait."
    RATE_LIMITED = "rate_limited", Level.WARNING, "The API asked for fewer calls; all calls wait."
    RATE_CUT = (
        "rate_cut",
        Level.WARNING,
        "The API says that calls come too fast: fewer are made, and step by step more again.",
    )
    RATE_SHARED = (
        "rate_shared",
        Level.INFO,
        "Partitions came, went or were counted: this process has another share of the group's rate.",
    )
    HOLD_STARTED = "hold_started", Level.ERROR, "Something is stopped until its cause is gone; see the cure."
    HOLD_ENDED = "hold_ended", Level.INFO, "The cause of a hold is gone; work goes on."
    KEY_RELOADED = "key_reloaded", Level.INFO, "The key file has changed and was read again."
    KEY_UNUSABLE = (
        "key_unusable",
        Level.WARNING,
        "The key file can't be read or holds no key; the last good key is used, until the next start.",
    )
    CONFIGURATION_DOUBTFUL = (
        "configuration_doubtful",
        Level.WARNING,
        "A setting is allowed but worth a second look.",
    )
    REGISTRY_UNAVAILABLE = (
        "registry_unavailable",
        Level.WARNING,
        "A schema could not be fetched; its records wait.",
    )
    RATES_RELOADED = "rates_reloaded", Level.INFO, "The file of exchange rates has changed and is in use."
    RATES_UNUSABLE = (
        "rates_unusable",
        Level.WARNING,
        "The file of exchange rates can't be used; the last good rates are, until the next start.",
    )
    RATE_MISSING = (
        "rate_missing",
        Level.WARNING,
        "The exchange rate of a payment is not there yet; it waits for a file that has it.",
    )
    DEAD_LETTER_TOPIC_MISSING = (
        "dead_letter_topic_missing",
        Level.WARNING,
        "A dead-letter topic does not exist; the first record that needs it will wait.",
    )
    RETENTION_UNKNOWN = (
        "retention_unknown",
        Level.WARNING,
        "How long a topic keeps its records can't be read; nobody is warned before they are deleted.",
    )
    DEAD_LETTER_FAILED = (
        "dead_letter_failed",
        Level.ERROR,
        "The broker did not take a dead letter; it is held.",
    )
    COMMIT_FAILED = (
        "commit_failed",
        Level.WARNING,
        "An offset commit did not succeed; the next one includes it.",
    )
    KAFKA_ERROR = (
        "kafka_error",
        Level.WARNING,
        "The Kafka client reports an error from which it recovers by itself.",
    )
    KAFKA_FATAL = "kafka_fatal", Level.ERROR, "The Kafka client can't go on; the process ends."
    STOPPING = "stopping", Level.INFO, "A stop was asked for; calls on the wire are waited for."
    STOPPED = "stopped", Level.INFO, "Everything is committed and closed."
    DRAIN_TIMED_OUT = (
        "drain_timed_out",
        Level.ERROR,
        "Calls were still on the wire when the time to stop was over; their records come again.",
    )
    STUCK = "stuck", Level.ERROR, "A loop of the service does not move; the liveness probe fails."
    BUG = "bug", Level.ERROR, "A defect of this service. Please report the trace."
    LIBRARY_MESSAGE = (
        "library_message",
        Level.WARNING,
        "A library says something, at a level of its own: librdkafka, aiohttp, httpx, asyncio.",
    )
    LOG_LINES_DROPPED = (
        "log_lines_dropped",
        Level.WARNING,
        "Lines were lost because nobody read the output fast enough.",
    )


class Fields(TypedDict, total=False):
    """The only fields that an event may have. What is in none of them can't be logged."""

    topic: str
    partition: int
    offset: int
    action: str
    outcome: str
    reason: str
    cause: str
    rule: str
    result: str
    status: int | str
    attempts: int
    count: int
    seconds: float
    share: float
    per_second: float
    error: str
    detail: str
    cure: str
    scope: str
    group: str
    target: str
    address: str
    version: str
    signal: str
    logger: str
    message: str
    trace: str


#: Events that no other line stands for: each is written, however often. What makes them is rare or paced.
EACH_WRITTEN: Final = frozenset({Event.USER_ERASED})

#: Events that differ in one of these are not repeats of each other. All of them have few values.
DISTINCT_BY: Final = ("topic", "cause", "reason", "rule", "target", "logger")

#: What each field holds; ``docs/logs.md`` is made from it.
FIELDS: Final[dict[str, str]] = {
    "topic": "topic of the record",
    "partition": "number of its partition",
    "offset": "its offset",
    "action": "what the event became: capture, remove, none",
    "outcome": "how the record was settled",
    "reason": "why it was skipped, dead-lettered or tried again",
    "cause": "what a hold waits for",
    "rule": "the rule that was broken",
    "result": "how a commit ended",
    "status": "HTTP status of the answer that refused it, or none",
    "attempts": "tries so far",
    "count": "how many",
    "seconds": "a duration",
    "share": "this process's part of the group's rate, from 0 to 1",
    "per_second": "calls a second",
    "error": "one sentence on what went wrong",
    "detail": "one sentence more: names of fields, never their values",
    "cure": "what to do about it",
    "scope": "what is stopped",
    "group": "the consumer group",
    "target": "which outside thing: a broker, the registry, the API; or a pattern of topics",
    "address": "host and port",
    "version": "version of this service",
    "signal": "the signal received",
    "logger": "name of the library's logger",
    "message": "first line of what the library says",
    "trace": "types of errors and the lines of code where they passed; no values of variables",
}

#: Fields that the writer adds by itself.
ADDED_FIELDS: Final[dict[str, str]] = {
    "timestamp": "when, in UTC (ISO 8601, milliseconds)",
    "level": "debug, info, warning or error",
    "event": "one of the events above",
    "suppressed": "how many such lines were left out before this one",
    "fields_dropped": "how many fields were left out because they are not on this list",
}


class Log(Protocol):
    """Whoever can write an event down. Never waits and never raises."""

    def __call__(self, event: Event, **fields: Unpack[Fields]) -> None:
        """Log ``event``."""


class Repeats:
    """Lets an event through at most ``limit`` times in a window of ``seconds``, for each cause of it.

    So a fault that hits every record costs a few lines a minute and not the disk. Time is passed in.
    """

    #: Causes are closed sets; this bounds the memory should one of them ever not be.
    _MAX_KEYS: Final = 1000

    def __init__(self, limit: int = MAX_REPEATS, seconds: float = REPEAT_SECONDS) -> None:
        self._limit: Final = limit
        self._seconds: Final = seconds
        self._windows: dict[tuple[str, ...], _Window] = {}

    def admit(self, key: tuple[str, ...], now: float) -> int | None:
        """Return how many were left out since the last one that passed; None leaves this one out too."""
        window = self._windows.get(key)
        if window is None or now >= window.start + self._seconds:
            if len(self._windows) >= self._MAX_KEYS:
                self._windows.clear()
            self._windows[key] = _Window(start=now)
            return window.suppressed if window else 0
        if window.passed < self._limit:
            window.passed += 1
            return 0
        window.suppressed += 1
        return None


class _Window:
    """One key's count since ``start``."""

    __slots__ = ("passed", "start", "suppressed")

    def __init__(self, start: float) -> None:
        self.start: Final = start
        self.passed = 1
        self.suppressed = 0
