"""``event_data`` of a captured payment: Meta's ecommerce fields, built from the items and checked.

Linkrunner hands these fields on to Meta's catalogue campaigns as a Purchase. Sources: Linkrunner's page
"Meta Commerce Manager" and the server-side classes of Meta's Business SDK (``custom_data``, ``content``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from enum import Enum, StrEnum
from itertools import islice
from math import isfinite
from typing import Final, Self, TypeAlias

from consumer.core.meaning.fields import is_blank
from consumer.core.meaning.intents import Capture, ContentType, Item, Scalar
from consumer.core.meaning.money import Money, exponent

#: What ``event_data`` may hold. Amounts are Decimals and become exact JSON numbers.
Json: TypeAlias = Scalar | Decimal | Sequence["Json"] | Mapping[str, "Json"]

#: Keys that only items may set: as an attribute, ``currency`` would relabel the revenue.
RESERVED: Final = frozenset(
    {
        "content_ids",
        "item_group_ids",
        "contents",
        "content_type",
        "num_items",
        "value",
        "currency",
        "order_id",
    }
)


#: What Linkrunner takes of event parameters: 200 keys an event, names of 128 and texts of 256 characters.
#: Source: Linkrunner's page "Event Parameters". The keys that are reserved keep their place.
MAX_ATTRIBUTES: Final = 200 - len(RESERVED)
MAX_NAME_CHARACTERS: Final = 128
MAX_TEXT_CHARACTERS: Final = 256


class Severity(Enum):
    """What a broken rule costs."""

    ERROR = "error"
    """Meta would refuse the fields or misread them: they are not sent."""
    WARNING = "warning"
    """Unusual but legal: the fields are sent, and it is counted."""


class Rule(StrEnum):
    """A rule for the items of a payment. ``meaning`` says, as a sentence's end, what breaks it."""

    severity: Severity
    meaning: str

    def __new__(cls, name: str, severity: Severity, meaning: str) -> Self:
        """Make a member whose value is its name."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.severity = severity
        member.meaning = meaning
        return member

    R1 = "R1", Severity.ERROR, "an item's id is blank"
    """Every product is named: its id is not blank. (Product groups: R3.)"""
    R2 = "R2", Severity.ERROR, "a quantity is below 1"
    """Every quantity is a whole number from 1."""
    R3 = "R3", Severity.ERROR, "content_type is unknown, or PRODUCT_GROUP and an item has no group_id"
    """The content type is known and agrees with the ids: a product group is named by a group_id."""
    R4 = "R4", Severity.WARNING, "the items' prices do not add up to the amount"
    """Prices times quantities add up to the amount, within half a minor unit per line.

    A warning only: discounts, shipping and taxes break it rightly.
    """
    R5 = "R5", Severity.ERROR, "an item has no readable unit_price"
    """Every item has a price."""
    R6 = "R6", Severity.ERROR, "a unit_price is negative"
    """No price is below zero."""
    R7 = "R7", Severity.ERROR, "a unit_price is in another currency than the amount"
    """One currency: ``event_data`` has a single ``currency``, and it labels the payment."""


@dataclass(frozen=True, slots=True)
class EventData:
    """``event_data`` of one payment, and what was wrong with its parts.

    ``fields`` is None where nothing is left to send. ``broken`` has each broken rule once, in order; with
    an error among them ``fields`` has the attributes only. ``dropped_attributes`` counts attributes that
    can't be sent (a reserved name, no finite number, above a limit); nulls are dropped without a count.
    """

    fields: Mapping[str, Json] | None
    broken: tuple[Rule, ...] = ()
    dropped_attributes: int = 0

    @property
    def is_valid(self) -> bool:
        """Tell whether no rule is broken that keeps the ecommerce fields from being sent."""
        return all(rule.severity is Severity.WARNING for rule in self.broken)


def build(capture: Capture, original: Capture | None = None) -> EventData:
    """Return the ``event_data`` of ``capture``: ecommerce fields where it has items, and its attributes.

    ``original`` is the payment before its figures were converted, if they were: the rules are for what the
    event says, and rounding could break R4.
    """
    sendable = {name: value for name, value in capture.attributes.items() if value is not None}
    free = ((name, value) for name, value in sendable.items() if _is_free(name, value))
    attributes = dict(islice(free, MAX_ATTRIBUTES))
    broken = tuple(rule for rule, breaks in _CHECKS if breaks(original or capture)) if capture.items else ()
    data = EventData(attributes or None, broken, len(sendable) - len(attributes))
    if not capture.items or not data.is_valid:
        return data
    return EventData({**_ecommerce(capture), **attributes}, data.broken, data.dropped_attributes)


def _is_free(name: str, value: Scalar) -> bool:
    """Tell whether an attribute may be sent: JSON has no NaN and no infinity."""
    if name in RESERVED or len(name) > MAX_NAME_CHARACTERS:
        return False
    if isinstance(value, str):
        return len(value) <= MAX_TEXT_CHARACTERS
    return not isinstance(value, float) or isfinite(value)


def _ecommerce(capture: Capture) -> Mapping[str, Json]:
    """Return the ecommerce fields of items that break no error rule."""
    ids_key = "item_group_ids" if capture.content_type is ContentType.PRODUCT_GROUP else "content_ids"
    ids = [_catalogue_id(capture, item) for item in capture.items]
    has_order = capture.order_id is not None and not is_blank(capture.order_id)
    return {
        ids_key: list(dict.fromkeys(ids)),
        "contents": [
            {"id": catalogue_id, "quantity": item.quantity, "item_price": price.amount}
            for catalogue_id, item, price in zip(ids, capture.items, _prices(capture), strict=True)
        ],
        "content_type": capture.content_type,
        "num_items": sum([item.quantity for item in capture.items]),
        "value": capture.amount.amount,
        "currency": capture.amount.currency,
        "order_id": capture.order_id if has_order else capture.payment_id,
    }


def _catalogue_id(capture: Capture, item: Item) -> str:
    """Return the id that names the item in the catalogue; empty where it has none."""
    return (item.group_id or "") if capture.content_type is ContentType.PRODUCT_GROUP else item.id


def _prices(capture: Capture) -> tuple[Money, ...]:
    """Return the prices that there are, in the items' order."""
    return tuple([item.unit_price for item in capture.items if item.unit_price is not None])


