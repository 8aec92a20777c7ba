"""Marks: what a commit's metadata says beside the offset.

Two facts travel there, in at most :data:`LIMIT` characters (brokers refuse more than 4096 bytes by default,
``offset.metadata.max.bytes``):

- the *runs* of offsets that are settled already though the commit has not passed them. The next owner skips
  them, so that one stuck key does not make a handover repeat everything that finished around it. A run may
  begin at the committed offset: an earlier owner settled it, and the last one has not come to it again;
- the group's *origin*: how many partitions each topic had when the group first started, and from which end
  it started. With it every member, at any time, can tell a partition that appeared later (it starts at its
  beginning) from one that was there and that nobody has committed yet.

The text is ``lrc1;<offset>;<runs>;<origin>;<crc>``. Anything else, an offset that does not match or a wrong
checksum is *no information*: it never stops an assignment and never skips a record.
"""

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

#: Characters; a quarter is left to brokers with lower limits and to other tools' notes.
LIMIT: Final = 3000
_MAGIC: Final = "lrc1"
_FIELDS: Final = 5

#: The first and the last offset of a run.
Run: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of offsets, first and last of each, in rising order and apart from one another."""

    runs: tuple[Run, ...] = ()

    def __contains__(self, offset: int) -> bool:
        """Tell whether an offset lies in one of the runs."""
        at = bisect_right(self.runs, offset, key=_first) - 1
        return at >= 0 and offset <= self.runs[at][1]

    def above(self, offset: int) -> tuple[Run, ...]:
        """Return what lies above an offset."""
        return tuple((max(first, offset + 1), last) for first, last in self.runs if last > offset)


@dataclass(frozen=True, slots=True)
class Marks:
    """What could be read from a commit's metadata."""

    runs: Runs = Runs()
    origin: str = ""


def write(offset: int, runs: Sequence[Run], origin: str) -> str:
    """Return the metadata for a commit of ``offset``.

    ``runs`` are the settled offsets from there on. Runs that do not fit are left out: their records are sent
    again after a handover, and the API counts them once.
    """
    if not runs and not origin:
        return ""
    room = LIMIT - len(origin) - len(str(offset)) - 24
    numbers = []
    before = offset - 1
    for first, last in runs:
        pair = f"{first - before:x}.{last - first:x}"
        room -= len(pair) + 1
        if room < 0:
            break
        numbers.append(pair)
        before = last
    text = f"{_MAGIC};{offset};{','.join(numbers)};{origin}"
    return f"{text};{_checksum(text)}"


def parse(metadata: str, offset: int) -> Marks:
    """Read the metadata of a commit of ``offset``; never raises."""
    text, _, checksum = metadata.rpartition(";")
    fields = metadata.split(";")
    if len(fields) != _FIELDS or fields[0] != _MAGIC or _checksum(text) != checksum:
        return Marks()
    if fields[1] != str(offset):
        return Marks(origin=fields[3])
    try:
        return Marks(Runs(tuple(_read_runs(fields[2], offset))), fields[3])
    except ValueError:
        return Marks(origin=fields[3])


def runs_of(offsets: Iterable[int]) -> tuple[Run, ...]:
    """Return rising offsets as runs."""
    runs: list[Run] = []
    for offset in offsets:
        if runs and offset == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], offset)
        else:
            runs.append((offset, offset))
    return tuple(runs)


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode(errors='replace')):08x}"


def _first(run: Run) -> int:
    return run[0]


def _read_runs(text: str, offset: int) -> Iterator[Run]:
    before = offset - 1
    for pair in text.split(",") if text else ():
        gap, _, length = pair.partition(".")
        first = before + int(gap, 16)
        before, last = first + int(length, 16), before
        if not last < first <= before:
            raise ValueError("the runs do not rise")
        yield first, before
