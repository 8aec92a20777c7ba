"""Starts: where a partition begins that the group has no committed offset for.

``start_from`` speaks of the first start of a group only. A partition that appears later starts at its
beginning, or its first payments would be lost. To tell the two apart even while several members start at the
same moment, the first commits carry the group's *origin* in their metadata
(``consumer.core.partitions.marks``): the end it started from, and how many partitions each topic had then.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

from consumer.core.records import Partition

#: Characters of an origin; topics beyond it count as having appeared later, which loses nothing.
ORIGIN_LIMIT: Final = 1200


class StartFrom(Enum):
    """Where a group without any committed offset starts."""

    EARLIEST = "earliest"
    LATEST = "latest"
    REFUSE = "refuse"


def origin(start: StartFrom, partition_counts: Mapping[str, int]) -> str:
    """Return the origin of a group that starts for the first time now."""
    text = start.value
    for topic, partitions in sorted(partition_counts.items()):
        entry = f",{topic}={partitions}"
        if len(text) + len(entry) > ORIGIN_LIMIT:
            break
        text += entry
    return text


def resolve(
    partition: Partition, policy: StartFrom, origins: Iterable[str], *, first_start: bool
) -> StartFrom:
    """Return where a partition without a committed offset starts.

    ``first_start`` is True where no partition of the group has a commit; ``origins`` are those that the
    commits of other partitions carry. LATEST only where the group's first start was from the latest end and
    this partition was there then. REFUSE is the operator's answer to a first start alone.
    """
    if first_start:
        return policy
    was_there = any(_covers(text, partition) for text in origins)
    return StartFrom.LATEST if was_there else StartFrom.EARLIEST


def _covers(text: str, partition: Partition) -> bool:
    start, *topics = text.split(",")
    counts = dict(topic.rpartition("=")[::2] for topic in topics)
    known = counts.get(partition.topic, "")
    return start == StartFrom.LATEST.value and known.isdecimal() and partition.number < int(known)
