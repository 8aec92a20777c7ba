"""Intake: which partitions are paused, so that memory does not grow with lag.

Each partition alone is bounded by the records and bytes it holds in memory and by the span of its open
offsets. When all together hold too much, those pause that hold more than their fair share. A partition that
was paused resumes only when it is well below its bounds, because each pause throws away what the client has
fetched ahead (confluentinc/librdkafka issue 2703).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from consumer.core.records import Partition


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits in records, bytes and offsets. ``resume_at`` is the share of them below which a pause ends."""

    partition_records: int = 500
    partition_bytes: int = 2 * 2**20
    partition_span: int = 10_000
    records: int = 2_000
    size: int = 8 * 2**20
    resume_at: float = 0.5


@dataclass(frozen=True, slots=True)
class Held:
    """What a partition holds: records and bytes in memory, open offsets, records that could move now."""

    records: int
    size: int
    span: int
    movable: int


@dataclass(frozen=True, slots=True)
class Pauses:
    """Partitions to be paused, and those of them that one stuck record holds up (hold ``span``)."""

    paused: frozenset[Partition]
    stuck: frozenset[Partition]


#: What a partition may hold at least, however many there are: enough to make progress.
_LEAST_RECORDS: Final = 10
_LEAST_BYTES: Final = 64 * 1024


class Intake:
    """Decides the pauses, with the hysteresis that :class:`Bounds` asks for."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds: Final = bounds or Bounds()
        self._own: Final = Held(
            self._bounds.partition_records, self._bounds.partition_bytes, self._bounds.partition_span, 0
        )
        self._crowded = False

    def decide(self, held: Mapping[Partition, Held], paused: frozenset[Partition]) -> Pauses:
        """Return the pauses that are right for what the partitions hold now."""
        self._crowded = self._full_together(held)
        fair = self._fair_share(len(held))
        wanted = frozenset(
            partition
            for partition, what in held.items()
            if self._full(what, fair if self._crowded else None, paused=partition in paused)
        )
        stuck = frozenset(partition for partition in wanted if self._stuck(held[partition]))
        return Pauses(wanted, stuck)

    def crowded(self, part: Mapping[Partition, Held]) -> frozenset[Partition]:
        """Return the partitions whose ``part`` alone is too much for a pause to end."""
        fair = self._fair_share(len(part)) if self._crowded else None
        return frozenset(p for p, what in part.items() if self._full(what, fair, paused=True))

    def _full(self, what: Held, fair: Held | None, *, paused: bool) -> bool:
        share = self._share(paused=paused)
        return _reaches(what, self._own, share) or (fair is not None and _reaches(what, fair, share))

    def _share(self, *, paused: bool) -> float:
        return self._bounds.resume_at if paused else 1.0

    def _fair_share(self, partitions: int) -> Held:
        """Return what each partition may hold while all together hold too much.

        So a few that are stuck can't stop the rest; memory stays within twice the common bound.
        """
        return Held(
            records=max(_LEAST_RECORDS, self._bounds.records // max(1, partitions)),
            size=max(_LEAST_BYTES, self._bounds.size // max(1, partitions)),
            span=self._bounds.partition_span,
            movable=0,
        )

    def _full_together(self, held: Mapping[Partition, Held]) -> bool:
        share = self._share(paused=self._crowded)
        records = sum(what.records for what in held.values())
        size = sum(what.size for what in held.values())
        return records >= self._bounds.records * share or size >= self._bounds.size * share

    def _stuck(self, what: Held) -> bool:
        return what.span >= self._bounds.partition_span * self._bounds.resume_at or (
            what.movable == 0 and _reaches(what, self._own, self._bounds.resume_at)
        )


def _reaches(what: Held, limit: Held, share: float) -> bool:
    return (
        what.records >= limit.records * share
        or what.size >= limit.size * share
        or what.span >= limit.span * share
    )
