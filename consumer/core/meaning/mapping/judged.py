"""What the lint judges: routes with their places, and the constants that expressions can come to."""

from collections.abc import Iterator
from typing import NamedTuple

from consumer.core.meaning.mapping.expressions import Toolbox, compile_expression
from consumer.core.meaning.mapping.language import (
    Coalesce,
    Const,
    Expression,
    Nested,
    Route,
    SourceDefinition,
)
from consumer.core.meaning.mapping.scope import NOWHERE
from consumer.core.meaning.mapping.values import WrongValue
from consumer.core.settings.documents import Plain


class Where(NamedTuple):
    """A source or a route of it, and the keys that lead there."""

    source: SourceDefinition
    route: Route
    path: tuple[str, ...]

    def field(self, name: str) -> tuple[str, ...]:
        """Return the keys that lead to the field ``name``."""
        return (*self.path, "set", name)


def outcomes(expression: Expression) -> tuple[list[Plain], bool]:
    """Return the constants that an expression can come to, and whether it can be what an event holds."""
    constants: list[Plain] = [] if expression.default is None else [expression.default.value]
    if expression.table is not None:
        return [*constants, *(value for _, value in expression.table)], False
    match expression.origin:
        case Const(value):
            return [*constants, *_converted(value, expression)], False
        case Coalesce(options):
            inner = [outcomes(option) for option in options]
            given = [value for values, _ in inner for value in values]
            converted = [each for value in given for each in _converted(value, expression)]
            return [*constants, *converted], any(reads for _, reads in inner)
        case _:
            return constants, True


def _converted(value: Plain, expression: Expression) -> Iterator[Plain]:
    """Yield what a constant is behind the converters of ``expression``, where it gets through them."""
    if any(isinstance(each, Nested) for each in expression.conversions):
        return
    constant = Expression(Const(value), expression.conversions, None, None, expression.place)
    try:
        result = compile_expression(constant, Toolbox({}))(None, NOWHERE)
    except WrongValue:
        return
    if isinstance(result, str | int | float | bool):
        yield result
