"""What a run of the service left behind, as values: the evidence that the ledger checker judges.

All times are seconds of the machine's monotonic clock, which every process of a Linux machine shares.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from consumer.core.records import Partition, Record


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """The one call that a record has to become. ``path`` is below the API's base; numbers are exact."""

    path: str
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ExpectedSkip:
    """A record that is deliberately not sent."""

    reason: str


@dataclass(frozen=True, slots=True)
class ExpectedLetter:
    """A record that has to be dead-lettered for ``reason``."""

    reason: str


Expected: TypeAlias = ExpectedCall | ExpectedSkip | ExpectedLetter


@dataclass(frozen=True, slots=True)
class Produced:
    """A record that the broker acknowledged, and what has to become of it.

    ``faults`` are reasons for which a fault of ours (a wrong mapping) may have set it aside all the same, or
    have had it refused before it was delivered. ``crosses``: a removal whose payment is in another lane,
    before or behind it: it has to find that all the same.
    """

    record: Record
    expected: Expected
    faults: frozenset[str] = frozenset()
    crosses: bool = False

    @property
    def lane(self) -> tuple[Partition, bytes | None]:
        """What the record is in order with: its partition and key; records without a key share one lane."""
        return self.record.partition, self.record.key


@dataclass(frozen=True, slots=True)
class Request:
    """One line of the simulator's request log; ``answered`` None: the answer was never begun.

    ``sender`` is the process that sent it, where that is known.
    """

    seq: int
    path: str
    body: object
    arrived: float
    answered: float | None
    status: int | None
    outcome: str | None = None
    fault: str | None = None
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Fence:
    """A time in which ``sender`` has no right to send: its partitions are given to others.

    It begins when the group gives them away and ends with the next assignment, ``inf`` where none came.
    """

    sender: str
    begin: float
    end: float = math.inf


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record of a dead-letter topic. ``written`` is when the broker appended it."""

    record: Record
    written: float


@dataclass(frozen=True, slots=True)
class CommitSeen:
    """A committed offset that somebody read; it was committed no later than ``at``."""

    at: float
    partition: Partition
    offset: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """A payment that the simulated API holds at the end."""

    type: str
    payment_id: str
    user_id: str
    amount: Decimal
    currency: str | None


@dataclass(frozen=True, slots=True)
class History:
    """A run from its first record to the end of its last process.

    ``requests`` stand in the order of arrival, ``commits`` in that of sight, the last of them after the last
    process ended. ``ends`` are the log ends, ``kills`` when a process was killed without a goodbye, and
    ``repeats_allowed`` how many repeated calls and letters the run may show for that. ``texts`` is what the
    service wrote for people and machines, by a name; none of ``secrets`` may stand in it. ``fences`` are the
    times in which a process was out of its group and might not know.
    """

    produced: Sequence[Produced]
    requests: Sequence[Request]
    recorded: Sequence[Recorded]
    dead_letters: Sequence[DeadLetter]
    commits: Sequence[CommitSeen]
    ends: Mapping[Partition, int]
    texts: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    kills: Sequence[float] = ()
    repeats_allowed: int = 0
    fences: Sequence[Fence] = ()
