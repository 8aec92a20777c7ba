"""The pipeline when the group takes partitions away, in good order or not, and gives them back."""

import asyncio

from consumer.core.api.shares import Shares
from consumer.core.api.verdicts import HoldCause
from consumer.core.operations.logbook import Event
from consumer.core.records import Partition
from tests.support.rig import Around, Rig, all_committed, payments, produce, reached

HERE, THERE = Partition("payments", 0), Partition("payments", 1)
REFUNDS = Partition("refunds", 0)


def test_a_revocation_drops_what_is_queued_and_parked() -> None:
    """What waits is let go at once, not sent, not committed, and counted as released."""

    async def scene() -> None:
        rig = Rig(max_in_flight=1)
        rig.decoder.trouble[b"parked"] = RuntimeError("a defect")
        rig.api.hold("neighbour")
        produce(rig, HERE, ["done", "parked"])
        async with rig.running():
            rig.source.assign(HERE, THERE)
            await reached(lambda: rig.pipeline.lanes.parked, "a record is parked")
            produce(rig, THERE, ["neighbour"])
            await reached(lambda: rig.api.on_wire, "the only place is taken")
            produce(rig, HERE, payments(5))
            await reached(lambda: rig.pipeline.lanes.load(HERE).records == 6, "records are queued")
            await rig.source.revoke(HERE)
            assert rig.api.asked == ["done", "neighbour"]
            assert rig.source.committed(HERE) == 1
            assert rig.metric("records_released_total", topic="payments") == 6
            assert rig.accounted_for(HERE, THERE)
            rig.api.let_go("neighbour")
            await all_committed(rig, THERE)

    asyncio.run(scene())


def test_a_revocation_does_not_wait_for_a_turn() -> None:
    """A record that waits for the rate limit is let go at once and is not sent."""

    async def scene() -> None:
        rig = Rig(rate=0.01)
        produce(rig, HERE, payments(2))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.source.committed(HERE) == 1, "the first one is done")
            await reached(lambda: rig.pipeline.in_flight == 1, "the second one waits for its turn")
            async with asyncio.timeout(2.0):
                await rig.source.revoke(HERE, seconds=60.0)
            assert rig.api.asked == ["pay-0"]
            assert rig.pipeline.in_flight == 0
            assert rig.metric("records_released_total", topic="payments") == 1

    asyncio.run(scene())


def test_a_partition_that_is_handed_over_counts_for_nobody() -> None:
    """Its part of the rate is ours until the hand-over begins, not while calls on the wire are waited for."""

    async def scene() -> None:
        shares = Shares()
        rig = Rig(rate=1000.0, around=Around(shares=shares))
        rig.api.hold("pay-0")
        produce(rig, HERE, payments(1))

        def share() -> float:
            return rig.traffic.pacer.pace(rig.traffic.clock()).limit / 1000.0

        async with rig.running():
            rig.traffic.counted(["payments"], {"payments": 4})
            assert share() == 0.0
            rig.source.assign(HERE, THERE)
            assert share() == 0.5
            await reached(lambda: rig.api.on_wire, "a call is on the wire")
            handing_over = asyncio.create_task(rig.source.revoke(HERE))
            await reached(lambda: share() == 0.25, "the rest is what counts")
            assert not handing_over.done()
            rig.api.let_go("pay-0")
            await handing_over
            assert share() == 0.25
            rig.source.assign(HERE)
            assert share() == 0.5
            await rig.source.lose(HERE, THERE)
            assert share() == 0.0

    asyncio.run(scene())


def test_a_revocation_waits_for_what_is_on_the_wire_and_commits_it() -> None:
    """An answer in time is committed with the hand-over; the same key's next record is not sent."""

    async def scene() -> None:
        rig = Rig()
        rig.api.hold("pay-0")
        produce(rig, HERE, payments(2), b"key")
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.api.on_wire, "a call is on the wire")
            handing_over = asyncio.create_task(rig.source.revoke(HERE))
            await asyncio.sleep(0)
            assert not handing_over.done()
            rig.api.let_go("pay-0")
            await handing_over
            assert rig.source.committed(HERE) == 1
            assert rig.api.asked == ["pay-0"]
            assert rig.metric("records_released_total", topic="payments") == 1
            assert rig.accounted_for(HERE)

    asyncio.run(scene())


