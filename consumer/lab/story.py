"""A made-up payment platform: its dice, its currencies, its open payments, and what its events look like."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

#: An event in the shape of ``schemas/payment-event.avsc``, or a part of one.
Event: TypeAlias = Mapping[str, object]

#: Currencies of the story, with the decimal digits of their minor unit by ISO 4217.
CURRENCIES: Final = {"INR": 2, "USD": 2, "EUR": 2, "JPY": 0, "KRW": 0, "KWD": 3, "BHD": 3}
#: A currency that the story uses now and then and nobody in it accepts.
FOREIGN: Final = "CHF"
#: The story begins on 1 March 2026, 00:00 UTC; in microseconds since the epoch.
BEGINNING: Final = 1_772_323_200_000_000

_CATEGORIES: Final = (
    "DEFAULT",
    "UNKNOWN",
    "ONE_TIME",
    "RECURRING",
    "SUBSCRIPTION_CREATED",
    "SUBSCRIPTION_RENEWED",
    "FIRST_PAYMENT",
    "SECOND_PAYMENT",
)
_USERS: Final = ("user", "kundin-ä", "用户", "пользователь", "مستخدم", "user with blanks ", "😀")
_STEP_MICROS: Final = 1_000_000


@dataclass(slots=True)
class Open:
    """A captured payment that may still be given back. ``refunded`` is in minor units."""

    event: Event
    amount: int
    refunded: int = 0


@dataclass(slots=True)
class Story:
    """The state of the platform: its dice, how much has happened, and the payments that may be refunded."""

    dice: random.Random
    seed: int
    happened: int = 0
    open: list[Open] = field(default_factory=list)

    def event(self, **fields: object) -> Event:
        """Return a new event: a completed payment of a new id, but for ``fields``."""
        self.happened += 1
        number = self.happened
        return {
            "event_id": f"evt-{self.seed}-{number}",
            "kind": "PAYMENT",
            "status": "COMPLETED",
            "payment_id": f"pay-{self.seed}-{number}",
            "attempt_id": None,
            "user_id": f"{self.dice.choice(_USERS)}-{self.dice.randrange(500)}",
            "amount": self.money(),
            "original_amount": None,
            "cumulative_refunded": None,
            "category": self.dice.choice(_CATEGORIES),
            "occurred_at": BEGINNING + number * _STEP_MICROS,
            "order_id": None,
            "items": [],
            "content_type": "PRODUCT",
            "attributes": {},
            **fields,
        }

    def money(self, minor_units: int | None = None, currency: str | None = None) -> Event:
        """Return an amount: ``minor_units`` of ``currency``, each drawn where it is None."""
        return {
            "minor_units": self.dice.randint(1, 5_000_000) if minor_units is None else minor_units,
            "currency": currency or self.dice.choice(tuple(CURRENCIES)),
            "fraction_digits": None,
        }

    def items(self, currency: str, **fields: object) -> list[Event]:
        """Return one to four lines of an order; ``fields`` change the last of them."""
        lines: list[Event] = [
            {
                "id": f"SKU-{line}-{self.dice.randrange(1000)}",
                "group_id": f"GROUP-{line}",
                "quantity": self.dice.randint(1, 5),
                "unit_price": self.money(self.dice.randint(0, 90_000), currency),
            }
            for line in range(self.dice.randint(1, 4))
        ]
        lines[-1] = {**lines[-1], **fields}
        return lines
