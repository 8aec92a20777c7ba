"""The rota: which record starts next.

A few late ones, then all others; late ones freely where nothing else waits. It decides only; the lanes keep
the records. Time is passed in (seconds of a steady clock).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from consumer.core.api.budget import RetryBudget
from consumer.core.api.pacing import Turns
from consumer.core.partitions.lanes import Lanes, Ticket

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Way:
    """What there is for calls: calls a second, and the seconds until one could leave at once.

    ``free_in`` is None while calls wait for their turn. ``others_succeed``: a call that was no late try has
    succeeded since any was told to slow down.
    """

    per_second: float
    free_in: float | None
    others_succeed: bool = True


@dataclass(slots=True)
class _Late:
    paid: bool
    left: float | None = None


class Rota(Generic[S]):
    """Takes records from ``lanes`` in the right order."""

    def __init__(self, lanes: Lanes[S], budget: RetryBudget, turns: Turns) -> None:
        """``budget`` is that of late tries; ``turns`` knows the topics that have a rate of their own."""
        self._lanes: Final = lanes
        self._budget: Final = budget
        self._turns: Final = turns
        self._late: Final[dict[Ticket[S], _Late]] = {}

    def next(
        self, now: float, look: Callable[[], Way], stopped: frozenset[str] = frozenset()
    ) -> Ticket[S] | None:
        """Return the next record that may start, or None; none of the topics ``stopped``.

        Its end is told by :meth:`ended`. ``look`` tells what there is for calls now, where that matters.
        """
        resting = self._resting(now, stopped)
        if not self._lanes.has_late(now, resting):
            return self._noted(self._lanes.take(now, resting=resting), now)
        way = look()
        if self._budget.wait(now, way.per_second) == 0:
            return self._take_late(now, way, resting, paid=True)
        ticket = self._noted(self._lanes.take(now, resting=resting), now)
        if ticket is None and way.free_in == 0 and self._free(now, way):
            return self._take_late(now, way, resting, paid=False)
        return ticket

    def next_probe(
        self, now: float, stopped: frozenset[str] = frozenset(), *, topic: str | None = None
    ) -> Ticket[S] | None:
        """Return the record that finds out whether something that was stopped may go on, or None.

        It is none of the topics ``stopped``, and one of ``topic`` where that is given.
        """
        resting = self._resting(now, stopped)
        for late in (False, True):
            ticket = self._lanes.take(now, probe=True, late=late, resting=resting, topic=topic)
            if ticket is not None:
                return self._noted(ticket, now)
        return None

    def left(self, ticket: Ticket[S], now: float) -> None:
        """Note that the call of a record leaves now."""
        late = self._late.get(ticket)
        if late is not None and late.left is None:
            late.left = now
            self._budget.left()

    def ended(self, ticket: Ticket[S], now: float) -> None:
        """Note that the work on a record has ended, however it did."""
        late = self._late.pop(ticket, None)
        if late is not None:
            self._budget.ended(now, late.left, paid=late.paid)

    def silenced(self, now: float, seconds: float) -> None:
        """Note that a late try silences all others from ``now`` on, for so many seconds."""
        self._budget.silenced(now, seconds)

    def next_turn(
        self, now: float, look: Callable[[], Way], stopped: frozenset[str] = frozenset()
    ) -> float | None:
        """Return when a record may be due by the mere passing of time, None where none will be."""
        moments = [self._lanes.next_wake(), self._turns.next_turn(now)]
        if self._lanes.has_late(now, self._resting(now, stopped)):
            way = look()
            waits = (self._budget.wait(now, way.per_second), way.free_in if self._free(now, way) else None)
            moments += [None if wait is None else now + wait for wait in waits]
        return min((moment for moment in moments if moment is not None), default=None)

    def _free(self, now: float, way: Way) -> bool:
        return self._budget.free(now, others_succeed=way.others_succeed)

    def _resting(self, now: float, stopped: frozenset[str]) -> frozenset[str]:
        resting = self._turns.resting(now)
        return resting | stopped if stopped else resting

    def _take_late(self, now: float, way: Way, resting: frozenset[str], *, paid: bool) -> Ticket[S] | None:
        ticket = self._noted(self._lanes.take(now, late=True, resting=resting), now)
        if ticket is not None:
            self._budget.started(now, way.per_second, paid=paid)
            self._late[ticket] = _Late(paid)
        return ticket

    def _noted(self, ticket: Ticket[S] | None, now: float) -> Ticket[S] | None:
        if ticket is not None:
            self._turns.started(ticket.record.partition.topic, now)
        return ticket
