"""Conversion: every figure of a payment at one rate, rounded once, or a reason why not; and old payments."""

import json
import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.api.calls import Circumstances, NeedsRates, Plan, Planned, PlanRules, plan
from consumer.core.meaning.ecommerce import Rule
from consumer.core.meaning.intents import (
    Action,
    Capture,
    DeadLetterReason,
    Item,
    Reject,
    Remove,
    Skip,
    SkipReason,
)
from consumer.core.meaning.money import Money, from_minor_units
from consumer.core.meaning.rate_files import read_ecb
from consumer.core.meaning.rates import Growth, RateRows, RateTable, static_rates

NOON: Final = datetime(2026, 3, 3, 12, tzinfo=UTC)
EXPONENTS: Final = {"JPY": 0, "INR": 2, "KWD": 3, "CLF": 4}
#: 1 USD in other currencies.
PER_DOLLAR: Final = {"INR": "88.12", "JPY": "151.37", "KWD": "0.30715", "CLF": "0.0225"}
RATES: Final = static_rates("USD", {code: Decimal(rate) for code, rate in PER_DOLLAR.items()})
TO_INR: Final = PlanRules(reporting="INR")


def usd(text: str) -> Money:
    """Return dollars."""
    return Money(Decimal(text), "USD")


def sale(amount: Money, *prices: Money | None, when: datetime | None = NOON) -> Capture:
    """Return a payment with an item of each price."""
    items = tuple(Item(f"SKU-{number}", 1, None, price) for number, price in enumerate(prices))
    return Capture("u", "p", amount, occurred_at=when, items=items)


def converted(
    capture: Capture | Remove,
    rules: PlanRules = TO_INR,
    rates: RateTable | None = RATES,
    now: datetime = NOON,
) -> Plan:
    """Return the plan of a payment."""
    return plan(capture, rules, Circumstances(now, None, rates))


def body(plan_: Plan) -> dict[str, object]:
    """Return the body of a call, in which a number is its digits."""
    assert isinstance(plan_, Planned), plan_
    parsed = json.loads(plan_.body, parse_float=str, parse_int=str)
    assert isinstance(parsed, dict)
    return parsed


def half_up(exact: Fraction, digits: int) -> str:
    """Return ``exact``, which is not negative, with ``digits`` decimals; whole numbers all the way."""
    units = (2 * exact.numerator * 10**digits + exact.denominator) // (2 * exact.denominator)
    whole, part = divmod(units, 10**digits)
    return f"{whole}.{part:0{digits}}" if digits else str(whole)


# --------------------------------------------------------------------- exactness


@given(
    st.integers(1, 2**63 - 1),
    st.lists(st.integers(0, 2**63 - 1), max_size=3),
    st.sampled_from(sorted(EXPONENTS)),
    st.sampled_from(sorted({*EXPONENTS, "USD"})),
)
def test_every_figure_of_the_body_is_rounded_once_to_the_exponent(
    minor: int, prices: list[int], target: str, source: str
) -> None:
    """Amount in, exact digits out, for all exponents: a swapped exponent or dropped rounding can't pass."""
    event = sale(from_minor_units(minor, source), *(from_minor_units(price, source) for price in prices))
    plan_ = converted(event, PlanRules(reporting=target))
    rate = {code: Fraction(text) for code, text in {**PER_DOLLAR, "USD": "1"}.items()}
    digits = EXPONENTS[target]

    def oracle(money: Money) -> str:
        if source == target:
            return format(money.amount, "f")
        return half_up(Fraction(money.amount) / rate[source] * rate[target], digits)

    expected = oracle(event.amount)
    if not Fraction(expected):
        assert plan_ == Skip(SkipReason.ZERO_AMOUNT, Action.CAPTURE)
        return
    sent = body(plan_)
    assert sent["amount"] == expected
    if prices:
        data = sent["event_data"]
        assert isinstance(data, dict)
        assert (data["value"], data["currency"]) == (expected, target)
        assert [row["item_price"] for row in data["contents"]] == [
            oracle(item.unit_price) for item in event.items if item.unit_price is not None
        ]


def test_all_figures_of_an_event_have_one_rate() -> None:
    """What Meta and Linkrunner see agrees: amount, value, prices and the currency that labels them."""
    sent = body(converted(sale(usd("10.00"), usd("7.50"), usd("2.50"))))
    assert sent["amount"] == "881.20"
    assert sent["event_data"] == {
        "content_ids": ["SKU-0", "SKU-1"],
        "contents": [
            {"id": "SKU-0", "quantity": "1", "item_price": "660.90"},
            {"id": "SKU-1", "quantity": "1", "item_price": "220.30"},
        ],
        "content_type": "product",
        "num_items": "2",
        "value": "881.20",
        "currency": "INR",
        "order_id": "p",
    }


