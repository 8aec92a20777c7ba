"""What the decision not to lend rests on: the model's figures, which stand in its page."""

from pathlib import Path

import pytest

from tests.model.lending import POLICIES, RATE, Policy, play

PAGE = Path(__file__).parents[2] / "docs" / "adr" / "0014-the-rate-is-shared-by-partitions.md"


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_the_page_has_the_figures_of_the_model(policy: Policy) -> None:
    """Each line of its table is what the model says today."""
    assert play(policy).row() in PAGE.read_text(encoding="utf-8").splitlines()


def test_whoever_lends_breaks_the_limit_or_makes_others_wait() -> None:
    """Of all ways only shares keep the rate and cost a rare payment nothing; they cost the busy pod."""
    ours, *lent = map(play, POLICIES)

    assert ours.worst <= RATE + 1
    assert ours.delay < 0.1
    assert all(result.worst > RATE * 1.5 or result.delay > 1.0 for result in lent)
    assert all(result.hot > 4 * ours.hot for result in lent)
