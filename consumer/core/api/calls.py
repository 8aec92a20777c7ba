"""Calls of the Linkrunner API, and how an intent becomes one."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeAlias, assert_never

import msgspec

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


@dataclass(frozen=True, slots=True)
class CapturePayment:
    """``POST /capture-payment``. ``amount`` is in major units of one currency, exact."""

    user_id: str
    payment_id: str
    amount: Decimal
    type: PaymentType
    status: PaymentStatus
    event_data: Mapping[str, Json] | None


@dataclass(frozen=True, slots=True)
class RemovePayment:
    """``POST /remove-payment``. The body is the payment_id and nothing else, ever."""

    payment_id: str


Call: TypeAlias = CapturePayment | RemovePayment


@dataclass(frozen=True, slots=True)
class PlanRules:
    """What the operator decides about calls.

    ``accept`` has the ISO 4217 codes that may be sent; "any" mixes currencies on purpose. ``on_invalid``
    says what broken ecommerce data costs: its own fields, or the whole event.
    """

    accept: tuple[str, ...] | Literal["any"]
    on_invalid: Literal["omit", "dead_letter"] = "omit"


@dataclass(frozen=True, slots=True)
class Planned:
    """A call that is ready to be sent. ``body`` is made once and sent at every try.

    ``broken`` (each rule once) and ``dropped_attributes`` say what of ``event_data`` was wrong, for the
    metrics.
    """

    call: Call
    body: bytes
    broken: tuple[Rule, ...] = ()
    dropped_attributes: int = 0


Plan: TypeAlias = Planned | Skip | Reject


def plan(intent: Intent, rules: PlanRules) -> Plan:
    """Return the call that ``intent`` becomes, or why there is none.

    Pure: the same intent gives the same bytes. The order: zero amount, currency, ecommerce data.
    """
    match intent:
        case Skip() | Reject():
            return intent
        case Remove():
            return _planned(RemovePayment(intent.payment_id))
        case Capture():
            return _plan_capture(intent, rules)
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
            if b"E+" in encoded or b"E-" in encoded:  # in a number, or it may be in a text: seldom either
                return _ENCODER.encode(_with_plain_numbers(fields))
            return encoded
        case _:
            assert_never(call)


def _plan_capture(capture: Capture, rules: PlanRules) -> Plan:
    """Return the call for ``capture``; a payment of nothing is skipped whatever its currency."""
    if capture.amount.amount == 0:
        return Skip(SkipReason.ZERO_AMOUNT, Action.CAPTURE)
    currency = capture.amount.currency
    if rules.accept != "any" and currency not in rules.accept:
        detail = f"amount is in {currency}, which currency.accept does not list"
        return Reject(DeadLetterReason.CURRENCY_NOT_ACCEPTED, detail, Action.CAPTURE)
    data = ecommerce.build(capture)
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
    return _planned(call, data.broken, data.dropped_attributes)


def _planned(call: Call, broken: tuple[Rule, ...] = (), dropped_attributes: int = 0) -> Planned | Reject:
    """Return ``call`` with its body, unless a text in it can't be sent."""
    try:
        return Planned(call, body(call), broken, dropped_attributes)
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
