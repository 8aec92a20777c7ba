"""What happens in the life of a made-up payment platform: the scenes that sample events come from.

One seed gives one story, event for event. A scene is a few events of one payment, in order; a table says how
often each is played. Events are plain dicts in the shape of ``schemas/payment-event.avsc``.
"""

import random
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from consumer.lab.story import CURRENCIES, FOREIGN, Event, Open, Story

#: What can be wrong with the last line of an order in INR: the content type, and the line's fields.
_ORDER_MISTAKES: Final[tuple[tuple[str, Event], ...]] = (
    ("PRODUCT", {"id": " "}),
    ("PRODUCT", {"quantity": 0}),
    ("PRODUCT", {"unit_price": None}),
    ("PRODUCT_GROUP", {"group_id": None}),
    ("PRODUCT_GROUP", {"unit_price": {"minor_units": 100, "currency": "USD", "fraction_digits": None}}),
)
_OPEN_PAYMENTS: Final = 64


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
