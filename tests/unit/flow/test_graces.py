"""Removes in their grace beside the lanes: many of them, behind one another, and at the end of a process."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

import pytest

from consumer.core.api.calls import PlanRules
from consumer.core.api.verdicts import Answer, Fault, FaultKind, HoldCause, Response
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.meaning.intents import DeadLetterReason
from consumer.core.meaning.rates import Growth, RateRows, RateTable
from consumer.core.operations import waits
from consumer.core.operations.logbook import Event
from consumer.core.partitions.intake import Bounds, Intake
from consumer.core.partitions.lanes import Ticket
from consumer.core.records import Partition
from consumer.flow.delivery import Rules, Story
from tests.simulation.loop import VirtualLoop
from tests.support.events import money, payment_event
from tests.support.fakes import LedgerApi, Sent
from tests.support.rig import ERASURES, RULES, Around, Rig, erasure

PAYMENTS, REFUNDS, OTHERS = Partition("payments", 0), Partition("refunds", 0), Partition("others", 0)
GRACE = 60.0


class Bench:
    """A rig on virtual time, with an API that knows its payments."""

    def __init__(
        self,
        *,
        rate: float = 100_000.0,
        max_in_flight: int = 8,
        erasures_per_second: float | None = None,
        rules: Rules = RULES,
    ) -> None:
        self.clock = asyncio.get_running_loop().time
        self.api = LedgerApi()
        around = Around(clock=self.clock, wall=self.clock, api=self.api, grace=GRACE)
        self.rig = Rig(
            around=around,
            rate=rate,
            max_in_flight=max_in_flight,
            erasures_per_second=erasures_per_second,
            rules=rules,
        )
        self.rig.source.poll_seconds = 1.0

    def pay(self, partition: Partition, name: str, key: bytes | None = None, ago: float = 0.0) -> None:
        """Append a payment that was written so many seconds ago."""
        self._append(partition, name.encode(), key, ago)

    def refund(self, partition: Partition, name: str, key: bytes | None = None, ago: float = 0.0) -> None:
        """Append the refund of a payment."""
        value = f"refund of {name}".encode()
        self.rig.decoder.events[value] = payment_event(kind="REFUND", payment_id=name)
        self._append(partition, value, key, ago)

    async def until(self, condition: Callable[[], object], within: float = 600.0) -> float:
        """Let time pass until something is so, and return how long that took."""
        began = self.clock()
        while not condition():
            assert self.clock() < began + within, "it does not happen"
            await asyncio.sleep(0.05)
        return self.clock() - began

    async def committed(self, *partitions: Partition, within: float = 600.0) -> float:
        """Wait until everything of these partitions is committed; return how long that took."""
        source = self.rig.source
        return await self.until(lambda: all(source.committed(p) == source.end(p) for p in partitions), within)

    def settled(self, outcome: str) -> float:
        """Return how many refunds of their topic were settled in a way."""
        return self.rig.metric(
            "records_settled_total", topic="refunds", action="remove", outcome=outcome, reason="none"
        )

    def _append(self, partition: Partition, value: bytes, key: bytes | None, ago: float) -> None:
        self.rig.source.produce(partition, value, key, int((self.clock() - ago) * 1000))


def virtual(scene: Coroutine[object, object, None]) -> None:
    """Run a scene on virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(scene)


def test_removes_that_fill_a_partition_do_not_wait_for_what_is_stuck() -> None:
    """One call fails for ever, and its key with it: refunds that find nothing don't stop what is behind."""

    async def scene() -> None:
        bench = Bench()
        bench.api.always["stuck"] = Response(500)
        bench.pay(PAYMENTS, "stuck", b"key")
        bench.pay(PAYMENTS, "behind it", b"key")
        for number in range(600):
            bench.refund(REFUNDS, f"guest-{number}")
        bench.pay(REFUNDS, "pay")
        async with bench.rig.running():
            bench.rig.source.assign(PAYMENTS, REFUNDS)
            assert await bench.until(bench.api.recorded, 10 * GRACE) > GRACE
            assert bench.settled("nothing_to_remove") >= 300
            (crowd, *_) = bench.rig.log.told(Event.REMOVES_CROWD)
            assert (crowd["topic"], crowd["partition"]) == ("refunds", 0)

    virtual(scene())


