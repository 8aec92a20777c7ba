"""As much of PromQL as is needed to shorten its durations and to tell what an expression asks for.

Not a parser: expressions are read as tokens, which is enough because names, labels, ranges and brackets are
told apart by their neighbours. Whether an expression is valid is for ``promtool`` to say.
Source of the grammar: https://prometheus.io/docs/prometheus/latest/querying/basics/.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

#: Milliseconds of each unit of a duration.
_UNITS: Final = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}

_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<duration>(?:\d+(?:ms|[smhdwy]))+(?!\w))
  | (?P<number>\d+(?:\.\d+)?)
  | (?P<variable>\$\w+|\$\{\w+\})
  | (?P<name>[A-Za-z_][\w:]*)
  | (?P<mark>=~|!~|!=|==|>=|<=|.)
    """,
    re.VERBOSE,
)

#: Before a list of labels in brackets.
_GROUPING: Final = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
#: Names that are no metric.
_WORDS: Final = _GROUPING | {"and", "or", "unless", "bool", "offset", "inf", "nan"}


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition of a selector. ``operator`` is ``=``, ``!=``, ``=~`` or ``!~``; ``value`` has no quotes."""

    label: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric in an expression, with its conditions.

    ``variables`` are those in place of conditions (``$selector``), ``window`` is the text of its range, and
    ``function`` the name of what it is the argument of; both are empty where there is none.
    """

    metric: str
    matchers: tuple[Matcher, ...] = ()
    variables: tuple[str, ...] = ()
    window: str = ""
    function: str = ""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def seconds(duration: str) -> float:
    """Return the seconds of a duration such as ``5m`` or ``1h30m``. Raises ValueError for anything else."""
    if not re.fullmatch(r"(?:\d+(?:ms|[smhdwy]))+", duration):
        raise ValueError(f"{duration!r} is no duration of PromQL")
    parts = re.findall(r"(\d+)(ms|[smhdwy])", duration)
    return sum(int(count) * _UNITS[unit] for count, unit in parts) / 1000


def shortened(duration: str, scale: float) -> str:
    """Return ``duration`` times ``scale``, to the millisecond; 1 leaves it as it is written."""
    return duration if scale == 1 else f"{round(seconds(duration) * scale * 1000)}ms"


def scaled(expression: str, scale: float) -> str:
    """Return ``expression`` with every range and offset in it times ``scale``."""
    return "".join(
        shortened(token.text, scale) if token.kind == "duration" else token.text
        for token in _tokens(expression)
    )


def grouping_labels(expression: str) -> frozenset[str]:
    """Return the labels that ``expression`` groups or joins by."""
    tokens = _words(expression)
    found: set[str] = set()
    for place, token in enumerate(tokens):
        if token.kind == "name" and token.text in _GROUPING and _text(tokens, place + 1) == "(":
            end = _closing(tokens, place + 1, ")")
            found.update(inner.text for inner in tokens[place + 2 : end] if inner.kind == "name")
    return frozenset(found)


def selectors(expression: str) -> tuple[Selector, ...]:
    """Return every metric that ``expression`` reads, in the order it names them."""
    return tuple(_selectors(_words(expression)))


def _selectors(tokens: list[_Token]) -> Iterator[Selector]:
    calls: list[str] = []
    place = 0
    while place < len(tokens):
        token, following = tokens[place], _text(tokens, place + 1)
        if token.kind == "name" and token.text in _GROUPING and following == "(":
            place = _closing(tokens, place + 1, ")") + 1
            continue
        if token.text == "(":
            before = tokens[place - 1] if place else None
            calls.append(before.text if before and before.kind == "name" else "")
        elif token.text == ")":
            calls.pop()
        elif token.kind == "name" and following not in {"(", "by", "without"} and token.text not in _WORDS:
            found, place = _selector(tokens, place, calls[-1] if calls else "")
            yield found
            continue
        place += 1


def _selector(tokens: list[_Token], place: int, function: str) -> tuple[Selector, int]:
    """Return the selector that begins at ``place``, and where the next token is."""
    metric = tokens[place].text
    place += 1
    inside: list[_Token] = []
    if _text(tokens, place) == "{":
        end = _closing(tokens, place, "}")
        inside = tokens[place + 1 : end]
        place = end + 1
    window = ""
    if _text(tokens, place) == "[":
        end = _closing(tokens, place, "]")
        window = "".join(token.text for token in tokens[place + 1 : end])
        place = end + 1
    matchers = tuple(
        Matcher(token.text, inside[at + 1].text, inside[at + 2].text[1:-1])
        for at, token in enumerate(inside)
        if token.kind == "name"
    )
    variables = tuple(token.text for token in inside if token.kind == "variable")
    return Selector(metric, matchers, variables, window, function), place


def _tokens(expression: str) -> Iterator[_Token]:
    for found in _TOKEN.finditer(expression):
        yield _Token(found.lastgroup or "", found.group())


def _words(expression: str) -> list[_Token]:
    return [token for token in _tokens(expression) if token.kind != "space"]


def _text(tokens: list[_Token], place: int) -> str:
    return tokens[place].text if place < len(tokens) else ""


def _closing(tokens: list[_Token], place: int, bracket: str) -> int:
    """Return where the bracket that opens at ``place`` is closed. Raises ValueError where it is not."""
    for at in range(place, len(tokens)):
        if tokens[at].text == bracket:
            return at
    raise ValueError(f"a bracket is not closed with {bracket}")
