"""Marks: what a commit's metadata carries comes back whole, or not at all."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.partitions import marks
from consumer.core.partitions.marks import Marks, Run, Runs

ORIGIN = "latest,payments=12"
ORIGINS = st.text("abc=,._-0189", max_size=1200)
OFFSETS = st.integers(0, 2**63 - 1)
#: What a text may hold whose checksum is right all the same: anything.
HOSTILE = st.text(st.characters(), max_size=80)


@st.composite
def commits(draw: st.DrawFn) -> tuple[int, tuple[Run, ...]]:
    """Draw an offset and settled runs from there on."""
    offset = draw(st.integers(0, 2**40))
    gaps_and_lengths = draw(st.lists(st.tuples(st.integers(1, 2**20), st.integers(0, 2**20)), max_size=900))
    runs = []
    before = offset - 1
    for gap, length in gaps_and_lengths:
        runs.append((before + gap, before + gap + length))
        before += gap + length
    return offset, tuple(runs)


def sealed(text: str) -> str:
    """Return a text with the checksum that makes it count."""
    return f"{text};{marks._checksum(text)}"


@given(commits(), ORIGINS)
def test_what_fits_comes_back(commit: tuple[int, tuple[Run, ...]], origin: str) -> None:
    """Runs come back in order and unchanged, the origin whole; at most the last runs are left out."""
    offset, runs = commit

    text = marks.write(offset, runs, origin)
    read = marks.parse(text, offset)

    assert len(text) <= marks.LIMIT
    assert read.origin == origin
    assert read.runs.runs == runs[: len(read.runs.runs)]
    if len(runs) <= 100:
        assert read.runs.runs == runs


@given(commits(), st.integers(1, 1000))
def test_marks_of_another_offset_skip_nothing(commit: tuple[int, tuple[Run, ...]], moved: int) -> None:
    """If somebody set the group's offset by hand, only the origin is believed."""
    offset, runs = commit

    assert marks.parse(marks.write(offset, runs, ORIGIN), offset + moved) == Marks(Runs(), ORIGIN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a note of another tool",
        ";;;;",
        "lrc1;7;;;",
        "lrc1;7;1.1;latest;00000000",
        "lrc2;7;1.1;latest;" + "0" * 8,
        "lrc1;7;\ud800;\ud800;00000000",
        "\ud800",
    ],
)
def test_what_is_not_ours_is_no_information(text: str) -> None:
    """Notes of other tools, old formats and broken texts say nothing, and raise nothing."""
    assert marks.parse(text, 7) == Marks()


@given(HOSTILE, OFFSETS)
def test_any_text_is_survived(text: str, offset: int) -> None:
    """Nothing that stands in a commit stops an assignment."""
    assert marks.parse(text, offset) == Marks()


@given(commits(), st.integers(0, 2900), st.characters())
def test_a_damaged_text_is_no_information(
    commit: tuple[int, tuple[Run, ...]], place: int, wrong: str
) -> None:
    """One wrong character anywhere, and no record is skipped because of it."""
    offset, runs = commit
    text = marks.write(offset, runs, ORIGIN)
    at = place % len(text)
    damaged = text[:at] + wrong + text[at + 1 :]

    assert damaged == text or marks.parse(damaged, offset) == Marks()


@given(HOSTILE, OFFSETS)
def test_runs_are_checked_behind_the_checksum(runs: str, offset: int) -> None:
    """Even where the checksum is right: what is skipped does not lie below the offset, in rising runs."""
    read = marks.parse(sealed(f"lrc1;{offset};{runs};"), offset)

    assert all(offset <= first <= last for first, last in read.runs.runs)
    assert all(before[1] < after[0] for before, after in pairwise(read.runs.runs))


@pytest.mark.parametrize("runs", ["0.1", "-1.5", "1.-1", "2.3,-5.9", "x.1", "1", "1.", ".1", "1.1,,"])
def test_senseless_runs_skip_nothing(runs: str) -> None:
    """A run that begins below the offset, or one that runs backwards, makes all of them worthless."""
    read = marks.parse(sealed(f"lrc1;7;{runs};{ORIGIN}"), 7)

    assert read == Marks(Runs(), ORIGIN)


@given(st.sets(st.integers(0, 60)))
def test_runs_hold_exactly_their_offsets(offsets: set[int]) -> None:
    """Membership is that of the offsets the runs were made of; ``above`` cuts and loses none."""
    runs = Runs(marks.runs_of(sorted(offsets)))

    assert {offset for offset in range(62) if offset in runs} == offsets
    for edge in (-1, 0, 13, 60):
        above = Runs(runs.above(edge))
        assert {offset for offset in range(62) if offset in above} == {o for o in offsets if o > edge}


def test_nothing_to_say_is_an_empty_text() -> None:
    """A commit without runs and origin carries no metadata."""
    assert marks.write(7, (), "") == ""
