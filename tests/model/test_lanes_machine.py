"""Lanes against a plain reference model, under any order of offers, flights, parks and drops."""

from collections import defaultdict, deque

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

    @rule(resting=strategies.sampled_from(RESTING), topic=strategies.sampled_from(WANTED))
    def take(self, resting: tuple[str, ...], topic: str | None) -> None:
        """The next flight starts: it must be the head of a lane that is not flying, parked or resting.

        Where one of a topic is wanted, it is of that topic.
        """
        self.parked = {lane: until for lane, until in self.parked.items() if until > self.now}
        blocked = {*self.flying, *self.parked}
        movable = {
            lane
            for lane, queue in self.queues.items()
            if queue
            and lane not in blocked
            and lane[0].topic not in resting
            and topic in (None, lane[0].topic)
        }
        ticket = self.lanes.take(self.now, resting=resting, topic=topic)
        if ticket is None:
            assert not movable
            return
        lane = self.lane_of(ticket)
        assert lane in movable
        assert ticket.story == self.queues[lane][0]
        self.flying[lane] = (ticket, ticket.story)

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
    )
    def park(self, data: strategies.DataObject, wait: float, cause: HoldCause | None) -> None:
        """A flight waits for a later try; its record stays the head of its lane."""
        lane, ticket = self.pick(data)
        self.lanes.park(ticket, self.now + wait, cause)
        if not ticket.released:
            self.parked[lane] = self.now + wait

    @precondition(lambda self: self.flying)
    @rule(data=strategies.data())
    def put_back(self, data: strategies.DataObject) -> None:
        """A flight never started; its record stays the head of its lane."""
        _, ticket = self.pick(data)
        self.lanes.put_back(ticket)

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
        flying = sum(not ticket.released for ticket, _ in self.flying.values())
        total = sum(len(queue) for queue in self.queues.values())
        assert self.lanes.queued + self.lanes.parked + flying == total

    @invariant()
    def next_wake_is_the_earliest(self) -> None:
        """The time to look again is that of the first parked record."""
        assert self.lanes.parked == len(self.parked)
        assert self.lanes.next_wake() == min(self.parked.values(), default=None)

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
