"""Calls of the Linkrunner API, and how an intent becomes one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from consumer.core.intents import PaymentStatus, PaymentType, Scalar

#: What ``event_data`` may hold. Amounts are Decimals and become exact JSON numbers.
Json: TypeAlias = Scalar | Decimal | Sequence["Json"] | Mapping[str, "Json"]


@dataclass(frozen=True, slots=True)
class CapturePayment:
    """``POST /capture-payment``. ``amount`` is in major units of one currency, exact."""

    user_id: str
    payment_id: str
    amount: Decimal
    type: PaymentType
    status: PaymentStatus
    event_data: Mapping[str, Json] | None


@dataclass(frozen=True, slots=True)
class RemovePayment:
    """``POST /remove-payment``. The body is the payment_id and nothing else, ever."""

    payment_id: str


Call: TypeAlias = CapturePayment | RemovePayment
