"""Pacing: never more than the rate whenever calls ask, what refusals leave, and the way back from a pause."""

import math
from bisect import bisect_left
from itertools import accumulate, pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consumer.core.api.pacing import (
    CUT_LEAST,
    OUTAGE_SECONDS,
    PACE,
    RAMP_LEAST_PER_SECOND,
    RAMP_SECONDS,
    RETURN_SPREAD,
    RISE,
    SLACK,
    Cut,
    Pacer,
    Ramp,
    Steady,
    Turns,
)

RATES = st.floats(0.2, 10_000.0)
SLOW_RATES = st.floats(0.2, 200.0)
PAUSES = st.lists(
    st.one_of(st.just(0.0), st.floats(0.0, 0.2), st.floats(0.0, 30.0)), min_size=1, max_size=200
)
TINY = 1e-6
START = 1000.0


def departures(pacer: Pacer, now: float, until: float, late: float = 0.0) -> list[float]:
    """Return when calls leave if as many as may leave always do, each ``late`` seconds after it could."""
    left = []
    pacer.wanted(now, wanted=True)
    while now < until:
        if pacer.take(now):
            left.append(now)
        else:
            now += min(pacer.due(now), 1.0) + late
    pacer.wanted(until, wanted=False)
    return left


def busiest_second(left: list[float]) -> int:
    """Return how many calls leave in the fullest second."""
    return max((bisect_left(left, first + 1.0 - TINY) - n for n, first in enumerate(left)), default=0)


@settings(max_examples=30)
@example(rate=0.2)
@example(rate=10_000.0)
@given(rate=RATES)
@pytest.mark.parametrize(("late", "least"), [(0.0, 1.0), (0.001, 1.0), (0.02, 0.995), (0.1, 0.9)])
def test_a_full_queue_leaves_at_the_rate_and_never_above_it(late: float, least: float, rate: float) -> None:
    """At 0.2 and at 10 000 a second, with timers on time or not: 97.5 % are used, none is too much."""
    seconds = min(1_000.0, max(2.0, 20 / rate))
    pacer = Pacer(rate)

    left = departures(pacer, START, START + seconds, late)

    assert busiest_second(left) <= rate * PACE + 1 + TINY
    assert (
        rate * PACE * (seconds - late) * least - 2 <= len(left) <= rate * PACE * (seconds + SLACK) + 1 + TINY
    )


@given(rate=RATES, pauses=PAUSES)
def test_no_second_has_more_calls_than_the_rate(rate: float, pauses: list[float]) -> None:
    """However calls come, also after idle time: never more than the share and one call."""
    pacer = Pacer(rate)

    left = [now for now in accumulate(pauses, initial=START) if pacer.take(now)]

    assert busiest_second(left) <= rate + 1


def test_idle_time_is_no_reason_for_a_burst() -> None:
    """After an hour of nothing one call leaves, and the next when it is due."""
    pacer = Pacer(25.0)
    pacer.take(0.0)

    left = departures(pacer, 3600.0, 3600.2)

    assert left[0] == 3600.0
    assert all(later - earlier >= 0.015 for earlier, later in pairwise(left))


@given(
    rates=st.lists(
        st.tuples(st.floats(0.0, 5.0), st.one_of(st.just(0.0), SLOW_RATES)), min_size=1, max_size=10
    )
)
def test_a_rate_that_changes_never_adds_up_to_a_burst(rates: list[tuple[float, float]]) -> None:
    """Whenever partitions come and go: a second has no more calls than its highest rate and one."""
    pacer, now, left = Pacer(0.0), START, []
    changes = [(now, 0.0)]
    for seconds, rate in rates:
        pacer.limit(now, rate)
        changes.append((now, rate))
        left += departures(pacer, now, now + seconds)
        now += seconds

    for first in left:
        count = bisect_left(left, first + 1.0 - TINY) - bisect_left(left, first)
        before = max(at for at, _ in changes if at <= first)
        assert count <= max(rate for at, rate in changes if before <= at < first + 1.0) + 1


def test_without_a_share_nothing_leaves() -> None:
    """Until it is known how many partitions there are, nothing leaves, and nobody needs a timer for it."""
    pacer = Pacer(0.0)

    assert not pacer.take(START)
    assert pacer.due(START) == math.inf
    pacer.limit(START + 1.0, 10.0)
    assert pacer.take(START + 1.0)


# --- silence ---


