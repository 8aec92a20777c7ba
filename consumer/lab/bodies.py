"""What the simulated API accepts as a body: the documented fields, and nothing besides them.

Source of the fields: Linkrunner's page on revenue tracking, newest released text (linkrunner-labs/docs,
``api-reference/revenue-tracking.mdx``). Stricter than the API may be, on purpose: an unknown key, an amount
as a string, or a removal that names anything but a payment is a mistake of ours, and it shall be seen.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NoReturn

TYPES: Final = frozenset(
    {
        "FIRST_PAYMENT",
        "SECOND_PAYMENT",
        "WALLET_TOPUP",
        "FUNDS_WITHDRAWAL",
        "SUBSCRIPTION_CREATED",
        "SUBSCRIPTION_RENEWED",
        "ONE_TIME",
        "RECURRING",
        "DEFAULT",
    }
)
STATUSES: Final = frozenset({"PAYMENT_INITIATED", "PAYMENT_COMPLETED", "PAYMENT_FAILED", "PAYMENT_CANCELLED"})

_REQUIRED: Final = ("user_id", "payment_id", "amount")
_MAX_DIGITS: Final = 40
_MAX_EXPONENT: Final = 18


class Malformed(ValueError):
    """A body that the API would not take; the text names the field and the rule."""

    status: int = 400


class TooLarge(Malformed):
    """A body above the documented megabyte."""

    status = 413


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """A payment to record. ``currency`` is ``event_data.currency`` where the body has it."""

    user_id: str
    payment_id: str
    amount: Decimal
    type: str
    status: str
    currency: str | None


@dataclass(frozen=True, slots=True)
class RemoveRequest:
    """A payment to forget."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class EraseRequest:
    """A user, all of whose payments are to be forgotten."""

    user_id: str


def parse_json(raw: bytes) -> object:
    """Return the JSON document, numbers with a point as exact Decimals. Raises :class:`Malformed`.

    NaN, Infinity, a key that is there twice and bytes that are no UTF-8 are no JSON here.
    """
    try:
        return json.loads(
            raw.decode("utf-8"),
            parse_float=Decimal,
            parse_constant=_no_constant,
            object_pairs_hook=_once_each,
        )
    except Malformed:
        raise
    except (ValueError, RecursionError):
        raise Malformed("the body is not JSON") from None


def capture(document: object) -> CaptureRequest:
    """Read the body of ``/capture-payment``. Raises :class:`Malformed`."""
    fields = _object(document, "the body")
    for name in _REQUIRED:
        if name not in fields:
            raise Malformed(f"{name} is missing")
    for name, value in fields.items():
        if name not in _CHECKS:
            raise Malformed(f"{name} is no field of a capture")
        _CHECKS[name](name, value)
    event_data = _object(fields.get("event_data", {}), "event_data")
    currency = event_data.get("currency")
    return CaptureRequest(
        user_id=str(fields["user_id"]),
        payment_id=str(fields["payment_id"]),
        amount=_amount("amount", fields["amount"]),
        type=str(fields.get("type", "DEFAULT")),
        status=str(fields.get("status", "PAYMENT_COMPLETED")),
        currency=None if currency is None else str(currency),
    )


def remove(document: object) -> RemoveRequest:
    """Read the body of ``/remove-payment``: a payment_id and nothing else. Raises :class:`Malformed`.

    The API takes a user_id here too and then deletes everything of that user. No payment event may ever ask
    for that, so the simulator refuses it unless it is told to expect erasures.
    """
    fields = _object(document, "the body")
    if set(fields) != {"payment_id"}:
        raise Malformed("a removal names a payment_id and nothing else")
    return RemoveRequest(_id("payment_id", fields["payment_id"]))


def erase(document: object) -> EraseRequest:
    """Read the body of ``/remove-payment`` that names a user, and nothing else. Raises :class:`Malformed`."""
    fields = _object(document, "the body")
    if set(fields) != {"user_id"}:
        raise Malformed("an erasure names a user_id and nothing else")
    return EraseRequest(_id("user_id", fields["user_id"]))


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is no JSON number")


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Malformed("a key is there twice")
    return fields


def _object(value: object, name: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Malformed(f"{name} is not an object")
    return value


def _id(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Malformed(f"{name} is not a string with something in it")
    return value


def _amount(name: str, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Malformed(f"{name} is not a JSON number")
    number = Decimal(value)
    _sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or len(digits) > _MAX_DIGITS or abs(exponent) > _MAX_EXPONENT:
        raise Malformed(f"{name} is no amount of money")
    if number < 0:
        raise Malformed(f"{name} is negative")
    return number


def _type(name: str, value: object) -> None:
    if not isinstance(value, str) or value not in TYPES:
        raise Malformed(f"{name} is not one of the documented types")


def _status(name: str, value: object) -> None:
    if not isinstance(value, str) or value not in STATUSES:
        raise Malformed(f"{name} is not one of the documented statuses")


def _event_data(name: str, value: object) -> None:
    fields = _object(value, name)
    if not isinstance(fields.get("currency", ""), str):
        raise Malformed(f"{name}.currency is not a string")


#: Every field of a capture, and what its value has to be.
_CHECKS: Final[dict[str, Callable[[str, object], object]]] = {
    "user_id": _id,
    "payment_id": _id,
    "amount": _amount,
    "type": _type,
    "status": _status,
    "event_data": _event_data,
}
