"""Distances: what is told of a partition is so, or is not told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.partitions.distances import Standing, headroom, kept_seconds


@pytest.mark.parametrize(
    ("standing", "lag", "all_received"),
    [
        (Standing(committed=4, position=6, read=6, end=10), 6, False),
        (Standing(committed=10, position=10, read=10, end=10), 0, True),
        (Standing(committed=8, position=10, read=10, end=10), 2, True),
        (Standing(committed=8, position=10, read=None, end=10), 2, True),
        (Standing(committed=5, position=5, read=6, end=6), 0, True),
        (Standing(committed=3, position=5, read=6, end=6), 2, True),
        (Standing(committed=5, position=5, read=6, end=9), 4, False),
        (Standing(committed=12, position=12, read=12, end=10), 0, True),
        (Standing(committed=None, position=5, read=6, end=9), None, False),
        (Standing(committed=5, position=5, read=6, end=None), None, False),
        (Standing(committed=5, position=None, read=None, end=5), 0, False),
    ],
    ids=[
        "behind",
        "caught up",
        "received and not committed",
        "the client tells nothing",
        "a marker at the end",
        "a marker at the end, not all committed",
        "a marker, then records",
        "the end is an old one",
        "no commit known",
        "no end known",
        "not ours yet",
    ],
)
def test_standing(standing: Standing, lag: int | None, all_received: bool) -> None:
    """A marker of a transaction at the end is no record that waits; what is not known is not guessed."""
    assert (standing.lag, standing.all_received) == (lag, all_received)


@pytest.mark.parametrize(
    ("config", "seconds"),
    [
        ({"retention.ms": "604800000", "cleanup.policy": "delete"}, 604_800.0),
        ({"retention.ms": "1500"}, 1.5),
        ({"retention.ms": "0", "cleanup.policy": "delete"}, 0.0),
        ({"retention.ms": "-1", "cleanup.policy": "delete"}, None),
        ({"retention.ms": "1000", "cleanup.policy": "compact"}, None),
        ({"retention.ms": "1000", "cleanup.policy": "compact,delete"}, 1.0),
        ({"cleanup.policy": "delete"}, None),
        ({"retention.ms": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_a_topic_keeps(config: dict[str, str], seconds: float | None) -> None:
    """Only deletion by time counts; a compacted topic without it keeps for ever."""
    assert kept_seconds(config) == seconds


@pytest.mark.parametrize(
    ("kept", "unsettled", "oldest", "all_received", "result"),
    [
        (100.0, 1, 970.0, False, 70.0),
        (100.0, 3, 970.0, True, 70.0),
        (100.0, 1, 800.0, False, 0.0),
        (100.0, 1, 1_500.0, False, 100.0),
        (100.0, 1, None, True, None),
        (100.0, 0, None, True, 100.0),
        (100.0, 0, None, False, None),
        (None, 0, None, True, None),
        (None, 1, 970.0, True, None),
    ],
    ids=[
        "open and more to come",
        "open and all received",
        "may be gone already",
        "a clock ahead of ours",
        "without a timestamp",
        "nothing open",
        "not received yet",
        "kept for ever",
        "kept for ever, and open",
    ],
)
def test_headroom(
    kept: float | None, unsettled: int, oldest: float | None, all_received: bool, result: float | None
) -> None:
    """Retention less age; the whole retention where nothing waits; nothing where the age is not known."""
    found = headroom(kept, unsettled=unsettled, oldest=oldest, all_received=all_received, now=1_000.0)
    assert found == result


@given(st.floats(0, 1e9), st.floats(0, 2e9), st.floats(0, 2e9))
def test_headroom_is_never_beyond_its_bounds(kept: float, oldest: float, now: float) -> None:
    """Whatever the clocks say, it is between nothing and the whole retention."""
    found = headroom(kept, unsettled=1, oldest=oldest, all_received=True, now=now)
    assert found is not None
    assert 0 <= found <= kept
