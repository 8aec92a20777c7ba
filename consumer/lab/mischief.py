"""How the API fails during ``demo --faults``: in every way that the design knows an answer to."""

from collections.abc import Sequence
from typing import Final

from consumer.lab.fault_grammar import parse
from consumer.lab.faults import Script

#: Each is met twice. ``applied`` ones did what was asked: the second try must not count it again. Two kinds
#: carry ``applied`` always: their status line says 201, so a client may believe them at once.
_ROUND: Final = (
    "429 retry-after=1",
    "500",
    "reset",
    "503 retry-after=1",
    "hang",
    "502 html",
    "reset applied",
    "garbage",
    "408",
    "delay=1500ms",
    "200 html",
    "403",
    "truncated-body applied",
    "204",
    "429",
    "endless-headers applied",
    "404",
    "hang applied",
    "slow-body=1500ms",
    "endless-body applied",
    "504",
    "garbage applied",
    "redirect",
    "wrong-length",
    "425",
)
_TIMES_EACH: Final = 2
#: Statuses that refuse a payment for good, one payment each.
REFUSALS: Final = (400, 422)


def mischief(calls: int, refused: Sequence[str]) -> Script:
    """Return a script that spreads every fault evenly over ``calls`` calls.

    ``refused`` are the payment ids that meet :data:`REFUSALS`, one each, for ever.
    """
    forever = [f"{status} payment={payment}" for status, payment in zip(REFUSALS, refused, strict=True)]
    spread = []
    for number, fault in enumerate(_ROUND):
        place = calls * (number + 1) // (len(_ROUND) + 1)
        # Calls that an earlier rule took never reach this one.
        after = max(0, place - number * _TIMES_EACH - len(forever))
        spread.append(f"{fault} after={after} first={_TIMES_EACH}")
    return parse("; ".join((*forever, *spread)))


def unmet(script: Script, met: dict[str, int]) -> tuple[str, ...]:
    """Return the names of the faults in ``script`` that no call has met."""
    return tuple(sorted({rule.name for rule in script.rules} - met.keys()))
