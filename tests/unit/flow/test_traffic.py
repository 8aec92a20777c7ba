"""Traffic: who may call, and what the answers to some mean for all."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from prometheus_client import CollectorRegistry

from consumer.core.api.gates import DOUBT_LIMIT
from consumer.core.api.outliers import Standing
from consumer.core.api.pacing import PACE
from consumer.core.api.shares import Allotment, Shares
from consumer.core.api.verdicts import Again, Delivered, Hold, HoldCause, NothingToRemove, Refused, Verdict
from consumer.core.operations.catalogue import PREFIX
from consumer.core.operations.logbook import Event
from consumer.core.partitions.rota import Way
from consumer.core.records import Partition
from consumer.edges.metrics import Metrics
from consumer.flow.membership import Membership
from consumer.flow.traffic import Traffic
from tests.simulation.loop import VirtualLoop
from tests.support.fakes import FakeLog

NO_KEY = Hold(HoldCause.CREDENTIALS)
PAGE = Again("html", doubtful=True, unknown=True)


class Bench:
    """Traffic on a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.opened = 0
        self.recovered = 0
        self.log = FakeLog()
        self.traffic = Traffic(
            Allotment(25.0, None),
            Metrics(CollectorRegistry()),
            self.log,
            self._note_opening,
            lambda: self.now,
            membership=Membership(60.0, lambda: self.now),
            address="https://api",
        )
        self.traffic.on_recovery = self._note_recovery
        self.late_silences: list[float] = []
        self.traffic.on_late_silence = self.late_silences.append

    def _note_opening(self) -> None:
        self.opened += 1

    def _note_recovery(self) -> None:
        self.recovered += 1

    def hear(
        self, verdict: Verdict, *, began: float | None = None, at: float | None = None, late: bool = False
    ) -> bool:
        """Let the verdict on a call be heard that began then, now unless told otherwise."""
        self.now = self.now if at is None else at
        return self.traffic.heard(verdict, self.now if began is None else began, late=late)

    def cause(self) -> HoldCause | None:
        """What the gate is shut for."""
        return self.traffic.gate.cause


@pytest.mark.parametrize(("cause", "auth_ok"), [(HoldCause.CREDENTIALS, False), (HoldCause.ADDRESS, True)])
def test_a_hold_stops_all_calls_until_a_good_answer(cause: HoldCause, auth_ok: bool) -> None:
    """The gate shuts for all, says whether the key is to blame, and opens with the first success."""
    bench = Bench()

    assert bench.hear(Hold(cause))
    assert bench.cause() is cause
    assert bench.traffic.auth_ok is auth_ok
    assert not bench.hear(Delivered(), at=1003.0)
    assert bench.cause() is None
    assert bench.traffic.auth_ok
    assert bench.opened == 1


@pytest.mark.parametrize("answer", [Delivered(), NothingToRemove(), Refused(422)])
def test_every_answer_of_the_api_itself_opens(answer: Verdict) -> None:
    """A record that is refused on its own account still shows that key and address are right."""
    bench = Bench()
    bench.hear(NO_KEY)

    bench.hear(answer, at=1003.0)

    assert bench.cause() is None


@pytest.mark.parametrize("answer", [Again("500", unknown=True), Again("timeout", unknown=True), PAGE])
def test_a_failed_probe_opens_nothing(answer: Verdict) -> None:
    """An API that is down says nothing about the key."""
    bench = Bench()
    bench.hear(NO_KEY)

    bench.hear(answer, at=1003.0)

    assert bench.cause() is HoldCause.CREDENTIALS
    assert bench.opened == 0


def test_a_success_from_before_the_hold_does_not_open() -> None:
    """A slow call that left with the good key proves nothing about the bad one."""
    bench = Bench()
    bench.hear(NO_KEY, at=1000.0)

    assert not bench.hear(Delivered(), began=999.0, at=1005.0)

    assert bench.cause() is HoldCause.CREDENTIALS
    assert not bench.traffic.auth_ok


def test_a_refusal_from_before_the_cure_does_not_shut() -> None:
    """Slow calls that left with the old key are refused after the new one opened the gate."""
    bench = Bench()
    bench.hear(NO_KEY, began=998.0, at=1000.0)
    bench.hear(Delivered(), began=1002.0, at=1003.0)

    assert not bench.hear(NO_KEY, began=999.0, at=1005.0)

    assert bench.cause() is None
    assert bench.traffic.auth_ok


