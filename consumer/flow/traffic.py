"""What about calls concerns more than one record: the gate, the pace, doubts about the address, and graces.

One object says whether a call may leave, hears every verdict, and by that opens or shuts the gate for all.
Calls wait here for their turn; no call leaves but by :meth:`Traffic.permit`.
"""

import asyncio
import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from consumer.core.api.gates import Doubt, Gate
from consumer.core.api.outliers import Outliers, Standing
from consumer.core.api.pacing import OUTAGE_SECONDS, Turns
from consumer.core.api.removals import Removals
from consumer.core.api.shares import Allotment
from consumer.core.api.turnstile import Turnstile
from consumer.core.api.verdicts import Again, Delivered, Hold, HoldCause, NothingToRemove, Refused, Verdict
from consumer.core.operations.logbook import Event, Log
from consumer.core.partitions.rota import Way
from consumer.core.records import Partition
from consumer.edges.metrics import Metrics
from consumer.flow.membership import Membership

#: Seconds between two looks at the pace while calls wait: at most, and at least. Of more than a thousand
#: calls a second some leave together: a timer for each would cost more than the calls.
_LOOK_SECONDS: Final = 0.5
_NAP_SECONDS: Final = 0.001


@dataclass(eq=False, slots=True)
class _Waiter:
    partition: Partition
    may_send: Callable[[], bool]
    turn: asyncio.Future[bool]
    since: float


