"""Lanes and offsets together, as the pipeline uses them, under handovers, losses and late results."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consumer.core.partitions import marks
from consumer.core.partitions.lanes import Lanes, Ticket
from consumer.core.partitions.offsets import Assigned, Offsets, Position
from consumer.core.records import Partition, Record

HERE = Partition("payments", 0)
KEYS = [b"a", b"b", None]
BATCHES = strategies.lists(strategies.sampled_from(KEYS), min_size=1, max_size=4)


class End(Enum):
    """What becomes of a flight whose partition is handed over."""

    ANSWERED = auto()
    CANCELLED = auto()
    TOO_LATE = auto()


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

    # Few rules that do much: Hypothesis leaves some of them out in each example.

    @initialize(keys=BATCHES)
    def begin(self, keys: list[bytes | None]) -> None:
        """The partition is assigned, and there is something to read."""
        self.read(keys, 0, 0)
        self.assign(4)

    @rule(keys=BATCHES, gap=strategies.integers(0, 2), count=strategies.integers(0, 6))
    def read(self, keys: list[bytes | None], gap: int, count: int) -> None:
        """Records are appended, perhaps behind offsets that do not exist; and some are read."""
        self.outside.end += gap
        for key in keys:
            self.outside.log[self.outside.end] = key
            self.outside.end += 1
        if self.epoch is not None:
            self.receive(count, self.epoch)

    def receive(self, count: int, epoch: int) -> None:
        """Read records. One that is passed over was answered before."""
        for offset in [offset for offset in self.outside.log if offset >= self.position][:count]:
            self.position = offset + 1
            record = self.outside.record(offset, epoch)
            if self.offsets.receive(record, self.now):
                self.lanes.offer(record, offset)
            else:
                assert self.outside.answers[offset], "a record was passed over that nobody has settled"

    @precondition(lambda self: self.epoch is None)
    @rule(count=strategies.integers(1, 4))
    def assign(self, count: int) -> None:
        """The partition comes (back), at the committed offset; what the last owner has read is nobody's."""
        self.last_epoch += 1
        offset, metadata = self.outside.committed
        self.offsets.assign(Assigned(HERE, self.last_epoch, offset, metadata), self.now)
        for late in self.outside.log:
            assert not self.offsets.receive(self.outside.record(late, self.last_epoch - 1), self.now)
        self.epoch, self.position = self.last_epoch, offset
        self.receive(count, self.epoch)

    @rule(most=strategies.integers(1, 3), seconds=strategies.floats(0, 2))
    def take(self, most: int, seconds: float) -> None:
        """Flights start: their lanes are free, and what stands before them in their lanes was answered."""
        self.now += seconds
        for _ in range(most):
            ticket = self.lanes.take(self.now)
            if ticket is None:
                return
            record = ticket.record
            assert record.epoch == self.epoch
            if not ticket.aside:
                assert record.key not in {t.record.key for t in self.flights if t.released or not t.aside}
                excused = {aside.record.offset for aside in self.lanes.aside(HERE)}
                for offset, key in self.outside.log.items():
                    done = self.outside.answers[offset] or offset in excused
                    assert key != record.key or offset >= record.offset or done
            assert record.offset not in {t.record.offset for t in self.flights}
            self.flights.append(ticket)

    @precondition(lambda self: self.flights)
    @rule(
        number=strategies.integers(0, 2),
        wait=strategies.sampled_from([None, None, 0.0, 1.0]),
        aside=strategies.booleans(),
    )
    def land(self, number: int, wait: float | None, aside: bool) -> None:
        """A call is answered for good, or is to be tried again at once or later, perhaps beside its lane."""
        ticket = self.flights.pop(number % len(self.flights))
        if wait is None:
            self.settle(ticket)
        elif aside:
            self.lanes.step_aside(ticket, self.now + wait)
        elif wait:
            self.lanes.park(ticket, self.now + wait)
        else:
            self.lanes.put_back(ticket)

    @rule(number=strategies.integers(0, 2), settled=strategies.booleans())
    def end_the_wait(self, number: int, settled: bool) -> None:
        """What waits beside its lane ends without another try, or is to be tried at once."""
        waiting = [ticket for ticket in self.lanes.aside(HERE) if not ticket.flying]
        if waiting and settled:
            self.settle(waiting[number % len(waiting)])
        elif waiting:
            self.lanes.hasten(waiting[number % len(waiting)])

    @rule(most=strategies.integers(1, 6))
    def work(self, most: int) -> None:
        """All goes well for a while."""
        for _ in range(most):
            self.take(1, 0)
            if self.flights:
                self.settle(self.flights.pop())

    @rule(stored=strategies.booleans(), heard=strategies.booleans())
    def commit(self, stored: bool, heard: bool) -> None:
        """A commit is stored or refused; its yes arrives, perhaps only in the next assignment."""
        for position in self.offsets.committable().values():
            if stored:
                self.outside.store(position)
                self.stored.append(position)
        while heard and self.stored:
            self.offsets.committed(HERE, self.stored.pop(0), self.now)

    @precondition(lambda self: self.epoch is not None)
    @rule(
        ends=strategies.none() | strategies.lists(strategies.sampled_from(End), min_size=3, max_size=3),
        stored=strategies.booleans(),
        back=strategies.integers(0, 4),
    )
    def leave(self, ends: list[End] | None, stored: bool, back: int) -> None:
        """The partition is lost, or handed over: then flights end in some way, and a last commit is tried.

        It comes back at once, where ``back`` records of it are read then. What is on the wire may be
        answered twice now, and so may what is not in the commit.
        """
        dropped = self.lanes.drop([HERE])
        if ends is not None:
            for ticket, end in zip(dropped, ends, strict=False):
                self.end(ticket, end)
            for position in self.offsets.committable().values():
                if stored:
                    self.outside.store(position)
        self.offsets.forget([HERE])
        self.epoch = None
        self.outside.excused.update({ticket.record.offset for ticket in self.flights})
        if ends is None or not stored:
            self.outside.excused.update(o for o in self.outside.answers if not self.outside.safe(o))
        if back:
            self.assign(back)

    def end(self, ticket: Ticket[int], end: End) -> None:
        """End a flight while its partition is handed over."""
        if end is not End.TOO_LATE:
            self.flights.remove(ticket)
        if end is End.ANSWERED:
            self.settle(ticket)
        if end is End.CANCELLED:
            self.lanes.put_back(ticket)

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
        self.receive(len(self.outside.log), self.last_epoch)
        self.now += 10
        while self.lanes.queued or self.lanes.parked:
            self.take(1, 0)
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


TogetherMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestTogether = TogetherMachine.TestCase
