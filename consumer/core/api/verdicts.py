"""What an answer of the API means: the table, as data; and how long to wait before the next try.

Sources: the documented answers of the API (201, 200, 400, 401) and RFC 9110 for the rest.
"""

import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, StrEnum, auto
from typing import Final, NamedTuple, TypeAlias, assert_never

from consumer.core.meaning.intents import Action


class FaultKind(StrEnum):
    """How a call failed without an HTTP status; also the ``status`` label of the call's metric."""

    TIMEOUT = "timeout"
    CONNECT = "connect"
    RESET = "reset"
    PROTOCOL = "protocol"


class HoldCause(StrEnum):
    """Why something is stopped, on purpose, until its cause is gone."""

    CREDENTIALS = "credentials"
    ADDRESS = "address"
    REFUSALS = "refusals"
    DEAD_LETTERS = "dead_letters"
    REGISTRY = "registry"
    RATES = "rates"
    LEASE = "lease"
    SPAN = "span"
    OUT_OF_RANGE = "out_of_range"


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer. ``html`` marks a proxy's page.

    ``retry_after`` and ``date`` are the headers as sent: when to come back, and the time there.
    """

    status: int
    html: bool = False
    retry_after: str | None = None
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """No HTTP answer. ``sent`` is False only where the API can't have seen the call (connect failed)."""

    kind: FaultKind
    sent: bool = True


Answer: TypeAlias = Response | Fault


@dataclass(frozen=True, slots=True)
class Delivered:
    """The API has it."""


@dataclass(frozen=True, slots=True)
class NothingToRemove:
    """400 on a remove: the API knows no such payment."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try the same bytes again, no sooner than ``retry_after`` seconds (None: the backoff alone decides).

    ``reason`` is the label of the retry metric. ``doubtful`` marks answers that a wrong address gives too
    (HTML, a success status that the API does not use); ``unknown`` answers after which the API may have
    done it: then a later 400 on a remove is the echo of our own success.
    """

    reason: str
    retry_after: float | None = None
    doubtful: bool = False
    unknown: bool = False

    @property
    def limited(self) -> bool:
        """Whether the API says that calls come too fast: 429 (RFC 6585), or 503 with a time to wait."""
        return self.reason == "429" or (self.reason == "503" and self.retry_after is not None)


@dataclass(frozen=True, slots=True)
class Refused:
    """A permanent no to this one call: dead letter."""

    status: int


@dataclass(frozen=True, slots=True)
class Hold:
    """A fault of ours, not of the record: stop all sends until the cause is gone.

    Not even a probe is wanted for ``retry_after`` seconds (None: nothing was said of that).
    """

    cause: HoldCause
    retry_after: float | None = None


Verdict: TypeAlias = Delivered | NothingToRemove | Again | Refused | Hold


def judge(action: Action, answer: Answer, *, now: datetime, retry_after_cap: float) -> Verdict:
    """Return what ``answer`` means to a call that does ``action``.

    ``now`` (aware) turns a Retry-After date into seconds where the answer has no Date of its own,
    ``retry_after_cap`` is the most seconds that are believed. Total: every status number
    and every fault has a verdict.
    """
    match answer:
        case Fault():
            return Again(answer.kind.value, unknown=answer.sent)
        case Response():
            means = _look_up(action, answer)
            there = _date(answer.date or "") or now
            return _verdict(means, answer, retry_after(answer.retry_after, now=there, cap=retry_after_cap))
        case _:
            assert_never(answer)


def retry_after(header: str | None, *, now: datetime, cap: float) -> float | None:
    """Return the seconds to wait by a Retry-After header, at most ``cap``; None where it says nothing usable.

    Both forms of RFC 9110 section 10.2.3: seconds (also broken ones, which it does not know), or a date (also
    the two obsolete forms), measured against ``now``. Nothing to wait for, which is 0 as much as a date that
    has passed, says nothing. Of several, as where a proxy adds its own, the longest counts.
    """
    # Values are joined by commas. Dates have one too, behind the day of the week, which is not needed.
    longest = max(_seconds(value.strip(), now) for value in (header or "").split(","))
    return min(longest, cap) if longest > 0 else None


def _seconds(value: str, now: datetime) -> float:
    if _SECONDS.fullmatch(value):
        return float(value)
    date = _date(value)
    return 0.0 if date is None else (date - now).total_seconds()


def _date(text: str) -> datetime | None:
    """Return the moment that an HTTP date names, None where it is none."""
    try:
        date = parsedate_to_datetime(text.strip())
    except (ValueError, OverflowError):
        return None
    # The asctime form names no zone; HTTP dates are in UTC.
    return date if date.tzinfo else date.replace(tzinfo=UTC)


