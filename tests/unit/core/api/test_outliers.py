"""Outliers: which holding answers are a record's own."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.core.api.outliers import Outliers, Standing

SUSPECT, ALONE, AMONG_OTHERS = Standing.SUSPECT, Standing.ALONE, Standing.AMONG_OTHERS


@dataclass
class Bench:
    """Outliers on a clock that each step moves by a second, with the standing of each record."""

    outliers: Outliers = field(default_factory=Outliers)
    standings: dict[str, Standing | None] = field(default_factory=dict)
    now: float = 1000.0

    def held(self, *records: str) -> list[Standing]:
        """Let records have a holding answer, one after the other; return how each stands then."""
        found = []
        for record in records:
            self.now += 1.0
            standing = self.outliers.held(self.standings.get(record), self.now)
            self.standings[record] = standing
            found.append(standing)
        return found

    def answered(self, record: str = "good", took: float = 0.5) -> None:
        """Let the API answer a record as only it does; the call was sent ``took`` seconds before."""
        self.now += 1.0
        self.outliers.answered(self.now - took)
        self.standings[record] = None


def test_the_first_holding_answer_counts_for_all() -> None:
    """Also beside any number of good ones, and for each record anew."""
    bench = Bench()
    bench.answered()

    assert bench.held("one", "other") == [SUSPECT, SUSPECT]
    bench.answered()
    assert bench.held("third") == [SUSPECT]


def test_a_record_that_has_it_again_beside_a_success_is_alone() -> None:
    """And stays so, in quiet traffic too, where nothing is sent between its tries."""
    bench = Bench()
    bench.held("bad")
    bench.answered()

    assert bench.held("bad", "bad", "bad") == [ALONE, ALONE, ALONE]


def test_without_a_success_everybody_counts_for_all() -> None:
    """A wrong key, for however long: the same records find it out again and again."""
    assert set(Bench().held(*["one", "other", "one"] * 20)) == {SUSPECT}


def test_a_success_from_before_the_answer_proves_nothing() -> None:
    """Its call was sent with the old key, and took its time."""
    bench = Bench()
    bench.held("bad")
    bench.answered(took=1.5)

    assert bench.held("bad") == [SUSPECT]


def test_its_own_success_makes_its_next_answer_the_first() -> None:
    """It is not alone in anything any more; and its own success proves nothing about others."""
    bench = Bench()
    bench.held("bad")
    bench.answered("bad")
    assert bench.held("bad") == [SUSPECT]

    bench.answered()
    assert bench.held("bad") == [ALONE]
    bench.answered("bad")
    assert bench.held("bad") == [SUSPECT]


def test_another_record_with_it_ends_that_one_is_alone_until_a_success() -> None:
    """Then it is a fault of ours until somebody shows that it is over."""
    bench = Bench()
    bench.held("bad")
    bench.answered()
    bench.held("bad")

    assert bench.held("other", "bad", "bad") == [SUSPECT, AMONG_OTHERS, AMONG_OTHERS]
    bench.answered()
    assert bench.held("bad", "other") == [ALONE, ALONE]


def test_of_those_that_an_outage_refused_the_second_counts_for_all() -> None:
    """The key was wrong, right for a moment, and is wrong again: that is told though all are suspects."""
    bench = Bench()
    bench.held("one", "two", "three", "four")
    bench.answered()

    assert bench.held("one", "two", "three", "four") == [ALONE, SUSPECT, SUSPECT, SUSPECT]


def test_bad_ones_are_found_alone_one_by_one_though_nothing_comes_between_their_tries() -> None:
    """Quiet traffic: each success lets one of them be known, and those that are known stay so."""
    bench, bad = Bench(), ["one", "two", "three"]
    bench.held(*bad)
    for known in range(1, 4):
        bench.answered()
        bench.held(*bad)
        assert [bench.standings[name] is SUSPECT for name in bad] == [n >= known for n in range(3)]
    bench.answered()
    assert bench.held(*bad, *bad) == [ALONE] * 6


STEPS = st.lists(
    st.tuples(st.sampled_from(["held", "answered"]), st.sampled_from("abcd"), st.floats(0.1, 5.0)),
    max_size=60,
)


@settings(max_examples=400, deadline=None)
@given(STEPS)
def test_by_the_book(steps: list[tuple[str, str, float]]) -> None:
    """Against the rules, word by word, over all that has happened."""
    bench = Bench()
    answered: list[float] = []
    unknown: list[float] = []
    for_all: list[float] = []
    before: dict[str, list[bool]] = {}
    for what, record, took in steps:
        if what == "answered":
            bench.answered(record, took)
            answered.append(bench.now - took)
            before.pop(record, None)
            continue
        own = before.setdefault(record, [])
        known = any(own)
        relevant = for_all if known else unknown
        since = not relevant or any(began >= relevant[-1] for began in answered)
        expected = (known or bool(own)) and since
        (standing,) = bench.held(record)
        assert (standing is ALONE) is expected
        if not known:
            unknown.append(bench.now)
        if not expected:
            for_all.append(bench.now)
        own.append(expected)


@given(STEPS, st.lists(st.sampled_from("abcdef"), max_size=30))
def test_an_api_that_refuses_everybody_is_told_by_the_second_that_was_not_known(
    steps: list[tuple[str, str, float]], refused: list[str]
) -> None:
    """Whatever was before: of the records not known to be alone, one at most is taken for an outlier."""
    bench = Bench()
    for what, record, took in steps:
        bench.answered(record, took) if what == "answered" else bench.held(record)
    known = {name for name, standing in bench.standings.items() if standing not in {None, SUSPECT}}

    found: list[bool] = []
    for record in refused:
        (standing,) = bench.held(record)
        if record not in known:
            found.append(standing is ALONE)
            known |= {record} if standing is ALONE else set()

    assert sum(found) <= 1
    assert not any(found[1:])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 4))
def test_a_record_alone_in_it_stops_nobody_twice(answers: list[int], between: int) -> None:
    """Others succeed between its tries, or don't: only its first answer counts for all."""
    bench = Bench()
    assert bench.held("bad") == [SUSPECT]
    for _ in range(between):
        bench.answered()
    for successes in answers:
        assert bench.held("bad") == [ALONE]
        for _ in range(successes):
            bench.answered()
