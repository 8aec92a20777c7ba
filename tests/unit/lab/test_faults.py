"""Which call a scripted fault meets: by count, share, payment, action and time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.lab.faults import Kind, Rule, Script, Sighting, decide

CAPTURE = Sighting("capture", "pay-1")
REMOVE = Sighting("remove", "pay-1")


def met(script: Script, calls: list[Sighting], times: list[float] | None = None) -> list[str | None]:
    """Return the name of the fault that each call meets, None where it meets none."""
    counts: tuple[int, ...] = ()
    names: list[str | None] = []
    for number, call in enumerate(calls):
        decision = decide(script, counts, call, times[number] if times else 0.0)
        counts = decision.counts
        names.append(decision.rule.name if decision.rule else None)
    return names


def test_first_meets_so_many_calls_and_no_more() -> None:
    """A rule with ``first`` meets that many calls, then none."""
    script = Script((Rule(Kind.RESET, first=2),))
    assert met(script, [CAPTURE] * 4) == ["reset", "reset", None, None]


def test_after_lets_calls_pass_before_the_first_is_met() -> None:
    """A rule with ``after`` lets so many calls pass, and counts ``first`` from there."""
    script = Script((Rule(Kind.RESET, after=1, first=2),))
    assert met(script, [CAPTURE] * 5) == [None, "reset", "reset", None, None]


def test_a_rule_counts_only_calls_that_no_earlier_rule_took() -> None:
    """Rules with ``first`` follow one another."""
    script = Script((Rule(Kind.RESET, first=1), Rule(Kind.GARBAGE, first=1)))
    assert met(script, [CAPTURE] * 3) == ["reset", "garbage", None]


def test_action_and_payment_are_both_asked() -> None:
    """A rule for removals of one payment meets nothing else, and does not count it either."""
    script = Script((Rule(Kind.RESET, action="remove", payments=frozenset({"pay-1"}), first=1),))
    calls = [CAPTURE, Sighting("remove", "pay-2"), Sighting("remove", None), REMOVE, REMOVE]
    assert met(script, calls) == [None, None, None, "reset", None]


def test_a_window_is_open_from_its_start_and_closed_at_its_end() -> None:
    """``from=5 for=20`` meets calls at 5 s and up to, but not at, 25 s."""
    script = Script((Rule(Kind.STATUS, status=401, start=5, length=20),))
    times = [4.9, 5.0, 24.9, 25.0]
    assert met(script, [CAPTURE] * 4, times) == [None, "401", "401", None]


def test_a_window_without_an_end_stays_open() -> None:
    """``from`` alone has no end."""
    script = Script((Rule(Kind.STATUS, status=401, start=5),))
    assert met(script, [CAPTURE] * 2, [4.0, 1e9]) == [None, "401"]


def test_a_share_is_about_that_share_and_the_same_for_a_seed() -> None:
    """Of 2000 calls about a tenth is met, the same ones again for the same seed, others for another."""
    rules = (Rule(Kind.RESET, share=0.1),)
    one, again, other = (met(Script(rules, seed), [CAPTURE] * 2000) for seed in (7, 7, 8))
    assert one == again
    assert one != other
    assert 150 < one.count("reset") < 250


@given(st.integers(), st.integers(min_value=0, max_value=50))
def test_a_share_of_all_meets_all_and_of_none_none(seed: int, calls: int) -> None:
    """The ends of the scale are exact whatever the seed."""
    assert met(Script((Rule(Kind.RESET),), seed), [CAPTURE] * calls) == ["reset"] * calls
    assert met(Script((Rule(Kind.RESET, share=0.0),), seed), [CAPTURE] * calls) == [None] * calls


def test_no_rules_meet_nothing() -> None:
    """An empty script leaves every call alone."""
    assert met(Script(), [CAPTURE, REMOVE]) == [None, None]


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (Rule(Kind.STATUS, status=503), "503"),
        (Rule(Kind.STATUS, status=200, html=True), "200-html"),
        (Rule(Kind.RESET, applied=True), "reset"),
        (Rule(Kind.SLOW_BODY, seconds=1), "slow-body"),
    ],
)
def test_faults_are_named_in_the_log(rule: Rule, name: str) -> None:
    """A status is named by its number, everything else by its kind."""
    assert rule.name == name
