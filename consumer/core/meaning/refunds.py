"""Full or partial: what a refund means for the payment, the same for canonical and for mapped events.

The API can remove a payment and not a part of it, so a partial refund is the operator's decision.
"""

from typing import Literal, TypeAlias

from consumer.core.meaning.intents import DeadLetterReason, Reject, Skip, SkipReason
from consumer.core.meaning.money import Money

#: What a refund of less than the payment does: leaves it, removes it, or asks a person.
PartialRefunds: TypeAlias = Literal["keep", "remove", "dead_letter"]


class Incomparable(ValueError):
    """The two amounts are in two currencies, or one is negative: whether the refund is full is a guess."""


def is_full(refunded: Money, original: Money) -> bool:
    """Tell whether all of ``original`` is given back. Raises :class:`Incomparable`."""
    if original.amount < 0 or refunded.amount < 0:
        raise Incomparable("is negative")
    if refunded.currency != original.currency:
        raise Incomparable("is in another currency than original_amount")
    return refunded.amount >= original.amount


def unless_full(full: bool, partial_refunds: PartialRefunds) -> Skip | Reject | None:
    """Return what a refund becomes instead of a remove; None: the payment is removed."""
    if full or partial_refunds == "remove":
        return None
    if partial_refunds == "keep":
        return Skip(SkipReason.PARTIAL_REFUND)
    return Reject(DeadLetterReason.PARTIAL_REFUND, "less than original_amount was given back")
