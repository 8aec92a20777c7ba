"""The demo's faults: every one is met, spread over the run, and two payments are refused for good."""

from consumer.lab.faults import Kind, Sighting, decide
from consumer.lab.mischief import REFUSALS, mischief, unmet

CALLS = 350


def test_every_kind_is_in_it_and_met_by_so_many_calls() -> None:
    """In a run of some length each rule meets calls; none is left over."""
    script = mischief(CALLS, ("pay-a", "pay-b"))
    assert {rule.kind for rule in script.rules} == set(Kind)
    counts: tuple[int, ...] = ()
    met: dict[str, int] = {}
    ids = ["pay-a", "pay-b", *(f"pay-{number}" for number in range(CALLS - 2))]
    for payment_id in ids:
        decision = decide(script, counts, Sighting("capture", payment_id), 0.0)
        counts = decision.counts
        if decision.rule:
            met[decision.rule.name] = met.get(decision.rule.name, 0) + 1
    assert unmet(script, met) == ()
    assert sum(met.values()) < CALLS / 4


def test_a_fault_that_nobody_met_is_told() -> None:
    """What did not happen can't have been survived."""
    script = mischief(CALLS, ("pay-a", "pay-b"))
    assert "garbage" in unmet(script, {})


def test_refused_payments_are_refused_at_every_try() -> None:
    """Their rules have no end."""
    script = mischief(CALLS, ("pay-a", "pay-b"))
    refusals = [rule for rule in script.rules if rule.payments]
    assert [rule.status for rule in refusals] == list(REFUSALS)
    assert all(rule.first is None and rule.share == 1 for rule in refusals)
