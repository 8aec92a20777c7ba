"""Verdicts: every status for both actions, Retry-After in all its forms, and the backoff."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.api.verdicts import (
    Again,
    Answer,
    Delivered,
    Fault,
    FaultKind,
    Hold,
    HoldCause,
    NothingToRemove,
    Refused,
    Response,
    Verdict,
    backoff,
    judge,
    retry_after,
)
from consumer.core.meaning.intents import Action

NOW: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CAP: Final = 300.0
CALLS: Final = (Action.CAPTURE, Action.REMOVE)


def verdict(action: Action, answer: Answer) -> Verdict:
    """Return the verdict at noon with the usual cap."""
    return judge(action, answer, now=NOW, retry_after_cap=CAP)


def documented(action: Action, status: int) -> Verdict:
    """Return what the documented table says of an answer without HTML: exceptions first, then hundreds."""
    exceptions: dict[int, Verdict] = {
        **dict.fromkeys((200, 201), Delivered()),
        **dict.fromkeys((401, 402, 403, 407), Hold(HoldCause.CREDENTIALS)),
        **dict.fromkeys((404, 405), Hold(HoldCause.ADDRESS)),
        **{turned_away: Again(str(turned_away)) for turned_away in (408, 425, 429, 503)},
    }
    if action is Action.REMOVE:
        exceptions[400] = NothingToRemove()
    hundreds: dict[int, Verdict] = {
        2: Again(str(status), doubtful=True, unknown=True),
        3: Hold(HoldCause.ADDRESS),
        4: Refused(status),
        5: Again(str(status), unknown=True),
    }
    return exceptions.get(status) or hundreds.get(status // 100) or Again("protocol", unknown=True)


@pytest.mark.parametrize("action", CALLS)
@pytest.mark.parametrize("status", [-1, 0, 99, *range(100, 600), 600, 999, 10_000])
def test_every_status_for_both_actions(status: int, action: Action) -> None:
    """The answer table, number by number; what is no final status is a broken answer and tried again."""
    assert verdict(action, Response(status)) == documented(action, status)


@pytest.mark.parametrize("action", CALLS)
@pytest.mark.parametrize("status", range(100, 600))
def test_html_matters_only_where_it_hides_a_success(status: int, action: Action) -> None:
    """A proxy's page with 200 or 201 is not the API's yes; with any other status it changes nothing."""
    page = verdict(action, Response(status, html=True))
    if status in {200, 201}:
        assert page == Again("html", doubtful=True, unknown=True)
    else:
        assert page == documented(action, status)


@pytest.mark.parametrize("action", CALLS)
@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("kind", FaultKind)
def test_every_fault_is_tried_again(kind: FaultKind, sent: bool, action: Action) -> None:
    """The outcome is unknown exactly where the API may have seen the call."""
    assert verdict(action, Fault(kind, sent=sent)) == Again(kind.value, unknown=sent)


@pytest.mark.parametrize("status", [202, 408, 425, 429, 500, 503, 599])
def test_retry_after_goes_with_every_answer_that_is_tried_again(status: int) -> None:
    """Not only 429 and 503 may say when to come back."""
    answer = verdict(Action.CAPTURE, Response(status, retry_after="7"))
    assert isinstance(answer, Again)
    assert answer.retry_after == 7.0


def test_the_cap_is_handed_on() -> None:
    """An absurd wait is cut to what the operator allows."""
    answer = judge(Action.CAPTURE, Response(429, retry_after="999"), now=NOW, retry_after_cap=12.5)
    assert answer == Again("429", retry_after=12.5)


# ------------------------------------------------------------------------------ Retry-After


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", None),
        ("000", None),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("300", 300.0),
        ("301", CAP),
        ("1000000000", CAP),
        ("9" * 5000, CAP),
        ("Sun, 01 Mar 2026 12:00:45 GMT", 45.0),
        ("Sunday, 01-Mar-26 12:00:45 GMT", 45.0),
        ("Sun Mar  1 12:00:45 2026", 45.0),
        ("Sun, 01 Mar 2026 17:30:45 +0530", 45.0),
        ("Sun, 01 Mar 2099 12:00:00 GMT", CAP),
        ("Sun, 01 Mar 2026 12:00:00 GMT", None),
        ("Sun, 01 Mar 2026 11:59:59 GMT", None),
        (None, None),
        ("", None),
        (" ", None),
        ("-1", None),
        ("+1", None),
        ("1.5", 1.5),
        ("0.2", 0.2),
        ("0.0", None),
        ("1.", None),
        (".5", None),
        ("1e9", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("٣", None),
        ("²", None),
        ("7, 8", 8.0),
        ("120,120", 120.0),
        ("8, 7, soon", 8.0),
        (", 7", 7.0),
        ("0, 0", None),
        ("7, Sun, 01 Mar 2026 12:00:45 GMT", 45.0),
        ("Sun, 01 Mar 2026 12:00:45 GMT, Sun, 01 Mar 2026 12:00:30 GMT, 50", 50.0),
        ("Sun, 01 Mar 2026 12:00:45 GMT, Sun Mar  1 12:00:50 2026", 50.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT, 7", 7.0),
        ("Sun, 99 Mar 2026 12:00:00 GMT", None),
        ("Sun, 01 Mar 99999 12:00:00 GMT", None),
        ("Sun, 01 Mar 2026 12:00:45 +9999", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """Seconds and the three forms of an HTTP date, capped; anything else says nothing."""
    assert retry_after(header, now=NOW, cap=CAP) == seconds


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Sun, 01 Mar 2026 11:30:00 GMT", 45.0),
        ("Sun, 01 Mar 2026 11:30:45 GMT", None),
        (None, 60.0),
        ("soon", 60.0),
    ],
)
def test_a_date_is_measured_by_the_clock_that_wrote_it(date: str | None, seconds: float | None) -> None:
    """A clock there that is half an hour slow asks for what it means; ours counts where there is none."""
    until = "Sun, 01 Mar 2026 11:30:45 GMT" if date and "11" in date else "Sun, 01 Mar 2026 12:01:00 GMT"
    answer = verdict(Action.CAPTURE, Response(503, retry_after=until, date=date))
    assert answer == Again("503", retry_after=seconds)


@pytest.mark.parametrize("status", [302, 401, 402, 403, 404, 405, 407])
def test_a_hold_keeps_the_time_that_the_host_asks_for(status: int) -> None:
    """A fault of ours is no reason to come back sooner."""
    for action in CALLS:
        answer = verdict(action, Response(status, retry_after="999"))
        assert isinstance(answer, Hold)
        assert answer.retry_after == CAP


def test_a_date_without_a_zone_is_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """The asctime form names no zone, and the machine's own has nothing to do with it."""
    with monkeypatch.context() as local:
        local.setenv("TZ", "UTC-05:30")
        time.tzset()
        wait = retry_after("Sun Mar  1 12:00:45 2026", now=NOW, cap=CAP)
    time.tzset()
    assert wait == 45.0


