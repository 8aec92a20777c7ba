"""What a topic holds and how far a group has committed, as the broker says: a look from outside."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from consumer.core.errors import DependencyError

_TIMEOUT_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.2
_BATCH: Final = 500
_REASON_HEADER: Final = "linkrunner.reason"

T = TypeVar("T")


class Onlooker:
    """Reads offsets and dead letters without joining the group. Its calls block, so they run in a thread.

    One call at a time: the client starves a second caller.
    """

    def __init__(self, consumer: Consumer, partitions: int) -> None:
        self._consumer: Final = consumer
        self._partitions: Final = range(partitions)

    async def committed(self, topic: str) -> dict[int, int]:
        """Return the group's committed offset by partition; 0 where it has none yet."""
        return await _in_thread(lambda: self._committed(topic))

    async def ends(self, topic: str) -> dict[int, int]:
        """Return the offset behind the last record, by partition."""
        return await _in_thread(lambda: self._ends(topic))

    async def dead_letters(self, topic: str) -> Counter[str]:
        """Return the records of a dead-letter topic by the reason in their headers, read from its start."""
        return await _in_thread(lambda: Counter(_reason(message) for message in self._read(topic)))

    def _committed(self, topic: str) -> dict[int, int]:
        wanted = [TopicPartition(topic, number) for number in self._partitions]
        found = self._consumer.committed(wanted, timeout=_TIMEOUT_SECONDS)
        return {partition.partition: max(0, partition.offset) for partition in found}

    def _ends(self, topic: str) -> dict[int, int]:
        wanted = {number: TopicPartition(topic, number) for number in self._partitions}
        marks = self._consumer.get_watermark_offsets
        return {number: marks(place, timeout=_TIMEOUT_SECONDS)[1] for number, place in wanted.items()}

    def _read(self, topic: str) -> Iterator[Message]:
        """Yield every record up to the ends that the topic has now."""
        missing = {number: end for number, end in self._ends(topic).items() if end}
        self._consumer.assign([TopicPartition(topic, number, 0) for number in missing])
        while missing:
            messages = self._consumer.consume(_BATCH, _POLL_SECONDS)
            for message in messages:
                error = message.error()
                if error is not None:
                    raise DependencyError(f"{topic} can't be read: {error.name()}")
                yield message
                number, offset = message.partition(), message.offset()
                if number in missing and offset is not None and offset + 1 >= missing[number]:
                    del missing[number]
        self._consumer.unassign()


@contextmanager
def onlooker(bootstrap_servers: str, group_id: str, partitions: int) -> Iterator[Onlooker]:
    """Look at topics of ``partitions`` partitions and at the offsets of ``group_id``."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": group_id,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            # Its quarrels with a broker that is going away would stand in the demo's report.
            "log_level": 0,
        }
    )
    try:
        yield Onlooker(consumer, partitions)
    finally:
        consumer.close()


async def _in_thread(work: Callable[[], T]) -> T:
    """Run blocking ``work`` beside the loop; a Kafka failure becomes a :class:`DependencyError`."""
    try:
        return await asyncio.to_thread(work)
    except KafkaException as error:
        raise DependencyError(f"Kafka does not answer: {error.args[0].name()}") from None


def _reason(message: Message) -> str:
    """Return why a record is a dead letter; ``(none)`` where it does not say so."""
    headers = dict(message.headers() or [])
    value = headers.get(_REASON_HEADER)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or "(none)"
