"""How far a partition is from its end, and from the deletion of what it still holds for us.

Offsets are counted as Kafka does: an end, a position and a commit all name the next record.
"""

from collections.abc import Mapping
from dataclasses import dataclass


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


def headroom(
    kept: float | None, *, unsettled: int, oldest: float | None, all_received: bool, now: float
) -> float | None:
    """Return the seconds until a partition's oldest unsettled record may be deleted; None: not known.

    ``kept`` are the seconds that the topic keeps a record, ``oldest`` is when the oldest of ``unsettled``
    received records was written, by its own timestamp and the clock of ``now``. Without one, all that is kept
    is ahead of us, if all was received; how old a record is that was not received is not known.

    Kafka deletes whole segments, when the youngest record in them is too old: never sooner than said here.
    """
    if kept is None:
        return None
    if unsettled:
        return None if oldest is None else min(kept, max(0.0, kept - (now - oldest)))
    return kept if all_received else None
