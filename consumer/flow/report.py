"""What others see of the running service: gauges, health and status, read from where the facts are."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol, TypeVar, Unpack

from consumer import __version__
from consumer.core.api.verdicts import HoldCause
from consumer.core.operations import waits
from consumer.core.operations.cures import ADVICE, NOT_READY, WAY_OUT
from consumer.core.operations.logbook import Event, Fields, Level, Log
from consumer.core.operations.status import (
    Health,
    HoldStatus,
    LastError,
    OldestStatus,
    PaceStatus,
    PartitionStatus,
    RatesHealth,
    RegistryHealth,
    SourceStatus,
    Status,
    StopStatus,
    WaitStatus,
)
from consumer.core.partitions.distances import Standing, Unread, age, headroom
from consumer.core.partitions.subscription import Choice
from consumer.core.records import Partition
from consumer.edges.kafka.statistics import Ends
from consumer.edges.metrics import Gauges
from consumer.flow.pipeline import Pipeline
from consumer.flow.traffic import Traffic

V = TypeVar("V")

#: Seconds without a tick after which a loop counts as stuck.
STUCK_SECONDS: Final = 60.0


class Topics(Protocol):
    """What is known of the topics beside what the consumer knows."""

    @property
    def names(self) -> Sequence[str]:
        """The topics that are read now, whether they exist or not."""

    @property
    def unmatched(self) -> Sequence[str]:
        """The patterns that match no topic, as far as is known."""

    def end(self, partition: Partition, fetched: int | None) -> int | None:
        """Return where a partition ends, ``fetched`` being what the consumer knows; None: not known."""

    def partitions(self, topic: str) -> int | None:
        """Return how many partitions a topic has, 0 where there is no such topic; None: not known yet."""

    def kept(self, topic: str) -> float | None:
        """Return for how many seconds a topic keeps a record; None: for ever, or not known."""


@dataclass(frozen=True, slots=True)
class ReadFrom:
    """A source as configured: its names and patterns, and what tells the meaning of their events."""

    entries: tuple[str, ...]
    meaning: str


class Group(Protocol):
    """What the Kafka source knows of the group."""

    ends: Ends
    joined: bool
    polled_at: float


class Rates(Protocol):
    """What is known of the exchange rates."""

    trouble: str | None

    def headroom(self) -> float | None:
        """Return the seconds until the newest rates are too old for payments; None: never."""

    def describe(self) -> RatesHealth:
        """Return how they do."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is read besides records, asked how it does.

    ``registry`` answers None where none is configured; ``rates`` is None where nothing is converted.
    """

    key_file_ok: Callable[[], bool]
    registry: Callable[[], RegistryHealth | None]
    rates: Rates | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What does not change while the service runs; ``config`` is the effective one, secrets masked."""

    group_id: str
    sources: Sequence[ReadFrom]
    max_in_flight: int
    config: Mapping[str, str]


class _Look(NamedTuple):
    """Where a partition stands, how old its oldest unsettled record is, and how long Kafka keeps that."""

    standing: Standing
    age: float | None
    headroom: float | None


#: What is remembered though it is daily business as a log line: which answers the API fails with.
_ALSO_REMEMBERED: Final = frozenset({Event.CALL_RETRIED})
#: Fields that tell causes of one event apart; the first that it has does. All have few values.
_TELLS_APART: Final = ("cause", "reason", "rule", "result", "target")
#: Causes that are remembered: far more than there are, but for targets.
_MOST_CAUSES: Final = 100


class ErrorBook:
    """A log that also remembers the latest trouble of each event and cause, failed calls included."""

    def __init__(self, log: Log) -> None:
        self._log: Final = log
        self._errors: Final[dict[tuple[Event, str], LastError]] = {}

    def __call__(self, event: Event, **fields: Unpack[Fields]) -> None:
        """Log an event, and remember it if it is trouble."""
        self._log(event, **fields)
        if event.level >= Level.WARNING or event in _ALSO_REMEMBERED:
            self._remember(event, fields)

    def _remember(self, event: Event, fields: Fields) -> None:
        cause = next((str(fields[field]) for field in _TELLS_APART if field in fields), "")
        text = fields.get("error") or fields.get("detail") or fields.get("cure") or event.meaning
        before = self._errors.pop((event, cause), None)
        count = before.count + 1 if before is not None else 1
        self._errors[event, cause] = LastError(event.value, cause, datetime.now(UTC), text, count)
        if len(self._errors) > _MOST_CAUSES:
            del self._errors[next(iter(self._errors))]

    def entries(self) -> tuple[LastError, ...]:
        """Return what is remembered, the newest first."""
        return tuple(reversed(self._errors.values()))


