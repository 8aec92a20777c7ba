"""Lanes against a plain reference model, under any order of offers, flights, parks and drops."""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.core.api.verdicts import HoldCause
from consumer.core.partitions.lanes import Lanes, Ticket
from consumer.core.records import Partition, Record

PARTITIONS = [*(Partition("payments", number) for number in range(3)), Partition("erasures", 0)]
RESTING = [(), ("erasures",), ("payments",), ("payments", "erasures")]
WANTED = [None, None, "payments", "erasures"]
KEYS = [b"a", b"b", None]

Lane = tuple[Partition, bytes | None]


@dataclass
class Aside:
    """A record that has left its lane. ``until`` is when it is due, None while it flies or is due already."""

    lane: Lane
    ticket: Ticket[int]
    until: float | None = None
    flies: bool = True
    late: bool = False
    backoff: bool = False


class LanesMachine(RuleBasedStateMachine):
    """The reference is one deque per lane, whose head may fly, and beside them what has stepped aside.

    ``zombies`` are flights of dropped partitions that had left their lane.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lanes: Lanes[int] = Lanes()
        self.now = 0.0
        self.next_offset = 0
        self.queues: dict[Lane, deque[int]] = defaultdict(deque)
        self.flying: dict[Lane, Ticket[int]] = {}
        self.parked: dict[Lane, float] = {}
        self.backoff: set[Lane] = set()
        self.late: set[Lane] = set()
        self.aside: dict[int, Aside] = {}
        self.zombies: list[Aside] = []

    def lane_of(self, ticket: Ticket[int]) -> Lane:
        """Return the reference's lane of a ticket."""
        return ticket.record.partition, ticket.record.key

    @rule(partition=strategies.sampled_from(PARTITIONS), key=strategies.sampled_from(KEYS))
    def offer(self, partition: Partition, key: bytes | None) -> None:
        """A record arrives."""
        record = Record(partition, self.next_offset, 1, key, b"value")
        self.lanes.offer(record, self.next_offset)
        self.queues[partition, key].append(self.next_offset)
        self.next_offset += 1

    @rule(
        resting=strategies.sampled_from(RESTING),
        topic=strategies.sampled_from(WANTED),
        late=strategies.booleans(),
    )
    def take(self, resting: tuple[str, ...], topic: str | None, late: bool) -> None:
        """The next flight starts: a lane's head, or what stands aside, of a partition with few flights.

        Where one of a topic is wanted, it is of that topic.
        """
        self.wake_up()
        movable = {
            offset: partition
            for offset, (partition, is_late) in self.due().items()
            if partition.topic not in resting and topic in (None, partition.topic) and is_late is late
        }
        if late and topic is None:
            assert self.lanes.has_late(self.now, resting) is bool(movable)
        ticket = self.lanes.take(self.now, resting=resting, late=late, topic=topic)
        if ticket is None:
            assert not movable
            return
        partition = ticket.record.partition
        assert movable[ticket.story] == partition
        assert ticket.flying
        if not resting and topic is None:
            mean = len(self.flights()) / len(set(movable.values()))
            assert self.flights_of(partition) <= mean
        assert ticket.aside is (ticket.story in self.aside)
        if ticket.aside:
            self.aside[ticket.story].flies = True
        else:
            self.flying[self.lane_of(ticket)] = ticket
            self.late.discard(self.lane_of(ticket))

    @precondition(lambda self: self.flights())
    @rule(data=strategies.data())
    def finish(self, data: strategies.DataObject) -> None:
        """A flight settles."""
        ticket = self.land(data)
        self.lanes.finish(ticket)
        if not ticket.released and self.aside.pop(ticket.story, None) is None:
            self.queues[self.lane_of(ticket)].popleft()

    @precondition(lambda self: self.flights())
    @rule(
        data=strategies.data(),
        wait=strategies.floats(0, 5),
        cause=strategies.sampled_from([None, HoldCause.REGISTRY]),
        failures=strategies.integers(0, 2),
    )
    def park(self, data: strategies.DataObject, wait: float, cause: HoldCause | None, failures: int) -> None:
        """A flight waits for a later try; its record stays where it was, and is late by and by."""
        ticket = self.land(data)
        self.lanes.park(ticket, self.now + wait, cause, backoff=failures > 0, late=failures > 1)
        if not ticket.released:
            self.sleep(ticket, self.now + wait, backoff=failures > 0, late=failures > 1)

    @precondition(lambda self: self.flights())
    @rule(data=strategies.data(), wait=strategies.floats(0, 5), late=strategies.booleans())
    def step_aside(self, data: strategies.DataObject, wait: float, late: bool) -> None:
        """A flight waits for a later try beside its lane, whose next record may start."""
        ticket = self.land(data)
        self.lanes.step_aside(ticket, self.now + wait, late=late)
        if ticket.released:
            return
        if ticket.story not in self.aside:
            lane = self.lane_of(ticket)
            self.queues[lane].popleft()
            self.aside[ticket.story] = Aside(lane, ticket)
            self.note_next(lane)
        assert ticket.aside
        self.sleep(ticket, self.now + wait, backoff=False, late=late)

    @rule()
    def pardon(self) -> None:
        """What is in backoff is due at once, and nothing is late."""
        self.lanes.pardon()
        due = {o for o, aside in self.aside.items() if aside.until is None and not aside.flies}
        for lane in self.backoff:
            self.parked.pop(lane, None)
        self.late = {lane for lane in self.late if lane in self.parked}
        for offset, aside in self.aside.items():
            if aside.backoff and not aside.flies:
                aside.until = None
            if aside.until is None and not aside.flies:
                aside.late = aside.late and offset not in due and not aside.backoff

    @precondition(lambda self: self.flights())
    @rule(data=strategies.data())
    def put_back(self, data: strategies.DataObject) -> None:
        """A flight never started; its record stays where it was, late if it was."""
        ticket = self.land(data)
        self.lanes.put_back(ticket)
        if ticket.released:
            return
        if ticket.story in self.aside:
            aside = self.aside[ticket.story]
            aside.flies, aside.until, aside.late = False, None, ticket.late
        elif ticket.late:
            self.late.add(self.lane_of(ticket))

    @precondition(lambda self: self.aside)
    @rule(data=strategies.data(), settled=strategies.booleans(), late=strategies.booleans())
    def end_the_wait(self, data: strategies.DataObject, settled: bool, late: bool) -> None:
        """What stands aside settles without another flight, or is to be tried at once."""
        aside = self.aside[data.draw(strategies.sampled_from(sorted(self.aside)))]
        if aside.flies:
            return
        if settled:
            self.lanes.finish(aside.ticket)
            del self.aside[aside.ticket.story]
        else:
            parked = bool(aside.ticket.lane.wake)
            self.lanes.hasten(aside.ticket, late=late)
            if parked:
                aside.until, aside.late = None, late

    @rule(partition=strategies.sampled_from(PARTITIONS))
    def drop(self, partition: Partition) -> None:
        """A partition is given up: nothing of it is left but flights, which keep their lanes occupied."""
        flights = [t for t in self.flights() if t.record.partition == partition and not t.released]
        released = self.lanes.drop([partition])
        assert {id(ticket) for ticket in released} == {id(ticket) for ticket in flights}
        assert all(ticket.released for ticket in released)
        for lane in [lane for lane in self.queues if lane[0] == partition]:
            self.queues[lane].clear()
            self.parked.pop(lane, None)
            self.late.discard(lane)
        gone = [aside for aside in self.aside.values() if aside.lane[0] == partition]
        self.zombies.extend(aside for aside in gone if aside.flies)
        for aside in gone:
            del self.aside[aside.ticket.story]

    @rule(seconds=strategies.floats(0, 3))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @invariant()
    def counts_agree(self) -> None:
        """Loads, queues and parks are conserved: nothing is counted twice, nothing is forgotten."""
        for partition in PARTITIONS:
            queued = {lane: len(queue) for lane, queue in self.queues.items() if lane[0] == partition}
            aside = [a for a in self.aside.values() if a.lane[0] == partition]
            assert {t.story for t in self.lanes.aside(partition)} == {a.ticket.story for a in aside}
            load = self.lanes.load(partition)
            assert load.records == sum(queued.values()) + len(aside)
            assert load.size == size_of(queued) + size_of(Counter(a.lane for a in aside))
            blocked = {
                lane: len(self.queues[lane])
                for lane in self.waiting()
                if lane[0] == partition and (lane in self.parked or lane in self.late)
            }
            blocked_aside = [a for a in aside if not a.flies and (a.ticket.lane.wake or a.late)]
            assert load.blocked_records == sum(blocked.values()) + len(blocked_aside)
            assert load.blocked_size == size_of(blocked) + size_of(Counter(a.lane for a in blocked_aside))
            movable = sum(lane[0] == partition and lane not in blocked for lane in self.waiting())
            movable += sum(not a.flies and a not in blocked_aside for a in aside)
            assert load.movable == movable + self.flights_of(partition)
        flying = sum(not ticket.released for ticket in self.flights())
        total = sum(len(queue) for queue in self.queues.values()) + len(self.aside)
        assert self.lanes.queued + self.lanes.parked + flying == total

    @invariant()
    def next_wake_is_the_earliest(self) -> None:
        """The time to look again is that of the first parked record; what was hastened is not parked."""
        asleep = [aside.until for aside in self.aside.values() if aside.until is not None]
        assert self.lanes.parked == len(self.parked) + len(asleep)
        assert self.lanes.next_wake() == min([*self.parked.values(), *asleep], default=None)

    @invariant()
    def heads_are_the_oldest_of_their_lanes(self) -> None:
        """Whoever asks how old the oldest record is hears of each lane, and of nothing that stands aside."""
        heads = sorted(
            (head.story, None if behind is None else behind.story) for head, behind in self.lanes.heads()
        )
        queues = [[*queue, None] for queue in self.queues.values() if queue]
        assert heads == sorted((queue[0], queue[1]) for queue in queues)

    def due(self) -> dict[int, tuple[Partition, bool]]:
        """Return what may start, by offset: its partition, and whether it is late."""
        heads = {
            self.queues[lane][0]: (lane[0], lane in self.late)
            for lane in self.waiting()
            if lane not in self.parked
        }
        return heads | {
            offset: (aside.lane[0], aside.late)
            for offset, aside in self.aside.items()
            if aside.until is None and not aside.flies
        }

    @invariant()
    def what_waits_can_be_looked_at(self) -> None:
        """Each parked record with its time, and the oldest record of each partition with whether it flies."""
        parked = {self.queues[lane][0]: until for lane, until in self.parked.items()}
        parked |= {o: aside.until for o, aside in self.aside.items() if aside.until is not None}
        assert {ticket.story: until for ticket, until in self.lanes.sleeping()} == parked
        for partition in PARTITIONS:
            ours = {queue[0] for lane, queue in self.queues.items() if queue and lane[0] == partition}
            ours |= {offset for offset, aside in self.aside.items() if aside.lane[0] == partition}
            oldest = self.lanes.oldest(partition)
            assert (oldest is None) == (not ours)
            if oldest is not None:
                ticket, flies = oldest
                assert ticket.story == min(ours)
                assert flies == (ticket in self.flights())

    def wake_up(self) -> None:
        """Let those that are due wait no longer."""
        self.parked = {lane: until for lane, until in self.parked.items() if until > self.now}
        for aside in self.aside.values():
            if aside.until is not None and aside.until <= self.now:
                aside.until = None

    def waiting(self) -> list[Lane]:
        """Return the lanes that have a record, and no flight of this or an earlier assignment."""
        blocked = {*self.flying, *(zombie.lane for zombie in self.zombies)}
        return [lane for lane, queue in self.queues.items() if queue and lane not in blocked]

    def flights(self) -> list[Ticket[int]]:
        """Return all flights, those of dropped partitions too."""
        aside = [aside.ticket for aside in self.aside.values() if aside.flies]
        return [*self.flying.values(), *aside, *(zombie.ticket for zombie in self.zombies)]

    def flights_of(self, partition: Partition) -> int:
        """Return how many flights a partition has."""
        return sum(ticket.record.partition == partition for ticket in self.flights())

    def land(self, data: strategies.DataObject) -> Ticket[int]:
        """Choose a flight and end it in the reference."""
        flights = sorted(self.flights(), key=lambda ticket: ticket.story)
        ticket = flights[data.draw(strategies.integers(0, len(flights) - 1))]
        self.flying = {lane: other for lane, other in self.flying.items() if other is not ticket}
        self.zombies = [zombie for zombie in self.zombies if zombie.ticket is not ticket]
        return ticket

    def sleep(self, ticket: Ticket[int], until: float, *, backoff: bool, late: bool) -> None:
        """Note that a record waits, in its lane or beside it."""
        if ticket.story in self.aside:
            aside = self.aside[ticket.story]
            aside.flies, aside.until, aside.backoff, aside.late = False, until, backoff, late
            return
        lane = self.lane_of(ticket)
        self.parked[lane] = until
        self.backoff = self.backoff | {lane} if backoff else self.backoff - {lane}
        self.late = self.late | {lane} if late else self.late - {lane}

    def note_next(self, lane: Lane) -> None:
        """Note that another record is the next of a lane: it has not failed."""
        self.late.discard(lane)
        self.backoff.discard(lane)


