"""The headline: the worst there is, in one sentence."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest

from consumer.core.api.pacing import Pace
from consumer.core.api.verdicts import FaultKind, HoldCause
from consumer.core.operations import waits
from consumer.core.operations.cures import ADVICE, MATTER, STOPS_ALL
from consumer.core.operations.headline import Headline, Tone, headline
from consumer.core.operations.status import Health, HoldStatus, PaceStatus, PartitionStatus, Status

NOON: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DONE: Final = PartitionStatus("t", 0, 10, 10, 0, 0, 0)
WELL: Final = Status(
    version="1",
    group="g",
    started_at=NOON,
    at=NOON,
    health=Health(started=True, live=True, ready=True),
    in_flight=0,
    max_in_flight=4,
    queued=0,
    parked=0,
    rate_limit_per_second=25.0,
    pace=PaceStatus(Pace(limit=25.0, cut=1.0, ramp=1.0, silence=0.0)),
    freshness_seconds=0.0,
    partitions=(DONE,),
)
SILENT: Final = PaceStatus(replace(WELL.pace.now, silence=0.5))


def held(*causes: HoldCause) -> tuple[HoldStatus, ...]:
    """Return holds."""
    return tuple(HoldStatus(cause, NOON, *ADVICE[cause]) for cause in causes)


@pytest.mark.parametrize(
    ("changes", "tone", "words"),
    [
        ({}, Tone.GOOD, "All payments are delivered"),
        ({"partitions": (replace(DONE, lag=3),)}, Tone.GOOD, "being delivered"),
        ({"partitions": (replace(DONE, lag=None),)}, Tone.GOOD, "being delivered"),
        ({"partitions": ()}, Tone.GOOD, "holds no partition"),
        ({"freshness_seconds": 61.0}, Tone.WAITS, "late"),
        ({"freshness_seconds": 601.0}, Tone.BAD, "far too late"),
        ({"pace": SILENT, "freshness_seconds": 601.0}, Tone.WAITS, "asked for silence"),
        ({"health": Health(True, True, False, ("no group yet",))}, Tone.WAITS, "Not ready: no group yet"),
        ({"holds": held(HoldCause.REGISTRY)}, Tone.WAITS, "Calls go on, but"),
        ({"holds": held(HoldCause.REGISTRY, HoldCause.SPAN)}, Tone.WAITS, " and a stuck record"),
        ({"holds": held(HoldCause.REGISTRY, HoldCause.LEASE)}, Tone.BAD, "Nothing is sent: Kafka has not"),
        (
            {"holds": held(HoldCause.CREDENTIALS), "health": Health(True, True, False, ("hold",))},
            Tone.BAD,
            "Nothing is sent: Linkrunner refuses",
        ),
        ({"holds": held(HoldCause.ADDRESS), "health": Health(True, False, False)}, Tone.BAD, "stuck"),
    ],
)
def test_the_worst_is_said_first(changes: dict[str, object], tone: Tone, words: str) -> None:
    """A stuck loop, then what stops all calls, then what stops some, then how late it is."""
    said = headline(replace(WELL, **changes))  # type: ignore[arg-type]  # each row names fields of a status
    assert isinstance(said, Headline)
    assert said.tone is tone
    assert words in said.text


def test_every_hold_has_words() -> None:
    """Those that stop all calls among them say so in their advice, and no other does."""
    assert MATTER.keys() == set(HoldCause)
    assert {cause for cause in HoldCause if ADVICE[cause].scope.startswith("all calls")} == STOPS_ALL


@pytest.mark.parametrize(
    "reason",
    [
        waits.SILENCE,
        waits.LETTER,
        waits.DEFECT,
        waits.ON_WIRE,
        waits.TURN,
        waits.QUEUED,
        "html",
        "503",
        *FaultKind,
        HoldCause.REGISTRY,
        HoldCause.RATES,
        HoldCause.DEAD_LETTERS,
    ],
)
def test_every_reason_to_wait_has_words(reason: str) -> None:
    """Nobody has to know the words of the code."""
    assert waits.meaning(str(reason)) != reason
    assert " " in waits.meaning(str(reason))
