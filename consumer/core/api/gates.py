"""Gates: what is stopped on purpose, and how one real try at a time finds out that it may go on.

A gate is shut by a fault that is ours and not the record's. While it is shut, one probe at a time passes, no
sooner than ``pace`` seconds after the last; the probe is real work. Its result opens the gate or leaves it
shut. What began before the gate last changed says nothing about now: an old key's late "no" must not shut
what the new key has opened, nor an old success open it. Time is passed in (seconds of a steady clock).
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from consumer.core.api.verdicts import HoldCause

#: Seconds between two probes: full flow is to be back within 5 s of the cure.
PROBE_PACE: Final = 2.0

#: Seconds of nothing but doubtful answers (HTML, unknown success codes) until the address counts as wrong.
DOUBT_LIMIT: Final = 60.0


class Pass(Enum):
    """What a gate says to somebody who wants to pass."""

    FREE = auto()
    PROBE = auto()
    SHUT = auto()


@dataclass(slots=True)
class Gate:
    """One gate. ``cause`` is None while it is open; ``since`` is when it last shut or opened."""

    pace: float = PROBE_PACE
    cause: HoldCause | None = None
    since: float = 0.0
    _probing: bool = False
    _next_probe: float = 0.0
    _not_before: float = 0.0

    @property
    def shut(self) -> bool:
        """Whether only probes pass."""
        return self.cause is not None

    def shut_for(self, cause: HoldCause, now: float) -> bool:
        """Shut the gate, or note a new cause; return whether that is news."""
        if self.cause is cause:
            return False
        if self.cause is None:
            self.since = now
            self._next_probe = now + self.pace
        self.cause = cause
        return True

    def trusts(self, began: float) -> bool:
        """Tell whether a result of what ``began`` then says anything about now."""
        return began >= self.since

    def open(self, now: float) -> HoldCause | None:
        """Open the gate; return the cause that is gone, or None where it was open."""
        gone, self.cause = self.cause, None
        if gone is not None:
            self.since = now
        self._probing = False
        return gone

    def ask(self, now: float) -> Pass:
        """Say whether somebody may pass now. A probe must end with :meth:`probe_ended`."""
        if self.cause is None:
            return Pass.FREE
        if self._probing or now < max(self._next_probe, self._not_before):
            return Pass.SHUT
        self._probing = True
        return Pass.PROBE

    def probe_ended(self, now: float, *, tried: bool) -> None:
        """Note the end of a probe that did not open the gate; one that tried nothing is followed at once."""
        self._probing = False
        self._next_probe = now + self.pace if tried else now

    def postpone(self, until: float) -> None:
        """Let no probe pass before then, however often the gate opens and shuts meanwhile."""
        self._not_before = max(self._not_before, until)

    def next_probe(self) -> float | None:
        """Return when the next probe is due; None while the gate is open or a probe is on its way."""
        if self.cause is None or self._probing:
            return None
        return max(self._next_probe, self._not_before)


@dataclass(slots=True)
class Doubt:
    """How long nothing but doubtful answers came."""

    _since: float | None = None

    def answered(self) -> None:
        """Note an answer that only the API itself gives."""
        self._since = None

    def doubtful(self, now: float) -> bool:
        """Note a doubtful answer; return whether the address is to be held to be wrong."""
        if self._since is None:
            self._since = now
        return now - self._since > DOUBT_LIMIT
