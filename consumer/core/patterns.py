"""Regular expressions that can't be made to run long, whatever text they meet.

Python's matcher tries every way in which a pattern can take a text. How many *steps* that may be is counted
beforehand: a step holds one part of the pattern against the text once, and takes a few nanoseconds. A match
takes at most :data:`MAX_STEPS`: a pattern that could take more for a text of :data:`USUAL_TEXT` characters is
refused, and others have a longest text. All matches of one event share an :class:`Allowance`. Repeats of
repeats, whose ways grow exponentially, are refused, and so is what looks around or back.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate, islice, takewhile
from math import comb
from typing import Final

#: Texts that are longer are no match for any pattern: they are an error.
MAX_TEXT: Final = 256
#: Characters that every pattern takes: more than ids and references have.
USUAL_TEXT: Final = 64
MAX_PATTERN: Final = 500
#: Steps of one match, of 1 to 8 nanoseconds each: at most some 15 milliseconds.
MAX_STEPS: Final = 2_000_000
#: Steps of all matches of one event together: less than a tenth of a second.
MAX_EVENT_STEPS: Final = 8_000_000
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


_DEPTH: Final = {"open": 1, "close": -1}
#: Repeats of nothing at all.
_NEVER: Final = re.compile(r"\{(?:0*,)?0+\}[?+]?")
_BASIC_PLANE: Final = 0x10000
#: Escapes that stand for several characters.
_CLASSES: Final = frozenset({r"\d", r"\D", r"\w", r"\W", r"\s", r"\S"})


class BadPattern(ValueError):
    """A pattern that is not taken; the text says why."""


class Exhausted(Exception):
    """An event has met more patterns, with longer texts, than one may."""


class Allowance:
    """What the patterns of one event may still cost; :meth:`begin` before each event."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_EVENT_STEPS

    def begin(self) -> None:
        """Give the next event an allowance of its own."""
        self.left = MAX_EVENT_STEPS

    def spend(self, count: int) -> None:
        """Take ``count`` steps off; raise :class:`Exhausted` where they are not there."""
        if count > self.left:
            raise Exhausted
        self.left -= count


@dataclass(slots=True)
class _Part:
    """A part of a pattern: how often it stands there, and in how many ways it can be come to.

    Those are the ways in which ``loops`` repeats without a fixed count share a text out, times ``choices``.
    """

    weight: int
    loops: int
    choices: int


@dataclass(slots=True)
class _Group:
    """A group that is read. ``first`` is the number of its first part."""

    first: int = 0
    bars: int = 0
    varies: bool = False
    """Whether it can take one text in several ways."""


@dataclass(slots=True)
class _Costs:
    """The parts of a pattern that was read so far."""

    parts: list[_Part] = field(default_factory=list)
    loops: int = 0
    choices: int = 1
    open: list[_Group] = field(default_factory=lambda: [_Group()])

    def add(self, weight: int = 1) -> None:
        self.parts.append(_Part(weight, self.loops, self.choices))

    def steps(self) -> Callable[[int], int]:
        """Return what gives the steps for a text of so many characters."""
        by_loops = Counter[int]()
        for part in self.parts:
            by_loops[part.loops] += part.weight * part.choices
        return lambda length: sum(times * comb(length + loops, loops) for loops, times in by_loops.items())


def compile_pattern(pattern: str, *, text: int = USUAL_TEXT, most: int = MAX_STEPS) -> re.Pattern[str]:
    """Return ``pattern`` ready to match texts of ``text`` characters in ``most`` steps.

    Raises :class:`BadPattern` for one that could take more, or that is none.
    """
    if len(pattern) > MAX_PATTERN:
        raise BadPattern(f"is longer than {MAX_PATTERN} characters")
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        raise BadPattern("is no regular expression") from None
    if _costs(pattern).steps()(text) > most:
        raise BadPattern("can match in too many ways: use fewer of *, +, ? and |")
    return compiled


