"""The state of the service as others may see it: health for probes, status for people. No personal data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from consumer.core.api.pacing import Pace
from consumer.core.api.verdicts import HoldCause


@dataclass(frozen=True, slots=True)
class Health:
    """What the probes answer. None of it depends on lag, or on the API or the registry being up.

    ``started``: the configuration is read and the consumer made. ``live``: the loops tick. ``ready``: the
    group is joined, nothing drains, no hold says otherwise. ``reasons`` says in words why one is false.
    """

    started: bool
    live: bool
    ready: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OldestStatus:
    """A partition's oldest open record: everything behind it waits to be committed.

    ``age_seconds`` is by the record's own timestamp, None where it has none. ``waits_for`` is a word of
    ``core.operations.waits``, an HTTP status, or a hold. ``tries`` are its calls so far, ``next_try_seconds``
    is when the next one is due, None where that depends on others.
    """

    offset: int
    age_seconds: float | None
    waits_for: str
    tries: int
    next_try_seconds: float | None


@dataclass(frozen=True, slots=True)
class WaitStatus:
    """Why ``records`` records are parked. The first of them is tried again in ``next_try_seconds``."""

    reason: str
    records: int
    next_try_seconds: float
    meaning: str


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One held partition. Offsets are None until they are known.

    ``position`` is the next offset to be received, ``committed`` the next to be read after a restart,
    ``lag`` the records from there to the end. ``open`` counts received and unsettled records, ``queued``
    those of them that no worker has taken. ``headroom_seconds`` is the time until Kafka may delete the
    oldest record that is not settled (the metric ``retention_headroom_seconds``), None where it is not
    known. ``paused`` says why it is not fetched, empty if it is. ``oldest`` is its oldest open record, None
    where none is open.
    """

    topic: str
    partition: int
    position: int | None
    committed: int | None
    lag: int | None
    open: int
    queued: int
    headroom_seconds: float | None = None
    paused: str = ""
    oldest: OldestStatus | None = None


@dataclass(frozen=True, slots=True)
class HoldStatus:
    """Something that is stopped: what, since when, and what ends it."""

    cause: HoldCause
    since: datetime
    scope: str
    cure: str


@dataclass(frozen=True, slots=True)
class StopStatus:
    """A topic that is stopped (hold ``refusals``), since when, and what it saw.

    ``reasons`` are those for which so many of the last ``judged`` records would be dead letters.
    ``good_probes`` of ``probes_needed`` were good in a row. ``way_out`` is how to go on by hand.
    """

    topic: str
    since: datetime
    judged: int
    reasons: Mapping[str, int]
    good_probes: int
    probes_needed: int
    way_out: str


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """Topics that are read in one way: ``entries`` as configured, ``topics`` those of them there are to read.

    ``meaning`` says what tells their events' meaning: ``canonical``, or the mapping's routes by name.
    """

    entries: tuple[str, ...]
    meaning: str
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RegistryHealth:
    """How the schema registry does; ``reachable`` None: it was not asked yet.

    ``trouble`` is what was wrong with its last answer, free of secrets; ``known`` counts the schemas that are
    kept.
    """

    reachable: bool | None
    trouble: str | None
    known: int


@dataclass(frozen=True, slots=True)
class RatesHealth:
    """The exchange rates in use. ``newest`` is the date of the last ones, None where rates have no date.

    ``trouble`` says why the file can't be used at the moment, None where it can.
    """

    newest: date | None
    currencies: int
    trouble: str | None


@dataclass(frozen=True, slots=True)
class LeaseStatus:
    """How long this process may still send without proving anew that it is in its group, in seconds.

    ``seconds`` is how long a proof is good for, ``proven_seconds_ago`` when the last one was asked for (None:
    there is none), ``remaining_seconds`` what is left of it. A process without partitions needs none.
    """

    seconds: float
    proven_seconds_ago: float | None
    remaining_seconds: float


@dataclass(frozen=True, slots=True)
class PaceStatus:
    """How fast calls may leave, and why not faster.

    ``share`` is this process's part of the group's rate, from 0 to 1, None where instances share nothing;
    ``partitions`` and ``of_partitions`` are what it is made of: those that count for this process, and all.
    ``now`` has what is left of that after refusals and on the way back from a pause.
    """

    now: Pace
    share: float | None = None
    partitions: int | None = None
    of_partitions: int | None = None


@dataclass(frozen=True, slots=True)
class LastError:
    """The latest trouble of one ``event`` and cause, and how many of them there were since the start.

    ``cause`` is what distinguishes it from others of that event: a hold, a reason, a rule; may be empty.
    """

    event: str
    cause: str
    at: datetime
    text: str
    count: int


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that ``/statusz`` shows, as of ``at``. Times are aware.

    ``in_flight`` are calls and dead letters on the wire; ``awaiting_turn`` records have a worker and wait for
    the rate or a schema. ``waits`` says why records are parked. ``lease`` is None while no partition is held.
    ``registry`` is None where none is configured, ``rates`` where nothing is converted. ``config`` is the
    effective configuration by dotted key, secrets already masked.
    """

    version: str
    group: str
    started_at: datetime
    at: datetime
    health: Health
    in_flight: int
    max_in_flight: int
    queued: int
    parked: int
    removes_in_grace: int
    rate_limit_per_second: float
    freshness_seconds: float
    pace: PaceStatus
    sources: tuple[SourceStatus, ...] = ()
    partitions: tuple[PartitionStatus, ...] = ()
    holds: tuple[HoldStatus, ...] = ()
    stopped_topics: tuple[StopStatus, ...] = ()
    awaiting_turn: int = 0
    waits: tuple[WaitStatus, ...] = ()
    lease: LeaseStatus | None = None
    errors: tuple[LastError, ...] = ()
    registry: RegistryHealth | None = None
    rates: RatesHealth | None = None
    config: Mapping[str, str] = field(default_factory=dict)