#: How many payments wait for a hold, and how many guests there are: their refunds fill a partition of
#: these bounds.
CROWD: Final = 16
GUESTS: Final = 10
BOUNDS: Final = Bounds(partition_records=40)
_WHEN: Final = datetime(2026, 3, 20, 12, tzinfo=UTC)


class Held:
    """Payments in some lanes that wait for something of ours, which :attr:`cure` brings back."""

    def __init__(self, cause: HoldCause, lanes: int = 4) -> None:
        self._lanes: Final = lanes
        self._table = _rates(10)
        rules = replace(RULES, plan=PlanRules(reporting="INR"), rates=lambda: self._table)
        self.bench: Final = Bench(rules=rules if cause is HoldCause.RATES else RULES)
        self._names: Final = [f"pay-{number}" for number in range(CROWD)]
        self.cure: Final = {
            HoldCause.REGISTRY: self._registry,
            HoldCause.RATES: self._rates,
            HoldCause.DEAD_LETTERS: self._dead_letters,
            HoldCause.REFUSALS: self._refusals,
        }[cause]()

    def refund_all(self) -> None:
        """Append their refunds."""
        for name in self._names:
            self.bench.refund(REFUNDS, name)

    def _registry(self) -> Callable[[], None]:
        decoder = self.bench.rig.decoder
        for name in self._names:
            decoder.trouble[name.encode()] = Unavailable("the registry is away")
            self.bench.pay(PAYMENTS, name)
        return decoder.trouble.clear

    def _rates(self) -> Callable[[], None]:
        for name in self._names:
            event = payment_event(payment_id=name, amount=money(1000, "USD"), occurred_at=_WHEN)
            self.bench.rig.decoder.events[name.encode()] = event
            self.bench.pay(PAYMENTS, name, b"key-%d" % (len(self.bench.rig.decoder.events) % self._lanes))

        def cure() -> None:
            self._table = _rates(10, 19)

        return cure

    def _dead_letters(self) -> Callable[[], None]:
        """Few letters, and behind each of them many payments with its key."""
        rig = self.bench.rig
        rig.box.missing.add("payments")
        for number in range(self._lanes):
            bad = b"bad-%d" % number
            rig.decoder.trouble[bad] = Unreadable(DeadLetterReason.UNDECODABLE, "bytes")
            self.bench.pay(PAYMENTS, bad.decode(), b"key-%d" % number)
        for number, name in enumerate(self._names):
            self.bench.pay(PAYMENTS, name, b"key-%d" % (number % self._lanes))
        return rig.box.missing.clear

    def _refusals(self) -> Callable[[], None]:
        """A mapping of ours that is wrong: nothing of the topic can be read."""
        decoder = self.bench.rig.decoder
        for number in range(30):
            self.bench.pay(PAYMENTS, f"before-{number}")
            decoder.trouble[b"before-%d" % number] = Unreadable(DeadLetterReason.UNDECODABLE, "bytes")
        for name in self._names:
            decoder.trouble[name.encode()] = Unreadable(DeadLetterReason.UNDECODABLE, "bytes")
            self.bench.pay(PAYMENTS, name)
        return decoder.trouble.clear


def _rates(*days: int) -> RateTable:
    rows = RateRows()
    for number in days:
        rows.add(date(2026, 3, number), "USD", Decimal(1))
        rows.add(date(2026, 3, number), "INR", Decimal(88))
    return rows.table("EUR", Growth.DAILY, 3)


