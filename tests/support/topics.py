"""Topics as a test sees them: made under names of their own, filled, read whole, and their offsets."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, but not in an __all__
    AdminClient,
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewPartitions, NewTopic

from consumer.core.records import Header, Partition, Record
from tests.support.broker import Kafka
from tests.support.waiting import eventually

ANSWER_SECONDS: Final = 30.0
#: librdkafka's RD_KAFKA_PARTITION_UA: the partitioner chooses.
ANY_PARTITION: Final = -1


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to produce. ``partition`` None leaves the choice to the key, as producers do."""

    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: tuple[Header, ...] = ()


class Topics:
    """One broker's topics. Every call waits for the broker's answer and raises if there is none."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        # a broker that a test kills is no news: only what fails a call shall be seen
        self._common: Final[dict[str, str | int]] = {
            "bootstrap.servers": kafka.bootstrap_servers,
            "log_level": 0,
        }
        self._admin = AdminClient(dict(self._common))

    def name(self, purpose: str) -> str:
        """Return a topic or group name that no other test has."""
        return f"{purpose}-{uuid.uuid4().hex[:8]}"

    def create(self, topic: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        """Create ``topic``, wait until its leaders are known, and return its name.

        ``config`` is the topic's; the mock cluster has none and ignores it.
        """
        if self._kafka.embedded:
            self._kafka.embedded.create_topic(topic, partitions)
        else:
            new = NewTopic(topic, num_partitions=partitions, replication_factor=1, config=dict(config or {}))
            self._admin.create_topics([new])[topic].result(ANSWER_SECONDS)
        eventually(lambda: len(self.partitions(topic)) == partitions, ANSWER_SECONDS, f"{topic} has leaders")
        return topic

    def grow(self, topic: str, partitions: int) -> None:
        """Give ``topic`` more partitions, ``partitions`` in all, and wait until their leaders are known."""
        self._admin.create_partitions([NewPartitions(topic, partitions)])[topic].result(ANSWER_SECONDS)
        eventually(lambda: len(self.partitions(topic)) == partitions, ANSWER_SECONDS, f"{topic} has leaders")

    def delete(self, topic: str) -> None:
        """Delete ``topic``."""
        self._admin.delete_topics([topic])[topic].result(ANSWER_SECONDS)

    def creates_by_itself(self) -> bool:
        """Tell whether the broker makes a topic that somebody only asks about."""
        if not self._kafka.real:
            return True
        node = next(iter(self._admin.list_topics(timeout=ANSWER_SECONDS).brokers))
        resource = ConfigResource(ResourceType.BROKER, str(node))
        entries = self._admin.describe_configs([resource])[resource].result(ANSWER_SECONDS)
        return str(entries["auto.create.topics.enable"].value) == "true"

    def partitions(self, topic: str) -> Sequence[Partition]:
        """Return the partitions of ``topic`` that have a leader."""
        found = self._admin.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic].partitions
        return [Partition(topic, number) for number, state in sorted(found.items()) if state.leader >= 0]

    def produce(self, topic: str, outgoing: Iterable[Outgoing]) -> list[Record]:
        """Write the records once, in their order; return them with their coordinates when all are there."""
        return self.writer().write(topic, outgoing)

    def writer(self) -> "Writer":
        """Return a producer for many writes: it connects only once."""
        return Writer(self._common)

    def read(self, topic: str) -> list[Record]:
        """Return every record that ``topic`` holds now, by partition and offset."""
        ends = self.end_offsets(topic)
        records: list[Record] = []
        with closing(self._reader(f"reader-{uuid.uuid4().hex}")) as consumer:
            starts = {p: consumer.get_watermark_offsets(_position(p), ANSWER_SECONDS)[0] for p in ends}
            missing = {p: end for p, end in ends.items() if end > starts[p]}
            consumer.assign([_position(partition, starts[partition]) for partition in missing])
            while missing:
                message = consumer.poll(ANSWER_SECONDS)
                assert message is not None, f"{topic} stopped answering before its end"
                assert message.error() is None, str(message.error())
                record = _record(message)
                records.append(record)
                if record.offset + 1 >= missing[record.partition]:
                    del missing[record.partition]
        return sorted(records, key=_coordinates)

    def end_offsets(self, topic: str) -> dict[Partition, int]:
        """Return the offset that the next record of each partition will get."""
        with closing(self._reader(f"reader-{uuid.uuid4().hex}")) as consumer:
            return {
                partition: consumer.get_watermark_offsets(_position(partition), ANSWER_SECONDS)[1]
                for partition in self.partitions(topic)
            }

    def committed(self, group: str, topic: str) -> dict[Partition, int]:
        """Return what ``group`` has committed, without joining it; only partitions that have a commit."""
        with closing(self._reader(group)) as consumer:
            return committed(consumer, self.partitions(topic))

    def watcher(self, group: str) -> Consumer:
        """Return a consumer that reads the committed offsets of ``group`` and never joins it. Close it."""
        return self._reader(group)

    def _reader(self, group: str) -> Consumer:
        return Consumer(
            {
                **self._common,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "allow.auto.create.topics": False,
                "fetch.wait.max.ms": 50,
            }
        )


class Writer:
    """An idempotent producer: each of its records is there exactly once. ``common`` is for any client."""

    def __init__(self, common: Mapping[str, str | int]) -> None:
        self._producer: Final = Producer({**common, "enable.idempotence": True, "linger.ms": 5})

    def write(self, topic: str, outgoing: Iterable[Outgoing]) -> list[Record]:
        """Write the records in their order and return them with their coordinates, once all are acknowledged.

        ``epoch`` is 0 in what comes back.
        """
        stored: list[Record] = []
        records = list(outgoing)
        for record in records:
            self._producer.produce(
                topic,
                key=record.key,
                value=record.value,
                partition=ANY_PARTITION if record.partition is None else record.partition,
                headers=list(record.headers),
                on_delivery=partial(_acknowledged, record, stored),
            )
        self._producer.flush(ANSWER_SECONDS)
        assert len(stored) == len(records), f"{topic} did not acknowledge all records"
        return sorted(stored, key=_coordinates)


def committed(watcher: Consumer, partitions: Iterable[Partition]) -> dict[Partition, int]:
    """Return what ``watcher``'s group has committed; partitions without a commit are left out."""
    answers = watcher.committed([_position(partition) for partition in partitions], timeout=ANSWER_SECONDS)
    return {Partition(a.topic, a.partition): a.offset for a in answers if a.offset >= 0}


def _position(partition: Partition, offset: int | None = None) -> TopicPartition:
    if offset is None:
        return TopicPartition(partition.topic, partition.number)
    return TopicPartition(partition.topic, partition.number, offset)


def _coordinates(record: Record) -> tuple[Partition, int]:
    return record.partition, record.offset


def _acknowledged(
    outgoing: Outgoing, stored: list[Record], error: KafkaError | None, message: Message
) -> None:
    if error is None:  # a report repeats no headers
        stored.append(replace(_record(message), headers=outgoing.headers))


def _record(message: Message) -> Record:
    topic, number, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert number is not None
    assert offset is not None
    pairs = message.headers() or []
    assert isinstance(pairs, list)
    headers = tuple((name, _bytes(value)) for name, value in pairs)
    return Record(
        partition=Partition(topic, number),
        offset=offset,
        epoch=0,
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        headers=headers,
        timestamp_ms=message.timestamp()[1],
    )


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
