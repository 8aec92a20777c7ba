"""Lanes: per-key queues that keep order while many keys move at once.

A lane is one record key of one partition (or the whole partition). At most one record of a lane is in
flight; the next starts only after it settled. Rules that the model test holds:

- a lane's records are taken in the order they were offered, each at most once at a time;
- a parked record blocks its own lane and nothing else;
- a record that *steps aside* blocks nothing: its lane goes on, and it is tried again by itself. It stays
  unsettled, and one call at a time is in flight for it;
- partitions with work take turns, those first that have no more in flight than the mean, so that slow calls
  of one do not take the places of the others; within a partition the oldest record that may start is the
  next, so that the committable offset follows closely behind what is settled;
- records that have failed often are *late*: they wait apart, in the order in which they are due so that each
  has its turn, and are taken only where somebody asks for them;
- ``drop`` gives up everything that is not in flight. A flight of a dropped partition keeps its lane
  occupied until it ends, also that of a record that had stepped aside, so that the same key can't overtake
  itself when the partition comes back.

Time is passed in (seconds of any steady clock).
"""

import heapq
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
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
    ``backoff``: it waits after a failure of its own, and for nothing else. ``late``: it has failed often.
    """

    record: Record
    story: S
    lane: "_Lane[S]" = field(repr=False)
    size: int = 0
    released: bool = False
    cause: HoldCause | None = None
    backoff: bool = False
    late: bool = False

    @property
    def flying(self) -> bool:
        """Whether it was taken and has not come back."""
        return self.lane.flight is self

    @property
    def aside(self) -> bool:
        """Whether it has left its lane, which goes on without it."""
        return self.lane.aside

    def shares_lane(self, other: "Ticket[S]") -> bool:
        """Tell whether both are, or were, of one lane."""
        mine, others = self.lane, other.lane
        return mine.partition == others.partition and mine.key == others.key


@dataclass(frozen=True, slots=True)
class Load:
    """What a partition holds in memory: unsettled records, their bytes, and how many lanes could move now.

    ``blocked_records`` and ``blocked_size`` are those of them whose lane waits: parked, or late.
    """

    records: int = 0
    size: int = 0
    movable: int = 0
    blocked_records: int = 0
    blocked_size: int = 0


class _State(Enum):
    IDLE = auto()
    READY = auto()
    FLYING = auto()
    PARKED = auto()


@dataclass(eq=False, slots=True)
class _Lane(Generic[S]):
    """A lane; or, ``aside``, the place of one record that has left the lane of that key.

    ``zombies`` are the flights of a dropped partition that had left it: it starts nothing before they land.
    """

    partition: Partition
    key: LaneKey
    aside: bool = False
    zombies: int = 0
    state: _State = _State.IDLE
    waiting: deque[Ticket[S]] = field(default_factory=deque)
    flight: Ticket[S] | None = None
    wake: int = 0
    probes: int = 0

    @property
    def oldest(self) -> int:
        """The offset of the next record; only while one waits."""
        return self.waiting[0].record.offset

    @property
    def late(self) -> bool:
        """Whether its next record is late; only while one waits."""
        return self.waiting[0].late

    @property
    def ticket(self) -> Ticket[S] | None:
        """The oldest record that is ours: in flight, or the next."""
        if self.flight is not None and not self.flight.released:
            return self.flight
        return self.waiting[0] if self.waiting else None

    @property
    def behind(self) -> Ticket[S] | None:
        """The record behind that one."""
        first = 0 if self.flight is not None and not self.flight.released else 1
        return self.waiting[first] if len(self.waiting) > first else None


class _Shard(Generic[S]):
    """The lanes of one partition, and what they hold."""

    def __init__(self) -> None:
        self.lanes: dict[LaneKey, _Lane[S]] = {}
        self.aside: dict[_Lane[S], None] = {}
        #: Each with the offset of its next record: the heap then compares numbers, which is quick.
        self.ready: list[tuple[int, _Lane[S]]] = []
        self.late: deque[_Lane[S]] = deque()
        self.records = 0
        self.size = 0
        self.blocked_records = 0
        self.blocked_size = 0
        self.flying = 0

    @property
    def empty(self) -> bool:
        """Whether nothing is left, flights included."""
        return not (self.lanes or self.aside)

    def all_lanes(self) -> list[_Lane[S]]:
        """Return the lanes, then the places of what has stepped aside."""
        return [*self.lanes.values(), *self.aside]

    def remove(self, lane: _Lane[S]) -> None:
        """Forget a lane that has nothing left."""
        if lane.aside:
            del self.aside[lane]
        else:
            del self.lanes[lane.key]

    def block(self, lane: _Lane[S], sign: int = 1) -> None:
        """Count the records of a lane as blocked; with ``sign`` -1, as blocked no longer."""
        self.blocked_records += sign * len(lane.waiting)
        self.blocked_size += sign * sum(ticket.size for ticket in lane.waiting)


class Lanes(Generic[S]):
    """All lanes of this process. Not thread-safe: one event loop owns it."""

    def __init__(self, ordering: Ordering = Ordering.KEY) -> None:
        self._ordering: Final = ordering
        self._shards: dict[Partition, _Shard[S]] = {}
        self._turns: deque[Partition] = deque()
        self._late_turns: deque[Partition] = deque()
        self._sleepers: list[tuple[float, int, _Lane[S]]] = []
        self._numbers: Final = count(1)
        self._causes: Counter[HoldCause] = Counter()
        self._parked = 0
        self._flying = 0

    def offer(self, record: Record, story: S) -> None:
        """Queue a record at the end of its lane."""
        shard = self._shards.get(record.partition)
        if shard is None:
            shard = self._shards[record.partition] = _Shard()
        key = record.key if self._ordering is Ordering.KEY else None
        lane = shard.lanes.get(key)
        if lane is None:
            lane = shard.lanes[key] = _Lane(record.partition, key)
        size = record.size
        lane.waiting.append(Ticket(record, story, lane, size))
        shard.records += 1
        shard.size += size
        if lane.state is _State.IDLE:
            if not lane.zombies:
                self._make_ready(shard, lane)
        elif lane.state is _State.PARKED or (lane.state is _State.READY and lane.late):
            shard.blocked_records += 1
            shard.blocked_size += size

    def take(
        self,
        now: float,
        *,
        probe: bool = False,
        late: bool = False,
        resting: Collection[str] = (),
        topic: str | None = None,
    ) -> Ticket[S] | None:
        """Return the next record that may start, or None; topics that are ``resting`` are passed over.

        Where a ``topic`` is given, it is one of that topic. With ``late`` it is one that has failed often,
        else one that has not. For a ``probe`` it comes from a lane that has been probed least, so that one
        record that fails for a reason of its own does not stand for all. Whoever takes it must end with one
        of :meth:`finish`, :meth:`park`, :meth:`step_aside` or :meth:`put_back`.
        """
        if self._sleepers:
            self._wake_sleepers(now)
        turns = self._late_turns if late else self._turns
        mean = self._flying / len(turns) if turns else 0.0
        for most in (mean, self._flying):
            for _ in range(len(turns)):
                partition = turns.popleft()
                shard = self._shards[partition]
                passed_over = partition.topic in resting or topic not in (None, partition.topic)
                if passed_over or shard.flying > most:
                    turns.append(partition)
                    continue
                return self._start(shard, partition, probe=probe, late=late)
        return None

    def finish(self, ticket: Ticket[S]) -> None:
        """End a flight, or the wait of a record that stands aside: it settled, or was given up.

        The lane moves on.
        """
        if ticket.flying:
            self._land(ticket)
        else:
            self._withdraw(ticket)
        if not ticket.released:
            shard = self._shards[ticket.record.partition]
            shard.records -= 1
            shard.size -= ticket.size
            self._note_cause(ticket, None)
        self._move_on(ticket.lane)
        if ticket.released and ticket.aside:
            self._bury(ticket)

    def park(
        self,
        ticket: Ticket[S],
        until: float,
        cause: HoldCause | None = None,
        *,
        backoff: bool = False,
        late: bool = False,
    ) -> None:
        """End a flight that is to be tried again at ``until``; its lane waits for it.

        ``backoff``: it failed, and waits for nothing else; ``late``: it has failed often. A released ticket
        is not kept: there is nothing left to try it for.
        """
        if ticket.released:
            self.finish(ticket)
            return
        self._land(ticket)
        self._note_cause(ticket, cause)
        ticket.backoff, ticket.late = backoff, late
        lane = ticket.lane
        lane.waiting.appendleft(ticket)
        lane.state = _State.PARKED
        self._shards[lane.partition].block(lane)
        lane.wake = next(self._numbers)
        self._parked += 1
        heapq.heappush(self._sleepers, (until, lane.wake, lane))

    def step_aside(self, ticket: Ticket[S], until: float, *, late: bool = False) -> None:
        """End a flight that is to be tried again at ``until``; its lane does not wait for it.

        ``late``: it has been tried often. A released ticket is not kept.
        """
        if not (ticket.released or ticket.aside):
            lane = ticket.lane
            ticket.lane = _Lane(lane.partition, lane.key, aside=True, flight=ticket, state=_State.FLYING)
            self._shards[lane.partition].aside[ticket.lane] = None
            lane.flight = None
            self._move_on(lane)
        self.park(ticket, until, late=late)

    def hasten(self, ticket: Ticket[S], *, late: bool = False) -> None:
        """Let a parked record that stands aside be due now, ``late`` or not."""
        if ticket.aside and ticket.lane.state is _State.PARKED:
            ticket.late = late
            self._unpark(ticket.lane)

    def put_back(self, ticket: Ticket[S]) -> None:
        """End a flight that never started: its record is the next of its lane, and waits for nothing else."""
        if ticket.released:
            self.finish(ticket)
            return
        self._land(ticket)
        self._note_cause(ticket, None)
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
            for lanes, turns in ((shard.ready, self._turns), (shard.late, self._late_turns)):
                if lanes:
                    lanes.clear()
                    turns.remove(partition)
            for lane in shard.all_lanes():
                self._drop_waiting(shard, lane)
                if lane.flight is not None and not lane.flight.released:
                    self._note_cause(lane.flight, None)
                    lane.flight.released = True
                    flights.append(lane.flight)
                    if lane.aside:
                        shard.lanes.setdefault(lane.key, _Lane(partition, lane.key)).zombies += 1
            shard.records = shard.size = shard.blocked_records = shard.blocked_size = 0
            if shard.empty:
                del self._shards[partition]
        return flights

    def pardon(self) -> None:
        """Let what is in backoff be due now, and nothing be late: the failures were not the records' own."""
        for shard in self._shards.values():
            for lane in shard.all_lanes():
                if lane.state is _State.PARKED and lane.waiting[0].backoff:
                    lane.waiting[0].late = False
                    self._unpark(lane)
            for lane in shard.late:
                lane.waiting[0].late = False
                shard.block(lane, -1)
                self._make_ready(shard, lane)
            shard.late.clear()
        self._late_turns.clear()

    def has_late(self, now: float, resting: Collection[str] = ()) -> bool:
        """Tell whether a record that has failed often is due, those of ``resting`` topics aside."""
        self._wake_sleepers(now)
        return bool(self._late_turns) and any(each.topic not in resting for each in self._late_turns)

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
        ours = ((ticket, ticket.flying) for lane in shard.all_lanes() if (ticket := lane.ticket) is not None)
        return min(ours, key=lambda pair: pair[0].record.offset, default=None)

    def load(self, partition: Partition) -> Load:
        """Return what a partition holds."""
        shard = self._shards.get(partition)
        if shard is None:
            return Load()
        movable = len(shard.ready) + shard.flying
        return Load(shard.records, shard.size, movable, shard.blocked_records, shard.blocked_size)

    def aside(self, partition: Partition) -> list[Ticket[S]]:
        """Return what of a partition's load has stepped aside."""
        shard = self._shards.get(partition)
        return [] if shard is None else [t for lane in shard.aside if (t := lane.ticket) is not None]

    def heads(self) -> Iterator[tuple[Ticket[S], Ticket[S] | None]]:
        """Yield the oldest unsettled record of each lane and the one behind it, but what stepped aside."""
        for shard in self._shards.values():
            yield from ((t, lane.behind) for lane in shard.lanes.values() if (t := lane.ticket) is not None)

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
            yield from shard.all_lanes()

    def _make_ready(self, shard: _Shard[S], lane: _Lane[S]) -> None:
        lane.state = _State.READY
        if lane.late:
            if not shard.late:
                self._late_turns.append(lane.partition)
            shard.late.append(lane)
            shard.block(lane)
            return
        if not shard.ready:
            self._turns.append(lane.partition)
        heapq.heappush(shard.ready, (lane.oldest, lane))

    def _start(self, shard: _Shard[S], partition: Partition, *, probe: bool, late: bool) -> Ticket[S]:
        lane = _pick(shard, probe=probe, late=late)
        if shard.late if late else shard.ready:
            (self._late_turns if late else self._turns).append(partition)
        lane.state = _State.FLYING
        lane.flight = lane.waiting.popleft()
        shard.flying += 1
        self._flying += 1
        return lane.flight

    def _land(self, ticket: Ticket[S]) -> None:
        ticket.lane.flight = None
        self._shards[ticket.record.partition].flying -= 1
        self._flying -= 1

    def _move_on(self, lane: _Lane[S]) -> None:
        shard = self._shards[lane.partition]
        if lane.waiting and not lane.zombies:
            self._make_ready(shard, lane)
            return
        lane.state = _State.IDLE
        if lane.zombies:
            return
        shard.remove(lane)
        if shard.empty:
            del self._shards[lane.partition]

    def _withdraw(self, ticket: Ticket[S]) -> None:
        """Take a record from its place aside, where it waits."""
        lane = ticket.lane
        shard = self._shards[lane.partition]
        if lane.state is _State.PARKED:
            lane.wake = 0
            self._parked -= 1
            shard.block(lane, -1)
        elif lane.late:
            shard.late.remove(lane)
            shard.block(lane, -1)
            if not shard.late:
                self._late_turns.remove(lane.partition)
        else:
            shard.ready.remove((lane.oldest, lane))
            heapq.heapify(shard.ready)
            if not shard.ready:
                self._turns.remove(lane.partition)
        lane.waiting.clear()

    def _bury(self, ticket: Ticket[S]) -> None:
        """Let the lane go on that a flight had left before its partition was dropped."""
        lane = self._shards[ticket.record.partition].lanes[ticket.lane.key]
        lane.zombies -= 1
        if lane.state is _State.IDLE:
            self._move_on(lane)

    def _drop_waiting(self, shard: _Shard[S], lane: _Lane[S]) -> None:
        for ticket in lane.waiting:
            self._note_cause(ticket, None)
        lane.waiting.clear()
        if lane.state is _State.PARKED:
            self._parked -= 1
            lane.wake = 0
        if lane.state is not _State.FLYING:
            lane.state = _State.IDLE
            if not lane.zombies:
                shard.remove(lane)

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
        while self._sleepers and (due := self.next_wake()) is not None and due <= now:
            self._unpark(heapq.heappop(self._sleepers)[2])

    def _unpark(self, lane: _Lane[S]) -> None:
        shard = self._shards[lane.partition]
        lane.wake = 0
        self._parked -= 1
        shard.block(lane, -1)
        self._make_ready(shard, lane)


def _pick(shard: _Shard[S], *, probe: bool, late: bool) -> _Lane[S]:
    """Take the next lane out of those that are ready."""
    if late:
        lane = _least_probed(shard.late) if probe else shard.late[0]
        shard.late.remove(lane)
        shard.block(lane, -1)
    elif probe:
        lane = _least_probed(each for _, each in shard.ready)
        shard.ready.remove((lane.oldest, lane))
        heapq.heapify(shard.ready)
    else:
        lane = heapq.heappop(shard.ready)[1]
    lane.probes += probe
    return lane


def _least_probed(lanes: Iterable[_Lane[S]]) -> _Lane[S]:
    return min(lanes, key=lambda each: (each.probes, each.oldest))
