"""What an answer of the API means: the table, as data."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


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
    DEAD_LETTERS = "dead_letters"
    REGISTRY = "registry"
    SPAN = "span"
    OUT_OF_RANGE = "out_of_range"


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer. ``retry_after`` is the header as sent; ``html`` marks a proxy's page."""

    status: int
    html: bool = False
    retry_after: str | None = None


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
    (HTML, a success status that the API does not use); ``unknown`` that the API may have done it.
    """

    reason: str
    retry_after: float | None = None
    doubtful: bool = False
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A permanent no to this one call: dead letter."""

    status: int


@dataclass(frozen=True, slots=True)
class Hold:
    """A fault of ours, not of the record: stop all sends until the cause is gone."""

    cause: HoldCause


Verdict: TypeAlias = Delivered | NothingToRemove | Again | Refused | Hold
