"""Offsets: per partition, how far everything is settled, and what may be committed.

Rules that the model test holds:

- the committable offset is the smallest received offset that is not settled, or the one behind the last
  received; it never passes an unsettled record and never goes back within an assignment;
- only offsets actually received are tracked: gaps (compaction, transaction markers) are no obstacle;
- looking changes nothing; only :meth:`Offsets.committed` records the broker's yes, so a refused commit loses
  nothing;
- a result that carries another epoch than the current assignment's changes nothing.

Settled offsets above the committable one travel in the commit's metadata, so that the next owner does not
repeat them (``consumer.core.partitions.marks``).
"""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from consumer.core.partitions import marks
from consumer.core.records import Partition, Record


@dataclass(frozen=True, slots=True)
class Position:
    """What to commit for a partition: the next offset to read, and the metadata beside it.

    ``epoch`` and ``version`` tell :meth:`Offsets.committed` what exactly the broker confirmed.
    """

    offset: int
    metadata: str
    epoch: int
    version: int


#: What to commit, or what is committed.
Positions: TypeAlias = Mapping[Partition, Position]


@dataclass(frozen=True, slots=True)
class Assigned:
    """A partition that was given to this process, and where it starts.

    ``metadata`` is what the last commit carried. ``fresh`` marks a start that was resolved just now and
    is not committed yet: it is committed at once: the group has a position even where nothing arrives.
    """

    partition: Partition
    epoch: int
    offset: int
    metadata: str = ""
    fresh: bool = False


@dataclass(slots=True)
class _Open:
    offset: int
    timestamp_ms: int | None
    settled: bool = False


@dataclass(slots=True)
class _Track:
    epoch: int
    watermark: int
    origin: str
    done_before: marks.Runs
    received: int
    open: deque[_Open] = field(default_factory=deque)
    by_offset: dict[int, _Open] = field(default_factory=dict)
    unsettled: int = 0
    version: int = 0
    confirmed: int = 0
    confirmed_offset: int | None = None
    confirmed_metadata: str = ""
    dirty_since: float | None = None


