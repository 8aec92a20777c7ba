"""What a canonical event means: a decoded ``PaymentEvent`` becomes an intent, by the table below.

The order of reading is fixed: tombstone, kind UNKNOWN, status, kind, policy, no user, validity. The first
that applies decides, so an event that is skipped is not validated further. (A zero amount comes last, in
``consumer.core.calls.plan``.) Pure: the same event gives the same intent at every redelivery.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, NamedTuple, TypeAlias, assert_never

from msgspec import Struct

from consumer.core.meaning.fields import Fields, InvalidField, is_blank
from consumer.core.meaning.intents import (
    Action,
    Capture,
    ContentType,
    DeadLetterReason,
    Intent,
    Item,
    PaymentStatus,
    PaymentType,
    Reject,
    Remove,
    Skip,
    SkipReason,
)
from consumer.core.meaning.money import Money
from consumer.core.meaning.refunds import Incomparable, PartialRefunds, is_full, unless_full


class Kind(StrEnum):
    """``kind`` of a ``PaymentEvent``: what happened."""

    UNKNOWN = "UNKNOWN"
    PAYMENT = "PAYMENT"
    REFUND = "REFUND"
    CHARGEBACK = "CHARGEBACK"
    REVERSAL = "REVERSAL"
    WITHDRAWAL = "WITHDRAWAL"
    WALLET_TOPUP = "WALLET_TOPUP"


class Status(StrEnum):
    """``status`` of a ``PaymentEvent``: how far its kind has come."""

    UNKNOWN = "UNKNOWN"
    INITIATED = "INITIATED"
    AUTHORIZED = "AUTHORIZED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class LifecyclePolicy:
    """What the operator decides about events that the API has no single right answer for.

    ``capture_statuses`` may hold INITIATED, FAILED and CANCELLED: such payments are then captured under an
    id of their own, because the API keeps only the first record of an id.
    """

    partial_refunds: PartialRefunds = "keep"
    capture_statuses: frozenset[Status] = frozenset()
    wallet_topups: Literal["capture", "skip"] = "capture"
    withdrawals: Literal["skip", "capture"] = "skip"


def interpret(event: Mapping[str, object] | None, policy: LifecyclePolicy) -> Intent:
    """Return what ``event`` means; None is a tombstone.

    ``event`` is a record of ``schemas/payment-event.avsc`` as fastavro decodes it: enums as strings,
    ``occurred_at`` as an aware datetime. Never raises: a senseless event is a ``Reject``.
    """
    if event is None:
        return Skip(SkipReason.TOMBSTONE)
    fields = Fields(event)
    action = Action.NONE
    try:
        decision = _decide(fields, policy)
        match decision:
            case Skip() | Reject():
                return decision
            case _CaptureAs():
                action = Action.CAPTURE
                return _capture(fields, decision)
            case _RemoveIt():
                action = Action.REMOVE
                return Remove(payment_id=fields.filled_text("payment_id"))
            case _:
                assert_never(decision)
    except InvalidField as wrong:
        return Reject(DeadLetterReason.INVALID_EVENT, str(wrong), action)


# ---------------------------------------------------------------- decisions: the cells of the table


class _CaptureAs(Struct, frozen=True, gc=False):
    """Capture with this type and status; ``suffix`` gives the payment an id of its own."""

    type: PaymentType
    status: PaymentStatus = PaymentStatus.COMPLETED
    suffix: str | None = None


@dataclass(frozen=True, slots=True)
class _RemoveIt:
    """Remove the payment."""


_Decision: TypeAlias = _CaptureAs | _RemoveIt | Skip | Reject
_Decide: TypeAlias = Callable[[Fields, LifecyclePolicy], _Decision]


def _capture_by_category(fields: Fields, _: LifecyclePolicy) -> _Decision:
    """Revenue: the category is the type."""
    return _CaptureAs(fields.choice("category", _TYPES))


def _capture_if_opted_in(fields: Fields, policy: LifecyclePolicy) -> _Decision:
    """No revenue (yet): sent on request, under an id that can't swallow the revenue's."""
    status = fields.choice("status", Status.__members__)
    if status not in policy.capture_statuses:
        return Skip(SkipReason.STATUS)
    return _CaptureAs(fields.choice("category", _TYPES), PaymentStatus[status], suffix=status.lower())


def _capture_topup(_: Fields, policy: LifecyclePolicy) -> _Decision:
    """Money into a wallet: counted unless what is bought from the wallet is."""
    if policy.wallet_topups == "skip":
        return Skip(SkipReason.WALLET_TOPUP)
    return _CaptureAs(PaymentType.WALLET_TOPUP)


def _capture_withdrawal(_: Fields, policy: LifecyclePolicy) -> _Decision:
    """Money out of a wallet: no revenue unless the operator says so."""
    if policy.withdrawals == "skip":
        return Skip(SkipReason.WITHDRAWAL)
    return _CaptureAs(PaymentType.FUNDS_WITHDRAWAL)


def _remove_if_full(fields: Fields, policy: LifecyclePolicy) -> _Decision:
    """Money given back: all of it removes the payment, a part of it meets the policy."""
    return unless_full(_is_full(fields), policy.partial_refunds) or _RemoveIt()


def _skip_status(_: Fields, __: LifecyclePolicy) -> _Decision:
    """Not settled, or settled without money."""
    return Skip(SkipReason.STATUS)


def _skip_kind(_: Fields, __: LifecyclePolicy) -> _Decision:
    """Not known to this reader: the producer is newer."""
    return Skip(SkipReason.KIND)


# ------------------------------------------------------------------------------------- the table


class Row(NamedTuple):
    """One row: for these kinds in these states, ``becomes`` decides; ``told`` says what in words."""

    kinds: tuple[Kind, ...]
    statuses: tuple[Status, ...]
    becomes: _Decide
    told: str


_PAYMENT = (Kind.PAYMENT,)
_TOPUP = (Kind.WALLET_TOPUP,)
_WITHDRAWAL = (Kind.WITHDRAWAL,)
_GIVEN_BACK = (Kind.REFUND, Kind.REVERSAL, Kind.CHARGEBACK)
_COMPLETED = (Status.COMPLETED,)
_OPT_IN = (Status.INITIATED, Status.FAILED, Status.CANCELLED)
_ANY = tuple(Status)

#: The first row that fits decides; together the rows cover every kind in every status.
LIFECYCLE: Final = (
    Row((Kind.UNKNOWN,), _ANY, _skip_kind, "a kind that this version does not know: skipped"),
    Row(_PAYMENT, _COMPLETED, _capture_by_category, "revenue: captured, its type is the category"),
    Row(_PAYMENT, _OPT_IN, _capture_if_opted_in, "no revenue (yet): by lifecycle.capture_statuses"),
    Row(_TOPUP, _COMPLETED, _capture_topup, "money into a wallet: by lifecycle.wallet_topups"),
    Row(_WITHDRAWAL, _COMPLETED, _capture_withdrawal, "money out of a wallet: by lifecycle.withdrawals"),
    Row(
        _GIVEN_BACK,
        _COMPLETED,
        _remove_if_full,
        "given back: all of it removes the payment, a part is by lifecycle.partial_refunds",
    ),
    Row(tuple(Kind), _ANY, _skip_status, "not settled, or settled without money: skipped"),
)

_BECOMES: Final[Mapping[tuple[Kind, Status], _Decide]] = {
    (kind, status): row.becomes
    for row in reversed(LIFECYCLE)  # so that the first row that fits is the last one written
    for kind in row.kinds
    for status in row.statuses
}

#: ``type`` is half of the API's deduplication key: a pure function of the event, never of what came before.
_TYPES: Final[Mapping[str, PaymentType]] = {
    "UNKNOWN": PaymentType.DEFAULT,
    "DEFAULT": PaymentType.DEFAULT,
    "ONE_TIME": PaymentType.ONE_TIME,
    "RECURRING": PaymentType.RECURRING,
    "SUBSCRIPTION_CREATED": PaymentType.SUBSCRIPTION_CREATED,
    "SUBSCRIPTION_RENEWED": PaymentType.SUBSCRIPTION_RENEWED,
    "FIRST_PAYMENT": PaymentType.FIRST_PAYMENT,
    "SECOND_PAYMENT": PaymentType.SECOND_PAYMENT,
}


def _decide(fields: Fields, policy: LifecyclePolicy) -> _Decision:
    """Return the table's cell for the event; the status of an unknown kind is not read."""
    kind = fields.choice("kind", Kind.__members__)
    status = Status.UNKNOWN if kind is Kind.UNKNOWN else fields.choice("status", Status.__members__)
    return _BECOMES[kind, status](fields, policy)


