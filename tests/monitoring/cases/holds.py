"""Cases for holds."""

from collections.abc import Iterator
from typing import Final

from consumer.core.api.verdicts import HoldCause
from tests.monitoring.promtool import Case, Series, series


def _held(cause: HoldCause, samples: str) -> list[Series]:
    others = [other for other in HoldCause if other is not cause]
    return [
        series("holding", samples, cause=cause.value),
        series("holding", "0x60", cause=cause.value, instance="b"),
        *(
            series("holding", "1x60" if other is _ALWAYS[cause] else "0x60", cause=other.value)
            for other in others
        ),
    ]


#: Another hold that is there all the time: it must not be taken for the one in question.
_ALWAYS: Final = {
    cause: HoldCause.SPAN if cause is not HoldCause.SPAN else HoldCause.REGISTRY for cause in HoldCause
}


def _moved(cause: HoldCause) -> list[Series]:
    """Return the pod that holds, and the one that takes its place and does not."""
    return [
        series("holding", "1x20 stale", cause=cause.value),
        series("holding", "_x19 0x40", cause=cause.value, instance="b"),
    ]


def _steady(alert: str, cause: HoldCause, fires: int, gone: int, remembered: int = 0) -> Iterator[Case]:
    """Yield cases for a hold whose gauge stays 1: in which minute it ``fires``, and in which it is over.

    A pod that is gone is ``remembered`` so many minutes longer.
    """
    yield Case(alert, "fires", _held(cause, "1x60"), {f"{fires - 1}m": None, f"{fires}m": "1", "20m": "1"})
    yield Case(alert, "quiet", _held(cause, "0x5 1 0x50"), {"6m": None, "7m": None, "20m": None})
    yield Case(
        alert, "resolves", _held(cause, "1x20 0x40"), {"20m": "1", f"{gone - 1}m": "1", f"{gone}m": None}
    )
    yield Case(alert, "reset", _moved(cause), {"20m": "1", f"{gone + remembered}m": None})


def _flickering(alert: str, cause: HoldCause) -> Iterator[Case]:
    """Yield cases for a hold whose gauge is 0 while its records are tried again."""
    yield Case(alert, "fires", _held(cause, "1 0 1 1 0 1 0 0" + " 1 0" * 20), {"4m": None, "20m": ""})
    yield Case(alert, "quiet", _held(cause, "0x5 1 0x50"), {"6m": None, "12m": None})
    yield Case(alert, "resolves", _held(cause, "1x20 0x40"), {"20m": "", "24m": None})
    yield Case(alert, "reset", _moved(cause), {"20m": "", "24m": None})


CASES: Final = (
    Case("AuthRejected", "fires", [series("auth_ok", "1x4 0x20")], {"5m": None, "7m": "1"}),
    Case(
        "AuthRejected",
        "fires_for_one_of_two",
        [series("auth_ok", "0x20"), series("auth_ok", "1x20", instance="b")],
        {"5m": "1"},
    ),
    Case(
        "AuthRejected",
        "counts_the_instances",
        [series("auth_ok", "0x20"), series("auth_ok", "0x20", instance="b")],
        {"5m": "2"},
    ),
    Case("AuthRejected", "quiet", [series("auth_ok", "1x4 0 1x20")], {"5m": None, "6m": None, "20m": None}),
    # Taken now and then: age and stall are left to this page, so it must be there.
    Case(
        "AuthRejected",
        "fires_where_the_key_is_taken_for_moments",
        [series("auth_ok", "1x10 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1")],
        {"10m": None, "30m": "1", "45m": "1"},
    ),
    Case("AuthRejected", "resolves", [series("auth_ok", "0x10 1x30")], {"10m": "1", "24m": "1", "27m": None}),
    Case(
        "AuthRejected",
        "reset",
        [series("auth_ok", "0x10 stale"), series("auth_ok", "_x10 1x30", instance="b")],
        {"10m": "1", "20m": "1", "29m": "1", "32m": None},
    ),
    *_steady("HoldingAddress", HoldCause.ADDRESS, fires=2, gone=36, remembered=5),
    Case(
        "HoldingAddress",
        "fires_where_calls_pass_for_moments",
        _held(HoldCause.ADDRESS, "0x10 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0"),
        {"10m": None, "30m": "1"},
    ),
    *_steady("HoldingLease", HoldCause.LEASE, fires=2, gone=36, remembered=5),
    Case(
        "HoldingLease",
        "fires_where_a_commit_is_confirmed_now_and_then",
        _held(HoldCause.LEASE, "0x10 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0 1 1 0"),
        {"10m": None, "30m": "1"},
    ),
    *_steady("HoldingOutOfRange", HoldCause.OUT_OF_RANGE, fires=1, gone=21),
    *_steady("HoldingSpan", HoldCause.SPAN, fires=5, gone=26),
    *_flickering("HoldingRefusals", HoldCause.REFUSALS),
    *_flickering("DeadLetterPublishFailing", HoldCause.DEAD_LETTERS),
    *_flickering("HoldingRegistry", HoldCause.REGISTRY),
    *_flickering("HoldingRates", HoldCause.RATES),
)
