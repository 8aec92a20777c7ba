"""Lanes and offsets together, as the pipeline uses them, under handovers, losses and late results."""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consumer.core.partitions import marks
from consumer.core.partitions.lanes import Lanes, Ticket
from consumer.core.partitions.offsets import Assigned, Offsets, Position
from consumer.core.records import Partition, Record

PARTITIONS = [Partition("payments", number) for number in range(2)]
KEYS = [b"a", b"b", None]


@dataclass
class Side:
    """One partition as the outside sees it: its log, what was committed, and what was answered for good.

    ``excused`` counts per offset how often a handover went wrong since its record was answered: so many
    repeats of the answer are allowed.
    """

    partition: Partition
    log: dict[int, bytes | None] = field(default_factory=dict)
    end: int = 0
    committed: tuple[int, str] = (0, "")
    answers: Counter[int] = field(default_factory=Counter)
    excused: Counter[int] = field(default_factory=Counter)
    epoch: int | None = None
    position: int = 0

    def safe(self, offset: int) -> bool:
        """Tell whether whoever starts from the commit will pass this offset over."""
        start, metadata = self.committed
        return offset < start or offset in marks.parse(metadata, start).runs

    def store(self, position: Position) -> None:
        """Take a commit, as the broker does."""
        assert position.offset >= self.committed[0], "a commit went back"
        self.committed = (position.offset, position.metadata)

    def record(self, offset: int, epoch: int) -> Record:
        """Return a record of the log as an assignment reads it."""
        return Record(self.partition, offset, epoch, self.log[offset], b"value")


@dataclass
class Flight:
    """A record that somebody works on."""

    ticket: Ticket[int]
    side: Side

    @property
    def lane(self) -> tuple[Partition, bytes | None]:
        """The partition and the key."""
        return self.side.partition, self.ticket.record.key

    @property
    def current(self) -> bool:
        """Whether it belongs to the present assignment of its partition."""
        return self.ticket.record.epoch == self.side.epoch


