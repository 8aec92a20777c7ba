"""The breaker: which numbers stop a topic, what is kept then, and what lets it go on."""

import pytest

from consumer.core.api.refusals import LIMITS, Refusals, Ruling, Stop
from consumer.core.meaning.intents import DeadLetterReason

HERE, THERE = "payments", "refunds"
MAPPING, REFUSED = DeadLetterReason.MAPPING, DeadLetterReason.REFUSED


class Bench:
    """A breaker on a clock that the test sets."""

    def __init__(self, accept_until: float | None = None) -> None:
        self.now = 1000.0
        self.refusals = Refusals(accept_until=accept_until, pace=2.0)

    def refuse(
        self, count: int = 1, topic: str = HERE, reason: DeadLetterReason = MAPPING, *, probe: bool = False
    ) -> list[Ruling]:
        """Return what becomes of so many bad records."""
        return [self.refusals.refused(topic, reason, self.now, probe=probe) for _ in range(count)]

    def deliver(self, count: int = 1, topic: str = HERE) -> None:
        """Deliver so many good records, none of them a probe."""
        for _ in range(count):
            assert self.refusals.delivered(topic, probe=False) is None

    def probe(self, *good: bool) -> Stop | None:
        """Send probes; return the stop that the last one has ended."""
        over = None
        for each in good:
            self.refusals.probe_started(HERE)
            if each:
                over = self.refusals.delivered(HERE, probe=True)
            else:
                assert self.refuse(probe=True) == [Ruling.KEEP]
            self.refusals.probe_ended(HERE, self.now, settled=each)
        return over

    def stopped(self) -> bool:
        """Tell whether the topic of the tests is stopped."""
        return HERE in self.refusals.stopped


def stopped_bench() -> Bench:
    """Return a bench whose topic is stopped since its start."""
    bench = Bench()
    bench.refuse(LIMITS.in_a_row)
    assert bench.stopped()
    return bench


def test_what_fails_from_the_start_is_stopped_by_its_twentieth() -> None:
    """Nineteen letters may be written, and no more, however many records follow."""
    rulings = Bench().refuse(100)

    assert rulings[:19] == [Ruling.GIVE_UP] * 19
    assert rulings[19] is Ruling.STOPS
    assert set(rulings[20:]) == {Ruling.KEEP}


def test_one_good_record_since_the_start_ends_that_rule() -> None:
    """Afterwards a row says nothing; the share does."""
    bench = Bench()
    bench.deliver()

    assert bench.refuse(LIMITS.floor - 2) == [Ruling.GIVE_UP] * (LIMITS.floor - 2)
    assert bench.refuse() == [Ruling.STOPS]


@pytest.mark.parametrize(("good", "bad"), [(39, 11), (160, 41)])
def test_more_than_a_fifth_stops_a_topic(good: int, bad: int) -> None:
    """Of fifty the eleventh, of two hundred the forty-first; one less never does."""
    bench = Bench()
    bench.deliver(good)

    assert bench.refuse(bad - 1) == [Ruling.GIVE_UP] * (bad - 1)
    assert bench.refuse() == [Ruling.STOPS]


def test_a_share_of_few_records_says_nothing() -> None:
    """Below fifty judged records there is no share."""
    bench = Bench()
    bench.deliver(30)

    assert bench.refuse(LIMITS.floor - 31) == [Ruling.GIVE_UP] * (LIMITS.floor - 31)


def test_only_the_last_two_hundred_count() -> None:
    """Years of good records don't hide what is bad now, and old bad ones are forgotten."""
    bench = Bench()
    bench.deliver(10_000)
    assert bench.refuse(40) == [Ruling.GIVE_UP] * 40
    bench.deliver(LIMITS.window)
    assert bench.refuse(40) == [Ruling.GIVE_UP] * 40
    assert bench.refuse() == [Ruling.STOPS]


def test_a_good_record_never_stops_a_topic() -> None:
    """The fiftieth judged record is good and the share too large: the next bad one stops it."""
    bench = Bench()
    bench.deliver()
    bench.refuse(LIMITS.floor - 2)
    bench.deliver()

    assert not bench.stopped()
    assert bench.refuse() == [Ruling.STOPS]


def test_topics_are_judged_by_themselves() -> None:
    """One that is stopped stops no other, nor do good records of another help it."""
    bench = Bench()
    bench.deliver(500, THERE)
    bench.refuse(LIMITS.in_a_row)

    assert bench.refusals.stopped == {HERE}
    assert bench.refuse(topic=THERE) == [Ruling.GIVE_UP]


