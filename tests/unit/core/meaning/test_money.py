"""Money: minor units become exact major units, and back."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.meaning.money import InvalidMoney, exponent, from_minor_units, is_currency
from tests.support.events import LONGS

#: One currency for every exponent that ISO 4217 knows, with what 49 900 of its minor units are.
EXPONENTS = [
    ("JPY", 0, "49900"),
    ("MRU", 2, "499.00"),
    ("INR", 2, "499.00"),
    ("KWD", 3, "49.900"),
    ("CLF", 4, "4.9900"),
]


@pytest.mark.parametrize(("currency", "digits", "major"), EXPONENTS)
def test_minor_units_follow_iso_4217(currency: str, digits: int, major: str) -> None:
    """49 900 minor units have the currency's own number of decimals, zeros included."""
    assert exponent(currency) == digits
    assert str(from_minor_units(49_900, currency).amount) == major


@given(LONGS, st.sampled_from([currency for currency, _, _ in EXPONENTS]))
def test_the_digits_that_go_in_come_out(minor_units: int, currency: str) -> None:
    """No digit of any Avro long is lost or added by the way to major units and back."""
    digits = exponent(currency)
    assert digits is not None
    amount = from_minor_units(minor_units, currency).amount
    assert amount.as_tuple().exponent == -digits
    assert int(format(amount, "f").replace(".", "")) == minor_units


@given(st.integers(), st.integers(0, 18))
def test_the_decimal_context_changes_nothing(minor_units: int, digits: int) -> None:
    """An amount is exact even where arithmetic would round to three digits."""
    with localcontext(prec=3):
        amount = from_minor_units(minor_units, "INR", digits).amount
    assert int(format(amount, "f").replace(".", "")) == minor_units


@pytest.mark.parametrize(
    ("digits", "major"), [(0, "1050"), (2, "10.50"), (3, "1.050"), (18, "0.000000000000001050")]
)
def test_fraction_digits_win_over_iso_4217(digits: int, major: str) -> None:
    """A producer that counts otherwise than ISO 4217 is believed."""
    assert from_minor_units(1050, "JPY", digits).amount == Decimal(major)


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("inr", None), ("ZZZ", None), ("", None), ("ZZZ", 2), ("XAU", None), ("INR", -1), ("INR", 19)],
)
def test_senseless_money_is_refused(currency: str, digits: int | None) -> None:
    """No such code, no minor unit, or absurd digits: an error whose text does not tell the amount."""
    with pytest.raises(InvalidMoney) as refused:
        from_minor_units(987_654, currency, digits)
    assert "987" not in str(refused.value)


def test_a_code_without_a_minor_unit_is_a_currency() -> None:
    """Gold is in ISO 4217, has no exponent, and can be sent with explicit digits."""
    assert is_currency("XAU")
    assert exponent("XAU") is None
    assert from_minor_units(15, "XAU", 1).amount == Decimal("1.5")
