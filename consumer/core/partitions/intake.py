"""Intake: which partitions are paused, so that memory does not grow with lag.

Each partition alone is bounded by the records and bytes it holds in memory and by the span of its open
offsets; all together by records and bytes again. A partition that was paused resumes only when it is well
below its bounds, because each pause throws away what the client has fetched ahead
(confluentinc/librdkafka issue 2703).
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


class Intake:
    """Decides the pauses, with the hysteresis that :class:`Bounds` asks for."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds: Final = bounds or Bounds()
        self._all_paused = False

    def decide(self, held: Mapping[Partition, Held], paused: frozenset[Partition]) -> Pauses:
        """Return the pauses that are right for what the partitions hold now."""
        self._all_paused = self._full_together(held)
        wanted = frozenset(
            partition
            for partition, what in held.items()
            if self._all_paused
            or self._full(what, 1.0 if partition not in paused else self._bounds.resume_at)
        )
        stuck = frozenset(partition for partition in wanted if self._stuck(held[partition]))
        return Pauses(wanted, stuck)

    def _full(self, what: Held, share: float) -> bool:
        return (
            what.records >= self._bounds.partition_records * share
            or what.size >= self._bounds.partition_bytes * share
            or what.span >= self._bounds.partition_span * share
        )

    def _full_together(self, held: Mapping[Partition, Held]) -> bool:
        share = self._bounds.resume_at if self._all_paused else 1.0
        records = sum(what.records for what in held.values())
        size = sum(what.size for what in held.values())
        return records >= self._bounds.records * share or size >= self._bounds.size * share

    def _stuck(self, what: Held) -> bool:
        return what.span >= self._bounds.partition_span * self._bounds.resume_at or (
            what.movable == 0 and self._full(what, self._bounds.resume_at)
        )
