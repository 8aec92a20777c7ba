"""What ``check --connect`` has found out: one :class:`Check` for each thing that was asked.

The edges ask and hand over what came back (a :class:`Failure`, or a value of their own part); what it means,
and what helps, is decided in ``kafka_checks`` and ``http_checks`` beside this module.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """How a check ended. A warning is worth a look and stops nothing."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Trouble(StrEnum):
    """In which way something outside could not be asked, or said no."""

    UNRESOLVED = "unresolved"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TLS = "tls"
    CREDENTIALS = "credentials"
    FORBIDDEN = "forbidden"
    MISSING = "missing"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Failure:
    """Asking failed. ``detail`` is what the other side or the client says, free of secrets."""

    trouble: Trouble
    detail: str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was asked: whom (``subject``), what, what came back, and the cure where there is one.

    ``credentials``: it failed because somebody refused ours. No text holds a secret.
    """

    subject: str
    asked: str
    result: Result
    answer: str
    cure: str = ""
    credentials: bool = False


def ok(subject: str, asked: str, answer: str) -> Check:
    """Return a check that found what is needed."""
    return Check(subject, asked, Result.OK, answer)


def doubtful(subject: str, asked: str, answer: str, cure: str) -> Check:
    """Return a check that found something worth a look."""
    return Check(subject, asked, Result.WARNING, answer, cure)


def failed(subject: str, asked: str, answer: str, cure: str, *, credentials: bool = False) -> Check:
    """Return a check that found something the service can't work with."""
    return Check(subject, asked, Result.FAILED, answer, cure, credentials)


def any_failed(checks: Iterable[Check]) -> bool:
    """Tell whether something outside is not reachable or not fit."""
    return any(check.result is Result.FAILED for check in checks)


def any_refused(checks: Iterable[Check]) -> bool:
    """Tell whether somebody refused our credentials."""
    return any(check.credentials for check in checks)