class Offsets:
    """The watermarks of all partitions of this process. Not thread-safe: one event loop owns it."""

    def __init__(self) -> None:
        self._tracks: Final[dict[Partition, _Track]] = {}

    def assign(self, given: Assigned, now: float) -> None:
        """Start afresh with a partition; whatever was known of an earlier assignment is gone."""
        restored = marks.parse(given.metadata, given.offset)
        track = _Track(given.epoch, given.offset, restored.origin, restored.runs, given.offset - 1)
        if given.fresh:
            track.version = 1
            track.dirty_since = now
        else:
            track.confirmed_offset, track.confirmed_metadata = given.offset, given.metadata
        self._tracks[given.partition] = track

    def receive(self, record: Record, now: float) -> bool:
        """Note that a record arrived; return whether it is to be processed.

        False for a record of another assignment, one that arrived before, and one that the last owner had
        settled already.
        """
        track = self._tracks.get(record.partition)
        if track is None or track.epoch != record.epoch or record.offset <= track.received:
            return False
        gap = not track.open and record.offset > track.received + 1
        track.received = record.offset
        entry = _Open(record.offset, record.timestamp_ms, settled=record.offset in track.done_before)
        track.open.append(entry)
        track.by_offset[record.offset] = entry
        if not entry.settled:
            track.unsettled += 1
        if entry.settled or gap:
            self._advance(track, now)
        return not entry.settled

    def settle(self, record: Record, now: float) -> bool:
        """Note that a record is settled; return False if that changes nothing (late, or settled before)."""
        track = self._tracks.get(record.partition)
        if track is None or track.epoch != record.epoch:
            return False
        entry = track.by_offset.get(record.offset)
        if entry is None or entry.settled:
            return False
        entry.settled = True
        track.unsettled -= 1
        self._advance(track, now)
        return True

    def committable(self, partitions: Collection[Partition] | None = None) -> dict[Partition, Position]:
        """Look, without changing anything, at what may be committed and is not yet confirmed."""
        chosen = self._tracks.keys() if partitions is None else partitions
        return {
            partition: self._position(track)
            for partition in chosen
            if (track := self._tracks.get(partition)) is not None and track.version != track.confirmed
        }

    def unchanged(self, turn: int) -> dict[Partition, Position]:
        """Return one position to commit once more exactly as the broker has it, only to hear its yes.

        It is of a partition that has nothing else to commit, so nothing newer can be on its way and be
        lowered by it; empty where there is none. ``turn`` counts up, so that no single partition, whose topic
        may be gone, stands for all.
        """
        clean = [
            (partition, track, offset)
            for partition, track in self._tracks.items()
            if (offset := track.confirmed_offset) is not None and track.version == track.confirmed
        ]
        if not clean:
            return {}
        partition, track, offset = clean[turn % len(clean)]
        return {partition: Position(offset, track.confirmed_metadata, track.epoch, track.confirmed)}

    def committed(self, partition: Partition, position: Position, now: float) -> None:
        """Note the broker's yes to ``position``, as :meth:`committable` gave it."""
        track = self._tracks.get(partition)
        if track is None or track.epoch != position.epoch or position.version <= track.confirmed:
            return
        track.confirmed = position.version
        track.confirmed_offset, track.confirmed_metadata = position.offset, position.metadata
        track.dirty_since = None if track.version == track.confirmed else now

    def forget(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Drop partitions that are no longer ours; return how many of their records were left unsettled."""
        left = {}
        for partition in partitions:
            track = self._tracks.pop(partition, None)
            if track is not None:
                left[partition] = track.unsettled
        return left

    def span(self, partition: Partition) -> int:
        """Return how many received records lie at or above the watermark: what a stuck record holds up."""
        track = self._tracks.get(partition)
        return 0 if track is None else len(track.open)

    def next_offsets(self) -> Mapping[Partition, int]:
        """Return the watermark of every partition: the offset that a commit now would carry."""
        return {partition: track.watermark for partition, track in self._tracks.items()}

    def position(self, partition: Partition) -> int | None:
        """Return the next offset to be received, or None for a partition that is not ours."""
        track = self._tracks.get(partition)
        return None if track is None else track.received + 1

    def confirmed_offset(self, partition: Partition) -> int | None:
        """Return the offset that the broker has confirmed, or None where it has not confirmed any."""
        track = self._tracks.get(partition)
        return None if track is None else track.confirmed_offset

    def unsettled(self, partition: Partition) -> int:
        """Return how many received records are not settled."""
        track = self._tracks.get(partition)
        return 0 if track is None else track.unsettled

    def oldest_ms(self, partition: Partition) -> int | None:
        """Return the timestamp of a partition's oldest unsettled record; None without one."""
        track = self._tracks.get(partition)
        return track.open[0].timestamp_ms if track is not None and track.open else None

    def uncommitted_since(self) -> dict[Partition, float | None]:
        """Return per partition since when something settled waits for a commit; None where nothing does."""
        return {partition: track.dirty_since for partition, track in self._tracks.items()}

    @staticmethod
    def _advance(track: _Track, now: float) -> None:
        while track.open and track.open[0].settled:
            del track.by_offset[track.open.popleft().offset]
        track.watermark = track.open[0].offset if track.open else track.received + 1
        track.version += 1
        if track.dirty_since is None:
            track.dirty_since = now

    @staticmethod
    def _position(track: _Track) -> Position:
        settled = marks.runs_of(entry.offset for entry in track.open if entry.settled)
        ahead = track.done_before.above(track.received)
        metadata = marks.write(track.watermark, (*settled, *ahead), track.origin)
        return Position(track.watermark, metadata, track.epoch, track.version)
