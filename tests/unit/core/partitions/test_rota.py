"""The rota: late tries get a little while others wait, all that is free while nobody does, and never more."""

from collections import Counter

from consumer.core.api.budget import RetryBudget
from consumer.core.api.pacing import Turns
from consumer.core.partitions.lanes import Lanes, Ticket
from consumer.core.partitions.rota import Rota, Way
from consumer.core.records import Partition, Record

HERE, ERASURES = Partition("payments", 0), Partition("erasures", 0)
START = 1000.0
#: 25 calls a second: with others waiting, and with a call that could leave now.
BUSY, FREE = Way(25.0, None), Way(25.0, 0.0)


class Desk:
    """A rota, its lanes, and how often which records were started."""

    def __init__(self, places: int = 32, erasures: float = 1000.0) -> None:
        self.lanes: Lanes[str] = Lanes()
        self.rota = Rota(self.lanes, RetryBudget(places), Turns({"erasures": erasures}))
        self.offset = 0

    def offer(self, kind: str, count: int, partition: Partition = HERE) -> None:
        """Offer records, each with a key of its own."""
        for _ in range(count):
            self.lanes.offer(Record(partition, self.offset, 1, b"%d" % self.offset, b""), kind)
            self.offset += 1

    def offer_late(self, count: int, partition: Partition = HERE) -> None:
        """Offer records that have failed often already. Nothing else may be waiting."""
        self.offer("late", count, partition)
        flights = [self.lanes.take(START) for _ in range(count)]
        for ticket in flights:
            assert ticket is not None
            self.lanes.park(ticket, START, backoff=True, late=True)

    def next(self, now: float, way: Way) -> str | None:
        """Start the next record, end it at once, and say of which kind it was."""
        ticket = self.rota.next(now, lambda: way)
        if ticket is not None:
            self.rota.left(ticket, now)
            self.rota.ended(ticket, now)
            self.lanes.finish(ticket)
        return None if ticket is None else ticket.story

    def take(self, now: float, way: Way) -> Ticket[str]:
        """Start the next record, which must be there."""
        ticket = self.rota.next(now, lambda: way)
        assert ticket is not None
        self.rota.left(ticket, now)
        return ticket


def test_late_ones_get_their_part_while_others_wait() -> None:
    """25 a second for 40 seconds: 4 % of the starts are late ones, also though there are many."""
    desk = Desk()
    desk.offer_late(500)
    desk.offer("first", 2000)

    started = Counter(desk.next(START + n / 25, BUSY) for n in range(1000))

    assert 38 <= started["late"] <= 41
    assert started["first"] == 1000 - started["late"]


def test_late_ones_have_all_that_is_free() -> None:
    """Where nothing else waits they start as calls can leave; not while calls wait for their turn."""
    desk = Desk()
    desk.offer_late(20)
    assert desk.next(START, BUSY) == "late"
    assert desk.next(START, BUSY) is None

    assert [desk.next(START, FREE) for _ in range(19)] == ["late"] * 19
    assert desk.next(START, FREE) is None


def test_half_of_the_places_stay_free_of_late_ones() -> None:
    """What comes next finds a place, even where all late calls hang."""
    desk = Desk(places=4)
    desk.offer_late(10)
    hanging = [desk.take(START, FREE), desk.take(START, FREE)]
    assert desk.rota.next(START, lambda: FREE) is None
    desk.offer("first", 1)
    assert desk.next(START, FREE) == "first"

    desk.rota.ended(hanging[0], START + 10)
    assert desk.take(START + 10, FREE).story == "late"


def test_a_late_one_that_hangs_pays_for_its_place() -> None:
    """One of four places for ten seconds is 4 % of four minutes and more."""
    desk = Desk(places=4)
    desk.offer_late(10)
    desk.offer("first", 10_000)
    hanging = desk.take(START, BUSY)
    assert hanging.story == "late"
    assert {desk.next(START + second, BUSY) for second in range(10)} == {"first"}
    desk.rota.ended(hanging, START + 10)

    assert {desk.next(START + second, BUSY) for second in range(10, 70)} == {"first"}
    assert desk.next(START + 73, BUSY) == "late"


def test_the_next_turn_is_told_so_that_nobody_sleeps_through_it() -> None:
    """A parked one that is due, the budget's next call, and a free moment: the earliest of them."""
    desk = Desk()
    assert desk.rota.next_turn(START, lambda: FREE) is None
    desk.offer_late(2)
    desk.next(START, BUSY)
    assert desk.rota.next_turn(START, lambda: BUSY) == START + 1.0
    assert desk.rota.next_turn(START, lambda: Way(25.0, 0.03)) == START + 0.03
    assert desk.rota.next_turn(START + 0.4, lambda: BUSY) == START + 1.0

    parked = desk.take(START + 1.0, BUSY)
    desk.lanes.park(parked, START + 5.0, backoff=True, late=True)
    desk.rota.ended(parked, START + 1.0)
    assert desk.rota.next_turn(START + 1.0, lambda: BUSY) == START + 5.0


def test_topics_with_a_rate_rest_for_late_ones_and_probes_too() -> None:
    """Each start counts, that of a late try and of a probe as well."""
    desk = Desk(erasures=1.0)
    desk.offer_late(3, ERASURES)
    assert desk.next(START, FREE) == "late"
    assert desk.next(START, FREE) is None
    assert desk.rota.next_turn(START, lambda: FREE) == START + 0.975
    assert desk.rota.next_probe(START) is None

    probe = desk.rota.next_probe(START + 1.0)
    assert probe is not None
    assert probe.story == "late"
    assert desk.rota.next_probe(START + 1.0) is None


def test_a_probe_is_any_record_but_first_one_that_has_not_failed() -> None:
    """A hold is not kept up by records that fail on their own account; where all do, one of them goes."""
    desk = Desk()
    desk.offer_late(1)
    desk.offer("first", 1)

    probes = [desk.rota.next_probe(START), desk.rota.next_probe(START)]

    assert [probe.story for probe in probes if probe is not None] == ["first", "late"]
