"""Patterns that could run long are refused; what the others can cost is known beforehand, in steps.

Steps are counted, not timed: :class:`Backtracking` tries the ways that Python's matcher tries, one by one.
"""

import re
from collections.abc import Iterator, Sequence
from re import _constants as what  # type: ignore[attr-defined]  # the tree that Python's matcher runs
from re import _parser  # type: ignore[attr-defined]  # the same
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.core.patterns import (
    MAX_EVENT_STEPS,
    MAX_STEPS,
    MAX_TEXT,
    USUAL_TEXT,
    Allowance,
    BadPattern,
    Exhausted,
    compile_pattern,
    steps,
    takes_constants,
)

TAKEN = [
    r"ord-[0-9]+",
    r"CRD-\d{4}",
    r"(a|b|c)-(\w+)",
    r"^refunds\..*",
    r".*\.(eu|us)\.payments",
    r"[a-z]+@[a-z]+\.com",
    r"a?b?c?",
    r"(?:abc)+",
    r"(?P<id>\d+)",
    r"\(x\)",
    r"[(]a+[)]",
    "PAID|CAPTURED|SETTLED",
]

REFUSED = [
    r"(a+)+",
    r"(a|a)*",
    r"(a?)+",
    r"((ab)*c)*",
    r"(a|b){20}",
    r"(?=a)b",
    r"(?<!a)b",
    r"(a)\1",
    r"(?P<x>a)(?P=x)",
    r".*.*.*.*x",
    r"a?" * 30,
    r"(a|a)" * 30,
    r"x{1,1000}",
    "(",
    "[",
    "*",
    "a" * 501,
    r"(?i)a",
    r"(\d+){2,}",
    r"(x(y*))*",
    r"(a{1,5}){1,5}",
]


@pytest.mark.parametrize("pattern", TAKEN)
def test_what_people_write_is_taken(pattern: str) -> None:
    """Ordinary patterns for ids and topics are not refused."""
    compile_pattern(pattern)


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_could_run_long_is_refused(pattern: str) -> None:
    """Exponential patterns never meet a text."""
    with pytest.raises(BadPattern):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", TAKEN)
def test_usual_texts_are_taken_by_every_pattern(pattern: str) -> None:
    """A pattern that is taken has a longest text, which is longer than ids are."""
    counted = steps(pattern)
    assert USUAL_TEXT < len(counted) <= MAX_TEXT + 1
    assert list(counted) == sorted(counted)
    assert counted[-1] <= MAX_STEPS


def test_more_repeats_take_shorter_texts() -> None:
    """Two take any text, three up to some hundred characters, four are refused."""
    longest = [len(steps(".*" * repeats + "x")) - 1 for repeats in (1, 2, 3)]
    assert longest == [256, 256, 156]
    with pytest.raises(BadPattern):
        compile_pattern(".*.*.*.*x")


