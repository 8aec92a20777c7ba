"""Where partitions start: what appears in a group's lifetime begins at its beginning, for all members."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from consumer.core.errors import ConfigurationError
from consumer.core.partitions import marks
from consumer.core.partitions.starts import StartFrom, origin
from consumer.core.records import Partition
from consumer.edges.kafka.starting import Start, Starting


@dataclass
class FakeCluster:
    """Topics with the ends of their partitions, and the commits of one group; also what a consumer asks."""

    ends: dict[str, list[int]] = field(default_factory=dict)
    commits_by: dict[Partition, tuple[int, str]] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    failures: int = 0

    def partition_counts(self) -> Mapping[str, int | None]:
        """Return the counts, None for topics whose brokers are away."""
        return {topic: None if topic in self.away else len(ends) for topic, ends in self.ends.items()}

    def commits(self) -> list[TopicPartition]:
        """Return all commits."""
        if self.failures:
            self.failures -= 1
            raise KafkaException(KafkaError(KafkaError.COORDINATOR_NOT_AVAILABLE))
        return [self._entry(partition) for partition in self.commits_by]

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        """Return the commits of some partitions."""
        assert timeout > 0
        return [self._entry(Partition(each.topic, each.partition)) for each in partitions]

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        """Return both ends; nothing is ever cleaned up here."""
        assert timeout > 0
        return 0, self.ends[partition.topic][partition.partition]

    def commit(self, starts: Iterable[Start]) -> None:
        """Store starts, as the service does at once."""
        self.commits_by |= {each.partition: (each.offset, each.metadata) for each in starts}

    def _entry(self, partition: Partition) -> TopicPartition:
        offset, metadata = self.commits_by.get(partition, (OFFSET_INVALID, ""))
        return TopicPartition(*partition, offset, metadata)


def member(
    cluster: FakeCluster,
    *topics: str,
    policy: StartFrom = StartFrom.LATEST,
    give_up: Callable[[str], bool] = lambda _: True,
) -> Starting:
    """Return what a process knows that starts now."""
    starting = Starting(cluster, policy, give_up)
    starting.subscribed(topics, ())
    return starting


def started(cluster: FakeCluster, starting: Starting, *partitions: tuple[str, int]) -> dict[str, int]:
    """Return where partitions start, by their names."""
    found = starting.resolve(cluster, [TopicPartition(*each) for each in partitions])
    assert found is not None
    return {str(each.partition): each.offset for each in found}


OLD: Final = origin(StartFrom.LATEST, {"old": 1})


@pytest.mark.parametrize(
    "metadata", [marks.write(5, (), OLD), "", "another tool's note"], ids=["ours", "none", "foreign"]
)
@pytest.mark.parametrize("read", [("new",), ("new", "old")], ids=["instead", "beside"])
def test_a_topic_is_new_to_a_group_that_has_commits_on_others(metadata: str, read: tuple[str, ...]) -> None:
    """Whether the others are still read or not: the group's first start is behind it."""
    cluster = FakeCluster({"new": [7], "old": [9]}, {Partition("old", 0): (5, metadata)})
    assert started(cluster, member(cluster, *read), ("new", 0)) == {"new[0]": 0}


def test_a_group_with_commits_refuses_nothing() -> None:
    """Refuse speaks of a first start; this is a topic that has been added."""
    cluster = FakeCluster({"new": [7]}, {Partition("old", 0): (5, "")})
    starting = member(cluster, "new", policy=StartFrom.REFUSE)
    assert started(cluster, starting, ("new", 0)) == {"new[0]": 0}
    with pytest.raises(ConfigurationError, match="start_from"):
        started(
            FakeCluster({"new": [7]}), member(FakeCluster({"new": [7]}), policy=StartFrom.REFUSE), ("new", 0)
        )