def test_a_record_stands_by_what_the_others_get() -> None:
    """Only answers to calls from since the gate last shut or opened say anything, about it and the others."""
    bench = Bench()
    traffic = bench.traffic
    assert traffic.stands(None, bench.now) is Standing.SUSPECT
    bench.hear(NO_KEY)

    assert traffic.stands(None, began=999.0) is None
    bench.hear(Delivered(), began=999.0, at=1001.0)
    assert traffic.stands(Standing.SUSPECT, began=1001.0) is Standing.SUSPECT
    bench.hear(Refused(422), at=1003.0)
    assert traffic.stands(Standing.SUSPECT, began=1002.0) is Standing.SUSPECT
    assert traffic.stands(Standing.SUSPECT, began=1004.0) is Standing.ALONE


def test_another_cause_takes_over() -> None:
    """A probe that finds the address wrong changes the hold, and what is said about the key."""
    bench = Bench()
    bench.hear(NO_KEY)

    bench.hear(Hold(HoldCause.ADDRESS), at=1003.0)

    assert bench.cause() is HoldCause.ADDRESS
    assert bench.traffic.auth_ok


def test_pages_for_a_minute_make_the_address_wrong() -> None:
    """A captive proxy answers 200 with a page: tried again for a minute, then held."""
    bench = Bench()

    assert not bench.hear(PAGE)
    assert not bench.hear(Again("500"), at=1030.0)
    assert not bench.hear(PAGE, at=1000.0 + DOUBT_LIMIT)
    assert bench.hear(PAGE, at=1000.1 + DOUBT_LIMIT)
    assert bench.cause() is HoldCause.ADDRESS


def test_one_success_ends_all_doubt() -> None:
    """Pages now and then beside good answers are no reason to hold."""
    bench = Bench()
    bench.hear(PAGE)
    bench.hear(Delivered(), at=1059.0)

    assert not bench.hear(PAGE, at=1061.0)
    assert not bench.hear(PAGE, at=1061.0 + DOUBT_LIMIT)


def test_retry_after_silences_the_host() -> None:
    """What one call is told holds for all, and is logged with its length."""
    bench = Bench()

    bench.hear(Again("429", 30.0))

    assert 1.0 <= bench.traffic.pacer.silence(1029.0) < 2.0
    assert bench.traffic.pacer.silence(1031.0) == 0
    assert bench.log.told(Event.RATE_LIMITED) == [{"reason": "429", "seconds": 30.0}]
    bench.hear(Again("503"))
    assert len(bench.log.told(Event.RATE_LIMITED)) == 1


@pytest.mark.parametrize("answer", [Hold(HoldCause.CREDENTIALS, 60.0), Again("503", 60.0)])
def test_a_probe_waits_as_long_as_the_host_asks_for(answer: Verdict) -> None:
    """A hold is no reason to come back sooner: the next probe is not before the end of the silence."""
    bench = Bench()
    bench.hear(NO_KEY)
    bench.hear(answer, at=1002.0)

    due = bench.traffic.gate.next_probe()
    assert due is not None
    assert 1062.0 <= due < 1063.0
    assert due == 1002.0 + bench.traffic.silence()


def test_a_hold_from_before_the_cure_silences_and_shuts_nothing() -> None:
    """What the host asks for holds, whichever key it was asked with."""
    bench = Bench()
    bench.hear(NO_KEY, began=998.0, at=1000.0)
    bench.hear(Delivered(), began=1002.0, at=1003.0)

    assert not bench.hear(Hold(HoldCause.CREDENTIALS, 9.0), began=999.0, at=1005.0)

    assert bench.cause() is None
    assert bench.traffic.silence() >= 9.0


def test_a_key_that_always_hears_429_slows_nobody_else_down() -> None:
    """A late try is refused beside others that succeed: no cut, and no ramp behind a silence."""
    bench = Bench()
    for second in range(60):
        bench.hear(Delivered(), at=1000.0 + 3 * second)
        bench.hear(Again("429"), late=True)
        bench.hear(Delivered(), at=1001.0 + 3 * second)
        bench.hear(Again("503", 1.0), late=True)
        assert bench.traffic.silence() >= 1.0

    pace = bench.traffic.pacer.pace(bench.now)
    assert (pace.cut, pace.ramp) == (1.0, 1.0)
    assert bench.log.told(Event.RATE_CUT) == []
    assert len(bench.late_silences) == 60
    assert all(1.0 <= seconds < 2.0 for seconds in bench.late_silences)


def test_a_limit_for_all_is_found_by_late_tries_too() -> None:
    """Where nothing but records that have failed often is left, successes among them excuse no refusal."""
    bench = Bench()
    for second in range(10):
        bench.hear(Delivered(), at=1000.0 + 2 * second, late=True)
        bench.hear(Again("429"), at=1001.0 + 2 * second, late=True)

    assert bench.traffic.pacer.pace(bench.now).cut < 0.1
    bench.hear(Again("503", 5.0), late=True)
    assert bench.traffic.pacer.pace(bench.now).ramp < 1.0
    assert bench.late_silences == []


