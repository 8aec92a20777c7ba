"""``event_data`` of a captured payment: Meta's ecommerce fields, built from the items and checked.

Linkrunner hands these fields on to Meta's catalogue campaigns as a Purchase. Sources: Linkrunner's page
"Meta Commerce Manager" and the server-side classes of Meta's Business SDK (``custom_data``, ``content``).
"""

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from enum import Enum, StrEnum
from math import isfinite
from typing import Final, Self, TypeAlias

from msgspec import Struct

from consumer.core.meaning.fields import is_blank
from consumer.core.meaning.intents import Capture, ContentType, Scalar
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
    R3 = "R3", Severity.ERROR, "content_type is PRODUCT_GROUP and an item has no group_id"
    """The content type agrees with the ids: a product group is named by a group_id that is not blank."""
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


class EventData(Struct, frozen=True, gc=False):
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
        return not self.broken or all(rule.severity is Severity.WARNING for rule in self.broken)


def build(capture: Capture, original: Capture | None = None) -> EventData:
    """Return the ``event_data`` of ``capture``: ecommerce fields where it has items, and its attributes.

    ``original`` is the payment before its figures were converted, if they were: the rules are for what the
    event says, and rounding could break R4.
    """
    attributes, dropped = _attributes(capture.attributes)
    if not capture.items:
        return EventData(attributes or None, (), dropped)
    data = EventData(attributes or None, _broken(original or capture), dropped)
    if not data.is_valid:
        return data
    return EventData({**_ecommerce(capture), **attributes}, data.broken, dropped)


def _attributes(given: Mapping[str, Scalar]) -> tuple[dict[str, Json], int]:
    """Return the attributes that are sent, and how many can't be."""
    sent: dict[str, Json] = {}
    dropped = 0
    for name, value in given.items():
        if value is None:
            continue
        if len(sent) < MAX_ATTRIBUTES and _is_free(name, value):
            sent[name] = value
        else:
            dropped += 1
    return sent, dropped


def _is_free(name: str, value: Scalar) -> bool:
    """Tell whether an attribute may be sent: JSON has no NaN and no infinity."""
    if name in RESERVED or len(name) > MAX_NAME_CHARACTERS:
        return False
    if isinstance(value, str):
        return len(value) <= MAX_TEXT_CHARACTERS
    return not isinstance(value, float) or isfinite(value)


def _ecommerce(capture: Capture) -> dict[str, Json]:
    """Return the ecommerce fields of items that break no error rule."""
    is_group = capture.content_type is ContentType.PRODUCT_GROUP
    contents: list[Json] = []
    ids: dict[str, None] = {}  # each once, in the order of the items
    pieces = 0
    for item in capture.items:
        catalogue_id, price = item.group_id if is_group else item.id, item.unit_price
        if catalogue_id is None or price is None:
            continue  # R3 and R5 have let none through
        ids[catalogue_id] = None
        contents.append({"id": catalogue_id, "quantity": item.quantity, "item_price": price.amount})
        pieces += item.quantity
    has_order = capture.order_id is not None and not is_blank(capture.order_id)
    return {
        "item_group_ids" if is_group else "content_ids": list(ids),
        "contents": contents,
        "content_type": capture.content_type,
        "num_items": pieces,
        "value": capture.amount.amount,
        "currency": capture.amount.currency,
        "order_id": capture.order_id if has_order else capture.payment_id,
    }


# ------------------------------------------------------------------------- what breaks each rule


def _broken(capture: Capture) -> tuple[Rule, ...]:
    """Return the rules that the items break, each once, in order."""
    kind, currency = capture.content_type, capture.amount.currency
    broken: set[Rule] = set()
    total = _ZERO
    for item in capture.items:
        if kind is ContentType.PRODUCT and is_blank(item.id):
            broken.add(Rule.R1)
        elif kind is ContentType.PRODUCT_GROUP and is_blank(item.group_id or ""):
            broken.add(Rule.R3)
        if item.quantity < 1:
            broken.add(Rule.R2)
        price = item.unit_price
        if price is None:
            broken.add(Rule.R5)
            continue
        if price.amount < _ZERO:
            broken.add(Rule.R6)
        if price.currency != currency:
            broken.add(Rule.R7)
        total = _WIDE.fma(price.amount, item.quantity, total)
    # Only where the sum means something: every price is there, in the amount's currency.
    if broken.isdisjoint(_NO_SUM) and _is_off(capture, total):
        broken.add(Rule.R4)
    return tuple([rule for rule in Rule if rule in broken]) if broken else ()


def _is_off(capture: Capture, total: Decimal) -> bool:
    """Tell whether the amount differs from ``total`` by more than half a minor unit per line."""
    if total == capture.amount.amount:
        return False
    off = _WIDE.subtract(capture.amount.amount, total).copy_abs()
    return _WIDE.multiply(off, 2) > _WIDE.multiply(_minor_unit(capture.amount), len(capture.items))


def _minor_unit(money: Money) -> Decimal:
    """Return the smallest unit of the currency; 1 where ISO 4217 defines none (gold)."""
    return Decimal((0, (1,), -(exponent(money.currency) or 0)))


#: Rules whose break leaves no sum of the prices to be compared with the amount.
_NO_SUM: Final = frozenset({Rule.R5, Rule.R7})
_ZERO: Final = Decimal(0)
#: The thread's context rounds to 28 digits; 19-digit prices times 10-digit quantities, added up, fit here.
_WIDE: Final = Context(prec=100)
