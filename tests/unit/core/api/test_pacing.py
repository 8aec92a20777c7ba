"""Pacing: never more than the rate, whenever calls ask; and silence for everybody."""

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from consumer.core.api.pacing import Pacer, Turns

RATES = st.floats(0.1, 1000.0)
PAUSES = st.lists(
    st.one_of(st.just(0.0), st.floats(0.0, 0.2), st.floats(0.0, 30.0)), min_size=1, max_size=200
)
TINY = 1e-6


def departures(pacer: Pacer, asked: list[float]) -> list[float]:
    """Return when the calls leave that ask at these moments."""
    return [now + pacer.reserve(now) for now in asked]


def busiest_second(left: list[float]) -> int:
    """Return how many calls leave in the fullest second."""
    return max((sum(first <= later < first + 1.0 - TINY for later in left) for first in left), default=0)


def most_in_a_second(rate: float) -> float:
    """Return the rate, the slack's worth, and the call that opens the second."""
    return rate * (1.0 + Pacer.SLACK) + 1.0 + TINY


@given(rate=RATES, pauses=PAUSES)
def test_no_second_has_more_calls_than_the_rate(rate: float, pauses: list[float]) -> None:
    """However calls come: the limit of the API, 30 a second, is kept at our 25 with room to spare."""
    left = departures(Pacer(rate), list(accumulate(pauses)))

    assert busiest_second(left) <= most_in_a_second(rate)


@given(rate=RATES, pauses=PAUSES)
def test_calls_leave_in_the_order_of_asking(rate: float, pauses: list[float]) -> None:
    """Nobody is overtaken, so nobody starves."""
    left = departures(Pacer(rate), list(accumulate(pauses)))

    assert all(late >= early - TINY for early, late in pairwise(left))


def test_a_full_queue_leaves_at_the_rate_exactly() -> None:
    """The limit costs nothing beyond itself: 100 calls at 25 a second take 4 s less the slack."""
    left = departures(Pacer(25.0), [1000.0] * 100)

    assert left[0] == 1000.0
    assert 3.8 < left[-1] - left[0] < 4.0


def test_idle_time_is_made_up_for_only_a_little() -> None:
    """After an hour of nothing, a burst is the slack's worth and no more."""
    pacer = Pacer(25.0)
    pacer.reserve(0.0)

    at_once = [pacer.reserve(3600.0) for _ in range(20)].count(0.0)

    assert at_once == 3


@given(rate=RATES, seconds=st.floats(0.0, 300.0), asked=st.lists(st.floats(0.0, 400.0), max_size=30))
def test_nothing_leaves_during_silence(rate: float, seconds: float, asked: list[float]) -> None:
    """Who asks during a stop leaves after it, and not all at once."""
    pacer = Pacer(rate)
    pacer.stop(1000.0, seconds)

    left = departures(pacer, [1000.0 + moment for moment in sorted(asked)])

    assert all(moment >= 1000.0 + seconds - TINY for moment in left)
    assert busiest_second(left) <= most_in_a_second(rate)


def test_a_longer_silence_wins() -> None:
    """A second call with a shorter Retry-After does not end the stop that the first one asked for."""
    pacer = Pacer(25.0)
    pacer.stop(0.0, 60.0)
    pacer.stop(1.0, 5.0)

    assert pacer.silence(59.0) == 1.0
    assert pacer.silence(60.0) == 0


def test_asking_when_it_is_due_takes_nothing() -> None:
    """Who only looks changes nothing for the others."""
    pacer = Pacer(2.0)
    assert pacer.due(1000.0) == 0
    pacer.reserve(1000.0)

    assert [round(pacer.due(1000.0 + wait), 6) for wait in (0.0, 0.3, 0.4, 9.0)] == [0.4, 0.1, 0.0, 0.0]


@given(pauses=PAUSES, rate=RATES)
def test_a_topic_starts_no_more_than_its_rate(rate: float, pauses: list[float]) -> None:
    """Whenever somebody looks whether it rests, and takes a turn where it does not."""
    turns = Turns({"erasures": rate})
    started = []
    for now in accumulate(pauses):
        if "erasures" not in turns.resting(now):
            turns.started("erasures", now)
            started.append(now)

    assert started
    assert busiest_second(started) <= most_in_a_second(rate)


def test_only_topics_with_a_rate_rest() -> None:
    """Payments are started as they come, and the next turn is told so that nobody sleeps through it."""
    turns = Turns({"erasures": 1.0})
    assert turns.next_turn(1000.0) is None
    for topic in ("erasures", "payments"):
        turns.started(topic, 1000.0)

    assert turns.resting(1000.5) == {"erasures"}
    assert turns.next_turn(1000.5) == 1000.9
    assert turns.resting(1001.0) == set()
