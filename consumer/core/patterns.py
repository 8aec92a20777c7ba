"""Regular expressions that can't be made to run long, whatever text they meet.

Python's matcher tries every way in which a pattern can take a text. How many there are is bounded before it
starts: a text has at most :data:`MAX_TEXT` characters, and a pattern may repeat, choose and leave out only so
often that a match takes at most :data:`MAX_WAYS` steps. Repeats of repeats, whose ways grow exponentially,
are refused, and so is what looks around or back.
"""

import re
from dataclasses import dataclass, field
from math import comb
from typing import Final

#: Texts that are longer are no match for any pattern: they are an error.
MAX_TEXT: Final = 256
MAX_PATTERN: Final = 500
#: Steps of a few nanoseconds each.
MAX_WAYS: Final = 5_000_000
_MAX_REPEATS: Final = 256

_TOKEN: Final = re.compile(
    r"""(?P<escape>\\.)
      | (?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])
      | (?P<extension>\(\?(?!:|P<))
      | (?P<open>\((?:\?(?::|P<\w+>))?)
      | (?P<close>\))
      | (?P<bar>\|)
      | (?P<repeat>(?:[*+?]|\{\d*(?:,\d*)?\})[?+]?)
      | (?P<plain>.)""",
    re.VERBOSE | re.DOTALL,
)


class BadPattern(ValueError):
    """A pattern that is not taken; the text says why."""


@dataclass(slots=True)
class _Group:
    bars: int = 0
    varies: bool = False
    """Whether it can take one text in several ways."""


@dataclass(slots=True)
class _Cost:
    """How many ways there are: ``loops`` repeats without a fixed count, times ``choices``."""

    loops: int = 0
    choices: int = 1
    open: list[_Group] = field(default_factory=lambda: [_Group()])

    def ways(self) -> int:
        return comb(MAX_TEXT + self.loops, self.loops) * self.choices


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return ``pattern`` ready to match whole texts. Raises :class:`BadPattern`."""
    if len(pattern) > MAX_PATTERN:
        raise BadPattern(f"is longer than {MAX_PATTERN} characters")
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        raise BadPattern("is no regular expression") from None
    if _cost(pattern).ways() > MAX_WAYS:
        raise BadPattern("can match in too many ways: use fewer of *, +, ? and |")
    return compiled


def _cost(pattern: str) -> _Cost:
    cost = _Cost()
    last: _Group | None = None  # the group that has just closed: what a repeat would repeat
    for token in _TOKEN.finditer(pattern):
        closed = None
        match token.lastgroup:
            case "open":
                cost.open.append(_Group())
            case "extension":
                raise BadPattern("looks around, back or by conditions, which takes no bounded time")
            case "escape" if token[0][1].isdigit():
                raise BadPattern("refers back to a group, which takes no bounded time")
            case "bar":
                cost.open[-1].bars += 1
            case "close" if len(cost.open) > 1:
                closed = cost.open.pop()
                _choose(cost, closed)
                cost.open[-1].varies |= closed.varies
            case "repeat":
                _repeat(cost, token[0], last)
            case _:
                pass
        last = closed
    _choose(cost, cost.open[0])
    return cost


def _choose(cost: _Cost, group: _Group) -> None:
    if group.bars:
        group.varies = True
        cost.choices *= group.bars + 1


def _repeat(cost: _Cost, repeat: str, repeated: _Group | None) -> None:
    counts = [int(count) for count in re.findall(r"\d+", repeat)]
    if any(count > _MAX_REPEATS for count in counts):
        raise BadPattern(f"repeats more than {_MAX_REPEATS} times")
    if repeat[0] == "?":
        cost.choices *= 2
    elif repeated is not None and repeated.varies:
        raise BadPattern("repeats a group that itself repeats or chooses, which takes no bounded time")
    elif repeat[0] in "*+" or "," in repeat:
        cost.loops += 1
    else:
        return
    cost.open[-1].varies = True