def size_of(lanes: Mapping[Lane, int]) -> int:
    """Return the bytes of so many records of each lane."""
    return sum((len(b"value") + len(key or b"")) * count for (_, key), count in lanes.items())


LanesMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestLanes = LanesMachine.TestCase


def test_partitions_take_turns() -> None:
    """A partition with a long queue does not delay the only record of another one by more than one flight."""
    lanes: Lanes[str] = Lanes()
    for number in range(50):
        lanes.offer(Record(PARTITIONS[0], number, 1, b"%d" % number, b""), "crowd")
    lanes.offer(Record(PARTITIONS[1], 0, 1, b"x", b""), "alone")
    first_two = [lanes.take(0.0), lanes.take(0.0)]
    assert "alone" in [ticket.story for ticket in first_two if ticket is not None]


def lanes_of(*counts: int) -> Lanes[int]:
    """Return lanes where each partition has so many records, each with a key of its own."""
    lanes: Lanes[int] = Lanes()
    for number, count in enumerate(counts):
        for offset in range(count):
            lanes.offer(Record(Partition("payments", number), offset, 1, b"%d" % offset, b""), number)
    return lanes


def test_slow_calls_of_one_partition_leave_places_to_the_others() -> None:
    """Twelve places, one partition whose calls never end: two others keep their two thirds."""
    lanes = lanes_of(100, 2000, 2000)
    flights = [ticket for _ in range(12) if (ticket := lanes.take(0.0)) is not None]
    ended: Counter[int] = Counter()
    for _ in range(300):
        quick = [ticket for ticket in flights if ticket.story != 0]
        for ticket in quick:
            lanes.finish(ticket)
            ended[ticket.story] += 1
            flights.remove(ticket)
            following = lanes.take(0.0)
            assert following is not None
            flights.append(following)

    assert sum(ticket.story == 0 for ticket in flights) == 4
    assert ended[1] == ended[2] > 1000


