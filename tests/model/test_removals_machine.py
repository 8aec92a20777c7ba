"""The clock of a grace against time that is added up by hand, under any order of events."""

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.core.api.removals import Ended, Oldest, Place, Removals
from consumer.core.records import Partition

REFUNDS, PAYMENTS = Partition("refunds", 0), Partition("payments", 0)
GRACE = 20.0
IDS = ["a", "b"]
SHORT = 1e-6


class RemovalsMachine(RuleBasedStateMachine):
    """Time passes in :meth:`wait` only, and is allowed to count if all was well throughout.

    ``allowed`` is for each open removal the time that its clock may have run, ``captures`` are the open
    ones. ``broken``: since the last answer a call has failed. ``crowded`` are the partitions that removals
    fill; ``stood`` is for how long one of them has seen a record that is ``stuck``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.removals = Removals(GRACE)
        self.now = 0.0
        self.next_offset = 0
        self.broken = True
        self.age: float | None = None
        self.crowded: tuple[Partition, ...] = ()
        self.stuck = False
        self.stood = 0.0
        self.written: dict[Place, float] = {}
        self.ids: dict[Place, str] = {}
        self.allowed: dict[Place, float] = {}
        self.captures: dict[Place, str] = {}
        self.look()

    def place(self, partition: Partition) -> Place:
        """Return the place of a new record."""
        self.next_offset += 1
        return Place(partition, 1, self.next_offset)

    def look(self) -> None:
        """Look at the process, whose oldest record that a hold keeps is always of the same age."""
        place = Place(PAYMENTS, 0, 0)
        lanes = [] if self.age is None else [Oldest(place, self.now - self.age, kept=True)]
        if self.stuck:
            lanes.append(Oldest(Place(PAYMENTS, 0, -1), -1e9))
        self.removals.look(self.now, lanes, self.crowded)

    def answer(self) -> None:
        """The API answers some call."""
        self.removals.answering.answered(self.now)
        self.broken = False

    @rule()
    def fail(self) -> None:
        """Some call fails."""
        self.removals.answering.failed()
        self.broken = True

    @rule(seconds=strategies.floats(0, 30), answered=strategies.booleans())
    def wait(self, seconds: float, answered: bool) -> None:
        """Time passes; it may count where it ends with an answer, as it began with one."""
        self.now += seconds
        if not answered:
            self.fail()
        elif not self.broken:
            pending = set(self.captures.values())
            for place in self.allowed:
                if self.ids[place] not in pending and (self.crowded or not self.behind):
                    self.allowed[place] += seconds
            self.stood += seconds
        if answered:
            self.answer()
        self.look()

    @rule(age=strategies.sampled_from([None, 1.0, GRACE / 2, 10 * GRACE]))
    def lag(self, age: float | None) -> None:
        """The process falls behind, or has caught up."""
        self.age = age
        self.look()

    @rule(crowded=strategies.booleans(), stuck=strategies.booleans())
    def crowd(self, crowded: bool, stuck: bool) -> None:
        """Removals fill their partition, or do not; a record fails for ever, or does not."""
        if not (crowded and self.crowded and stuck and self.stuck):
            self.stood = 0.0
        self.crowded, self.stuck = (REFUNDS,) if crowded else (), stuck
        self.look()

    @property
    def behind(self) -> bool:
        """Whether the oldest record is older than the grace."""
        return self.stuck or (self.age is not None and self.age > GRACE)

    @rule(payment_id=strategies.sampled_from(IDS))
    def capture(self, payment_id: str) -> None:
        """A capture is understood."""
        place = self.place(PAYMENTS)
        self.removals.capture(place, payment_id)
        self.captures[place] = payment_id

    @precondition(lambda self: self.captures)
    @rule()
    def settle(self) -> None:
        """A capture settles; the last one of its payment wakes all removals of it."""
        place, payment_id = self.captures.popitem()
        woken = self.removals.settled(place)
        last = payment_id not in self.captures.values()
        assert woken == ([p for p in self.ids if self.ids[p] == payment_id] if last else [])

    @rule(payment_id=strategies.sampled_from(IDS), echo=strategies.booleans())
    def remove(self, payment_id: str, echo: bool) -> None:
        """A removal finds nothing for the first time."""
        place = self.place(REFUNDS)
        self.ids[place] = payment_id
        self.allowed[place] = 0.0
        self.written[place] = self.now
        self.find_nothing(place, echo=echo)

    @precondition(lambda self: self.ids)
    @rule(data=strategies.data(), echo=strategies.booleans())
    def again(self, data: strategies.DataObject, echo: bool) -> None:
        """A removal finds nothing again, unless it is held back."""
        place = data.draw(strategies.sampled_from(sorted(self.ids)))
        held_back = self.removals.held_back(place, self.ids[place], self.written[place]) is not None
        assert held_back == (self.ids[place] in self.captures.values())
        if not held_back:
            self.find_nothing(place, echo=echo)

    def find_nothing(self, place: Place, *, echo: bool) -> None:
        """A 400 arrives: the wait goes on for no longer than it may, or ends for a good reason."""
        self.answer()
        found = self.removals.found_nothing(place, self.ids[place], self.written[place], echo=echo)
        pending = self.ids[place] in self.captures.values()
        if isinstance(found, Ended):
            assert not pending
            assert self.crowded or not self.behind
            assert not self.stuck or self.stood >= GRACE - 0.01
            assert found is Ended.ECHO or self.allowed[place] >= GRACE - 0.01
            end = self.written[place] + (0 if found is Ended.ECHO else GRACE)
            assert self.age is None or self.now - self.age >= end
            self.forget(place)
        else:
            assert 0 < found <= max(10, len(self.ids) / 2)

    def forget(self, place: Place) -> None:
        """A removal is settled."""
        assert self.removals.settled(place) == []
        del self.ids[place], self.allowed[place]

    @invariant()
    def count_agrees(self) -> None:
        """All removals that are waited with are known, and no other."""
        assert self.removals.waiting == len(self.ids)

    def teardown(self) -> None:
        """Once all is well, each removal ends within two graces and two waits."""
        while self.captures:
            self.settle()
        self.lag(1.0)
        self.crowd(crowded=False, stuck=False)
        until = self.now + 2 * GRACE + 20
        self.wait(1, answered=True)
        while self.ids and self.now < until:
            self.wait(1, answered=True)
            for place in list(self.ids):
                self.find_nothing(place, echo=False)
        assert not self.ids


RemovalsMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
TestRemovals = RemovalsMachine.TestCase