def _is_full(fields: Fields) -> bool:
    """Tell whether all that was captured is given back; no ``original_amount`` asserts it.

    Raises InvalidField where the two amounts can't be compared: the answer would be a guess.
    """
    if fields.is_null("original_amount"):
        return True
    original = _not_negative(fields, "original_amount")
    name = "amount" if fields.is_null("cumulative_refunded") else "cumulative_refunded"
    try:
        return is_full(_not_negative(fields, name), original)
    except Incomparable as wrong:
        raise InvalidField(f"{name} {wrong}") from wrong


# ------------------------------------------------------------------------------------- captures


def _capture(fields: Fields, decided: _CaptureAs) -> Capture | Skip:
    """Return the capture, checked; a guest's payment is a skip."""
    if fields.is_null("user_id"):
        return Skip(SkipReason.NO_USER, Action.CAPTURE)
    return Capture(
        user_id=fields.filled_text("user_id"),
        payment_id=_payment_id(fields, decided.suffix),
        amount=_not_negative(fields, "amount"),
        type=decided.type,
        status=decided.status,
        occurred_at=fields.moment("occurred_at"),
        order_id=fields.optional_text("order_id"),
        items=tuple([_item(line) for line in fields.records("items")]),
        content_type=fields.choice("content_type", ContentType.__members__),
        attributes=fields.scalars("attributes"),
    )


def _payment_id(fields: Fields, suffix: str | None) -> str:
    """Return the payment's id verbatim, or ``<id>:<suffix>:<attempt>`` for one that is not the revenue."""
    payment_id = fields.filled_text("payment_id")
    if suffix is None:
        return payment_id
    attempt = fields.optional_text("attempt_id")
    if attempt is None or is_blank(attempt):
        attempt = fields.filled_text("event_id")
    return f"{payment_id}:{suffix}:{attempt}"


def _not_negative(fields: Fields, name: str) -> Money:
    """Return an amount that is zero or more."""
    money = fields.money(name)
    if money.amount < 0:
        raise InvalidField(f"{name} is negative")
    return money


def _item(line: Fields) -> Item:
    """Return one line of the order as it is: the catalogue rules judge it later."""
    return Item(
        id=line.text("id"),
        quantity=line.integer("quantity"),
        group_id=line.optional_text("group_id"),
        unit_price=_price(line),
    )


def _price(line: Fields) -> Money | None:
    """Return the price of one piece; an unreadable one counts as missing, it must not cost the revenue."""
    if line.is_null("unit_price"):
        return None
    try:
        return line.money("unit_price")
    except InvalidField:
        return None