def test_a_stop_says_what_it_saw() -> None:
    """Of how many, how many, each for its reason, since when; what comes later changes none of that."""
    bench = Bench()
    bench.deliver(39)
    bench.refuse(8)
    bench.refuse(3, reason=REFUSED)
    stop = Stop(HERE, 1000.0, 50, {MAPPING: 8, REFUSED: 3}, 0, 5)
    assert bench.refusals.stop(HERE) == stop
    assert stop.refused == 11

    bench.now += 60
    bench.deliver(5)
    bench.refuse(5, reason=REFUSED)

    assert bench.refusals.stop(HERE) == stop
    assert bench.refusals.stop(THERE) is None


def test_five_good_probes_in_a_row_let_it_go_on() -> None:
    """A bad one begins the count anew; late successes of others count for nothing."""
    bench = stopped_bench()

    assert bench.probe(True, True, True, True, False) is None
    bench.deliver(10)
    assert bench.probe(True, True, True, True) is None
    assert bench.stopped()
    over = bench.probe(True)
    assert over is not None
    assert (over.topic, over.since) == (HERE, 1000.0)
    assert not bench.stopped()
    assert bench.refusals.stop(HERE) is None


def test_a_late_refusal_does_not_spoil_the_probes() -> None:
    """What was on its way when the topic was stopped is kept, and says nothing about now."""
    bench = stopped_bench()
    bench.probe(True, True, True, True)

    assert bench.refuse() == [Ruling.KEEP]
    assert bench.probe(True) is not None


def test_afterwards_ten_judged_records_are_enough() -> None:
    """The five good probes are the first of them: five bad ones behind them stop it again."""
    bench = stopped_bench()
    bench.probe(*[True] * LIMITS.good_probes)

    more = LIMITS.floor_after - LIMITS.good_probes
    assert bench.refuse(more - 1) == [Ruling.GIVE_UP] * (more - 1)
    assert bench.refuse() == [Ruling.STOPS]


def test_two_hundred_good_ones_earn_trust_again() -> None:
    """One less is not enough."""
    for good, again in (
        (LIMITS.trusted_after - LIMITS.good_probes - 1, False),
        (LIMITS.trusted_after - LIMITS.good_probes, True),
    ):
        bench = stopped_bench()
        bench.probe(*[True] * LIMITS.good_probes)
        bench.deliver(good)
        state = bench.refusals._topics[HERE]
        assert (state.trust is None) is again


def test_until_a_time_everything_is_given_up() -> None:
    """The way out by hand: nothing is stopped before it; behind it all is judged as after a start."""
    bench = Bench(accept_until=2000.0)

    assert bench.refuse(500) == [Ruling.GIVE_UP] * 500
    bench.now = 1999.9
    assert bench.refuse() == [Ruling.GIVE_UP]
    bench.now = 2000.0
    assert bench.refuse(LIMITS.in_a_row - 1) == [Ruling.GIVE_UP] * (LIMITS.in_a_row - 1)
    assert bench.refuse() == [Ruling.STOPS]


def test_what_was_accepted_by_hand_is_not_held_against_the_topic_later() -> None:
    """Sixty bad records were set aside and a hundred were good: days later, one bad one stops nothing."""
    bench = Bench(accept_until=2000.0)
    bench.refuse(60)
    bench.deliver(100)

    bench.now = 300_000.0
    assert bench.refuse() == [Ruling.GIVE_UP]
    # The good ones count: 26 bad ones of 126 are more than a fifth.
    assert bench.refuse(24) == [Ruling.GIVE_UP] * 24
    assert bench.refuse() == [Ruling.STOPS]


def test_probes_keep_a_pace_behind_bad_ones_and_none_behind_good_ones() -> None:
    """One at a time; the next at once where a record was settled, else two seconds later."""
    bench = stopped_bench()
    refusals = bench.refusals
    assert list(refusals.due(1001.9)) == []
    assert refusals.next_due(1001.9) == 1002.0
    assert list(refusals.due(1002.0)) == [HERE]
    assert refusals.next_due(1002.0) is None

    refusals.probe_started(HERE)
    assert list(refusals.due(1100.0)) == []
    assert refusals.next_due(1100.0) is None
    refusals.probe_ended(HERE, 1100.0, settled=False)
    assert refusals.next_due(1100.0) == 1102.0
    refusals.probe_started(HERE)
    refusals.probe_ended(HERE, 1102.0, settled=True)
    assert list(refusals.due(1102.0)) == [HERE]


def test_an_open_topic_has_no_probes() -> None:
    """Nothing is due where nothing is stopped."""
    bench = Bench()
    bench.refuse(5)

    assert list(bench.refusals.due(1e9)) == []
    assert bench.refusals.next_due(0.0) is None
