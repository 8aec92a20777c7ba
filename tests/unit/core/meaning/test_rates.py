"""Rates by date: which one counts, what is waited for, what can never be had, and exact conversion."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.meaning.money import exponent
from consumer.core.meaning.rates import (
    Conflict,
    Growth,
    Never,
    Quote,
    RateRows,
    RateTable,
    Unconvertible,
    Waits,
    static_rates,
)

#: A Monday.
START: Final = date(2026, 3, 2)
DAILY, FREE = Growth.DAILY, Growth.FREE
MAX_AGE: Final = 3


def day(number: int) -> date:
    """Return the day ``number`` days behind the first."""
    return START + timedelta(days=number)


def table(growth: Growth, rates: dict[str, dict[int, str]], max_age: int = MAX_AGE) -> RateTable:
    """Return a table against EUR, of rates by currency and number of the day."""
    rows = RateRows()
    for currency, by_day in rates.items():
        for number, rate in by_day.items():
            rows.add(day(number), currency, Decimal(rate))
    return rows.table("EUR", growth, max_age)


# --------------------------------------------------------------------- which rate


def test_the_newest_rate_from_before_the_event_counts() -> None:
    """Neither the one of the day itself, which appears in the course of it, nor an older one."""
    rates = table(DAILY, {"USD": {0: "1.1", 1: "1.2", 2: "1.3", 3: "1.4"}})
    assert rates.find("EUR", "USD", day(3)) == Quote(Decimal(1), Decimal("1.3"), day(2))
    assert rates.find("USD", "EUR", day(1)) == Quote(Decimal("1.1"), Decimal(1), day(0))


def test_on_a_monday_fridays_rate_counts() -> None:
    """No rates appear on a weekend."""
    rates = table(DAILY, {"USD": {-3: "1.1", 0: "1.2"}})
    assert rates.find("EUR", "USD", day(0)) == Quote(Decimal(1), Decimal("1.1"), day(-3))


def test_between_two_others_the_way_leads_through_the_base() -> None:
    """Each by its own newest rate; the date that is told is the older one."""
    rates = table(DAILY, {"USD": {0: "1.25", 1: "1.5"}, "INR": {0: "100"}})
    quote = rates.find("USD", "INR", day(2))
    assert quote == Quote(Decimal("1.5"), Decimal(100), day(0))
    assert isinstance(quote, Quote)
    assert quote.convert(Decimal(3), 2) == Decimal(200)


def test_the_inverse_is_exact() -> None:
    """One third has no end; it is rounded when it has become an amount, and not before."""
    rates = static_rates("INR", {"USD": Decimal(3)})
    quote = rates.find("USD", "INR", day(0))
    assert isinstance(quote, Quote)
    assert quote.convert(Decimal(9), 2) == Decimal("3.00")
    assert quote.convert(Decimal("0.015"), 2) == Decimal("0.01")  # 0.005, half up
    assert quote.convert(Decimal("0.01499"), 2) == Decimal("0.00")


def test_static_rates_are_valid_on_every_day() -> None:
    """They have no date, and no age."""
    rates = static_rates("EUR", {"INR": Decimal("88.12")})
    for on in (date.min, START, date.max):
        assert rates.find("EUR", "INR", on) == Quote(Decimal(1), Decimal("88.12"), None)
        assert isinstance(rates.find("USD", "INR", on), Never)


#: ``GONE`` has ended, ``GAP`` has a hole, ``LATE`` begins later, ``LAGS`` ends two days before the others.
_LISTED: Final = {
    "USD": dict.fromkeys(range(11), "1.1"),
    "GBP": {0: "0.8", 1: "0.8"},  # gone
    "SEK": {0: "11", 1: "11", 9: "11", 10: "11"},  # a gap
    "NOK": {6: "11", 7: "11", 8: "11", 9: "11", 10: "11"},  # late
    "DKK": dict.fromkeys(range(9), "7"),  # lags
}


@pytest.mark.parametrize(
    ("currency", "on", "daily", "free"),
    [
        ("USD", 1, Quote, Quote),
        ("USD", 11, Quote, Quote),
        ("USD", 10 + MAX_AGE, Quote, Quote),
        ("USD", 11 + MAX_AGE, Waits, Waits),  # the table is too old
        ("USD", 400, Waits, Waits),
        ("USD", 0, Waits, Waits),  # the table begins on the very day
        ("USD", -1, Waits, Waits),  # before the table
        ("USD", -400, Waits, Waits),
        ("ISK", -1, Never, Never),  # not listed
        ("ISK", 5, Never, Never),
        ("ISK", 400, Never, Never),
        ("NOK", -1, Waits, Waits),
        ("NOK", 0, Waits, Waits),
        ("NOK", 1, Never, Waits),  # not listed yet
        ("NOK", 6, Never, Waits),
        ("NOK", 7, Quote, Quote),
        ("GBP", 1 + MAX_AGE, Quote, Quote),
        ("GBP", 2 + MAX_AGE, Never, Waits),  # gone, the table goes on
        ("GBP", 400, Never, Waits),  # gone before the table's end, which is too old too
        ("SEK", 1 + MAX_AGE, Quote, Quote),
        ("SEK", 2 + MAX_AGE, Never, Waits),  # in the gap
        ("SEK", 10, Quote, Quote),
        ("DKK", 8 + MAX_AGE, Quote, Quote),
        ("DKK", 9 + MAX_AGE, Waits, Waits),  # the days up to the event are not there yet
    ],
)
def test_each_case_of_the_table(currency: str, on: int, daily: type[object], free: type[object]) -> None:
    """The table of the module, row by row; from and to the currency."""
    for growth, expected in ((DAILY, daily), (FREE, free)):
        rates = table(growth, _LISTED)
        for pair in ((currency, "EUR"), ("EUR", currency)):
            assert type(rates.find(*pair, day(on))) is expected, growth


#: How many days the beginning of the European Central Bank's rates is from the first.
_ECB_BEGAN: Final = (date(1999, 1, 4) - START).days


@pytest.mark.parametrize("first", [_ECB_BEGAN, 0])
def test_only_from_before_the_banks_first_rates_there_is_never_one(first: int) -> None:
    """A file that begins later is cut; one of one's own may have any day."""
    daily, free = (table(growth, {"USD": {first: "1.1"}}) for growth in (DAILY, FREE))
    for on in (_ECB_BEGAN - 400, _ECB_BEGAN):
        assert isinstance(daily.find("EUR", "USD", day(on)), Never)
        assert isinstance(free.find("EUR", "USD", day(on)), Waits)
    after = daily.find("EUR", "USD", day(_ECB_BEGAN + 1))
    assert isinstance(after, Waits if first == 0 else Quote)


