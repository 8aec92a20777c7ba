"""The values of settable fields → typed closures: ids, amounts, times, choices, lines, attributes.

Here a value of the wrong type ends: what leaves is what ``intents`` promises.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeAlias, TypeVar, assert_never

from consumer.core.meaning.fields import is_blank
from consumer.core.meaning.intents import ContentType, Item, PaymentStatus, PaymentType, Scalar
from consumer.core.meaning.mapping.converters import minor
from consumer.core.meaning.mapping.expressions import Toolbox, compile_expression, describe
from consumer.core.meaning.mapping.language import Amount, Attributes, Expression, FieldValue, Items, Simple
from consumer.core.meaning.mapping.paths import Evaluate
from consumer.core.meaning.mapping.scope import Scope
from consumer.core.meaning.mapping.trace import Step
from consumer.core.meaning.mapping.values import (
    TOO_LARGE,
    Minor,
    WrongValue,
    bounded,
    fields_of,
    number,
    text,
    type_name,
    wanted,
)
from consumer.core.meaning.money import InvalidMoney, Money, NoMinorUnits, from_minor_units, is_currency

_T = TypeVar("_T")
#: Reads the value of one field out of a record.
Get: TypeAlias = Callable[[object, Scope], _T]

#: Stands for lines that can't be read: a product without a name, no piece of it.
_UNREADABLE: Final = Item("", 0)

#: What JSON has as it is. As ``str | int`` it would be made anew at every look.
_JSON_SCALARS: Final = (str, int, float, bool)

PAYMENT_TYPES: Final[Mapping[str, PaymentType]] = {each.value: each for each in PaymentType}
PAYMENT_STATUSES: Final[Mapping[str, PaymentStatus]] = {each.value: each for each in PaymentStatus}
CONTENT_TYPES: Final[Mapping[str, ContentType]] = ContentType.__members__


def constant(value: _T) -> Get[_T]:
    """Return what always gives ``value``: a field that the route does not set."""
    return lambda _, __: value


def _read(value: FieldValue | None, tools: Toolbox) -> tuple[Evaluate, str]:
    """Return what reads a plain expression, and where from."""
    if not isinstance(value, Expression):
        raise TypeError("this field has a form of its own")
    return compile_expression(value, tools), describe(value.origin)


def source_of(value: FieldValue) -> str:
    """Return where the value of a field comes from, for errors."""
    match value:
        case Expression(origin) | Amount(Expression(origin)) | Items(Expression(origin)):
            return describe(origin)
        case Attributes():
            return "attributes"
        case _:
            assert_never(value)


def identifier(value: FieldValue | None, tools: Toolbox) -> Get[str]:
    """Return what gives a text that is neither null nor blank, verbatim."""
    read, label = _read(value, tools)

    def get(record: object, scope: Scope) -> str:
        found = read(record, scope)
        if found is None:
            raise WrongValue(f"{label} is null")
        filled = found if type(found) is str else _text(found, label)
        if is_blank(filled):
            raise WrongValue(f"{label} is blank")
        return filled

    return get


def optional_text(value: FieldValue, tools: Toolbox) -> Get[str | None]:
    """Return what gives a text or null."""
    read, label = _read(value, tools)

    def get(record: object, scope: Scope) -> str | None:
        found = read(record, scope)
        return found if found is None or type(found) is str else _text(found, label)

    return get


def choice(value: FieldValue, choices: Mapping[str, _T], tools: Toolbox) -> Get[_T]:
    """Return what gives one of ``choices`` by its name."""
    read, label = _read(value, tools)

    def get(record: object, scope: Scope) -> _T:
        found = read(record, scope)
        if type(found) is str and found in choices:
            return choices[found]
        if found is None or not isinstance(found, str):
            raise WrongValue(f"{label} is {type_name(found)}, not one of the values that this field has")
        raise WrongValue(f"{label} is a text, but none of the values that this field has")

    return get


def content_type_of(value: FieldValue, tools: Toolbox) -> Get[ContentType | None]:
    """Return what gives the content type; None is one that can't be read, which must not cost the payment."""
    known: Get[ContentType | None] = choice(value, CONTENT_TYPES, tools)

    def get(record: object, scope: Scope) -> ContentType | None:
        try:
            return known(record, scope)
        except WrongValue as wrong:
            _note(scope, f"content_type: {wrong}", None)
            return None

    return get


