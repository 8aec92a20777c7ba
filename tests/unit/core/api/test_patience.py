"""Patience: which time counts against a call that fails without end."""

import random

from hypothesis import given
from hypothesis import strategies as st

from consumer.core.api.patience import LONGEST_STRETCH, MOST_FAILING, Patience

ONE, OTHER = "one", "other"


def fail_beside_successes(patience: Patience, seconds: int, start: float = 0.0, every: float = 1.0) -> float:
    """Let one record fail beside calls that succeed; return the time then."""
    now = start
    while now < start + seconds:
        now += every
        patience.succeeded(now, first=True)
        patience.failed(ONE, first=False)
    return now


def test_a_call_that_fails_alone_is_given_up_in_the_end() -> None:
    """Others succeed each second: after the limit it is over, and not before."""
    patience = Patience()
    patience.succeeded(0.0, first=True)
    patience.failed(ONE, first=True)
    began = patience.beginning

    now = fail_beside_successes(patience, 59)
    assert not patience.over(began, 60.0, now)
    patience.succeeded(60.0, first=True)
    patience.failed(ONE, first=False)
    assert patience.over(began, 60.0, 60.0)


def test_time_from_before_its_first_failure_does_not_count() -> None:
    """A process that has run for hours is not more impatient for that, in the midst of a spell neither."""
    patience = Patience()
    now = fail_beside_successes(patience, 3_600)
    assert not patience.over(patience.beginning, 1.0, now)

    patience.failed(OTHER, first=False)
    patience.succeeded(now + 50, first=True)
    began = patience.beginning
    patience.succeeded(now + 60, first=True)
    patience.failed("third", first=False)
    assert patience.over(0.0, 3_600.0, now + 60)
    assert not patience.over(began, 11.0, now + 60)


def test_an_outage_counts_for_nothing() -> None:
    """Everybody fails for hours: nothing is given up meanwhile, nor right behind it."""
    patience = Patience()
    now = fail_beside_successes(patience, 50)
    for minute in range(600):
        patience.failed(ONE, first=False)
        patience.failed(OTHER, first=minute == 0)
        assert not patience.over(0.0, 40.0, now + 60.0 * minute)

    counted = patience.counted
    patience.succeeded(now + 36_000, first=False)
    assert patience.counted == counted


def test_an_api_that_fails_at_most_of_what_it_gets_counts_for_nothing() -> None:
    """One success each four seconds among many that fail, for a day; new ones follow those that are done."""
    patience = Patience()
    patience.succeeded(0.0, first=True)
    for number in range(20_000):
        for offset in range(100):
            patience.failed(number + offset, first=offset == 99)
            assert not patience.over(0.0, 1.0, number * 4.0)
        patience.succeeded(number * 4.0 + 4.0, first=False)
    assert patience.counted == 0.0


def test_two_new_ones_that_fail_at_once_may_be_an_outage() -> None:
    """Until somebody succeeds again, nobody knows; the time until then does not count."""
    patience = Patience()
    now = fail_beside_successes(patience, 100)
    patience.failed("new", first=True)
    patience.failed("newer", first=True)

    assert not patience.over(0.0, 50.0, now)
    counted = patience.counted
    patience.succeeded(now + 1, first=True)
    assert patience.counted == counted
    patience.failed(ONE, first=False)
    assert patience.over(0.0, 50.0, now + 1)


def test_many_that_fail_for_ever_are_all_given_up_in_quiet_traffic() -> None:
    """A payment each fifty seconds, each bad one fails again within thirty: all are over in some hours."""
    for bad in (2, 5):
        dice = random.Random(bad)
        patience, now = Patience(), 0.0
        patience.succeeded(now, first=True)
        due = {number: now + 40.0 * number + 1 for number in range(bad)}
        began: dict[int, float] = {}
        pay_at = 50.0
        while due and now < 8 * 3_600:
            number = min(due, key=lambda each: due[each])
            if pay_at <= due[number]:
                now = pay_at
                patience.succeeded(now, first=True)
                pay_at += 50.0
                continue
            now = due[number]
            patience.failed(number, first=number not in began)
            began.setdefault(number, patience.beginning)
            due[number] = now + dice.uniform(0.1, 30.0)
            if patience.over(began[number], 3_600.0, now):
                assert now >= 3_600.0
                del due[number]
        assert not due


def test_silence_between_two_successes_says_nothing() -> None:
    """Where nothing was sent for longer than a minute, nobody knows whether the API was there."""
    patience = Patience()
    patience.succeeded(0.0, first=True)
    patience.succeeded(LONGEST_STRETCH, first=True)
    assert patience.counted == LONGEST_STRETCH

    patience.succeeded(2 * LONGEST_STRETCH + 0.1, first=True)
    assert patience.counted == LONGEST_STRETCH
    patience.failed(ONE, first=False)
    assert not patience.over(0.0, 1.0, 4 * LONGEST_STRETCH)


def test_a_hold_or_an_asked_silence_counts_for_nothing() -> None:
    """The spell that it falls into does not count, and nothing is given up before the next success."""
    patience = Patience()
    now = fail_beside_successes(patience, 100)
    patience.interrupted()
    patience.failed(ONE, first=False)

    assert not patience.over(0.0, 50.0, now)
    counted = patience.counted
    patience.succeeded(now + 10, first=True)
    assert patience.counted == counted
    patience.succeeded(now + 11, first=True)
    assert patience.counted == counted + 1


def test_more_than_a_thousand_at_once_are_no_single_records() -> None:
    """Memory has a bound, and so has the belief that it is the records' own fault."""
    patience = Patience()
    patience.succeeded(0.0, first=True)
    for number in range(MOST_FAILING + 1):
        patience.failed(number, first=False)
    for second in range(1, 2 * MOST_FAILING):
        patience.succeeded(float(second), first=True)
    assert patience.counted == 2 * MOST_FAILING - 2


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["success", "late success", "a", "b", "c", "new a", "stop"]),
            st.floats(0, 90, allow_nan=False),
        ),
        max_size=60,
    )
)
def test_what_counts_is_only_where_as_many_succeed_as_fail(steps: list[tuple[str, float]]) -> None:
    """Against a plain account of each spell: when it began, who failed, who succeeded at once."""
    patience, now, expected = Patience(), 0.0, 0.0
    spell: list[tuple[str, float]] | None = None
    for what, seconds in steps:
        now += seconds
        if what == "stop":
            patience.interrupted()
            spell = None
        elif "success" in what:
            patience.succeeded(now, first=what == "success")
            times = [at for kind, at in spell or [] if "success" in kind]
            if spell is None or now - times[-1] > LONGEST_STRETCH:
                spell = [("success", now)]
                continue
            spell.append((what, now))
            good = sum(kind == "success" for kind, _ in spell[1:])
            if good >= len({kind[-1] for kind, _ in spell if "success" not in kind}):
                expected += now - spell[0][1]
                spell = [("success", now)]
        else:
            patience.failed(what[-1], first=what.startswith("new"))
            if spell is not None:
                spell.append((what, now))
                last = max(n for n, (kind, _) in enumerate(spell) if "success" in kind)
                if sum(kind.startswith("new") for kind, _ in spell[last:]) > 1:
                    spell = None
    assert patience.counted == expected
