"""The pipeline and the breaker: what a topic full of bad records costs, what goes on, and how it ends."""

import asyncio
from collections.abc import Iterable

import pytest

from consumer.core.api.refusals import LIMITS
from consumer.core.api.verdicts import HoldCause, Response
from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import DeadLetterReason
from consumer.core.operations.logbook import Event
from consumer.core.partitions.intake import Bounds
from consumer.core.partitions.lanes import Ordering
from consumer.core.records import Partition
from tests.support.events import payment_event
from tests.support.rig import Around, Resigning, Rig, all_committed, payments, produce, reached

HERE, THERE = Partition("payments", 0), Partition("refunds", 0)
UNREADABLE = Unreadable(DeadLetterReason.UNDECODABLE, "bytes")
#: So many letters a start may cost, while nothing of a topic is good.
MOST = LIMITS.in_a_row - 1


def spoil(rig: Rig, names: Iterable[str]) -> None:
    """Let these records be undecodable."""
    rig.decoder.trouble.update((name.encode(), UNREADABLE) for name in names)


async def stopped(rig: Rig) -> None:
    """Wait until a topic is stopped and nothing of it is under way."""
    await reached(lambda: rig.refusals.stopped, "a topic is stopped")
    await reached(lambda: not rig.pipeline.in_flight, "what was under way is back")


def test_a_topic_that_can_t_be_read_is_stopped_and_loses_nothing() -> None:
    """Nineteen letters, then all is kept; another topic goes on, and the cure delivers what was kept."""

    async def scene() -> None:
        rig = Rig(max_in_flight=8)
        names = payments(60)
        spoil(rig, names)
        produce(rig, HERE, names)
        produce(rig, THERE, payments(30, "refund"))
        async with rig.running():
            rig.source.assign(HERE, THERE)
            await stopped(rig)
            await all_committed(rig, THERE)
            await reached(lambda: len(rig.log.told(Event.RECORD_KEPT)) > 10, "probes are refused")
            assert len(rig.box.letters) == MOST
            assert rig.pipeline.holding() == {HoldCause.REFUSALS}
            assert rig.settled("payments") == MOST
            assert (rig.source.committed(HERE) or 0) <= MOST
            rig.decoder.trouble.clear()
            await all_committed(rig, HERE)
            assert len(rig.box.letters) == MOST
            assert rig.pipeline.holding() == frozenset()
            assert sorted(rig.api.asked) == sorted({*payments(30, "refund"), *names} - written(rig))
            assert rig.accounted_for(HERE, THERE)

    asyncio.run(scene())


def written(rig: Rig) -> set[str]:
    """Return the payments that have a letter."""
    return {(record.value or b"").decode() for record, _ in rig.box.letters}


def test_calls_that_are_refused_trip_it_too_and_are_made_again() -> None:
    """A 422 for everybody: few letters; kept records are sent once more when they are probed, and later."""

    async def scene() -> None:
        rig = Rig(max_in_flight=8)
        rig.api.answer = Response(422)
        names = payments(60)
        produce(rig, HERE, names)
        async with rig.running():
            rig.source.assign(HERE)
            await stopped(rig)
            before = len(rig.api.calls)
            assert before <= LIMITS.in_a_row + 8
            rig.api.most_on_wire = 0
            await reached(lambda: len(rig.api.calls) >= before + 4, "probes leave")
            assert rig.api.most_on_wire == 1
            probes = rig.api.asked[before:]
            assert len(set(probes)) == len(probes), "probes rotate over lanes"
            rig.api.answer = Response(201)
            await all_committed(rig, HERE)
            assert len(rig.box.letters) == MOST
            assert rig.box.reasons() == ["refused"] * MOST

    asyncio.run(scene())


def test_a_start_costs_nineteen_letters_at_most() -> None:
    """However often a process is started on a topic that is nothing but bad: each start stops by itself."""

    async def scene() -> None:
        rig: Rig | None = None
        names = payments(200)
        for start in range(1, 4):
            rig = Rig(max_in_flight=8, before=rig)
            spoil(rig, names)
            if start == 1:
                produce(rig, HERE, names)
            async with rig.running():
                rig.source.assign(HERE)
                await stopped(rig)
            await rig.source.lose(HERE)
            assert len(rig.box.letters) <= start * MOST
        assert rig is not None
        assert len(rig.box.letters) > MOST, "a start stops anew, it does not stay stopped"

    asyncio.run(scene())


