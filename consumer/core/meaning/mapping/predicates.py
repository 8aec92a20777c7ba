"""Predicates → closures that tell true from false.

Null is equal to nothing and less than nothing: only ``exists`` sees it. Two values of different kinds are not
equal; to ask which of them is larger is an error, because no answer would be right.
"""

import operator
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeAlias, assert_never

from consumer.core.meaning.mapping.converters import matcher
from consumer.core.meaning.mapping.expressions import Toolbox, compile_expression, describe
from consumer.core.meaning.mapping.language import (
    All,
    AnyOf,
    Comparison,
    Not,
    Operator,
    Path,
    Predicate,
    Test,
)
from consumer.core.meaning.mapping.paths import compile_path
from consumer.core.meaning.mapping.scope import Scope
from consumer.core.meaning.mapping.trace import Step as Note
from consumer.core.meaning.mapping.values import WrongValue, number, text, type_name
from consumer.core.settings.documents import Plain

Decide: TypeAlias = Callable[[object, Scope], bool]
_Hold: TypeAlias = Callable[[object, object, Scope], bool]
_Order: TypeAlias = Callable[[int | Decimal | datetime, int | Decimal | datetime], bool]


def compile_predicate(predicate: Predicate, tools: Toolbox) -> Decide:
    """Return what decides ``predicate``. It raises WrongValue for two values that can't be compared."""
    match predicate:
        case All(parts):
            return _all(tuple(compile_predicate(part, tools) for part in parts))
        case AnyOf(parts):
            return _any(tuple(compile_predicate(part, tools) for part in parts))
        case Not(part):
            inner = compile_predicate(part, tools)
            return lambda record, scope: not inner(record, scope)
        case Test():
            return _noting(predicate, _test(predicate, tools), tools)
        case _:
            assert_never(predicate)


def _all(parts: tuple[Decide, ...]) -> Decide:
    def decide(record: object, scope: Scope) -> bool:
        for part in parts:  # noqa: SIM110 - a generator for all() takes twice as long
            if not part(record, scope):
                return False
        return True

    return decide


def _any(parts: tuple[Decide, ...]) -> Decide:
    def decide(record: object, scope: Scope) -> bool:
        for part in parts:  # noqa: SIM110 - the same
            if part(record, scope):
                return True
        return False

    return decide


def _noting(test: Test, decide: Decide, tools: Toolbox) -> Decide:
    if not tools.observed:
        return decide
    told = ", ".join(each.operator.value for each in test.comparisons)

    def noted(record: object, scope: Scope) -> bool:
        answer = decide(record, scope)
        if scope.notes is not None:
            scope.notes.append(Note(told, answer, ours=True))
        return answer

    return noted


def _test(test: Test, tools: Toolbox) -> Decide:
    read = compile_expression(test.value, tools)
    label = describe(test.value.origin)
    holds = tuple(_comparison(each, label, tools) for each in test.comparisons)
    if len(holds) == 1:
        (hold,) = holds
        return lambda record, scope: hold(read(record, scope), record, scope)

    def decide(record: object, scope: Scope) -> bool:
        value = read(record, scope)
        return all(hold(value, record, scope) for hold in holds)

    return decide


def _comparison(comparison: Comparison, label: str, tools: Toolbox) -> _Hold:
    """Return what holds a value, read from a record in a scope, against the operand."""
    operand = comparison.operand
    match comparison.operator:
        case Operator.EXISTS:
            return lambda value, _, __: (value is not None) is operand
        case Operator.EQ:
            return _equal(operand)
        case Operator.IN:
            return _among(operand if isinstance(operand, tuple) else ())
        case Operator.REGEX:
            return _matching(matcher(str(operand), tools.allowance), label)
        case Operator.GT | Operator.GE | Operator.LT | Operator.LE:
            return _ordered(_ORDERS[comparison.operator], operand, label)
        case _:
            assert_never(comparison.operator)


_ORDERS: Final[dict[Operator, _Order]] = {
    Operator.GT: operator.gt,
    Operator.GE: operator.ge,
    Operator.LT: operator.lt,
    Operator.LE: operator.le,
}


def _equal(operand: Plain | tuple[Plain, ...] | Path) -> _Hold:
    if isinstance(operand, Path):
        other = compile_path(operand)
        return lambda value, record, scope: _same(value, other(record, scope))
    wanted = _comparable(operand)
    if isinstance(wanted, str):
        return lambda value, _, __: (
            value == wanted or (not isinstance(value, str) and _comparable(value) == wanted)
        )
    return lambda value, _, __: _same(value, wanted)


def _among(operands: tuple[Plain, ...]) -> _Hold:
    known = frozenset(_key(_comparable(each)) for each in operands)

    def hold(value: object, _: object, __: Scope) -> bool:
        if type(value) is str:
            return value in known  # a text is compared as it is
        return value is not None and _key(_comparable(value)) in known

    return hold


def _matching(match: Callable[[object], re.Match[str] | None], label: str) -> _Hold:
    def hold(value: object, _: object, __: Scope) -> bool:
        if value is None:
            return False
        try:
            return match(value) is not None
        except WrongValue as wrong:
            raise WrongValue(f"{label} {wrong}") from None

    return hold


def _ordered(order: _Order, operand: Plain | tuple[Plain, ...] | Path, label: str) -> _Hold:
    other = compile_path(operand) if isinstance(operand, Path) else None

    def hold(value: object, record: object, scope: Scope) -> bool:
        bound = operand if other is None else other(record, scope)
        if value is None or bound is None:
            return False
        if isinstance(value, datetime) and isinstance(bound, datetime):
            if (value.tzinfo is None) is not (bound.tzinfo is None):
                raise WrongValue(f"{label} is a timestamp with an offset from UTC, the other has none, or so")
            return order(value, bound)
        try:
            return order(number(value), number(bound))
        except WrongValue:
            pair = f"{type_name(value)} and is compared with {type_name(bound)}"
            raise WrongValue(f"{label} is {pair}: only numbers and times have an order") from None

    return hold


def _same(left: object, right: object) -> bool:
    return left is not None and right is not None and _key(_comparable(left)) == _key(_comparable(right))


def _comparable(value: object) -> object:
    """Return ``value`` as it is compared: exact numbers, texts for what stands for one, else itself."""
    if isinstance(value, float):
        try:
            return number(value)
        except WrongValue:
            return value
    try:
        return text(value)
    except WrongValue:
        return value


def _key(value: object) -> object:
    """Return ``value`` so that a boolean is not equal to 1, and that it can be looked up."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list | dict | tuple):
        return ("tree", id(value))
    return value
