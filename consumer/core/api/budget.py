"""The retry budget: what calls that keep failing may take from the others.

A record whose call failed :data:`FIRST_TRIES` times is tried again for ever (nothing is lost), but *late*:
while others wait, all late tries together start at most :data:`PART` of the rate and occupy at most that
part of the places for calls. Both are needed. Where the rate is what is short, a late try costs the others
one call; where the places are (an API that is slow to fail), it costs them its time. So 1 % of keys that
fail for ever cost the rest less than 5 %, and one late try is always coming: none starves.

Nobody counts while nothing else waits; then half of the places are theirs, so that what comes next finds
one. Of the retry budgets that are known, Finagle's bounds the tries and Envoy's the calls under way.

A late try that is answered with Retry-After silences all others too. That is its most costly part by far:
all the silences that late tries bring on take at most :data:`PART` of the time, whoever waits. Only where
nothing else does, and no other call has succeeded for some seconds behind it, a late try goes all the same:
it may concern all, and somebody has to find out.
"""

from typing import Final

from consumer.core.api.pacing import Meter

#: Tries that are worth as much as any first one.
FIRST_TRIES: Final = 3
#: What part of the rate, and of the places, late tries may have while others wait.
PART: Final = 0.04
#: What part of the places they may have while nothing else waits.
FREE_PART: Final = 0.5
#: Seconds behind a silence that a late try brought on, in which others go first to see whether it is over.
OTHERS_FIRST_SECONDS: Final = 5.0


class RetryBudget:
    """Keeps account of late tries: those that wait to leave, and those on the wire.

    Time is passed in (seconds of a steady clock).
    """

    def __init__(self, places: int) -> None:
        """``places`` is how many calls may be under way at the same time."""
        self._places: Final = places
        self._most: Final = max(1, int(places * PART))
        self._most_free: Final = max(1, int(places * FREE_PART))
        self._calls: Final = Meter()
        self._seconds: Final = Meter()
        self._silences: Final = Meter()
        self._silent_until = 0.0
        self._at = 0.0
        self._waiting = 0
        self._on_wire = 0

    def wait(self, now: float, per_second: float) -> float | None:
        """Return the seconds until a late try may start though others wait, at this rate of all calls.

        None: first one on the wire has to end.
        """
        self._pass(now, per_second)
        if self._on_wire >= self._most:
            return None
        return max(
            self._calls.wait(per_second * PART),
            self._seconds.wait(self._places * PART),
            self._silences.wait(PART),
        )

    def free(self, now: float, *, others_succeed: bool = True) -> bool:
        """Tell whether a late try may start while nothing else waits; one at a time waits to leave.

        ``others_succeed``: a call that was no late try has succeeded since any was told to slow down.
        """
        nobody_knows = not others_succeed and now >= self._silent_until + OTHERS_FIRST_SECONDS
        quiet = self._silences.open or nobody_knows
        return self._waiting == 0 and self._on_wire < self._most_free and quiet

    def started(self, now: float, per_second: float, *, paid: bool) -> None:
        """Note the start of a late try; it is ``paid`` for by the budget where others wait."""
        self._pass(now, per_second)
        self._waiting += 1
        if paid:
            self._calls.take()

    def left(self) -> None:
        """Note that a late try is on the wire now."""
        self._waiting -= 1
        self._on_wire += 1

    def ended(self, now: float, left: float | None, *, paid: bool) -> None:
        """Note the end of a late try that was on the wire since ``left``, None where it never was."""
        if left is None:
            self._waiting -= 1
            return
        self._on_wire -= 1
        if paid:
            self._seconds.take(now - left)

    def silenced(self, now: float, seconds: float) -> None:
        """Note that a late try silences all others from ``now`` on, for so many seconds."""
        self._pass(now, 0.0)
        self._silences.take(seconds)
        self._silent_until = now + seconds

    def _pass(self, now: float, per_second: float) -> None:
        seconds = max(0.0, now - self._at)
        self._calls.flow(per_second * PART * seconds, 0.0)
        self._seconds.flow(self._places * PART * seconds, 0.0)
        self._silences.flow(PART * seconds, 0.0)
        self._at = max(self._at, now)
