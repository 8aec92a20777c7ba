"""Starts: the first start of a group, told from a partition that appeared later."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumer.core.partitions.starts import ORIGIN_LIMIT, StartFrom, origin, resolve
from consumer.core.records import Partition

COUNTS = {"payments": 2, "refunds": 1}
FROM_LATEST = origin(StartFrom.LATEST, COUNTS)
FROM_EARLIEST = origin(StartFrom.EARLIEST, COUNTS)
NAMES = st.text("abcXYZ019._-", min_size=1, max_size=60)


@pytest.mark.parametrize("policy", StartFrom)
def test_a_first_start_goes_by_the_policy(policy: StartFrom) -> None:
    """Without any commit of the group the operator's word decides."""
    assert resolve(Partition("payments", 0), policy, [], first_start=True) is policy


@pytest.mark.parametrize(
    ("origins", "partition", "start"),
    [
        ([FROM_LATEST], Partition("payments", 1), StartFrom.LATEST),
        ([FROM_LATEST], Partition("payments", 2), StartFrom.EARLIEST),
        ([FROM_LATEST], Partition("later", 0), StartFrom.EARLIEST),
        ([FROM_EARLIEST], Partition("payments", 1), StartFrom.EARLIEST),
        ([], Partition("payments", 1), StartFrom.EARLIEST),
        ([""], Partition("payments", 1), StartFrom.EARLIEST),
        (["", FROM_LATEST], Partition("payments", 1), StartFrom.LATEST),
    ],
    ids=[
        "was there at a start from the end",
        "a partition that was added",
        "a topic that was added",
        "was there at a start from the beginning",
        "nothing known",
        "commits without an origin",
        "one commit knows",
    ],
)
@pytest.mark.parametrize("policy", StartFrom)
def test_a_later_start_goes_by_the_origin(
    policy: StartFrom, origins: list[str], partition: Partition, start: StartFrom
) -> None:
    """Once the group has commits the policy says nothing; only what was there then starts at the end."""
    assert resolve(partition, policy, origins, first_start=False) is start


def test_members_that_start_together_agree() -> None:
    """Whoever comes second by a moment reads the first one's commit and starts at the same end."""
    first = resolve(Partition("payments", 0), StartFrom.LATEST, [], first_start=True)
    second = resolve(Partition("payments", 1), StartFrom.LATEST, [FROM_LATEST], first_start=False)
    third = resolve(Partition("refunds", 0), StartFrom.LATEST, {FROM_LATEST, ""}, first_start=False)

    assert {first, second, third} == {StartFrom.LATEST}


@given(st.dictionaries(NAMES, st.integers(1, 10_000), max_size=200))
def test_an_origin_fits_and_invents_nothing(counts: dict[str, int]) -> None:
    """However many topics: the text stays short, and speaks only for partitions that were there."""
    text = origin(StartFrom.LATEST, counts)

    assert len(text) <= ORIGIN_LIMIT
    for topic, count in counts.items():
        added = Partition(topic, count)
        assert resolve(added, StartFrom.LATEST, [text], first_start=False) is StartFrom.EARLIEST
    if len(counts) <= 15:
        for topic, count in counts.items():
            there = Partition(topic, count - 1)
            assert resolve(there, StartFrom.LATEST, [text], first_start=False) is StartFrom.LATEST


@given(st.text(max_size=20), st.text(max_size=20))
@example("latest", "\u00b2")
def test_a_hostile_origin_never_skips(start: str, count: str) -> None:
    """Whatever stands in a commit: unless it counts the partition in, the start is the beginning."""
    partition = Partition("payments", 10**9)

    found = resolve(partition, StartFrom.LATEST, [f"{start},payments={count}"], first_start=False)

    assert found is StartFrom.EARLIEST or int(count) > partition.number
