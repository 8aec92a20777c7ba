"""Calls of the Linkrunner API, and how an intent becomes one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, TypeAlias, assert_never

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from consumer.core.meaning import ecommerce
from consumer.core.meaning.ecommerce import Json, Rule
from consumer.core.meaning.intents import (
    Action,
    Capture,
    DeadLetterReason,
    Intent,
    PaymentStatus,
    PaymentType,
    Reject,
    Remove,
    Skip,
    SkipReason,
)
from consumer.core.meaning.money import Money, exponent
from consumer.core.meaning.rates import Never, Quote, RateTable, Unconvertible, Waits, converted

#: How far ahead of our clock an event may be that is converted: clocks differ, and so do days.
_AHEAD: Final = timedelta(days=1)


class CapturePayment(Struct, frozen=True, gc=False):
    """``POST /capture-payment``. ``amount`` is in major units of one currency, exact."""

    user_id: str
    payment_id: str
    amount: Decimal
    type: PaymentType
    status: PaymentStatus
    event_data: Mapping[str, Json] | None


class RemovePayment(Struct, frozen=True, gc=False):
    """``POST /remove-payment``. The body is the payment_id and nothing else, ever."""

    payment_id: str


Call: TypeAlias = CapturePayment | RemovePayment


@dataclass(frozen=True, slots=True)
class PlanRules:
    """What the operator decides about calls.

    ``reporting`` is the currency that everything is converted to; None converts nothing, and ``accept`` has
    the ISO 4217 codes that may be sent ("any" mixes currencies on purpose). ``on_invalid`` says what broken
    ecommerce data costs: its own fields, or the whole event. ``max_event_age`` is for captures; None: none.
    """

    accept: tuple[str, ...] | Literal["any"] = "any"
    on_invalid: Literal["omit", "dead_letter"] = "omit"
    reporting: str | None = None
    max_event_age: timedelta | None = None


class Circumstances(Struct, frozen=True, gc=False):
    """What else than the event and the rules a plan depends on. Times are aware.

    ``now``: None judges no age. ``recorded_at`` is the time of the Kafka record, which stands in for an event
    that does not say when it was. ``rates`` has to be there where the rules convert.
    """

    now: datetime | None = None
    recorded_at: datetime | None = None
    rates: RateTable | None = None


_NOTHING_KNOWN: Final = Circumstances()


class Planned(Struct, frozen=True, gc=False):
    """A call that is ready to be sent. ``body`` is made once and sent at every try.

    ``broken`` (each rule once) and ``dropped_attributes`` say what of ``event_data`` was wrong, for the
    metrics. ``quote`` is the rate that its figures were converted at, None where they were not.
    """

    call: Call
    body: bytes
    broken: tuple[Rule, ...] = ()
    dropped_attributes: int = 0
    quote: Quote | None = None

    @property
    def action(self) -> Action:
        """What the call does."""
        return action(self.call)

    @property
    def path(self) -> str:
        """The path of the call under the API's base URL."""
        return path(self.call)


class NeedsRates(Struct, frozen=True, gc=False):
    """The payment can't be converted until its rate is there. ``detail`` says which is missing."""

    detail: str


Plan: TypeAlias = Planned | Skip | Reject | NeedsRates


def plan(intent: Intent, rules: PlanRules, at: Circumstances = _NOTHING_KNOWN) -> Plan:
    """Return the call that ``intent`` becomes, or why there is none.

    Pure: the same intent gives the same bytes. The order: zero amount, currency (accepted, or
    converted), zero amount after the conversion, age, ecommerce data.
    """
    match intent:
        case Capture():
            return _plan_capture(intent, rules, at)
        case Remove():
            return _planned(RemovePayment(intent.payment_id))
        case Skip() | Reject():
            return intent
        case _:
            assert_never(intent)


def path(call: Call) -> str:
    """Return the path of ``call`` under the API's base URL."""
    return f"/{action(call).value}-payment"


def action(call: Call) -> Action:
    """Return what ``call`` does, as the metrics name it."""
    match call:
        case CapturePayment():
            return Action.CAPTURE
        case RemovePayment():
            return Action.REMOVE
        case _:
            assert_never(call)


def body(call: Call) -> bytes:
    """Return the JSON body of ``call``; its keys are those written here and no others.

    Amounts are JSON numbers with exactly the digits of the Decimal. Raises UnicodeEncodeError for a text
    that has no UTF-8 form (a lone surrogate).
    """
    match call:
        case RemovePayment():
            return _ENCODER.encode({"payment_id": call.payment_id})
        case CapturePayment():
            fields: dict[str, Json] = {
                "user_id": call.user_id,
                "payment_id": call.payment_id,
                "amount": call.amount,
                "type": call.type,
                "status": call.status,
            }
            if call.event_data is not None:
                fields["event_data"] = call.event_data
            encoded = _ENCODER.encode(fields)
            if _EXPONENT.search(encoded):  # in a number, or it may be in a text: seldom either
                return _ENCODER.encode(_with_plain_numbers(fields))
            return encoded
        case _:
            assert_never(call)


