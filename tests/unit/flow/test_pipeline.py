"""The pipeline with stand-ins for Kafka and the API: nothing lost, in order, counted, and a clean stop."""

import asyncio

import pytest

from consumer.core.api.verdicts import HoldCause, Response
from consumer.core.errors import DependencyError, Unavailable
from consumer.core.operations.logbook import Event
from consumer.core.partitions.lanes import Ordering
from consumer.core.records import Partition
from tests.support.rig import Around, Rig, all_committed, payments, produce, reached

HERE, THERE = Partition("payments", 0), Partition("payments", 1)
NO_KEY = Response(401)


@pytest.mark.parametrize("ordering", Ordering)
def test_everything_is_delivered_committed_and_counted(ordering: Ordering) -> None:
    """Sixty payments of two partitions and five keys: each once, in order within its key, all committed."""

    async def scene() -> None:
        rig = Rig(around=Around(ordering=ordering))
        for number in range(60):
            partition = (HERE, THERE)[number % 2]
            rig.source.produce(partition, b"pay-%d" % number, b"key-%d" % (number % 5))
        async with rig.running():
            rig.source.assign(HERE, THERE)
            await all_committed(rig, HERE, THERE)
            assert sorted(rig.api.asked) == sorted(payments(60))
            for lane in range(10):
                mine = [name for name in rig.api.asked if int(name[4:]) % 10 == lane]
                assert mine == payments(60)[lane::10]
            assert rig.metric("records_consumed_total", topic="payments") == 60
            assert rig.accounted_for(HERE, THERE)

    asyncio.run(scene())


def test_one_lane_has_one_call_and_others_go_on() -> None:
    """While the first record of a key is on the wire the second one waits; other keys do not."""

    async def scene() -> None:
        rig = Rig()
        rig.api.hold("slow")
        produce(rig, HERE, ["slow", "after"], b"key")
        produce(rig, HERE, payments(20))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: len(rig.api.calls) == 21, "all but one are called")
            assert "after" not in rig.api.asked
            assert rig.source.committed(HERE) == 0, "nothing passes the record that is not settled"
            rig.api.let_go("slow")
            await all_committed(rig, HERE)

    asyncio.run(scene())


def test_calls_in_flight_are_bounded() -> None:
    """No more than ``max_in_flight`` records are worked on at once."""

    async def scene() -> None:
        rig = Rig(max_in_flight=3)
        names = payments(10)
        rig.api.hold(*names)
        produce(rig, HERE, names)
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: len(rig.api.on_wire) == 3, "three calls are on the wire")
            rig.api.let_go(*names)
            await all_committed(rig, HERE)
            assert rig.api.most_on_wire == 3

    asyncio.run(scene())


def test_a_full_partition_pauses_alone_and_goes_on() -> None:
    """A backlog is fetched only as far as it is worked off; the neighbour goes on; nothing is lost."""

    async def scene() -> None:
        rig = Rig(max_in_flight=8)
        backlog = payments(2_000)
        rig.api.hold(*backlog[:8])
        produce(rig, HERE, backlog)
        async with rig.running():
            rig.source.assign(HERE, THERE)
            await reached(lambda: rig.source.paused == {HERE}, "the full partition is paused")
            assert rig.pipeline.lanes.load(HERE).records <= 1_500
            assert rig.pipeline.pauses() == {HERE: "full"}
            rig.api.let_go(*backlog[:8])
            produce(rig, THERE, ["neighbour"])
            await all_committed(rig, HERE, THERE)
            assert rig.source.paused == set()
            assert sorted(rig.api.asked) == sorted([*backlog, "neighbour"])

    asyncio.run(scene())


def test_a_stuck_partition_is_told_as_a_hold() -> None:
    """Where nothing of a full partition can move, the hold ``span`` says so."""

    async def scene() -> None:
        rig = Rig()
        rig.decoder.trouble[b"bug"] = RuntimeError("a defect")
        produce(rig, HERE, ["bug"] * 1_200, b"key")
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: HoldCause.SPAN in rig.pipeline.holding(), "the hold is there")
            assert rig.pipeline.pauses() == {HERE: "span"}

    asyncio.run(scene())


def test_a_defect_holds_its_own_record_only() -> None:
    """A bug on one record is logged without its data; the record is not settled, and all others go on."""

    async def scene() -> None:
        rig = Rig()
        rig.decoder.trouble[b"bug"] = RuntimeError("pay-secret")
        produce(rig, HERE, ["bug", *payments(10)])
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.settled("payments") == 10, "the others are settled")
            assert rig.source.committed(HERE) == 0
            assert rig.pipeline.lanes.parked == 1
            (line,) = rig.log.told(Event.BUG)
            assert (line["error"], line["offset"]) == ("RuntimeError", 0)
            assert "secret" not in str(line)

    asyncio.run(scene())