def test_late_records_wait_apart_until_they_are_pardoned() -> None:
    """Who asks for records gets none that failed often, unless it asks for those."""
    lanes = lanes_of(2)
    ticket = lanes.take(0.0)
    assert ticket is not None
    lanes.park(ticket, 1.0, backoff=True, late=True)
    assert not lanes.has_late(0.5)
    assert lanes.has_late(1.0)
    assert not lanes.has_late(1.0, {"payments"})
    healthy = lanes.take(1.0)
    assert healthy is not None
    assert healthy.record.offset == 1
    assert lanes.take(1.0) is None

    lanes.pardon()
    assert not lanes.has_late(1.0)
    assert lanes.take(1.0) is ticket


def test_a_pardon_ends_a_backoff_and_nothing_else() -> None:
    """What waits for the registry waits on; what failed because the API was away is due at once."""
    lanes = lanes_of(2)
    failed, waits = lanes.take(0.0), lanes.take(0.0)
    assert failed is not None
    assert waits is not None
    lanes.park(failed, 30.0, backoff=True)
    lanes.park(waits, 30.0, HoldCause.REGISTRY)

    lanes.pardon()

    assert lanes.take(0.0) is failed
    assert lanes.take(0.0) is None
    assert lanes.next_wake() == 30.0


def test_a_waiting_cause_is_counted_until_the_record_settles() -> None:
    """The count behind a hold's gauge covers the record also while it is being tried again."""
    lanes: Lanes[None] = Lanes()
    lanes.offer(Record(PARTITIONS[0], 0, 1, b"k", b""), None)
    ticket = lanes.take(0.0)
    assert ticket is not None
    lanes.park(ticket, 1.0, HoldCause.REGISTRY)
    assert lanes.waiting_for(HoldCause.REGISTRY) == 1
    again = lanes.take(1.0)
    assert again is ticket
    assert lanes.waiting_for(HoldCause.REGISTRY) == 1
    lanes.finish(again)
    assert lanes.waiting_for(HoldCause.REGISTRY) == 0


