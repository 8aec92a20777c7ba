"""The log of a few partitions and what is committed of them."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final

from consumer.core.partitions.offsets import Positions
from consumer.core.records import Partition, Record
from tests.simulation.books import Committed
from tests.simulation.world import World
from tests.support.history import CommitSeen


class Broker:
    """The log and the committed offsets. ``appended`` is called whenever there is something new."""

    def __init__(self, world: World, partitions: Sequence[Partition]) -> None:
        self._world: Final = world
        self.partitions: Final = partitions
        self.log: Final[dict[Partition, list[Record]]] = {partition: [] for partition in partitions}
        self.committed: Final[dict[Partition, Committed]] = {}
        self.commits: Final[list[CommitSeen]] = []
        self.news: Final = asyncio.Event()
        self.appended: Callable[[], None] = lambda: None

    def append(self, partition: Partition, key: bytes | None, value: bytes | None) -> Record:
        """Append a record, sometimes behind offsets that do not exist, and return it."""
        log = self.log[partition]
        gap = self._world.dice.choice((0, 0, 0, 0, 1, 3))
        offset = log[-1].offset + 1 + gap if log else gap
        headers = (("source", b"simulated"),)
        record = Record(partition, offset, 0, key, value, headers, int(self._world.now * 1000))
        log.append(record)
        self.appended()
        return record

    def store(self, positions: Positions) -> None:
        """Take a commit, as a broker does: without asking who owns what."""
        now = self._world.now
        for partition in sorted(positions):
            position = positions[partition]
            self.committed[partition] = (position.offset, position.metadata)
            self.commits.append(CommitSeen(now, partition, position.offset))
        self.news.set()

    def ends(self) -> dict[Partition, int]:
        """Return the offset behind the last record of each partition."""
        return {p: log[-1].offset + 1 if log else 0 for p, log in self.log.items()}

    def finished(self) -> bool:
        """Tell whether everything is committed."""
        return all(self.committed.get(p, (0, ""))[0] == end for p, end in self.ends().items())

    def following(self, partition: Partition, position: int) -> Record | None:
        """Return the first record at or behind ``position``."""
        log = self.log[partition]
        index = bisect_left(log, position, key=lambda record: record.offset)
        return log[index] if index < len(log) else None
