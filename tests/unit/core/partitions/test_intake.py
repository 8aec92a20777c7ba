"""Intake: when partitions are paused, when they go on, and which of them are stuck."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.partitions.intake import Bounds, Held, Intake, Pauses
from consumer.core.records import Partition

A, B, C = (Partition("payments", number) for number in range(3))
BOUNDS = Bounds(partition_records=10, partition_bytes=1000, partition_span=100, records=25, size=2500)
NOTHING = Held(0, 0, 0, 0)
NOBODY: frozenset[Partition] = frozenset()


def decide(held: dict[Partition, Held], paused: frozenset[Partition] = NOBODY) -> Pauses:
    """Return what a fresh intake decides."""
    return Intake(BOUNDS).decide(held, paused)


@pytest.mark.parametrize(
    ("held", "full"),
    [
        (Held(9, 999, 99, 1), False),
        (Held(10, 0, 0, 1), True),
        (Held(0, 1000, 0, 1), True),
        (Held(0, 0, 100, 1), True),
        (Held(9, 999, 99, 1, 4, 499), False),
        (Held(0, 0, 0, 1, 5, 0), True),
        (Held(0, 0, 0, 1, 0, 500), True),
    ],
)
def test_each_bound_pauses_its_partition_alone(held: Held, full: bool) -> None:
    """Records, bytes and span each pause at their bound, as do half of them blocked; the neighbours go on."""
    assert decide({A: held, B: NOTHING}).paused == (frozenset({A}) if full else NOBODY)


@pytest.mark.parametrize(
    ("held", "resumes"),
    [
        (Held(4, 499, 49, 1), True),
        (Held(5, 0, 0, 1), False),
        (Held(0, 500, 0, 1), False),
        (Held(0, 0, 50, 1), False),
    ],
)
def test_a_pause_ends_well_below_the_bound(held: Held, resumes: bool) -> None:
    """A paused partition goes on only below half of every bound, so that it does not flap."""
    assert decide({A: held}, frozenset({A})).paused == (NOBODY if resumes else frozenset({A}))


@pytest.mark.parametrize(
    ("part", "crowded"),
    [
        (Held(0, 0, 0, 0, 2, 249), False),
        (Held(0, 0, 0, 0, 3, 0), True),
        (Held(0, 0, 0, 0, 0, 250), True),
        (Held(0, 0, 49, 0), False),
        (Held(0, 0, 50, 0), True),
    ],
)
def test_a_part_crowds_its_partition_where_it_alone_would_keep_it_paused(part: Held, crowded: bool) -> None:
    """Half of a bound is enough: of what may be blocked, or of the span."""
    intake = Intake(BOUNDS)
    intake.decide({A: part, B: NOTHING}, NOBODY)
    assert intake.crowded({A: part, B: NOTHING}) == (frozenset({A}) if crowded else NOBODY)


CROWD = Bounds(partition_records=500, partition_bytes=10**6, partition_span=10**4, records=60, size=10**6)


def test_all_together_pause_at_the_common_bound_and_go_on_below_half() -> None:
    """Three partitions far below their own bounds still share one memory."""
    intake = Intake(CROWD)
    everybody = frozenset({A, B, C})

    assert intake.decide(dict.fromkeys(everybody, Held(19, 0, 19, 1)), NOBODY).paused == NOBODY
    assert intake.decide(dict.fromkeys(everybody, Held(20, 0, 20, 1)), NOBODY).paused == everybody
    assert intake.decide(dict.fromkeys(everybody, Held(11, 0, 11, 1)), everybody).paused == everybody
    assert intake.decide(dict.fromkeys(everybody, Held(9, 0, 9, 1)), everybody).paused == NOBODY


def test_stuck_partitions_do_not_stop_the_others() -> None:
    """Where a few hold all that may be held, the rest goes on with its fair share."""
    intake = Intake(CROWD)
    stuck = Held(60, 0, 60, 0)

    assert intake.decide({A: stuck, B: stuck, C: NOTHING}, NOBODY).paused == frozenset({A, B})
    assert intake.decide({A: stuck, B: stuck, C: Held(19, 0, 19, 1)}, frozenset({A, B})).paused == {A, B}
    assert intake.decide({A: stuck, B: stuck, C: Held(20, 0, 20, 1)}, frozenset({A, B})).paused == {A, B, C}


def test_blocked_records_take_nothing_from_those_that_can_move() -> None:
    """However full of blocked ones all are together, healthy ones come in up to the bounds of their own."""
    some = {A: Held(19, 0, 30, 1, 29, 0), B: Held(19, 0, 30, 1), C: Held(19, 0, 30, 1)}

    def paused(**changed: Held) -> frozenset[Partition]:
        held = {**some, **{{"a": A, "b": B}[name]: what for name, what in changed.items()}}
        return Intake(CROWD).decide(held, NOBODY).paused

    assert paused() == NOBODY
    assert paused(a=Held(19, 0, 30, 1, 30, 0)) == {A}
    assert paused(b=Held(21, 0, 30, 1)) == NOBODY
    assert paused(b=Held(22, 0, 30, 1)) == {B}


@pytest.mark.parametrize(
    ("held", "stuck"),
    [
        (Held(10, 0, 10, 3), False),
        (Held(10, 0, 10, 0), True),
        (Held(1, 0, 100, 1), True),
        (Held(1, 0, 10, 0, 5, 0), True),
        (Held(1, 0, 10, 1, 5, 0), False),
    ],
    ids=["busy", "nothing can move", "one record holds up the span", "all is blocked", "all the rest moves"],
)
def test_a_stuck_partition_is_told_from_a_busy_one(held: Held, stuck: bool) -> None:
    """The hold ``span`` is for partitions that wait for something, not for those that are merely full."""
    pauses = decide({A: held})

    assert pauses.paused == frozenset({A})
    assert pauses.stuck == (frozenset({A}) if stuck else NOBODY)


HELD = st.builds(
    Held,
    st.integers(0, 20),
    st.integers(0, 2000),
    st.integers(0, 200),
    st.integers(0, 5),
    st.integers(0, 10),
    st.integers(0, 1000),
)


@given(st.lists(st.fixed_dictionaries({A: HELD, B: HELD, C: HELD}), max_size=20))
def test_the_bounds_hold_whatever_comes(history: list[dict[Partition, Held]]) -> None:
    """A partition at its bound is paused, stuck ones are paused, and nothing is once all are empty."""
    intake = Intake(BOUNDS)
    paused = NOBODY
    for held in history:
        pauses = intake.decide(held, paused)
        paused = pauses.paused
        for partition, what in held.items():
            if what.records >= BOUNDS.partition_records or what.span >= BOUNDS.partition_span:
                assert partition in paused
            if max(what.blocked_records / 5, what.blocked_size / 500) >= 1:
                assert partition in paused
        if sum(what.records for what in held.values()) >= BOUNDS.records:
            share = max(10, BOUNDS.records // len(held))
            assert {partition for partition, what in held.items() if what.records >= share} <= paused
        assert pauses.stuck <= paused

    assert intake.decide(dict.fromkeys((A, B, C), NOTHING), paused) == Pauses(NOBODY, NOBODY)


def test_a_partition_that_is_gone_is_not_paused() -> None:
    """What was paused before a revocation is forgotten with it."""
    assert decide({B: NOTHING}, frozenset({A})) == Pauses(NOBODY, NOBODY)
