"""The books of a run: what was really answered and written, and how many repeats its disasters excuse."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias

from consumer.core.partitions import marks
from consumer.core.records import Partition
from consumer.lab import bodies
from tests.support.history import ExpectedCall, Produced
from tests.support.ledger import canonical

#: A record, by where it is.
Place: TypeAlias = tuple[Partition, int]
#: A committed offset and the metadata beside it.
Committed: TypeAlias = tuple[int, str]


@dataclass(slots=True)
class Books:
    """Facts, as the outside sees them. What a process believes plays no part.

    ``excused`` counts the calls and letters that may come once more: what was done and is not in the commit
    when an assignment ends badly, and what is on the wire when it ends. ``owing`` are the refused records
    whose letter nobody knows to be written. In a ``faulty`` world a record whose letter is written once more
    may have been called first: whoever writes it may see another fault.
    """

    faulty: bool = False
    produced: list[Produced] = field(default_factory=list)
    excused: int = 0
    answered: set[Place] = field(default_factory=set)
    letters: set[Place] = field(default_factory=set)
    owing: set[Place] = field(default_factory=set)
    _by_call: dict[tuple[str, str], Place] = field(default_factory=dict)

    def add(self, produced: Produced) -> None:
        """Enter a record. Its call must not be that of another one."""
        record, expected = produced.record, produced.expected
        self.produced.append(produced)
        if isinstance(expected, ExpectedCall):
            call = expected.path, canonical(expected.body)
            assert call not in self._by_call
            self._by_call[call] = record.partition, record.offset

    def place_of(self, path: str, body: bytes) -> Place | None:
        """Return the record that has to become this call."""
        return self._by_call.get((path, canonical(bodies.parse_json(body))))

    def heard(self, place: Place, status: int | None) -> None:
        """Note an answer for good, or None: a try that failed, excused where it belongs to a repeat."""
        if status is None:
            self.excused += place in self.answered or place in self.letters
            return
        if status == HTTPStatus.BAD_REQUEST:  # a removal found nothing, and may be tried again
            return
        self.answered.add(place)
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            self.owing.add(place)

    def wrote(self, place: Place, *, told: bool) -> None:
        """Note a written letter; one whose writer was not told of it may come once more."""
        self.letters.add(place)
        if told:
            self.owing.discard(place)
        else:
            self.excused += 1

    def left(
        self, partition: Partition, committed: Committed, on_wire: Iterable[Place], *, clean: bool
    ) -> bool:
        """Note that a process has left a partition; return whether calls of it may overlap with later ones.

        ``clean``: nothing was on the wire any more, and all that was finished was committed. Then only
        refusals are excused whose letter could not be written yet. Else also whatever is not in the commit,
        and what is still on the wire: a call, and the letter that may follow.
        """
        self.excused += sum(place[0] == partition for place in self.owing)
        if clean:
            return False
        in_the_air = sum(place[0] == partition for place in on_wire)
        self.excused += 2 * in_the_air
        start, metadata = committed
        passed_over = marks.parse(metadata, start).runs
        for times, places in ((1, self.answered), (1 + self.faulty, self.letters)):
            for where, offset in places:
                if where == partition and offset >= start and offset not in passed_over:
                    self.excused += times
        return in_the_air > 0