def test_the_reporting_currency_needs_no_rate_and_keeps_its_digits() -> None:
    """Nothing is rounded that is not converted, not even what has more decimals than the currency."""
    fine = Money(Decimal("499.0055"), "INR")
    assert body(converted(sale(fine, fine, when=None), rates=None))["amount"] == "499.0055"


def test_without_conversion_nothing_is_rounded() -> None:
    """Whatever ISO 4217 says."""
    fine = Money(Decimal("499.005500"), "JPY")
    assert body(plan(sale(fine), PlanRules(accept="any")))["amount"] == "499.005500"


def test_a_plan_tells_its_rate() -> None:
    """So that ``explain`` can show it."""
    plan_ = converted(sale(usd("1")))
    assert isinstance(plan_, Planned)
    assert plan_.quote == RATES.find("USD", "INR", NOON.date())
    unconverted = converted(sale(Money(Decimal(1), "INR")))
    assert isinstance(unconverted, Planned)
    assert unconverted.quote is None


# --------------------------------------------------------------------- rules of the items


def test_rules_are_judged_before_the_conversion() -> None:
    """3 times 0.335 is 1.005 and stays so, though 3 times 29.52 is not 88.56."""
    plan_ = converted(sale(usd("1.005"), *[usd("0.335")] * 3))
    assert isinstance(plan_, Planned)
    assert plan_.broken == ()
    wrong = converted(sale(usd("1.10"), *[usd("0.335")] * 3))
    assert isinstance(wrong, Planned)
    assert wrong.broken == (Rule.R4,)


@pytest.mark.parametrize("amount", [usd("10"), Money(Decimal(10), "INR")])
def test_a_price_in_another_currency_breaks_the_rule_as_before(amount: Money) -> None:
    """It can't be converted at the amount's rate, so the items are left out and the revenue is sent."""
    plan_ = converted(sale(amount, Money(Decimal(10), "KWD")))
    assert isinstance(plan_, Planned)
    assert plan_.broken == (Rule.R7,)
    assert "event_data" not in body(plan_)


def test_a_missing_price_breaks_its_rule_as_before() -> None:
    """It is no figure to convert."""
    plan_ = converted(sale(usd("10"), None))
    assert isinstance(plan_, Planned)
    assert plan_.broken == (Rule.R5,)


# --------------------------------------------------------------------- what is not sent


def test_what_is_nothing_after_the_conversion_is_skipped() -> None:
    """A tenth of a paisa is no revenue; half a paisa is one."""
    rates = static_rates("USD", {"INR": Decimal("0.5")})
    assert converted(sale(usd("0.009")), rates=rates) == Skip(SkipReason.ZERO_AMOUNT, Action.CAPTURE)
    assert body(converted(sale(usd("0.01")), rates=rates))["amount"] == "0.01"


def test_nothing_needs_no_rate() -> None:
    """A trial in a currency that nobody knows a rate of is skipped."""
    assert converted(sale(Money(Decimal(0), "ISK"))) == Skip(SkipReason.ZERO_AMOUNT, Action.CAPTURE)


def test_a_removal_needs_no_rate() -> None:
    """It has no amount."""
    assert isinstance(converted(Remove("p"), rates=None), Planned)


def test_a_currency_without_a_rate_is_a_dead_letter() -> None:
    """The text names the currency and no amount."""
    assert converted(sale(Money(Decimal("123.45"), "ISK"))) == Reject(
        DeadLetterReason.NO_RATE, "the rates do not list ISK", Action.CAPTURE
    )


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (None, "occurred_at is missing"),
        (NOON + timedelta(days=1, seconds=1), "occurred_at is in the future"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))), "outside the calendar"),
    ],
)
def test_without_a_day_there_is_no_rate(when: datetime | None, words: str) -> None:
    """Such an event is wrong: to wait would be for ever."""
    plan_ = converted(sale(usd("1"), when=when))
    assert isinstance(plan_, Reject)
    assert plan_.reason is DeadLetterReason.INVALID_EVENT
    assert words in plan_.detail


def test_a_clock_that_is_ahead_is_no_fault() -> None:
    """A day more or less is a matter of clocks and zones."""
    assert isinstance(converted(sale(usd("1"), when=NOON + timedelta(days=1))), Planned)


def test_an_amount_without_bounds_is_an_invalid_event() -> None:
    """It is the event's fault, and no crash."""
    plan_ = converted(sale(usd("1E+999999")))
    assert isinstance(plan_, Reject)
    assert plan_.reason is DeadLetterReason.INVALID_EVENT


# --------------------------------------------------------------------- dates


