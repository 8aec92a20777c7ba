"""What Kafka gave us, and where: the raw record and its coordinates."""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

Header: TypeAlias = tuple[str, bytes | None]


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        """Return ``topic[number]``, the form used in logs."""
        return f"{self.topic}[{self.number}]"


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record as received, byte for byte.

    ``epoch`` numbers the assignment of the partition to this process: a result that carries an older
    epoch changes nothing. ``timestamp_ms`` is the record's own, in milliseconds since the epoch, or None.
    """

    partition: Partition
    offset: int
    epoch: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()
    timestamp_ms: int | None = None

    @property
    def size(self) -> int:
        """Bytes held by key, value and headers, for the bound on buffered bytes."""
        size = len(self.key or b"") + len(self.value or b"")
        for name, value in self.headers:
            size += len(name) + len(value or b"")
        return size

    @property
    def where(self) -> str:
        """Return ``topic[partition]@offset``: the only way a record is named in logs and errors."""
        return f"{self.partition}@{self.offset}"
