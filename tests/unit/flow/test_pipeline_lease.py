"""The pipeline and its lease: without a proof of membership nothing is sent, and with one all goes on."""

import asyncio

from consumer.core.api.verdicts import HoldCause, Response
from consumer.core.operations.logbook import Event
from consumer.core.partitions.lease import FIRST_PROOF_SECONDS
from consumer.core.records import Partition
from tests.support.rig import LEASE_SECONDS, Rig, all_committed, payments, produce, reached

HERE, THERE = Partition("payments", 0), Partition("payments", 1)

#: Longer than any lease here.
LONG = 1000.0
#: More commits than are tried in a test.
MANY = 1_000_000


async def a_while(rig: Rig) -> None:
    """Let the loops look at the lease a few times: whatever was to happen by itself has happened."""
    looks = rig.looks_at_membership + 30
    await reached(lambda: rig.looks_at_membership > looks, "the lease was looked at again and again")


async def sleep_until_proof_is_due(rig: Rig) -> None:
    """Let a good part of a lease pass, and wait for the next commit."""
    seen = len(rig.source.commits)
    rig.slept += 0.4 * LEASE_SECONDS
    await reached(lambda: len(rig.source.commits) > seen, "a proof is asked for")


def test_nothing_is_sent_before_a_commit_is_confirmed() -> None:
    """Partitions alone prove nothing: their assignment may be old news. The first confirmed commit does."""

    async def scene() -> None:
        rig = Rig()
        rig.source.refuse = MANY
        produce(rig, HERE, payments(5))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.pipeline.queued(HERE) == 5, "the records are there")
            await reached(lambda: len(rig.source.commits) >= 2, "commits are refused")
            await a_while(rig)
            assert rig.api.calls == []
            rig.source.refuse = 0
            await all_committed(rig, HERE)
            assert sorted(rig.api.asked) == payments(5)

    asyncio.run(scene())


def test_a_partition_whose_commits_are_refused_costs_the_others_no_proof() -> None:
    """Its topic is gone, or the right to it: the coordinator still says yes to the others, if it is asked."""

    async def scene() -> None:
        rig = Rig()
        produce(rig, HERE, payments(2))
        produce(rig, THERE, payments(2, "there"))
        async with rig.running():
            rig.source.assign(HERE, THERE)
            await all_committed(rig, THERE)
            rig.source.refused.add(HERE)
            produce(rig, HERE, payments(1, "late"))
            await reached(lambda: rig.settled("payments") == 5, "what will never be committed is settled")
            for _ in range(5):
                await sleep_until_proof_is_due(rig)
            produce(rig, THERE, payments(1, "more"))
            await reached(lambda: rig.settled("payments") == 6, "the others go on")

    asyncio.run(scene())


def test_a_process_that_was_asleep_sends_nothing_until_it_has_proven_itself_again() -> None:
    """What was queued, parked or waiting for its turn stays where it is, says why, and goes on afterwards."""

    async def scene() -> None:
        rig = Rig(rate=20.0)
        rig.api.script["pay-0"].append(Response(503))
        produce(rig, HERE, payments(8))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.pipeline.lanes.parked, "a record waits for its next try")
            rig.source.refuse = MANY
            rig.slept += LONG
            sent = len(rig.api.calls)
            await reached(lambda: rig.pipeline.in_flight == 0, "nobody waits for a turn any more")
            await a_while(rig)
            assert len(rig.api.calls) == sent
            assert rig.pipeline.holding() == {HoldCause.LEASE}
            await reached(lambda: rig.log.told(Event.HOLD_STARTED), "the hold is told")
            assert rig.log.told(Event.HOLD_STARTED)[0]["cause"] == "lease"
            assert rig.traffic.auth_ok
            rig.source.refuse = 0
            await reached(lambda: rig.pipeline.holding() == frozenset(), "the hold is over")
            assert rig.traffic.pacer.pace(rig.traffic.clock()).ramp < 1.0
            await all_committed(rig, HERE)
            assert rig.accounted_for(HERE)
            assert rig.box.letters == []

    asyncio.run(scene())


def test_a_call_on_the_wire_is_finished_and_counts() -> None:
    """The lease stops what has not left. What has may have been done, so its answer is wanted."""

    async def scene() -> None:
        rig = Rig(max_in_flight=1)
        rig.api.hold("pay-0")
        produce(rig, HERE, payments(2))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.api.on_wire, "a call is on the wire")
            rig.source.refuse = MANY
            rig.slept += LONG
            rig.api.let_go("pay-0")
            await reached(lambda: rig.settled("payments") == 1, "its answer has settled it")
            await a_while(rig)
            assert rig.api.asked == ["pay-0"]
            rig.source.refuse = 0
            await all_committed(rig, HERE)
            assert rig.api.asked == ["pay-0", "pay-1"]

    asyncio.run(scene())


def test_a_probe_needs_a_lease_too() -> None:
    """A hold that finds its cure by real calls makes none that a successor might make."""

    async def scene() -> None:
        rig = Rig()
        rig.api.answer = Response(401)
        produce(rig, HERE, payments(3))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.traffic.gate.shut and not rig.api.on_wire, "the hold is there")
            rig.source.refuse = MANY
            rig.slept += LONG
            await reached(lambda: rig.pipeline.in_flight == 0, "nothing is under way")
            sent = len(rig.api.calls)
            await a_while(rig)
            assert len(rig.api.calls) == sent
            assert rig.pipeline.holding() == {HoldCause.CREDENTIALS, HoldCause.LEASE}
            rig.source.refuse = 0
            rig.api.answer = Response(201)
            await all_committed(rig, HERE)

    asyncio.run(scene())


