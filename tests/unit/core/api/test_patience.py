"""Patience: which time counts against a call that fails without end."""

from hypothesis import given
from hypothesis import strategies as st

from consumer.core.api.patience import LONGEST_STRETCH, Patience

ONE, OTHER = "one", "other"


def fail_beside_successes(patience: Patience, seconds: int, start: float = 0.0, every: float = 1.0) -> float:
    """Let one record fail beside calls that succeed; return the time then."""
    now = start
    while now < start + seconds:
        now += every
        patience.succeeded(now)
        patience.failed(ONE)
    return now


def test_a_call_that_fails_alone_is_given_up_in_the_end() -> None:
    """Others succeed each second: after the limit it is over, and not before."""
    patience = Patience()
    patience.succeeded(0.0)
    patience.failed(ONE)
    began = patience.healthy

    now = fail_beside_successes(patience, 59)
    assert not patience.over(began, 60.0, now)
    patience.succeeded(60.0)
    patience.failed(ONE)
    assert patience.over(began, 60.0, 60.0)


def test_time_from_before_its_first_failure_does_not_count() -> None:
    """A process that has run for hours is not more impatient for that."""
    patience = Patience()
    now = fail_beside_successes(patience, 3_600)

    assert not patience.over(patience.healthy, 1.0, now)


def test_an_outage_counts_for_nothing() -> None:
    """Everybody fails for hours: nothing is given up meanwhile, nor right behind it."""
    patience = Patience()
    now = fail_beside_successes(patience, 50)
    for minute in range(600):
        patience.failed(ONE)
        patience.failed(OTHER)
        assert not patience.over(0.0, 40.0, now + 60.0 * minute)

    healthy = patience.healthy
    patience.succeeded(now + 36_000)
    assert patience.healthy == healthy


def test_two_that_fail_at_once_may_be_an_outage() -> None:
    """Until somebody succeeds again, nobody knows; the stretch in which both failed does not count."""
    patience = Patience()
    now = fail_beside_successes(patience, 100)
    patience.failed(OTHER)

    assert not patience.over(0.0, 50.0, now)
    healthy = patience.healthy
    patience.succeeded(now + 1)
    assert patience.healthy == healthy
    patience.failed(ONE)
    assert patience.over(0.0, 50.0, now + 1)


def test_silence_between_two_successes_says_nothing() -> None:
    """Where nothing was sent for longer than a minute, nobody knows whether the API was there."""
    patience = Patience()
    patience.succeeded(0.0)
    patience.succeeded(LONGEST_STRETCH)
    assert patience.healthy == LONGEST_STRETCH

    patience.succeeded(2 * LONGEST_STRETCH + 0.1)
    assert patience.healthy == LONGEST_STRETCH
    patience.failed(ONE)
    assert not patience.over(0.0, 1.0, 4 * LONGEST_STRETCH)


def test_a_hold_or_an_asked_silence_counts_for_nothing() -> None:
    """The stretch that it falls into does not count, and nothing is given up before the next success."""
    patience = Patience()
    now = fail_beside_successes(patience, 100)
    patience.interrupted()
    patience.failed(ONE)

    assert not patience.over(0.0, 50.0, now)
    healthy = patience.healthy
    patience.succeeded(now + 10)
    assert patience.healthy == healthy
    patience.succeeded(now + 11)
    assert patience.healthy == healthy + 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["success", "fail one", "fail other", "stop"]),
            st.floats(0, 90, allow_nan=False),
        ),
        max_size=60,
    )
)
def test_what_counts_is_never_more_than_the_time_of_clean_stretches(steps: list[tuple[str, float]]) -> None:
    """Against a plain account: each pair of neighbouring successes, looked at by itself."""
    patience, now = Patience(), 0.0
    stretch: tuple[float, set[str], bool] | None = None
    expected = 0.0
    for what, seconds in steps:
        now += seconds
        if what == "success":
            patience.succeeded(now)
            if stretch is not None:
                began, failing, stopped = stretch
                if now - began <= LONGEST_STRETCH and len(failing) <= 1 and not stopped:
                    expected += now - began
            stretch = (now, set(), False)
        elif what == "stop":
            patience.interrupted()
            stretch = None if stretch is None else (stretch[0], stretch[1], True)
        else:
            patience.failed(what)
            if stretch is not None:
                stretch[1].add(what)
    assert patience.healthy == expected
