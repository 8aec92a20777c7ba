"""The simulation sees what it is for: with one broken part, some seed soon shows it."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from itertools import count
from typing import Final

import pytest

from consumer.core.api.budget import RetryBudget
from consumer.core.api.pacing import Turns
from consumer.core.api.refusals import Ruling
from consumer.core.api.removals import Ended
from consumer.core.api.verdicts import Answer
from consumer.core.meaning.intents import Action, DeadLetterReason
from consumer.core.operations.logbook import Log
from consumer.core.outcomes import Outcome as Settling
from consumer.core.outcomes import Settled
from consumer.core.partitions import marks
from consumer.core.partitions.lanes import Lanes, Ticket
from consumer.core.partitions.offsets import Offsets, Position, Positions
from consumer.core.partitions.rota import Rota
from consumer.core.records import Partition, Record
from consumer.flow.delivery import Permit, Step, Stopped, Story
from consumer.flow.graces import Graces
from consumer.flow.membership import Membership
from consumer.flow.pipeline import Pipeline
from consumer.lab.bodies import CaptureRequest
from consumer.lab.ledger import Ledger, Outcome, Payment
from tests.simulation.member import Member
from tests.simulation.outside import Line
from tests.simulation.process import Parts
from tests.simulation.run import simulate
from tests.support.ledger import Law

#: So many seeds may pass before the fault shows.
SEEDS: Final = 500


class PeekingOffsets(Offsets):
    """Lets a commit pass records that are not settled."""

    def committable(self, partitions: Collection[Partition] | None = None) -> dict[Partition, Position]:
        """Return the end of what was received."""
        honest = super().committable(partitions)
        return {p: replace(found, offset=self.position(p) or 0) for p, found in honest.items()}


class BoastfulOffsets(Offsets):
    """Claims that the next records behind the first open one are settled."""

    def committable(self, partitions: Collection[Partition] | None = None) -> dict[Partition, Position]:
        """Return the honest offsets with other marks."""
        return {
            p: replace(found, metadata=marks.write(found.offset, [(found.offset + 1, found.offset + 3)], ""))
            for p, found in super().committable(partitions).items()
        }


class OpenOffsets(Offsets):
    """Takes records that an earlier assignment has read for its own."""

    def receive(self, record: Record, now: float) -> bool:
        """Take any record of a partition that is ours."""
        track = self._tracks.get(record.partition)
        return track is not None and super().receive(replace(record, epoch=track.epoch), now)


class OpenResults(Offsets):
    """Takes results of an earlier assignment for its own."""

    def settle(self, record: Record, now: float) -> bool:
        """Settle any record of a partition that is ours."""
        track = self._tracks.get(record.partition)
        return track is not None and super().settle(replace(record, epoch=track.epoch), now)


class WideLanes(Lanes[Story]):
    """Lets two records of a lane fly."""

    def offer(self, record: Record, story: Story) -> None:
        """Queue the record in one of two lanes."""
        super().offer(replace(record, key=b"%d" % (record.offset % 2)), story)


class BlindMember(Member):
    """Commits what an earlier assignment found."""

    def still_ours(self, positions: Positions) -> dict[Partition, Position]:
        """Return everything."""
        return dict(positions)


class CredulousMember(Member):
    """Takes every commit for stored."""

    async def commit(self, positions: Positions) -> Positions:
        """Commit, and say yes whatever the broker said."""
        await super().commit(positions)
        return positions


class RestlessLine(Line):
    """Names a payment anew at each try."""

    _numbers = count()

    async def send(self, path: str, body: bytes) -> Answer:
        """Send with another payment_id."""
        number = b"%d-" % next(self._numbers)
        return await super().send(path, body.replace(b'"payment_id":"', b'"payment_id":"' + number))


class ForgetfulLedger(Ledger):
    """Counts a payment as often as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self._more: list[Payment] = []

    def capture(self, request: CaptureRequest, seq: int) -> Outcome:
        """Record a payment, whatever is there already."""
        if super().capture(request, seq) is Outcome.DUPLICATE:
            self._more += [p for p in super().payments() if p.payment_id == request.payment_id]
        return Outcome.APPLIED

    def payments(self) -> Iterator[Payment]:
        """Yield everything."""
        yield from super().payments()
        yield from self._more


class Boundless(Membership):
    """A lease without an end."""

    def holds(self) -> bool:
        """Say yes."""
        return True


def widen(pipeline: Pipeline) -> None:
    """Give it lanes in which two can fly."""
    lanes = WideLanes()
    settle: Callable[[Ticket[Story], Settled], None] = vars(pipeline.graces)["_settle"]
    log: Log = vars(pipeline)["_log"]
    graces = Graces(pipeline.graces.removals, lanes, settle, log)
    vars(pipeline).update(lanes=lanes, _rota=Rota(lanes, RetryBudget(8), Turns({})), graces=graces)


def peek(pipeline: Pipeline) -> None:
    """Give it offsets that pass what is not settled."""
    vars(pipeline)["offsets"] = PeekingOffsets()


def boast(pipeline: Pipeline) -> None:
    """Give it offsets that claim too much."""
    vars(pipeline)["offsets"] = BoastfulOffsets()


def open_up(pipeline: Pipeline) -> None:
    """Give it offsets that do not ask whose a record is."""
    vars(pipeline)["offsets"] = OpenOffsets()


def open_results(pipeline: Pipeline) -> None:
    """Give it offsets that do not ask whose a result is."""
    vars(pipeline)["offsets"] = OpenResults()


def hurry(pipeline: Pipeline) -> None:
    """Let it hand partitions over without waiting for what is on the wire."""

    async def release(partitions: Collection[Partition], _: float) -> Positions:
        pipeline.lanes.drop(partitions)
        return pipeline.offsets.committable(partitions)

    vars(pipeline)["release"] = release