_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?")


def backoff(attempt: int, jitter: float) -> float:
    """Return the seconds to wait after try number ``attempt`` (from 1) failed.

    Full jitter: ``jitter`` in [0, 1) picks a point between nothing and a ceiling that starts at 0.5 s,
    doubles with every try and stays at 30 s, so that instances that failed together don't return together.
    """
    doublings = min(max(attempt - 1, 0), _MAX_DOUBLINGS)
    return jitter * min(_BACKOFF_BASE * 2.0**doublings, _BACKOFF_CAP)


#: Seconds: the ceiling of the first backoff, and of all later ones.
_BACKOFF_BASE: Final = 0.5
_BACKOFF_CAP: Final = 30.0
#: Enough to reach the cap; a bound, so that endless tries overflow nothing.
_MAX_DOUBLINGS: Final = 16


class _Means(Enum):
    """The cells of the table."""

    DELIVERED = auto()
    NOTHING_TO_REMOVE = auto()
    REFUSED = auto()
    CREDENTIALS = auto()
    ADDRESS = auto()
    AGAIN = auto()
    """Not done: the answer says that the call was turned away."""
    AGAIN_UNKNOWN = auto()
    """Perhaps done: something failed behind the point that took the call."""
    AGAIN_DOUBTFUL = auto()
    """Perhaps done, and perhaps not the API's answer at all."""


class _Row(NamedTuple):
    """What an answer with one of ``statuses`` (and an HTML body, where ``html``) means to each action."""

    statuses: Container[int]
    capture: _Means
    remove: _Means
    html: bool = False


#: The first row that fits decides. A 503 is a refusal to handle the call (RFC 9110 section 15.6.4); any
#: other 5xx may come after the work was done.
_ANSWERS: Final = (
    _Row((200, 201), _Means.AGAIN_DOUBTFUL, _Means.AGAIN_DOUBTFUL, html=True),
    _Row((200, 201), _Means.DELIVERED, _Means.DELIVERED),
    _Row(range(200, 300), _Means.AGAIN_DOUBTFUL, _Means.AGAIN_DOUBTFUL),
    _Row(range(300, 400), _Means.ADDRESS, _Means.ADDRESS),
    _Row((400,), _Means.REFUSED, _Means.NOTHING_TO_REMOVE),
    _Row((401, 402, 403, 407), _Means.CREDENTIALS, _Means.CREDENTIALS),
    _Row((404, 405), _Means.ADDRESS, _Means.ADDRESS),
    _Row((408, 425, 429, 503), _Means.AGAIN, _Means.AGAIN),
    _Row(range(400, 500), _Means.REFUSED, _Means.REFUSED),
    _Row(range(500, 600), _Means.AGAIN_UNKNOWN, _Means.AGAIN_UNKNOWN),
)

#: Statuses that end a call in HTTP; anything else is a broken answer.
_FINAL_STATUSES: Final = range(200, 600)


def _look_up(action: Action, response: Response) -> _Means:
    """Return the table's cell; a number outside the table is a broken answer to a call that was sent."""
    for row in _ANSWERS:
        if response.status in row.statuses and (response.html or not row.html):
            return row.remove if action is Action.REMOVE else row.capture
    return _Means.AGAIN_UNKNOWN


def _verdict(means: _Means, response: Response, wait: float | None) -> Verdict:
    """Return the verdict for a cell of the table."""
    match means:
        case _Means.DELIVERED:
            return Delivered()
        case _Means.NOTHING_TO_REMOVE:
            return NothingToRemove()
        case _Means.REFUSED:
            return Refused(response.status)
        case _Means.CREDENTIALS:
            return Hold(HoldCause.CREDENTIALS, wait)
        case _Means.ADDRESS:
            return Hold(HoldCause.ADDRESS, wait)
        case _Means.AGAIN | _Means.AGAIN_UNKNOWN | _Means.AGAIN_DOUBTFUL:
            return Again(
                _reason(response),
                wait,
                doubtful=means is _Means.AGAIN_DOUBTFUL,
                unknown=means is not _Means.AGAIN,
            )
        case _:
            assert_never(means)


def _reason(response: Response) -> str:
    """Return the label of the retry metric: a status, ``html``, or ``protocol`` for no HTTP status."""
    if response.status not in _FINAL_STATUSES:
        return FaultKind.PROTOCOL.value
    return "html" if response.html and response.status in (200, 201) else str(response.status)
