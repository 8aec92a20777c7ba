"""One record by its coordinates: no group is joined, nothing is committed, nothing is written.

Looked up in confluent-kafka 2.16: a consumer that assigns a partition with an explicit offset and never
subscribes sends neither JoinGroup nor OffsetFetch.
"""

import time
from collections import deque
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumer.core.records import Partition, Record
from consumer.core.settings.properties import discreet
from consumer.edges.kafka import messages
from consumer.edges.kafka.clients import Config

#: Seconds for all of it, unless told otherwise.
ANSWER_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.2
_MAX_ERRORS: Final = 20

_E: Final = KafkaError
#: Says nothing about the cause, which another error tells.
_NO_CAUSE: Final = frozenset({_E._ALL_BROKERS_DOWN, _E._TIMED_OUT})  # noqa: SLF001  (public names start so)
_NO_TOPIC: Final = frozenset({_E.UNKNOWN_TOPIC_OR_PART, _E._UNKNOWN_TOPIC})  # noqa: SLF001  (the same)


@dataclass(frozen=True, slots=True)
class NotRead:
    """There is no such record, or it can't be had. ``why`` says which, without secrets."""

    why: str


def read_one(
    config: Config,
    properties: Mapping[str, str],
    partition: Partition,
    offset: int,
    seconds: float = ANSWER_SECONDS,
) -> Record | NotRead:
    """Return the record at ``offset`` of ``partition``, read with the consumer's ``config``. Waits, bounded.

    ``properties`` tell what in the client's words is secret. Records of transactions that were not
    committed are not there, as for the service.
    """
    errors: deque[KafkaError] = deque(maxlen=_MAX_ERRORS)
    own: Config = {
        "client.id": "linkrunner-consumer-explain",
        "enable.partition.eof": True,  # so that the end is told and not waited for
        "statistics.interval.ms": 0,
        "log_level": 0,
    }
    consumer = Consumer({**config, **own, "error_cb": errors.append})
    deadline = time.monotonic() + seconds
    with closing(consumer):
        try:
            found = _fault(consumer, partition, offset, deadline) or _read(
                consumer, partition, offset, deadline
            )
        except KafkaException as error:
            told = next((each for each in errors if each.code() not in _NO_CAUSE), error.args[0])
            found = NotRead(f"the brokers can't be asked: {told.name()}: {told.str()}")
    return found if isinstance(found, Record) else NotRead(discreet(found.why, properties))


def _fault(consumer: Consumer, partition: Partition, offset: int, deadline: float) -> NotRead | None:
    """Return why there is no such record, None where there can be."""
    topic = consumer.list_topics(partition.topic, _left(deadline)).topics[partition.topic]
    if topic.error is not None:
        if topic.error.code() in _NO_TOPIC:
            return NotRead(f"there is no topic {partition.topic}, or we may not see it")
        return NotRead(f"the topic {partition.topic} can't be read: {topic.error.name()}")
    if partition.number not in topic.partitions:
        last = len(topic.partitions) - 1
        return NotRead(f"there is no partition {partition}: the topic has the partitions 0 to {last}")
    low, high = consumer.get_watermark_offsets(TopicPartition(*partition), _left(deadline))
    if high <= low:
        return NotRead(f"{partition} holds no record")
    if not low <= offset < high:
        return NotRead(f"{partition} holds the offsets {low} to {high - 1}, and {offset} is none of them")
    return None


def _read(consumer: Consumer, partition: Partition, offset: int, deadline: float) -> Record | NotRead:
    consumer.assign([TopicPartition(*partition, offset)])
    while (left := _left(deadline)) > 0:
        message = consumer.poll(min(left, _POLL_SECONDS))
        if message is None:
            continue
        error = message.error()
        if error is not None and error.code() != _E._PARTITION_EOF:  # noqa: SLF001  (as above)
            return NotRead(f"the record can't be read: {messages.told(error, partition, message.offset())}")
        record = None if error is not None else messages.record_of(message, partition, epoch=0)[0]
        if record is None or record.offset != offset:
            return NotRead(_gap(partition, offset, None if record is None else record.offset))
        return record
    return NotRead(f"no answer in time for {partition}@{offset}")


def _gap(partition: Partition, offset: int, following: int | None) -> str:
    cause = "it was compacted away, or is a marker of a transaction or a record of one that was given up"
    more = "" if following is None else f"; the next record is at {following}"
    return f"{partition}@{offset} holds no record: {cause}{more}"


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
