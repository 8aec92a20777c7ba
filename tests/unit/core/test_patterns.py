"""Patterns that could run long are refused; the worst that are let through are quick."""

import time

import pytest

from consumer.core.patterns import MAX_TEXT, BadPattern, compile_pattern

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


@pytest.mark.parametrize(
    "pattern", [r".*.*x", r".*.*.*x", r"(a|a|a).*.*x", r"a?a?a?a?a?a?.*x", r"\w+\w+\w+-"]
)
def test_the_worst_that_is_taken_is_quick(pattern: str) -> None:
    """The longest text that fits nothing costs a fraction of a second of processor time."""
    compiled = compile_pattern(pattern)
    began = time.process_time()
    assert compiled.fullmatch("a" * MAX_TEXT) is None
    assert time.process_time() - began < 0.5
