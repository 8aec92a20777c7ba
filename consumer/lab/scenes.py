"""What happens in the life of a made-up payment platform: the scenes that sample events come from.

One seed gives one story, event for event. A scene is a few events of one payment, in order; a table says how
often each is played. Events are plain dicts in the shape of ``schemas/payment-event.avsc``.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

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
#: What can be wrong with the last line of an order in INR: the content type, and the line's fields.
_ORDER_MISTAKES: Final[tuple[tuple[str, Event], ...]] = (
    ("PRODUCT", {"id": " "}),
    ("PRODUCT", {"quantity": 0}),
    ("PRODUCT", {"unit_price": None}),
    ("PRODUCT_GROUP", {"group_id": None}),
    ("PRODUCT_GROUP", {"unit_price": {"minor_units": 100, "currency": "USD", "fraction_digits": None}}),
)
_OPEN_PAYMENTS: Final = 64
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


Scene: TypeAlias = Callable[[Story], list[Event]]


def events(seed: int) -> Iterator[Event]:
    """Yield the story of ``seed``, without end. Events of one payment_id stand in the order they happened."""
    # Sample data has to be the same each time, and protects nothing.
    story = Story(random.Random(seed), seed)  # noqa: S311
    scenes = tuple(SCENES)
    weights = tuple(SCENES.values())
    while True:
        yield from story.dice.choices(scenes, weights)[0](story)


def _paid(story: Story) -> list[Event]:
    """Take a payment, which may be refunded later."""
    amount = story.dice.randint(100, 5_000_000)
    event = story.event(amount=story.money(amount))
    story.open.append(Open(event, amount))
    # The oldest can no longer be refunded: what the story remembers does not grow.
    del story.open[:-_OPEN_PAYMENTS]
    return [event]


def _finely_paid(story: Story) -> list[Event]:
    """Take a payment with more decimal digits than its currency has."""
    currency = story.dice.choice(tuple(CURRENCIES))
    money = {**story.money(None, currency), "fraction_digits": CURRENCIES[currency] + 2}
    return [story.event(amount=money)]


def _bought(story: Story) -> list[Event]:
    """Take a payment with the lines of its order, as products or groups, and with attributes."""
    amount = story.money()
    return [
        story.event(
            amount=amount,
            items=story.items(str(amount["currency"])),
            content_type=story.dice.choice(("PRODUCT", "PRODUCT_GROUP")),
            order_id=story.dice.choice((None, f"order-{story.happened}")),
            attributes={"coupon": "ÅÄÖ", "first": True, "visits": 3, "score": 0.5, "campaign": None},
        )
    ]


def _relabelled(story: Story) -> list[Event]:
    """Take a payment whose attributes try to name ecommerce fields."""
    return [story.event(attributes={"currency": "XXX", "value": 1.0, "channel": "web"})]


def _badly_bought(story: Story) -> list[Event]:
    """Take a payment whose order breaks a catalogue rule: the revenue counts all the same."""
    content_type, mistake = story.dice.choice(_ORDER_MISTAKES)
    items = story.items("INR", **mistake)
    return [story.event(amount=story.money(currency="INR"), items=items, content_type=content_type)]


def _paid_in_steps(story: Story) -> list[Event]:
    """Initiate a payment, let it stumble, then let it through: all under one id."""
    steps = ("INITIATED", story.dice.choice(("FAILED", "CANCELLED", "AUTHORIZED")), "COMPLETED")
    last = story.event(status=steps[-1])
    earlier = [
        {**last, "event_id": f"{last['event_id']}-{step}", "status": step, "attempt_id": f"try-{step}"}
        for step in steps[:-1]
    ]
    return [*earlier, last]


def _stuck(story: Story) -> list[Event]:
    """Begin a payment that never goes through."""
    return [story.event(status=story.dice.choice(("INITIATED", "FAILED", "CANCELLED", "UNKNOWN")))]


def _topped_up(story: Story) -> list[Event]:
    """Top a wallet up, or fail to."""
    status = story.dice.choice(("COMPLETED", "COMPLETED", "FAILED"))
    return [story.event(kind="WALLET_TOPUP", status=status, category="UNKNOWN")]


def _withdrawn(story: Story) -> list[Event]:
    """Let a user take money out."""
    return [story.event(kind="WITHDRAWAL")]


def _new_kind(story: Story) -> list[Event]:
    """Publish a kind of event that this schema does not know."""
    return [story.event(kind="UNKNOWN")]


def _guest(story: Story) -> list[Event]:
    """Take a payment from a guest."""
    return [story.event(user_id=None)]


def _free(story: Story) -> list[Event]:
    """Start a trial: nothing is paid."""
    return [story.event(amount=story.money(0))]


def _again(story: Story) -> list[Event]:
    """Publish an earlier event a second time."""
    return [story.dice.choice(story.open).event] if story.open else []


def _given_back(story: Story) -> list[Event]:
    """Give an earlier payment back, by refund, reversal or lost chargeback, all that is left of it."""
    if not story.open:
        return []
    payment = story.open.pop(story.dice.randrange(len(story.open)))
    amount = payment.event["amount"]
    original = story.dice.choice((None, amount)) if not payment.refunded else amount
    rest = _part(payment, payment.amount - payment.refunded)
    return [_refund(story, payment, rest, original, payment.amount)]


def _partly_given_back(story: Story) -> list[Event]:
    """Give a part back, after which something is left."""
    choices = [payment for payment in story.open if payment.amount - payment.refunded > 1]
    if not choices:
        return []
    payment = story.dice.choice(choices)
    part = story.dice.randint(1, payment.amount - payment.refunded - 1)
    payment.refunded += part
    return [_refund(story, payment, _part(payment, part), payment.event["amount"], payment.refunded)]


def _disputed(story: Story) -> list[Event]:
    """Open or win a chargeback, or fail a refund: the money stays."""
    if not story.open:
        return []
    payment = story.dice.choice(story.open)
    kind, status = story.dice.choice(
        (("CHARGEBACK", "INITIATED"), ("CHARGEBACK", "CANCELLED"), ("REFUND", "FAILED"))
    )
    return [_about(story, payment, kind=kind, status=status, amount=payment.event["amount"])]


def _given_back_unseen(story: Story) -> list[Event]:
    """Give a payment back that the API never saw."""
    return [story.event(kind="REFUND", category="UNKNOWN")]


def _mixed_refund(story: Story) -> list[Event]:
    """Give back in another currency than was paid: it can't be told whether that is all."""
    return [story.event(kind="REFUND", amount=story.money(5, "USD"), original_amount=story.money(500, "INR"))]


