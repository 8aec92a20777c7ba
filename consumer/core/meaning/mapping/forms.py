"""What a value can be, as far as the mapping alone tells, held against what its place takes."""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Final, assert_never

from consumer.core.meaning.mapping.actions import Kind
from consumer.core.meaning.mapping.converters import CONVERTERS, OPTIONED, Form
from consumer.core.meaning.mapping.expressions import Toolbox, compile_expression
from consumer.core.meaning.mapping.language import (
    Amount,
    Coalesce,
    Const,
    Conversion,
    Expression,
    Extract,
    Nested,
    Origin,
    Quantise,
    Read,
    RecordName,
    Root,
    Simple,
    Step,
    Sum,
    Template,
)
from consumer.core.meaning.mapping.nodes import At
from consumer.core.meaning.mapping.scope import NOWHERE
from consumer.core.meaning.mapping.values import WrongValue
from consumer.core.settings.documents import Plain

#: What each kind of field takes.
ACCEPTS: Final[dict[Kind, Form]] = {
    Kind.ID: Form.TEXT | Form.BYTES,
    Kind.TEXT: Form.TEXT | Form.BYTES,
    Kind.INTEGER: Form.NUMBER,
    Kind.AMOUNT: Form.NUMBER | Form.MINOR,
    Kind.MOMENT: Form.MOMENT,
    Kind.TYPE: Form.TEXT,
    Kind.STATUS: Form.TEXT,
    Kind.CONTENT_TYPE: Form.TEXT,
    Kind.SCALAR: Form.TEXT | Form.NUMBER | Form.BOOLEAN | Form.BYTES,
    Kind.ITEMS: Form.TREE,
    Kind.ATTRIBUTES: Form.TREE,
}

_ROOTS: Final[dict[Root, Form]] = {
    Root.RECORD: Form.ANY,
    Root.ENVELOPE: Form.ANY,
    Root.KEY: Form.BYTES,
    Root.HEADERS: Form.BYTES,
    Root.TOPIC: Form.TEXT,
    Root.NAME: Form.TEXT,
    Root.PARTITION: Form.NUMBER,
    Root.OFFSET: Form.NUMBER,
    Root.TIMESTAMP: Form.MOMENT,
}

_WORDS: Final = (
    (Form.TEXT, "a text"),
    (Form.BYTES, "bytes"),
    (Form.NUMBER, "a number"),
    (Form.MINOR, "minor units"),
    (Form.MOMENT, "a time"),
    (Form.BOOLEAN, "true or false"),
    (Form.TREE, "a record or list"),
)


def root_form(root: Root) -> Form:
    """Return what a path gives that begins at ``root``, before anything is known of the record."""
    return _ROOTS[root]


def words(form: Form) -> str:
    """Return what a form is, in words."""
    return " or ".join(word for each, word in _WORDS if each in form)


def check_form(at: At, expression: Expression, accepts: Form) -> None:
    """Add to ``at.found`` where ``expression`` can't be what its place takes."""
    before = len(at.found)
    form = _form(at, expression)
    if form is None:
        return
    default = None if expression.default is None else of_plain(expression.default.value)
    if default is not None and not default & accepts:
        at.wrong(f"has a default that is not {words(accepts)}", "write one that fits")
    elif not form & accepts:
        at.wrong(f"gives {words(form)} where {words(accepts)} is wanted", _cure(form, accepts))
    elif _loses_unit(form, accepts):
        at.wrong(f"can give minor units where {words(accepts)} is wanted", _MINOR_CURE)
    elif isinstance(expression.origin, Const) and len(at.found) == before:
        _check_constant(at, expression)


def _form(at: At, expression: Expression) -> Form | None:
    """Return what comes out at the end, or None where one converter can't take what the one before gives."""
    form = _of_origin(expression.origin)
    for conversion in expression.conversions:
        takes, gives = takes_and_gives(conversion)
        if not form & takes:
            what = f"gives {words(form)} to the converter {_name(conversion)}, which takes {words(takes)}"
            at.wrong(what, "change the order of the converters, or leave one out")
            return None
        if _loses_unit(form, takes):
            what = f"can give minor units to the converter {_name(conversion)}, which does not know them"
            at.wrong(what, _MINOR_CURE)
            return None
        form = gives
    if expression.table is None:
        return form
    if not form & _KEYS:
        at.wrong(f"looks up {words(form)} in map", "map takes texts, whole numbers and booleans")
        return None
    if _loses_unit(form, _KEYS):
        at.wrong("can look up minor units in map", _MINOR_CURE)
        return None
    return _union(of_plain(value) for _, value in expression.table)