def _plan_capture(original: Capture, rules: PlanRules, at: Circumstances) -> Plan:
    """Return the call for ``original``; a payment of nothing is skipped whatever its currency."""
    if not original.amount.amount:
        return Skip(SkipReason.ZERO_AMOUNT, Action.CAPTURE)
    priced = _priced(original, rules, at)
    if not isinstance(priced, _Priced):
        return priced
    capture = priced.capture
    if not capture.amount.amount:
        return Skip(SkipReason.ZERO_AMOUNT, Action.CAPTURE)
    if _is_too_old(capture, rules, at):
        detail = "the payment is older than delivery.max_event_age_seconds"
        return Reject(DeadLetterReason.TOO_OLD, detail, Action.CAPTURE)
    data = ecommerce.build(capture, original)
    if rules.on_invalid == "dead_letter" and not data.is_valid:
        rules_broken = tuple(rule.value for rule in data.broken)
        return Reject(DeadLetterReason.INVALID_EVENT, _complaint(data.broken), Action.CAPTURE, rules_broken)
    call = CapturePayment(
        user_id=capture.user_id,
        payment_id=capture.payment_id,
        amount=capture.amount.amount,
        type=capture.type,
        status=capture.status,
        event_data=data.fields,
    )
    return _planned(call, data.broken, data.dropped_attributes, priced.quote)


class _Priced(Struct, frozen=True, gc=False):
    """A payment in a currency that is sent, and the rate by which it got there."""

    capture: Capture
    quote: Quote | None = None


def _priced(capture: Capture, rules: PlanRules, at: Circumstances) -> _Priced | Reject | NeedsRates:
    """Return ``capture`` in a currency that may be sent, or why it is in none."""
    currency = capture.amount.currency
    if rules.reporting is not None:
        return _Priced(capture) if currency == rules.reporting else _convert(capture, rules.reporting, at)
    if rules.accept != "any" and currency not in rules.accept:
        detail = f"amount is in {currency}, which currency.accept does not list"
        return Reject(DeadLetterReason.CURRENCY_NOT_ACCEPTED, detail, Action.CAPTURE)
    return _Priced(capture)


def _convert(capture: Capture, target: str, at: Circumstances) -> _Priced | Reject | NeedsRates:
    """Return ``capture`` with all figures that are in the amount's currency in ``target``, at one rate."""
    if at.rates is None:
        return NeedsRates("no rates are there")
    day = _day(capture, at)
    if isinstance(day, Reject):
        return day
    quote = at.rates.find(capture.amount.currency, target, day)
    match quote:
        case Waits(detail):
            return NeedsRates(detail)
        case Never(detail):
            return Reject(DeadLetterReason.NO_RATE, detail, Action.CAPTURE)
        case Quote():
            try:
                return _Priced(_at_rate(capture, quote, target), quote)
            except Unconvertible as error:
                return _invalid(f"a figure {error}")
        case _:
            assert_never(quote)


def _day(capture: Capture, at: Circumstances) -> date | Reject:
    """Return the UTC date of the event, by which its rate is found."""
    when = capture.occurred_at
    if when is None:
        return _invalid("occurred_at is missing, by which the rate is found")
    if at.now is not None and when > at.now + _AHEAD:
        return _invalid("occurred_at is in the future, for which there are no rates")
    try:
        return when.astimezone(UTC).date()
    except OverflowError:
        return _invalid("occurred_at is outside the calendar")


def _at_rate(capture: Capture, quote: Quote, target: str) -> Capture:
    """Return ``capture`` with its figures at ``quote``, each rounded once; a price in another currency stays.

    Such a price breaks R7, so none of the items' figures is sent. Raises Unconvertible.
    """
    digits = exponent(target) or 0

    def turned(money: Money) -> Money:
        return converted(money, quote, target, digits) if money.currency == source else money

    source = capture.amount.currency
    items = tuple(
        item if item.unit_price is None else replace(item, unit_price=turned(item.unit_price))
        for item in capture.items
    )
    return replace(capture, amount=turned(capture.amount), items=items)


def _is_too_old(capture: Capture, rules: PlanRules, at: Circumstances) -> bool:
    when = capture.occurred_at or at.recorded_at
    if rules.max_event_age is None or at.now is None or when is None:
        return False
    return at.now - when > rules.max_event_age


def _invalid(detail: str) -> Reject:
    return Reject(DeadLetterReason.INVALID_EVENT, detail, Action.CAPTURE)


def _planned(
    call: Call,
    broken: tuple[Rule, ...] = (),
    dropped_attributes: int = 0,
    quote: Quote | None = None,
) -> Planned | Reject:
    """Return ``call`` with its body, unless a text in it can't be sent."""
    try:
        return Planned(call, body(call), broken, dropped_attributes, quote)
    except UnicodeEncodeError:
        return Reject(DeadLetterReason.INVALID_EVENT, "a text has no UTF-8 form", action(call))


def _complaint(broken: tuple[Rule, ...]) -> str:
    """Return the broken rules as one sentence."""
    return "event_data: " + "; ".join(f"{rule} {rule.meaning}" for rule in broken)


def _with_plain_numbers(value: Json) -> object:
    """Return ``value`` with its Decimals as JSON in plain notation.

    msgspec would write str(Decimal), which turns to an exponent for small and for rounded numbers (1E-7).
    """
    if isinstance(value, Decimal):
        return msgspec.Raw(format(value, "f").encode())
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {key: _with_plain_numbers(part) for key, part in value.items()}
    return [_with_plain_numbers(part) for part in value]


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_EXPONENT: Final = re.compile(rb"E[+-]")
