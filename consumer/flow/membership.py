"""Membership in the group: whether this process may still speak for the partitions that it holds."""

import time
from collections.abc import Callable
from typing import Final

from consumer.core.operations.status import LeaseStatus
from consumer.core.partitions.lease import Lease

#: Linux has a steady clock that goes on while the machine is suspended; elsewhere the next best one is taken.
_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def awake_or_not() -> float:
    """Return the seconds of a steady clock that also counts the time in which the machine is suspended."""
    return time.clock_gettime(_CLOCK)


class Membership:
    """The lease of this process, by the clock that a lease needs.

    It has a clock of its own because a machine that wakes up has missed what its group did meanwhile, while
    the time that a pause or a backoff lasts is that of the event loop.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = awake_or_not) -> None:
        """``seconds`` is how long a proof is good for (``core.partitions.lease``)."""
        self._lease: Final = Lease(seconds)
        self._clock: Final = clock
        self._asks = 0

    def begin(self) -> None:
        """Note that partitions came to a process that had none."""
        self._lease.begin(self._clock())

    def ask(self) -> float:
        """Note that a commit is sent now; return the moment, for :meth:`proven`."""
        now = self._clock()
        self._lease.asked(now)
        self._asks += 1
        return now

    def proven(self, asked_at: float) -> None:
        """Note that the commit of that moment was confirmed."""
        self._lease.proven(asked_at)

    def over(self) -> None:
        """Note that the group has ended the membership."""
        self._lease.over(self._clock())

    def holds(self) -> bool:
        """Tell whether something may be sent."""
        return self._lease.holds(self._clock())

    def missing(self) -> bool:
        """Tell whether a proof is missed."""
        return self._lease.missing(self._clock())

    def due(self) -> float:
        """Return the seconds until a proof should be asked for, 0 where that is now."""
        return self._lease.due(self._clock())

    @property
    def asks(self) -> int:
        """How many proofs were asked for."""
        return self._asks

    def describe(self) -> LeaseStatus:
        """Return what the status page shows."""
        now = self._clock()
        return LeaseStatus(self._lease.seconds, self._lease.age(now), self._lease.remaining(now))