def dated(*days: date) -> RateTable:
    """Return a table of days; the rate is the day of the month."""
    rows = RateRows()
    for one in days:
        rows.add(one, "USD", Decimal(1))
        rows.add(one, "INR", Decimal(one.day))
    return rows.table("EUR", Growth.DAILY, 7)


def test_the_day_of_the_event_is_that_of_utc() -> None:
    """Early on the 3rd in India it is still the 2nd, so the rate is that of the 1st."""
    rates = dated(date(2026, 3, 1), date(2026, 3, 2))
    india = timezone(timedelta(hours=5, minutes=30))
    early = sale(usd("1"), when=datetime(2026, 3, 3, 3, tzinfo=india))
    later = sale(usd("1"), when=datetime(2026, 3, 3, 6, tzinfo=india))
    assert body(converted(early, rates=rates))["amount"] == "1.00"
    assert body(converted(later, rates=rates))["amount"] == "2.00"


def test_the_same_event_has_the_same_bytes_on_every_day() -> None:
    """Later rates and a later delivery change nothing."""
    event = sale(usd("19.99"), usd("19.99"), when=datetime(2026, 3, 3, tzinfo=UTC))
    known = [date(2026, 3, 1), date(2026, 3, 2)]
    first = converted(event, rates=dated(*known), now=NOON)
    later = converted(
        event, rates=dated(*known, date(2026, 3, 3), date(2026, 3, 9)), now=NOON + timedelta(90)
    )
    assert isinstance(first, Planned)
    assert isinstance(later, Planned)
    assert first.body == later.body


def test_rates_that_are_too_old_are_waited_for() -> None:
    """And nothing is guessed."""
    plan_ = converted(sale(usd("1")), rates=dated(date(2026, 2, 23)))
    assert isinstance(plan_, NeedsRates)
    assert "newest rate of USD is of 2026-02-23" in plan_.detail
    assert isinstance(converted(sale(usd("1")), rates=None), NeedsRates)


# --------------------------------------------------------------------- age

HOUR: Final = PlanRules(accept="any", max_event_age=timedelta(hours=1))
TOO_OLD: Final = Reject(
    DeadLetterReason.TOO_OLD, "the payment is older than delivery.max_event_age_seconds", Action.CAPTURE
)


@pytest.mark.parametrize(
    ("occurred", "recorded", "is_sent"),
    [
        (60, None, True),
        (61, None, False),
        (61, 0, False),
        (0, 999, True),
        (None, 60, True),
        (None, 61, False),
        (None, None, True),
        (-600, None, True),
    ],
)
def test_a_payment_that_is_too_old_is_a_dead_letter(
    occurred: int | None, recorded: int | None, *, is_sent: bool
) -> None:
    """By its own time in minutes before now, else by the record's; where neither is known it is sent."""

    def ago(minutes: int | None) -> datetime | None:
        return None if minutes is None else NOON - timedelta(minutes=minutes)

    plan_ = plan(sale(usd("1"), when=ago(occurred)), HOUR, Circumstances(NOON, ago(recorded)))
    assert isinstance(plan_, Planned) if is_sent else plan_ == TOO_OLD


def test_a_refund_is_never_too_old() -> None:
    """What was refunded has to go."""
    assert isinstance(plan(Remove("p"), HOUR, Circumstances(NOON, NOON - timedelta(days=9))), Planned)


def test_by_default_no_payment_is_too_old() -> None:
    """A start from the beginning of a topic delivers all of it."""
    old = sale(usd("1"), when=datetime(1999, 1, 1, tzinfo=UTC))
    assert isinstance(plan(old, PlanRules(accept="any"), Circumstances(NOON)), Planned)


# --------------------------------------------------------------------- the page


def test_the_worked_example_of_the_page_is_what_happens() -> None:
    """The rates, the event and the figures of docs/currency.md."""
    text = (Path(__file__).parents[4] / "docs" / "currency.md").read_text("utf-8")
    csv = re.search(r"```\n(Date,.*?)```", text, re.DOTALL)
    assert csv is not None
    rates = read_ecb(csv[1], max_age_days=7, today=NOON.date())
    assert isinstance(rates, RateTable)
    told = re.search(r"a payment of ([\d.]+) USD at (\S+)\.", text)
    item = re.search(r"an item of ([\d.]+) USD", text)
    assert told is not None
    assert item is not None
    sent = body(
        converted(sale(usd(told[1]), usd(item[1]), when=datetime.fromisoformat(told[2])), rates=rates)
    )
    assert f'`"amount": {sent["amount"]}`' in text
    data = sent["event_data"]
    assert isinstance(data, dict)
    assert f'`"item_price": {data["contents"][0]["item_price"]}`' in text