class TogetherMachine(RuleBasedStateMachine):
    """One process, two partitions that come and go, and a broker that keeps what was committed."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes: Lanes[int] = Lanes()
        self.offsets = Offsets()
        self.sides = {partition: Side(partition) for partition in PARTITIONS}
        self.flights: list[Flight] = []
        self.looked: list[tuple[Side, Position]] = []
        self.stored: list[tuple[Side, Position]] = []
        self.last_epoch = 0
        self.now = 0.0

    # --- the log and the group ---

    @initialize(keys=strategies.lists(strategies.sampled_from(KEYS), min_size=2, max_size=4))
    def begin(self, keys: list[bytes | None]) -> None:
        """Both partitions are assigned, and there is something to read."""
        for partition in PARTITIONS:
            self.produce(partition, keys, 0)
            self.assign(partition, 1)

    @rule(
        side=strategies.sampled_from(PARTITIONS),
        keys=strategies.lists(strategies.sampled_from(KEYS), min_size=1, max_size=4),
        gap=strategies.integers(0, 2),
    )
    def produce(self, side: Partition, keys: list[bytes | None], gap: int) -> None:
        """Records are appended; some offsets do not exist."""
        here = self.sides[side]
        here.end += gap
        for key in keys:
            here.log[here.end] = key
            here.end += 1

    @rule(side=strategies.sampled_from(PARTITIONS), count=strategies.integers(0, 5))
    def assign(self, side: Partition, count: int) -> None:
        """A partition comes (back) to this process, at the committed offset, and reading begins."""
        here = self.sides[side]
        if here.epoch is None:
            self.last_epoch += 1
            offset, metadata = here.committed
            self.offsets.assign(Assigned(side, self.last_epoch, offset, metadata), self.now)
            here.epoch, here.position = self.last_epoch, offset
            self.receive(side, count)

    @rule(side=strategies.sampled_from(PARTITIONS), count=strategies.integers(1, 5))
    def receive(self, side: Partition, count: int) -> None:
        """Records are read. One that is passed over was answered before."""
        here = self.sides[side]
        if here.epoch is None:
            return
        unread = [offset for offset in here.log if offset >= here.position][:count]
        for offset in unread:
            here.position = offset + 1
            if self.offsets.receive(here.record(offset, here.epoch), self.now):
                self.lanes.offer(here.record(offset, here.epoch), offset)
            else:
                assert here.answers[offset], "a record was passed over that nobody has settled"

    @rule(side=strategies.sampled_from(PARTITIONS), data=strategies.data())
    def receive_late(self, side: Partition, data: strategies.DataObject) -> None:
        """A record that an earlier assignment has read arrives only now: it is nobody's."""
        here = self.sides[side]
        epoch = data.draw(strategies.integers(0, self.last_epoch))
        if here.log and epoch != here.epoch:
            offset = data.draw(strategies.sampled_from(sorted(here.log)))
            assert not self.offsets.receive(here.record(offset, epoch), self.now)

    # --- flights ---

    @rule()
    def take(self) -> None:
        """A flight starts: its lane is free, and all that stands before it in its lane was answered."""
        ticket = self.lanes.take(self.now)
        if ticket is None:
            return
        flight = Flight(ticket, self.sides[ticket.record.partition])
        assert flight.current
        assert flight.lane not in {other.lane for other in self.flights}
        before = [
            offset
            for offset, key in flight.side.log.items()
            if key == ticket.record.key and offset < ticket.record.offset
        ]
        assert all(flight.side.answers[offset] for offset in before)
        self.flights.append(flight)

    @precondition(lambda self: self.flights)
    @rule(data=strategies.data())
    def answer(self, data: strategies.DataObject) -> None:
        """A call is answered for good; the result of an earlier assignment changes nothing here."""
        flight = self.pick(data)
        was_open = self.offsets.unsettled(flight.side.partition)
        self.settle(flight)
        assert self.offsets.unsettled(flight.side.partition) == was_open - flight.current

    @precondition(lambda self: self.flights)
    @rule(data=strategies.data(), wait=strategies.floats(0, 3))
    def fail(self, data: strategies.DataObject, wait: float) -> None:
        """A call is to be tried again later."""
        self.lanes.park(self.pick(data).ticket, self.now + wait)

    @precondition(lambda self: self.flights)
    @rule(data=strategies.data())
    def stop(self, data: strategies.DataObject) -> None:
        """A call could not start."""
        self.lanes.put_back(self.pick(data).ticket)

    @rule(seconds=strategies.floats(0, 2))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    # --- commits ---

    @rule()
    def look(self) -> None:
        """Somebody looks at what may be committed; the commit is on its way."""
        self.looked += [(self.sides[p], position) for p, position in self.offsets.committable().items()]

    @precondition(lambda self: self.looked)
    @rule(stored=strategies.booleans())
    def store(self, stored: bool) -> None:
        """The oldest commit on its way is stored or refused; one of an earlier assignment is not sent."""
        side, position = self.looked.pop(0)
        if stored and position.epoch == side.epoch:
            side.store(position)
            self.stored.append((side, position))

    @precondition(lambda self: self.stored)
    @rule(data=strategies.data())
    def hear(self, data: strategies.DataObject) -> None:
        """The broker's yes arrives: out of order, or after the partition went and came back, or never."""
        side, position = data.draw(strategies.sampled_from(self.stored))
        self.stored.remove((side, position))
        self.offsets.committed(side.partition, position, self.now)

    # --- partitions go ---

    @rule(side=strategies.sampled_from(PARTITIONS), stored=strategies.booleans(), data=strategies.data())
    def revoke(self, side: Partition, stored: bool, data: strategies.DataObject) -> None:
        """A partition is handed over: what is on the wire ends in time or does not; then the last commit."""
        here = self.sides[side]
        if here.epoch is None:
            return
        dropped = self.lanes.drop([side])
        for flight in [flight for flight in self.flights if flight.ticket in dropped]:
            end = data.draw(strategies.sampled_from(["answered", "cancelled", "too late"]))
            if end != "too late":
                self.flights.remove(flight)
            if end == "answered":
                self.settle(flight)
            if end == "cancelled":
                self.lanes.put_back(flight.ticket)
        position = self.offsets.committable([side]).get(side)
        if position is not None and stored:
            here.store(position)
        self.leave(here, committed=stored)

    @rule(side=strategies.sampled_from(PARTITIONS), back=strategies.booleans())
    def lose(self, side: Partition, back: bool) -> None:
        """A partition is lost without a word; calls on the wire go on. It may come back at once."""
        if self.sides[side].epoch is not None:
            self.lanes.drop([side])
            self.leave(self.sides[side], committed=False)
            if back:
                self.assign(side, 5)

    def leave(self, here: Side, *, committed: bool) -> None:
        """Take leave: what is on the wire may be answered twice, and what is not in the last commit."""
        self.offsets.forget([here.partition])
        here.epoch = None
        here.excused.update({flight.ticket.record.offset for flight in self.flights if flight.side is here})
        if not committed:
            here.excused.update(offset for offset in here.answers if not here.safe(offset))

    # --- what always holds ---

    @invariant()
    def nothing_is_lost(self) -> None:
        """Whatever a new owner passes over was answered."""
        for here in self.sides.values():
            assert all(here.answers[offset] for offset in here.log if here.safe(offset))

    @invariant()
    def progress_is_offered(self) -> None:
        """Whatever may be committed and is not stored yet is there to be looked at."""
        for partition, offset in self.offsets.next_offsets().items():
            if offset > self.sides[partition].committed[0]:
                assert partition in self.offsets.committable()

    @invariant()
    def repeats_are_bounded(self) -> None:
        """A record is answered once, and once more for each handover that went wrong after that."""
        for here in self.sides.values():
            for offset, times in here.answers.items():
                assert times <= 1 + here.excused[offset]

    @invariant()
    def counts_agree(self) -> None:
        """Both hold the same records: what is not settled is queued, parked or in flight."""
        for partition, here in self.sides.items():
            assert self.lanes.load(partition).records == self.offsets.unsettled(partition)
            assert here.epoch is not None or self.offsets.position(partition) is None
        current = sum(flight.current for flight in self.flights)
        open_records = sum(self.offsets.unsettled(partition) for partition in PARTITIONS)
        assert self.lanes.queued + self.lanes.parked + current == open_records

    def teardown(self) -> None:
        """In the end everything is well for long enough: all is answered, and committed to the end."""
        for flight in self.flights[:]:
            self.flights.remove(flight)
            self.settle(flight)
        self.now += 10
        for partition, here in self.sides.items():
            self.assign(partition, 0)
            self.receive(partition, len(here.log))
        while self.lanes.queued or self.lanes.parked:
            self.take()
            self.settle(self.flights.pop())
            self.nothing_is_lost()
        for partition, position in self.offsets.committable().items():
            self.sides[partition].store(position)
        for here in self.sides.values():
            assert set(here.answers) == set(here.log)
            assert here.committed[0] == max(here.log, default=-1) + 1

    def settle(self, flight: Flight) -> None:
        """Bring a good answer home, as the pipeline does."""
        flight.side.answers[flight.ticket.record.offset] += 1
        self.lanes.finish(flight.ticket)
        assert self.offsets.settle(flight.ticket.record, self.now) == flight.current

    def pick(self, data: strategies.DataObject) -> Flight:
        """Choose a flight that ends now."""
        return self.flights.pop(data.draw(strategies.integers(0, len(self.flights) - 1)))


TogetherMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
TestTogether = TogetherMachine.TestCase
