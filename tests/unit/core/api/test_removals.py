"""Removals that found nothing: when their clock runs, what they wait for, and how they end."""

from collections.abc import Collection

import pytest

from consumer.core.api.removals import Ended, Oldest, Place, Removals
from consumer.core.records import Partition

REFUNDS, PAYMENTS = Partition("refunds", 0), Partition("payments", 0)
GRACE = 60.0


def at(partition: Partition, offset: int) -> Place:
    """Return a place of the first assignment."""
    return Place(partition, 1, offset)


REMOVE, CAPTURE = at(REFUNDS, 5), at(PAYMENTS, 7)


class Bench:
    """Removals on a clock that the test sets; the API has just answered."""

    def __init__(self, grace: float = GRACE) -> None:
        self.now = 1000.0
        self.removals = Removals(grace)
        self.removals.answering.answered(self.now)
        self.look()

    def look(self, oldest: float | None = None, crowded: Collection[Partition] = ()) -> None:
        """Look at a process whose oldest record is of so many seconds ago; None: there is none."""
        head = [] if oldest is None else [Oldest(at(PAYMENTS, 1), self.now - oldest)]
        self.removals.look(self.now, head, crowded)

    def answer(self, seconds: float) -> None:
        """Let the API answer somebody after so many seconds."""
        self.now += seconds
        self.removals.answering.answered(self.now)

    def nothing(self, place: Place = REMOVE, payment_id: str = "pay", *, echo: bool = False) -> float | Ended:
        """Let a removal find nothing now; it was written just before the beginning."""
        return self.removals.found_nothing(place, payment_id, 999.0, echo=echo)

    def waits(self) -> bool:
        """Let the API answer a removal with 400; tell whether it waits on."""
        self.removals.answering.answered(self.now)
        return not isinstance(self.nothing(), Ended)


def test_the_grace_ends_with_the_last_400_after_it() -> None:
    """Tries come after 1, 2, 4, 8 s and then every 10 s; the last of them when the grace is over."""
    bench = Bench()
    tries = []
    while isinstance(wait := bench.nothing(), float):
        tries.append(wait)
        bench.answer(wait)
    assert wait is Ended.NOTHING_FOUND
    assert tries == [1, 2, 4, 8, 10, 10, 10, 10, 5]
    assert bench.now == 1000 + GRACE


def test_without_a_grace_the_first_400_is_the_end() -> None:
    """Grace 0 waits for nothing, and for no capture."""
    bench = Bench(0.0)
    bench.removals.capture(CAPTURE, "pay")
    assert bench.removals.held_back(REMOVE, "pay", 999.0) is None
    assert bench.nothing() is Ended.NOTHING_FOUND
    assert bench.nothing(echo=True) is Ended.ECHO
    assert bench.removals.waiting == 0


def test_the_clock_stands_while_the_api_does_not_answer() -> None:
    """An outage in the middle counts for nothing, up to the first answer behind it."""
    bench = Bench()
    bench.nothing()
    bench.answer(30)
    assert bench.waits()
    bench.removals.answering.failed()
    bench.answer(3600)
    assert bench.waits()
    bench.answer(29)
    assert bench.waits()
    bench.answer(1)
    assert not bench.waits()


def test_the_clock_stands_while_a_capture_of_the_payment_is_open() -> None:
    """It is not sent before that either; the settled capture wakes it, and then the clock goes on."""
    bench = Bench()
    bench.nothing()
    bench.removals.capture(CAPTURE, "pay")
    bench.removals.capture(at(PAYMENTS, 8), "other")
    bench.look()
    assert bench.removals.held_back(REMOVE, "pay", 999.0) == 10
    bench.answer(3600)
    bench.look()
    assert bench.removals.settled(CAPTURE) == [REMOVE]
    assert bench.removals.held_back(REMOVE, "pay", 999.0) is None
    assert bench.waits()
    bench.answer(GRACE)
    assert not bench.waits()


def test_a_removal_is_held_back_before_its_first_try_too() -> None:
    """A capture that is tried again behind the removal would bring the payment back."""
    bench = Bench()
    bench.removals.capture(CAPTURE, "pay")
    assert bench.removals.held_back(REMOVE, "pay", 999.0) == 10
    assert bench.removals.waiting == 1
    assert not bench.removals.has_answer(REMOVE)