def test_an_unanswered_commit_proves_nothing() -> None:
    """Only a yes does: no answer is what a member that was thrown out gets, too."""

    async def scene() -> None:
        rig = Rig()
        produce(rig, HERE, payments(3))
        async with rig.running():
            rig.source.assign(HERE)
            await all_committed(rig, HERE)
            rig.source.ignore = MANY
            rig.slept += LONG
            produce(rig, HERE, payments(3, "more"))
            await a_while(rig)
            assert len(rig.api.calls) == 3
            rig.source.ignore = 0
            await all_committed(rig, HERE)

    asyncio.run(scene())


def test_an_idle_member_proves_itself_with_what_is_committed_already() -> None:
    """Nothing is to be committed, and still its lease never ends: the same position goes out again."""

    async def scene() -> None:
        rig = Rig()
        produce(rig, HERE, payments(2))
        async with rig.running():
            rig.source.assign(HERE)
            await all_committed(rig, HERE)
            stored = rig.source.stored[HERE]
            for _ in range(5):
                await sleep_until_proof_is_due(rig)
                assert rig.source.stored[HERE] == stored
                assert HoldCause.LEASE not in rig.pipeline.holding()
            await a_while(rig)
            assert len(rig.source.commits) < 20, "and not more often than is needed"

    asyncio.run(scene())


def test_a_member_that_is_held_up_keeps_its_lease() -> None:
    """A hold of another cause settles nothing for hours; with the cure all goes on at once."""

    async def scene() -> None:
        rig = Rig()
        rig.api.answer = Response(404)
        produce(rig, HERE, payments(2))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.traffic.gate.shut, "the hold is there")
            for _ in range(3):
                await sleep_until_proof_is_due(rig)
            assert rig.pipeline.holding() == {HoldCause.ADDRESS}
            rig.api.answer = Response(201)
            await all_committed(rig, HERE)

    asyncio.run(scene())


def test_a_lost_membership_takes_its_proof_along() -> None:
    """The old proof had time left; the new membership has to prove itself all the same."""

    async def scene() -> None:
        rig = Rig()
        produce(rig, HERE, payments(1))
        async with rig.running():
            rig.source.assign(HERE)
            await all_committed(rig, HERE)
            rig.source.refuse = MANY
            await rig.source.lose(HERE)
            produce(rig, HERE, payments(2, "more"))
            rig.source.assign(HERE)
            await reached(lambda: rig.pipeline.queued(HERE) == 2, "the records are there")
            await a_while(rig)
            assert len(rig.api.calls) == 1
            rig.source.refuse = 0
            await all_committed(rig, HERE)

    asyncio.run(scene())


def test_a_membership_that_is_kept_is_proven_for_new_partitions_too() -> None:
    """A rebalance stops nothing: the lease is that of the process."""

    async def scene() -> None:
        rig = Rig()
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.source.committed(HERE) == 0, "the start is committed")
            rig.source.refuse = MANY
            await rig.source.revoke(HERE)
            produce(rig, THERE, payments(3))
            rig.source.assign(THERE)
            await reached(lambda: len(rig.api.calls) == 3, "its records are sent")

    asyncio.run(scene())


def test_a_process_without_partitions_holds_nothing() -> None:
    """There is nothing that it may not send."""

    async def scene() -> None:
        rig = Rig()
        async with rig.running():
            rig.source.assign()
            rig.slept += LONG
            await a_while(rig)
            assert rig.pipeline.holding() == frozenset()
            assert rig.source.commits == []

    asyncio.run(scene())


def test_a_start_is_no_alarm_and_a_start_without_a_proof_is_one() -> None:
    """The first proof has a moment's time."""

    async def scene() -> None:
        rig = Rig()
        rig.source.refuse = MANY
        async with rig.running():
            rig.source.assign(HERE)
            assert rig.pipeline.holding() == frozenset()
            rig.slept += FIRST_PROOF_SECONDS
            assert rig.pipeline.holding() == {HoldCause.LEASE}

    asyncio.run(scene())


def test_a_lease_that_is_over_costs_no_work() -> None:
    """While nothing may be sent and parked records are overdue, the loops sleep instead of spinning."""

    async def scene() -> None:
        rig = Rig(commit_seconds=0.05)
        rig.api.script["pay-0"].append(Response(503))
        produce(rig, HERE, payments(3))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.pipeline.lanes.parked, "a record is parked")
            rig.source.refuse = MANY
            rig.slept += LONG
            due = rig.pipeline.lanes.next_wake()
            assert due is not None
            await reached(lambda: asyncio.get_running_loop().time() > due, "it is overdue")
            before, commits = rig.looks_at_membership, len(rig.source.commits)
            await asyncio.sleep(0.3)
            assert rig.looks_at_membership - before < 200
            assert len(rig.source.commits) - commits < 20

    asyncio.run(scene())
