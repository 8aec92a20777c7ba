"""Pacing: how many calls a second leave this process, smoothly. Time is passed in."""

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

    def stop(self, now: float, seconds: float) -> None:
        """Let no call leave for ``seconds``; a longer stop wins over a shorter one."""
        self._silent_until = max(self._silent_until, now + seconds)

    def silence(self, now: float) -> float:
        """Return for how many seconds more the host asked for silence, 0 where it did not."""
        return max(0.0, self._silent_until - now)
