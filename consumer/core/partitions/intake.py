"""Intake: which partitions are paused, so that memory does not grow with lag.

Each partition alone is bounded by the records and bytes it holds in memory and by the span of its open
offsets. When all together hold too much, those pause that hold more than their fair share. What is
*blocked* (behind a record that waits for its next try) is bounded by itself and takes nothing from what can
move: else a few keys that fail for ever would fill the memory and stop all others. A partition that was
paused resumes only when it is well below its bounds, because each pause throws away what the client has
fetched ahead (confluentinc/librdkafka issue 2703).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from consumer.core.records import Partition


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits in records, bytes and offsets, of what can move.

    ``blocked`` is the share of them that blocked records may hold beside it; ``resume_at`` the share below
    which a pause ends.
    """

    partition_records: int = 500
    partition_bytes: int = 2 * 2**20
    partition_span: int = 10_000
    records: int = 2_000
    size: int = 8 * 2**20
    blocked: float = 0.5
    resume_at: float = 0.5


@dataclass(frozen=True, slots=True)
class Held:
    """What a partition holds.

    ``records`` and bytes (``size``) in memory that can move or only wait for those that do, the ``span`` of
    its open offsets, the lanes that could move now; and the records and bytes that are blocked.
    """

    records: int
    size: int
    span: int
    movable: int
    blocked_records: int = 0
    blocked_size: int = 0


@dataclass(frozen=True, slots=True)
class Pauses:
    """Partitions to be paused, and those of them that one stuck record holds up (hold ``span``)."""

    paused: frozenset[Partition]
    stuck: frozenset[Partition]


class _Amount(NamedTuple):
    """Records and bytes."""

    records: float
    size: float

    def reaches(self, limit: "_Amount", share: float) -> bool:
        return self.records >= limit.records * share or self.size >= limit.size * share


#: What a partition may hold at least, however many there are: enough to make progress.
_LEAST: Final = _Amount(10, 64 * 1024)


class _Store:
    """One kind of records in memory: a bound for each partition, and one for all together."""

    def __init__(self, each: _Amount, together: _Amount, resume_at: float) -> None:
        self._each: Final = each
        self._together: Final = together
        self._resume_at: Final = resume_at
        self._crowded = False
        self._partitions = 0

    def look(self, amounts: Collection[_Amount]) -> None:
        """Look whether all together hold too much."""
        total = _Amount(sum(each.records for each in amounts), sum(each.size for each in amounts))
        self._crowded = total.reaches(self._together, self._resume_at if self._crowded else 1.0)
        self._partitions = len(amounts)

    def full(self, amount: _Amount, share: float) -> bool:
        """Tell whether a partition holds too much of it, now."""
        return self.own(amount, share) or (self._crowded and amount.reaches(self._fair_share(), share))

    def own(self, amount: _Amount, share: float) -> bool:
        """Tell whether a partition reaches this share of its own bound."""
        return amount.reaches(self._each, share)

    def _fair_share(self) -> _Amount:
        """Return what each partition may hold while all together hold too much.

        So a few that are stuck can't stop the rest; memory stays within twice the common bound.
        """
        parts = max(1, self._partitions)
        return _Amount(
            max(_LEAST.records, self._together.records // parts),
            max(_LEAST.size, self._together.size // parts),
        )


class Intake:
    """Decides the pauses, with the hysteresis that :class:`Bounds` asks for."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds: Final = bounds or Bounds()
        self._moving: Final = self._store(1.0)
        self._blocked: Final = self._store(self._bounds.blocked)

    def decide(self, held: Mapping[Partition, Held], paused: frozenset[Partition]) -> Pauses:
        """Return the pauses that are right for what the partitions hold now."""
        self._moving.look([_moving(what) for what in held.values()])
        self._blocked.look([_blocked(what) for what in held.values()])
        wanted = frozenset(
            partition for partition, what in held.items() if self._full(what, paused=partition in paused)
        )
        stuck = frozenset(partition for partition in wanted if self._stuck(held[partition]))
        return Pauses(wanted, stuck)

    def _store(self, part: float) -> _Store:
        bounds = self._bounds
        return _Store(
            _Amount(bounds.partition_records * part, bounds.partition_bytes * part),
            _Amount(bounds.records * part, bounds.size * part),
            bounds.resume_at,
        )

    def _full(self, what: Held, *, paused: bool) -> bool:
        share = self._bounds.resume_at if paused else 1.0
        return (
            what.span >= self._bounds.partition_span * share
            or self._moving.full(_moving(what), share)
            or self._blocked.full(_blocked(what), share)
        )

    def _stuck(self, what: Held) -> bool:
        share = self._bounds.resume_at
        return what.span >= self._bounds.partition_span * share or (
            what.movable == 0
            and (self._moving.own(_moving(what), share) or self._blocked.own(_blocked(what), share))
        )


def _moving(what: Held) -> _Amount:
    return _Amount(what.records, what.size)


def _blocked(what: Held) -> _Amount:
    return _Amount(what.blocked_records, what.blocked_size)
