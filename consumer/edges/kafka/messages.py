"""What the client gives → what the rest of the service knows. Its types end here."""

from collections.abc import Sequence
from operator import methodcaller
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from consumer.core.partitions.offsets import Positions
from consumer.core.records import Header, Partition, Record

#: Not a plain call: confluent-kafka 2.16 answers a name that is not UTF-8 with broken objects and a pending
#: error. CPython turns that into a SystemError, except for calls that it has seen so often that it makes them
#: without a check (PEP 659): then the process would die of the broken objects.
_ask_for_headers: Final = methodcaller("headers")


def record_of(message: Message, partition: Partition, epoch: int) -> tuple[Record | None, bool]:
    """Return the record in a message without an error, and whether its headers could be read.

    None where the message has no offset.
    """
    offset = message.offset()
    headers = _headers(message)
    if offset is None:
        return None, True
    kind, timestamp = message.timestamp()
    record = Record(
        partition=partition,
        offset=offset,
        epoch=epoch,
        key=message.key(),
        value=message.value(),
        headers=headers or (),
        timestamp_ms=timestamp if kind else None,
    )
    return record, headers is not None


def partition_of(message: Message) -> Partition | None:
    """Return where a message is from; errors of a whole topic, or of none, are from nowhere."""
    topic, number = message.topic(), message.partition()
    return None if topic is None or number is None else Partition(topic, number)


def offsets_of(positions: Positions) -> list[TopicPartition]:
    """Return what to commit, in the client's types."""
    return [
        TopicPartition(partition.topic, partition.number, position.offset, position.metadata)
        for partition, position in positions.items()
    ]


def partitions_of(entries: Sequence[TopicPartition]) -> list[Partition]:
    """Return the partitions that the client names."""
    return [Partition(entry.topic, entry.partition) for entry in entries]


def told(error: KafkaError, partition: Partition | None, offset: int | None) -> str:
    """Return the error's name and what it is about. Errors about a whole topic have no offset."""
    if partition is None:
        return error.name()
    return f"{error.name()}: {f'topic {partition.topic}' if offset is None else partition}"


def name_of(error: KafkaException) -> str:
    """Return the name of the error that the client has thrown."""
    cause = error.args[0] if error.args else None
    return cause.name() if isinstance(cause, KafkaError) else "unknown"


def _headers(message: Message) -> tuple[Header, ...] | None:
    """Return the headers, or None where a name is not UTF-8.

    The client then fails, and would give out broken objects if it were asked a second time.
    """
    try:
        headers = _ask_for_headers(message) or []
    except (SystemError, UnicodeDecodeError):
        return None
    pairs = headers.items() if isinstance(headers, dict) else headers
    return tuple((name, value.encode() if isinstance(value, str) else value) for name, value in pairs)
