"""The reference model: what one record has to become, worked out from its event and not by the service.

The meaning is the lab's second opinion (``consumer.lab.expectation``); the body, with its ``event_data``, is
written here once more, from the schema's documentation and from Linkrunner's table of ecommerce fields.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Final, assert_never

from consumer.core.records import Record
from consumer.lab.expectation import DeadLetter, Removal, Revenue, Skipped, fate_of
from consumer.lab.samples import Sample
from consumer.lab.story import CURRENCIES, FOREIGN
from tests.support.history import Expected, ExpectedCall, ExpectedLetter, ExpectedSkip, Produced
from tests.support.ledger import CAPTURE, REMOVE

#: Every currency of the sample events, so that none is refused.
ANY_CURRENCY: Final = frozenset({*CURRENCIES, FOREIGN})

_DIGITS: Final = {**CURRENCIES, FOREIGN: 2}
_RESERVED: Final = {
    "content_ids",
    "item_group_ids",
    "contents",
    "content_type",
    "num_items",
    "value",
    "currency",
    "order_id",
}
#: Shorter texts stand in a log by chance.
_SHORTEST_SECRET: Final = 6


def expected(sample: Sample, accepted: frozenset[str] = ANY_CURRENCY) -> Expected:
    """Return what ``sample`` has to become under the default policies and ``currency.accept``."""
    fate = fate_of(sample, accepted)
    match fate:
        case Revenue():
            return ExpectedCall(CAPTURE, _capture(sample.event or {}, fate))
        case Removal():
            return ExpectedCall(REMOVE, {"payment_id": fate.payment_id})
        case Skipped():
            return ExpectedSkip(fate.reason)
        case DeadLetter():
            return ExpectedLetter(fate.reason)
        case _:
            assert_never(fate)


def match_up(
    samples: Sequence[Sample], records: Iterable[Record], accepted: frozenset[str] = ANY_CURRENCY
) -> list[Produced]:
    """Pair what was produced with what the broker stored: by key and value, in order among equals."""
    waiting: dict[tuple[bytes | None, bytes | None], list[Sample]] = {}
    for sample in samples:
        waiting.setdefault((sample.key, sample.value), []).append(sample)
    return [
        Produced(record, expected(waiting[record.key, record.value].pop(0), accepted)) for record in records
    ]


def secrets_of(samples: Iterable[Sample]) -> frozenset[str]:
    """Return the users, payment ids and amounts that must not stand in any text of the service."""
    found: set[str] = set()
    for sample in samples:
        if sample.event is not None:
            money = sample.event["amount"]
            names = (sample.event["user_id"], sample.event["payment_id"])
            found.update(str(name) for name in names if name)
            found.update(_written(money))
    return frozenset(secret for secret in found if len(secret.strip()) >= _SHORTEST_SECRET)


def _written(money: object) -> Iterable[str]:
    """Yield an amount as a careless text would have it: in minor and in major units."""
    if isinstance(money, Mapping) and money["currency"] in _DIGITS:
        yield str(money["minor_units"])
        yield str(_major(money))


def _capture(event: Mapping[str, object], revenue: Revenue) -> Mapping[str, object]:
    attributes = {name: value for name, value in _items_of(event["attributes"]) if _sendable(name, value)}
    data = {**(_ecommerce(event, revenue) if revenue.labelled else {}), **attributes}
    return {
        "user_id": revenue.user_id,
        "payment_id": revenue.payment_id,
        "amount": revenue.amount,
        "type": revenue.type,
        "status": "PAYMENT_COMPLETED",
        **({"event_data": data} if data else {}),
    }


def _ecommerce(event: Mapping[str, object], revenue: Revenue) -> Mapping[str, object]:
    grouped = event["content_type"] == "PRODUCT_GROUP"
    lines = event["items"]
    assert isinstance(lines, Sequence)
    ids = [line["group_id" if grouped else "id"] for line in lines]
    order = event["order_id"]
    return {
        "item_group_ids" if grouped else "content_ids": list(dict.fromkeys(ids)),
        "contents": [
            {"id": name, "quantity": line["quantity"], "item_price": _major(line["unit_price"])}
            for name, line in zip(ids, lines, strict=True)
        ],
        "content_type": "product_group" if grouped else "product",
        "num_items": sum(line["quantity"] for line in lines),
        "value": revenue.amount,
        "currency": revenue.currency,
        "order_id": order if str(order or "").strip() else revenue.payment_id,
    }


def _items_of(attributes: object) -> Iterable[tuple[str, object]]:
    """Yield the attributes, their doubles as the exact decimals that JSON writes."""
    assert isinstance(attributes, Mapping)
    for name, value in attributes.items():
        yield name, Decimal(repr(value)) if isinstance(value, float) and isfinite(value) else value


def _sendable(name: str, value: object) -> bool:
    return value is not None and not isinstance(value, float) and name not in _RESERVED


def _major(money: Mapping[str, object]) -> Decimal:
    digits = money["fraction_digits"]
    given = _DIGITS[str(money["currency"])] if digits is None else int(str(digits))
    return Decimal(str(money["minor_units"])).scaleb(-given)
