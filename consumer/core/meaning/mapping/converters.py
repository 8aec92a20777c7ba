"""The closed set of converters: what ``as`` may name, as a table, and how each becomes a function.

A converter never meets null: null stays null. What does not fit raises :class:`WrongValue`.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation
from enum import Flag, auto
from typing import Final, Literal, TypeAlias

from consumer.core.errors import Unreadable
from consumer.core.meaning.mapping.language import Rounding
from consumer.core.meaning.mapping.moments import day, epoch, rfc3339
from consumer.core.meaning.mapping.values import (
    Minor,
    WrongValue,
    as_text,
    bounded,
    integer,
    number,
    text,
    wanted,
)
from consumer.core.nesting import MAX_LEVELS, is_too_deep
from consumer.core.patterns import Allowance, Exhausted, compile_pattern, steps

Convert: TypeAlias = Callable[[object], object]
#: Decodes bytes of one schema: the record's full name and the value. Raises Unreadable.
DecodeNested: TypeAlias = Callable[[bytes], tuple[str, object]]


class Form(Flag):
    """What a value can be, as far as the mapping alone tells."""

    TEXT = auto()
    NUMBER = auto()
    MINOR = auto()
    MOMENT = auto()
    BOOLEAN = auto()
    BYTES = auto()
    TREE = auto()
    """A record, a map or a list."""
    ANY = TEXT | NUMBER | MOMENT | BOOLEAN | BYTES | TREE


@dataclass(frozen=True, slots=True)
class Converter:
    """A converter. ``takes`` and ``gives`` are what values may be before and after it; ``help`` says so."""

    convert: Convert
    takes: Form
    gives: Form
    help: str


def decimal(value: object) -> Decimal:
    """Return an exact decimal, also from a text of digits."""
    if isinstance(value, str):
        if len(value) > _MAX_NUMBER or not _NUMBER.fullmatch(value):
            raise WrongValue("is a text that is no number")
        return bounded(Decimal(value))
    count = number(value)
    return count if isinstance(count, Decimal) else Decimal(count)


def minor(value: object) -> Minor:
    """Return minor units: a whole number, also as a text or as a double or decimal without a fraction."""
    if type(value) is int:
        return Minor(integer(value))
    units = decimal(value)
    if units != units.to_integral_value():
        raise WrongValue("is a number with a fraction, and minor units have none")
    return Minor(int(units))


def parse_json(value: object) -> object:
    """Return what a JSON text holds; numbers with a fraction are exact decimals."""
    written = text(value)
    try:
        found: object = json.loads(
            written, parse_float=_json_decimal, parse_int=_json_integer, parse_constant=_no_constant
        )
    except WrongValue:
        raise
    except (ValueError, RecursionError):
        raise WrongValue("is a text that is no JSON") from None
    if is_too_deep(written, found):
        raise WrongValue(f"is JSON of more than {MAX_LEVELS} levels")
    return found


def _json_decimal(digits: str) -> Decimal:
    if len(digits) > _MAX_NUMBER:
        raise _too_many_digits()
    try:
        return bounded(Decimal(digits))
    except InvalidOperation:  # an exponent beyond what any decimal has
        raise _too_many_digits() from None


def _json_integer(digits: str) -> int:
    if len(digits) > _MAX_NUMBER:
        raise _too_many_digits()
    return integer(int(digits))


def _too_many_digits() -> WrongValue:
    return WrongValue("is JSON with a number of too many digits")


def _no_constant(_: str) -> object:
    raise WrongValue("is JSON with a number that is not finite")


def _base64(value: object) -> bytes:
    """RFC 4648, section 4, with its padding."""
    try:
        return base64.b64decode(text(value), validate=True)
    except (binascii.Error, ValueError):
        raise WrongValue("is a text that is no base64") from None


def _seconds(value: object) -> object:
    return epoch(value, 1)


def _millis(value: object) -> object:
    return epoch(value, 1_000)


def _micros(value: object) -> object:
    return epoch(value, 1_000_000)


def _nanos(value: object) -> object:
    return epoch(value, 1_000_000_000)


_TEXTUAL: Final = Form.TEXT | Form.BYTES

#: Every converter that needs no options.
CONVERTERS: Final[Mapping[str, Converter]] = {
    "string": Converter(
        as_text,
        _TEXTUAL | Form.NUMBER | Form.MOMENT,
        Form.TEXT,
        "a text of a text, bytes (UTF-8), an integer, a decimal, a uuid, a date or a time",
    ),
    "decimal": Converter(
        decimal,
        Form.TEXT | Form.NUMBER,
        Form.NUMBER,
        "an exact number of a number or of a text of digits; a double by its shortest decimal form",
    ),
    "minor": Converter(
        minor,
        Form.TEXT | Form.NUMBER,
        Form.MINOR,
        "minor units (cents) of the amount's currency, of a whole number; for amounts only",
    ),
    "epoch_seconds": Converter(_seconds, Form.NUMBER, Form.MOMENT, "a time, of seconds since 1970"),
    "epoch_millis": Converter(_millis, Form.NUMBER, Form.MOMENT, "a time, of milliseconds since 1970"),
    "epoch_micros": Converter(_micros, Form.NUMBER, Form.MOMENT, "a time, of microseconds since 1970"),
    "epoch_nanos": Converter(
        _nanos, Form.NUMBER, Form.MOMENT, "a time, of nanoseconds since 1970, cut to microseconds"
    ),
    "rfc3339": Converter(
        rfc3339, _TEXTUAL, Form.MOMENT, "a time, of a text with an offset (2026-11-28T12:30:00Z)"
    ),
    "date": Converter(
        day, _TEXTUAL | Form.MOMENT, Form.MOMENT, "the beginning of a day in UTC, of a date or 2026-11-28"
    ),
    "json": Converter(parse_json, _TEXTUAL, Form.ANY, "what a JSON text holds, for a path behind it"),
    "base64": Converter(_base64, _TEXTUAL, Form.BYTES, "bytes, of a base64 text"),
    "upper": Converter(lambda value: text(value).upper(), _TEXTUAL, Form.TEXT, "a text in upper case"),
    "lower": Converter(lambda value: text(value).lower(), _TEXTUAL, Form.TEXT, "a text in lower case"),
    "trim": Converter(
        lambda value: text(value).strip(), _TEXTUAL, Form.TEXT, "a text without white space around it"
    ),
}

#: Those that take one, as ``{name: option}``; ``path`` and ``avro`` give anything.
OPTIONED: Final[Mapping[str, Converter]] = {
    "decimal": CONVERTERS["decimal"],
    "regex": Converter(
        text, _TEXTUAL, Form.TEXT, "what the pattern's group, or all of it, takes of a text; else null"
    ),
    "avro": Converter(
        lambda value: value, Form.BYTES, Form.TREE, "the record in bytes of the schema in a file"
    ),
    "path": Converter(lambda value: value, Form.ANY, Form.ANY, "a step into what json or avro gave"),
}

_ROUNDINGS: Final[Mapping[Rounding, Literal["ROUND_HALF_UP", "ROUND_HALF_EVEN", "ROUND_DOWN"]]] = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.DOWN: ROUND_DOWN,
}


def quantiser(scale: int, rounding: Rounding | None) -> Convert:
    """Return what makes a decimal of ``scale`` digits; without a rounding it refuses to lose any."""
    step = Decimal((0, (1,), -scale))
    context = Context(prec=100, rounding=None if rounding is None else _ROUNDINGS[rounding])
    context.traps[InvalidOperation] = True
    context.traps[Inexact] = rounding is None

    def quantise(value: object) -> object:
        try:
            return context.quantize(decimal(value), step)
        except (Inexact, InvalidOperation):
            raise WrongValue(f"is a number with more than {scale} digits after the point") from None

    return quantise


def extractor(pattern: str, allowance: Allowance) -> Convert:
    """Return what takes the pattern's first group, or all of it, out of a text."""
    find = matcher(pattern, allowance)

    def extract(value: object) -> object:
        found = find(value)
        return None if found is None else found[1 if found.re.groups else 0]

    return extract


def matcher(pattern: str, allowance: Allowance) -> Callable[[object], re.Match[str] | None]:
    """Return what holds a whole text against a pattern that ``patterns`` has let through.

    Each match is paid for from ``allowance``.
    """
    compiled, costs = compile_pattern(pattern), steps(pattern)
    longest = len(costs) - 1

    def match(value: object) -> re.Match[str] | None:
        written = text(value)
        if len(written) > longest:
            raise WrongValue(f"is a text of more than {longest} characters, too long for its pattern")
        try:
            allowance.spend(costs[len(written)])
        except Exhausted:
            raise WrongValue("is one text too many for the patterns of one event") from None
        return compiled.fullmatch(written)

    return match


def nested(decode: DecodeNested) -> Convert:
    """Return what decodes bytes; the record comes with its name."""

    def unpack(value: object) -> object:
        if not isinstance(value, bytes):
            raise wanted(value, "bytes")
        try:
            return decode(value)
        except Unreadable:
            raise WrongValue("is bytes that do not fit the schema") from None

    return unpack


_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_MAX_NUMBER: Final = 64
