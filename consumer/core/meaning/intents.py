"""What an event means: the seam between meaning and delivery.

The canonical schema and every mapping end in one of these four; nothing behind this seam knows which it was.
Every record makes its own, so they are msgspec's structs, which take a tenth of a frozen dataclass's time to
make. An intent is typed and complete, but not yet checked against currency and catalogue rules: that is
``consumer.core.calls.plan``.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NewType, TypeAlias

from msgspec import Struct, field

from consumer.core.meaning.money import Money

#: A free attribute of an event. None is dropped before it is sent; a Decimal is finite and is sent exactly.
Scalar: TypeAlias = bool | int | float | Decimal | str | None

#: The name of a mapping's route that skips: chosen by the operator, so no member of a closed set.
RouteName = NewType("RouteName", str)


class PaymentType(StrEnum):
    """``type`` of a captured payment: half of the API's deduplication key."""

    FIRST_PAYMENT = "FIRST_PAYMENT"
    SECOND_PAYMENT = "SECOND_PAYMENT"
    WALLET_TOPUP = "WALLET_TOPUP"
    FUNDS_WITHDRAWAL = "FUNDS_WITHDRAWAL"
    SUBSCRIPTION_CREATED = "SUBSCRIPTION_CREATED"
    SUBSCRIPTION_RENEWED = "SUBSCRIPTION_RENEWED"
    ONE_TIME = "ONE_TIME"
    RECURRING = "RECURRING"
    DEFAULT = "DEFAULT"


class PaymentStatus(StrEnum):
    """``status`` of a captured payment."""

    INITIATED = "PAYMENT_INITIATED"
    COMPLETED = "PAYMENT_COMPLETED"
    FAILED = "PAYMENT_FAILED"
    CANCELLED = "PAYMENT_CANCELLED"


class ContentType(StrEnum):
    """Whether the items of a payment name products or product groups of the catalogue."""

    PRODUCT = "product"
    PRODUCT_GROUP = "product_group"


class Action(StrEnum):
    """What an event became; ``none`` where it never became a capture or a remove."""

    CAPTURE = "capture"
    REMOVE = "remove"
    NONE = "none"


class SkipReason(StrEnum):
    """Why an event is deliberately not sent. Counted, never an error."""

    STATUS = "status"
    KIND = "kind"
    WITHDRAWAL = "withdrawal"
    WALLET_TOPUP = "wallet_topup"
    PARTIAL_REFUND = "partial_refund"
    NO_USER = "no_user"
    ZERO_AMOUNT = "zero_amount"
    TOMBSTONE = "tombstone"
    NO_ROUTE = "no_route"


class DeadLetterReason(StrEnum):
    """Why a record goes to the dead-letter topic."""

    UNDECODABLE = "undecodable"
    UNKNOWN_SCHEMA = "unknown_schema"
    INVALID_EVENT = "invalid_event"
    MAPPING = "mapping"
    REJECTED = "rejected"
    REFUSED = "refused"
    NO_RATE = "no_rate"
    CURRENCY_NOT_ACCEPTED = "currency_not_accepted"
    TOO_OLD = "too_old"
    GAVE_UP = "gave_up"
    PARTIAL_REFUND = "partial_refund"


class Item(Struct, frozen=True, gc=False):
    """One line of an order. ``unit_price`` and ``group_id`` may be missing: catalogue rules judge that."""

    id: str
    quantity: int
    group_id: str | None = None
    unit_price: Money | None = None


class Capture(Struct, frozen=True, gc=False):
    """Revenue: a payment that the API shall record. Ids are sent verbatim and are never blank.

    ``occurred_at`` is aware.
    """

    user_id: str
    payment_id: str
    amount: Money
    type: PaymentType = PaymentType.DEFAULT
    status: PaymentStatus = PaymentStatus.COMPLETED
    occurred_at: datetime | None = None
    order_id: str | None = None
    items: tuple[Item, ...] = ()
    content_type: ContentType = ContentType.PRODUCT
    attributes: Mapping[str, Scalar] = field(default_factory=dict)


class Remove(Struct, frozen=True, gc=False):
    """A payment that the API shall forget.

    There is no user field, on purpose: with one, the API would delete every payment of that user.
    """

    payment_id: str


class Skip(Struct, frozen=True, gc=False):
    """Nothing to send, and that is right. ``action`` is what the event had become when it was skipped.

    ``reason`` is the name of the route where a mapping's route skips.
    """

    reason: SkipReason | RouteName
    action: Action = Action.NONE


class Reject(Struct, frozen=True, gc=False):
    """The event is wrong and goes to the dead-letter topic.

    ``detail`` names fields, never their values; ``rules`` are the catalogue rules that were broken, if that
    is why.
    """

    reason: DeadLetterReason
    detail: str
    action: Action = Action.NONE
    rules: tuple[str, ...] = ()


Intent: TypeAlias = Capture | Remove | Skip | Reject
