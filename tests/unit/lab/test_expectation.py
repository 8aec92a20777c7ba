"""The oracle on cases written by hand, from the documentation of the schema and the API."""

from decimal import Decimal

import pytest

from consumer.lab.expectation import (
    DeadLetter,
    Expectation,
    Fate,
    Removal,
    Revenue,
    Skipped,
    fate_of,
)
from consumer.lab.samples import Mishap, Sample
from consumer.lab.story import Event

ACCEPTED = frozenset({"INR", "JPY", "KWD"})


def money(minor_units: int, currency: str = "INR", fraction_digits: int | None = None) -> Event:
    """Return an amount."""
    return {"minor_units": minor_units, "currency": currency, "fraction_digits": fraction_digits}


def line(**fields: object) -> Event:
    """Return a good line of an order, but for ``fields``."""
    return {"id": "SKU", "group_id": "G", "quantity": 1, "unit_price": money(100), **fields}


def sample(**fields: object) -> Sample:
    """Return a completed payment of 499.00 INR, but for ``fields``."""
    event: Event = {
        "event_id": "e",
        "kind": "PAYMENT",
        "status": "COMPLETED",
        "payment_id": "p",
        "user_id": "u",
        "amount": money(49900),
        "original_amount": None,
        "cumulative_refunded": None,
        "category": "DEFAULT",
        "items": [],
        "content_type": "PRODUCT",
        **fields,
    }
    return Sample(b"p", b"", event)


def revenue(
    amount: str = "499.00", currency: str = "INR", kind: str = "DEFAULT", *, labelled: bool = False
) -> Fate:
    """Return the revenue of payment ``p``."""
    return Revenue("p", kind, "u", Decimal(amount), currency, labelled)


@pytest.mark.parametrize(
    ("record", "fate"),
    [
        (sample(), revenue()),
        (sample(category="UNKNOWN"), revenue(kind="DEFAULT")),
        (sample(category="RECURRING"), revenue(kind="RECURRING")),
        (sample(kind="WALLET_TOPUP", category="RECURRING"), revenue(kind="WALLET_TOPUP")),
        (sample(amount=money(500, "JPY")), revenue("500", "JPY")),
        (sample(amount=money(1234, "KWD")), revenue("1.234", "KWD")),
        (sample(amount=money(12345, "INR", 4)), revenue("1.2345")),
        (sample(items=[line()]), revenue(labelled=True)),
        (sample(items=[line()], content_type="PRODUCT_GROUP"), revenue(labelled=True)),
        (sample(items=[line(), line(unit_price=None)]), revenue()),
        (sample(items=[line(quantity=0)]), revenue()),
        (sample(items=[line(id=" ")]), revenue()),
        (sample(items=[line(id=" ")], content_type="PRODUCT_GROUP"), revenue(labelled=True)),
        (sample(items=[line(group_id=None)], content_type="PRODUCT_GROUP"), revenue()),
        (sample(items=[line(unit_price=money(1, "JPY"))]), revenue()),
        (sample(items=[line(unit_price=money(-1))]), revenue()),
    ],
)
def test_what_is_paid_is_revenue(record: Sample, fate: Fate) -> None:
    """A completed payment is revenue of its exact amount; broken order lines cost only its label."""
    assert fate_of(record, ACCEPTED) == fate


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Sample(b"p", None, None, Mishap.TOMBSTONE), "tombstone"),
        (sample(kind="UNKNOWN", status="FAILED"), "kind"),
        (sample(status="INITIATED"), "status"),
        (sample(status="AUTHORIZED"), "status"),
        (sample(status="UNKNOWN"), "status"),
        (sample(kind="WITHDRAWAL", status="FAILED"), "status"),
        (sample(kind="WITHDRAWAL"), "withdrawal"),
        (sample(kind="CHARGEBACK", status="INITIATED"), "status"),
        (sample(kind="REFUND", original_amount=money(50000)), "partial_refund"),
        (sample(kind="REFUND", original_amount=money(50000), payment_id=" "), "partial_refund"),
        (
            sample(kind="REFUND", original_amount=money(50000), cumulative_refunded=money(49999)),
            "partial_refund",
        ),
        (sample(user_id=None), "no_user"),
        (sample(user_id=None, amount=money(-1)), "no_user"),
        (sample(amount=money(0)), "zero_amount"),
        (sample(amount=money(0, "CHF")), "zero_amount"),
    ],
)
def test_what_is_every_days_business_is_skipped(record: Sample, reason: str) -> None:
    """Skips have their reason, and what is skipped is not judged further."""
    assert fate_of(record, ACCEPTED) == Skipped(reason)