def moment(value: FieldValue, tools: Toolbox, *, required: bool) -> Get[datetime | None]:
    """Return what gives a time with its offset from UTC; null only where it is not ``required``."""
    read, label = _read(value, tools)

    def get(record: object, scope: Scope) -> datetime | None:
        found = read(record, scope)
        if isinstance(found, datetime) and found.tzinfo is not None:
            return found
        if found is None and not required:
            return None
        if isinstance(found, datetime):
            raise WrongValue(f"{label} is a timestamp without an offset from UTC")
        raise WrongValue(f"{label} {wanted(found, 'a time')}")

    return get


# ---------------------------------------------------------------------------------- amounts


def amount(value: FieldValue, tools: Toolbox) -> Get[Money | None]:
    """Return what gives an exact amount, or null. Without a currency it takes that of the scope."""
    if not isinstance(value, Amount):
        raise TypeError("this field is an amount")
    # Nearly all amounts are minor units: unless somebody looks on, they are not wrapped to be unwrapped here.
    counted = None if tools.observed else _before_minor(value.value)
    units_of: Callable[[object, str], int | None] = _unwrapped if counted is None else _counted
    read, label = compile_expression(counted or value.value, tools), describe(value.value.origin)
    currency = None if value.currency is None else _currency(value.currency, tools)
    exponent = None if value.exponent is None else _exponent(value.exponent, tools)
    exponents = dict(value.exponents)

    def get(record: object, scope: Scope) -> Money | None:
        found = read(record, scope)
        if found is None:
            return None
        units = units_of(found, label)
        code = scope.currency if currency is None else currency(record, scope)
        if code is None:
            cure = "give it a currency of its own"
            raise WrongValue(
                f"has no currency to take over, because amount and its currency are null: {cure}"
            )
        if units is not None:
            digits = exponents.get(code) if exponent is None else exponent(record, scope)
            try:
                return from_minor_units(units, code, digits)
            except NoMinorUnits:
                cure = "set exponent, or its digits in exponents"
                raise WrongValue(f"{label} is in a currency without minor units: {cure}") from None
            except InvalidMoney as wrong:
                raise WrongValue(f"{label} {wrong}") from None
        if not isinstance(found, Decimal):
            cure = (
                "say as: minor or as: decimal" if isinstance(found, int | float) else "it needs a converter"
            )
            raise WrongValue(f"{label} is {type_name(found)}: {cure}")
        if not is_currency(code):
            raise WrongValue(f"{label} is in a currency that is no ISO 4217 code in upper case")
        return Money(_bounded(found, label), code)

    return get


def currency_of(value: FieldValue, tools: Toolbox) -> Get[str | None]:
    """Return what gives the currency of an amount, whatever the amount is; None where it can't be read."""
    if not isinstance(value, Amount) or value.currency is None:
        return constant(None)
    currency = _currency(value.currency, tools)

    def get(record: object, scope: Scope) -> str | None:
        try:
            return currency(record, scope)
        except WrongValue:
            return None

    return get


def _before_minor(value: Expression) -> Expression | None:
    """Return ``value`` without the ``as: minor`` that it ends in; None where it ends in anything else."""
    if value.conversions[-1:] != (Simple("minor"),) or value.table is not None or value.default is not None:
        return None
    return replace(value, conversions=value.conversions[:-1])


def _unwrapped(value: object, _: str) -> int | None:
    """Return how many minor units ``value`` is, None where it is anything else."""
    return value.units if type(value) is Minor else None


def _counted(value: object, label: str) -> int:
    """Return how many minor units ``value`` stands for."""
    if type(value) is int and -TOO_LARGE < value < TOO_LARGE:
        return value
    try:
        return minor(value).units
    except WrongValue as wrong:
        raise WrongValue(f"{label} {wrong}") from None


def _currency(value: Expression, tools: Toolbox) -> Get[str]:
    read, label = compile_expression(value, tools), describe(value.origin)

    def get(record: object, scope: Scope) -> str:
        found = read(record, scope)
        if found is None:
            raise WrongValue(f"the currency {label} is null")
        return found if type(found) is str else _text(found, f"the currency {label}")

    return get


def _exponent(value: Expression, tools: Toolbox) -> Get[int]:
    read, label = compile_expression(value, tools), describe(value.origin)

    def get(record: object, scope: Scope) -> int:
        found = read(record, scope)
        if isinstance(found, int) and not isinstance(found, bool):
            return found
        raise WrongValue(f"the exponent {label} {wanted(found, 'an integer')}")

    return get


