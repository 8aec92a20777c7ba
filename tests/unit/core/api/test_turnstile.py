"""The turnstile: partitions take turns, and within one nobody is overtaken."""

from collections import defaultdict
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.api.turnstile import Turnstile
from consumer.core.records import Partition

A, B, C = (Partition("payments", number) for number in range(3))


def test_a_partition_with_one_call_does_not_wait_for_all_of_another() -> None:
    """Thirty calls of one partition delay the only one of another by one, not by thirty."""
    turnstile: Turnstile[str] = Turnstile()
    for number in range(30):
        turnstile.join(A, f"a{number}")
    turnstile.join(B, "b0")

    assert [turnstile.next() for _ in range(4)] == ["a0", "b0", "a1", "a2"]


def test_who_leaves_is_not_let_through_and_may_leave_twice() -> None:
    """A flight that is called off waits no longer; whoever was let through is not there any more."""
    turnstile: Turnstile[str] = Turnstile()
    for waiter in ("one", "two"):
        turnstile.join(A, waiter)
    turnstile.leave(A, "one")
    turnstile.leave(A, "one")
    turnstile.leave(B, "nobody")

    assert list(turnstile) == ["two"]
    assert turnstile.next() == "two"
    assert not turnstile


@given(st.lists(st.sampled_from([A, B, C, "next"]), max_size=60), st.data())
def test_turns_are_fair_and_orderly(steps: list[Partition | str], data: st.DataObject) -> None:
    """Who waits is let through once, in its partition's order, after one of each other partition at most."""
    turnstile: Turnstile[int] = Turnstile()
    waiting: defaultdict[Partition, list[int]] = defaultdict(list)
    passed: defaultdict[Partition, int] = defaultdict(int)
    for number, step in enumerate(steps):
        if isinstance(step, Partition):
            turnstile.join(step, number)
            waiting[step].append(number)
        elif turnstile:
            first = turnstile.next()
            (owner,) = (partition for partition, queue in waiting.items() if queue[:1] == [first])
            waiting[owner].pop(0)
            for partition, queue in waiting.items():
                passed[partition] = passed[partition] + 1 if queue and partition is not owner else 0
                assert passed[partition] <= 2
        some = [partition for partition, queue in waiting.items() if queue]
        leaves = data.draw(st.booleans())
        if some and leaves:
            owner = data.draw(st.sampled_from(some))
            turnstile.leave(owner, waiting[owner].pop())
            if not waiting[owner]:
                passed[owner] = 0  # who comes back later is a new one
        assert sorted(turnstile) == sorted(chain.from_iterable(waiting.values()))
        assert len(turnstile) == sum(map(len, waiting.values()))


def test_nobody_is_first_where_nobody_waits() -> None:
    """Asking is a mistake of the caller."""
    turnstile: Turnstile[int] = Turnstile()
    with pytest.raises(StopIteration):
        turnstile.next()