# ------------------------------------------------------------------------- what breaks each rule


def _has_blank_id(capture: Capture) -> bool:
    """R1."""
    if capture.content_type is not ContentType.PRODUCT:
        return False
    for item in capture.items:  # noqa: SIM110 - in these checks any() would cost more than what it asks
        if is_blank(item.id):
            return True
    return False


def _has_no_quantity(capture: Capture) -> bool:
    """R2."""
    for item in capture.items:  # noqa: SIM110
        if item.quantity < 1:
            return True
    return False


def _has_no_group(capture: Capture) -> bool:
    """R3."""
    if capture.content_type is None:
        return True
    is_group = capture.content_type is ContentType.PRODUCT_GROUP
    return is_group and any(is_blank(item.group_id or "") for item in capture.items)


def _does_not_add_up(capture: Capture) -> bool:
    """R4; only where the sum means something: every price is there, in the amount's currency."""
    total = Decimal(0)
    for item in capture.items:
        price = item.unit_price
        if price is None or price.currency != capture.amount.currency:
            return False
        total = _WIDE.fma(price.amount, item.quantity, total)
    off = _WIDE.subtract(capture.amount.amount, total).copy_abs()
    if not off:
        return False
    return _WIDE.multiply(off, 2) > _WIDE.multiply(_minor_unit(capture.amount), len(capture.items))


def _has_no_price(capture: Capture) -> bool:
    """R5."""
    for item in capture.items:  # noqa: SIM110
        if item.unit_price is None:
            return True
    return False


def _has_negative_price(capture: Capture) -> bool:
    """R6."""
    for item in capture.items:  # noqa: SIM110
        if item.unit_price is not None and item.unit_price.amount < 0:
            return True
    return False


def _mixes_currencies(capture: Capture) -> bool:
    """R7."""
    currency = capture.amount.currency
    for item in capture.items:  # noqa: SIM110
        if item.unit_price is not None and item.unit_price.currency != currency:
            return True
    return False


def _minor_unit(money: Money) -> Decimal:
    """Return the smallest unit of the currency; 1 where ISO 4217 defines none (gold)."""
    return Decimal((0, (1,), -(exponent(money.currency) or 0)))


#: The thread's context rounds to 28 digits; 19-digit prices times 10-digit quantities, added up, fit here.
_WIDE: Final = Context(prec=100)

_CHECKS: Final[tuple[tuple[Rule, Callable[[Capture], bool]], ...]] = (
    (Rule.R1, _has_blank_id),
    (Rule.R2, _has_no_quantity),
    (Rule.R3, _has_no_group),
    (Rule.R4, _does_not_add_up),
    (Rule.R5, _has_no_price),
    (Rule.R6, _has_negative_price),
    (Rule.R7, _mixes_currencies),
)
