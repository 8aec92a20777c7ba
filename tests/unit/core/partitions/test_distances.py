"""Distances: what is told of a partition is so, or is not told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.partitions.distances import Standing, Unread, age, headroom, kept_seconds
from consumer.core.records import Partition


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
    ("kept", "waits", "age", "result"),
    [
        (100.0, True, 30.0, 70.0),
        (100.0, True, 200.0, 0.0),
        (100.0, True, None, None),
        (100.0, False, None, 100.0),
        (None, False, None, None),
        (None, True, 30.0, None),
    ],
    ids=[
        "waits",
        "may be gone already",
        "of an age that is not known",
        "nothing waits",
        "kept for ever",
        "kept for ever, and waits",
    ],
)
def test_headroom(kept: float | None, waits: bool, age: float | None, result: float | None) -> None:
    """Retention less age; the whole retention where nothing waits; nothing where the age is not known."""
    assert headroom(kept, waits=waits, age=age) == result


@pytest.mark.parametrize(
    ("oldest", "unread", "result"),
    [
        (970.0, None, 30.0),
        (970.0, 20.0, 30.0),
        (990.0, 20.0, 20.0),
        (1_500.0, None, 0.0),
        (None, 20.0, 20.0),
        (None, None, None),
    ],
    ids=[
        "received",
        "received, and more does not come",
        "a timestamp that is too young",
        "a clock ahead of ours",
        "does not come",
        "nothing is known",
    ],
)
def test_age(oldest: float | None, unread: float | None, result: float | None) -> None:
    """Of two least ages the larger one is true."""
    assert age(oldest=oldest, unread=unread, now=1_000.0) == result


@given(st.floats(0, 1e9), st.floats(0, 2e9), st.floats(0, 2e9))
def test_headroom_is_never_beyond_its_bounds(kept: float, oldest: float, now: float) -> None:
    """Whatever the clocks say, it is between nothing and the whole retention."""
    found = headroom(kept, waits=True, age=age(oldest=oldest, unread=None, now=now))
    assert found is not None
    assert 0 <= found <= kept


ONE, TWO = Partition("t", 1), Partition("t", 2)


def _at(position: int | None, end: int | None, read: int | None = None) -> Standing:
    return Standing(committed=position, position=position, read=read, end=end)


def test_records_that_do_not_come_have_waited_since_they_were_seen() -> None:
    """A partition that is held and not fetched: its records are late from the first look that shows them."""
    unread = Unread()
    assert unread.look({ONE: _at(5, 5), TWO: _at(5, 5)}, 1_000.0) == {}
    assert unread.look({ONE: _at(5, 6), TWO: _at(5, 5)}, 1_010.0) == {ONE: 0.0}
    assert unread.look({ONE: _at(5, 900), TWO: _at(5, 5)}, 1_610.0) == {ONE: 600.0}


@pytest.mark.parametrize(
    "then",
    [_at(6, 7), _at(6, 6), _at(5, 6, read=6), _at(None, None)],
    ids=["one", "all", "a marker", "not ours"],
)
def test_what_comes_begins_the_time_anew(then: Standing) -> None:
    """One record comes, or all; what was there was a marker; the partition is somebody else's by now."""
    unread = Unread()
    unread.look({ONE: _at(5, 6)}, 1_000.0)
    assert unread.look({ONE: then}, 1_100.0).get(ONE, 0.0) == 0.0


def test_idle_time_is_no_waiting() -> None:
    """An hour without a record, and then one that is just on its way."""
    unread = Unread()
    unread.look({ONE: _at(5, 5)}, 0.0)
    assert unread.look({ONE: _at(5, 6)}, 3_600.0) == {ONE: 0.0}


def test_an_end_that_gets_lost_takes_nothing_back() -> None:
    """The leader answers no more: what it has told waits on. What it has not told is not guessed."""
    unread = Unread()
    unread.look({ONE: _at(5, 6), TWO: _at(5, None)}, 1_000.0)
    assert unread.look({ONE: _at(5, None), TWO: _at(5, None)}, 1_100.0) == {ONE: 100.0}


def test_a_partition_that_was_away_begins_anew() -> None:
    """Meanwhile it was another one's; what is left is seen again."""
    unread = Unread()
    unread.look({ONE: _at(5, 6)}, 1_000.0)
    unread.look({}, 1_010.0)
    assert unread.look({ONE: _at(5, 6)}, 1_100.0) == {ONE: 0.0}


@given(st.lists(st.tuples(st.floats(0, 60), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_the_time_is_never_more_than_the_oldest_has_waited(story: list[tuple[float, int, int]]) -> None:
    """Whatever is written and received between two looks, no record is said to be older than it is."""
    unread, now, position = Unread(), 0.0, 0
    written: list[float] = []
    for pause, more, taken in story:
        now += pause
        written += [now] * more
        position = min(len(written), position + taken)
        found = unread.look({ONE: _at(position, len(written))}, now)
        oldest = now - written[position] if position < len(written) else 0.0
        assert found.get(ONE, 0.0) <= oldest
