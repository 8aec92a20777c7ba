"""The pipeline in a hold: what stops, what goes on, and how the cure is found."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from consumer.core.api.gates import PROBE_PACE as REAL_PACE
from consumer.core.api.verdicts import HoldCause, Response
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.meaning.intents import DeadLetterReason
from consumer.core.operations.logbook import Event
from consumer.core.records import Partition
from tests.simulation.loop import VirtualLoop
from tests.support.events import payment_event
from tests.support.rig import PROBE_PACE, Around, Resigning, Rig, all_committed, payments, produce, reached

HERE, THERE = Partition("payments", 0), Partition("payments", 1)
NO_KEY = Response(401)
FOR_EVER = Resigning()
UNREADABLE = Unreadable(DeadLetterReason.UNDECODABLE, "bytes")


def test_a_wrong_key_holds_all_calls_and_one_probe_at_a_time_finds_the_cure() -> None:
    """401: all is put back, one call at a time asks, and with the cure everything is delivered once."""

    async def scene() -> None:
        rig = Rig(max_in_flight=8)
        names = payments(30)
        rig.api.answer = NO_KEY
        produce(rig, HERE, names)
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.traffic.gate.shut, "the hold is there")
            await reached(lambda: not rig.api.on_wire and not rig.pipeline.in_flight, "all is put back")
            burst = len(rig.api.calls)
            assert burst <= 8
            rig.api.most_on_wire = 0
            await reached(lambda: len(rig.api.calls) >= burst + 3, "probes leave")
            assert rig.api.most_on_wire == 1
            assert len(set(rig.api.asked[burst:])) == len(rig.api.asked[burst:]), "probes rotate over lanes"
            assert rig.pipeline.holding() == {HoldCause.CREDENTIALS}
            assert rig.settled("payments") == 0
            rig.api.answer = Response(201)
            await all_committed(rig, HERE)
            assert rig.pipeline.holding() == frozenset()
            assert rig.box.letters == []
            assert rig.metric("records_settled_total", **delivered("payments")) == 30

    asyncio.run(scene())


def delivered(topic: str) -> dict[str, str]:
    """Return the labels of delivered captures."""
    return {"topic": topic, "action": "capture", "outcome": "delivered", "reason": "none"}


def test_a_success_from_before_the_hold_settles_its_record_and_opens_nothing() -> None:
    """A slow call with the old key ends well during the hold: its record is done, the others wait on."""

    async def scene() -> None:
        rig = Rig(max_in_flight=2)
        rig.traffic.gate.pace = 60.0
        rig.api.hold("slow")
        rig.api.always["slow"] = Response(201)
        produce(rig, HERE, ["slow"])
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.api.on_wire == ["slow"], "the slow call is on the wire")
            rig.api.answer = NO_KEY
            produce(rig, HERE, payments(3))
            await reached(lambda: rig.traffic.gate.shut, "the hold is there")
            rig.api.let_go("slow")
            await reached(lambda: rig.source.committed(HERE) == 1, "the slow record is committed")
            assert rig.traffic.gate.shut
            assert rig.settled("payments") == 1

    asyncio.run(scene())


def test_a_hold_with_parked_records_costs_no_work() -> None:
    """While calls are stopped and parked records are overdue, the loops sleep instead of spinning."""

    async def scene() -> None:
        rig = Rig()
        rig.traffic.gate.pace = 60.0
        rig.api.always["again"] = Response(500)
        produce(rig, HERE, ["again"])
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.pipeline.lanes.parked, "a record is parked")
            rig.api.answer = NO_KEY
            produce(rig, HERE, payments(1))
            await reached(lambda: rig.traffic.gate.shut, "the hold is there")
            await overdue(rig)
            before = rig.looks_at_clock
            await asyncio.sleep(0.3)
            assert rig.looks_at_clock - before < 100

    asyncio.run(scene())


async def overdue(rig: Rig) -> None:
    """Wait until a parked record's time has come."""
    loop = asyncio.get_running_loop()
    await reached(
        lambda: (due := rig.pipeline.lanes.next_wake()) is not None and due < loop.time(),
        "a parked record is overdue",
    )


def test_full_places_with_parked_records_cost_no_work() -> None:
    """While every place is taken by a slow call, an overdue record waits without a spinning loop."""

    async def scene() -> None:
        rig = Rig(max_in_flight=2)
        rig.api.script["again"].append(Response(500))
        produce(rig, HERE, ["again"])
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.pipeline.lanes.parked, "a record is parked")
            rig.api.hold("pay-0", "pay-1")
            produce(rig, HERE, payments(2))
            await reached(lambda: len(rig.api.on_wire) == 2, "all places are taken")
            await overdue(rig)
            before = rig.looks_at_clock
            await asyncio.sleep(0.3)
            assert rig.looks_at_clock - before < 100
            rig.api.let_go("pay-0", "pay-1")
            await all_committed(rig, HERE)

    asyncio.run(scene())


