"""Erasure of a user: the one call of this service that removes by user_id, and how a record becomes it.

``POST /remove-payment`` with a ``user_id`` deletes all payments of that user, and nothing brings them back.
So this call is in none of the unions that payment events and mappings end in (``Intent``, ``Call``): neither
can express it. Only a record ``revenue.v1.UserErasure`` from the erasure topic becomes one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from consumer.core.meaning.fields import Fields, InvalidField
from consumer.core.meaning.intents import Action, DeadLetterReason, Reject, Skip, SkipReason


@dataclass(frozen=True, slots=True)
class EraseUser:
    """``POST /remove-payment`` for all payments of a user. The body is the user_id and nothing else, ever."""

    user_id: str


@dataclass(frozen=True, slots=True)
class PlannedErasure:
    """An erasure that is ready to be sent. ``body`` is made once and sent at every try."""

    call: EraseUser
    body: bytes

    @property
    def action(self) -> Action:
        """What the API does: its answers mean what they mean to any remove."""
        return Action.REMOVE

    @property
    def path(self) -> str:
        """The path under the API's base URL."""
        return "/remove-payment"


ErasurePlan: TypeAlias = PlannedErasure | Skip | Reject


def plan(record: Mapping[str, object] | None) -> ErasurePlan:
    """Return the call that a decoded ``UserErasure`` becomes, or why there is none; None is a tombstone.

    The id is sent verbatim; a blank one is an invalid event. Pure, and never raises.
    """
    if record is None:
        return Skip(SkipReason.TOMBSTONE)
    try:
        call = EraseUser(Fields(record).filled_text("user_id"))
        return PlannedErasure(call, _ENCODER.encode({"user_id": call.user_id}))
    except InvalidField as wrong:
        return Reject(DeadLetterReason.INVALID_EVENT, str(wrong))
    except UnicodeEncodeError:
        return Reject(DeadLetterReason.INVALID_EVENT, "a text has no UTF-8 form")


_ENCODER: Final = msgspec.json.Encoder()
