"""Offsets against a plain set, under gaps, refused commits, handovers and late results."""

from dataclasses import dataclass, field

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.core.partitions.offsets import Assigned, Offsets, Position
from consumer.core.records import Partition, Record

HERE = Partition("payments", 0)


@dataclass
class Model:
    """What a plain mind would keep of one assignment."""

    epoch: int
    start: int
    received: list[int] = field(default_factory=list)
    settled: set[int] = field(default_factory=set)

    def watermark(self) -> int:
        """Return the smallest received offset that is not settled, else the one behind the last."""
        unsettled = [offset for offset in self.received if offset not in self.settled]
        return min(unsettled, default=max(self.received, default=self.start - 1) + 1)


class OffsetsMachine(RuleBasedStateMachine):
    """One partition: assigned, read with gaps, settled in any order, committed, handed over, lost."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets = Offsets()
        self.epoch = 0
        self.model: Model | None = None
        self.broker: tuple[int, str] = (0, "")
        self.looked: list[Position] = []
        self.ever_settled: set[int] = set()
        self.lowest_commit = 0
        #: What the broker has said yes to in this assignment, or was asked to start from.
        self.confirmed: set[tuple[int, str]] = set()

    @precondition(lambda self: self.model is None)
    @rule()
    def assign(self) -> None:
        """The partition comes (back), from what the broker has stored."""
        self.epoch += 1
        offset, metadata = self.broker
        self.offsets.assign(Assigned(HERE, self.epoch, offset, metadata), 0.0)
        self.model = Model(self.epoch, offset)
        self.confirmed = {self.broker}

    @precondition(lambda self: self.model is not None)
    @rule(gap=strategies.integers(0, 3), count=strategies.integers(1, 4))
    def receive(self, gap: int, count: int) -> None:
        """Records arrive; some offsets do not exist. Each is processed unless it was settled before."""
        assert self.model is not None
        first = max(self.model.received, default=self.model.start - 1) + 1 + gap
        for offset in range(first, first + count):
            wanted = self.offsets.receive(self.record(offset, self.model.epoch), 0.0)
            self.model.received.append(offset)
            if not wanted:
                assert offset in self.ever_settled, "a record was skipped that nobody has settled"
                self.model.settled.add(offset)

    @precondition(lambda self: self.model is not None and self.model.received)
    @rule(data=strategies.data())
    def receive_again(self, data: strategies.DataObject) -> None:
        """A record that arrived before arrives again: nothing changes."""
        assert self.model is not None
        offset = data.draw(strategies.sampled_from(self.model.received))
        assert not self.offsets.receive(self.record(offset, self.model.epoch), 0.0)

    @precondition(lambda self: self.model is not None and self.model.received)
    @rule(data=strategies.data())
    def settle(self, data: strategies.DataObject) -> None:
        """A record settles, perhaps for the second time."""
        assert self.model is not None
        offset = data.draw(strategies.sampled_from(self.model.received))
        news = self.offsets.settle(self.record(offset, self.model.epoch), 0.0)
        assert news == (offset not in self.model.settled)
        self.model.settled.add(offset)
        self.ever_settled.add(offset)

    @rule(offset=strategies.integers(0, 30), behind=strategies.integers(1, 3))
    def settle_late(self, offset: int, behind: int) -> None:
        """A result of an earlier assignment arrives: nothing changes."""
        assert not self.offsets.settle(self.record(offset, self.epoch - behind), 0.0)

    @rule()
    def look(self) -> None:
        """Somebody looks at what may be committed, without committing it."""
        self.looked.extend(self.offsets.committable().values())

    @precondition(lambda self: self.looked)
    @rule(data=strategies.data())
    def commit_late(self, data: strategies.DataObject) -> None:
        """The broker's yes to an earlier look arrives; it must not hide what settled since."""
        position = data.draw(strategies.sampled_from(self.looked))
        if position.epoch == self.epoch and position.offset >= self.broker[0]:
            self.broker = (position.offset, position.metadata)
        if position.epoch == self.epoch:
            self.confirmed.add((position.offset, position.metadata))
        self.offsets.committed(HERE, position, 0.0)

    @precondition(lambda self: self.looked)
    @rule()
    def store_unheard(self) -> None:
        """The broker stores what was looked at last, and its yes is still on its way."""
        position = self.looked[-1]
        if position.epoch == self.epoch and position.offset >= self.broker[0]:
            self.broker = (position.offset, position.metadata)

    @rule(turn=strategies.integers(0, 3))
    def commit_unchanged(self, turn: int) -> None:
        """What is committed only to hear a yes says what was confirmed, and lowers nothing that is stored."""
        for position in self.offsets.unchanged(turn).values():
            assert self.model is not None
            assert (position.offset, position.metadata) in self.confirmed
            assert position.offset >= self.broker[0]
            before = self.offsets.committable()
            self.offsets.committed(HERE, position, 0.0)
            assert self.offsets.committable() == before

    @precondition(lambda self: self.model is not None)
    @rule(stored=strategies.booleans())
    def hand_over(self, stored: bool) -> None:
        """The partition is revoked; the last commit succeeds or is refused."""
        position = self.offsets.committable([HERE]).get(HERE)
        if stored and position is not None:
            self.broker = (position.offset, position.metadata)
        self.forget()

    @precondition(lambda self: self.model is not None)
    @rule()
    def lose(self) -> None:
        """The partition is lost without a word."""
        self.forget()

    def forget(self) -> None:
        """Take leave, and count what was left open."""
        assert self.model is not None
        left = self.offsets.forget([HERE])
        assert left == {HERE: len(set(self.model.received) - self.model.settled)}
        self.model = None

    @invariant()
    def committable_is_the_watermark(self) -> None:
        """What may be committed is exactly the watermark, and never above an unsettled record."""
        if self.model is None:
            assert self.offsets.committable() == {}
            return
        assert self.offsets.next_offsets() == {HERE: self.model.watermark()}
        for position in self.offsets.committable().values():
            assert position.offset == self.model.watermark()
            assert position.epoch == self.model.epoch

    @invariant()
    def nothing_settled_is_hidden(self) -> None:
        """Whatever moved since the broker's last yes is offered for commit again."""
        if self.model is not None and self.model.watermark() > self.broker[0]:
            assert HERE in self.offsets.committable()

    @invariant()
    def memory_is_the_open_span(self) -> None:
        """Only what lies at or above the watermark is kept."""
        if self.model is not None:
            expected = [offset for offset in self.model.received if offset >= self.model.watermark()]
            assert self.offsets.span(HERE) == len(expected)

    @staticmethod
    def record(offset: int, epoch: int) -> Record:
        """Return a record of the partition."""
        return Record(HERE, offset, epoch, None, None)


OffsetsMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestOffsets = OffsetsMachine.TestCase


def test_a_handover_repeats_nothing_that_finished_around_a_stuck_record() -> None:
    """With one record stuck, the next owner is told which of the later ones are settled, twice in a row."""
    first = Offsets()
    first.assign(Assigned(HERE, 1, 0), 0.0)
    for offset in range(10):
        first.receive(Record(HERE, offset, 1, None, None), 0.0)
    for offset in (0, 1, 3, 4, 7, 9):
        first.settle(Record(HERE, offset, 1, None, None), 0.0)
    position = first.committable()[HERE]
    assert position.offset == 2

    second = Offsets()
    second.assign(Assigned(HERE, 2, position.offset, position.metadata), 0.0)
    wanted = [o for o in range(2, 5) if second.receive(Record(HERE, o, 2, None, None), 0.0)]
    assert wanted == [2]
    position = second.committable()[HERE]

    third = Offsets()
    third.assign(Assigned(HERE, 3, position.offset, position.metadata), 0.0)
    wanted = [o for o in range(2, 12) if third.receive(Record(HERE, o, 3, None, None), 0.0)]
    assert wanted == [2, 5, 6, 8, 10, 11]


def test_a_handover_right_before_settled_records_repeats_none_of_them() -> None:
    """What an earlier owner settled stays known also where the owner between them never got to it."""
    first = Offsets()
    first.assign(Assigned(HERE, 1, 0), 0.0)
    for offset in range(6):
        first.receive(Record(HERE, offset, 1, None, None), 0.0)
    for offset in (1, 2, 4):
        first.settle(Record(HERE, offset, 1, None, None), 0.0)
    position = first.committable()[HERE]

    second = Offsets()
    second.assign(Assigned(HERE, 2, position.offset, position.metadata), 0.0)
    second.receive(Record(HERE, 0, 2, None, None), 0.0)
    second.settle(Record(HERE, 0, 2, None, None), 0.0)
    position = second.committable()[HERE]

    third = Offsets()
    third.assign(Assigned(HERE, 3, position.offset, position.metadata), 0.0)
    wanted = [o for o in range(1, 7) if third.receive(Record(HERE, o, 3, None, None), 0.0)]
    assert wanted == [3, 5, 6]


def test_a_fresh_start_is_offered_for_commit_before_anything_arrives() -> None:
    """A group has a position from its first moment, also on a partition where nothing ever happens."""
    offsets = Offsets()
    offsets.assign(Assigned(HERE, 1, 42, fresh=True), 0.0)
    position = offsets.committable()[HERE]
    assert position.offset == 42
    offsets.committed(HERE, position, 1.0)
    assert offsets.committable() == {}


THERE = Partition("payments", 1)


def test_what_is_committed_again_is_exactly_what_the_broker_has() -> None:
    """Offset and metadata of the start, byte for byte, whoever wrote them; later what was confirmed last."""
    offsets = Offsets()
    offsets.assign(Assigned(HERE, 1, 7, "written by something else"), 0.0)
    position = offsets.unchanged(0)[HERE]
    assert (position.offset, position.metadata, position.epoch) == (7, "written by something else", 1)

    offsets.receive(Record(HERE, 7, 1, None, None), 0.0)
    offsets.settle(Record(HERE, 7, 1, None, None), 0.0)
    assert offsets.unchanged(0) == {}, "while something newer may be on its way, nothing is repeated"
    committed = offsets.committable()[HERE]
    offsets.committed(HERE, committed, 0.0)
    position = offsets.unchanged(0)[HERE]
    assert (position.offset, position.metadata) == (8, committed.metadata)


def test_partitions_take_turns_in_being_committed_again() -> None:
    """One whose topic is gone, so that its commits are refused, does not stand for all."""
    offsets = Offsets()
    offsets.assign(Assigned(HERE, 1, 0), 0.0)
    offsets.assign(Assigned(THERE, 2, 0), 0.0)
    assert {partition for turn in range(2) for partition in offsets.unchanged(turn)} == {HERE, THERE}


def test_a_start_that_is_not_committed_yet_is_not_committed_again() -> None:
    """It is offered as new, and nothing else of it is known to the broker."""
    offsets = Offsets()
    assert offsets.unchanged(0) == {}
    offsets.assign(Assigned(HERE, 1, 42, fresh=True), 0.0)
    assert offsets.unchanged(0) == {}
    offsets.committed(HERE, offsets.committable()[HERE], 1.0)
    assert offsets.unchanged(0)[HERE].offset == 42
