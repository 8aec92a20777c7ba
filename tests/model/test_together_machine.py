"""Lanes and offsets together, as the pipeline uses them, under handovers, losses and late results."""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consumer.core.partitions import marks
from consumer.core.partitions.lanes import Lanes, Ticket
from consumer.core.partitions.offsets import Assigned, Offsets, Position
from consumer.core.records import Partition, Record

HERE = Partition("payments", 0)
KEYS = [b"a", b"b", None]
BATCHES = strategies.lists(strategies.sampled_from(KEYS), min_size=1, max_size=4)


@dataclass
class Outside:
    """The partition as the outside sees it: its log, what was committed, and what was answered for good.

    ``excused`` counts per offset how often a handover went wrong since its record was answered, or while it
    was on the wire: so many repeats of the answer are allowed.
    """

    log: dict[int, bytes | None] = field(default_factory=dict)
    end: int = 0
    committed: tuple[int, str] = (0, "")
    answers: Counter[int] = field(default_factory=Counter)
    excused: Counter[int] = field(default_factory=Counter)

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
        return Record(HERE, offset, epoch, self.log[offset], b"value")


class TogetherMachine(RuleBasedStateMachine):
    """One process, a partition that comes and goes, and a broker that keeps what was committed."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes: Lanes[int] = Lanes()
        self.offsets = Offsets()
        self.outside = Outside()
        self.flights: list[Ticket[int]] = []
        self.stored: list[Position] = []
        self.epoch: int | None = None
        self.last_epoch = 0
        self.position = 0
        self.now = 0.0

    # --- the log and the group ---

    @initialize(keys=BATCHES)
    def begin(self, keys: list[bytes | None]) -> None:
        """The partition is assigned, and there is something to read."""
        self.produce(keys, 0)
        self.assign(4)

    @rule(keys=BATCHES, gap=strategies.integers(0, 2))
    def produce(self, keys: list[bytes | None], gap: int) -> None:
        """Records are appended; some offsets do not exist."""
        self.outside.end += gap
        for key in keys:
            self.outside.log[self.outside.end] = key
            self.outside.end += 1

    @precondition(lambda self: self.epoch is None)
    @rule(count=strategies.integers(1, 4))
    def assign(self, count: int) -> None:
        """The partition comes (back) to this process, at the committed offset, and reading begins."""
        self.last_epoch += 1
        offset, metadata = self.outside.committed
        self.offsets.assign(Assigned(HERE, self.last_epoch, offset, metadata), self.now)
        self.epoch, self.position = self.last_epoch, offset
        self.receive(count)

    @precondition(lambda self: self.epoch is not None)
    @rule(count=strategies.integers(1, 8))
    def receive(self, count: int) -> None:
        """Records are read. One that is passed over was answered before."""
        assert self.epoch is not None
        unread = [offset for offset in self.outside.log if offset >= self.position][:count]
        for offset in unread:
            self.position = offset + 1
            record = self.outside.record(offset, self.epoch)
            if self.offsets.receive(record, self.now):
                self.lanes.offer(record, offset)
            else:
                assert self.outside.answers[offset], "a record was passed over that nobody has settled"

    @rule(data=strategies.data())
    def receive_late(self, data: strategies.DataObject) -> None:
        """A record that an earlier assignment has read arrives only now: it is nobody's."""
        epoch = data.draw(strategies.integers(0, self.last_epoch))
        if epoch != self.epoch:
            offset = data.draw(strategies.sampled_from(sorted(self.outside.log)))
            assert not self.offsets.receive(self.outside.record(offset, epoch), self.now)

    # --- flights ---

    @precondition(lambda self: self.lanes.queued or self.lanes.parked)
    @rule(most=strategies.integers(1, 3))
    def take(self, most: int) -> None:
        """Flights start: their lanes are free, and what stands before them in their lanes was answered."""
        for _ in range(most):
            ticket = self.lanes.take(self.now)
            if ticket is None:
                return
            record = ticket.record
            assert record.epoch == self.epoch
            assert record.key not in {other.record.key for other in self.flights}
            for offset, key in self.outside.log.items():
                assert key != record.key or offset >= record.offset or self.outside.answers[offset]
            self.flights.append(ticket)

    @precondition(lambda self: self.flights)
    @rule(data=strategies.data())
    def answer(self, data: strategies.DataObject) -> None:
        """A call is answered for good; the result of an earlier assignment changes nothing here."""
        was_open = self.offsets.unsettled(HERE)
        ticket = self.pick(data)
        self.settle(ticket)
        assert self.offsets.unsettled(HERE) == was_open - (ticket.record.epoch == self.epoch)

    @precondition(lambda self: self.flights)
    @rule(data=strategies.data(), wait=strategies.none() | strategies.floats(0, 3))
    def fail(self, data: strategies.DataObject, wait: float | None) -> None:
        """A call is to be tried again later, or could not start."""
        if wait is None:
            self.lanes.put_back(self.pick(data))
        else:
            self.lanes.park(self.pick(data), self.now + wait)

    @precondition(lambda self: self.lanes.parked)
    @rule(seconds=strategies.floats(0, 2))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    # --- commits ---

    @precondition(lambda self: self.offsets.committable())
    @rule(stored=strategies.booleans())
    def commit(self, stored: bool) -> None:
        """What may be committed is stored or refused; of the broker's yes nobody has heard yet."""
        position = self.offsets.committable()[HERE]
        if stored:
            self.outside.store(position)
            self.stored.append(position)

    @precondition(lambda self: self.stored)
    @rule()
    def hear(self) -> None:
        """The broker's yes arrives, perhaps after the partition went and came back."""
        self.offsets.committed(HERE, self.stored.pop(0), self.now)

    # --- the partition goes ---

    @precondition(lambda self: self.epoch is not None)
    @rule(stored=strategies.booleans(), back=strategies.integers(0, 4), data=strategies.data())
    def revoke(self, stored: bool, back: int, data: strategies.DataObject) -> None:
        """The partition is handed over: what is on the wire ends in time or not; then the last commit."""
        for ticket in self.lanes.drop([HERE]):
            end = data.draw(strategies.sampled_from(["answered", "cancelled", "too late"]))
            if end != "too late":
                self.flights.remove(ticket)
            if end == "answered":
                self.settle(ticket)
            if end == "cancelled":
                self.lanes.put_back(ticket)
        position = self.offsets.committable().get(HERE)
        if position is not None and stored:
            self.outside.store(position)
        self.leave(committed=stored, back=back)

    @precondition(lambda self: self.epoch is not None)
    @rule(back=strategies.integers(0, 4))
    def lose(self, back: int) -> None:
        """The partition is lost without a word; calls on the wire go on."""
        self.lanes.drop([HERE])
        self.leave(committed=False, back=back)

    def leave(self, *, committed: bool, back: int) -> None:
        """Take leave, for the time being where ``back`` records are read at once by the next assignment.

        What is on the wire may be answered twice now, and what is not in the last commit.
        """
        self.offsets.forget([HERE])
        self.epoch = None
        self.outside.excused.update({ticket.record.offset for ticket in self.flights})
        if not committed:
            answered = self.outside.answers
            self.outside.excused.update(offset for offset in answered if not self.outside.safe(offset))
        if back:
            self.assign(back)

    # --- what always holds ---

    @invariant()
    def nothing_is_lost(self) -> None:
        """Whatever a new owner passes over was answered."""
        assert all(self.outside.answers[o] for o in self.outside.log if self.outside.safe(o))

    @invariant()
    def progress_is_offered(self) -> None:
        """Whatever may be committed and is not stored yet is there to be looked at."""
        if self.offsets.next_offsets().get(HERE, 0) > self.outside.committed[0]:
            assert self.offsets.committable()

    @invariant()
    def repeats_are_bounded(self) -> None:
        """A record is answered once, and once more for each handover that went wrong after that."""
        for offset, times in self.outside.answers.items():
            assert times <= 1 + self.outside.excused[offset]

    @invariant()
    def counts_agree(self) -> None:
        """Both hold the same records: what is not settled is queued, parked or in flight."""
        unsettled = self.offsets.unsettled(HERE)
        current = sum(ticket.record.epoch == self.epoch for ticket in self.flights)
        assert self.lanes.load(HERE).records == unsettled
        assert self.lanes.queued + self.lanes.parked + current == unsettled

    def teardown(self) -> None:
        """In the end all is well for long enough: everything is answered, and committed to the end."""
        while self.flights:
            self.settle(self.flights.pop())
        if self.epoch is None:
            self.assign(1)
        self.receive(len(self.outside.log))
        self.now += 10
        while self.lanes.queued or self.lanes.parked:
            self.take(1)
            self.settle(self.flights.pop())
            self.nothing_is_lost()
        for position in self.offsets.committable().values():
            self.outside.store(position)
        assert set(self.outside.answers) == set(self.outside.log)
        assert self.outside.committed[0] == max(self.outside.log, default=-1) + 1

    def settle(self, ticket: Ticket[int]) -> None:
        """Bring a good answer home, as the pipeline does."""
        self.outside.answers[ticket.record.offset] += 1
        self.lanes.finish(ticket)
        assert self.offsets.settle(ticket.record, self.now) == (ticket.record.epoch == self.epoch)

    def pick(self, data: strategies.DataObject) -> Ticket[int]:
        """Choose a flight that ends now."""
        return self.flights.pop(data.draw(strategies.integers(0, len(self.flights) - 1)))


TogetherMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestTogether = TogetherMachine.TestCase