def test_the_last_of_several_captures_wakes() -> None:
    """While one of them is open, there is nothing to be tried."""
    bench = Bench()
    bench.removals.capture(CAPTURE, "pay")
    bench.removals.capture(at(PAYMENTS, 9), "pay")
    bench.nothing()
    assert bench.removals.settled(at(PAYMENTS, 9)) == []
    assert bench.removals.settled(CAPTURE) == [REMOVE]


def test_the_clock_stands_while_the_process_is_behind() -> None:
    """A record that is older than the grace may hide the payment: hours of lag count for nothing."""
    bench = Bench()
    bench.look(oldest=3 * 3600)
    bench.nothing()
    for _ in range(100):
        bench.answer(10)
        bench.look(oldest=3600)
        assert bench.waits()
    bench.look(oldest=GRACE - 1)
    bench.answer(GRACE - 1)
    assert bench.waits()
    bench.answer(1)
    assert not bench.waits()


def test_what_was_written_within_the_grace_is_waited_for() -> None:
    """When the time is over, a younger record may still be the payment; it is looked for soon again."""
    bench = Bench()
    bench.nothing()
    bench.answer(GRACE)
    bench.look(oldest=3)
    assert bench.nothing() == 2
    bench.answer(3)
    bench.look(oldest=3)
    assert bench.nothing() is Ended.NOTHING_FOUND


def test_nothing_ends_before_anybody_has_looked() -> None:
    """At the start nobody knows yet whether the process is behind."""
    removals = Removals(GRACE)
    for second in range(100):
        removals.answering.answered(float(second))
        assert isinstance(removals.found_nothing(REMOVE, "pay", 0.0, echo=True), float)


def test_a_400_after_an_unknown_outcome_is_our_own_echo() -> None:
    """It ends the removal at once, grace or not."""
    assert Bench().nothing(echo=True) is Ended.ECHO


def test_an_echo_is_not_believed_while_the_payment_may_come() -> None:
    """An outage makes every outcome unknown, and delays the payments as well."""
    bench = Bench()
    bench.removals.capture(CAPTURE, "pay")
    assert bench.nothing(echo=True) == 1
    bench.removals.settled(CAPTURE)
    assert bench.nothing(echo=True) is Ended.ECHO
    bench = Bench()
    bench.look(oldest=3600)
    assert bench.nothing(echo=True) == 1
    bench.look(oldest=1)
    assert bench.nothing(echo=True) is Ended.ECHO


def test_an_unknown_outcome_within_the_grace_ends_nothing() -> None:
    """There was no payment at the first 400: that a later try got lost does not make it a success."""
    bench = Bench()
    assert bench.nothing() == 1
    bench.removals.answering.failed()
    bench.answer(1)
    assert isinstance(bench.nothing(echo=True), float)


@pytest.mark.parametrize("crowded", [False, True])
def test_a_crowded_partition_waits_for_what_was_written_by_the_end_of_the_grace(crowded: bool) -> None:
    """Where removals fill a partition, what is younger than their own grace can't hold it up for ever."""
    bench = Bench()
    partitions = [REFUNDS] if crowded else []

    def reach(offset: int, seconds_before_the_end: float) -> None:
        head = [Oldest(at(PAYMENTS, offset), 999.0 + GRACE - seconds_before_the_end)]
        bench.removals.look(bench.now, head, partitions)

    bench.now += 3600
    reach(1, 9)
    bench.nothing()
    for step in range(8):
        bench.answer(10)
        reach(step, 9 - step)
    assert bench.waits()
    reach(10, 0)
    bench.answer(GRACE)
    assert bench.waits() is not crowded


@pytest.mark.parametrize("crowded", [False, True])
def test_a_crowded_partition_does_not_wait_for_what_is_stuck(crowded: bool) -> None:
    """The same record the oldest for a grace, and removals that fill a partition: they wait no longer."""
    bench = Bench()
    partitions = [REFUNDS] if crowded else []
    stuck = [Oldest(at(PAYMENTS, 1), -1e6)]
    bench.removals.look(bench.now, stuck, partitions)
    bench.nothing()
    bench.answer(GRACE - 1)
    bench.removals.look(bench.now, stuck, partitions)
    bench.answer(1)
    bench.removals.look(bench.now, stuck, partitions)
    assert bench.waits()
    bench.answer(GRACE)
    assert bench.waits() is not crowded


def test_a_crowded_partition_waits_for_what_a_hold_keeps() -> None:
    """What is stuck is left out, and what waits for a fault of ours never, however long it stands."""
    bench = Bench()
    stuck, kept = Oldest(at(PAYMENTS, 1), -1e6), Oldest(at(PAYMENTS, 2), 900.0, kept=True)
    bench.nothing()
    for _ in range(20):
        bench.removals.look(bench.now, [stuck, kept], [REFUNDS])
        bench.answer(GRACE / 2)
        assert bench.waits()
    bench.removals.look(bench.now, [stuck], [REFUNDS])
    bench.answer(GRACE)
    assert not bench.waits()


