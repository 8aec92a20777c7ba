"""The client's statistics report: how far it has read, and where partitions end.

Layout: confluentinc/librdkafka STATISTICS.md.
"""

from dataclasses import dataclass, field

import msgspec

from consumer.core.records import Partition


class _PartitionStatistics(msgspec.Struct):
    partition: int = -1
    ls_offset: int = -1
    app_offset: int = -1


class _TopicStatistics(msgspec.Struct):
    topic: str = ""
    partitions: dict[str, _PartitionStatistics] = {}


class _Statistics(msgspec.Struct):
    topics: dict[str, _TopicStatistics] = {}


@dataclass(frozen=True, slots=True)
class Ends:
    """What the client knows of the partitions that it reads.

    ``ends`` are the offsets behind the last committed record, as of the last fetch: a paused partition's
    stands still. ``read`` is how far the client has read, markers of transactions included.
    """

    ends: dict[Partition, int] = field(default_factory=dict)
    read: dict[Partition, int] = field(default_factory=dict)


_DECODER = msgspec.json.Decoder(_Statistics)


def parse(report: str) -> Ends:
    """Read a report; raises msgspec.DecodeError where it is not one."""
    ends: dict[Partition, int] = {}
    read: dict[Partition, int] = {}
    for topic in _DECODER.decode(report).topics.values():
        for partition in topic.partitions.values():
            where = Partition(topic.topic, partition.partition)
            # The client's own partition -1 is none, and a negative offset is one that it does not know.
            if where.number >= 0 and partition.ls_offset >= 0:
                ends[where] = partition.ls_offset
            if where.number >= 0 and partition.app_offset >= 0:
                read[where] = partition.app_offset
    return Ends(ends, read)