class Report:
    """Answers the probes and the scrape. Changes nothing that it reads; cheap enough for every request."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        traffic: Traffic,
        group: Group,
        topics: Topics,
        inputs: Inputs,
        errors: ErrorBook,
        facts: Facts,
    ) -> None:
        """Take the parts to read."""
        self._pipeline: Final = pipeline
        self._traffic: Final = traffic
        self._group: Final = group
        self._topics: Final = topics
        self._source_of: Final = Choice((source.entries, source) for source in facts.sources)
        self._inputs: Final = inputs
        self._errors: Final = errors
        self._facts: Final = facts
        self._started_at: Final = datetime.now(UTC)
        self._unread: Final = Unread()
        self._stuck = False
        self.draining = False

    def gauges(self) -> Gauges:
        """Return the gauges of this moment."""
        lanes, offsets = self._pipeline.lanes, self._pipeline.offsets
        counts = [self._topics.partitions(topic) for topic in self._topics.names]
        rates = self._inputs.rates
        now, looks = self._traffic.clock(), self._looks()
        kept = {topic: self._topics.kept(topic) for topic in {partition.topic for partition in looks}}
        return Gauges(
            freshness_seconds=max((look.age or 0.0 for look in looks.values()), default=0.0),
            lag=_known(looks, lambda look: look.standing.lag),
            retention={topic: seconds for topic, seconds in kept.items() if seconds is not None},
            retention_headroom=_known(looks, lambda look: look.headroom),
            uncommitted_age={
                partition: 0.0 if since is None else now - since
                for partition, since in offsets.uncommitted_since().items()
            },
            in_flight=self._pipeline.on_wire,
            queued=lanes.queued,
            parked=lanes.parked,
            removes_in_grace=self._pipeline.graces.waiting,
            rate_limit_per_second=self._traffic.pacer.pace(now).per_second,
            holding=self._pipeline.holding(),
            auth_ok=self._traffic.auth_ok,
            key_file_ok=self._inputs.key_file_ok(),
            rates_file_ok=rates is None or rates.trouble is None,
            rates_headroom=None if rates is None else rates.headroom(),
            assigned_partitions=len(looks),
            topic_partitions=sum(filter(None, counts)),
            missing_topics=counts.count(0) + len(self._topics.unmatched),
        )

    def unread(self, partition: Partition) -> bool:
        """Tell whether a held partition has records that have not come; False where its end is not known."""
        standing = self._standing(partition)
        return standing.end is not None and not standing.all_received

    def health(self) -> Health:
        """Return what the probes answer."""
        now = self._traffic.clock()
        stuck = now - min(self._group.polled_at, self._pipeline.ticked_at) > STUCK_SECONDS
        reasons = [f"hold {cause.value}: {ADVICE[cause].cure}" for cause in self._blocking()]
        if not self._group.joined:
            waits = self._topics.unmatched and not self._topics.names
            why = ": no topic matches a pattern of ours" if waits else ""
            reasons.append(f"the consumer group is not joined yet{why}")
        if self.draining:
            reasons.append("the service is stopping")
        ready = not (reasons or stuck)
        if stuck and not self._stuck:
            self._errors(Event.STUCK)
        self._stuck = stuck
        if stuck:
            reasons.append(f"a loop has not moved for {STUCK_SECONDS:.0f} s")
        return Health(started=True, live=not stuck, ready=ready, reasons=tuple(reasons))

    def status(self) -> Status:
        """Return everything that the status page shows."""
        gauges = self.gauges()
        return Status(
            version=__version__,
            group=self._facts.group_id,
            started_at=self._started_at,
            at=datetime.now(UTC),
            health=self.health(),
            in_flight=gauges.in_flight,
            max_in_flight=self._facts.max_in_flight,
            queued=gauges.queued,
            parked=gauges.parked,
            removes_in_grace=gauges.removes_in_grace,
            rate_limit_per_second=gauges.rate_limit_per_second,
            freshness_seconds=gauges.freshness_seconds,
            pace=self._pace(),
            sources=self._sources(),
            partitions=self._partitions(),
            holds=self._hold_statuses(),
            stopped_topics=self._stop_statuses(),
            awaiting_turn=self._pipeline.in_flight - gauges.in_flight,
            waits=self._waits(),
            lease=self._pipeline.membership(),
            errors=self._errors.entries(),
            registry=self._inputs.registry(),
            rates=None if self._inputs.rates is None else self._inputs.rates.describe(),
            config=self._facts.config,
        )

    def _blocking(self) -> list[HoldCause]:
        return sorted(self._pipeline.holding() & NOT_READY)

    def _looks(self) -> dict[Partition, _Look]:
        """Look at all held partitions, in order."""
        offsets, now = self._pipeline.offsets, time.time()
        standings = {partition: self._standing(partition) for partition in sorted(offsets.next_offsets())}
        unread = self._unread.look(standings, self._traffic.clock())
        looks = {}
        for partition, standing in standings.items():
            stamp = offsets.oldest_ms(partition)
            oldest = age(
                oldest=None if stamp is None else stamp / 1000, unread=unread.get(partition), now=now
            )
            waits = offsets.unsettled(partition) > 0 or not standing.all_received
            left = headroom(self._topics.kept(partition.topic), waits=waits, age=oldest)
            looks[partition] = _Look(standing, oldest, left)
        return looks

    def _standing(self, partition: Partition) -> Standing:
        offsets, client = self._pipeline.offsets, self._group.ends
        return Standing(
            committed=offsets.confirmed_offset(partition),
            position=offsets.position(partition),
            read=client.read.get(partition),
            end=self._topics.end(partition, client.ends.get(partition)),
        )

    def _pace(self) -> PaceStatus:
        now = self._traffic.clock()
        pace, shares = self._traffic.pacer.pace(now), self._traffic.allotment.shares
        if shares is None:
            return PaceStatus(pace)
        return PaceStatus(pace, shares.share(now), shares.of_ours(now), shares.of_all(now))

    def _sources(self) -> tuple[SourceStatus, ...]:
        read = {topic: self._source_of.of(topic) for topic in self._topics.names}
        return tuple(
            SourceStatus(
                source.entries, source.meaning, tuple(topic for topic, its in read.items() if its is source)
            )
            for source in self._facts.sources
        )

    def _waits(self) -> tuple[WaitStatus, ...]:
        """Return why records are parked, most of them first."""
        counts: Counter[str] = Counter()
        soonest: dict[str, float] = {}
        for ticket, until in self._pipeline.lanes.sleeping():
            reason = ticket.story.waits_for
            counts[reason] += 1
            soonest[reason] = min(until, soonest.get(reason, until))
        now = self._traffic.clock()
        return tuple(
            WaitStatus(reason, count, max(0.0, soonest[reason] - now), waits.meaning(reason))
            for reason, count in counts.most_common()
        )

    def _oldest(self, partition: Partition, due: Mapping[int, float]) -> OldestStatus | None:
        """Return a partition's oldest open record; ``due`` is when parked tickets, by identity, are tried."""
        found = self._pipeline.lanes.oldest(partition)
        if found is None:
            return None
        ticket, flying = found
        story, stamp = ticket.story, ticket.record.timestamp_ms
        until = due.get(id(ticket))
        if flying:
            waits_for = waits.ON_WIRE if story.on_wire else waits.TURN
        else:
            waits_for = waits.QUEUED if until is None else story.waits_for
        return OldestStatus(
            offset=ticket.record.offset,
            age_seconds=None if stamp is None else max(0.0, time.time() - stamp / 1000),
            waits_for=waits_for,
            tries=story.tries,
            next_try_seconds=None if until is None else max(0.0, until - self._traffic.clock()),
        )

    def _partitions(self) -> tuple[PartitionStatus, ...]:
        offsets, pauses = self._pipeline.offsets, self._pipeline.pauses()
        due = {id(ticket): until for ticket, until in self._pipeline.lanes.sleeping()}
        return tuple(
            PartitionStatus(
                topic=partition.topic,
                partition=partition.number,
                position=offsets.position(partition),
                committed=offsets.confirmed_offset(partition),
                lag=look.standing.lag,
                open=offsets.unsettled(partition),
                queued=self._pipeline.queued(partition),
                headroom_seconds=look.headroom,
                paused=pauses.get(partition, ""),
                oldest=self._oldest(partition, due),
            )
            for partition, look in self._looks().items()
        )

    def _hold_statuses(self) -> tuple[HoldStatus, ...]:
        now = datetime.now(UTC)
        since = self._pipeline.holdings.ages()
        return tuple(
            HoldStatus(cause, now - timedelta(seconds=since.get(cause, 0.0)), *ADVICE[cause])
            for cause in sorted(self._pipeline.holding())
        )

    def _stop_statuses(self) -> tuple[StopStatus, ...]:
        now, clock = datetime.now(UTC), self._traffic.clock()
        return tuple(
            StopStatus(
                topic=stop.topic,
                since=now - timedelta(seconds=clock - stop.since),
                judged=stop.judged,
                reasons={reason.value: count for reason, count in sorted(stop.reasons.items())},
                good_probes=stop.good_probes,
                probes_needed=stop.probes_needed,
                way_out=WAY_OUT,
            )
            for stop in self._pipeline.stops()
        )


def _known(looks: Mapping[Partition, _Look], read: Callable[[_Look], V | None]) -> dict[Partition, V]:
    """Return what ``read`` knows of each partition."""
    found = ((partition, read(look)) for partition, look in looks.items())
    return {partition: value for partition, value in found if value is not None}
