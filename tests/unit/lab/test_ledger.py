"""What the simulated API keeps, and how its limit and its log count."""

import json
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from consumer.lab.bodies import CaptureRequest, EraseRequest, RemoveRequest
from consumer.lab.ledger import Bucket, Journal, Ledger, Outcome


def payment(
    payment_id: str = "p", amount: str = "1", kind: str = "DEFAULT", currency: str | None = None
) -> CaptureRequest:
    """Return a capture of ``amount``."""
    return CaptureRequest("u", payment_id, Decimal(amount), kind, "PAYMENT_COMPLETED", currency)


def test_the_first_of_a_type_and_id_wins() -> None:
    """A second capture of the same type and id changes nothing, whatever it says."""
    ledger = Ledger()
    assert ledger.capture(payment(amount="1"), 1) is Outcome.APPLIED
    assert ledger.capture(payment(amount="2"), 2) is Outcome.DUPLICATE
    assert [(kept.amount, kept.seq) for kept in ledger.payments()] == [(Decimal(1), 1)]


def test_another_type_is_another_payment() -> None:
    """The same id under two types counts twice: the type is half of the key."""
    ledger = Ledger()
    for seq, kind in enumerate(("DEFAULT", "RECURRING")):
        assert ledger.capture(payment(kind=kind), seq) is Outcome.APPLIED
    assert len(list(ledger.payments())) == 2


def test_a_removal_takes_every_type_and_frees_the_id() -> None:
    """A removal deletes all records of the id, says so once, and a late capture comes back to life."""
    ledger = Ledger()
    ledger.capture(payment(kind="DEFAULT"), 1)
    ledger.capture(payment(kind="RECURRING"), 2)
    assert ledger.remove(RemoveRequest("p")) is Outcome.REMOVED
    assert ledger.remove(RemoveRequest("p")) is Outcome.NOTHING
    assert [gone.type for gone in ledger.removed] == ["DEFAULT", "RECURRING"]
    assert ledger.capture(payment(), 3) is Outcome.APPLIED


def test_an_erasure_takes_all_of_a_user_and_nothing_else() -> None:
    """Every payment of the user is gone, said once; those of others stay, also under the same id."""
    ledger = Ledger()
    for seq, name in enumerate(("p", "q")):
        ledger.capture(payment(name), seq)
    ledger.capture(replace(payment("p", kind="RECURRING"), user_id="other"), 2)
    assert ledger.erase(EraseRequest("u")) is Outcome.ERASED
    assert ledger.erase(EraseRequest("u")) is Outcome.NOTHING
    assert [(kept.payment_id, kept.user_id) for kept in ledger.payments()] == [("p", "other")]
    assert [gone.payment_id for gone in ledger.removed] == ["p", "q"]
    assert ledger.remove(RemoveRequest("q")) is Outcome.NOTHING


def test_totals_are_by_currency_type_and_status() -> None:
    """Payments that differ in any of the three are added up apart."""
    ledger = Ledger()
    for seq, (currency, kind) in enumerate([("INR", "DEFAULT"), ("INR", "ONE_TIME"), (None, "DEFAULT")]):
        ledger.capture(payment(str(seq), "1.10", kind, currency), seq)
        ledger.capture(payment(f"{seq}-again", "2.20", kind, currency), seq)
    assert [total.document() for total in ledger.totals()] == [
        {"currency": currency, "type": kind, "status": "PAYMENT_COMPLETED", "count": 2, "sum": "3.30"}
        for currency, kind in [(None, "DEFAULT"), ("INR", "DEFAULT"), ("INR", "ONE_TIME")]
    ]


@given(st.lists(st.decimals(min_value=0, max_value=10**18, places=6), max_size=30))
def test_sums_are_exact(amounts: list[Decimal]) -> None:
    """The sum has every digit: in millionths it is the integer sum."""
    ledger = Ledger()
    for number, amount in enumerate(amounts):
        ledger.capture(payment(str(number), str(amount)), number)
    found = sum(int(total.sum.scaleb(6)) for total in ledger.totals())
    assert found == sum(int(amount.scaleb(6)) for amount in amounts)


def test_the_log_keeps_the_body_as_it_came() -> None:
    """A line of the log is one line with the very digits of the body, even if that had line breaks."""
    journal = Journal()
    entry = journal.open("/p", 1.0)
    entry.body, entry.readable = b'{\n "amount": 1.10\r\n}', True
    line = entry.line()
    assert "\n" not in line
    assert '"amount": 1.10' in line
    assert json.loads(line)["raw"] is None


def test_the_log_shows_what_is_no_json() -> None:
    """Bytes that are no JSON are shown as text, whatever they are."""
    entry = Journal().open("/p", 1.0)
    entry.body = b'\xff"'
    line = json.loads(entry.line())
    assert (line["body"], line["raw"]) == (None, '\\xff"')


def test_the_log_counts_what_is_still_open() -> None:
    """A request without an outcome yet is pending, and ``since`` leaves the earlier ones out."""
    journal = Journal()
    journal.open("/a", 1.0).outcome = Outcome.APPLIED
    journal.open("/b", 2.0)
    assert journal.outcomes() == {"applied": 1, "pending": 1}
    assert [entry.path for entry in journal.entries(1)] == ["/b"]


def test_a_bucket_gives_its_rate_and_says_how_long_to_wait() -> None:
    """Ten at once, then one each tenth of a second, and never more than ten saved up."""
    bucket = Bucket(10)
    assert [bucket.wait(0.0) for _ in range(10)] == [0.0] * 10
    assert 0.09 < bucket.wait(0.0) <= 0.1
    assert bucket.wait(0.1) == 0.0
    assert bucket.wait(0.1) > 0
    assert [bucket.wait(100.0) == 0.0 for _ in range(11)] == [True] * 10 + [False]


def test_a_slow_bucket_holds_one() -> None:
    """Below one per second a single call is let through, then one per period."""
    bucket = Bucket(0.5)
    assert bucket.wait(0.0) == 0.0
    assert bucket.wait(1.0) > 0
    assert bucket.wait(2.0) == 0.0
