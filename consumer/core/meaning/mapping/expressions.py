"""Expressions → closures that read a value out of a record.

With an observer every closure is wrapped so that it notes what it came to: what is explained is what is run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from typing import Final, TypeVar, assert_never

from consumer.core.meaning.mapping.converters import (
    CONVERTERS,
    Convert,
    DecodeNested,
    extractor,
    nested,
    quantiser,
)
from consumer.core.meaning.mapping.language import (
    Coalesce,
    Const,
    Conversion,
    Expression,
    Extract,
    Nested,
    Origin,
    Path,
    Quantise,
    Read,
    Simple,
    Step,
    Sum,
    Template,
)
from consumer.core.meaning.mapping.paths import Evaluate, compile_path, walk
from consumer.core.meaning.mapping.scope import Scope
from consumer.core.meaning.mapping.trace import Step as Note
from consumer.core.meaning.mapping.values import WrongValue, as_text, integer, number, text, wanted
from consumer.core.settings.documents import Plain

_T = TypeVar("_T")

_WIDE: Final = Context(prec=200, traps=[Inexact])


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What closures are made with: decoders of nested Avro by file, and whether somebody looks on."""

    nested: Mapping[str, DecodeNested]
    observed: bool = False

    def noting(self, what: str, evaluate: Evaluate) -> Evaluate:
        """Return ``evaluate``, or what also notes its value under ``what``."""
        if not self.observed:
            return evaluate

        def noted(record: object, scope: Scope) -> object:
            value = evaluate(record, scope)
            if scope.notes is not None:
                scope.notes.append(Note(what, value))
            return value

        return noted


def compile_expression(expression: Expression, tools: Toolbox) -> Evaluate:
    """Return what reads ``expression``; it raises WrongValue, with the path, for a value that won't do."""
    label = describe(expression.origin)
    evaluate = tools.noting(label, _origin(expression.origin, tools))
    steps = [(_name(each), _conversion(each, tools)) for each in expression.conversions]
    if expression.table is not None:
        steps.append(("map", _table(dict(expression.table), expression.default)))
    if steps:
        evaluate = _chain(evaluate, steps, label, tools)
    if expression.default is not None:
        evaluate = tools.noting("default", _defaulting(evaluate, expression.default.value))
    return evaluate


def describe(origin: Origin) -> str:
    """Return where a value comes from, in the words of the mapping, for errors and traces."""
    match origin:
        case Read(path):
            return path.text
        case Const():
            return "const"
        case Coalesce(options):
            return f"coalesce({', '.join(describe(option.origin) for option in options)})"
        case Template():
            return "template"
        case Sum(over, _):
            return f"sum({describe(over.origin)})"
        case _:
            assert_never(origin)


# ------------------------------------------------------------------------------- origins


def _origin(origin: Origin, tools: Toolbox) -> Evaluate:
    match origin:
        case Read(path):
            return compile_path(path)
        case Const(value):
            return lambda _, __: value
        case Coalesce(options):
            return _coalesce(tuple(compile_expression(option, tools) for option in options))
        case Template(parts):
            return _template(parts)
        case Sum(over, of):
            entry = None if of is None else compile_expression(of, tools)
            return _sum(compile_expression(over, tools), entry, describe(over.origin))
        case _:
            assert_never(origin)


def _coalesce(options: tuple[Evaluate, ...]) -> Evaluate:
    def evaluate(record: object, scope: Scope) -> object:
        for option in options:
            value = option(record, scope)
            if value is not None:
                return value
        return None

    return evaluate


def _template(parts: tuple[str | Path, ...]) -> Evaluate:
    reads = tuple(part if isinstance(part, str) else (part.text, compile_path(part)) for part in parts)

    def evaluate(record: object, scope: Scope) -> object:
        texts = []
        for read in reads:
            if isinstance(read, str):
                texts.append(read)
                continue
            value = read[1](record, scope)
            if value is None:
                return None
            texts.append(value if type(value) is str else _labelled(as_text, value, read[0]))
        return "".join(texts)

    return evaluate


def _sum(over: Evaluate, of: Evaluate | None, label: str) -> Evaluate:
    def evaluate(record: object, scope: Scope) -> object:
        entries = over(record, scope)
        if entries is None:
            return None
        if not isinstance(entries, list):
            raise WrongValue(f"{label} {wanted(entries, 'a list')}")
        values = entries if of is None else [of(entry, scope) for entry in entries]
        total: int | Decimal = 0
        for value in values:
            total = _add(total, _labelled(number, value, f"an entry of {label}"))
        return total

    return evaluate


def _add(left: int | Decimal, right: int | Decimal) -> int | Decimal:
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    return _WIDE.add(Decimal(left), Decimal(right))


# --------------------------------------------------------------------------- what follows


def _chain(read: Evaluate, steps: Sequence[tuple[str, Convert]], label: str, tools: Toolbox) -> Evaluate:
    """Return ``read`` with the conversions behind it; null passes them by."""
    evaluate = read
    for name, convert in steps:
        evaluate = tools.noting(name, _converting(evaluate, convert, label))
    return evaluate


def _converting(read: Evaluate, convert: Convert, label: str) -> Evaluate:
    def evaluate(record: object, scope: Scope) -> object:
        value = read(record, scope)
        if value is None:
            return None
        try:
            return convert(value)
        except WrongValue as wrong:
            raise WrongValue(f"{label} {wrong}") from None

    return evaluate


def _labelled(convert: Callable[[object], _T], value: object, label: str) -> _T:
    try:
        return convert(value)
    except WrongValue as wrong:
        raise WrongValue(f"{label} {wrong}") from None


def _defaulting(read: Evaluate, default: Plain) -> Evaluate:
    def evaluate(record: object, scope: Scope) -> object:
        value = read(record, scope)
        return default if value is None else value

    return evaluate


def _table(table: Mapping[str, Plain], default: Const | None) -> Convert:
    def look_up(value: object) -> object:
        if type(value) is str:
            key = value
        elif isinstance(value, bool):
            key = str(value).lower()
        elif isinstance(value, int):
            key = str(integer(value))
        else:
            key = text(value)
        if key in table:
            return table[key]
        if default is None:
            raise WrongValue("is a value that map does not have, and there is no default")
        return default.value

    return look_up


def _name(conversion: Conversion) -> str:
    match conversion:
        case Simple(name):
            return f"as {name}"
        case Quantise():
            return "as decimal"
        case Extract():
            return "as regex"
        case Nested():
            return "as avro"
        case Step(path):
            return f"path {path.text}"
        case _:
            assert_never(conversion)


def _conversion(conversion: Conversion, tools: Toolbox) -> Convert:
    match conversion:
        case Simple(name):
            return CONVERTERS[name].convert
        case Quantise(scale, rounding):
            return quantiser(scale, rounding)
        case Extract(pattern):
            return extractor(pattern)
        case Nested(file):
            return nested(tools.nested[file])
        case Step(path):
            follow = walk(path.steps)
            return lambda value: follow(value, None)
        case _:
            assert_never(conversion)