def test_it_holds_for_long_in_little_memory_and_with_little_work() -> None:
    """Thousands of bad records: few are held, the partition is paused as full, and the loops sleep."""

    async def scene() -> None:
        rig = Rig()
        rig.refusals.pace = 60.0
        names = payments(5_000)
        spoil(rig, names)
        produce(rig, HERE, names)
        async with rig.running():
            rig.source.assign(HERE)
            await stopped(rig)
            await reached(lambda: HERE in rig.source.paused, "the partition is paused")
            before = rig.looks_at_clock
            await asyncio.sleep(0.3)
            assert rig.looks_at_clock - before < 100
            assert rig.pipeline.lanes.load(HERE).records <= 2 * Bounds().partition_records
            assert rig.pipeline.pauses() == {HERE: "full"}
            assert rig.pipeline.holding() == {HoldCause.REFUSALS}
            produce(rig, THERE, payments(50, "later"))
            rig.source.assign(THERE)
            await all_committed(rig, THERE)

    asyncio.run(scene())


def test_a_hundred_bad_ones_among_good_ones_stop_it_at_a_fifth() -> None:
    """The share rule in full flow: what was delivered is delivered once, and what is bad is kept."""

    async def scene() -> None:
        rig = Rig(max_in_flight=4)
        rig.refusals.pace = 60.0
        bad = payments(100, "bad")
        spoil(rig, bad)
        produce(rig, HERE, [n for pair in zip(payments(100), bad, strict=True) for n in pair])
        async with rig.running():
            rig.source.assign(HERE)
            await stopped(rig)
            assert 20 <= len(rig.box.letters) < 30
            assert rig.settled("payments") == len(rig.box.letters) + len(rig.api.calls)
            assert len(set(rig.api.asked)) == len(rig.api.asked)

    asyncio.run(scene())


@pytest.mark.parametrize("ordering", Ordering)
def test_until_a_time_letters_go_through(ordering: Ordering) -> None:
    """The way out by hand: every bad record becomes a letter, in order of its lane, and nothing holds."""

    async def scene() -> None:
        rig = Rig(giving_up=Resigning(accepts=True), around=Around(ordering=ordering))
        names = payments(100)
        spoil(rig, names)
        produce(rig, HERE, [*names, "good"])
        async with rig.running():
            rig.source.assign(HERE)
            await all_committed(rig, HERE)
            assert written(rig) == set(names)
            assert rig.metric("holding", cause="refusals") == 0
            assert rig.log.told(Event.TOPIC_STOPPED) == []

    asyncio.run(scene())


def test_begin_and_end_are_told_with_the_cause_and_the_cure() -> None:
    """One line when a topic is stopped, with how many of what and the way out; one when it goes on."""

    async def scene() -> None:
        rig = Rig()
        names = payments(40)
        spoil(rig, names)
        produce(rig, HERE, names)
        async with rig.running():
            rig.source.assign(HERE)
            await stopped(rig)
            (stop,) = rig.log.told(Event.TOPIC_STOPPED)
            assert (stop["topic"], stop["count"]) == ("payments", 20)
            assert stop["detail"] == "20 of the last 20 records would be dead letters: undecodable 20"
            assert "accept_refusals_until" in stop["cure"]
            kept = rig.log.told(Event.RECORD_KEPT)[0]
            assert (kept["reason"], kept["detail"]) == ("undecodable", "bytes")
            await reached(lambda: rig.log.told(Event.HOLD_STARTED), "the hold is told")
            rig.decoder.trouble.clear()
            await all_committed(rig, HERE)
            (resumed,) = rig.log.told(Event.TOPIC_RESUMED)
            assert resumed["topic"] == "payments"
            await reached(lambda: rig.log.told(Event.HOLD_ENDED), "the end of the hold is told")
            (begun,) = rig.log.told(Event.HOLD_STARTED)
            assert begun["cause"] == "refusals"

    asyncio.run(scene())


