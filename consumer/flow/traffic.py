"""What about calls concerns more than one record: the gate, the pace, and doubts about the address.

One object says whether a call may leave, hears every verdict, and by that opens or shuts the gate for all.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, assert_never

from consumer.core.api.gates import Doubt, Gate
from consumer.core.api.pacing import Pacer, Turns
from consumer.core.api.verdicts import Again, Delivered, Hold, HoldCause, NothingToRemove, Refused, Verdict
from consumer.core.operations.logbook import Event, Log
from consumer.edges.metrics import Metrics
from consumer.flow.membership import Membership

#: Seconds without any success after which it is told that the API can't be reached.
_TELL_SECONDS: Final = 5.0


class Traffic:
    """The way out, shared by all calls of this process."""

    def __init__(
        self,
        pacer: Pacer,
        metrics: Metrics,
        log: Log,
        on_open: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        membership: Membership,
        address: str = "",
        turns: Turns | None = None,
    ) -> None:
        """``on_open`` is called when the gate opens, so that waiting work starts at once.

        ``address`` names the API where it is told that nothing gets through. ``clock`` gives the seconds of a
        steady clock: the one by which gate, pace and pipeline measure. ``turns`` knows the topics whose
        records start at a rate of their own. ``membership`` says whether this process may send at all.
        """
        self.gate: Final = Gate()
        self.pacer: Final = pacer
        self.turns: Final = turns or Turns({})
        self.clock: Final = clock
        self.membership: Final = membership
        #: Whether the last thing that the API said about our key was not a no.
        self.auth_ok = True
        self._address: Final = address
        self._failing_since: float | None = None
        self._doubt: Final = Doubt()
        self._metrics: Final = metrics
        self._log: Final = log
        self._on_open: Final = on_open

    async def permit(self, *, may_send: Callable[[], bool]) -> bool:
        """Wait for a call's turn; False where ``may_send`` turned false or silence began meanwhile."""
        if not may_send():
            return False
        seconds = self.pacer.reserve(self.clock())
        if seconds > 0:
            began = self.clock()
            await asyncio.sleep(seconds)
            self._metrics.throttled(self.clock() - began)
        return may_send() and not self.silence()

    def silence(self) -> float:
        """Return for how many seconds more the host asked for silence, 0 where it did not."""
        return self.pacer.silence(self.clock())

    def heard(self, verdict: Verdict, began: float) -> bool:
        """Take note of the verdict on a call that ``began`` then; return whether the gate is shut by it.

        An answer to a call from before the gate last shut or opened proves nothing about now.
        """
        now = self.clock()
        current = self.gate.trusts(began)
        match verdict:
            case Delivered() | NothingToRemove() | Refused():
                if current:
                    self._answered(now)
                return False
            case Hold(cause):
                if current:
                    self._shut(cause, now)
                return current
            case Again():
                self._silence(verdict, now)
                self._note_failure(verdict, now)
                if current and verdict.doubtful and self._doubt.doubtful(now):
                    self._shut(HoldCause.ADDRESS, now)
                    return True
                return False
            case _:
                assert_never(verdict)

    def _silence(self, verdict: Again, now: float) -> None:
        if verdict.retry_after is not None:
            self.pacer.stop(now, verdict.retry_after)
            self._log(Event.RATE_LIMITED, reason=verdict.reason, seconds=verdict.retry_after)

    def _note_failure(self, verdict: Again, now: float) -> None:
        if self._failing_since is None:
            self._failing_since = now
        seconds = now - self._failing_since
        if seconds >= _TELL_SECONDS:
            self._log(
                Event.WAITING,
                target="linkrunner",
                address=self._address,
                reason=verdict.reason,
                seconds=round(seconds),
            )

    def _answered(self, now: float) -> None:
        self._failing_since = None
        self._doubt.answered()
        self.auth_ok = True
        if self.gate.open(now) is not None:
            self._on_open()

    def _shut(self, cause: HoldCause, now: float) -> None:
        self.auth_ok = cause is not HoldCause.CREDENTIALS
        self.gate.shut_for(cause, now)
