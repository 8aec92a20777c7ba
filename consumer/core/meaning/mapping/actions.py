"""What routes do and what they may set, as tables that reading, lint, JSON Schema and closures follow."""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from consumer.core.meaning.intents import Action


class Does(StrEnum):
    """What a route makes of an event."""

    CAPTURE = "capture"
    REMOVE = "remove"
    SKIP = "skip"
    REJECT = "reject"


class Kind(Enum):
    """What a settable field wants to have."""

    ID = "a text that is not blank"
    TEXT = "a text"
    INTEGER = "a whole number"
    AMOUNT = "an amount of money"
    MOMENT = "a point in time"
    TYPE = "a type of payment"
    STATUS = "a status of a payment"
    CONTENT_TYPE = "a content type"
    SCALAR = "a text, a number or a boolean"
    ITEMS = "the lines of an order"
    ATTRIBUTES = "a map of names to values"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A settable field: what it wants, and whether a route has to set it."""

    kind: Kind
    required: bool = False


#: What each action sets; the others set nothing. A remove has no user: the API would delete all of theirs.
FIELDS: Final[dict[Does, dict[str, FieldRule]]] = {
    Does.CAPTURE: {
        "user_id": FieldRule(Kind.ID, required=True),
        "payment_id": FieldRule(Kind.ID, required=True),
        "amount": FieldRule(Kind.AMOUNT, required=True),
        "type": FieldRule(Kind.TYPE),
        "status": FieldRule(Kind.STATUS),
        "occurred_at": FieldRule(Kind.MOMENT),
        "order_id": FieldRule(Kind.TEXT),
        "items": FieldRule(Kind.ITEMS),
        "content_type": FieldRule(Kind.CONTENT_TYPE),
        "attributes": FieldRule(Kind.ATTRIBUTES),
    },
    Does.REMOVE: {
        "payment_id": FieldRule(Kind.ID, required=True),
        "amount": FieldRule(Kind.AMOUNT),
        "original_amount": FieldRule(Kind.AMOUNT),
        "cumulative_refunded": FieldRule(Kind.AMOUNT),
    },
    Does.SKIP: {},
    Does.REJECT: {},
}

#: What the lines of an order have.
ITEM_FIELDS: Final[dict[str, FieldRule]] = {
    "id": FieldRule(Kind.TEXT, required=True),
    "group_id": FieldRule(Kind.TEXT),
    "quantity": FieldRule(Kind.INTEGER, required=True),
    "unit_price": FieldRule(Kind.AMOUNT),
}

#: The fields whose values must be the same whenever the same event is read.
PURE_FIELDS: Final = frozenset(
    {
        "user_id",
        "payment_id",
        "amount",
        "original_amount",
        "cumulative_refunded",
        "type",
        "status",
        "order_id",
        "items",
        "content_type",
    }
)

#: What an event has become when its route fails, as the metrics name it.
ACTIONS: Final = {
    Does.CAPTURE: Action.CAPTURE,
    Does.REMOVE: Action.REMOVE,
    Does.SKIP: Action.NONE,
    Does.REJECT: Action.NONE,
}