def test_a_wrong_key_meanwhile_is_found_out_by_the_same_probes() -> None:
    """Both holds at once on the only topic: each ends with its own cause, and nothing is lost."""

    async def scene() -> None:
        rig = Rig(max_in_flight=8)
        rig.api.answer = Response(422)
        names = payments(50)
        produce(rig, HERE, names)
        async with rig.running():
            rig.source.assign(HERE)
            await stopped(rig)
            rig.api.answer = Response(401)
            both = {HoldCause.REFUSALS, HoldCause.CREDENTIALS}
            await reached(lambda: rig.pipeline.holding() == both, "both hold")
            rig.api.answer = Response(422)
            await reached(lambda: rig.pipeline.holding() == {HoldCause.REFUSALS}, "the key is good again")
            rig.api.answer = Response(201)
            await all_committed(rig, HERE)
            assert len(rig.box.letters) == MOST

    asyncio.run(scene())


def test_what_was_in_line_for_its_turn_is_turned_away() -> None:
    """Calls that wait for the rate limit when their topic is stopped are not made."""

    async def scene() -> None:
        rig = Rig(max_in_flight=8, rate=40.0)
        rig.refusals.pace = 60.0
        rig.api.answer = Response(422)
        produce(rig, HERE, payments(60))
        async with rig.running():
            rig.source.assign(HERE)
            await stopped(rig)
            assert len(rig.api.calls) <= LIMITS.in_a_row + 1

    asyncio.run(scene())


def test_skips_do_not_count_and_do_not_slow_the_probes() -> None:
    """Hundreds of skips hide nothing; a probe that turns out to be one is followed at once."""

    async def scene() -> None:
        rig = Rig()
        skipped, bad, good = payments(300, "skip"), payments(30, "bad"), payments(10, "good")
        for name in skipped:
            rig.decoder.events[name.encode()] = payment_event(payment_id=name, status="FAILED")
        spoil(rig, bad)
        produce(rig, HERE, [*skipped, *bad])
        async with rig.running():
            rig.source.assign(HERE)
            await stopped(rig)
            assert len(rig.box.letters) == MOST
            rig.refusals.pace = 1.0  # each wait would be noticed
            rig.decoder.trouble.clear()
            more = payments(100, "skip-more")
            for name in more:
                rig.decoder.events[name.encode()] = payment_event(payment_id=name, status="FAILED")
            produce(rig, HERE, [*more, *good])
            await all_committed(rig, HERE)

    asyncio.run(scene())


def test_removals_that_find_nothing_do_not_count() -> None:
    """They are neither good nor refused: twenty bad ones between them stop the topic all the same."""

    async def scene() -> None:
        rig = Rig()
        removals, bad = payments(60, "removal"), payments(40, "bad")
        for name in removals:
            rig.decoder.events[name.encode()] = payment_event(payment_id=name, kind="REFUND")
            rig.api.always[name] = Response(400)
        spoil(rig, bad)
        produce(rig, HERE, [*removals[:30], *bad[:10], *removals[30:], *bad[10:]])
        async with rig.running():
            rig.source.assign(HERE)
            await stopped(rig)
            assert len(rig.box.letters) == MOST

    asyncio.run(scene())


def test_a_stopped_topic_that_is_handed_over_holds_nothing_here() -> None:
    """Without a partition of it there is no hold; it is still stopped when one comes back."""

    async def scene() -> None:
        rig = Rig(max_in_flight=8)
        names = payments(60)
        spoil(rig, names)
        produce(rig, HERE, names)
        async with rig.running():
            rig.source.assign(HERE)
            await stopped(rig)
            await rig.source.revoke(HERE)
            assert rig.pipeline.holding() == frozenset()
            rig.source.assign(HERE)
            assert rig.pipeline.holding() == {HoldCause.REFUSALS}
            await reached(lambda: len(rig.log.told(Event.RECORD_KEPT)) > 25, "it is probed again")
            assert len(rig.box.letters) == MOST
            rig.decoder.trouble.clear()
            await all_committed(rig, HERE)

    asyncio.run(scene())