@pytest.mark.parametrize(
    "cause", [HoldCause.REGISTRY, HoldCause.RATES, HoldCause.DEAD_LETTERS, HoldCause.REFUSALS]
)
def test_removes_that_fill_a_partition_wait_for_what_a_hold_of_ours_keeps(cause: HoldCause) -> None:
    """Something of ours is away, and with it the payments of many refunds: none of them is given up.

    Their partition is full meanwhile, and goes on by itself.
    """

    async def scene() -> None:
        held = Held(cause)
        bench = held.bench
        vars(bench.rig.pipeline)["_intake"] = Intake(BOUNDS)
        for number in range(GUESTS):
            bench.refund(REFUNDS, f"guest-{number}")
        held.refund_all()
        bench.pay(REFUNDS, "other")
        async with bench.rig.running():
            bench.rig.source.assign(PAYMENTS, REFUNDS)
            await asyncio.sleep(2.5 * GRACE)
            assert cause in bench.rig.pipeline.holding()
            assert bench.rig.pipeline.graces.waiting == CROWD + GUESTS
            assert REFUNDS in bench.rig.source.paused
            assert bench.settled("nothing_to_remove") == 0
            held.cure()
            assert await bench.committed(PAYMENTS, REFUNDS) < 6 * GRACE
            assert bench.settled("nothing_to_remove") == GUESTS
            assert not {name for name in bench.api.recorded() if name.startswith("pay-")}
            await bench.until(lambda: REFUNDS not in bench.rig.source.paused)

    virtual(scene())


def test_a_payment_that_waits_for_its_rate_holds_its_refund_back() -> None:
    """Which payment it is is known: its refund is not even sent, and guests' refunds end by their grace."""

    async def scene() -> None:
        held = Held(HoldCause.RATES, lanes=CROWD)
        bench = held.bench
        held.refund_all()
        for number in range(GUESTS):
            bench.refund(OTHERS, f"guest-{number}")
        async with bench.rig.running():
            bench.rig.source.assign(PAYMENTS, REFUNDS, OTHERS)
            assert await bench.committed(OTHERS) < 2 * GRACE
            assert not {name for name in bench.api.asked if name.startswith("pay-")}
            assert bench.settled("nothing_to_remove") == 0
            held.cure()
            await bench.committed(PAYMENTS, REFUNDS)
            assert bench.settled("delivered") == CROWD

    virtual(scene())


def test_a_few_removes_wait_for_what_is_stuck() -> None:
    """They harm nobody, and what is stuck may be their payment."""

    async def scene() -> None:
        bench = Bench()
        bench.rig.decoder.trouble[b"pay"] = Unavailable("the registry is away")
        bench.pay(PAYMENTS, "pay")
        bench.refund(REFUNDS, "pay")
        bench.pay(REFUNDS, "other")
        async with bench.rig.running():
            bench.rig.source.assign(PAYMENTS, REFUNDS)
            await asyncio.sleep(5 * GRACE)
            assert bench.rig.settled("refunds") == 1
            assert bench.rig.pipeline.graces.waiting == 1
            bench.rig.decoder.trouble.clear()
            assert await bench.committed(PAYMENTS, REFUNDS) < 5
            assert bench.api.recorded() == ["other"]
            assert bench.rig.log.told(Event.REMOVES_CROWD) == []

    virtual(scene())


def test_a_topic_of_refunds_waits_for_hours_of_payments() -> None:
    """After a long stop the refunds are read first and fill their partition; none of them is given up early.

    The payments are sent at 20 in a second, and the removes that wait leave them most of it.
    """

    async def scene() -> None:
        bench = Bench(rate=20.0)
        for number in range(2_000):
            bench.pay(PAYMENTS, f"pay-{number}", ago=7_200 - number)
        refunded = [f"pay-{number}" for number in range(1_300, 2_000)]
        for name in refunded:
            bench.refund(REFUNDS, name, ago=5_200)
        async with bench.rig.running():
            bench.rig.source.assign(PAYMENTS, REFUNDS)
            await bench.until(lambda: REFUNDS in bench.rig.source.paused)
            assert await bench.committed(PAYMENTS, REFUNDS, within=600) > 2 * GRACE
            assert bench.settled("nothing_to_remove") == 0
            assert len(bench.api.recorded()) == 1_300
            assert not set(bench.api.recorded()).intersection(refunded)

    virtual(scene())