def test_a_source_beyond_repair_ends_the_run() -> None:
    """What the source raises comes out of ``run``, with nothing left running."""

    async def scene() -> None:
        rig = Rig()
        rig.api.hold("pay-0")
        produce(rig, HERE, payments(1))
        running = asyncio.create_task(rig.pipeline.run())
        rig.source.assign(HERE)
        await reached(lambda: rig.api.on_wire, "a call is on the wire")
        rig.source.failure = DependencyError("the client gave up")
        with pytest.raises(ExceptionGroup) as group:
            await running
        assert group.group_contains(DependencyError)
        assert rig.api.on_wire == []

    asyncio.run(scene())


@pytest.mark.parametrize("how", ["refused", "unanswered"])
def test_a_commit_that_failed_is_made_again(how: str) -> None:
    """A refused commit and one without an answer lose nothing: a later one includes them."""

    async def scene() -> None:
        rig = Rig()
        produce(rig, HERE, payments(5))
        rig.source.refuse = 3 if how == "refused" else 0
        rig.source.ignore = 3 if how == "unanswered" else 0
        async with rig.running():
            rig.source.assign(HERE)
            await all_committed(rig, HERE)
            result = "refused" if how == "refused" else "timeout"
            assert rig.metric("commits_total", result=result) == 3
            assert rig.metric("commits_total", result="ok") >= 1

    asyncio.run(scene())


def test_a_first_start_is_committed_at_once() -> None:
    """A partition without any commit gets one though nothing arrives, long before the next tick."""

    async def scene() -> None:
        rig = Rig(commit_seconds=60.0)
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.source.committed(HERE) == 0, "the start is committed")

    asyncio.run(scene())


def test_nothing_new_is_no_commit() -> None:
    """An idle service does not commit the same positions again and again."""

    async def scene() -> None:
        rig = Rig()
        produce(rig, HERE, payments(3))
        async with rig.running():
            rig.source.assign(HERE)
            await all_committed(rig, HERE)
            before = len(rig.source.commits)
            looks = rig.looks_at_clock
            await reached(lambda: rig.looks_at_clock > looks + 1, "the loops have gone round")
            assert len(rig.source.commits) == before

    asyncio.run(scene())


def test_a_drain_lets_go_of_everything_that_waits() -> None:
    """Records in a hold, in a wait or in line: the stop takes no time and is a clean one."""

    async def scene() -> None:
        rig = Rig()
        rig.decoder.trouble[b"bug"] = RuntimeError("a defect")
        rig.decoder.trouble[b"new"] = Unavailable("down")
        produce(rig, HERE, ["done", "bug", "new"])
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.source.committed(HERE) == 1, "the first one is committed")
            await reached(lambda: rig.pipeline.lanes.parked == 2, "two wait")
            rig.api.answer = NO_KEY
            produce(rig, HERE, payments(5))
            await reached(lambda: rig.traffic.gate.shut, "the hold is there")
            async with asyncio.timeout(2.0):
                assert await rig.pipeline.drain(60.0)
        assert rig.source.committed(HERE) == 1
        assert rig.box.letters == []

    asyncio.run(scene())


def test_a_drain_waits_for_calls_and_commits_their_answers() -> None:
    """What is answered in time is committed; nothing new is sent once the stop has begun."""

    async def scene() -> None:
        rig = Rig(max_in_flight=2, commit_seconds=60.0)
        rig.api.hold("pay-0", "pay-1")
        produce(rig, HERE, payments(10))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: len(rig.api.on_wire) == 2, "two calls are on the wire")
            draining = asyncio.create_task(rig.pipeline.drain(60.0))
            await asyncio.sleep(0)
            rig.api.let_go("pay-0", "pay-1")
            assert await draining
        assert rig.source.committed(HERE) == 2
        assert rig.api.asked == ["pay-0", "pay-1"]

    asyncio.run(scene())


def test_a_drain_that_takes_too_long_says_so() -> None:
    """A call that never ends is cut off after the budget: not committed, and the stop is not a clean one."""

    async def scene() -> None:
        rig = Rig()
        rig.api.hold("pay-0")
        produce(rig, HERE, payments(3))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.settled("payments") == 2, "the others are settled")
            assert not await rig.pipeline.drain(0.05)
        assert rig.source.committed(HERE) == 0
        assert rig.api.on_wire == []

    asyncio.run(scene())


def test_what_arrives_during_a_drain_is_not_taken() -> None:
    """The group is served until the end, but its records are left to the next owner."""

    async def scene() -> None:
        rig = Rig()
        rig.api.hold("pay-0")
        produce(rig, HERE, payments(1))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.api.on_wire, "a call is on the wire")
            draining = asyncio.create_task(rig.pipeline.drain(60.0))
            produce(rig, HERE, ["late"])
            ticked = rig.pipeline.ticked_at
            await reached(lambda: rig.pipeline.ticked_at > ticked, "the watch ticks through the drain")
            rig.api.let_go("pay-0")
            assert await draining
        assert rig.api.asked == ["pay-0"]
        assert rig.source.committed(HERE) == 1

    asyncio.run(scene())
