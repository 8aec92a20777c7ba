"""What a test asks the toolbox pod for, and what comes back: one JSON document a line, both ways."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from consumer.core.records import Partition, Record
from tests.support.history import CommitSeen
from tests.support.topics import Outgoing

#: What the toolbox's answers begin with, so that nothing else on its output is taken for one.
ANSWER: Final = b"answer "


class Create(msgspec.Struct, tag=True, frozen=True):
    """Create a topic. Answer: None."""

    topic: str
    partitions: int
    config: Mapping[str, str]


class Produce(msgspec.Struct, tag=True, frozen=True):
    """Write records at once. Answer: ``Written``."""

    topic: str
    records: Sequence[Outgoing]


class Load(msgspec.Struct, tag=True, frozen=True):
    """Begin to write records, ``rate`` of them a second, in the background. Answer: None."""

    topic: str
    records: Sequence[Outgoing]
    rate: float


class Unload(msgspec.Struct, tag=True, frozen=True):
    """End the load, written whole or not. Answer: ``Written``."""


class Watch(msgspec.Struct, tag=True, frozen=True):
    """Begin to read a group's commits again and again, until the next ``Watch``. Answer: None."""

    group: str
    topic: str


class Commits(msgspec.Struct, tag=True, frozen=True):
    """Tell the commits seen since the ``Watch``; with ``final``, look a last time. Answer: ``Seen``."""

    final: bool


class Progress(msgspec.Struct, tag=True, frozen=True):
    """Tell the ends of a topic and the newest commits seen. Answer: ``Reached``."""

    topic: str


class Read(msgspec.Struct, tag=True, frozen=True):
    """Read a topic whole. Answer: ``Written``."""

    topic: str


class Clock(msgspec.Struct, tag=True, frozen=True):
    """Tell the time. Answer: ``Now``."""


OnTopics: TypeAlias = Create | Produce | Load | Unload | Read
OnCommits: TypeAlias = Watch | Commits | Progress
Command: TypeAlias = OnTopics | OnCommits | Clock


class Written(msgspec.Struct, frozen=True):
    """Records as the broker has them."""

    records: Sequence[Record]


class Seen(msgspec.Struct, frozen=True):
    """Commits in the order of sight, on the toolbox's monotonic clock."""

    commits: Sequence[CommitSeen]


class Reached(msgspec.Struct, frozen=True):
    """Offsets by partition."""

    ends: Sequence[tuple[Partition, int]]
    committed: Sequence[tuple[Partition, int]]


class Now(msgspec.Struct, frozen=True):
    """Seconds of the two clocks at one moment."""

    monotonic: float
    wall: float
