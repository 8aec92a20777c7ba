"""How far a partition is from its end, and from the deletion of what it still holds for us.

Offsets are counted as Kafka does: an end, a position and a commit all name the next record.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from consumer.core.records import Partition


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a partition stands. None: not known.

    ``committed`` is the group's offset, ``position`` the next record to be received, ``read`` how far the
    client has read, markers of transactions included, ``end`` where the partition ends.
    """

    committed: int | None
    position: int | None
    read: int | None
    end: int | None

    @property
    def all_received(self) -> bool:
        """Whether no record is behind the position; what the client has read and not given is a marker."""
        if self.end is None or self.position is None:
            return False
        return self.position >= self.end or (self.read is not None and self.read >= self.end)

    @property
    def lag(self) -> int | None:
        """How many records are between commit and end; None where one of them is not known.

        Markers of transactions within count, as their number is not known; those at the end do not.
        """
        if self.end is None or self.committed is None:
            return None
        end = self.position if self.all_received and self.position is not None else self.end
        return max(0, end - self.committed)


def kept_seconds(config: Mapping[str, str]) -> float | None:
    """Return how long a topic with this configuration keeps a record; None: without a limit of time.

    Kafka's topic configurations ``cleanup.policy`` and ``retention.ms``.
    """
    text = config.get("retention.ms", "")
    by_time = "delete" in config.get("cleanup.policy", "delete").split(",")
    return int(text) / 1000 if by_time and text.isdecimal() else None


class _Behind(NamedTuple):
    position: int
    since: float


class Unread:
    """Since when the held partitions have records that do not come, although they are there.

    Such a partition shows in nothing that is received: nobody fetches it, or nothing is given.
    The time begins when records are first seen behind the position, and again with each one that comes: it
    is never more than the oldest of them has waited, and a busy partition has none, nor one that catches up.
    """

    def __init__(self) -> None:
        self._behind: dict[Partition, _Behind] = {}

    def look(self, standings: Mapping[Partition, Standing], now: float) -> dict[Partition, float]:
        """Note where all held partitions stand; return how many seconds records of which have not come.

        ``now`` are seconds of a steady clock. Partitions without such records are left out. Where an end is
        not known any more, what was seen before it got lost still waits.
        """
        found = (
            (partition, self._seen(partition, standing, now)) for partition, standing in standings.items()
        )
        self._behind = {partition: behind for partition, behind in found if behind is not None}
        return {partition: now - behind.since for partition, behind in self._behind.items()}

    def _seen(self, partition: Partition, standing: Standing, now: float) -> _Behind | None:
        before = self._behind.get(partition)
        if standing.position is None or standing.all_received:
            return None
        if before is not None and before.position == standing.position:
            return before
        return None if standing.end is None else _Behind(standing.position, now)


def age(*, oldest: float | None, unread: float | None, now: float) -> float | None:
    """Return the seconds that the oldest unsettled record of a partition has waited; None: not known or none.

    ``oldest`` is when the oldest received one was written, by its own timestamp and the clock of ``now``;
    ``unread`` how long records have not come (:class:`Unread`): of such only this least age is known.
    """
    written = None if oldest is None else max(0.0, now - oldest)
    return max((known for known in (written, unread) if known is not None), default=None)


def headroom(kept: float | None, *, waits: bool, age: float | None) -> float | None:
    """Return the seconds until a partition's oldest unsettled record may be deleted; None: not known.

    ``kept`` are the seconds that the topic keeps a record; ``waits`` says whether one may be unsettled,
    received or not, ``age`` how old the oldest is. Where nothing waits, all that is kept is ahead of us.

    Kafka deletes whole segments, when the youngest record in them is too old: never sooner than said here.
    """
    if kept is None or not waits:
        return kept
    return None if age is None else max(0.0, kept - age)