def test_many_removes_leave_the_rate_to_payments() -> None:
    """A thousand refunds in their grace cost a tenth of the calls: payments are sent as fast as before."""

    async def scene() -> None:
        bench = Bench(rate=25.0)
        bench.rig.decoder.trouble[b"stuck"] = Unavailable("the registry is away")
        bench.pay(OTHERS, "stuck")
        for number in range(200):
            bench.refund(REFUNDS, f"guest-{number}")
        async with bench.rig.running():
            bench.rig.source.assign(OTHERS, REFUNDS, PAYMENTS)
            await bench.until(lambda: bench.rig.pipeline.graces.waiting == 200)
            await asyncio.sleep(300)
            for number in range(500):
                bench.pay(PAYMENTS, f"pay-{number}")
            assert await bench.committed(PAYMENTS) < 500 / 25 * 1.2

    virtual(scene())


def test_a_capture_waits_for_a_remove_of_its_lane_that_is_held_back() -> None:
    """The remove was never sent, because its payment is on the wire elsewhere: all three go in order."""

    async def scene() -> None:
        bench = Bench()
        bench.api.hold("pay")
        bench.pay(PAYMENTS, "pay")
        async with bench.rig.running():
            bench.rig.source.assign(PAYMENTS, OTHERS)
            await bench.until(lambda: bench.api.on_wire)
            bench.refund(OTHERS, "pay", b"key")
            bench.pay(OTHERS, "pay", b"key")
            await asyncio.sleep(30)
            assert [call.path for call in bench.api.calls] == ["/capture-payment"]
            bench.api.let_go("pay")
            assert await bench.committed(PAYMENTS, OTHERS) < 1
            assert [call.path for call in bench.api.calls] == [
                "/capture-payment",
                "/remove-payment",
                "/capture-payment",
            ]

    virtual(scene())


def test_a_capture_of_another_lane_ends_no_wait() -> None:
    """In the same partition, with another key, it is only what the remove was waiting for."""

    async def scene() -> None:
        bench = Bench()
        async with bench.rig.running():
            bench.rig.source.assign(REFUNDS)
            bench.refund(REFUNDS, "pay", b"one")
            await bench.until(lambda: bench.rig.pipeline.graces.waiting)
            bench.pay(REFUNDS, "pay", b"another")
            assert await bench.committed(REFUNDS) < 1
            assert bench.api.recorded() == []

    virtual(scene())


def test_a_stop_does_not_wait_for_a_grace() -> None:
    """What waits is let go at once and comes again; what was settled around it does not."""

    async def scene() -> None:
        bench = Bench()
        bench.refund(REFUNDS, "pay")
        bench.pay(REFUNDS, "other")
        async with bench.rig.running():
            bench.rig.source.assign(REFUNDS)
            await bench.until(bench.api.recorded)
            began = bench.clock()
            assert await bench.rig.pipeline.drain(20.0)
            assert bench.clock() - began < 1
            stored = bench.rig.source.stored[REFUNDS]
            assert stored.offset == 0
            assert stored.metadata, "what is settled above it travels with the commit"

    virtual(scene())


def test_nothing_is_left_of_a_partition_that_is_gone() -> None:
    """Also where answers come behind the hand-over: a 400, and one of a capture."""

    async def scene() -> None:
        bench = Bench()
        bench.api.hold("pay", "other")
        bench.refund(REFUNDS, "pay")
        bench.pay(REFUNDS, "other")
        async with bench.rig.running():
            bench.rig.source.assign(REFUNDS)
            await bench.until(lambda: len(bench.api.on_wire) == 2)
            await bench.rig.source.revoke(REFUNDS, seconds=0.1)
            bench.api.let_go("pay", "other")
            await bench.until(lambda: not bench.rig.pipeline.in_flight)
            assert bench.rig.pipeline.graces.removals.empty
            assert bench.rig.pipeline.graces.waiting == 0

    virtual(scene())


