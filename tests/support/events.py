"""Canonical events for tests: decoded records as plain dicts, one by one and at random."""

from datetime import UTC, datetime
from typing import Final, TypeAlias

from hypothesis import strategies as st

Event: TypeAlias = dict[str, object]

OCCURRED_AT: Final = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
CATEGORIES: Final = (
    "UNKNOWN",
    "DEFAULT",
    "ONE_TIME",
    "RECURRING",
    "SUBSCRIPTION_CREATED",
    "SUBSCRIPTION_RENEWED",
    "FIRST_PAYMENT",
    "SECOND_PAYMENT",
)
#: Every event with a user names this one, so that a body can be searched for it.
USER: Final = "user-that-must-not-be-wiped"


def money(minor_units: int, currency: str = "INR", fraction_digits: int | None = None) -> Event:
    """Return a decoded ``Money``."""
    return {"minor_units": minor_units, "currency": currency, "fraction_digits": fraction_digits}


def line(
    item_id: str = "SKU-1", quantity: int = 1, price: Event | None = None, group: str | None = None
) -> Event:
    """Return a decoded ``LineItem``."""
    return {"id": item_id, "group_id": group, "quantity": quantity, "unit_price": price}


def payment_event(**fields: object) -> Event:
    """Return a decoded ``PaymentEvent``, a completed payment of 499.00 INR but for ``fields``."""
    event: Event = {
        "event_id": "evt-1",
        "kind": "PAYMENT",
        "status": "COMPLETED",
        "payment_id": "pay-1",
        "attempt_id": None,
        "user_id": USER,
        "amount": money(49_900),
        "original_amount": None,
        "cumulative_refunded": None,
        "category": "DEFAULT",
        "occurred_at": OCCURRED_AT,
        "order_id": None,
        "items": [],
        "content_type": "PRODUCT",
        "attributes": {},
    }
    assert fields.keys() <= event.keys(), "a test names a field that the schema does not have"
    return event | fields


# ------------------------------------------------------------------------------------- at random

LONGS: Final = st.integers(-(2**63), 2**63 - 1)
_INTS: Final = st.integers(-(2**31), 2**31 - 1)
_CURRENCIES: Final = st.sampled_from(["INR", "USD", "JPY", "KWD", "CLF", "XAU", "inr", "ZZZ", ""])
_TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_MONEYS: Final = st.builds(money, LONGS, _CURRENCIES, st.none() | st.integers(-1, 20))
_LINES: Final = st.builds(line, _TEXTS, _INTS, st.none() | _MONEYS, st.none() | _TEXTS)
_SCALARS: Final = st.none() | st.booleans() | LONGS | st.floats() | _TEXTS
_KEYS: Final = _TEXTS | st.sampled_from(["currency", "value", "contents", "order_id", "campaign", "user_id"])

#: Anything that the schema lets through, sensible or not.
ANY_EVENT: Final = st.builds(
    payment_event,
    event_id=_TEXTS,
    kind=st.sampled_from(
        ["UNKNOWN", "PAYMENT", "REFUND", "CHARGEBACK", "REVERSAL", "WITHDRAWAL", "WALLET_TOPUP"]
    ),
    status=st.sampled_from(["UNKNOWN", "INITIATED", "AUTHORIZED", "COMPLETED", "FAILED", "CANCELLED"]),
    payment_id=_TEXTS,
    attempt_id=st.none() | _TEXTS,
    user_id=st.sampled_from([None, USER, "", " "]),
    amount=_MONEYS,
    original_amount=st.none() | _MONEYS,
    cumulative_refunded=st.none() | _MONEYS,
    category=st.sampled_from(CATEGORIES),
    order_id=st.none() | _TEXTS,
    items=st.lists(_LINES, max_size=3),
    content_type=st.sampled_from(["PRODUCT", "PRODUCT_GROUP"]),
    attributes=st.dictionaries(_KEYS, _SCALARS, max_size=4),
)

_IDS: Final = st.text("ABCdef0123-_ ü", min_size=1, max_size=8).filter(lambda text: not text.isspace())
_SOLD: Final = st.builds(
    line, _IDS, st.integers(1, 1000), st.builds(money, st.integers(0, 10**9)), _IDS
)  # fmt: skip

#: A sale that follows all of Meta's rules.
VALID_SALE: Final = st.builds(
    payment_event,
    payment_id=_IDS,
    amount=st.builds(money, st.integers(1, 10**12)),
    order_id=st.none() | _IDS,
    items=st.lists(_SOLD, min_size=1, max_size=5),
    content_type=st.sampled_from(["PRODUCT", "PRODUCT_GROUP"]),
    attributes=st.dictionaries(_KEYS, _SCALARS, max_size=4),
)
