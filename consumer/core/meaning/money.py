"""Exact amounts of one currency. Decimals from end to end; nothing here ever rounds or uses a float."""

from decimal import Context, Decimal, Inexact
from typing import Final

import iso4217
from msgspec import Struct

#: More decimal digits than any unit of account has; above it a ``fraction_digits`` is an accident.
MAX_FRACTION_DIGITS: Final = 18


class InvalidMoney(ValueError):
    """An amount that can't be read; the text says what about it is wrong, never the amount."""


class NoMinorUnits(InvalidMoney):
    """An amount in a currency to which ISO 4217 gives no minor units, without fraction digits of its own."""


class Money(Struct, frozen=True, gc=False):
    """An amount in major units (499.00 for 49900 paise) of the ISO 4217 currency ``currency``."""

    amount: Decimal
    currency: str


def exponent(currency: str) -> int | None:
    """Return the decimal digits of ``currency`` by ISO 4217; None where it has none (XAU) or no such code.

    Source: the ``iso4217`` package, which is made anew from the ISO maintenance agency's table.
    """
    return _EXPONENTS.get(currency)


def is_currency(code: str) -> bool:
    """Tell whether ``code`` is a current ISO 4217 alphabetic code, in upper case."""
    return code in _EXPONENTS


def from_minor_units(minor_units: int, currency: str, fraction_digits: int | None = None) -> Money:
    """Return ``minor_units`` as exact major units.

    ``fraction_digits`` None means the currency's ISO 4217 exponent. Raises :class:`InvalidMoney` for a code
    that ISO 4217 does not list and for digits outside 0..18, :class:`NoMinorUnits` for a currency without an
    exponent where none is given.
    """
    digits = _EXPONENTS.get(currency) if fraction_digits is None else fraction_digits
    if fraction_digits is not None or digits is None:  # else the table has just told both
        digits = _checked(digits, currency)
    try:
        return Money(_WIDE.multiply(minor_units, _UNITS[digits]), currency)
    except Inexact:
        raise InvalidMoney(f"has more than {_WIDE.prec} digits") from None


def _checked(digits: int | None, currency: str) -> int:
    if not is_currency(currency):
        raise InvalidMoney("is in a currency that is no ISO 4217 code in upper case")
    if digits is None:
        raise NoMinorUnits("is in a currency without minor units, and fraction_digits is not given")
    if not 0 <= digits <= MAX_FRACTION_DIGITS:
        raise InvalidMoney(f"has fraction_digits outside 0..{MAX_FRACTION_DIGITS}")
    return digits


#: The thread's context would round to 28 digits; this one never rounds.
_WIDE: Final = Context(prec=1_000, traps=[Inexact])

#: One minor unit by the number of decimal digits: 1, 0.1, 0.01 and so on.
_UNITS: Final = tuple(Decimal((0, (1,), -digits)) for digits in range(MAX_FRACTION_DIGITS + 1))

_EXPONENTS: Final[dict[str, int | None]] = {currency.code: currency.exponent for currency in iso4217.Currency}
