"""Payments and broken records to produce, told apart by a number."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from consumer.lab.samples import Encoder, Mishap, Sample

_SINGLE_OBJECT: Final = Encoder()
_OCCURRED_AT: Final = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def payment(
    number: int, key: str | None = None, encoder: Encoder = _SINGLE_OBJECT, **fields: object
) -> Sample:
    """Return a completed payment of its own id and amount; ``key`` None is the payment's id.

    ``fields`` replace fields of the event.
    """
    event: dict[str, object] = {
        "event_id": f"event-{number}",
        "kind": "PAYMENT",
        "status": "COMPLETED",
        "payment_id": payment_id(number),
        "attempt_id": None,
        "user_id": f"customer-{number}",
        "amount": {"minor_units": 10_000_001 + number, "currency": "INR", "fraction_digits": None},
        "original_amount": None,
        "cumulative_refunded": None,
        "category": "DEFAULT",
        "occurred_at": _OCCURRED_AT,
        "order_id": None,
        "items": [],
        "content_type": "PRODUCT",
        "attributes": {},
        **fields,
    }
    return Sample((key or str(event["payment_id"])).encode(), encoder.payment(event), event)


def payments(count: int, keys: int = 0, first: int = 0) -> Sequence[Sample]:
    """Return ``count`` payments, numbered from ``first``; with ``keys`` they share that many keys in turn."""
    numbers = range(first, first + count)
    return [payment(number, f"key-{number % keys}" if keys else None) for number in numbers]


def refund(number: int, key: str | None = None) -> Sample:
    """Return the full refund of payment ``number``."""
    return payment(number, key, event_id=f"refund-{number}", kind="REFUND")


def payment_id(number: int) -> str:
    """Return the id of payment ``number``."""
    return f"payment-{number:06}"


def garbage(key: str) -> Sample:
    """Return a record that is no Avro at all."""
    return Sample(key.encode(), b'{"this": "is JSON, not Avro"}', None, Mishap.GARBAGE)


def truncated(number: int, key: str) -> Sample:
    """Return a payment that ends in its middle."""
    value = payment(number).value or b""
    return Sample(key.encode(), value[: len(value) // 2], None, Mishap.TRUNCATED)