@given(rate=SLOW_RATES, seconds=st.floats(0.0, 300.0), jitter=st.floats(0.0, 1.0, exclude_max=True))
def test_nothing_leaves_during_silence(rate: float, seconds: float, jitter: float) -> None:
    """Who waits during a stop leaves after it, and not all at once; no earlier than the host wants."""
    pacer = Pacer(rate)
    departures(pacer, START - 5.0, START)
    pacer.stop(START, seconds, jitter)

    left = departures(pacer, START, START + seconds + 10.0)

    assert all(moment >= START + seconds - TINY for moment in left)
    assert busiest_second(left) <= rate + 1


def test_a_longer_silence_wins() -> None:
    """A second call with a shorter Retry-After does not end the stop that the first one asked for."""
    pacer = Pacer(25.0)
    pacer.stop(0.0, 60.0)
    pacer.stop(1.0, 5.0)

    assert pacer.silence(59.0) == 1.0
    assert pacer.silence(60.0) == 0


def test_a_silence_that_concerns_one_record_is_kept_without_a_rise() -> None:
    """Nothing leaves in it; all of the rate is there at its end. What it adds to another one is told."""
    pacer = Pacer(25.0)
    assert pacer.stop(START, 30.0, rise=False) == 30.0
    assert pacer.stop(START + 10.0, 5.0, rise=False) == 0.0
    assert pacer.stop(START + 10.0, 25.0, rise=False) == 5.0

    assert departures(pacer, START + 10.0, START + 35.0 - TINY) == []
    assert pacer.pace(START + 35.0).ramp == 1.0
    assert busiest_second(departures(pacer, START + 35.0, START + 40.0)) <= 25


def test_what_a_late_try_hears_beside_successes_concerns_it_alone() -> None:
    """As long as a call that was none succeeds in between; what is late itself is no witness."""
    pacer = Pacer(25.0)
    assert pacer.concerns_all(late=True)
    pacer.succeeded(START)
    assert not pacer.concerns_all(late=True)
    assert pacer.concerns_all(late=True)

    pacer.succeeded(START, late=True)
    assert pacer.concerns_all(late=True)
    pacer.succeeded(START)
    pacer.succeeded(START, late=True)
    assert not pacer.concerns_all(late=True)


def test_what_a_first_try_hears_concerns_all() -> None:
    """However many others succeed; and who is told so next is not alone with it."""
    pacer = Pacer(25.0)
    pacer.succeeded(START)

    assert pacer.concerns_all(late=False)
    assert pacer.concerns_all(late=True)


def test_pods_that_are_silenced_together_come_back_apart() -> None:
    """The dice put the return off by a second at most, and never forward."""
    returns = []
    for dice in (0.0, 0.25, 0.5, 0.999):
        pacer = Pacer(25.0)
        pacer.stop(START, 30.0, dice)
        returns.append(pacer.silence(START))

    assert returns[0] == 30.0
    assert all(later > earlier for earlier, later in pairwise(returns))
    assert returns[-1] < 30.0 + RETURN_SPREAD


@pytest.mark.parametrize("rate", [2.0, 25.0, 1000.0])
def test_the_rate_rises_after_a_silence(rate: float) -> None:
    """The first second after it has few calls; full flow is back before five seconds are over."""
    pacer = Pacer(rate)
    pacer.stop(START, 30.0)

    left = departures(pacer, START, START + 40.0)

    back = START + 30.0
    first = bisect_left(left, back + 1.0)
    assert first <= max(2.0, rate * 0.4)
    after = bisect_left(left, back + 7.0) - bisect_left(left, back + 5.0)
    assert after >= 2 * rate * PACE - 1
    assert pacer.pace(back + 5.0).ramp == 1.0


def test_a_process_that_was_stopped_comes_back_slowly_and_keeps_a_silence() -> None:
    """After a pause that has nothing to do with the API its rate rises like after any other."""
    pacer = Pacer(25.0)
    pacer.come_back(START)
    assert pacer.pace(START).ramp == 0.1
    assert pacer.pace(START + RAMP_SECONDS).ramp == 1.0

    pacer.stop(START + 10.0, 30.0)
    pacer.come_back(START + 20.0)
    assert pacer.silence(START + 20.0) == 20.0
    assert pacer.pace(START + 40.0).ramp == 0.1


# --- outage and hold ---


