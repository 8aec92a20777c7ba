"""Shares: a part of the group's rate for each partition that is held, before and after everything changes."""

import pytest

from consumer.core.api.shares import SETTLED_SECONDS, Allotment, Shares
from consumer.core.records import Partition

START = 1000.0


def partitions(topic: str, *numbers: int) -> list[Partition]:
    """Return partitions of a topic."""
    return [Partition(topic, number) for number in numbers]


def shares_of(topics: dict[str, int], *held: Partition, at: float = START) -> Shares:
    """Return the shares of a process that has counted these topics and holds these partitions."""
    shares = Shares()
    shares.counted(topics, topics, at)
    shares.holds(held)
    return shares


@pytest.mark.parametrize(
    ("held", "share"),
    [
        ([], 0.0),
        (partitions("payments", 3), 1 / 8),
        ([*partitions("payments", 0, 1), *partitions("refunds", 0)], 3 / 8),
        (
            [
                *partitions("payments", 0, 1, 2, 3, 4),
                *partitions("refunds", 0, 1),
                *partitions("erasures", 0),
            ],
            1.0,
        ),
    ],
)
def test_the_share_is_what_is_held_of_all_partitions(held: list[Partition], share: float) -> None:
    """All subscribed topics count, that of erasures too; topics that do not exist count nothing."""
    shares = shares_of({"payments": 5, "refunds": 2, "erasures": 1, "missing": 0}, *held)

    assert shares.share(START) == share
    assert shares.of_all(START) == 8


def test_as_long_as_a_topic_is_not_counted_there_is_no_share() -> None:
    """A group that does not know its size allows itself nothing rather than too much."""
    shares = Shares()
    shares.holds(partitions("payments", 0))
    seen = []
    for counts in ({}, {"payments": 1}, {"payments": 1, "refunds": 1}):
        shares.counted(["payments", "refunds"], counts, START)
        seen.append((shares.known, shares.share(START)))

    assert seen == [(False, 0.0), (False, 0.0), (True, 0.5)]


def test_what_cannot_be_counted_again_stays_as_it_was() -> None:
    """Brokers that are away for an hour change no share."""
    shares = shares_of({"payments": 4}, *partitions("payments", 0))
    shares.counted(["payments"], {}, START + 3600)

    assert shares.share(START + 3600) == 0.25


def test_new_partitions_count_against_everybody_at_once_and_for_their_holder_later() -> None:
    """Another process may not know of them yet, and thinks that all of the rate is its own."""
    shares = shares_of({"payments": 4}, *partitions("payments", 0, 1, 4, 5))
    assert shares.share(START) == 0.5
    shares.counted(["payments"], {"payments": 8}, START + 10)

    assert shares.share(START + 10) == 0.25
    assert shares.share(START + 9.9 + SETTLED_SECONDS) == 0.25
    assert shares.share(START + 10 + SETTLED_SECONDS) == 0.5


def test_a_new_topic_counts_for_its_holder_later() -> None:
    """The same for topics that a pattern begins to match."""
    shares = shares_of({"payments": 4}, *partitions("payments", 0, 1), *partitions("refunds", 0, 1))
    shares.counted(["payments", "refunds"], {"payments": 4, "refunds": 4}, START + 10)

    assert shares.share(START + 10) == 0.25
    assert shares.share(START + 10 + SETTLED_SECONDS) == 0.5


def test_topics_that_appear_where_nothing_was_count_at_once() -> None:
    """A service that was there before its topics does not wait: nobody else has a share that is too large."""
    shares = shares_of({"payments": 0, "refunds": 0}, *partitions("payments", 0), *partitions("refunds", 0))
    assert shares.known
    assert shares.share(START) == 0.0
    shares.counted(["payments", "refunds"], {"payments": 3, "refunds": 1}, START + 100)

    assert shares.share(START + 100) == 0.5


def test_a_topic_that_is_gone_counts_against_everybody_for_a_while() -> None:
    """Another process may still have its share of it."""
    shares = shares_of({"payments": 4, "refunds": 4}, *partitions("payments", 0, 1))
    shares.counted(["payments"], {"payments": 4, "refunds": 4}, START + 10)

    assert shares.share(START + 10) == 0.25
    assert shares.share(START + 10 + SETTLED_SECONDS) == 0.5


def test_one_wrong_answer_takes_no_share_away() -> None:
    """A broker that has just started may say that there is no such topic."""
    shares = shares_of({"payments": 4}, *partitions("payments", 0, 1))
    for seconds, count in ((10, 0), (20, 4)):
        shares.counted(["payments"], {"payments": count}, START + seconds)

    assert {shares.share(START + seconds) for seconds in range(10, 200)} == {0.5}


@pytest.mark.parametrize(("shares", "alone"), [(None, 1.0), (shares_of({"payments": 4}), 0.0)])
def test_an_allotment_is_all_or_a_share(shares: Shares | None, alone: float) -> None:
    """Without a group it is all of the rate, from the start; in a group it begins with nothing."""
    allotment = Allotment(20.0, shares)

    assert allotment.share(START) == alone
    assert allotment.pacer().pace(START).limit == 20.0 * alone