@pytest.mark.parametrize("growth", [DAILY, FREE])
@pytest.mark.parametrize("on", [-400, -1, 0])
def test_older_rates_end_the_wait_of_a_payment_from_before_the_first_and_newer_ones_do_not(
    growth: Growth, on: int
) -> None:
    """What is waited for is told, and what helps."""
    rates = table(growth, {"USD": {0: "1.1"}})
    newer = rates.extended_by(table(growth, {"USD": {1: "1.2"}}))
    assert isinstance(newer, RateTable)
    found = newer.find("EUR", "USD", day(on))
    assert isinstance(found, Waits)
    assert "begin on 2026-03-02" in found.detail
    assert ("eurofxref-hist.zip" if growth is DAILY else "add") in found.detail
    older = newer.extended_by(table(growth, {"USD": {on - 1: "1.0"}}))
    assert isinstance(older, RateTable)
    assert older.find("EUR", "USD", day(on)) == Quote(Decimal(1), Decimal("1.0"), day(on - 1))


@pytest.mark.parametrize("growth", [DAILY, FREE])
def test_days_that_were_left_out_can_still_be_brought(growth: Growth) -> None:
    """As by single-day files while the job that fetches them was down: the bank has had those days."""
    rates = table(growth, {"USD": {0: "1.1", 10: "1.2"}})
    for on in (1 + MAX_AGE, 10):
        found = rates.find("EUR", "USD", day(on))
        assert isinstance(found, Waits)
    assert isinstance(rates.find("EUR", "USD", day(MAX_AGE)), Quote)
    assert isinstance(rates.find("EUR", "USD", day(11)), Quote)