HERE, THERE = Partition("payments", 0), Partition("payments", 1)


class Waiting:
    """Traffic on virtual time, for what waits. Make it on the running loop."""

    def __init__(self, rate: float, shares: Shares | None = None) -> None:
        self.registry = CollectorRegistry()
        self.may_send = True
        self.left: list[tuple[float, Partition]] = []
        self.woken = 0
        self.clock = asyncio.get_running_loop().time
        self.log = FakeLog()
        self.traffic = Traffic(
            Allotment(rate, shares),
            Metrics(self.registry),
            self.log,
            self._wake,
            self.clock,
            membership=Membership(60.0, self.clock),
        )

    def _wake(self) -> None:
        self.woken += 1

    async def permit(self, partition: Partition = HERE) -> bool:
        """Ask for a permit, and note when the call leaves."""
        allowed = await self.traffic.permit(partition, may_send=lambda: self.may_send)
        if allowed:
            self.left.append((self.clock(), partition))
        return allowed

    def ask(self, count: int, partition: Partition = HERE) -> list[asyncio.Task[bool]]:
        """Let so many calls ask at once."""
        return [asyncio.create_task(self.permit(partition)) for _ in range(count)]

    def throttled(self) -> float:
        """Return the seconds that calls have waited."""
        return self.registry.get_sample_value(f"{PREFIX}throttled_seconds_total") or 0.0


def play(scene: Callable[[], Awaitable[None]]) -> None:
    """Play a scene on virtual time."""

    async def main() -> None:
        await scene()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())


def test_permits_come_at_the_rate_and_in_order() -> None:
    """Fifty calls at 50 a second take a second and a little, whoever asks; the wait of each is counted."""

    async def scene() -> None:
        waiting = Waiting(50.0)
        tasks = waiting.ask(50)
        await asyncio.wait(tasks)
        gaps = [later - earlier for (earlier, _), (later, _) in pairwise(waiting.left)]
        assert waiting.left[0][0] == 0.0
        assert all(gap >= 0.01 for gap in gaps[1:])
        assert sum(gaps) == pytest.approx(49 / (50.0 * PACE), abs=0.01)
        assert waiting.throttled() == pytest.approx(sum(at for at, _ in waiting.left))

    play(scene)


def test_partitions_take_turns_at_the_permit() -> None:
    """A partition with one call to make at a time gets every second one, however many another one has."""

    async def scene() -> None:
        waiting = Waiting(10.0)
        crowd = waiting.ask(30, HERE)
        await asyncio.sleep(0)
        for _ in range(10):
            assert await waiting.permit(THERE)
        shares = Counter(partition for _, partition in waiting.left)
        assert shares[THERE] == 10
        assert 9 <= shares[HERE] <= 12
        await asyncio.wait(crowd)

    play(scene)


def test_who_may_not_send_any_more_gets_no_permit_and_takes_none() -> None:
    """A release during the wait ends in a no, one from before at once; nobody's turn is lost by it."""

    async def scene() -> None:
        waiting = Waiting(1.0)
        assert await waiting.permit()
        late = waiting.ask(5)
        await asyncio.sleep(0)
        waiting.may_send = False
        await asyncio.wait(late)
        assert not any(task.result() for task in late)
        assert not await waiting.permit()
        waiting.may_send = True
        assert await waiting.permit()
        assert waiting.clock() < 1.1

    play(scene)


def test_a_call_that_is_called_off_leaves_the_queue() -> None:
    """Its turn goes to the next one."""

    async def scene() -> None:
        waiting = Waiting(1.0)
        assert await waiting.permit()
        first, second = waiting.ask(2)
        await asyncio.sleep(0.5)
        first.cancel()
        assert await second
        assert waiting.clock() < 1.1

    play(scene)


@pytest.mark.parametrize("answer", [Again("429", 30.0), Again("503", 30.0)])
def test_a_silence_that_begins_during_the_wait_ends_it_at_once(answer: Verdict) -> None:
    """Whoever waits for its turn when the host asks for silence gives its place to work without a call."""

    async def scene() -> None:
        waiting = Waiting(1.0)
        assert await waiting.permit()
        late = waiting.ask(5)
        await asyncio.sleep(0.1)
        waiting.traffic.heard(answer, 0.0)
        await asyncio.wait(late)
        assert not any(task.result() for task in late)
        assert waiting.clock() == pytest.approx(0.1)
        assert not await waiting.permit()

    play(scene)