def test_brokers_of_one_topic_that_are_away_make_no_first_start() -> None:
    """The topic with all of the group's commits has no leader just now; that is no group without commits."""
    cluster = FakeCluster({"new": [7], "old": [9]}, {Partition("old", 0): (5, marks.write(5, (), OLD))})
    cluster.away = {"old"}
    assert started(cluster, member(cluster, "new", "old"), ("new", 0)) == {"new[0]": 0}


def test_what_was_there_starts_at_its_end_for_whoever_comes() -> None:
    """The origin that another topic's commit carries tells it, also when that one is no longer read."""
    known = origin(StartFrom.LATEST, {"old": 1, "two": 2})
    cluster = FakeCluster({"two": [3, 4, 5]}, {Partition("old", 0): (5, marks.write(5, (), known))})
    starts = started(cluster, member(cluster, "two"), ("two", 0), ("two", 1), ("two", 2))
    assert starts == {"two[0]": 3, "two[1]": 4, "two[2]": 0}


def test_a_question_that_fails_is_asked_again() -> None:
    """A guess would skip payments; giving up starts nothing."""
    cluster = FakeCluster({"new": [7]}, failures=2)
    heard: list[str] = []

    def go_on(detail: str) -> bool:
        heard.append(detail)
        return False

    assert started(cluster, member(cluster, "new", give_up=go_on), ("new", 0)) == {"new[0]": 7}
    assert heard == [f"attempt {n}: COORDINATOR_NOT_AVAILABLE" for n in (1, 2)]
    cluster.failures = 1
    assert member(cluster, "new").resolve(cluster, [TopicPartition("new", 0)]) is None


class Lifetime(RuleBasedStateMachine):
    """A group that starts from the end, while topics come, grow and lose their brokers at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = FakeCluster({"a": [3]})
        self.members = [member(self.cluster, "a")]
        self.before: set[Partition] = set()  # what was there at the first start, as far as that could be seen

    @rule(name=st.sampled_from("bcd"), partitions=st.integers(1, 3))
    def create(self, name: str, partitions: int) -> None:
        """A topic appears, and is written to before anybody sees it."""
        self.cluster.ends.setdefault(name, [2] * partitions)

    @rule(name=st.sampled_from("abcd"))
    def grow(self, name: str) -> None:
        """A topic gets one more partition."""
        if name in self.cluster.ends:
            self.cluster.ends[name].append(2)

    @rule(away=st.sets(st.sampled_from("abcd"), max_size=2))
    def lose_brokers(self, away: set[str]) -> None:
        """Some topics have no leaders, others have them again."""
        self.cluster.away = away

    @rule(read=st.sets(st.sampled_from("abcd"), min_size=1))
    def start_member(self, read: set[str]) -> None:
        """A process starts, with a subscription of its own: what is there at its first look is not late."""
        there = sorted(read & self.cluster.ends.keys())
        self.members.append(member(self.cluster, *there))

    @precondition(lambda self: len(self.members) > 1)
    @rule()
    def stop_member(self) -> None:
        """The oldest process ends, and what it knew with it."""
        del self.members[0]

    @rule(data=st.data())
    def assign(self, data: st.DataObject) -> None:
        """A member gets a partition and starts it; the start is stored at once."""
        there = [Partition(t, n) for t, ends in self.cluster.ends.items() for n in range(len(ends))]
        partition = data.draw(st.sampled_from(there))
        who = data.draw(st.sampled_from(self.members))
        who.subscribed([*dict.fromkeys([partition.topic, "a"])], ())
        if not self.before:
            seen = {partition.topic, "a"} - self.cluster.away
            self.before = {each for each in there if each.topic in seen} | {partition}
        known = self.cluster.commits_by.get(partition)
        found = who.resolve(self.cluster, [TopicPartition(*partition)])
        assert found is not None
        (start,) = found
        self.cluster.commit(found)
        if known is not None:
            assert start.offset == known[0]
            return
        end = self.cluster.ends[partition.topic][partition.number]
        assert start.offset == (end if partition in self.before else 0)


Lifetime.TestCase.settings = settings(max_examples=200, stateful_step_count=20, deadline=None)
TestLifetime = Lifetime.TestCase
