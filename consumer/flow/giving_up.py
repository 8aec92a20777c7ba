"""Giving up: whether a record may become a dead letter, and where it goes then.

Puts together what stands between a bad record and its letter: the breaker (``Refusals``) and, for calls that
fail without end, ``Patience``. One object for all who tell stories.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol, assert_never

from consumer.core.api.patience import Patience
from consumer.core.api.refusals import Refusals, Ruling, Stop
from consumer.core.api.verdicts import (
    Again,
    Delivered,
    Hold,
    HoldCause,
    NothingToRemove,
    Refused,
    Verdict,
)
from consumer.core.letters import Letter
from consumer.core.operations.cures import ADVICE
from consumer.core.operations.logbook import Event, Log
from consumer.core.records import Header, Record

#: A call that was turned away for being one too many says nothing about its record.
_TURNED_AWAY: Final = "429"

#: Letters that are written at the same time: brokers that do not answer must not take up all places of calls.
LETTERS_AT_ONCE: Final = 8


class DeadLetterBox(Protocol):
    """Keeps copies of records that can't be delivered."""

    async def put(self, record: Record, headers: Sequence[Header]) -> None:
        """Return once the copy is safe. Raises Unavailable, which may be Unwritable or TooLarge."""


class GivingUp:
    """Says whether a record may be given up, and tells when a topic is stopped and when it goes on."""

    def __init__(
        self,
        box: DeadLetterBox,
        refusals: Refusals,
        log: Log,
        on_resume: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        after_seconds: float | None = None,
        letters_at_once: int = LETTERS_AT_ONCE,
    ) -> None:
        """``on_resume`` is called when a topic goes on, so that waiting work starts at once.

        ``after_seconds`` is how long a call may fail while others succeed, None: for ever.
        """
        self.refusals: Final = refusals
        self._box: Final = box
        self._letters_at_once: Final = letters_at_once
        self._writing = 0
        self._log: Final = log
        self._on_resume: Final = on_resume
        self._clock: Final = clock
        self._after_seconds: Final = after_seconds
        self._patience: Final = Patience()

    @property
    def busy(self) -> bool:
        """Whether as many letters are being written as may be."""
        return self._writing >= self._letters_at_once

    async def put(self, record: Record, headers: Sequence[Header]) -> None:
        """Write a letter; raises what the box raises."""
        self._writing += 1
        try:
            await self._box.put(record, headers)
        finally:
            self._writing -= 1

    def allows(self, record: Record, letter: Letter, *, probe: bool, allowed_at: int | None) -> bool:
        """Return whether the letter of a record may be written; where not, the record stays unsettled.

        ``allowed_at`` is :meth:`times_stopped` of when it was allowed and could not be written. It is not
        judged twice; but once its topic was stopped since then, its cause may be gone.
        """
        topic = record.partition.topic
        if allowed_at is not None:
            return allowed_at == self.times_stopped(record)
        ruling = self.refusals.refused(topic, letter.reason, self._clock(), probe=probe)
        if ruling is Ruling.GIVE_UP:
            return True
        self._log(
            Event.RECORD_KEPT,
            topic=topic,
            partition=record.partition.number,
            offset=record.offset,
            reason=letter.reason.value,
            detail=letter.detail,
        )
        stop = self.refusals.stop(topic)
        if ruling is Ruling.STOPS and stop is not None:
            cure = ADVICE[HoldCause.REFUSALS].cure
            self._log(Event.TOPIC_STOPPED, topic=topic, count=stop.refused, detail=in_words(stop), cure=cure)
        return False

    def times_stopped(self, record: Record) -> int:
        """Return how often the topic of a record was stopped."""
        return self.refusals.times_stopped(record.partition.topic)

    def heard(self, record: Record, verdict: Verdict, *, first: bool, probe: bool, stopped: bool) -> None:
        """Take note of the verdict on a call, the ``first`` of its record or a later one.

        ``stopped``: calls are stopped now because of it.
        """
        if stopped:
            self._patience.interrupted()
        match verdict:
            case Delivered():
                self._patience.succeeded(self._clock(), first=first)
                self._delivered(record.partition.topic, probe=probe)
            case NothingToRemove():
                self._patience.succeeded(self._clock(), first=first)
            case Again():
                self._patience.failed((record.partition, record.offset), first=first)
            case Refused() | Hold():
                pass
            case _:
                assert_never(verdict)

    def healthy(self) -> float:
        """Return the seconds in which calls succeeded, as a record notes them at its first failure."""
        return self._patience.beginning

    def out_of_patience(self, began: float, verdict: Again) -> bool:
        """Return whether a record is given up that first failed at ``began`` (:meth:`healthy` then).

        Asked once for each failure, behind :meth:`heard`.
        """
        over = (
            self._after_seconds is not None
            and verdict.reason != _TURNED_AWAY
            and self._patience.over(began, self._after_seconds, self._clock())
        )
        if verdict.retry_after is not None:
            self._patience.interrupted()  # the host asked for silence
        return over

    def _delivered(self, topic: str, *, probe: bool) -> None:
        over = self.refusals.delivered(topic, probe=probe)
        if over is not None:
            self._log(Event.TOPIC_RESUMED, topic=topic, seconds=round(self._clock() - over.since, 1))
            self._on_resume()


def in_words(stop: Stop) -> str:
    """Return what stopped a topic: how many records, of how many, for which reasons."""
    most_first = sorted(stop.reasons.items(), key=lambda entry: (-entry[1], entry[0]))
    reasons = ", ".join(f"{reason.value} {count}" for reason, count in most_first)
    return f"{stop.refused} of the last {stop.judged} records would be dead letters: {reasons}"
