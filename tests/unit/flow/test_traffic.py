"""Traffic: who may call, and what the answers to some mean for all."""

import asyncio
import time

import pytest
from prometheus_client import CollectorRegistry

from consumer.core.api.gates import DOUBT_LIMIT
from consumer.core.api.pacing import Pacer
from consumer.core.api.verdicts import Again, Delivered, Hold, HoldCause, NothingToRemove, Refused, Verdict
from consumer.core.operations.catalogue import PREFIX
from consumer.core.operations.logbook import Event
from consumer.edges.metrics import Metrics
from consumer.flow.membership import Membership
from consumer.flow.traffic import Traffic
from tests.support.fakes import FakeLog

NO_KEY = Hold(HoldCause.CREDENTIALS)
PAGE = Again("html", doubtful=True, unknown=True)


class Bench:
    """Traffic on a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.opened = 0
        self.log = FakeLog()
        self.traffic = Traffic(
            Pacer(25.0),
            Metrics(CollectorRegistry()),
            self.log,
            self._note_opening,
            lambda: self.now,
            membership=Membership(60.0, lambda: self.now),
            address="https://api",
        )

    def _note_opening(self) -> None:
        self.opened += 1

    def hear(self, verdict: Verdict, *, began: float | None = None, at: float | None = None) -> bool:
        """Let the verdict on a call be heard that began then, now unless told otherwise."""
        self.now = self.now if at is None else at
        return self.traffic.heard(verdict, self.now if began is None else began)

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

    assert bench.traffic.pacer.silence(1029.0) == 1.0
    assert bench.traffic.pacer.silence(1030.0) == 0
    assert bench.log.told(Event.RATE_LIMITED) == [{"reason": "429", "seconds": 30.0}]
    bench.hear(Again("503"))
    assert len(bench.log.told(Event.RATE_LIMITED)) == 1


class Waiting:
    """Traffic on the real clock, for what waits."""

    def __init__(self, rate: float) -> None:
        self.registry = CollectorRegistry()
        self.pacer = Pacer(rate)
        self.may_send = True
        self.traffic = Traffic(
            self.pacer, Metrics(self.registry), FakeLog(), lambda: None, membership=Membership(60.0)
        )

    async def permit(self) -> bool:
        """Ask for a permit."""
        return await self.traffic.permit(may_send=lambda: self.may_send)


def test_permits_come_at_the_rate() -> None:
    """Ten calls at 50 a second take about a fifth of one, whoever asks; the wait is counted."""

    async def scene() -> None:
        waiting = Waiting(50.0)
        began = time.monotonic()
        assert all(await asyncio.gather(*(waiting.permit() for _ in range(10))))
        assert time.monotonic() - began >= 9 / 50 - Pacer.SLACK
        assert (waiting.registry.get_sample_value(f"{PREFIX}throttled_seconds_total") or 0.0) > 0.0

    asyncio.run(scene())


def test_who_may_not_send_any_more_gets_no_permit() -> None:
    """A hold or a release that comes during the wait ends in a no, one from before at once."""

    async def scene() -> None:
        waiting = Waiting(20.0)
        assert await waiting.permit()
        while waiting.pacer.reserve(time.monotonic()) == 0.0:
            pass
        late = asyncio.create_task(waiting.permit())
        await asyncio.sleep(0)
        waiting.may_send = False
        assert not await late
        assert not await waiting.permit()

    asyncio.run(scene())


def test_a_silence_that_begins_during_the_wait_is_kept() -> None:
    """Whoever waits for its turn when the host asks for silence gives its place to work without a call."""

    async def scene() -> None:
        waiting = Waiting(20.0)
        while waiting.pacer.reserve(time.monotonic()) == 0.0:
            pass
        late = asyncio.create_task(waiting.permit())
        await asyncio.sleep(0)
        began = time.monotonic()
        waiting.pacer.stop(began, 0.3)
        assert not await late
        assert time.monotonic() - began < 0.3

    asyncio.run(scene())


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