def test_a_record_that_is_put_back_waits_for_nothing() -> None:
    """It got as far as to be stopped by something else: what it waited for before is there."""
    lanes: Lanes[None] = Lanes()
    lanes.offer(Record(PARTITIONS[0], 0, 1, b"k", b""), None)
    ticket = lanes.take(0.0)
    assert ticket is not None
    lanes.park(ticket, 1.0, HoldCause.DEAD_LETTERS)
    again = lanes.take(1.0)
    assert again is ticket
    lanes.put_back(again)
    assert lanes.waiting_for(HoldCause.DEAD_LETTERS) == 0


def test_a_flight_of_a_lost_partition_keeps_its_lane() -> None:
    """A key whose call is still on the wire is not sent again when its partition comes back meanwhile."""
    lanes: Lanes[str] = Lanes()
    lanes.offer(Record(PARTITIONS[0], 7, 1, b"k", b""), "old")
    old = lanes.take(0.0)
    assert old is not None
    lanes.drop([PARTITIONS[0]])
    lanes.offer(Record(PARTITIONS[0], 7, 2, b"k", b""), "new")
    assert lanes.take(0.0) is None
    lanes.finish(old)
    new = lanes.take(0.0)
    assert new is not None
    assert new.story == "new"


def test_what_stepped_aside_blocks_nothing_and_comes_again() -> None:
    """The lane goes on at once; the record is tried again when it is due, also beside a call of its lane."""
    lanes: Lanes[str] = Lanes()
    for offset, story in enumerate(["remove", "next"]):
        lanes.offer(Record(PARTITIONS[0], offset, 1, b"k", b""), story)
    remove = lanes.take(0.0)
    assert remove is not None
    lanes.step_aside(remove, 5.0)
    following = lanes.take(0.0)
    assert following is not None
    assert following.story == "next"
    assert following.shares_lane(remove)
    assert lanes.take(4.9) is None
    assert lanes.take(5.0) is remove
    assert lanes.load(PARTITIONS[0]).records == 2