def test_records_that_need_no_call_do_not_slow_the_probes() -> None:
    """Skips pass a shut gate without spending its pace; the call behind them finds the cure."""

    async def scene() -> None:
        rig = Rig()
        rig.traffic.gate.pace = 1.0
        rig.api.script["pay-0"].append(NO_KEY)
        skipped = payments(50, "failed")
        for name in skipped:
            rig.decoder.events[name.encode()] = payment_event(payment_id=name, status="FAILED")
        produce(rig, HERE, ["pay-0"])
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.traffic.gate.shut, "the hold is there")
            produce(rig, HERE, skipped)
            await all_committed(rig, HERE)
            assert rig.api.asked == ["pay-0", "pay-0"]

    asyncio.run(scene())


def test_a_registry_that_is_away_holds_only_what_needs_it() -> None:
    """Records with unknown schemas wait, all others are delivered, and the wait ends with its cause."""

    async def scene() -> None:
        rig = Rig()
        rig.decoder.trouble[b"new"] = Unavailable("down")
        produce(rig, HERE, ["new", *payments(10)])
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.settled("payments") == 10, "the others are settled")
            await reached(lambda: rig.pipeline.holding() == {HoldCause.REGISTRY}, "the hold is told")
            del rig.decoder.trouble[b"new"]
            await all_committed(rig, HERE)
            assert rig.pipeline.holding() == frozenset()

    asyncio.run(scene())


def test_dead_letters_that_fail_hold_only_what_needs_them() -> None:
    """While letters can't be written good records flow; then every letter is written, once."""

    async def scene() -> None:
        rig = Rig(max_in_flight=8)
        bad = payments(6, "bad")
        rig.decoder.trouble.update((name.encode(), UNREADABLE) for name in bad)
        rig.box.missing.add("payments")
        produce(rig, HERE, [name for pair in zip(bad, payments(6), strict=True) for name in pair])
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.settled("payments") == 6, "good records are settled")
            await reached(lambda: rig.pipeline.lanes.parked == 6, "letters wait")
            assert rig.pipeline.holding() == {HoldCause.DEAD_LETTERS}
            assert rig.source.committed(HERE) == 0
            rig.box.missing.clear()
            await all_committed(rig, HERE)
            assert sorted((record.value or b"").decode() for record, _ in rig.box.letters) == bad

    asyncio.run(scene())


def test_begin_and_end_of_a_hold_are_told_once() -> None:
    """The log has one line when a hold begins, with the cure, and one when it is over."""

    async def scene() -> None:
        rig = Rig()
        rig.api.answer = NO_KEY
        produce(rig, HERE, payments(5))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.log.told(Event.HOLD_STARTED), "the hold is told")
            rig.api.answer = Response(201)
            await reached(lambda: rig.log.told(Event.HOLD_ENDED), "its end is told")
            (begun,) = rig.log.told(Event.HOLD_STARTED)
            assert begun["cause"] == "credentials"
            assert "key file" in begun["cure"]

    asyncio.run(scene())


def test_a_probe_finds_the_cure_though_letters_wait_too() -> None:
    """Refused records that wait for their letters called once; as probes they don't spend the pace."""

    async def scene() -> None:
        rig = Rig(max_in_flight=8, giving_up=Resigning(accepts=True))
        refused = payments(60, "refused")
        for name in refused:
            rig.api.always[name] = Response(422)
        rig.box.missing.add("payments")
        produce(rig, HERE, refused)
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.pipeline.lanes.parked == 60, "letters wait")
            rig.traffic.gate.pace = 1.5  # longer than a letter's wait: all are due again by then
            rig.api.script["pay-0"].append(NO_KEY)
            produce(rig, HERE, payments(1))
            await reached(lambda: rig.traffic.gate.shut, "the hold is there")
            await reached(lambda: not rig.traffic.gate.shut, "the cure is found", within=5.0)

    asyncio.run(scene())


def test_records_in_line_for_their_turn_are_turned_away() -> None:
    """A hold also stops what waits for the rate limit: the API gets no burst of calls with a bad key."""

    async def scene() -> None:
        rig = Rig(max_in_flight=8, rate=20.0)
        rig.traffic.gate.pace = 60.0
        rig.api.answer = NO_KEY
        produce(rig, HERE, payments(20))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.traffic.gate.shut and not rig.pipeline.in_flight, "all is put back")
            assert len(rig.api.calls) <= 4

    asyncio.run(scene())


def test_the_pace_of_probes_is_kept() -> None:
    """A wrong key costs the API one call a pace, not more."""

    async def scene() -> None:
        rig = Rig()
        rig.api.answer = NO_KEY
        produce(rig, HERE, payments(20))
        async with rig.running():
            loop = asyncio.get_running_loop()
            rig.source.assign(HERE)
            await reached(lambda: rig.traffic.gate.shut and not rig.pipeline.in_flight, "the hold is there")
            began, before = loop.time(), len(rig.api.calls)
            await reached(lambda: len(rig.api.calls) >= before + 5, "five probes have left")
            assert loop.time() - began >= 4 * PROBE_PACE

    asyncio.run(scene())


