"""Lanes: per-key queues that keep order while many keys move at once.

A lane is one record key of one partition (or the whole partition). At most one record of a lane is in
flight; the next starts only after it settled. Rules that the model test holds:

- a lane's records are taken in the order they were offered, each at most once at a time;
- a parked record blocks its own lane and nothing else;
- partitions with work take turns; within a partition the oldest record that may start is the next, so that
  the committable offset follows closely behind what is settled;
- ``drop`` gives up everything that is not in flight. A flight of a dropped partition keeps its lane
  occupied until it ends, so that the same key can't overtake itself when the partition comes back.

Time is passed in (seconds of any steady clock).
"""

import heapq
from collections import Counter, deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import count
from typing import Final, Generic, TypeAlias, TypeVar

from consumer.core.api.verdicts import HoldCause
from consumer.core.records import Partition, Record

S = TypeVar("S")
LaneKey: TypeAlias = bytes | None


class Ordering(Enum):
    """What makes a lane: the record key (records without one share a lane), or the whole partition."""

    KEY = "key"
    PARTITION = "partition"


@dataclass(eq=False, slots=True)
class Ticket(Generic[S]):
    """A record on its way through its lane, with the ``story`` that the flow tells about it.

    ``released`` turns True when its partition was given up: its result may still be stored while the
    partition is being handed over, but it is never tried again. ``cause`` is the hold it last waited for.
    """

    record: Record
    story: S
    lane: "_Lane[S]" = field(repr=False)
    released: bool = False
    cause: HoldCause | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What a partition holds in memory: unsettled records, their bytes, and how many could move now."""

    records: int = 0
    size: int = 0
    movable: int = 0


class _State(Enum):
    IDLE = auto()
    READY = auto()
    FLYING = auto()
    PARKED = auto()


@dataclass(eq=False, slots=True)
class _Lane(Generic[S]):
    partition: Partition
    key: LaneKey
    state: _State = _State.IDLE
    waiting: deque[Ticket[S]] = field(default_factory=deque)
    flight: Ticket[S] | None = None
    wake: int = 0
    probes: int = 0

    @property
    def oldest(self) -> int:
        """The offset of the next record; only while one waits."""
        return self.waiting[0].record.offset

    def __lt__(self, other: "_Lane[S]") -> bool:
        """Put the lane with the oldest next record first."""
        return self.oldest < other.oldest


class _Shard(Generic[S]):
    """The lanes of one partition, and what they hold."""

    def __init__(self) -> None:
        self.lanes: dict[LaneKey, _Lane[S]] = {}
        self.ready: list[_Lane[S]] = []
        self.records = 0
        self.size = 0
        self.flying = 0


class Lanes(Generic[S]):
    """All lanes of this process. Not thread-safe: one event loop owns it."""

    def __init__(self, ordering: Ordering = Ordering.KEY) -> None:
        self._ordering: Final = ordering
        self._shards: dict[Partition, _Shard[S]] = {}
        self._turns: deque[Partition] = deque()
        self._sleepers: list[tuple[float, int, _Lane[S]]] = []
        self._numbers: Final = count(1)
        self._causes: Counter[HoldCause] = Counter()
        self._parked = 0

    def offer(self, record: Record, story: S) -> None:
        """Queue a record at the end of its lane."""
        shard = self._shards.setdefault(record.partition, _Shard())
        key = record.key if self._ordering is Ordering.KEY else None
        lane = shard.lanes.setdefault(key, _Lane(record.partition, key))
        lane.waiting.append(Ticket(record, story, lane))
        shard.records += 1
        shard.size += record.size
        if lane.state is _State.IDLE:
            self._make_ready(shard, lane)

    def take(
        self, now: float, *, probe: bool = False, resting: Collection[str] = (), topic: str | None = None
    ) -> Ticket[S] | None:
        """Return the next record that may start, or None; topics that are ``resting`` are passed over.

        Where a ``topic`` is given, it is one of that topic.
        For a ``probe`` it comes from a lane that has been probed least, so that one record that fails for a
        reason of its own does not stand for all. Whoever takes it must end with one of :meth:`finish`,
        :meth:`park` or :meth:`put_back`.
        """
        self._wake_sleepers(now)
        for _ in range(len(self._turns)):
            partition = self._turns.popleft()
            if partition.topic in resting or topic not in (None, partition.topic):
                self._turns.append(partition)
                continue
            shard = self._shards.get(partition)
            if shard is None or not shard.ready:
                continue
            lane = _least_probed(shard.ready) if probe else heapq.heappop(shard.ready)
            if shard.ready:
                self._turns.append(partition)
            lane.state = _State.FLYING
            lane.flight = lane.waiting.popleft()
            shard.flying += 1
            return lane.flight
        return None

    def finish(self, ticket: Ticket[S]) -> None:
        """End a flight: the record settled, or was given up. The lane moves on."""
        self._land(ticket)
        if not ticket.released:
            shard = self._shards[ticket.record.partition]
            shard.records -= 1
            shard.size -= ticket.record.size
            self._note_cause(ticket, None)
        self._move_on(ticket.lane)

    def park(self, ticket: Ticket[S], until: float, cause: HoldCause | None = None) -> None:
        """End a flight that is to be tried again at ``until``; its lane waits for it.

        A released ticket is not kept: there is nothing left to try it for.
        """
        if ticket.released:
            self.finish(ticket)
            return
        self._land(ticket)
        self._note_cause(ticket, cause)
        lane = ticket.lane
        lane.waiting.appendleft(ticket)
        lane.state = _State.PARKED
        lane.wake = next(self._numbers)
        self._parked += 1
        heapq.heappush(self._sleepers, (until, lane.wake, lane))

    def put_back(self, ticket: Ticket[S]) -> None:
        """End a flight that never started: the record is the first of its lane again."""
        if ticket.released:
            self.finish(ticket)
            return
        self._land(ticket)
        ticket.lane.waiting.appendleft(ticket)
        self._make_ready(self._shards[ticket.record.partition], ticket.lane)

    def drop(self, partitions: Collection[Partition]) -> list[Ticket[S]]:
        """Give up these partitions and return their flights, now marked ``released``.

        Queued and parked records are forgotten. Each flight must still end with :meth:`finish`.
        """
        flights = []
        for partition in partitions:
            shard = self._shards.get(partition)
            if shard is None:
                continue
            if shard.ready:
                shard.ready.clear()
                self._turns.remove(partition)
            for lane in list(shard.lanes.values()):
                self._drop_waiting(shard, lane)
                if lane.flight is not None and not lane.flight.released:
                    self._note_cause(lane.flight, None)
                    lane.flight.released = True
                    flights.append(lane.flight)
            shard.records = shard.size = 0
            if not shard.lanes:
                del self._shards[partition]
        return flights

    def next_wake(self) -> float | None:
        """Return when the next parked record is due, or None."""
        self._forget_dropped_sleepers()
        return self._sleepers[0][0] if self._sleepers else None

    def sleeping(self) -> Iterator[tuple[Ticket[S], float]]:
        """Yield each parked record, and when it is tried again, in no order."""
        return ((lane.waiting[0], until) for until, number, lane in self._sleepers if number == lane.wake)

    def oldest(self, partition: Partition) -> tuple[Ticket[S], bool] | None:
        """Return a partition's oldest record, and whether it is in flight; None where there is none."""
        shard = self._shards.get(partition)
        if shard is None:
            return None
        flights = ((lane.flight, True) for lane in shard.lanes.values() if lane.flight is not None)
        waiting = ((lane.waiting[0], False) for lane in shard.lanes.values() if lane.waiting)
        ours = (pair for pair in (*flights, *waiting) if not pair[0].released)
        return min(ours, key=lambda pair: pair[0].record.offset, default=None)

    def load(self, partition: Partition) -> Load:
        """Return what a partition holds."""
        shard = self._shards.get(partition)
        if shard is None:
            return Load()
        return Load(shard.records, shard.size, len(shard.ready) + shard.flying)

    def waiting_for(self, cause: HoldCause) -> int:
        """Return how many unsettled records last waited for this hold."""
        return self._causes[cause]

    @property
    def parked(self) -> int:
        """Records that wait for a time to come."""
        return self._parked

    @property
    def queued(self) -> int:
        """Records in memory that are neither in flight nor parked."""
        return sum(len(lane.waiting) for lane in self._all_lanes()) - self._parked

    def _all_lanes(self) -> Iterator[_Lane[S]]:
        for shard in self._shards.values():
            yield from shard.lanes.values()

    def _make_ready(self, shard: _Shard[S], lane: _Lane[S]) -> None:
        lane.state = _State.READY
        if not shard.ready:
            self._turns.append(lane.partition)
        heapq.heappush(shard.ready, lane)

    def _land(self, ticket: Ticket[S]) -> None:
        ticket.lane.flight = None
        self._shards[ticket.record.partition].flying -= 1

    def _move_on(self, lane: _Lane[S]) -> None:
        shard = self._shards[lane.partition]
        if lane.waiting:
            self._make_ready(shard, lane)
            return
        lane.state = _State.IDLE
        del shard.lanes[lane.key]
        if not shard.lanes:
            del self._shards[lane.partition]

    def _drop_waiting(self, shard: _Shard[S], lane: _Lane[S]) -> None:
        for ticket in lane.waiting:
            self._note_cause(ticket, None)
        lane.waiting.clear()
        if lane.state is _State.PARKED:
            self._parked -= 1
            lane.wake = 0
        if lane.state is not _State.FLYING:
            lane.state = _State.IDLE
            del shard.lanes[lane.key]

    def _note_cause(self, ticket: Ticket[S], cause: HoldCause | None) -> None:
        if ticket.cause is not None:
            self._causes[ticket.cause] -= 1
        if cause is not None:
            self._causes[cause] += 1
        ticket.cause = cause

    def _forget_dropped_sleepers(self) -> None:
        while self._sleepers and self._sleepers[0][1] != self._sleepers[0][2].wake:
            heapq.heappop(self._sleepers)

    def _wake_sleepers(self, now: float) -> None:
        while (due := self.next_wake()) is not None and due <= now:
            lane = heapq.heappop(self._sleepers)[2]
            lane.wake = 0
            self._parked -= 1
            self._make_ready(self._shards[lane.partition], lane)


def _least_probed(ready: list[_Lane[S]]) -> _Lane[S]:
    lane = min(ready, key=lambda each: (each.probes, each.oldest))
    lane.probes += 1
    ready.remove(lane)
    heapq.heapify(ready)
    return lane
