"""The pipeline: records come in, wait in lanes, fly one per lane, settle, and move the offsets.

Four loops share one event loop and therefore need no locks: *fetch* takes records and serves the group,
*dispatch* starts flights, *commit* stores positions, *watch* tells changes of the holds. Nothing flows
backwards but three signals: full (pause), revoked (:meth:`Pipeline.release`), stop (:meth:`Pipeline.drain`).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial
from math import inf
from typing import Final, Protocol, assert_never

from consumer.core.api.budget import FIRST_TRIES, RetryBudget
from consumer.core.api.gates import Pass
from consumer.core.api.refusals import Refusals, Stop
from consumer.core.api.removals import Oldest, Place
from consumer.core.api.verdicts import HoldCause
from consumer.core.operations import waits
from consumer.core.operations.logbook import Event, Log
from consumer.core.operations.status import LeaseStatus
from consumer.core.operations.traces import trace_of
from consumer.core.outcomes import CommitResult, Outcome, RebalanceEvent, Settled
from consumer.core.partitions.intake import Held, Intake
from consumer.core.partitions.lanes import Lanes, Ordering, Ticket
from consumer.core.partitions.offsets import Assigned, Offsets, Position, Positions
from consumer.core.partitions.rota import Rota
from consumer.core.records import Partition, Record
from consumer.edges.metrics import Metrics
from consumer.flow.delivery import Aside, Permit, Step, Stopped, Story, Wait, where
from consumer.flow.flights import Flights
from consumer.flow.graces import Graces
from consumer.flow.holdings import Holdings
from consumer.flow.traffic import Traffic

#: Records of one fetch: small enough that the loop stays responsive between two.
BATCH: Final = 500

#: Seconds that the dispatch loop sleeps at most when nothing wakes it.
_IDLE: Final = 0.5

#: Seconds between two looks at the holds and at the removes in their grace.
_WATCH: Final = 0.5

#: Seconds between two looks at least: each goes over all lanes.
_LEAST_LOOK: Final = 0.05

#: Holds that are there as long as a record waits for them.
_WAITED_FOR: Final = (HoldCause.REGISTRY, HoldCause.RATES, HoldCause.DEAD_LETTERS)

#: Seconds between two looks at whether a proof of membership can be asked for.
_SOONEST_PROOF: Final = 0.05

#: Seconds between two lines about progress.
_PROGRESS: Final = 60.0

#: What is logged of a settled record; a dead letter is logged where it is written.
_DEBUG_EVENTS: Final = {
    Outcome.DELIVERED: Event.RECORD_DELIVERED,
    Outcome.NOTHING_TO_REMOVE: Event.RECORD_DELIVERED,
    Outcome.SKIPPED: Event.RECORD_SKIPPED,
}

#: Seconds until a record is tried again that met a defect of ours.
_BUG_WAIT: Final = 30.0

#: Seconds until a capture is tried again that has to follow a remove which is not done with.
_BEHIND_REMOVE: Final = 0.1

#: Seconds within which the last positions must be stored at a stop.
LAST_COMMIT_SECONDS: Final = 5.0


class Source(Protocol):
    """Where records come from and positions go to."""

    async def fetch(self, limit: int) -> list[Record]:
        """Return up to ``limit`` records, soon."""

    async def commit(self, positions: Positions) -> Positions | None:
        """Commit; return what was confirmed, None where no answer came in time."""

    async def commit_and_confirm(self, positions: Positions, seconds: float) -> Positions:
        """Commit and return what is known to be stored within ``seconds``."""

    async def pause(self, partitions: Collection[Partition]) -> None:
        """Stop fetching from partitions."""

    async def resume(self, partitions: Collection[Partition]) -> None:
        """Fetch from partitions again."""


class Teller(Protocol):
    """Tells records' stories."""

    @property
    def refusals(self) -> Refusals:
        """What it says of topics with too many dead letters."""

    async def advance(self, story: Story, permit: Permit) -> Step:
        """Tell the next part of a story; ``permit`` is asked right before a call is sent."""