@pytest.mark.parametrize(
    "record",
    [
        sample(kind="REFUND"),
        sample(kind="REVERSAL", original_amount=money(49900)),
        sample(kind="CHARGEBACK", original_amount=money(4990000, "INR", 4)),
        sample(kind="REFUND", original_amount=money(60000), cumulative_refunded=money(60000)),
        sample(kind="REFUND", user_id=None),
        sample(kind="REFUND", amount=money(5, "CHF")),
    ],
)
def test_what_is_given_back_as_a_whole_is_removed(record: Sample) -> None:
    """A full refund removes its payment, whoever paid and in whatever currency."""
    assert fate_of(record, ACCEPTED) == Removal("p")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (sample(user_id=" "), "invalid_event"),
        (sample(payment_id=""), "invalid_event"),
        (sample(amount=money(-1)), "invalid_event"),
        (sample(amount=money(1, "XQZ")), "invalid_event"),
        (sample(amount=money(0, "XQZ")), "invalid_event"),
        (sample(amount=money(1, "INR", -1)), "invalid_event"),
        (sample(amount=money(1, "INR", 19)), "invalid_event"),
        (sample(kind="REFUND", payment_id="\t"), "invalid_event"),
        (sample(kind="REFUND", original_amount=money(1, "JPY")), "invalid_event"),
        (sample(amount=money(1, "CHF")), "currency_not_accepted"),
        (Sample(b"p", b"x", None, Mishap.GARBAGE), "undecodable"),
        (Sample(b"p", b"x", None, Mishap.TRAILING_BYTES), "undecodable"),
        (Sample(b"p", b"x", None, Mishap.UNKNOWN_FINGERPRINT), "unknown_schema"),
    ],
)
def test_what_is_wrong_is_a_dead_letter(record: Sample, reason: str) -> None:
    """Events that make no sense, and records that are no events, are dead letters with their reason."""
    assert fate_of(record, ACCEPTED) == DeadLetter(reason)


def test_every_mishap_has_a_fate() -> None:
    """No kind of broken record is forgotten."""
    for mishap in Mishap:
        assert isinstance(fate_of(Sample(b"", b"", None, mishap), ACCEPTED), DeadLetter | Skipped)


def added(*records: Sample, refused: frozenset[str] = frozenset()) -> Expectation:
    """Return the expectation of some records in order."""
    expectation = Expectation(ACCEPTED, refused)
    for record in records:
        expectation.add(record)
    return expectation


def test_the_first_record_wins_and_a_removal_ends_it() -> None:
    """Repeated captures count once; a refund removes what is there; a second one finds nothing."""
    refund = sample(kind="REFUND")
    expectation = added(sample(), sample(amount=money(1)), refund, refund)
    assert expectation.recorded == {}
    assert [gone.amount for gone in expectation.removed] == [Decimal("499.00")]
    assert (expectation.calls, expectation.nothing_to_remove) == (4, 1)


def test_a_removal_takes_every_type() -> None:
    """The API removes by payment_id alone."""
    expectation = added(sample(), sample(category="RECURRING"), sample(kind="REFUND"))
    assert (expectation.recorded, len(expectation.removed)) == ({}, 2)


def test_a_refused_payment_is_a_dead_letter_each_time() -> None:
    """What the API refuses for good is never recorded, and its refund finds nothing."""
    expectation = added(sample(), sample(), sample(kind="REFUND"), refused=frozenset({"p"}))
    assert (expectation.recorded, expectation.removed) == ({}, [])
    assert expectation.dead_letters == {"refused": 2}
    assert expectation.nothing_to_remove == 1
