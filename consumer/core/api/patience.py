"""Patience: how long a call may fail while others succeed, before its record is given up.

An outage of the API, a hold or a silence that the host asked for is no reason to give up anything, however
long it lasts. So not all time counts, but only that in which calls demonstrably succeed: the *stretch*
between two successes in a row, where it is :data:`LONGEST_STRETCH` seconds at most, nothing stopped the calls
meanwhile, and no more than one record failed in it. One failing record is alone with its failure; two at
once may be the beginning of an outage. Time is passed in (seconds of a steady clock).
"""

from collections.abc import Hashable
from typing import Final

#: Seconds between two successes beyond which nobody knows whether the API was there in between.
LONGEST_STRETCH: Final = 60.0


class Patience:
    """Adds up the time in which calls succeed. One for all calls of a process."""

    def __init__(self) -> None:
        self._healthy = 0.0
        self._last_success: float | None = None
        self._failing: Final[set[Hashable]] = set()

    @property
    def healthy(self) -> float:
        """The seconds, up to the latest success, in which calls succeeded."""
        return self._healthy

    def succeeded(self, now: float) -> None:
        """Note that the API has done what a call asked for."""
        if self._steady(now) and self._last_success is not None:
            self._healthy += now - self._last_success
        self._last_success = now
        self._failing.clear()

    def failed(self, record: Hashable) -> None:
        """Note that a call of ``record`` is to be tried again."""
        if len(self._failing) <= 1:
            self._failing.add(record)

    def interrupted(self) -> None:
        """Note that calls are stopped, by a hold or because the host asked for silence."""
        self._last_success = None

    def over(self, began: float, limit: float, now: float) -> bool:
        """Tell whether a record is to be given up that first failed at ``began`` (:attr:`healthy` then).

        Asked right after it failed again. Never while others may be failing for the same reason.
        """
        return self._steady(now) and self._healthy - began >= limit

    def _steady(self, now: float) -> bool:
        recent = self._last_success is not None and now - self._last_success <= LONGEST_STRETCH
        return recent and len(self._failing) <= 1
