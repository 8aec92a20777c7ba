"""Shares: what part of the group's rate this process may use, without asking anybody but Kafka.

A process has ``held partitions / all partitions`` of the topics that the group reads. A partition has one
holder at a time, so the shares of a group add up to one at most, and a rebalance divides them anew by
itself. A partition that is on its way from one to another counts for nobody.

Processes learn at different moments that topics come, grow and go. So a partition counts for its holder
only once it has been there for :data:`SETTLED_SECONDS`, and against everybody as long as it was there
within that time: whoever knows less than another then allows itself less, not more. What a process sees at
its first look counts at once, else a restart would cost half a minute; that is too early only where a topic
was made or grew within the seconds before it.
"""

import math
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from consumer.core.api.pacing import Pacer
from consumer.core.records import Partition

#: Seconds within which every process has learned of a change: three looks at the brokers, each ten seconds.
SETTLED_SECONDS: Final = 30.0


class _Count(NamedTuple):
    since: float
    partitions: int


class Shares:
    """Counts partitions, those of the topics and those that are held."""

    def __init__(self) -> None:
        self._counts: Final[dict[str, list[_Count]]] = {}
        self._held: frozenset[Partition] = frozenset()
        self._known = False

    @property
    def known(self) -> bool:
        """Whether all topics have been counted once. Until then there is no share."""
        return self._known

    def counted(self, topics: Collection[str], counts: Mapping[str, int], now: float) -> None:
        """Note how many partitions there are: of all ``topics`` that are read, ``counts`` has those known."""
        seen = {topic: counts[topic] for topic in topics if topic in counts}
        gone = dict.fromkeys(self._counts.keys() - set(topics), 0)
        # Where there was nothing, nobody has a share that would be too large now.
        first = not self._known or self.of_all(now) == 0
        for topic, partitions in (seen | gone).items():
            self._note(topic, partitions, now, first=first)
        self._known = self._known or (bool(topics) and self._counts.keys() >= set(topics))

    def holds(self, partitions: Collection[Partition]) -> None:
        """Note which partitions are held; those that are being handed over are not."""
        self._held = frozenset(partitions)

    def of_all(self, now: float) -> int:
        """Return how many partitions count against everybody."""
        return sum(
            max(each.partitions for each in self._within(topic, now, SETTLED_SECONDS))
            for topic in self._counts
        )

    def of_ours(self, now: float) -> int:
        """Return how many partitions count for this process."""
        settled = {topic: self._settled(topic, now) for topic in self._counts}
        return sum(partition.number < settled.get(partition.topic, 0) for partition in self._held)

    def share(self, now: float) -> float:
        """Return the part of the group's rate that is ours, from 0 to 1."""
        return self.of_ours(now) / self.of_all(now) if self._known and self.of_all(now) else 0.0

    def _note(self, topic: str, partitions: int, now: float, *, first: bool) -> None:
        """Note a count; what is there at a ``first`` look was there before: everybody knows of it."""
        counts = self._counts.setdefault(topic, [_Count(-math.inf, 0)])
        if first and partitions:
            self._counts[topic] = [_Count(-math.inf, partitions)]
        elif counts[-1].partitions != partitions:
            kept = self._within(topic, now, 2 * SETTLED_SECONDS)
            self._counts[topic] = [*kept, _Count(now, partitions)]

    def _settled(self, topic: str, now: float) -> int:
        """Return how many partitions everybody knows of. One wrong answer of a broker takes none away."""
        known = self._within(topic, now, 2 * SETTLED_SECONDS)
        return max((each.partitions for each in known if each.since <= now - SETTLED_SECONDS), default=0)

    def _within(self, topic: str, now: float, seconds: float) -> list[_Count]:
        """Return what was counted in the last seconds, the count at their beginning included."""
        counts = self._counts[topic]
        first = max((n for n, each in enumerate(counts) if each.since <= now - seconds), default=0)
        return counts[first:]


class Allotment:
    """The share of the group's rate that is ours; without ``shares`` it is all of it, whoever else calls."""

    def __init__(self, per_second: float, shares: Shares | None) -> None:
        self.per_second: Final = per_second
        self.shares: Final = shares

    def share(self, now: float) -> float:
        """Return our part of the rate, from 0 to 1."""
        return 1.0 if self.shares is None else self.shares.share(now)

    def pacer(self) -> Pacer:
        """Return a pacer that begins with what is ours as long as nothing is known."""
        return Pacer(self.per_second if self.shares is None else 0.0)
