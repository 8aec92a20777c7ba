"""What the API simulator does wrong, and when: a script of faults, decided without I/O.

A script is a list of rules (written as in ``docs/simulator.md``); the first rule that takes a call decides
it. Nothing here knows a clock or a random source: the caller passes the seconds since the script began and
keeps the counters, and a share is drawn from the seed and the counter. So one seed gives one story.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_DRAW_BYTES: Final = 8


class Kind(StrEnum):
    """What goes wrong. The last three tell the truth, only badly: see :attr:`Rule.truthful`."""

    STATUS = "status"
    HANG = "hang"
    RESET = "reset"
    GARBAGE = "garbage"
    TRUNCATED_BODY = "truncated-body"
    ENDLESS_HEADERS = "endless-headers"
    ENDLESS_BODY = "endless-body"
    REDIRECT = "redirect"
    DELAY = "delay"
    SLOW_BODY = "slow-body"
    WRONG_LENGTH = "wrong-length"


#: Kinds that handle the call as ever and only answer badly.
TRUTHFUL: Final = frozenset({Kind.DELAY, Kind.SLOW_BODY, Kind.WRONG_LENGTH})


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a script may know of a call: its action (``capture`` or ``remove``) and its payment id, if any."""

    action: str
    payment_id: str | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault and the calls that it meets. Times are in seconds; ``start`` counts from the script's begin.

    ``seconds`` is how late (``delay``) or how long (``slow-body``) the answer is. ``applied`` lets the API do
    what was asked before it fails, so that the caller can't know the outcome. ``share`` is 0..1.
    """

    kind: Kind
    status: int = 201
    seconds: float = 0.0
    retry_after: str | None = None
    body: str | None = None
    html: bool = False
    applied: bool = False
    first: int | None = None
    after: int = 0
    share: float = 1.0
    payments: frozenset[str] = frozenset()
    action: str | None = None
    start: float = 0.0
    length: float | None = None

    @property
    def name(self) -> str:
        """How the request log calls it: the kind, or the status that is answered."""
        if self.kind is Kind.STATUS:
            return f"{self.status}-html" if self.html else str(self.status)
        return self.kind.value

    @property
    def truthful(self) -> bool:
        """Whether the call is handled as ever and only its answer comes late, slowly or wrongly measured."""
        return self.kind in TRUTHFUL

    def meets(self, call: Sighting, elapsed: float) -> bool:
        """Tell whether action, payment and time of the call are the rule's; count and share come after."""
        ended = self.length is not None and elapsed >= self.start + self.length
        return (
            self.action in (None, call.action)
            and (not self.payments or call.payment_id in self.payments)
            and elapsed >= self.start
            and not ended
        )


@dataclass(frozen=True, slots=True)
class Script:
    """Rules in order, and the seed of their shares."""

    rules: tuple[Rule, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """The rule that decides a call (None: nothing goes wrong), and the counters for the next call."""

    rule: Rule | None
    counts: tuple[int, ...]


def decide(script: Script, counts: tuple[int, ...], call: Sighting, elapsed: float) -> Decision:
    """Return the first rule that takes ``call``.

    ``counts`` has, per rule, how many calls it has met so far; ``()`` begins. A rule counts only calls that
    no earlier rule took. ``elapsed`` is in seconds since the script began.
    """
    counted = list(counts) or [0] * len(script.rules)
    for index, rule in enumerate(script.rules):
        if not rule.meets(call, elapsed):
            continue
        met = counted[index]
        counted[index] += 1
        within = met >= rule.after and (rule.first is None or met < rule.after + rule.first)
        if within and _draw(script.seed, index, met) < rule.share:
            return Decision(rule, tuple(counted))
    return Decision(None, tuple(counted))


def _draw(seed: int, rule: int, met: int) -> float:
    """Return a number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.blake2b(f"{seed}:{rule}:{met}".encode(), digest_size=_DRAW_BYTES).digest()
    return int.from_bytes(digest, "big") / (1 << (8 * _DRAW_BYTES))
