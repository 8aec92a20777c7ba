"""The retry budget: what late tries may take from the others, in calls and in places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.api.budget import OTHERS_FIRST_SECONDS, PART, RetryBudget

START = 1000.0


def starts(budget: RetryBudget, rate: float, seconds: float, takes: float) -> list[tuple[float, float]]:
    """Return beginning and end of late tries that start as soon as they may and take ``takes`` seconds."""
    now, until = START, START + seconds
    calls: list[tuple[float, float]] = []
    under_way: list[float] = []
    while now < until:
        for began in [began for began in under_way if began + takes <= now]:
            under_way.remove(began)
            budget.ended(now, began, paid=True)
        wait = budget.wait(now, rate)
        if wait == 0:
            budget.started(now, rate, paid=True)
            budget.left()
            under_way.append(now)
            calls.append((now, now + takes))
        else:
            ends = [began + takes for began in under_way]
            now = min([until if wait is None else now + wait, *ends])
    return calls


@given(rate=st.floats(0.2, 1000.0), takes=st.floats(0.001, 0.1))
def test_quick_ones_get_their_part_of_the_rate(rate: float, takes: float) -> None:
    """Where the rate is what is short: 4 % of it, all of which is used."""
    seconds = max(60.0, 40 / (rate * PART))
    calls = starts(RetryBudget(1024), rate, seconds, takes)

    assert rate * PART * seconds - 1 <= len(calls) <= rate * PART * seconds + 2


@given(places=st.integers(1, 1024), takes=st.floats(1.0, 30.0))
def test_slow_ones_get_their_part_of_the_places(places: int, takes: float) -> None:
    """Where the places are: 4 % of their time, also where there are few, and one call at the start."""
    seconds = 300.0
    calls = starts(RetryBudget(places), 10_000.0, seconds, takes)

    occupied = sum(end - began for began, end in calls)
    assert occupied <= places * PART * seconds + max(1, places * PART) * 2 * takes


@given(rate=st.floats(0.2, 1000.0), places=st.integers(1, 64), takes=st.floats(0.01, 30.0))
def test_one_is_always_coming(rate: float, places: int, takes: float) -> None:
    """None starves: after a call's part of the rate and its part of the places, the next one starts."""
    longest = 1 / (rate * PART) + takes / (places * PART) + takes
    calls = starts(RetryBudget(places), rate, 4 * longest, takes)

    assert len(calls) >= 3


@given(seconds=st.floats(0.1, 300.0), rate=st.floats(0.2, 1000.0))
def test_silences_get_their_part_of_the_time(seconds: float, rate: float) -> None:
    """Whoever silences all others for so long is not asked again before 4 % of the time is made up for."""
    budget = RetryBudget(32)
    now, silent = START, 0.0
    while now < START + 100 * seconds:
        wait = budget.wait(now, rate)
        assert wait is not None
        if wait == 0:
            budget.silenced(now, seconds)
            silent += seconds
            assert not budget.free(START)
            now += seconds
        else:
            now += wait

    assert 100 * seconds * PART * 0.99 <= silent <= 100 * seconds * PART + 1.01 * seconds


def test_a_silence_that_nobody_else_can_judge_is_asked_about_again() -> None:
    """Where no other call has succeeded since, it may concern all; others go first for some seconds."""
    budget = RetryBudget(32)
    budget.silenced(START, 30.0)
    others_first = START + 30.0 + OTHERS_FIRST_SECONDS
    assert not budget.free(others_first - 0.1, others_succeed=False)
    assert not budget.free(others_first, others_succeed=True)
    assert budget.free(others_first, others_succeed=False)
    assert budget.wait(others_first, 25.0) != 0


@pytest.mark.parametrize(("places", "most", "free"), [(1, 1, 1), (4, 1, 2), (32, 1, 16), (100, 4, 50)])
def test_places_are_kept_for_others(places: int, most: int, free: int) -> None:
    """At most 4 % of them while others wait, at most half while nobody does; one in any case."""
    budget = RetryBudget(places)
    for n in range(free):
        assert budget.free(START)
        assert (budget.wait(START, 10_000.0) is None) is (n >= most)
        budget.started(START, 10_000.0, paid=False)
        budget.left()

    assert not budget.free(START)
    budget.ended(START, START, paid=False)
    assert budget.free(START)


def test_what_only_waits_to_leave_takes_no_place_on_the_wire() -> None:
    """Where the rate is short, all places wait for it: that is no time that a late try takes from others."""
    budget = RetryBudget(32)
    for _ in range(5):
        budget.started(START, 10_000.0, paid=False)
        assert not budget.free(START)
    assert budget.wait(START, 10_000.0) == 0
    for _ in range(5):
        budget.ended(START + 60.0, None, paid=True)
    assert budget.free(START)
    assert budget.wait(START + 60.0, 10_000.0) == 0


def test_what_starts_while_nobody_waits_costs_nothing() -> None:
    """Free capacity is not paid for later."""
    budget = RetryBudget(32)
    for _ in range(10):
        budget.started(START, 25.0, paid=False)
        budget.left()
        budget.ended(START + 10.0, START, paid=False)

    assert budget.wait(START + 10.0, 25.0) == 0