# --- one record that always gets what a wrong key or address gets ---


def on_virtual_time(scene: Callable[[], Coroutine[object, object, None]]) -> None:
    """Run a scene in which hours take seconds."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(scene())


def rig_with_bad(status: int, *, others: int, giving_up: Resigning = FOR_EVER) -> Rig:
    """Return a rig at 25 calls a second, on the pace of the service; its first payment gets this for ever."""
    clock = asyncio.get_running_loop().time
    around = Around(clock=clock, wall=clock)
    rig = Rig(max_in_flight=32, rate=25.0, commit_seconds=1.0, giving_up=giving_up, around=around)
    rig.traffic.gate.pace = REAL_PACE
    rig.source.poll_seconds = 1.0
    rig.api.always["bad"] = Response(status)
    produce(rig, HERE, ["bad", *payments(others)])
    return rig


async def passes(condition: Callable[[], object], seconds: float) -> None:
    """Let time pass until something is so; raises AssertionError where it takes longer."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    while not condition():
        assert clock() < until, "it does not happen"
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("status", [301, 401, 403, 404])
def test_one_record_that_is_always_refused_like_a_wrong_key_stops_the_others_once(status: int) -> None:
    """A firewall refuses one payload for ever: it is tried again by itself, and all else goes on."""

    async def scene() -> None:
        rig = rig_with_bad(status, others=1600)
        async with rig.running():
            rig.source.assign(HERE)
            await asyncio.sleep(60.0)
            assert rig.settled("payments") >= 50 * 25 * 0.95
            assert len(rig.log.told(Event.HOLD_STARTED)) == 1
            assert rig.pipeline.holding() == frozenset()
            assert rig.traffic.auth_ok
            assert rig.source.committed(HERE) == 0
            assert rig.box.letters == []
            tries = rig.metric("retries_total", reason=str(status))
            assert 3 <= tries <= rig.api.asked.count("bad") <= 20
            oldest = rig.pipeline.lanes.oldest(HERE)
            assert oldest is not None
            assert oldest[0].story.waits_for == str(status)
            del rig.api.always["bad"]
            await passes(lambda: rig.source.committed(HERE) == 1601, 600.0)

    on_virtual_time(scene)


def test_a_record_alone_in_its_refusals_is_given_up_where_that_is_set() -> None:
    """The time that others succeed beside it counts, and it becomes a dead letter like one at 500."""

    async def scene() -> None:
        rig = rig_with_bad(403, others=6000, giving_up=Resigning(after=60.0))
        async with rig.running():
            rig.source.assign(HERE)
            await asyncio.sleep(60.0)
            assert rig.box.letters == []
            await passes(lambda: rig.box.reasons() == ["gave_up"], 120.0)

    on_virtual_time(scene)


def test_a_wrong_key_still_stops_all_where_one_record_is_known_to_be_alone() -> None:
    """The next other record that gets it shuts the gate; what is alone stops nobody and opens nothing."""

    async def scene() -> None:
        rig = rig_with_bad(403, others=6000)
        async with rig.running():
            rig.source.assign(HERE)
            await asyncio.sleep(30.0)
            assert rig.pipeline.holding() == frozenset()
            rig.api.answer = NO_KEY
            before = len(rig.api.calls)
            await asyncio.sleep(1.0)
            assert rig.traffic.gate.shut
            assert not rig.traffic.auth_ok
            assert len(rig.api.calls) - before <= 2
            await asyncio.sleep(120.0)
            assert rig.pipeline.holding() == {HoldCause.CREDENTIALS}
            assert len(rig.api.calls) - before <= 120 / REAL_PACE + 3
            rig.api.answer = Response(201)
            before = int(rig.settled("payments"))
            await asyncio.sleep(10.0)
            assert rig.pipeline.holding() == frozenset()
            assert rig.settled("payments") - before >= 100

    on_virtual_time(scene)


def test_two_bad_records_in_quiet_traffic_stop_nobody_for_ever() -> None:
    """One payment a minute, and two that are refused for ever: after some holds all is quiet."""

    async def scene() -> None:
        rig = rig_with_bad(403, others=0)
        rig.api.always["worse"] = Response(404)
        produce(rig, HERE, ["worse"])
        async with rig.running():
            rig.source.assign(HERE)
            for name in payments(10):
                await asyncio.sleep(60.0)
                produce(rig, HERE, [name])
            holds = len(rig.log.told(Event.HOLD_STARTED))
            for name in payments(30, "later"):
                await asyncio.sleep(60.0)
                produce(rig, HERE, [name])
            assert len(rig.log.told(Event.HOLD_STARTED)) == holds
            assert rig.pipeline.holding() == frozenset()
            assert rig.settled("payments") >= 39

    on_virtual_time(scene)