def test_a_capture_on_the_wire_stays_known_when_its_partition_is_given_up() -> None:
    """Until it has landed and is settled, no removal of its payment is sent."""
    bench = Bench()
    bench.removals.capture(CAPTURE, "pay")
    bench.removals.left(CAPTURE, None)
    bench.removals.forget([PAYMENTS])
    assert bench.removals.pending("pay")
    bench.removals.landed(CAPTURE)
    bench.removals.settled(CAPTURE)
    assert bench.removals.empty


def test_a_capture_does_not_leave_while_its_payment_is_being_removed() -> None:
    """In whatever partition the removal is; one of another payment is no matter of its."""
    bench = Bench()
    bench.removals.capture(CAPTURE, "pay")
    bench.removals.left(at(REFUNDS, 4), "other")
    assert not bench.removals.being_removed(CAPTURE)
    bench.removals.left(REMOVE, "pay")
    assert bench.removals.being_removed(CAPTURE)
    bench.removals.landed(REMOVE)
    assert not bench.removals.being_removed(CAPTURE)
    assert not bench.removals.being_removed(REMOVE)


def test_a_removal_with_an_unknown_outcome_may_be_done_late() -> None:
    """For some seconds, in its partition, and to its payment."""
    removals = Removals(GRACE, 10.0)
    for place, payment_id in ((at(REFUNDS, 9), "pay"), (at(REFUNDS, 10), "other"), (CAPTURE, "pay")):
        removals.capture(place, payment_id)
    removals.unknown(REMOVE, "pay", 100.0)
    assert removals.may_be_removed_late(at(REFUNDS, 9), 109.9)
    assert not removals.may_be_removed_late(at(REFUNDS, 9), 110.0)
    assert not removals.may_be_removed_late(at(REFUNDS, 10), 101.0)
    assert not removals.may_be_removed_late(CAPTURE, 101.0)


def test_a_crowd_elsewhere_changes_nothing() -> None:
    """A partition with few removals waits on, whatever others hold."""
    bench = Bench()
    bench.look(oldest=3600, crowded=[PAYMENTS])
    bench.nothing()
    for _ in range(20):
        bench.answer(10)
        bench.look(oldest=3600, crowded=[PAYMENTS])
    assert bench.waits()


def test_many_removals_wait_longer_each() -> None:
    """Together they ask for two calls in a second, but the last one of a grace comes when it is over."""
    bench = Bench()
    bench.look(oldest=3600)
    waits = [bench.nothing(at(REFUNDS, offset), f"pay-{offset}") for offset in range(1000)]
    assert waits[0] == 1
    assert waits[100] == 50.5
    assert waits[-1] == 300
    bench.look()
    bench.answer(1)
    bench.look()
    assert bench.nothing(at(REFUNDS, 999), "pay-999") == GRACE - 1


def test_a_capture_overtakes_removals_before_it_in_its_partition() -> None:
    """Those behind it, in other partitions and of other payments are no matter of its."""
    bench = Bench()
    capture = at(REFUNDS, 9)
    bench.removals.capture(capture, "pay")
    for place, payment_id in (
        (at(REFUNDS, 3), "pay"),
        (at(REFUNDS, 4), "other"),
        (at(REFUNDS, 12), "pay"),
        (at(PAYMENTS, 3), "pay"),
    ):
        bench.nothing(place, payment_id)
    assert bench.removals.overtaken_by(capture) == [at(REFUNDS, 3)]
    assert bench.removals.overtaken_by(at(REFUNDS, 3)) == []


def test_what_is_settled_or_given_up_is_forgotten() -> None:
    """A partition that is gone holds nobody back; an assignment of it is another one."""
    bench = Bench()
    bench.removals.capture(CAPTURE, "pay")
    bench.nothing()
    bench.nothing(at(PAYMENTS, 2), "pay")
    bench.removals.forget([PAYMENTS])
    assert bench.removals.waiting == 1
    assert bench.removals.held_back(REMOVE, "pay", 999.0) is None
    bench.removals.settled(Place(REFUNDS, 2, 5))
    assert bench.removals.waiting == 1
    bench.removals.settled(REMOVE)
    assert bench.removals.waiting == 0