class Traffic:
    """The way out, shared by all calls of this process."""

    def __init__(
        self,
        allotment: Allotment,
        metrics: Metrics,
        log: Log,
        on_open: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        membership: Membership,
        address: str = "",
        turns: Turns | None = None,
    ) -> None:
        """``on_open`` is called when waiting work may start, so that it starts at once.

        ``address`` names the API where it is told that nothing gets through. ``clock`` gives the seconds of a
        steady clock: the one by which gate, pace and pipeline measure. ``turns`` knows the topics whose
        records start at a rate of their own. ``membership`` says whether this process may send at all.
        """
        self.gate: Final = Gate()
        self.allotment: Final = allotment
        self.pacer: Final = allotment.pacer()
        self.turns: Final = turns or Turns({})
        self.clock: Final = clock
        self.membership: Final = membership
        #: The removes in their grace; where nobody gives others, none has one.
        self.removals = Removals()
        self.on_recovery: Callable[[], None] = _nothing
        #: Hears for how many seconds a late try silences all calls.
        self.on_late_silence: Callable[[float], None] = _nothing
        self._waiting: Final[Turnstile[_Waiter]] = Turnstile()
        self._timer: asyncio.TimerHandle | None = None
        self._share = self.allotment.share(clock())
        #: Whether the last thing that the API said about our key was not a no.
        self.auth_ok = True
        self._address: Final = address
        self._doubt: Final = Doubt()
        self._outliers: Final = Outliers()
        self._metrics: Final = metrics
        self._log: Final = log
        self._on_open: Final = on_open

    async def permit(self, partition: Partition, *, may_send: Callable[[], bool]) -> bool:
        """Wait for the turn of a call; False where ``may_send`` turned false or silence began meanwhile.

        Partitions take turns.
        """
        now = self.clock()
        if not may_send() or self.pacer.silence(now):
            return False
        if not self._waiting and self.pacer.take(now):
            return True
        waiter = _Waiter(partition, may_send, asyncio.get_running_loop().create_future(), now)
        self._waiting.join(partition, waiter)
        self.pacer.wanted(now, wanted=True)
        if self._timer is None:
            self._let_go()
        try:
            allowed = await waiter.turn
        except asyncio.CancelledError:
            self._waiting.leave(partition, waiter)
            raise
        return allowed and may_send() and not self.silence()

    def come_back(self) -> None:
        """Let calls come back step by step: all were stopped for a reason that is not the API's."""
        self.pacer.come_back(self.clock())

    def way(self) -> Way:
        """Return what there is for calls now."""
        now = self.clock()
        free_in = None if self._waiting else self.pacer.due(now)
        return Way(self.pacer.pace(now).per_second, free_in, self.pacer.others_succeed)

    def holds(self, partitions: Collection[Partition]) -> None:
        """Take note of the partitions that are ours; those that are being handed over are not."""
        if self.allotment.shares is not None:
            self.allotment.shares.holds(partitions)
            self._share_out()

    def counted(self, topics: Collection[str], counts: Mapping[str, int]) -> bool:
        """Take note of how many partitions the topics have; return whether that is all there is to know."""
        if self.allotment.shares is None:
            return True
        self.allotment.shares.counted(topics, counts, self.clock())
        self._share_out()
        return self.allotment.shares.known

    def silence(self) -> float:
        """Return for how many seconds more the host asked for silence, 0 where it did not."""
        return self.pacer.silence(self.clock())

    def stands(self, standing: Standing | None, began: float) -> Standing | None:
        """Return how a record stands whose call that ``began`` then had an answer that stops all calls.

        ``standing`` is what was known of it before. Asked before :meth:`heard`.
        """
        return self._outliers.held(standing, self.clock()) if self.gate.trusts(began) else standing

    def heard(self, verdict: Verdict, began: float, *, late: bool = False) -> bool:
        """Take note of the verdict on a call that ``began`` then; return whether the gate is shut by it.

        An answer to a call from before the gate last shut or opened proves nothing about now. ``late``: its
        record had failed often before.
        """
        now = self.clock()
        current = self.gate.trusts(began)
        match verdict:
            case Delivered() | NothingToRemove() | Refused():
                if current:
                    self._answered(now, began, late=late)
                return False
            case Hold(cause, wait):
                self.removals.answering.failed()
                if current:
                    self._shut(cause, now)
                if wait is not None:
                    self._fall_silent(wait, cause.value, now, all_of_us=True)
                return current
            case Again():
                self.removals.answering.failed()
                self._slow_down(verdict, now, began, late=late)
                self._note_failure(verdict, now, began)
                if current and verdict.doubtful and self._doubt.doubtful(now):
                    self._shut(HoldCause.ADDRESS, now)
                    return True
                return False
            case _:
                assert_never(verdict)

    def _slow_down(self, verdict: Again, now: float, began: float, *, late: bool) -> None:
        if not verdict.limited and verdict.retry_after is None:
            return
        all_of_us = self.pacer.concerns_all(late=late)
        if verdict.limited and all_of_us and self.pacer.limited(now, began):
            self._log(Event.RATE_CUT, reason=verdict.reason, per_second=self._per_second())
        if verdict.retry_after is not None:
            self._fall_silent(verdict.retry_after, verdict.reason, now, all_of_us=all_of_us)

    def _fall_silent(self, seconds: float, reason: str, now: float, *, all_of_us: bool) -> None:
        # The dice spread pods that were silenced together; no secret depends on them.
        added = self.pacer.stop(now, seconds, random.random(), rise=all_of_us)  # noqa: S311
        self._log(Event.RATE_LIMITED, reason=reason, seconds=seconds)
        if not all_of_us:
            self.on_late_silence(added)
        # Nothing passes the pacer meanwhile: a probe could only find that out again and again.
        self.gate.postpone(now + self.pacer.silence(now))
        self._turn_away_all(unless=lambda _: False)

    def _note_failure(self, verdict: Again, now: float, began: float) -> None:
        seconds = self.pacer.failed(now, began)
        if seconds >= OUTAGE_SECONDS:
            self._log(
                Event.WAITING,
                target="linkrunner",
                address=self._address,
                reason=verdict.reason,
                seconds=round(seconds),
            )

    def _answered(self, now: float, began: float, *, late: bool) -> None:
        self._outliers.answered(began)
        self.removals.answering.answered(now)
        self._doubt.answered()
        self.auth_ok = True
        opened = self.gate.open(now) is not None
        if self.pacer.succeeded(now, late=late):
            self.on_recovery()
            self._let_go()
        if opened:
            self._on_open()

    def _shut(self, cause: HoldCause, now: float) -> None:
        self.auth_ok = cause is not HoldCause.CREDENTIALS
        self.gate.shut_for(cause, now)
        self.pacer.hold(now)
        self._turn_away_all(unless=lambda waiter: waiter.may_send())

    # --- turns ---

    def _let_go(self) -> None:
        """Let those go whose turn it is, and see to it that this goes on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, pacer, now = self._waiting, self.pacer, self.clock()
        waited = 0.0
        while waiting and (seconds := pacer.due(now)) <= 0:
            waiter = waiting.next()
            if waiter.turn.done():
                continue
            may_send = waiter.may_send()
            waiter.turn.set_result(may_send)
            waited += now - waiter.since
            if may_send:
                pacer.left(now)
        if waiting:
            nap = max(_NAP_SECONDS, min(seconds, _LOOK_SECONDS))
            self._timer = asyncio.get_running_loop().call_later(nap, self._let_go)
        else:
            pacer.wanted(now, wanted=False)
        self._metrics.throttled(waited)

    def _turn_away(self, waiter: _Waiter) -> None:
        self._waiting.leave(waiter.partition, waiter)
        if not waiter.turn.done():
            waiter.turn.set_result(False)
            self._metrics.throttled(self.clock() - waiter.since)

    def _turn_away_all(self, *, unless: Callable[[_Waiter], bool]) -> None:
        """Let nobody wait in a place that work without a call could use."""
        for waiter in [each for each in self._waiting if not unless(each)]:
            self._turn_away(waiter)

    def _share_out(self) -> None:
        now = self.clock()
        share = self.allotment.share(now)
        if share == self._share:
            return
        self._share = share
        self.pacer.limit(now, share * self.allotment.per_second)
        self._log(Event.RATE_SHARED, share=round(share, 4), per_second=self._per_second())
        self._let_go()
        self._on_open()

    def _per_second(self) -> float:
        pace = self.pacer.pace(self.clock())
        return round(pace.limit * pace.cut, 3)


def _nothing(*_: object) -> None:
    """Do nothing."""
