"""Decoded values as a mapping wants them: exact, and refused by their type where they don't fit."""

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final

from msgspec import Struct

#: No amount, quantity or time has more digits, on either side of the point; more would only cost memory.
MAX_DIGITS: Final = 30
#: The smallest whole number that has more.
TOO_LARGE: Final = 10**MAX_DIGITS


class Minor(Struct, frozen=True, gc=False):
    """So many minor units of a currency that stands elsewhere: of use for amounts and nothing else.

    No number, so that the unit can't be lost: 4999 cents would go on as 4999.
    """

    units: int


_TYPE_NAMES: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (type(None), "null"),
    (bool, "a boolean"),
    (Minor, "minor units"),
    (int, "an integer"),
    (float, "a double"),
    (Decimal, "a decimal"),
    (str, "a text"),
    (bytes, "bytes"),
    (datetime, "a timestamp"),
    (date, "a date"),
    (time, "a time of day"),
    (list, "a list"),
    ((tuple, dict), "a record"),
)


class WrongValue(ValueError):
    """A value that can't be used; the text says what it is instead, by its type and never by its value."""


def type_name(value: object) -> str:
    """Return what ``value`` is, in words."""
    if _is_uuid(value):
        return "a uuid"
    return next((name for kind, name in _TYPE_NAMES if isinstance(value, kind)), "of no known type")


def wanted(value: object, what: str) -> WrongValue:
    """Return the error that ``value`` is not ``what``."""
    if isinstance(value, Minor):
        return WrongValue("is minor units, which only an amount takes")
    return WrongValue(f"is {type_name(value)}, not {what}")


def fields_of(value: object) -> Mapping[object, object] | None:
    """Return the fields of a record or map, also of one that stands beside its name; else None."""
    if isinstance(value, dict):
        return value
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict):  # noqa: PLR2004 - a pair
        return value[1]
    return None


def text(value: object) -> str:
    """Return a text: bytes as UTF-8, a uuid in its usual form; nothing else is one."""
    if isinstance(value, str):
        return value
    if _is_uuid(value):
        return str(value)
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise WrongValue("is bytes that are no UTF-8 text") from None
    raise wanted(value, "a text")


def _is_uuid(value: object) -> bool:
    """Tell by its name: the module of the class makes random ids too, so the core does not import it."""
    return type(value).__name__ == "UUID"


def as_text(value: object) -> str:
    """Return a text of what has one form only: also integers, decimals, dates and times.

    A double has no such form (1e16 or 10000000000000000), and a boolean names nothing.
    """
    if isinstance(value, Decimal):
        return format(bounded(value), "f")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(integer(value))
    if isinstance(value, date | time):
        return value.isoformat()
    return text(value)


def number(value: object) -> int | Decimal:
    """Return an exact number; a double is what its shortest decimal form says (2.675, not 2.67499999…)."""
    if isinstance(value, bool):
        raise wanted(value, "a number")
    if isinstance(value, int):
        return integer(value)
    if isinstance(value, Decimal):
        return bounded(value)
    if isinstance(value, float):
        return bounded(Decimal(repr(value)))
    raise wanted(value, "a number")


def integer(value: int) -> int:
    """Return ``value`` if it has a sane number of digits."""
    if -TOO_LARGE < value < TOO_LARGE:
        return value
    raise WrongValue(f"has more than {MAX_DIGITS} digits")


def bounded(value: Decimal) -> Decimal:
    """Return ``value`` if it is finite and has a sane number of digits on both sides of the point."""
    if not value.is_finite():
        raise WrongValue("is a number that is not finite")
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -MAX_DIGITS or value.adjusted() >= MAX_DIGITS:
        raise WrongValue(f"has more than {MAX_DIGITS} digits")
    # A zero has an exponent of its own, which would be written out.
    return value if exponent <= MAX_DIGITS else Decimal(0)
