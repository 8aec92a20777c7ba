"""Pacing: how many calls a second leave this process, smoothly. Time is passed in."""

from collections.abc import Mapping
from typing import Final


class Pacer:
    """A steady rate without bursts: each call takes the next free moment.

    Retries pay like first tries. After idle time at most :data:`SLACK` seconds' worth of calls may leave at
    once. :meth:`stop` stops everything (the host asked for silence), not one call.
    """

    #: Seconds of unused time that may be made up for.
    SLACK: Final = 0.1

    def __init__(self, per_second: float) -> None:
        self.per_second: Final = per_second
        self._gap: Final = 1.0 / per_second
        self._next = 0.0
        self._silent_until = 0.0

    def reserve(self, now: float) -> float:
        """Take the next free moment; return the seconds until then, 0 where it is now."""
        moment = max(self._next, now - self.SLACK, self._silent_until)
        self._next = moment + self._gap
        return max(0.0, moment - now)

    def due(self, now: float) -> float:
        """Return the seconds until the next free moment, 0 where it is now. Takes nothing."""
        return max(0.0, self._next - now)

    def stop(self, now: float, seconds: float) -> None:
        """Let no call leave for ``seconds``; a longer stop wins over a shorter one."""
        self._silent_until = max(self._silent_until, now + seconds)

    def silence(self, now: float) -> float:
        """Return for how many seconds more the host asked for silence, 0 where it did not."""
        return max(0.0, self._silent_until - now)


class Turns:
    """Topics whose records are started at a rate of their own, however many there are to start.

    What is not due is not started at all: it neither waits in a place that others could use, nor runs late
    and then all at once. Every start counts, that of a later try too.
    """

    def __init__(self, per_second: Mapping[str, float]) -> None:
        """Take the rate of each such topic; all others have none."""
        self._pacers: Final = {topic: Pacer(rate) for topic, rate in per_second.items()}

    def resting(self, now: float) -> frozenset[str]:
        """Return the topics none of whose records may start now."""
        return frozenset(topic for topic, pacer in self._pacers.items() if pacer.due(now) > 0)

    def started(self, topic: str, now: float) -> None:
        """Note that a record of ``topic`` was started."""
        if topic in self._pacers:
            self._pacers[topic].reserve(now)

    def next_turn(self, now: float) -> float | None:
        """Return when the next resting topic is due, None where none rests."""
        return min((now + left for p in self._pacers.values() if (left := p.due(now)) > 0), default=None)
