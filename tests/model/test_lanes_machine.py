"""Lanes against a plain reference model, under any order of offers, flights, parks and drops."""

from collections import Counter, defaultdict, deque

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


class LanesMachine(RuleBasedStateMachine):
    """The reference is one deque per lane; the head of each may fly."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes: Lanes[int] = Lanes()
        self.now = 0.0
        self.next_offset = 0
        self.queues: dict[Lane, deque[int]] = defaultdict(deque)
        self.flying: dict[Lane, tuple[Ticket[int], int]] = {}
        self.parked: dict[Lane, float] = {}
        self.backoff: set[Lane] = set()
        self.late: set[Lane] = set()

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
        """The next flight starts: the head of a lane that may start, of a partition with few flights.

        Where one of a topic is wanted, it is of that topic.
        """
        self.wake_up()
        movable = {
            lane
            for lane in self.waiting()
            if lane not in self.parked
            and lane[0].topic not in resting
            and topic in (None, lane[0].topic)
            and (lane in self.late) is late
        }
        if late and topic is None:
            assert self.lanes.has_late(self.now, resting) is bool(movable)
        ticket = self.lanes.take(self.now, resting=resting, late=late, topic=topic)
        if ticket is None:
            assert not movable
            return
        lane = self.lane_of(ticket)
        assert lane in movable
        assert ticket.story == self.queues[lane][0]
        if not resting and topic is None:
            mean = len(self.flying) / len({partition for partition, _ in movable})
            assert self.flights_of(lane[0]) <= mean
        self.flying[lane] = (ticket, ticket.story)
        self.late.discard(lane)

    @precondition(lambda self: self.flying)
    @rule(data=strategies.data())
    def finish(self, data: strategies.DataObject) -> None:
        """A flight settles."""
        lane, ticket = self.pick(data)
        self.lanes.finish(ticket)
        if not ticket.released:
            self.queues[lane].popleft()

    @precondition(lambda self: self.flying)
    @rule(
        data=strategies.data(),
        wait=strategies.floats(0, 5),
        cause=strategies.sampled_from([None, HoldCause.REGISTRY]),
        failures=strategies.integers(0, 2),
    )
    def park(self, data: strategies.DataObject, wait: float, cause: HoldCause | None, failures: int) -> None:
        """A flight waits for a later try; its record stays the head of its lane, and is late by and by."""
        lane, ticket = self.pick(data)
        self.lanes.park(ticket, self.now + wait, cause, backoff=failures > 0, late=failures > 1)
        if not ticket.released:
            self.parked[lane] = self.now + wait
            self.backoff = self.backoff | {lane} if failures else self.backoff - {lane}
            self.late = self.late | {lane} if failures > 1 else self.late - {lane}

    @rule()
    def pardon(self) -> None:
        """What is in backoff is due at once, and nothing is late."""
        self.lanes.pardon()
        for lane in self.backoff:
            self.parked.pop(lane, None)
        self.late.clear()

    @precondition(lambda self: self.flying)
    @rule(data=strategies.data())
    def put_back(self, data: strategies.DataObject) -> None:
        """A flight never started; its record stays the head of its lane, late if it was."""
        lane, ticket = self.pick(data)
        self.lanes.put_back(ticket)
        if not ticket.released and ticket.late:
            self.late.add(lane)

    @rule(partition=strategies.sampled_from(PARTITIONS))
    def drop(self, partition: Partition) -> None:
        """A partition is given up: nothing of it is left but flights, which keep their lanes occupied."""
        expected = {
            id(ticket)
            for lane, (ticket, _) in self.flying.items()
            if lane[0] == partition and not ticket.released
        }
        released = self.lanes.drop([partition])
        assert {id(ticket) for ticket in released} == expected
        assert all(ticket.released for ticket in released)
        for lane in [lane for lane in self.queues if lane[0] == partition]:
            self.queues[lane].clear()
            self.parked.pop(lane, None)
            self.late.discard(lane)

    @rule(seconds=strategies.floats(0, 3))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @invariant()
    def counts_agree(self) -> None:
        """Loads, queues and parks are conserved: nothing is counted twice, nothing is forgotten."""
        for partition in PARTITIONS:
            expected = sum(len(queue) for lane, queue in self.queues.items() if lane[0] == partition)
            load = self.lanes.load(partition)
            assert load.records == expected
            assert load.size == sum(
                (len(b"value") + len(key or b"")) * len(queue)
                for (where, key), queue in self.queues.items()
                if where == partition
            )
            blocked = [
                lane
                for lane in self.waiting()
                if lane[0] == partition and (lane in self.parked or lane in self.late)
            ]
            assert load.blocked_records == sum(len(self.queues[lane]) for lane in blocked)
            assert load.blocked_size == sum(
                (len(b"value") + len(lane[1] or b"")) * len(self.queues[lane]) for lane in blocked
            )
            movable = sum(lane[0] == partition and lane not in blocked for lane in self.waiting())
            assert load.movable == movable + self.flights_of(partition)
        flying = sum(not ticket.released for ticket, _ in self.flying.values())
        total = sum(len(queue) for queue in self.queues.values())
        assert self.lanes.queued + self.lanes.parked + flying == total

    @invariant()
    def next_wake_is_the_earliest(self) -> None:
        """The time to look again is that of the first parked record."""
        assert self.lanes.parked == len(self.parked)
        assert self.lanes.next_wake() == min(self.parked.values(), default=None)

    @invariant()
    def what_waits_can_be_looked_at(self) -> None:
        """Each parked record with its time, and the oldest record of each partition with whether it flies."""
        assert {self.lane_of(ticket): until for ticket, until in self.lanes.sleeping()} == self.parked
        for partition in PARTITIONS:
            heads = {queue[0]: lane for lane, queue in self.queues.items() if queue and lane[0] == partition}
            oldest = self.lanes.oldest(partition)
            assert (oldest is None) == (not heads)
            if oldest is not None:
                ticket, flies = oldest
                assert ticket.story == min(heads)
                flight = self.flying.get(heads[ticket.story])
                assert flies == (flight is not None and flight[0] is ticket)

    def wake_up(self) -> None:
        """Let those that are due wait no longer."""
        self.parked = {lane: until for lane, until in self.parked.items() if until > self.now}

    def waiting(self) -> list[Lane]:
        """Return the lanes that have a record and no flight."""
        return [lane for lane, queue in self.queues.items() if queue and lane not in self.flying]

    def flights_of(self, partition: Partition) -> int:
        """Return how many flights a partition has."""
        return sum(lane[0] == partition for lane in self.flying)

    def pick(self, data: strategies.DataObject) -> tuple[Lane, Ticket[int]]:
        """Choose a flight and end it in the reference."""
        lane = data.draw(strategies.sampled_from(sorted(self.flying, key=str)))
        return lane, self.flying.pop(lane)[0]


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