def test_a_hold_sends_away_who_waits_but_its_probe() -> None:
    """The places of those that can't leave are free for records that need no call."""

    async def scene() -> None:
        waiting = Waiting(1.0)
        assert await waiting.permit()
        late = waiting.ask(5)
        probe = asyncio.create_task(waiting.traffic.permit(HERE, may_send=lambda: True))
        await asyncio.sleep(0.1)
        waiting.may_send = False
        waiting.traffic.heard(NO_KEY, 0.0)
        await asyncio.wait(late)
        assert waiting.clock() == pytest.approx(0.1)
        assert not any(task.result() for task in late)
        assert await probe

    play(scene)


def test_without_a_share_calls_wait_until_there_is_one() -> None:
    """In a group nothing leaves before the partitions are counted; then what waits leaves at our share."""

    async def scene() -> None:
        waiting = Waiting(100.0, Shares())
        tasks = waiting.ask(20)
        waiting.traffic.holds([HERE])
        assert not waiting.traffic.counted(["payments", "refunds"], {"payments": 4})
        await asyncio.sleep(60.0)
        assert waiting.left == []

        assert waiting.traffic.counted(["payments", "refunds"], {"payments": 4, "refunds": 6})
        await asyncio.wait(tasks)
        assert waiting.clock() - 60.0 == pytest.approx(19 / 9.75, abs=0.1)
        assert waiting.log.told(Event.RATE_SHARED) == [{"share": 0.1, "per_second": 10.0}]
        assert waiting.woken == 1

    play(scene)


def test_a_share_that_grows_lets_those_go_that_wait() -> None:
    """A rebalance that gives us more ends long waits at once; without a group it changes nothing."""

    async def scene() -> None:
        waiting, alone = Waiting(10.0, Shares()), Waiting(10.0)
        waiting.traffic.counted(["payments"], {"payments": 100})
        waiting.traffic.holds([HERE])
        alone.traffic.holds([])
        assert alone.traffic.counted(["payments"], {"payments": 100})
        tasks = waiting.ask(3)
        await asyncio.sleep(1.0)
        assert len(waiting.left) == 1
        waiting.traffic.holds([Partition("payments", number) for number in range(100)])
        await asyncio.wait(tasks)
        assert waiting.clock() < 1.3
        assert alone.traffic.pacer.pace(0.0).limit == 10.0

    play(scene)


def test_the_way_is_free_where_nobody_waits_and_a_call_is_due() -> None:
    """Late tries go where nothing else waits."""

    async def scene() -> None:
        waiting = Waiting(1.0)
        assert waiting.traffic.way() == Way(1.0, 0.0, others_succeed=False)
        assert await waiting.permit()
        free_in = waiting.traffic.way().free_in
        assert free_in is not None
        assert free_in == pytest.approx(1 / PACE, abs=0.01)
        tasks = waiting.ask(1)
        await asyncio.sleep(0)
        assert waiting.traffic.way().free_in is None
        await asyncio.wait(tasks)

    play(scene)


def test_refusals_of_one_window_cut_the_rate_once() -> None:
    """429, and 503 with a time, are about the rate; a 503 without one, and any other failure, are not."""
    bench = Bench()
    for answer in (Again("503"), Again("500"), Again("timeout")):
        bench.hear(answer)
    assert bench.traffic.pacer.pace(bench.now).cut == 1.0

    for _ in range(10):
        bench.hear(Again("429"))
    assert bench.traffic.pacer.pace(bench.now).cut == 0.5
    assert bench.log.told(Event.RATE_CUT) == [{"reason": "429", "per_second": 12.5}]
    bench.hear(Again("503", 1.0), at=1001.5)
    assert bench.traffic.pacer.pace(bench.now).cut == 0.25


def test_the_end_of_an_outage_is_told_once() -> None:
    """What failed meanwhile comes back when something gets through; a hold's end is such a moment too."""
    bench = Bench()
    bench.hear(Again("connect"))
    bench.hear(Again("connect"), at=1010.0)
    assert bench.traffic.pacer.down
    bench.hear(Delivered(), at=1011.0)
    bench.hear(Delivered(), at=1011.1)
    assert bench.recovered == 1
    bench.hear(NO_KEY, at=1012.0)
    bench.hear(Delivered(), at=1014.0)
    assert bench.recovered == 2


def test_an_api_that_never_answers_is_told_with_its_address() -> None:
    """The first seconds are nobody's business; later the log says what can't be reached, until it can."""
    bench = Bench()
    connect = Again("connect")

    bench.hear(connect)
    bench.hear(connect, at=1004.9)
    assert bench.log.told(Event.WAITING) == []
    bench.hear(connect, at=1005.0)
    told = {"target": "linkrunner", "address": "https://api", "reason": "connect", "seconds": 5}
    assert bench.log.told(Event.WAITING) == [told]
    bench.hear(Delivered(), at=1006.0)
    bench.hear(connect, at=1020.0)
    assert len(bench.log.told(Event.WAITING)) == 1