def test_a_flight_aside_of_a_lost_partition_keeps_its_lane() -> None:
    """A late remove can't meet what its lane sends next, also where its partition comes back meanwhile."""
    lanes: Lanes[str] = Lanes()
    lanes.offer(Record(PARTITIONS[0], 7, 1, b"k", b""), "old")
    old = lanes.take(0.0)
    assert old is not None
    lanes.step_aside(old, 0.0)
    assert lanes.take(0.0) is old
    lanes.drop([PARTITIONS[0]])
    lanes.offer(Record(PARTITIONS[0], 7, 2, b"k", b""), "new")
    assert lanes.take(0.0) is None
    lanes.step_aside(old, 1.0)
    new = lanes.take(0.0)
    assert new is not None
    assert new.story == "new"


def test_the_oldest_record_that_may_start_is_the_next() -> None:
    """A lane with many records keeps its place by their age, so that the watermark is not left behind."""
    lanes: Lanes[int] = Lanes()
    for offset, key in enumerate([b"a", b"a", b"b", b"a", b"c"]):
        lanes.offer(Record(PARTITIONS[0], offset, 1, key, b""), offset)
    started = []
    while (ticket := lanes.take(0.0)) is not None:
        started.append(ticket.story)
        lanes.finish(ticket)
    assert started == [0, 1, 2, 3, 4]


def test_probes_rotate_over_lanes() -> None:
    """Each lane is probed once before one is probed twice."""
    lanes: Lanes[bytes] = Lanes()
    for offset, key in enumerate([b"a", b"b", b"c"]):
        lanes.offer(Record(PARTITIONS[0], offset, 1, key, b""), key)
    probed = []
    for _ in range(6):
        ticket = lanes.take(0.0, probe=True)
        assert ticket is not None
        probed.append(ticket.story)
        lanes.put_back(ticket)
    assert probed == [b"a", b"b", b"c"] * 2