def test_an_erasure_has_no_grace() -> None:
    """No single payment is expected: it is settled by its first 400, whatever the grace of refunds."""

    async def scene() -> None:
        bench = Bench(erasures_per_second=100.0)
        bench.api.always["nobody"] = Response(400)
        bench.rig.source.produce(Partition(ERASURES, 0), erasure("nobody"))
        async with bench.rig.running():
            bench.rig.source.assign(Partition(ERASURES, 0))
            assert await bench.committed(Partition(ERASURES, 0)) < 1
            assert [call.path for call in bench.api.calls] == ["/remove-payment"]
            assert bench.rig.metric("erasures_total", outcome="nothing_to_remove") == 1

    virtual(scene())


def test_the_status_says_how_many_wait() -> None:
    """Of them and of all that is parked; the word for what they wait for has a sentence."""

    async def scene() -> None:
        bench = Bench()
        bench.refund(REFUNDS, "pay")
        async with bench.rig.running():
            bench.rig.source.assign(REFUNDS)
            await bench.until(lambda: bench.rig.pipeline.graces.waiting)
            lanes = bench.rig.pipeline.lanes
            assert [ticket.story.waits_for for ticket, _ in lanes.sleeping()] == [waits.GRACE]
            oldest = lanes.oldest(REFUNDS)
            assert oldest is not None
            assert oldest[0].aside

    virtual(scene())


def test_a_remove_has_one_call_at_a_time() -> None:
    """While one is on the wire, no other is sent, however long it takes and whoever wakes it."""

    async def scene() -> None:
        bench = Bench()
        async with bench.rig.running():
            bench.rig.source.assign(REFUNDS, PAYMENTS)
            bench.refund(REFUNDS, "pay")
            await bench.until(lambda: bench.rig.pipeline.graces.waiting)
            bench.api.hold("pay")
            await bench.until(lambda: bench.api.on_wire)
            bench.pay(PAYMENTS, "pay")
            await asyncio.sleep(30)
            assert [call.path for call in bench.api.calls][1:] == ["/remove-payment"]
            bench.api.let_go("pay")
            assert await bench.committed(REFUNDS, PAYMENTS) < 15
            assert bench.api.recorded() == []
            assert not bench.api.overlapped

    virtual(scene())


def test_a_remove_does_not_leave_when_a_capture_has_come_up_while_it_waited_for_its_turn() -> None:
    """A slow rate: the payment is sent before its refund's turn, recorded, and its answer gets lost.

    If the refund were sent on its turn, the next try of the payment would bring it back.
    """

    async def scene() -> None:
        bench = Bench(rate=1.0)
        others = [f"other-{number}" for number in range(5)]
        for name in others:
            bench.pay(REFUNDS, name)
        bench.refund(REFUNDS, "pay")
        line = Lossy(bench, "pay", "/capture-payment")
        async with bench.rig.running():
            bench.rig.source.assign(REFUNDS, PAYMENTS)
            await bench.until(lambda: b"refund of pay" in _under_way(bench))
            bench.pay(PAYMENTS, "pay")
            await bench.until(lambda: line.lost)
            assert "/remove-payment" not in [call.path for call in bench.api.calls]
            await bench.committed(REFUNDS, PAYMENTS)
            assert bench.settled("delivered") == 1
            assert bench.api.recorded() == others
            paths = [call.path for call in bench.api.calls if call.payment_id == "pay"]
            assert paths == ["/capture-payment", "/capture-payment", "/remove-payment"]
            assert not line.met

    virtual(scene())


def test_a_capture_does_not_leave_while_a_remove_of_its_payment_is_on_the_wire_elsewhere() -> None:
    """Nor when the remove is sent while the capture waits for its turn."""

    async def scene() -> None:
        bench = Bench(rate=1.0)
        bench.api.hold("pay")
        bench.refund(REFUNDS, "pay")
        async with bench.rig.running():
            bench.rig.source.assign(REFUNDS, PAYMENTS)
            await bench.until(lambda: bench.api.on_wire)
            bench.pay(PAYMENTS, "pay")
            await asyncio.sleep(5)
            assert [call.path for call in bench.api.calls] == ["/remove-payment"]
            assert [ticket.story.waits_for for ticket, _ in bench.rig.pipeline.lanes.sleeping()] == ["remove"]
            bench.api.let_go("pay")
            await bench.committed(REFUNDS, PAYMENTS)
            assert bench.api.recorded() == []
            assert not bench.api.overlapped

    virtual(scene())


