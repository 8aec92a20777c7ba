"""A reconciliation agrees when everything does, and names each planted difference."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from consumer.lab.expectation import Expectation, Revenue
from consumer.lab.ledger import Payment
from consumer.lab.reconciliation import Observation, Report, reconcile


def in_ledger(
    payment_id: str, amount: str = "10.05", kind: str = "DEFAULT", currency: str | None = None
) -> Payment:
    """Return a payment of the ledger."""
    return Payment(1, kind, payment_id, "u", Decimal(amount), "PAYMENT_COMPLETED", currency)


def expectation() -> Expectation:
    """Return what is expected throughout: two payments, a removed one, a skip and a dead letter."""
    expected = Expectation(frozenset({"INR", "USD"}))
    for payment_id, currency, labelled in (("a", "INR", False), ("b", "USD", True)):
        expected.recorded["DEFAULT", payment_id] = Revenue(
            payment_id, "DEFAULT", "u", Decimal("10.05"), currency, labelled
        )
    expected.removed.append(Revenue("c", "DEFAULT", "u", Decimal("10.05"), "INR", labelled=False))
    expected.skipped["status"] = 3
    expected.dead_letters["undecodable"] = 2
    return expected


@dataclass(frozen=True, slots=True)
class Found:
    """What is found, as lists and dicts that a test can change."""

    recorded: tuple[Payment, ...] = (in_ledger("a"), in_ledger("b", currency="USD"))
    removed: tuple[Payment, ...] = (in_ledger("c"),)
    skipped: tuple[tuple[str, int], ...] = (("status", 3), ("kind", 0))
    dead_letters: tuple[tuple[str, int], ...] = (("undecodable", 2),)
    outcomes: tuple[tuple[str, int], ...] = (("applied", 3), ("duplicate", 9))
    offsets: tuple[int, int] = (10, 10)

    def report(self) -> Report:
        """Reconcile it with the expectation."""
        return reconcile(
            expectation(),
            Observation(
                self.recorded,
                self.removed,
                dict(self.outcomes),
                dict(self.dead_letters),
                dict(self.skipped),
                {0: self.offsets},
            ),
        )


def test_equal_accounts_agree() -> None:
    """Without a difference every row agrees, and sums are by the currency of the event."""
    report = Found().report()
    assert report.differences == ()
    assert report.agrees
    assert all(row.agrees for row in report.rows)
    captured = {row.detail: row.found_sum for row in report.rows if row.outcome == "captured"}
    assert captured == {"INR": Decimal("10.05"), "USD": Decimal("10.05")}


@pytest.mark.parametrize(
    ("plant", "difference"),
    [
        (lambda f: replace(f, recorded=f.recorded[:1]), "captured 'b' (DEFAULT): missing"),
        (
            lambda f: replace(f, recorded=(*f.recorded, in_ledger("a", kind="RECURRING"))),
            "captured 'a' (RECURRING): unexpected",
        ),
        (
            lambda f: replace(f, recorded=(in_ledger("a", "10.06"), f.recorded[1])),
            "captured 'a' (DEFAULT): amount is 10.06, expected 10.05",
        ),
        (
            lambda f: replace(f, recorded=(in_ledger("a", currency="XXX"), f.recorded[1])),
            "captured 'a' (DEFAULT): currency in event_data is XXX, expected None",
        ),
        (
            lambda f: replace(f, recorded=(replace(f.recorded[0], user_id="v"), f.recorded[1])),
            "captured 'a' (DEFAULT): user is v, expected u",
        ),
        (
            lambda f: replace(f, recorded=(*f.recorded, in_ledger("c"))),
            "captured 'c' (DEFAULT): unexpected",
        ),
        (lambda f: replace(f, removed=()), "removed 'c' (DEFAULT): missing"),
        (lambda f: replace(f, skipped=(("status", 2),)), "skipped status: expected 3, found 2"),
        (lambda f: replace(f, skipped=(*f.skipped, ("no_user", 1))), "skipped no_user: expected 0, found 1"),
        (lambda f: replace(f, dead_letters=()), "dead letter undecodable: expected 2, found 0"),
        (
            lambda f: replace(f, outcomes=(*f.outcomes, ("malformed", 1))),
            "wrong call malformed: expected 0, found 1",
        ),
        (
            lambda f: replace(f, outcomes=(*f.outcomes, ("unknown_path", 2))),
            "wrong call unknown_path: expected 0, found 2",
        ),
        (lambda f: replace(f, offsets=(9, 10)), "partition 0: committed 9 of 10"),
        (lambda f: replace(f, offsets=(11, 10)), "partition 0: committed 11 of 10"),
    ],
)
def test_a_planted_difference_is_named(plant: Callable[[Found], Found], difference: str) -> None:
    """One thing missing, doubled or off by a cent is found, named, and shown in a row or alone."""
    report = plant(Found()).report()
    assert report.differences == (difference,)
    assert not report.agrees


def test_differences_that_cancel_out_in_a_sum_are_found() -> None:
    """A cent too much here and too little there leaves the sum right and the payments wrong."""
    found = replace(Found(), recorded=(in_ledger("a", "10.06"), in_ledger("b", "10.04", currency="USD")))
    assert len(found.report().differences) == 2