def test_a_lagging_currency_of_daily_lists_is_given_up_once_the_days_are_there() -> None:
    """While Monday's list is missing it may have the currency; with it, nothing will come."""
    lagging = {"USD": dict.fromkeys(range(10), "1.1"), "DKK": {6: "7"}}
    assert isinstance(table(DAILY, lagging).find("DKK", "EUR", day(11)), Waits)
    lagging["USD"][10] = "1.1"
    assert isinstance(table(DAILY, lagging).find("DKK", "EUR", day(11)), Never)
    assert isinstance(table(FREE, lagging).find("DKK", "EUR", day(11)), Waits)


def test_what_can_never_be_had_counts_more_than_what_is_waited_for() -> None:
    """To wait for the one would be in vain without the other."""
    rates = table(DAILY, {"USD": {0: "1.1"}})
    assert isinstance(rates.find("USD", "ISK", day(9)), Never)
    assert isinstance(rates.find("ISK", "USD", day(9)), Never)
    assert isinstance(rates.find("EUR", "USD", day(9)), Waits)


def test_details_name_no_date_of_the_event() -> None:
    """They are logged; what they name is in the source."""
    rates = table(DAILY, _LISTED)
    for currency in ("USD", "GBP", "ISK", "NOK", "SEK", "DKK"):
        for on in range(-3, 30):
            found = rates.find(currency, "EUR", day(on))
            if isinstance(found, Waits | Never) and day(on) != rates.first:
                assert day(on).isoformat() not in found.detail


@given(
    st.dictionaries(st.integers(0, 30), st.integers(1, 10**6), min_size=1),
    st.integers(-5, 40),
    st.integers(1, 10),
)
def test_the_rate_is_the_one_that_a_naive_search_finds(units: dict[int, int], on: int, max_age: int) -> None:
    """Whatever days there are."""
    rates = table(FREE, {"USD": {number: f"{unit}" for number, unit in units.items()}}, max_age)
    fitting = [number for number in units if on - max_age <= number < on]
    found = rates.find("EUR", "USD", day(on))
    if fitting:
        assert found == Quote(Decimal(1), Decimal(units[max(fitting)]), day(max(fitting)))
    else:
        assert isinstance(found, Waits | Never)


@pytest.mark.parametrize(
    ("last", "is_short"), [(0, True), (MAX_AGE - 1, True), (MAX_AGE, False), (90, False)]
)
def test_a_table_of_fewer_days_than_a_rate_may_be_old_is_short(last: int, is_short: bool) -> None:
    """Payments of its first days lack what is before it."""
    assert table(DAILY, {"USD": {0: "1.1", last: "1.2"}}).is_short is is_short


def test_static_rates_are_not_short() -> None:
    """They have no days."""
    assert not static_rates("EUR", {"INR": Decimal(95)}).is_short


# --------------------------------------------------------------------- a new table


def test_a_new_day_is_taken_and_what_is_missing_is_kept() -> None:
    """A file of the last 90 days forgets; what was answered stays answered."""
    old = table(DAILY, {"USD": {0: "1.1", 1: "1.2"}, "GBP": {0: "0.8"}})
    new = table(DAILY, {"USD": {1: "1.20", 2: "1.3"}, "INR": {2: "90"}})
    both = old.extended_by(new)
    assert isinstance(both, RateTable)
    assert (both.first, both.newest) == (day(0), day(2))
    assert both.currencies == {"EUR", "USD", "GBP", "INR"}
    for number, rate in ((1, "1.1"), (2, "1.2"), (3, "1.3")):
        quote = both.find("EUR", "USD", day(number))
        assert isinstance(quote, Quote)
        assert quote.target == Decimal(rate)
    assert isinstance(both.find("EUR", "GBP", day(1)), Quote)


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_a_changed_rate_of_the_past_is_refused(changed: int) -> None:
    """Amounts were sent by the old one; the day and the currency are told."""
    old = table(DAILY, {"USD": {0: "1.1", 1: "1.2", 2: "1.3"}, "INR": {0: "90"}})
    days = {0: "1.1", 1: "1.2", 2: "1.3", 3: "1.4"}
    new = table(DAILY, {"USD": days | {changed: "1.25"}, "INR": {0: "90.00"}})
    assert old.extended_by(new) == Conflict(day(changed), "USD")