def test_what_one_event_may_cost_is_bounded() -> None:
    """Each event has an allowance of its own; what does not fit into it is not matched at all."""
    allowance = Allowance()
    for _ in range(2):
        for _ in range(MAX_EVENT_STEPS // MAX_STEPS):
            allowance.spend(MAX_STEPS)
        with pytest.raises(Exhausted):
            allowance.spend(1)
        allowance.begin()


@pytest.mark.parametrize(
    ("pattern", "same"),
    [
        ("ord", True),
        (r"o\.rd", True),
        (r"\[a\]", True),
        ("(ord)-[0-9]+", True),
        ("(?P<x>ord)-.*", True),
        ("(?:[0-9]+)(ord)", True),
        ("(ord|sub)-.*", True),
        ("a+", True),
        ("ord-[0-9]+", False),
        (r"ord-\d", False),
        (".", False),
        ("(.*)-ord", False),
        ("((ord)-[0-9])", False),
        ("([a-z])", False),
        (r"(\w)", False),
        (r"\Aord\b", True),
        ("([P])ay.*", True),
        (r"([\.][]])ay.*", True),
        ("([P-P]+)ay.*", True),
        (r"([P\x50])ay.*", True),
        ("((?:.{0})P).*", True),
        (r"(\D{0}PAID).*", True),
        ("([a-z]{0,0}x.{,0}?).*", True),
        ("((?:a[0-9]{0}|b)+).*", True),
        ("((?:a[0-9]|b){0}c).*", True),
        ("([PQ])ay.*", False),
        ("([^P])ay.*", False),
        ("(.{0,}P).*", False),
        ("(.{10}P).*", False),
        ("(a(?:b.)?x{0}).*", False),
        ("([0-9](?:b{0}))", False),
    ],
)
def test_what_takes_nothing_of_a_text_but_letters_of_its_own_is_known(pattern: str, same: bool) -> None:
    """Of the first group, else of all of it."""
    assert takes_constants(pattern) is same


class Backtracking:
    """Matches by trying every way in turn, as Python's matcher does, and counts the steps."""

    def __init__(self, pattern: str, text: str) -> None:
        self._tree: Final = tuple(_parser.parse(pattern))
        self._text: Final = text
        self.steps = 0

    def matches(self) -> bool:
        """Tell whether the whole text matches."""
        for end in self._sequence(self._tree, 0):
            self.steps += 1
            if end == len(self._text):
                return True
        return False

    def _sequence(self, parts: Sequence[tuple[object, object]], at: int) -> Iterator[int]:
        if not parts:
            yield at
            return
        for reached in self._part(parts[0], at):
            yield from self._sequence(parts[1:], reached)

    def _part(self, part: tuple[object, object], at: int) -> Iterator[int]:
        kind, content = part
        if kind is what.SUBPATTERN:
            assert isinstance(content, tuple)
            yield from self._sequence(tuple(content[3]), at)
        elif kind is what.BRANCH:
            assert isinstance(content, tuple)
            for option in content[1]:
                yield from self._sequence(tuple(option), at)
        elif kind in {what.MAX_REPEAT, what.MIN_REPEAT}:
            assert isinstance(content, tuple)
            least, most, inner = content
            yield from self._repeat(tuple(inner), at, int(least), int(most), lazy=kind is what.MIN_REPEAT)
        else:
            self.steps += 1
            if at < len(self._text) and re.fullmatch(_one(kind, content), self._text[at]):
                yield at + 1

    def _repeat(
        self, inner: Sequence[tuple[object, object]], at: int, least: int, most: int, *, lazy: bool
    ) -> Iterator[int]:
        if lazy and least <= 0:
            yield at
        if most > 0:
            for reached in self._sequence(inner, at):
                yield from self._repeat(inner, reached, least - 1, most - 1, lazy=lazy)
        if not lazy and least <= 0:
            yield at


def _one(kind: object, content: object) -> str:
    """Return a pattern for the one character that a part takes."""
    if kind is what.ANY:
        return "."
    if kind is what.LITERAL:
        return re.escape(chr(int(str(content))))
    assert kind is what.IN
    return "[ab]"


#: Parts of which everything is made that is let through.
ATOMS: Final = st.sampled_from(["a", "b", ".", "[ab]", "(?:ab)", "(a)", "(?:a|b)", "(a|ab)", "(?:abc)"])
REPEATS: Final = st.sampled_from(["", "", "*", "+", "?", "*?", "+?", "{2}", "{1,3}", "{2,}", "{,2}"])
PATTERNS: Final = st.lists(st.tuples(ATOMS, REPEATS).map("".join), max_size=5).map("".join)


@settings(max_examples=400)
@given(PATTERNS, st.text(alphabet="ab", max_size=10) | st.just("a" * 10))
def test_no_match_takes_more_steps_than_were_counted_beforehand(pattern: str, text: str) -> None:
    """For every pattern that is let through and every text; and what matches is what Python matches."""
    try:
        counted = steps(pattern)
    except BadPattern:
        return
    trying = Backtracking(pattern, text)
    assert trying.matches() == (compile_pattern(pattern).fullmatch(text) is not None)
    assert trying.steps <= counted[len(text)]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (".*.*x", "a" * 40),
        (".*.*.*x", "a" * 40),
        (".*?.*?.*?x", "a" * 40),
        (".*.*.*aaaaaaaaaax", "a" * 40),
        (".*.*a{10}x", "a" * 40),
        ("(?:ab)*(?:ab)*(?:ab)*x", "ab" * 20),
        ("(a|a|a)(a|a|a).*.*x", "a" * 30),
        ("a?a?a?a?a?a?.*x", "a" * 30),
        ("(?:aaa){1,9}(?:a){2,}.*x", "a" * 40),
    ],
)
def test_the_worst_texts_come_near_to_what_was_counted(pattern: str, text: str) -> None:
    """So the count is no idle upper bound: what is refused by it would really run long."""
    trying = Backtracking(pattern, text)
    assert not trying.matches()
    assert steps(pattern)[len(text)] / 20 < trying.steps <= steps(pattern)[len(text)]
