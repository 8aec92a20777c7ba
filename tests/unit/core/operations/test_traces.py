"""Traces of errors: they lead to the line, and show no data."""

from collections.abc import Callable

import pytest

from consumer.core.errors import Unavailable
from consumer.core.operations.traces import MAX_ERRORS, MAX_FRAMES, trace_of

CANARY = "user-4711"


def caught(raiser: Callable[[], object]) -> BaseException:
    """Return what ``raiser`` raises."""
    with pytest.raises(BaseException) as trap:  # noqa: PT011  # the test looks at it
        raiser()
    return trap.value


def stumble() -> int:
    """Raise an error that quotes data."""
    return int(CANARY)


def wrap() -> None:
    """Raise an error of ours because of one that quotes data."""
    try:
        stumble()
    except ValueError as cause:
        raise Unavailable("the registry is down") from cause


def deep(left: int) -> None:
    """Fail ``left`` calls further down."""
    if left == 0:
        raise KeyError(CANARY)
    deep(left - 1)


def endless() -> None:
    """Raise a chain of errors longer than a trace."""
    error: Exception = ValueError()
    for _ in range(MAX_ERRORS * 2):
        following = ValueError()
        following.__cause__ = error
        error = following
    raise error


def grouped() -> None:
    """Raise a group, as a task group does."""
    raise BaseExceptionGroup(CANARY, [caught(stumble), caught(wrap)])


def test_a_trace_leads_to_the_line_without_the_data() -> None:
    """The innermost line comes first, with module and function; the text of a foreign error is left out."""
    trace = trace_of(caught(stumble))
    assert trace.startswith("ValueError < ")
    assert "test_traces" in trace.split(" < ")[1]
    assert trace.split(" < ")[1].endswith(" stumble")
    assert CANARY not in trace


def test_our_own_errors_keep_their_sentence_and_their_cause() -> None:
    """What this project says about an error is discreet and stays; the cause follows."""
    ours, cause = trace_of(caught(wrap)).split(" | because of ")
    assert ours.startswith("Unavailable: the registry is down < ")
    assert cause.startswith("ValueError < ")


def test_the_members_of_a_group_are_told() -> None:
    """A group of errors says nothing by itself, its members do, each of them once."""
    trace = trace_of(caught(grouped))
    assert trace.count("Unavailable: the registry is down") == 1
    assert trace.count("ValueError < ") == 2
    assert CANARY not in trace


def test_a_trace_is_bounded() -> None:
    """Deep recursion, long chains and circles end."""
    assert trace_of(caught(lambda: deep(50))).count(" < ") == MAX_FRAMES
    assert trace_of(caught(endless)).count("because of") == MAX_ERRORS - 1
    circle = ValueError()
    circle.__context__ = KeyError()
    circle.__context__.__context__ = circle
    assert trace_of(circle) == "ValueError | because of KeyError"