@given(st.integers(1, 300))
def test_a_date_says_the_same_as_seconds(seconds: int) -> None:
    """Both forms lead to the same wait."""
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after(date, now=NOW, cap=CAP) == retry_after(str(seconds), now=NOW, cap=CAP) == seconds


@given(st.text() | st.text("0123456789 :,+-GMTSunMar", max_size=40))
def test_no_header_is_a_crash_or_an_endless_wait(header: str) -> None:
    """Whatever a server sends, the wait is between nothing and the cap."""
    wait = retry_after(header, now=NOW, cap=CAP)
    assert wait is None or 0 <= wait <= CAP


# ------------------------------------------------------------------------------ backoff


@pytest.mark.parametrize(
    ("attempt", "ceiling"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 30), (8, 30), (10**9, 30)]
)
def test_the_backoff_doubles_up_to_its_cap(attempt: int, ceiling: float) -> None:
    """Half of the jitter's range is half of the ceiling, and none of it is no wait at all."""
    assert backoff(attempt, 0.5) == ceiling / 2
    assert backoff(attempt, 0.0) == 0.0


@given(st.integers(0, 10**12), st.floats(0, 1, exclude_max=True))
def test_the_backoff_stays_in_its_bounds(attempt: int, jitter: float) -> None:
    """Full jitter: anywhere from nothing to the ceiling, never beyond."""
    assert 0 <= backoff(attempt, jitter) <= 30
