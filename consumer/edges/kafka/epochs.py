"""Which assignment a partition belongs to: each has a number, its epoch; what carries an old one is late."""

from consumer.core.records import Partition


class Epochs:
    """The partitions that are ours, each with the number of its assignment. For the consumer's thread."""

    def __init__(self) -> None:
        self._last = 0
        self._current: dict[Partition, int] = {}

    def begin(self, partition: Partition) -> int:
        """Return the number of a new assignment of ``partition``; an older one is over."""
        self._last += 1
        self._current[partition] = self._last
        return self._last

    def end(self, partition: Partition) -> None:
        """Note that ``partition`` is not ours any more."""
        self._current.pop(partition, None)

    def of(self, partition: Partition) -> int | None:
        """Return the number of the present assignment, None where the partition is not ours."""
        return self._current.get(partition)

    def __contains__(self, partition: Partition) -> bool:
        """Tell whether ``partition`` is ours."""
        return partition in self._current