def _bounded(value: Decimal, label: str) -> Decimal:
    try:
        return bounded(value)
    except WrongValue as wrong:
        raise WrongValue(f"{label} {wrong}") from None


# ------------------------------------------------------------------------ items, attributes


def items(value: FieldValue, tools: Toolbox) -> Get[tuple[Item, ...]]:
    """Return what gives the lines of an order; null is an order without any.

    Lines that can't be read are no reason to lose the payment: they become lines that break a rule.
    """
    if not isinstance(value, Items):
        raise TypeError("this field is a list of lines")
    each, label = compile_expression(value.each, tools), describe(value.each.origin)
    line = _line(dict(value.fields), tools)

    def get(record: object, scope: Scope) -> tuple[Item, ...]:
        try:
            entries = each(record, scope)
        except WrongValue as wrong:
            _note(scope, str(wrong), None)
            return (_UNREADABLE,)
        if entries is None:
            return ()
        if not isinstance(entries, list):
            _note(scope, f"{label} {wanted(entries, 'a list')}", None)
            return (_UNREADABLE,)
        return tuple([line(entry, scope) for entry in entries])

    return get


def _line(fields: Mapping[str, Expression | Amount], tools: Toolbox) -> Get[Item]:
    """Return what gives a line. A value that can't be read is one that is not there; what was wrong is noted.

    A null id or quantity is none that Meta takes, which the rules find and count.
    """
    identity = optional_text(fields["id"], tools)
    quantity = _quantity(fields["quantity"], tools)
    group = optional_text(fields["group_id"], tools) if "group_id" in fields else None
    price = amount(fields["unit_price"], tools) if "unit_price" in fields else None

    def get(entry: object, scope: Scope) -> Item:
        """Try each by itself and in place: a wrapper around each would be called for every line."""
        name, pieces, group_id, unit_price = None, 0, None, None
        try:
            name = identity(entry, scope)
        except WrongValue as wrong:
            _note(scope, f"id: {wrong}", name)
        try:
            pieces = quantity(entry, scope)
        except WrongValue as wrong:
            _note(scope, f"quantity: {wrong}", pieces)
        if group is not None:
            try:
                group_id = group(entry, scope)
            except WrongValue as wrong:
                _note(scope, f"group_id: {wrong}", group_id)
        if price is not None:
            try:
                unit_price = price(entry, scope)
            except WrongValue as wrong:
                _note(scope, f"unit_price: {wrong}", unit_price)
        return Item(name or "", pieces, group_id, unit_price)

    return get


def _note(scope: Scope, what: str, value: object) -> None:
    if scope.notes is not None:
        scope.notes.append(Step(what, value))


def _quantity(value: FieldValue, tools: Toolbox) -> Get[int]:
    read, label = _read(value, tools)

    def get(record: object, scope: Scope) -> int:
        """Return whole pieces, 0 for null and for parts of a piece: the catalogue rules find that."""
        found = read(record, scope)
        if type(found) is int:
            return found
        if found is None:
            return 0
        try:
            pieces = number(found)
        except WrongValue as wrong:
            raise WrongValue(f"{label} {wrong}") from None
        return int(pieces) if pieces == int(pieces) else 0

    return get


def attributes(value: FieldValue, tools: Toolbox) -> Get[Mapping[str, Scalar]]:
    """Return what gives the free attributes."""
    if not isinstance(value, Attributes):
        raise TypeError("this field is a map of attributes")
    reads = tuple((name, *_read(each, tools)) for name, each in value.fields)

    def get(record: object, scope: Scope) -> Mapping[str, Scalar]:
        return {name: _scalar(read(record, scope), label) for name, read, label in reads}

    return get


def _scalar(value: object, label: str) -> Scalar:
    if value is None or isinstance(value, _JSON_SCALARS):
        return value
    if isinstance(value, Decimal):
        return _bounded(value, label)
    if fields_of(value) is not None or isinstance(value, list | tuple):
        raise WrongValue(f"{label} {wanted(value, 'a text, a number or a boolean')}")
    return _text(value, label)


def _text(value: object, label: str) -> str:
    try:
        return text(value)
    except WrongValue as wrong:
        cure = ": say as: string" if isinstance(value, int | Decimal) else ""
        raise WrongValue(f"{label} {wrong}{cure}") from None