def _senseless(story: Story) -> list[Event]:
    """Publish what the schema allows and nobody can mean."""
    mistake: Event = story.dice.choice(
        (
            {"amount": story.money(-4990)},
            {"user_id": " \t"},
            {"payment_id": ""},
            {"payment_id": "  "},
            {"amount": story.money(500, "XQZ")},
            {"amount": story.money(500, "inr")},
            {"amount": {**story.money(500), "fraction_digits": -1}},
            {"kind": "REFUND", "payment_id": " "},
        )
    )
    return [story.event(**mistake)]


def _paid_abroad(story: Story) -> list[Event]:
    """Take a payment in a currency that is not accepted."""
    return [story.event(amount=story.money(currency=FOREIGN))]


def _part(payment: Open, minor_units: int) -> Event:
    """Return an amount in the currency of ``payment``."""
    amount = payment.event["amount"]
    currency = amount["currency"] if isinstance(amount, dict) else None
    return {"minor_units": minor_units, "currency": currency, "fraction_digits": None}


def _refund(story: Story, payment: Open, amount: Event, original: object, cumulative: int) -> Event:
    """Return money given back, with the total so far where this is not the first time."""
    kind = story.dice.choice(("REFUND", "REFUND", "REVERSAL", "CHARGEBACK"))
    partial = cumulative != amount["minor_units"]
    total = _part(payment, cumulative) if partial or story.dice.choice((True, False)) else None
    return _about(
        story, payment, kind=kind, amount=amount, original_amount=original, cumulative_refunded=total
    )


def _about(story: Story, payment: Open, **fields: object) -> Event:
    """Return a new event about an earlier payment."""
    same = {name: payment.event[name] for name in ("payment_id", "user_id", "category")}
    return story.event(**{**same, **fields})


#: How often each scene is played, against the sum of all.
SCENES: Final[dict[Scene, int]] = {
    _paid: 360,
    _finely_paid: 30,
    _bought: 180,
    _relabelled: 20,
    _badly_bought: 30,
    _paid_in_steps: 40,
    _stuck: 40,
    _topped_up: 40,
    _withdrawn: 20,
    _new_kind: 10,
    _guest: 30,
    _free: 20,
    _again: 30,
    _given_back: 80,
    _partly_given_back: 40,
    _disputed: 15,
    _given_back_unseen: 10,
    _mixed_refund: 5,
    _senseless: 20,
    _paid_abroad: 10,
}