def test_one_that_only_writes_a_rate_in_other_digits_is_taken() -> None:
    """1.1 is 1.10."""
    old = table(DAILY, {"USD": {0: "1.1"}})
    assert isinstance(old.extended_by(table(DAILY, {"USD": {0: "1.100"}})), RateTable)


# --------------------------------------------------------------------- exact conversion

_BY_EXPONENT: Final = {0: "JPY", 1: None, 2: "INR", 3: "KWD", 4: "CLF"}
_RATE: Final = st.integers(1, 10**18 - 1).flatmap(
    lambda units: st.integers(0, 18).map(lambda digits: Decimal((0, _digits(units), -digits)))
)
_AMOUNT: Final = st.integers(-(2**63), 2**63 - 1).flatmap(
    lambda units: st.integers(0, 18).map(lambda digits: Decimal((units < 0, _digits(abs(units)), -digits)))
)


def _digits(number: int) -> tuple[int, ...]:
    return tuple(map(int, str(number)))


def half_up(exact: Fraction, digits: int) -> Fraction:
    """Return ``exact`` rounded to ``digits`` decimals, ties away from zero: in whole numbers only."""
    scaled = abs(exact) * 10**digits
    whole = (scaled.numerator * 2 + scaled.denominator) // (scaled.denominator * 2)
    return Fraction(whole if exact >= 0 else -whole, 10**digits)


@pytest.mark.parametrize("digits", _BY_EXPONENT)
@given(amount=_AMOUNT, source=_RATE, target=_RATE)
def test_rounding_is_half_up_once_to_the_exponent_that_is_asked_for(
    digits: int, amount: Decimal, source: Decimal, target: Decimal
) -> None:
    """Exact digits for every exponent that ISO 4217 has: a swapped exponent or a dropped rounding fails."""
    result = Quote(source, target, None).convert(amount, digits)
    exact = Fraction(amount) * Fraction(target) / Fraction(source)
    assert Fraction(result) == half_up(exact, digits)
    assert result.as_tuple().exponent == -digits


@pytest.mark.parametrize(("digits", "currency"), [pair for pair in _BY_EXPONENT.items() if pair[1]])
def test_the_exponents_are_those_of_iso_4217(digits: int, currency: str) -> None:
    """The table is right about one currency of each kind."""
    assert exponent(currency) == digits


@pytest.mark.parametrize(
    ("amount", "digits", "result"),
    [
        ("0.005", 2, "0.01"),
        ("0.0049999999999999999999999999999999999999", 2, "0.00"),
        ("2.675", 2, "2.68"),  # a float would give 2.67
        ("1.5", 0, "2"),
        ("2.5", 0, "3"),  # half even would give 2
        ("-2.5", 0, "-3"),
        ("0.00005", 4, "0.0001"),
        ("0", 3, "0.000"),
        ("1E+3", 2, "1000.00"),
    ],
)
def test_ties_go_away_from_zero(amount: str, digits: int, result: str) -> None:
    """The convention of money, in examples."""
    assert str(Quote(Decimal(1), Decimal(1), None).convert(Decimal(amount), digits)) == result


@given(st.integers(1, 10**17), st.integers(1, 10**17), st.integers(0, 4))
def test_a_tie_of_a_cross_rate_is_seen(numerator: int, denominator: int, digits: int) -> None:
    """An amount that lies on the border to a hair's breadth falls on the right side."""
    source, target = Decimal(denominator), Decimal(numerator)
    hair = Decimal((0, (1,), -40))
    border = Decimal((0, (5,), -digits - 1))
    for nudge in (Decimal(0), hair):
        amount = border - nudge
        exact = Fraction(amount) * numerator / denominator
        result = Quote(source, target, None).convert(amount, digits)
        assert Fraction(result) == half_up(exact, digits)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "1E+999999", "1E-999999", "1E+61"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    """It costs neither time nor memory, and the text has no digit of it."""
    with pytest.raises(Unconvertible) as error:
        Quote(Decimal(1), Decimal(1), None).convert(Decimal(amount), 2)
    assert amount not in str(error.value)