def steps(pattern: str) -> tuple[int, ...]:
    """Return the most steps that a match of ``pattern`` takes, by the number of characters of the text.

    It ends with the longest text that may be matched. Raises :class:`BadPattern` as
    :func:`compile_pattern` does.
    """
    compile_pattern(pattern)
    needed = map(_costs(pattern).steps(), range(MAX_TEXT + 1))
    return tuple(takewhile(lambda count: count <= MAX_STEPS, needed))


def takes_constants(pattern: str) -> bool:
    """Tell whether what ``pattern`` takes of a text can only be letters of its own, whatever the text holds.

    What it takes is its first group, else all of it, as a converter does.
    """
    tokens = list(_TOKEN.finditer(pattern))
    depths = list(accumulate(_DEPTH.get(token.lastgroup or "", 0) for token in tokens))
    captures = (at for at, token in enumerate(tokens) if token.lastgroup == "open" and token[0] != "(?:")
    if (begin := next(captures, None)) is not None:
        end = next(at for at in range(begin, len(tokens)) if depths[at] < depths[begin])
        tokens = tokens[begin + 1 : end]
    return not _differs(tokens)


def _differs(tokens: Iterable[re.Match[str]]) -> bool:
    """Tell whether two texts that these tokens take can differ by more than what the tokens choose from."""
    groups, last = [False], False  # by open group, and of the part that a repeat would repeat
    for token in tokens:
        if token.lastgroup == "repeat":
            last = last and not _NEVER.fullmatch(token[0])
            continue
        groups[-1] |= last
        match token.lastgroup:
            case "open":
                groups.append(False)
                last = False
            case "close":
                last = groups.pop()
            case "set":
                last = _is_choice(token[0])
            case _:
                last = token[0] == "." or token[0] in _CLASSES
    return groups[-1] or last


def _is_choice(characters: str) -> bool:
    """Tell whether a set takes anything but one single character, as ``[P]`` and ``[P-P]`` do."""
    takes = re.compile(characters).match
    taken = filter(takes, map(chr, range(_BASIC_PLANE)))
    return len(list(islice(taken, 2))) != 1


def _costs(pattern: str) -> _Costs:
    costs = _Costs()
    last: _Group | None = None  # what a repeat would repeat: the group that has just closed, or one part
    for token in _TOKEN.finditer(pattern):
        repeatable = _Group(first=len(costs.parts))
        match token.lastgroup:
            case "open":
                costs.open.append(_Group(first=len(costs.parts)))
            case "extension":
                raise BadPattern("looks around, back or by conditions, which takes no bounded time")
            case "escape" if token[0][1].isdigit():
                raise BadPattern("refers back to a group, which takes no bounded time")
            case "bar":
                costs.open[-1].bars += 1
            case "close" if len(costs.open) > 1:
                repeatable = costs.open.pop()
                _choose(costs, repeatable)
                costs.open[-1].varies |= repeatable.varies
            case "repeat" if last is not None:
                _repeat(costs, token[0], last)
            case "set":
                costs.add(1 + token[0].count("\\"))  # a class in a set is asked by itself
            case _:
                costs.add()
        last = repeatable
    _choose(costs, costs.open[0])
    costs.add()  # whether the text ends here
    return costs


def _choose(costs: _Costs, group: _Group) -> None:
    if group.bars:
        group.varies = True
        costs.choices *= group.bars + 1


def _repeat(costs: _Costs, repeat: str, repeated: _Group) -> None:
    counts = [int(count) for count in re.findall(r"\d+", repeat)]
    if any(count > _MAX_REPEATS for count in counts):
        raise BadPattern(f"repeats more than {_MAX_REPEATS} times")
    if repeat[0] == "?":
        costs.choices *= 2
    elif repeated.varies:
        raise BadPattern("repeats a group that itself repeats or chooses, which takes no bounded time")
    elif repeat[0] in "*+" or "," in repeat:
        costs.loops += 1
        for part in costs.parts[repeated.first :]:
            part.loops += 1
    else:
        for part in costs.parts[repeated.first :]:
            part.weight *= max(counts, default=1)
        return
    costs.open[-1].varies = True