@pytest.mark.parametrize("rate", [0.2, 25.0, 1000.0])
def test_an_outage_leaves_the_lowest_rate_until_something_gets_through(rate: float) -> None:
    """After five seconds without a success a call leaves every two; then the rate rises to all of it."""
    pacer = Pacer(rate)
    was_down = []
    for seconds in (0.0, OUTAGE_SECONDS - 0.2, OUTAGE_SECONDS):
        pacer.failed(START + seconds, START + seconds - 0.1)
        was_down.append(pacer.down)
    assert was_down == [False, False, True]

    down = START + OUTAGE_SECONDS
    meanwhile = departures(pacer, down, down + 60.0)
    lowest = max(rate * 0.1, min(rate, RAMP_LEAST_PER_SECOND))
    assert lowest * PACE * 60.0 - 1 <= len(meanwhile) <= lowest * 61.0 + 1

    assert pacer.succeeded(down + 60.0)
    assert not pacer.succeeded(down + 60.0)
    left = departures(pacer, down + 60.0, down + 70.0)
    assert bisect_left(left, down + 61.0) <= max(2.0, rate * 0.4)
    assert len(left) - bisect_left(left, down + 65.0) >= rate * PACE * 5.0 - 1
    assert busiest_second(left) <= rate + 1


def test_a_success_in_between_is_no_outage() -> None:
    """Failures of minutes beside successes say something about records, not about the API."""
    pacer = Pacer(25.0)
    for second in range(600):
        pacer.failed(START + second, START + second)
        pacer.succeeded(START + second + 0.5)

    assert not pacer.down


def test_a_slow_failure_counts_from_its_beginning_and_no_longer_than_the_last_success() -> None:
    """A call that hung for ten seconds while others got through is no outage; alone it is."""
    pacer = Pacer(25.0)
    pacer.succeeded(START)
    assert pacer.failed(START + 1.0, START - 10.0) == 1.0
    pacer.succeeded(START + 2.0)
    assert pacer.failed(START + 13.0, START + 3.0) == 10.0
    assert pacer.down


def test_a_hold_that_ends_in_a_silence_keeps_it() -> None:
    """A success during a silence, of a call from before it, starts the rise at its end and not now."""
    pacer = Pacer(25.0)
    pacer.hold(START)
    pacer.stop(START, 10.0)
    pacer.succeeded(START + 1.0)

    assert departures(pacer, START + 1.0, START + 10.0 - TINY) == []
    assert pacer.pace(START + 10.0).ramp == pytest.approx(0.1)


@given(since=st.floats(-5.0, 10.0), until=st.floats(0.0, 10.0), lowest=st.floats(0.1, 1.0))
def test_the_area_of_a_ramp_is_the_sum_of_its_factors(since: float, until: float, lowest: float) -> None:
    """Exactly as if the factor had been added up in small steps."""
    ramp, steps = Ramp(begins=0.0), 500
    width = until / steps
    added = sum(ramp.factor(since + (n + 0.5) * width, lowest) for n in range(steps)) * width

    assert ramp.area(since, since + until, lowest) == pytest.approx(added, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("begins", "expected"), [(-math.inf, 10.0), (math.inf, 1.0), (0.0, 10.0 - RAMP_SECONDS * 0.9 / 2)]
)
def test_the_area_of_no_ramp_is_all_or_nearly_nothing(begins: float, expected: float) -> None:
    """All of the time at the full rate, all of it at the lowest, or all less the corner of a rise."""
    assert Ramp(begins).area(0.0, 10.0, 0.1) == pytest.approx(expected)


# --- cuts ---


def test_refusals_in_flight_cut_once() -> None:
    """Thirty answers of one window are one message; a call that began a window later is the next."""
    cut = Cut()
    assert cut.limited(START, START - 0.1)
    assert not any(cut.limited(START + n / 100, START + n / 100 - 0.1) for n in range(1, 100))
    assert cut.factor == 0.5

    assert cut.limited(START + 1.2, START + 1.1)
    assert cut.factor == 0.25


def test_cuts_have_an_end() -> None:
    """Whatever the API refuses, a call leaves now and then, so that it is found out when it is over."""
    cut = Cut()
    for second in range(0, 200, 2):
        cut.limited(START + second, START + second)

    assert cut.factor == CUT_LEAST


def test_clean_windows_give_the_rate_back_step_by_step() -> None:
    """One step for each second with a success and without a refusal, however many successes it has."""
    cut = Cut()
    cut.limited(START, START)
    factors = []
    for tenth in range(1, 150):
        cut.succeeded(START + tenth / 10)
        factors.append(cut.factor)

    assert factors[8] == 0.5
    assert factors[9] == 0.5 + RISE
    assert factors[18] == 0.5 + RISE
    assert factors[-1] == 1.0
    assert max(later - earlier for earlier, later in pairwise(factors)) <= RISE + TINY