def trust(pipeline: Pipeline) -> None:
    """Let it believe for ever that it is in its group."""
    vars(pipeline)["_membership"] = Boundless(1.0, asyncio.get_running_loop().time)


def drop_kept(pipeline: Pipeline) -> None:
    """Let it settle, without a letter, the records that stopped their topic."""
    teller = pipeline._delivery
    advance = teller.advance

    async def dropping(story: Story, permit: Permit) -> Step:
        step = await advance(story, permit)
        topic = story.record.partition.topic
        if isinstance(step, Stopped) and story.planned is None and topic in teller.refusals.stopped:
            return Settled(Action.NONE, Settling.DEAD_LETTERED, DeadLetterReason.MAPPING)
        return step

    vars(teller)["advance"] = dropping


def never_resume(pipeline: Pipeline) -> None:
    """Let it count no good probe."""
    refusals = pipeline._delivery.refusals
    honest = refusals.delivered
    vars(refusals)["delivered"] = lambda topic, *, probe: None if probe else honest(topic, probe=probe)


def count_skips(pipeline: Pipeline) -> None:
    """Let it take skipped records for good ones."""
    refusals = pipeline._delivery.refusals
    settle = pipeline._settle

    def counting(ticket: Ticket[Story], settled: Settled) -> None:
        if settled.outcome is Settling.SKIPPED:
            refusals.delivered(ticket.record.partition.topic, probe=False)
        settle(ticket, settled)

    vars(pipeline)["_settle"] = counting


def stop_nothing(pipeline: Pipeline) -> None:
    """Let it give up whatever is refused."""
    vars(pipeline._delivery.refusals)["refused"] = lambda *_, **__: Ruling.GIVE_UP


def write_while_stopped(pipeline: Pipeline) -> None:
    """Let it write the letters of a stopped topic."""
    refusals = pipeline._delivery.refusals
    honest = refusals.refused

    def refused(topic: str, reason: DeadLetterReason, now: float, *, probe: bool) -> Ruling:
        honest(topic, reason, now, probe=probe)
        return Ruling.GIVE_UP

    vars(refusals)["refused"] = refused


@pytest.mark.parametrize(
    ("fit", "sign"),
    [
        pytest.param(drop_kept, Law.L1, id="a-breaker-that-drops-what-stopped-it"),
        pytest.param(never_resume, "does not go on", id="a-breaker-that-never-resumes"),
        pytest.param(count_skips, "are the most", id="a-breaker-that-counts-skips"),
        pytest.param(stop_nothing, "are the most", id="no-breaker"),
        pytest.param(write_while_stopped, "are the most", id="letters-of-a-stopped-topic"),
    ],
)
def test_a_broken_breaker_is_seen(fit: Callable[[Pipeline], None], sign: str) -> None:
    """Within a few seeds with faults of ours, records are lost, set aside in numbers, or never go on."""
    parts = Parts(fit=fit)
    found = (problem for seed in range(SEEDS) for problem in simulate(seed, parts, faulty=True).problems)
    assert any(sign in problem for problem in found)


def wait_for_nothing(pipeline: Pipeline) -> None:
    """Let it end every grace with its first 400."""
    removals = pipeline.graces.removals
    vars(removals)["found_nothing"] = lambda *_, echo: Ended.ECHO if echo else Ended.NOTHING_FOUND


def never_make_way(pipeline: Pipeline) -> None:
    """Let it send captures while a removal of the same payment waits beside their lane."""
    vars(pipeline.graces).update(in_the_way=lambda *_: False, may_send=lambda *_: True)


@pytest.mark.parametrize(
    ("parts", "sign"),
    [
        pytest.param(Parts(fit=peek), Law.L5, id="a-commit-passes-an-unsettled-record"),
        pytest.param(Parts(fit=peek), Law.L1, id="and-then-records-are-lost"),
        pytest.param(Parts(fit=boast), Law.L1, id="marks-claim-too-much"),
        pytest.param(Parts(fit=open_up), Law.L1, id="records-of-an-earlier-assignment-count"),
        pytest.param(Parts(fit=open_results), "lanes hold", id="results-of-an-earlier-assignment-count"),
        pytest.param(Parts(fit=widen), Law.L7, id="two-of-a-lane-fly"),
        pytest.param(Parts(fit=hurry), Law.L7, id="a-release-does-not-wait-for-the-wire"),
        pytest.param(Parts(fit=hurry), Law.L8, id="and-then-a-handover-repeats-calls"),
        pytest.param(Parts(fit=trust), Law.L7, id="a-process-trusts-its-membership"),
        pytest.param(Parts(member=BlindMember), Law.L6, id="a-late-commit-of-an-earlier-assignment"),
        pytest.param(Parts(member=CredulousMember), Law.L8, id="a-refused-commit-is-taken-for-stored"),
        pytest.param(Parts(fit=wait_for_nothing), Law.L4, id="removals-that-are-given-up-at-once"),
        pytest.param(Parts(fit=never_make_way), Law.L4, id="removals-that-meet-what-comes-later"),
        pytest.param(Parts(line=RestlessLine), Law.L2, id="a-payment-id-that-changes"),
        pytest.param(Parts(ledger=ForgetfulLedger), Law.L3, id="no-deduplication"),
    ],
)
def test_a_broken_part_is_seen(parts: Parts, sign: str) -> None:
    """Within a few seeds a law is broken that the broken part is there for, or lanes and offsets disagree."""
    found = (problem for seed in range(SEEDS) for problem in simulate(seed, parts).problems)
    assert any(sign in problem for problem in found)
