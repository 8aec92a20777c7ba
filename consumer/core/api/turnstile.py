"""The turnstile: who of those that wait to send goes next. Partitions take turns.

Within a partition the order is that of coming. So a partition that has one call to make waits for one call of
each other partition at most, and not for all that were there before it.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from consumer.core.records import Partition

W = TypeVar("W")


class Turnstile(Generic[W]):
    """Those that wait, by partition."""

    def __init__(self) -> None:
        #: In the order of turns: whose turn is next stands first.
        self._queues: Final[dict[Partition, deque[W]]] = {}

    def __len__(self) -> int:
        """Return how many wait."""
        return sum(map(len, self._queues.values()))

    def __bool__(self) -> bool:
        """Tell whether anybody waits."""
        return bool(self._queues)

    def __iter__(self) -> Iterator[W]:
        """Yield all that wait."""
        for queue in self._queues.values():
            yield from queue

    def join(self, partition: Partition, waiter: W) -> None:
        """Let one more wait."""
        self._queues.setdefault(partition, deque()).append(waiter)

    def leave(self, partition: Partition, waiter: W) -> None:
        """Let one wait no longer; nothing happens where it does not wait any more."""
        queue = self._queues.get(partition)
        if queue is not None and waiter in queue:
            queue.remove(waiter)
            if not queue:
                del self._queues[partition]

    def next(self) -> W:
        """Let the next one through; only while anybody waits."""
        partition = next(iter(self._queues))
        queue = self._queues.pop(partition)
        waiter = queue.popleft()
        if queue:
            self._queues[partition] = queue
        return waiter