def test_a_probe_that_is_called_off_is_followed_by_another() -> None:
    """A revocation may end the record that was trying; the topic is not left without a probe."""

    async def scene() -> None:
        rig = Rig(max_in_flight=8)
        rig.api.answer = Response(422)
        names = payments(40)
        produce(rig, HERE, names)
        async with rig.running():
            rig.source.assign(HERE)
            await stopped(rig)
            rig.api.hold(*names)
            await reached(lambda: rig.api.on_wire, "a probe is on the wire")
            await rig.source.revoke(HERE, seconds=0.0)
            rig.api.let_go(*names)
            rig.api.answer = Response(201)
            rig.source.assign(HERE)
            await all_committed(rig, HERE)

    asyncio.run(scene())


def test_a_letter_that_waits_for_its_topic_is_not_written_while_records_are_kept() -> None:
    """The dead-letter topic comes back while the source topic is stopped: what waited for it is kept too."""

    async def scene() -> None:
        rig = Rig(max_in_flight=8)
        names = payments(60)
        spoil(rig, names)
        rig.box.missing.add("payments")
        produce(rig, HERE, names)
        async with rig.running():
            rig.source.assign(HERE)
            await stopped(rig)
            rig.box.missing.clear()
            await reached(lambda: len(rig.log.told(Event.RECORD_KEPT)) > 10, "probes are refused")
            await reached(lambda: rig.pipeline.lanes.parked == 0, "no record waits for its letter")
            assert rig.box.letters == []
            rig.decoder.trouble.clear()
            await all_committed(rig, HERE)
            assert rig.box.letters == []

    asyncio.run(scene())


def test_letters_that_get_no_answer_leave_places_for_calls() -> None:
    """The dead-letter brokers are silent: not more letters than are meant to wait for them, others flow."""

    async def scene() -> None:
        rig = Rig(max_in_flight=4, giving_up=Resigning(at_once=2))
        rig.box.open.clear()
        bad = payments(15, "bad")
        spoil(rig, bad)
        produce(rig, HERE, bad)
        produce(rig, THERE, payments(50, "refund"))
        async with rig.running():
            rig.source.assign(HERE, THERE)
            await all_committed(rig, THERE)
            assert rig.box.most_writing == 2
            rig.box.open.set()
            await all_committed(rig, HERE)
            assert len(rig.box.letters) == 15

    asyncio.run(scene())


def test_a_lane_that_fails_alone_is_given_up() -> None:
    """One payment gets 500 for ever beside others that succeed: in the end a letter, and its lane goes on."""

    async def scene() -> None:
        rig = Rig(giving_up=Resigning(after=0.3))
        rig.api.always["stuck"] = Response(500)
        produce(rig, HERE, ["stuck", "behind"], b"one-key")
        async with rig.running():
            rig.source.assign(HERE, THERE)
            for name in payments(5_000, "refund"):
                produce(rig, THERE, [name])
                await asyncio.sleep(0.002)
                if rig.box.letters:
                    break
            assert rig.box.reasons() == ["gave_up"]
            await all_committed(rig, HERE)
            assert rig.api.asked.count("behind") == 1

    asyncio.run(scene())


def test_an_outage_of_the_api_gives_nothing_up() -> None:
    """Everything gets 503 for far longer than the time: all of it waits, and is delivered in the end."""

    async def scene() -> None:
        rig = Rig(max_in_flight=8, giving_up=Resigning(after=0.05))
        produce(rig, HERE, payments(20, "before"))
        async with rig.running():
            rig.source.assign(HERE)
            await all_committed(rig, HERE)
            rig.api.answer = Response(503)
            produce(rig, HERE, payments(20))
            await reached(lambda: len(rig.log.told(Event.CALL_RETRIED)) > 60, "much is tried again")
            assert rig.box.letters == []
            rig.api.answer = Response(201)
            await reached(lambda: rig.source.committed(HERE) == 40, "all is delivered", within=30.0)
            assert rig.box.letters == []

    asyncio.run(scene())
