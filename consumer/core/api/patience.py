"""Patience: how long a call may fail while others succeed, before its record is given up.

An outage of the API, a hold or a silence that the host asked for is no reason to give up anything, however
long it lasts. So not all time counts, but only that in which calls demonstrably succeed. It is counted in
*spells*: one begins with a success, and ends with the first success by which as many records as failed in it
had gone through at their first try. A few records that fail for ever are soon outnumbered, also where one
payment a minute comes; an API that fails at most of what it gets never is.

A spell counts for nothing where nothing was heard between two of its successes for more than
:data:`LONGEST_STRETCH` seconds, where something stopped the calls, where two records failed between two
successes that had not been tried before (that may be the beginning of an outage), or where more than
:data:`MOST_FAILING` failed. Time is passed in (seconds of a steady clock).
"""

from collections.abc import Hashable
from typing import Final

#: Seconds between two successes beyond which nobody knows whether the API was there in between.
LONGEST_STRETCH: Final = 60.0

#: Records that fail in one spell beyond which it is no matter of single records.
MOST_FAILING: Final = 1000


class Patience:
    """Adds up the time in which calls succeed. One for all calls of a process."""

    def __init__(self) -> None:
        self._counted = 0.0
        self._began = 0.0
        self._last_success: float | None = None
        self._successes = 0
        self._new_failures = 0
        self._failing: Final[set[Hashable]] = set()

    @property
    def counted(self) -> float:
        """The seconds of all spells that count."""
        return self._counted

    @property
    def beginning(self) -> float:
        """What a record notes that fails for the first time: the seconds that count, or may count yet."""
        return (
            self._counted if self._last_success is None else self._counted + self._last_success - self._began
        )

    def succeeded(self, now: float, *, first: bool) -> None:
        """Note that the API has done what a call asked for; ``first``: at the first try of its record."""
        if not self._recent(now):
            self._begin(now)
            return
        self._last_success = now
        self._new_failures = 0
        self._successes += first
        if self._successes >= len(self._failing):
            self._counted += now - self._began
            self._begin(now)

    def failed(self, record: Hashable, *, first: bool) -> None:
        """Note that a call of ``record`` is to be tried again; ``first``: it was its first try."""
        if self._last_success is None:
            return
        self._failing.add(record)
        self._new_failures += first
        if self._new_failures > 1 or len(self._failing) > MOST_FAILING:
            self.interrupted()

    def interrupted(self) -> None:
        """Note that calls are stopped, by a hold or because the host asked for silence."""
        self._last_success = None
        self._failing.clear()

    def over(self, began: float, limit: float, now: float) -> bool:
        """Tell whether a record is to be given up that noted ``began`` (:attr:`beginning`) at first.

        Asked right after it failed again. Never while others may be failing for the same reason: where one
        fails in the same spell, the next to fail behind its end is given up.
        """
        return self._recent(now) and len(self._failing) <= 1 and self._counted - began >= limit

    def _recent(self, now: float) -> bool:
        return self._last_success is not None and now - self._last_success <= LONGEST_STRETCH

    def _begin(self, now: float) -> None:
        self._began = self._last_success = now
        self._successes = self._new_failures = 0
        self._failing.clear()
