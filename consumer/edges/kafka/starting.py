"""Where assigned partitions start: one read of the group's commits, and the first start's own rules.

Everything here runs on the consumer's thread, inside its assignment callback. Reads have timeouts and are
tried again until they succeed: a guess about where to start would lose or repeat payments.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from typing import Final, Protocol

from confluent_kafka import (
    OFFSET_INVALID,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from consumer.core.errors import ConfigurationError, Mistake
from consumer.core.partitions import marks, starts
from consumer.core.partitions.starts import StartFrom
from consumer.core.records import Partition
from consumer.edges.kafka.clients import Config, connection_config

#: Seconds that one question to the brokers may take.
READ_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Start:
    """Where a partition starts. ``fresh``: resolved just now, not committed yet."""

    partition: Partition
    offset: int
    metadata: str
    fresh: bool


class Committed(Protocol):
    """The consumer, as far as it is asked here; what fails raises KafkaException."""

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        """Return the group's commit for each partition."""

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        """Return the offset of the first record and the one behind the last."""


class Cluster(Protocol):
    """What else the brokers know; what fails raises KafkaException."""

    def partition_counts(self) -> Mapping[str, int | None]:
        """Return how many partitions each topic has; None where its brokers can't tell at the moment."""

    def commits(self) -> list[TopicPartition]:
        """Return all commits of the group, whatever the topics."""


class Brokers:
    """Asks the cluster about topics and one group, by a client of its own for each question.

    Where the consumer is asked for metadata inside its own callback, the next callback of the same poll (a
    statistics report, a log line) aborts the process (confluent-kafka 2.16).
    """

    def __init__(self, config: Config) -> None:
        """Take the consumer's configuration."""
        self._config: Final = config

    def partition_counts(self) -> Mapping[str, int | None]:
        """Return the counts of all topics that there are: to ask for one by name might create it."""
        found = self._client().list_topics(timeout=READ_SECONDS).topics
        return {
            topic: len(metadata.partitions) if metadata.error is None else None
            for topic, metadata in found.items()
            if not _is_unknown(metadata.error)
        }

    def commits(self) -> list[TopicPartition]:
        """Return the group's commits; none where the brokers have no such question."""
        group = str(self._config["group.id"])
        client = self._client()  # kept until it has answered: without it nobody would
        asked = client.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], request_timeout=READ_SECONDS
        )
        try:
            found = asked[group].result(READ_SECONDS + 1).topic_partitions
        except NotYet:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None  # noqa: SLF001  (a public name)
        except KafkaException as error:
            if error.args[0].code() == KafkaError._UNSUPPORTED_FEATURE:  # noqa: SLF001  (as above)
                return []
            raise
        return [entry for entry in found or () if entry.error is None and entry.offset >= 0]

    def _client(self) -> AdminClient:
        admin = AdminClient({**connection_config(self._config), "log_level": 0})
        admin.poll(0)  # fetches a token, where one is needed
        return admin


class Starting:
    """Answers where partitions start, for one group."""

    def __init__(self, cluster: Cluster, policy: StartFrom, give_up: Callable[[str], bool]) -> None:
        """Take whom to ask beside the consumer, and what a first start is to be.

        ``give_up`` hears of each failed read and says whether to stop trying.
        """
        self._cluster: Final = cluster
        self._topics: Sequence[str] = ()
        self._policy: Final = policy
        self._give_up: Final = give_up
        self._late: Final[set[str]] = set()

    def subscribed(self, topics: Sequence[str], appeared: Collection[str]) -> None:
        """Note what is subscribed, and which of it has appeared since this process looked first."""
        self._topics = topics
        self._late.update(appeared)

    def missed(self, topic: str) -> None:
        """Note that a topic does not exist yet. Once it does, it starts at its beginning.

        Without this, a group whose only topics appear after its members would have its first start then, and
        ``latest`` would leave out what was paid until the client saw the topic.
        """
        self._late.add(topic)

    def resolve(self, consumer: Committed, partitions: Sequence[TopicPartition]) -> list[Start] | None:
        """Return the start of each partition, or None where giving up came first.

        Raises :class:`ConfigurationError` where the group has no commit at all and ``start_from: refuse``.
        """
        for attempt in self._attempts():
            try:
                return self._resolve(consumer, partitions)
            except KafkaException as error:
                if self._give_up(f"attempt {attempt}: {error.args[0].name()}"):
                    return None
        return None

    def _attempts(self) -> Iterator[int]:
        attempt = 0
        while True:
            attempt += 1
            yield attempt

    def _resolve(self, consumer: Committed, partitions: Sequence[TopicPartition]) -> list[Start]:
        if not partitions:
            return []
        known = _committed(consumer, partitions)
        missing = [partition for partition in known if known[partition].offset < 0]
        fresh = self._first_starts(consumer, missing) if missing else {}
        return [
            fresh.get(partition) or Start(partition, found.offset, found.metadata or "", fresh=False)
            for partition, found in known.items()
        ]

    def _first_starts(self, consumer: Committed, missing: Collection[Partition]) -> dict[Partition, Start]:
        """Return the starts of partitions without a commit.

        What the group knows of its first start stands in any of its commits, also in those of topics that
        are not read any more, or whose brokers are away.
        """
        counts = self._partition_counts()
        everything = [TopicPartition(t, number) for t, count in counts.items() for number in range(count)]
        commits = [found for found in _committed(consumer, everything).values() if found.offset >= 0]
        commits = commits or self._cluster.commits()
        first_start = not commits
        if first_start and self._policy is StartFrom.REFUSE:
            raise ConfigurationError([_REFUSED])
        origins = {marks.parse(found.metadata or "", found.offset).origin for found in commits}
        there = {topic: count for topic, count in counts.items() if topic not in self._late}
        ours = starts.origin(self._policy, there) if first_start else max(origins, default="")
        result = {}
        for partition in missing:
            where = (
                StartFrom.EARLIEST
                if partition.topic in self._late
                else starts.resolve(partition, self._policy, origins, first_start=first_start)
            )
            offset = _end_of(consumer, partition, where)
            result[partition] = Start(partition, offset, marks.write(offset, (), ours), fresh=True)
        return result

    def _partition_counts(self) -> dict[str, int]:
        """Return how many partitions each topic has that is read; one that is not there is noted as late."""
        there = self._cluster.partition_counts()
        for topic in self._topics:
            if topic not in there:
                self.missed(topic)
        known = {topic: there.get(topic) for topic in self._topics}
        return {topic: count for topic, count in known.items() if count is not None}


_REFUSED: Final = Mistake(
    "kafka.start_from",
    "the group has no committed offset, and the first start is refused",
    "write earliest or latest for the first start, or set the group's offsets yourself",
)


def _committed(consumer: Committed, partitions: Sequence[TopicPartition]) -> dict[Partition, TopicPartition]:
    asked = [TopicPartition(p.topic, p.partition, OFFSET_INVALID) for p in partitions]
    found = consumer.committed(asked, timeout=READ_SECONDS)
    for entry in found:
        if entry.error is not None:
            raise KafkaException(entry.error)
    return {Partition(entry.topic, entry.partition): entry for entry in found}


def _is_unknown(error: KafkaError | None) -> bool:
    return error is not None and error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def _end_of(consumer: Committed, partition: Partition, where: StartFrom) -> int:
    low, high = consumer.get_watermark_offsets(TopicPartition(*partition), timeout=READ_SECONDS)
    return high if where is StartFrom.LATEST else low