def test_a_rare_success_gives_back_all_the_windows_since_the_refusal() -> None:
    """At a call each twenty seconds a step for each success would take minutes to come back."""
    cut = Cut()
    for second in range(0, 20, 2):
        cut.limited(START + second, START + second)
    assert cut.factor == CUT_LEAST
    cut.succeeded(START + 18 + 7.5)
    assert cut.factor == pytest.approx(CUT_LEAST + 7 * RISE)
    cut.succeeded(START + 60)
    assert cut.factor == 1.0


def test_a_refusal_that_does_not_cut_still_makes_its_window_unclean() -> None:
    """While refusals come in, nothing rises."""
    cut = Cut()
    cut.limited(START, START)
    cut.limited(START + 0.9, START + 0.5)
    cut.succeeded(START + 1.5)
    assert cut.factor == 0.5
    cut.succeeded(START + 1.95)
    assert cut.factor == 0.5 + RISE


def test_the_rate_is_frozen_during_a_silence_and_a_hold() -> None:
    """A success of a call from before the pause proves nothing about the rate."""
    pacer = Pacer(20.0)
    pacer.limited(START, START)
    pacer.stop(START, 30.0)
    pacer.succeeded(START + 20.0)
    assert pacer.pace(START + 40.0).cut == 0.5
    pacer.hold(START + 40.0)
    pacer.succeeded(START + 60.0)
    assert pacer.pace(START + 60.0).cut == 0.5
    pacer.succeeded(START + 61.0)
    assert pacer.pace(START + 61.0).cut == 0.5 + RISE


def test_the_pace_says_what_it_is_made_of() -> None:
    """Share, cut and ramp multiply; silence is nothing at all."""
    pacer = Pacer(20.0)
    pacer.limited(START, START)
    assert pacer.pace(START).per_second == 10.0
    pacer.hold(START)
    assert pacer.pace(START).per_second == pytest.approx(1.0)
    pacer.stop(START, 3.0)
    assert pacer.pace(START).per_second == 0.0
    assert pacer.pace(START).silence == 3.0


@given(
    rate=SLOW_RATES,
    steps=st.lists(
        st.tuples(
            st.floats(0.0, 4.0),
            st.sampled_from(["limited", "stop", "failed", "hold", "succeeded", "share"]),
            st.floats(0.0, 20.0),
        ),
        max_size=30,
    ),
)
def test_whatever_happens_the_rate_is_kept_and_calls_go_on(
    rate: float, steps: list[tuple[float, str, float]]
) -> None:
    """In any weather: no call in a silence, no second above the rate, and in the end all of it again."""
    pacer, now, left, silent = Pacer(rate), START, [], 0.0
    for seconds, what, number in steps:
        left += departures(pacer, now, now + seconds)
        now += seconds
        match what:
            case "limited":
                pacer.limited(now, now - number)
            case "stop":
                pacer.stop(now, number)
                silent = max(silent, now + number)
            case "failed":
                pacer.failed(now, now - number)
            case "hold":
                pacer.hold(now)
            case "succeeded":
                pacer.succeeded(now)
            case _:
                pacer.limit(now, rate * number / 20)
        quiet = departures(pacer, now, silent - TINY)
        assert quiet == []
    assert busiest_second(left) <= rate + 1

    now = max(now, silent)
    pacer.limit(now, rate)
    for _ in range(60):
        now += 1.0
        pacer.succeeded(now)
    assert len(departures(pacer, now, now + 20.0)) >= rate * PACE * 20.0 - 1


# --- rates that never change ---


def test_asking_when_it_is_due_takes_nothing() -> None:
    """Who only looks changes nothing for the others."""
    meter = Steady(2.0, slack=0.0)
    assert meter.due(START) == 0
    meter.take(START)

    assert [round(meter.due(START + wait), 6) for wait in (0.0, 0.3, 0.5, 9.0)] == [0.5, 0.2, 0.0, 0.0]


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
    assert busiest_second(started) <= rate * (1 + SLACK) + 1


def test_only_topics_with_a_rate_rest() -> None:
    """Payments are started as they come, and the next turn is told so that nobody sleeps through it."""
    turns = Turns({"erasures": 1.0})
    assert turns.next_turn(START) is None
    for topic in ("erasures", "payments"):
        turns.started(topic, START)

    assert turns.resting(START + 0.5) == {"erasures"}
    assert turns.next_turn(START + 0.5) == START + 0.975
    assert turns.resting(START + 1.0) == set()