def _loses_unit(form: Form, takes: Form) -> bool:
    """Tell whether minor units can come to where they would pass for the number that they are written as."""
    return Form.MINOR in form and Form.MINOR not in takes


_MINOR_CURE: Final = (
    "leave as: minor out there; in an amount each entry of coalesce can have a converter of its own, "
    "with none behind coalesce"
)
_KEYS: Final = Form.TEXT | Form.BYTES | Form.NUMBER | Form.BOOLEAN


def _cure(form: Form, accepts: Form) -> str:
    if Form.TEXT in accepts and form & (Form.NUMBER | Form.MOMENT):
        return "add as: string, or quotes to a constant"
    if Form.MOMENT in accepts:
        return "add a converter for times, like as: rfc3339"
    if Form.NUMBER in accepts:
        return "add as: decimal, or take the quotes away"
    return "read another field, or add a converter"


def _check_constant(at: At, expression: Expression) -> None:
    """Find out now what would fail with every event."""
    if any(isinstance(each, Nested) for each in expression.conversions):
        return
    try:
        compile_expression(expression, Toolbox({}))(None, NOWHERE)
    except WrongValue as wrong:
        at.wrong(str(wrong), "write a constant that its converters take")


def check_amount(at: At, amount: Amount) -> None:
    """Add to ``at.found`` what is wrong with an amount: its value, and options that go unused."""
    value = amount.value
    if value.default is not None or value.table is not None:
        at.wrong(
            "is an amount, which has no default and no map",
            "write what shall stand for it as an entry of coalesce, like {const: 0, as: decimal}",
        )
        return
    if isinstance(value.origin, Const | Sum) and not value.conversions:
        at.wrong("does not say what the number counts", "add as: decimal for major units, or as: minor")
        return
    check_form(at, value, ACCEPTS[Kind.AMOUNT])
    if (amount.exponent is not None or amount.exponents) and not _counts_minor_units(value):
        at.wrong("has exponents and no minor units", "add as: minor, or leave them out")
    if amount.exponent is not None and amount.exponents:
        at.wrong("has both exponent and exponents", "leave one of them out: exponent is for all currencies")


def _counts_minor_units(value: Expression) -> bool:
    if Simple("minor") in value.conversions:
        return True
    return isinstance(value.origin, Coalesce) and any(map(_counts_minor_units, value.origin.options))


def _of_origin(origin: Origin) -> Form:
    match origin:
        case Read(path):
            named = path.steps and isinstance(path.steps[-1], RecordName)
            return Form.TEXT if named else _ROOTS[path.root]
        case Const(value):
            return of_plain(value)
        case Coalesce(options):
            return _union(_known(option) for option in options)
        case Template():
            return Form.TEXT
        case Sum():
            return Form.NUMBER
        case _:
            assert_never(origin)


def _known(expression: Expression) -> Form:
    """Return what an entry of coalesce comes to; its own mistakes are found where it is read."""
    if expression.table is not None:
        return _union(of_plain(value) for _, value in expression.table)
    if expression.conversions:
        return takes_and_gives(expression.conversions[-1])[1]
    return _of_origin(expression.origin)


def _union(forms: Iterable[Form]) -> Form:
    return reduce(or_, forms, Form(0))


def of_plain(value: Plain) -> Form:
    """Return what a constant is."""
    if isinstance(value, bool):
        return Form.BOOLEAN
    return Form.NUMBER if isinstance(value, int | float) else Form.TEXT


def takes_and_gives(conversion: Conversion) -> tuple[Form, Form]:
    """Return what a converter takes and what it gives."""
    name = _name(conversion)
    converter = CONVERTERS[name] if isinstance(conversion, Simple) else OPTIONED[name]
    return converter.takes, converter.gives


def _name(conversion: Conversion) -> str:
    match conversion:
        case Simple(name):
            return name
        case Quantise():
            return "decimal"
        case Extract():
            return "regex"
        case Nested():
            return "avro"
        case Step():
            return "path"
        case _:
            assert_never(conversion)
