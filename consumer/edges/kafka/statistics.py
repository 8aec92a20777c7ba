"""The client's statistics report: where partitions end, and how many a topic has.

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
    """What the client knows of partitions, and the partition count of each topic.

    ``ends`` are the offsets behind the last committed record, as of the last fetch: a paused partition's
    stands still. ``read`` is how far the client has read, markers of transactions included.
    """

    ends: dict[Partition, int] = field(default_factory=dict)
    read: dict[Partition, int] = field(default_factory=dict)
    partition_counts: dict[str, int] = field(default_factory=dict)


_DECODER = msgspec.json.Decoder(_Statistics)


def parse(report: str) -> Ends:
    """Read a report; raises msgspec.DecodeError where it is not one."""
    ends: dict[Partition, int] = {}
    read: dict[Partition, int] = {}
    counts: dict[str, int] = {}
    for topic in _DECODER.decode(report).topics.values():
        known = [partition for partition in topic.partitions.values() if partition.partition >= 0]
        counts[topic.topic] = len(known)
        for partition in known:
            where = Partition(topic.topic, partition.partition)
            if partition.ls_offset >= 0:
                ends[where] = partition.ls_offset
            if partition.app_offset >= 0:
                read[where] = partition.app_offset
    return Ends(ends, read, counts)
