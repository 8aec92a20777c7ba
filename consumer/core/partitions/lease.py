"""The lease: for how long this process may send without having proven again that it is in its group.

A process that was frozen, or cut off from the brokers, is the last to learn that others have its partitions.
So it does not wait to be told. Each proof of membership is good for some seconds, fewer than the brokers
give a silent member, and behind them nothing is sent. A proof counts from when it was *asked for*: that is
before the broker answered, and it counts from its answer.

Only a confirmed commit is a proof. The coordinator takes one from a member of the present generation and
from nobody else, and with the classic protocol it then counts the session anew (apache/kafka:
``validateOffsetCommit`` of ``OffsetMetadataManager``, ``ClassicGroup`` and ``ConsumerGroup``). These are no
proof, and the lease simply runs on:

- no answer;
- a refusal, whatever its reason: ``REBALANCE_IN_PROGRESS`` and ``ILLEGAL_GENERATION`` come from a coordinator
  that still knows the member, but they prolong no session, so nothing can be counted from them;
- an assignment: it may have waited in the client's queue while the process was frozen;
- the client's statistics and its silence: both look the same in a member that was thrown out.

Time is passed in: seconds of a steady clock that also counts while the machine is suspended.
"""

from dataclasses import dataclass
from typing import Final

#: The lease is at most this share of the session.
MOST: Final = 0.6
#: And at least this, however long a call may take.
LEAST: Final = 1 / 3

#: A proof is renewed when this share of the lease is over: two attempts more may fail.
RENEW: Final = 1 / 3

#: Seconds between two attempts to prove it, where there is no valid proof.
ATTEMPT_SECONDS: Final = 0.5

#: Seconds that the first proof of an assignment may take before it is told that it is missing.
FIRST_PROOF_SECONDS: Final = 2.0


def lease_seconds(session: float, call: float) -> float:
    """Return how long a proof is good for.

    ``session`` are the seconds after which the group gives away the partitions of a silent member, ``call``
    those that a call may take at most. A call that leaves at the very end of the lease should be over when
    the successor's first one begins; see :func:`calls_outlast`.
    """
    return max(LEAST * session, min(MOST * session, session - call))


def calls_outlast(session: float, call: float) -> bool:
    """Tell whether a call that leaves within the lease can last into the time of the successor."""
    return shortest_session(call) > session


def shortest_session(call: float) -> float:
    """Return the seconds that a session has to last so that no call outlasts it."""
    return 1.5 * call  # 1 / (1 - LEAST), without a remainder


@dataclass(slots=True)
class Lease:
    """One process's lease of ``seconds``. It begins without a proof, and so without a right to send."""

    seconds: float
    _proven: float | None = None
    _asked: float | None = None
    _missing_since: float = 0.0
    _ended: float = float("-inf")

    def begin(self, now: float) -> None:
        """Note that partitions came to a process that had none: now it needs a proof."""
        if not self.holds(now):
            self._asked = None
            self._missing_since = now + FIRST_PROOF_SECONDS

    def asked(self, now: float) -> None:
        """Note that a proof is being asked for."""
        self._asked = now

    def proven(self, asked_at: float) -> None:
        """Note that what was asked for then was confirmed.

        It changes nothing where it is older than the last proof, or of a membership that is over.
        """
        if asked_at > self._ended and (self._proven is None or asked_at > self._proven):
            self._proven = asked_at
            self._missing_since = asked_at + self.seconds

    def over(self, now: float) -> None:
        """Note that the membership has ended: what was asked for until now proves nothing of the next one."""
        self._proven = None
        self._ended = now

    def holds(self, now: float) -> bool:
        """Tell whether something may be sent."""
        return self.remaining(now) > 0

    def missing(self, now: float) -> bool:
        """Tell whether a proof is missed: the last one has run out, or the first one takes too long."""
        return not self.holds(now) and now >= self._missing_since

    def remaining(self, now: float) -> float:
        """Return for how many seconds more something may be sent, 0 where nothing may."""
        return 0.0 if self._proven is None else max(0.0, self._proven + self.seconds - now)

    def age(self, now: float) -> float | None:
        """Return how many seconds ago the last proof was asked for; None: there is none."""
        return None if self._proven is None else now - self._proven

    def due(self, now: float) -> float:
        """Return the seconds until a proof should be asked for, 0 where that is now."""
        soonest = now if self._asked is None else self._asked + self._pause()
        wanted = now if self._proven is None else self._proven + RENEW * self.seconds
        return max(0.0, soonest - now, wanted - now)

    def _pause(self) -> float:
        """Return the seconds between two attempts: a short lease is not left to a single one."""
        return min(ATTEMPT_SECONDS, RENEW * self.seconds)