def test_what_is_settled_around_an_open_record_travels_with_the_commit() -> None:
    """The next owner repeats the one record that did not end, and none that was settled behind it."""

    async def scene() -> None:
        rig = Rig()
        rig.api.hold("pay-0")
        produce(rig, HERE, payments(10))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.settled("payments") == 9, "all others are settled")
            await rig.source.revoke(HERE, seconds=0.01)
            assert rig.source.committed(HERE) == 0
            rig.api.let_go("pay-0")
            rig.source.assign(HERE)
            await all_committed(rig, HERE)
            assert sorted(rig.api.asked) == sorted([*payments(10), "pay-0"])

    asyncio.run(scene())


def test_a_result_after_the_budget_changes_nothing_and_its_key_waits_for_it() -> None:
    """The partition comes back while the old call runs: its repeat waits, its answer settles nothing."""

    async def scene() -> None:
        rig = Rig()
        rig.api.hold("pay-0")
        produce(rig, HERE, payments(2), b"key")
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.api.on_wire, "a call is on the wire")
            await rig.source.revoke(HERE, seconds=0.01)
            assert rig.source.committed(HERE) == 0
            rig.source.assign(HERE)
            await reached(lambda: rig.pipeline.offsets.unsettled(HERE) == 2, "the records came again")
            assert rig.api.asked == ["pay-0"], "the key is still on the wire"
            rig.api.let_go("pay-0")
            await all_committed(rig, HERE)
            assert rig.api.asked == ["pay-0", "pay-0", "pay-1"]
            assert not rig.api.overlapped
            assert rig.settled("payments") == 2
            assert rig.accounted_for(HERE)

    asyncio.run(scene())


def test_a_lost_partition_commits_nothing() -> None:
    """Without a hand-over nothing more is stored, late answers settle nothing, no call leaves."""

    async def scene() -> None:
        rig = Rig(max_in_flight=1)
        rig.api.hold("pay-1")
        produce(rig, HERE, payments(3))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.source.committed(HERE) == 1, "the first one is committed")
            await reached(lambda: rig.api.on_wire == ["pay-1"], "a call is on the wire")
            await rig.source.lose(HERE)
            commits = len(rig.source.commits)
            rig.api.let_go("pay-1")
            await reached(lambda: not rig.pipeline.in_flight, "the call has ended")
            assert len(rig.source.commits) == commits
            assert rig.source.committed(HERE) == 1
            assert rig.api.asked == ["pay-0", "pay-1"]
            assert rig.metric("records_released_total", topic="payments") == 2
            assert rig.metric("rebalances_total", event="lost") == 1
            assert rig.log.told(Event.PARTITIONS_LOST) == [{"count": 1}]
            assert rig.accounted_for(HERE)

    asyncio.run(scene())


def test_a_stop_waits_for_calls_of_lost_partitions_too() -> None:
    """Their answers change no offset, but cutting them off would make a stop look like a failure."""

    async def scene() -> None:
        rig = Rig()
        rig.api.hold("pay-0")
        produce(rig, HERE, payments(1))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.api.on_wire == ["pay-0"], "a call is on the wire")
            await rig.source.lose(HERE)
            draining = asyncio.create_task(rig.pipeline.drain(60.0))
            await asyncio.sleep(0)
            rig.api.let_go("pay-0")
            assert await draining

    asyncio.run(scene())


def test_a_neighbour_does_not_notice_a_revocation() -> None:
    """Flights, queues and commits of the partitions that stay go on during a hand-over."""

    async def scene() -> None:
        rig = Rig(max_in_flight=2)
        rig.api.hold("leaving", "staying")
        produce(rig, HERE, ["leaving"])
        produce(rig, REFUNDS, ["staying", *payments(3)])
        async with rig.running():
            rig.source.assign(HERE, REFUNDS)
            await reached(lambda: len(rig.api.on_wire) == 2, "both are on the wire")
            handing_over = asyncio.create_task(rig.source.revoke(HERE))
            rig.api.let_go("staying")
            await reached(lambda: rig.settled("refunds") == 4, "the neighbour goes on meanwhile")
            assert not handing_over.done()
            rig.api.let_go("leaving")
            await handing_over
            await all_committed(rig, REFUNDS)

    asyncio.run(scene())


def test_a_partition_out_of_range_is_a_hold_until_it_is_given_away() -> None:
    """The operator is told of it; it ends with the assignment."""

    async def scene() -> None:
        rig = Rig()
        async with rig.running():
            rig.source.assign(HERE)
            rig.pipeline.out_of_range(HERE)
            assert rig.pipeline.holding() == {HoldCause.OUT_OF_RANGE}
            assert rig.pipeline.pauses() == {HERE: "out_of_range"}
            await rig.source.revoke(HERE)
            assert rig.pipeline.holding() == frozenset()

    asyncio.run(scene())