class Pipeline:
    """Moves records. Also the source's Listener: the group's decisions arrive here, on the event loop."""

    def __init__(
        self,
        *,
        source: Source,
        delivery: Teller,
        traffic: Traffic,
        metrics: Metrics,
        log: Log,
        ordering: Ordering,
        max_in_flight: int,
        commit_seconds: float,
    ) -> None:
        """Take what the loops work with; :meth:`run` starts them."""
        self._source: Final = source
        self._delivery: Final = delivery
        self._traffic: Final = traffic
        self._refusals: Final = delivery.refusals
        self._clock: Final = traffic.clock
        self._membership: Final = traffic.membership
        self._metrics: Final = metrics
        self._log: Final = log
        self._max_in_flight: Final = max_in_flight
        self._commit_seconds: Final = commit_seconds
        self.lanes: Final[Lanes[Story]] = Lanes(ordering)
        self._budget: Final = RetryBudget(max_in_flight)
        self._rota: Final = Rota(self.lanes, self._budget, traffic.turns)
        self._leaving: Final[set[Partition]] = set()
        self.offsets: Final = Offsets()
        self._intake: Final = Intake()
        self._flights: Final = Flights(self._landed)
        self.graces: Final = Graces(traffic.removals, self.lanes, self._settle, log)
        #: Whether a partition has records that have not come, as far as anybody knows.
        self.unread: Callable[[Partition], bool] = _nothing
        #: When the last record of each partition was written that has come.
        self._newest: Final[dict[Partition, float]] = {}
        #: The clock by which records are dated.
        self._wall: Final[Callable[[], float]] = time.time
        self._out_of_range: Final[set[Partition]] = set()
        self._paused: frozenset[Partition] = frozenset()
        self._stuck: frozenset[Partition] = frozenset()
        self.holdings: Final = Holdings(self._clock, log)
        self._wake: Final = asyncio.Event()
        self._commit_now: Final = asyncio.Event()
        self._joined = False
        self._tries_before_probe = 0
        self._looked_at = float("-inf")
        self._settled_lately = 0
        self._told_at = self._clock()
        self._stopping = False
        self._drained = False
        self.ticked_at = self._clock()
        traffic.on_recovery = self._recover
        traffic.on_late_silence = self._silenced

    # --- the loops ---

    async def run(self) -> None:
        """Run until :meth:`drain` is done. Raises what the source raises; a flight's defect ends nothing."""
        async with asyncio.TaskGroup() as group:
            others = (self._dispatch(group), self._commit(), self._watch())
            loops = [group.create_task(loop) for loop in others]
            await self._fetch()
            for loop in loops:
                loop.cancel()

    async def drain(self, seconds: float) -> bool:
        """Stop: take nothing new, wait for calls on the wire, commit; return whether they ended in time.

        Records in a wait or a hold are let go at once; they come again after the next start.
        """
        self._stopping = True
        everything = {*self.offsets.next_offsets(), *self._flights.partitions()}
        positions = await self.release(everything, seconds)
        drained = not self._flights.abandon()
        if positions:
            self.confirmed(await self._source.commit_and_confirm(positions, LAST_COMMIT_SECONDS))
        self._drained = True
        return drained

    async def _fetch(self) -> None:
        while not self._drained:
            records = await self._source.fetch(BATCH)
            if not self._stopping:
                self._take_in(records)
                await self._adjust_pauses()

    async def _dispatch(self, group: asyncio.TaskGroup) -> None:
        while not self._stopping:
            self._wake.clear()
            while len(self._flights) < self._max_in_flight and self._start_one(group):
                pass
            try:
                async with asyncio.timeout(self._nap()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _commit(self) -> None:
        while not self._stopping:
            try:
                async with asyncio.timeout(self._commit_pause()):
                    await self._commit_now.wait()
            except TimeoutError:
                pass
            self._commit_now.clear()
            positions = self._proof() | self.offsets.committable()
            if positions and not self._stopping:
                asked = self._membership.ask()
                self._note_commit(positions, await self._source.commit(positions), asked)

    async def _watch(self) -> None:
        while True:
            self.ticked_at = self._clock()
            if not self._stopping:
                self.holdings.look(self.holding())
                self._look_at_removes()
                self._tell_progress()
            await asyncio.sleep(_WATCH)

    # --- what the group decides (Listener) ---

    def assigned(self, given: Sequence[Assigned]) -> None:
        """Start with these partitions."""
        if given and not self.offsets.next_offsets():
            self._membership.begin()
        for each in given:
            self.offsets.assign(each, self._clock())
            self._paused -= {each.partition}
            self._newest.pop(each.partition, None)
            self._leaving.discard(each.partition)
            self._log(
                Event.PARTITION_STARTED,
                topic=each.partition.topic,
                partition=each.partition.number,
                offset=each.offset,
            )
        self._metrics.watch_topics({each.partition.topic for each in given})
        self._metrics.rebalanced(RebalanceEvent.ASSIGNED)
        if not self._joined:
            self._joined = True
            self._log(Event.GROUP_JOINED)
        self._log(Event.PARTITIONS_ASSIGNED, count=len(given))
        self._share_out()
        if given:
            # A start that is new is to be stored, and a membership that is new to be proven.
            self._commit_now.set()

    async def release(self, partitions: Collection[Partition], seconds: float) -> Positions:
        """Give up partitions: what waits is dropped, what is on the wire is waited for, at most ``seconds``.

        What ends in time still counts; only then may the caller commit the positions that this returns.
        """
        self._leaving.update(partitions)
        self._share_out()
        self.lanes.drop(partitions)
        self.graces.forget(partitions)
        ending = self._flights.call_off(partitions)
        if ending:
            await asyncio.wait(ending, timeout=seconds)
        return self.offsets.committable(partitions)

    def confirmed(self, positions: Positions) -> None:
        """Note that these positions are stored."""
        for partition, position in positions.items():
            self.offsets.committed(partition, position, self._clock())

    def forget(self, partitions: Collection[Partition], *, lost: bool) -> None:
        """Take leave of partitions."""
        if not partitions:
            return
        if lost:
            self._membership.over()
        self.lanes.drop(partitions)
        self.graces.forget(partitions)
        self._flights.call_off(partitions)
        for partition, left in self.offsets.forget(partitions).items():
            self._metrics.released(partition.topic, left)
        self._paused -= set(partitions)
        self._stuck -= set(partitions)
        self._leaving.difference_update(partitions)
        self._share_out()
        self._out_of_range.difference_update(partitions)
        self._metrics.rebalanced(RebalanceEvent.LOST if lost else RebalanceEvent.REVOKED)
        event = Event.PARTITIONS_LOST if lost else Event.PARTITIONS_REVOKED
        self._log(event, count=len(partitions))

    def out_of_range(self, partition: Partition) -> None:
        """Hold a partition whose committed offset is gone."""
        self._out_of_range.add(partition)

    def trouble(self, what: str, detail: str) -> None:
        """Log what the client says."""
        self._log(Event.KAFKA_ERROR, cause=what, error=detail)

    # --- what others see ---

    def holding(self) -> frozenset[HoldCause]:
        """Return the holds of this moment."""
        holds = {cause for cause in _WAITED_FOR if self.lanes.waiting_for(cause)}
        if self._traffic.gate.cause is not None:
            holds.add(self._traffic.gate.cause)
        if self.stops():
            holds.add(HoldCause.REFUSALS)
        if self._stuck:
            holds.add(HoldCause.SPAN)
        if self._out_of_range:
            holds.add(HoldCause.OUT_OF_RANGE)
        if self.offsets.next_offsets() and self._membership.missing():
            holds.add(HoldCause.LEASE)
        return frozenset(holds)

    def stops(self) -> tuple[Stop, ...]:
        """Return which topics are stopped, of those that are read here, and why."""
        if not self._refusals.stopped:
            return ()
        here = {partition.topic for partition in self.offsets.next_offsets()}
        return tuple(filter(None, map(self._refusals.stop, sorted(here))))

    def pauses(self) -> dict[Partition, str]:
        """Return the partitions that are not fetched, with the reason in a word."""
        reasons = dict.fromkeys(self._paused, "full")
        reasons |= dict.fromkeys(self._stuck, HoldCause.SPAN.value)
        return reasons | dict.fromkeys(self._out_of_range, HoldCause.OUT_OF_RANGE.value)

    def queued(self, partition: Partition) -> int:
        """Return how many unsettled records of a partition are not being worked on."""
        return self.lanes.load(partition).records - self._flights.of(partition)

    def membership(self) -> LeaseStatus | None:
        """Return how this process proves that it is in its group; None while it has nothing to prove."""
        return self._membership.describe() if self.offsets.next_offsets() else None

    @property
    def in_flight(self) -> int:
        """Records that are being worked on."""
        return len(self._flights)

    @property
    def on_wire(self) -> int:
        """Calls and dead letters that were sent and are not answered."""
        return self._flights.on_wire

    # --- steps ---

    def wake(self) -> None:
        """Let the dispatch loop look again."""
        self._wake.set()

    def _share_out(self) -> None:
        """Let the rate be divided anew: what is being handed over counts for nobody."""
        self._traffic.holds(self.offsets.next_offsets().keys() - self._leaving)

    def _recover(self) -> None:
        """Let all that failed while nothing got through come back: those failures were not its own."""
        self.lanes.pardon()
        self._wake.set()

    def _silenced(self, seconds: float) -> None:
        """Let later tries of what has failed often wait, so that their silences stay few."""
        self._rota.silenced(self._clock(), seconds)

    def _take_in(self, records: Sequence[Record]) -> None:
        now = self._clock()
        since_epoch = self._wall() - now
        taken: Counter[str] = Counter()
        for record in records:
            if self.offsets.receive(record, now):
                stamp = record.timestamp_ms
                written = now if stamp is None else min(now, stamp / 1000 - since_epoch)
                self.lanes.offer(record, Story(record, written))
                self._newest[record.partition] = written
                taken[record.partition.topic] += 1
        for topic, count in taken.items():
            self._metrics.consumed(topic, count)
        if taken:
            self._wake.set()

    async def _adjust_pauses(self) -> None:
        pauses = self._intake.decide(
            {partition: self._held(partition) for partition in self.offsets.next_offsets()}, self._paused
        )
        begin, end = pauses.paused - self._paused, self._paused - pauses.paused
        self._paused, self._stuck = pauses.paused, pauses.stuck
        if begin:
            await self._source.pause(begin)
        if end:
            await self._source.resume(end)
        for event, partitions in ((Event.PARTITION_PAUSED, begin), (Event.PARTITION_RESUMED, end)):
            for partition in sorted(partitions):
                self._log(event, topic=partition.topic, partition=partition.number)

    def _look_at_removes(self) -> None:
        now = self._clock()
        if now - self._looked_at < _LEAST_LOOK:
            return
        self._looked_at = now
        marks = self.offsets.next_offsets()
        held = {p: self.graces.held(p, mark, self.offsets.span(p)) for p, mark in marks.items()}
        # What has not come was written behind what has; where nothing has, nobody knows when.
        # It is stuck only behind what is here: where nothing is paused, Kafka is what is waited for.
        unread = [
            Oldest(
                Place(p, 0, self.offsets.position(p) or 0), self._newest.get(p, -inf), p not in self._paused
            )
            for p in marks
            if self.unread(p)
        ]
        self.graces.look(now, self._intake.crowded(held), unread, self._refusals.stopped)

    def _tell_progress(self) -> None:
        seconds = self._clock() - self._told_at
        if seconds >= _PROGRESS:
            if self._settled_lately:
                self._log(Event.PROGRESS, count=self._settled_lately, seconds=round(seconds))
            self._settled_lately = 0
            self._told_at = self._clock()

    def _held(self, partition: Partition) -> Held:
        load = self.lanes.load(partition)
        return Held(
            load.records - load.blocked_records,
            load.size - load.blocked_size,
            self.offsets.span(partition),
            load.movable,
            load.blocked_records,
            load.blocked_size,
        )

    def _nap(self) -> float:
        """Return the seconds until a flight might start by the mere passing of time."""
        if len(self._flights) >= self._max_in_flight or not self._membership.holds():
            return _IDLE
        now = self._clock()
        gate = self._traffic.gate
        due = gate.next_probe()
        if not gate.shut or (due is not None and due <= now):
            others = self._rota.next_turn(now, self._traffic.way, self._refusals.stopped)
            due = _sooner(others, self._refusals.next_due(now))
        return _IDLE if due is None else min(_IDLE, max(0.0, due - now))

    def _start_one(self, group: asyncio.TaskGroup) -> bool:
        if not self._membership.holds():
            return False
        now = self._clock()
        gate = self._traffic.gate
        if gate.shut and ((due := gate.next_probe()) is None or due > now):
            return False
        ticket = self._next_ticket(now)
        if ticket is None:
            return False
        topic = ticket.record.partition.topic
        ticket.story.probe = topic in self._refusals.stopped
        if ticket.story.probe:
            self._refusals.probe_started(topic)
        probe = gate.ask(now) is Pass.PROBE
        if probe:
            self._tries_before_probe = ticket.story.tries
        self._flights.add(ticket, group.create_task(self._fly(ticket, probe=probe)), probe=probe)
        return True

    def _next_ticket(self, now: float) -> Ticket[Story] | None:
        """Return the next record to start. Probes of stopped topics go first: they are few, and paced."""
        for topic in self._refusals.due(now):
            if (ticket := self._rota.next_probe(now, topic=topic)) is not None:
                return ticket
        stopped = self._refusals.stopped
        if self._traffic.gate.shut:
            return self._rota.next_probe(now, stopped)
        return self._rota.next(now, self._traffic.way, stopped)

    async def _fly(self, ticket: Ticket[Story], *, probe: bool) -> Step:
        permit = partial(self._permit, ticket, probe=probe)
        try:
            return await self._delivery.advance(ticket.story, permit)
        except Exception as error:  # noqa: BLE001  (the border: a defect holds its own record and no other)
            self._log(Event.BUG, error=type(error).__name__, trace=trace_of(error), **where(ticket.record))
            return Wait(_BUG_WAIT, why=waits.DEFECT)

    async def _permit(self, ticket: Ticket[Story], *, probe: bool) -> bool:
        if self.graces.in_the_way(ticket, self._clock()):
            return False
        if ticket.story.removes:
            self._look_at_removes()
        may_send = partial(self._may_send, ticket, probe=probe)
        allowed = await self._traffic.permit(ticket.record.partition, may_send=may_send)
        if allowed:
            self.graces.left(ticket)
            self._rota.left(ticket, self._clock())
        return allowed

    def _landed(self, ticket: Ticket[Story], step: Step, *, probe: bool) -> None:
        self._rota.ended(ticket, self._clock())
        self.graces.landed(ticket)
        match step:
            case Settled():
                self._settle(ticket, step)
            case Wait(seconds, cause, _, backoff):
                ticket.story.waits_for = step.reason
                late = backoff and ticket.story.late
                self.lanes.park(ticket, self._clock() + seconds, cause, backoff=backoff, late=late)
            case Aside(seconds):
                ticket.story.waits_for = waits.GRACE
                late = ticket.story.tries >= FIRST_TRIES
                self.graces.step_aside(ticket, self._clock() + seconds, late=late)
            case Stopped() if self.graces.in_the_way(ticket, self._clock()):
                ticket.story.waits_for = waits.REMOVE
                self.lanes.park(ticket, self._clock() + _BEHIND_REMOVE)
            case Stopped():
                self.lanes.put_back(ticket)
            case _:
                assert_never(step)
        if ticket.released:
            self.graces.settled(ticket)  # what it has learned since its partition was given up
        if ticket.story.probe:
            ticket.story.probe = False
            settled = isinstance(step, Settled)
            self._refusals.probe_ended(ticket.record.partition.topic, self._clock(), settled=settled)
        if probe and self._traffic.gate.shut:
            tried = ticket.story.tries > self._tries_before_probe
            self._traffic.gate.probe_ended(self._clock(), tried=tried)
        self._wake.set()

    def _may_send(self, ticket: Ticket[Story], *, probe: bool) -> bool:
        if ticket.released or self._stopping or not self._membership.holds():
            return False
        stopped = ticket.record.partition.topic in self._refusals.stopped and not ticket.story.probe
        return (
            not stopped
            and (probe or not self._traffic.gate.shut)
            and self.graces.may_send(ticket, self._clock())
        )

    def _settle(self, ticket: Ticket[Story], settled: Settled) -> None:
        record = ticket.record
        self.lanes.finish(ticket)
        self.graces.settled(ticket)
        if not self.offsets.settle(record, self._clock()):
            return
        self._settled_lately += 1
        event = _DEBUG_EVENTS.get(settled.outcome)
        if event is not None:
            self._log(
                event,
                action=settled.action.value,
                outcome=settled.outcome.value,
                reason=settled.reason,
                **where(record),
            )
        stamp = record.timestamp_ms
        self._metrics.settled(
            record.partition.topic, settled, None if stamp is None else self._wall() - stamp / 1000
        )

    def _commit_pause(self) -> float:
        """Return the seconds until the next commit, or the next proof where that is sooner."""
        if not self.offsets.next_offsets():
            return self._commit_seconds
        return min(self._commit_seconds, max(self._membership.due(), _SOONEST_PROOF))

    def _proof(self) -> dict[Partition, Position]:
        """Return what is committed only because a proof of membership is due.

        Beside what has to be committed too: that may be of a topic that is gone, and never get a yes.
        """
        return {} if self._membership.due() > 0 else self.offsets.unchanged(self._membership.asks)

    def _note_commit(self, sent: Positions, confirmed: Positions | None, asked: float) -> None:
        if confirmed is None:
            self._metrics.committed(CommitResult.TIMEOUT)
            self._log(Event.COMMIT_FAILED, result=CommitResult.TIMEOUT.value)
            return
        self.confirmed(confirmed)
        if confirmed:
            held_up = self._membership.missing()
            self._membership.proven(asked)
            if self._membership.holds():
                if held_up:
                    self._traffic.come_back()
                self._wake.set()
            else:
                self._commit_now.set()
        complete = len(confirmed) == len(sent)
        self._metrics.committed(CommitResult.OK if complete else CommitResult.REFUSED)


def _nothing(_: Partition) -> bool:
    return False


def _sooner(one: float | None, other: float | None) -> float | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)