def test_removes_and_captures_of_one_payment_never_meet_and_never_wait_for_ever() -> None:
    """Three lanes about one payment at a slow rate, with answers that get lost: all of them settle."""

    async def scene() -> None:
        bench = Bench(rate=2.0)
        for partition in (PAYMENTS, REFUNDS, OTHERS):
            for number in range(4):
                bench.refund(partition, "pay", b"key-%d" % (number % 2))
                bench.pay(partition, "pay", b"key-%d" % (number % 2))
        line = Lossy(bench, "pay", "/remove-payment")
        async with bench.rig.running():
            bench.rig.source.assign(REFUNDS, PAYMENTS, OTHERS)
            await bench.committed(REFUNDS, PAYMENTS, OTHERS)
            assert line.lost
            assert not line.met
            assert bench.rig.pipeline.graces.removals.empty

    virtual(scene())


def _under_way(bench: Bench) -> list[bytes | None]:
    """Return what is in flight, by its value."""
    tasks: Mapping[Ticket[Story], object] = vars(vars(bench.rig.pipeline)["_flights"])["_tasks"]
    return [ticket.record.value for ticket in tasks]


class Lossy:
    """An API's line: the answer to the first call of a kind about a payment gets lost, after 10 s.

    ``lost`` once that is so; ``met``: a capture and a remove of one payment were under way together.
    """

    def __init__(self, bench: Bench, name: str, path: str) -> None:
        self.lost = False
        self.met = False
        self._first: Final = (name, path)
        self._begun = False
        self._under_way: Final[list[tuple[str, str]]] = []
        self._real: Final = bench.api.send
        vars(bench.api)["send"] = self.send

    async def send(self, path: str, body: bytes) -> Answer | None:
        """Pass a call on."""
        call = Sent(path, body).payment_id, path
        self.met = self.met or any(name == call[0] and to != path for name, to in self._under_way)
        first, self._begun = call == self._first and not self._begun, self._begun or call == self._first
        self._under_way.append(call)
        try:
            answer = await self._real(path, body)
            if not first:
                return answer
            await asyncio.sleep(10)
            self.lost = True
            return Fault(FaultKind.TIMEOUT)
        finally:
            self._under_way.remove(call)


def test_a_key_that_fails_for_ever_stops_no_grace() -> None:
    """Its payment is known, and nothing is behind it: a guest's refund elsewhere ends."""

    async def scene() -> None:
        bench = Bench()
        bench.api.always["bad"] = Response(500)
        bench.pay(PAYMENTS, "bad")
        bench.refund(REFUNDS, "guest")
        bench.refund(OTHERS, "bad")
        async with bench.rig.running():
            bench.rig.source.assign(PAYMENTS, REFUNDS, OTHERS)
            assert await bench.committed(REFUNDS) > GRACE
            assert bench.settled("nothing_to_remove") == 1
            assert bench.rig.pipeline.graces.waiting == 1, "its own refund waits"

    virtual(scene())


def test_a_key_that_fails_for_ever_hides_what_is_behind_it() -> None:
    """What comes behind it with its key may be the payment of a refund elsewhere."""

    async def scene() -> None:
        bench = Bench()
        bench.api.always["bad"] = Response(500)
        bench.pay(PAYMENTS, "bad", b"key")
        bench.pay(PAYMENTS, "pay", b"key")
        bench.refund(REFUNDS, "pay")
        async with bench.rig.running():
            bench.rig.source.assign(PAYMENTS, REFUNDS)
            await asyncio.sleep(10 * GRACE)
            assert bench.rig.pipeline.graces.waiting == 1
            del bench.api.always["bad"]
            await bench.committed(PAYMENTS, REFUNDS)
            assert bench.api.recorded() == ["bad"]
            assert bench.settled("delivered") == 1

    virtual(scene())
