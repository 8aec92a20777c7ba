"""All that a mapping says, found by going through its tree: expressions, paths, files."""

from collections.abc import Iterator

from consumer.core.meaning.mapping.language import (
    All,
    Amount,
    AnyOf,
    Attributes,
    AvroBytes,
    Coalesce,
    Const,
    Expression,
    FieldValue,
    Items,
    Nested,
    Not,
    Path,
    Predicate,
    Read,
    SourceDefinition,
    Sum,
    Template,
    Test,
)
from consumer.core.settings.documents import Plain


def expressions(value: FieldValue) -> Iterator[Expression]:
    """Yield every expression in the value of a field, from the outside in."""
    match value:
        case Expression():
            yield value
            yield from _inner(value)
        case Amount(amount, currency, exponent, _):
            for part in (amount, currency, exponent):
                if part is not None:
                    yield from expressions(part)
        case Items(each, fields):
            yield from expressions(each)
            for _, field in fields:
                yield from expressions(field)
        case Attributes(named):
            for _, attribute in named:
                yield from expressions(attribute)


def _inner(expression: Expression) -> Iterator[Expression]:
    match expression.origin:
        case Coalesce(options):
            for option in options:
                yield from expressions(option)
        case Sum(over, of):
            yield from expressions(over)
            if of is not None:
                yield from expressions(of)
        case _:
            return


def own_paths(expression: Expression) -> Iterator[Path]:
    """Yield the paths that ``expression`` itself reads, without those of expressions in it."""
    match expression.origin:
        case Read(path):
            yield path
        case Template(parts):
            yield from (part for part in parts if isinstance(part, Path))
        case _:
            return


def paths(value: FieldValue) -> Iterator[Path]:
    """Yield every path in the value of a field."""
    for expression in expressions(value):
        yield from own_paths(expression)


def tests(predicate: Predicate | None) -> Iterator[Test]:
    """Yield every comparison in a predicate."""
    match predicate:
        case Test():
            yield predicate
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from tests(part)
        case Not(part):
            yield from tests(part)
        case None:
            return


def predicate_paths(predicate: Predicate | None) -> Iterator[Path]:
    """Yield every path that a predicate reads."""
    for test in tests(predicate):
        yield from paths(test.value)
        yield from (each.operand for each in test.comparisons if isinstance(each.operand, Path))


def operands(predicate: Predicate | None) -> Iterator[Plain]:
    """Yield every constant in a predicate, in the order in which they stand there."""
    for test in tests(predicate):
        for expression in expressions(test.value):
            if isinstance(expression.origin, Const):
                yield expression.origin.value
            yield from (value for _, value in expression.table or ())
            if expression.default is not None:
                yield expression.default.value
        for comparison in test.comparisons:
            operand = comparison.operand
            if not isinstance(operand, Path):
                yield from operand if isinstance(operand, tuple) else (operand,)


def negated(predicate: Predicate | None) -> Iterator[Path]:
    """Yield the paths that a predicate reads under a ``not``."""
    match predicate:
        case Not(part):
            yield from predicate_paths(part)
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from negated(part)
        case Test() | None:
            return


def nested_files(source: SourceDefinition) -> Iterator[Nested]:
    """Yield every schema of bytes inside of records, wherever the source names one."""
    if isinstance(source.unwrap, AvroBytes):
        yield from (schema for _, schema in source.unwrap.files)
    values = [field.value for route in source.routes for field in route.fields]
    values += [test.value for route in source.routes for test in tests(route.when)]
    for value in values:
        for expression in expressions(value):
            yield from (each for each in expression.conversions if isinstance(each, Nested))
