"""Delivery: one record's story, step by step."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Literal

import pytest
from prometheus_client import CollectorRegistry

from consumer.core.api.gates import PROBE_PACE
from consumer.core.api.outliers import Standing
from consumer.core.api.refusals import Refusals
from consumer.core.api.removals import Removals
from consumer.core.api.verdicts import (
    Again,
    Answer,
    Delivered,
    Fault,
    FaultKind,
    Hold,
    HoldCause,
    Refused,
    Response,
    Verdict,
)
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.meaning.intents import Action, DeadLetterReason
from consumer.core.meaning.lifecycle import LifecyclePolicy
from consumer.core.operations import waits
from consumer.core.operations.catalogue import PREFIX
from consumer.core.operations.logbook import Event
from consumer.core.outcomes import Outcome, Settled
from consumer.core.records import Partition, Record
from consumer.edges.metrics import Metrics
from consumer.flow.delivery import Aside, Delivery, Rules, Step, Stopped, Story, Wait
from consumer.flow.giving_up import GivingUp
from consumer.flow.reading import CanonicalReader
from tests.support.events import line, money, payment_event
from tests.support.fakes import FakeApi, FakeBox, FakeDecoder, FakeLog
from tests.support.rig import RULES, reached

PAID = b"pay-1"
NOTHING_TO_REMOVE = Settled(Action.REMOVE, Outcome.NOTHING_TO_REMOVE, status=400)
DELIVERED = Settled(Action.CAPTURE, Outcome.DELIVERED, status=201)


@dataclass
class FakeTraffic:
    """Notes what it hears, and says what a test wants."""

    stops: bool = False
    silent_for: float = 0.0
    verdicts: list[tuple[Verdict, float]] = field(default_factory=list)
    late: list[bool] = field(default_factory=list)
    removals: Removals = field(default_factory=Removals)
    standing: Standing = Standing.SUSPECT
    asked: list[tuple[Standing | None, float]] = field(default_factory=list)

    def stands(self, standing: Standing | None, began: float) -> Standing | None:
        """Note what was known, and return what the test wants."""
        self.asked.append((standing, began))
        return self.standing

    def heard(self, verdict: Verdict, began: float, *, late: bool) -> bool:
        """Note a verdict."""
        self.verdicts.append((verdict, began))
        self.late.append(late)
        return self.stops

    def silence(self) -> float:
        """Return what the test wants."""
        return self.silent_for


class Desk:
    """A delivery with stand-ins around it, on a clock that the test sets."""

    def __init__(self, give_up_after: float | None = None) -> None:
        self.now = 1000.0
        self.decoder, self.api, self.box = FakeDecoder(), FakeApi(), FakeBox()
        self.traffic, self.log, self.registry = FakeTraffic(), FakeLog(), CollectorRegistry()
        self.refusals = Refusals()
        self.giving_up = GivingUp(
            self.box, self.refusals, self.log, lambda: None, lambda: self.now, after_seconds=give_up_after
        )
        self.permits = True
        self.offset = 0
        self.metrics = Metrics(self.registry)
        self.delivery = self.deliver(RULES)

    def deliver(self, rules: Rules) -> Delivery:
        """Return a delivery by these rules."""
        return Delivery(
            reader=CanonicalReader(self.decoder, LifecyclePolicy()),
            api=self.api,
            traffic=self.traffic,
            giving_up=self.giving_up,
            rules=rules,
            metrics=self.metrics,
            log=self.log,
            clock=lambda: self.now,
        )

    def story(self, value: bytes | None = PAID, topic: str = "payments") -> Story:
        """Return the story of a new record."""
        self.offset += 1
        return Story(Record(Partition(topic, 0), self.offset, 1, b"key", value))

    async def _permit(self) -> bool:
        return self.permits

    async def advance(self, story: Story) -> Step:
        """Tell the next step."""
        return await self.delivery.advance(story, self._permit)

    def metric(self, name: str, **labels: str) -> float | None:
        """Return the value of a series."""
        return self.registry.get_sample_value(PREFIX + name, labels)


def steps(desk: Desk, *stories: Story) -> list[Step]:
    """Return the next step of each story, one after the other."""

    async def scene() -> list[Step]:
        return [await desk.advance(story) for story in stories]

    return asyncio.run(scene())


def desk_with(**event: object) -> Desk:
    """Return a desk where the record is this event."""
    desk = Desk()
    desk.decoder.events[PAID] = payment_event(**event)
    return desk


def test_a_payment_is_captured() -> None:
    """One call with the event's body, counted with its status; the record is settled by the answer."""
    desk = Desk()
    story = desk.story()

    assert steps(desk, story) == [DELIVERED]
    assert [(call.path, call.payment_id) for call in desk.api.calls] == [("/capture-payment", "pay-1")]
    assert desk.traffic.verdicts == [(Delivered(), 1000.0)]
    assert desk.metric("calls_total", action="capture", status="201") == 1
    assert (story.tries, story.on_wire) == (1, False)


def test_a_call_that_is_withheld_is_none() -> None:
    """Nothing was sent: there is no call to count, no verdict to hear, and the record is as before."""
    desk = Desk()
    desk.api.withhold()
    story = desk.story()

    assert steps(desk, story) == [Stopped()]
    assert desk.traffic.verdicts == []
    assert desk.metric("calls_total", action="capture", status="connect") == 0
    assert (story.tries, story.failures, story.on_wire) == (0, 0, False)


def test_a_refund_is_removed() -> None:
    """A full refund becomes a remove that names the payment and nothing else."""
    desk = desk_with(kind="REFUND")

    assert steps(desk, desk.story()) == [Settled(Action.REMOVE, Outcome.DELIVERED, status=201)]
    assert [(call.path, call.body) for call in desk.api.calls] == [
        ("/remove-payment", b'{"payment_id":"pay-1"}')
    ]


def test_a_remove_that_finds_nothing_is_settled() -> None:
    """A 400 on a remove is an end of its own, and no letter."""
    desk = desk_with(kind="REFUND")
    desk.api.answer = Response(400)

    assert steps(desk, desk.story()) == [NOTHING_TO_REMOVE]
    assert desk.box.letters == []


def desk_with_grace(rules: Rules = RULES) -> Desk:
    """Return a desk where the record is a refund with a grace, and the API has nothing to remove."""
    desk = desk_with(kind="REFUND")
    desk.traffic.removals = Removals(60.0)
    desk.traffic.removals.look(desk.now, (), ())
    desk.delivery = desk.deliver(rules)
    desk.api.answer = Response(400)
    return desk


def test_a_remove_in_its_grace_waits_aside() -> None:
    """It is no end: the lane goes on, and the next try sends the same bytes."""
    desk = desk_with_grace()
    story = desk.story()

    assert steps(desk, story, story) == [Aside(1.0), Aside(2.0)]
    assert len({call.body for call in desk.api.calls}) == 1
    assert [line["attempts"] for line in desk.log.told(Event.REMOVE_WAITS)] == [1, 2]
    assert "pay-1" not in str(desk.log.lines)


@pytest.mark.parametrize("policy", ["settle", "dead_letter"])
def test_the_end_of_a_grace_is_chosen(policy: Literal["settle", "dead_letter"]) -> None:
    """Settled, or a letter with the API's 400; both are removes in the metrics."""
    desk = desk_with_grace(replace(RULES, nothing_to_remove=policy))
    desk.traffic.removals.answering.answered(desk.now)
    story = desk.story()
    (first,) = steps(desk, story)
    desk.traffic.removals.answering.answered(desk.now + 60)
    desk.traffic.removals.look(desk.now + 60, (), ())
    (last,) = steps(desk, story)

    assert isinstance(first, Aside)
    if policy == "settle":
        assert last == NOTHING_TO_REMOVE
        assert desk.box.letters == []
    else:
        assert last == Settled(Action.REMOVE, Outcome.DEAD_LETTERED, "nothing_to_remove", 400)
        assert desk.box.reasons() == ["nothing_to_remove"]


@pytest.mark.parametrize("policy", ["settle", "dead_letter"])
@pytest.mark.parametrize("lost", [Fault(FaultKind.TIMEOUT), Fault(FaultKind.RESET), Response(500)])
def test_an_echo_of_our_own_success_is_settled_at_once(
    lost: Answer, policy: Literal["settle", "dead_letter"]
) -> None:
    """A 400 after a try that may have been done needs no grace, and is never a letter."""
    desk = desk_with_grace(replace(RULES, nothing_to_remove=policy))
    desk.api.script["pay-1"].append(lost)
    story = desk.story()
    tried, settled = steps(desk, story, story)

    assert isinstance(tried, Wait)
    assert settled == NOTHING_TO_REMOVE
    assert desk.box.letters == []


def test_a_refusal_to_take_the_call_makes_no_echo() -> None:
    """A 503 and a refused connection say that nothing was done: the 400 behind them begins a grace."""
    desk = desk_with_grace()
    desk.api.script["pay-1"].extend([Response(503), Fault(FaultKind.CONNECT, sent=False)])
    story = desk.story()

    assert isinstance(steps(desk, story, story, story)[-1], Aside)


def test_a_remove_waits_for_a_capture_of_its_payment() -> None:
    """It makes no call while the capture is open elsewhere."""
    desk = desk_with_grace()
    desk.api.answer = Response(503)
    desk.decoder.events[b"capture"] = payment_event(payment_id="pay-1")
    steps(desk, desk.story(b"capture"))
    before = len(desk.api.calls)

    assert steps(desk, desk.story()) == [Aside(10.0)]
    assert len(desk.api.calls) == before


@pytest.mark.parametrize(
    ("event", "settled"),
    [
        ({"status": "FAILED"}, Settled(Action.NONE, Outcome.SKIPPED, "status")),
        ({"user_id": None}, Settled(Action.CAPTURE, Outcome.SKIPPED, "no_user")),
        ({"amount": money(0)}, Settled(Action.CAPTURE, Outcome.SKIPPED, "zero_amount")),
    ],
)
def test_a_skip_is_settled_without_a_call(event: dict[str, object], settled: Settled) -> None:
    """What business does every day costs neither a call nor a letter."""
    desk = desk_with(**event)

    (step,) = steps(desk, desk.story())

    assert isinstance(step, Settled)
    assert (step.outcome, step.reason) == (settled.outcome, settled.reason)
    assert (desk.api.calls, desk.box.letters) == ([], [])


def test_a_tombstone_is_skipped() -> None:
    """A record without a value says nothing about any payment."""
    desk = Desk()

    assert steps(desk, desk.story(None)) == [Settled(Action.NONE, Outcome.SKIPPED, "tombstone")]


@pytest.mark.parametrize(
    ("trouble", "event", "reason", "stage"),
    [
        (Unreadable(DeadLetterReason.UNDECODABLE, "bytes"), {}, "undecodable", b"VALUE_CONVERTER"),
        (Unreadable(DeadLetterReason.UNKNOWN_SCHEMA, "id"), {}, "unknown_schema", b"VALUE_CONVERTER"),
        (None, {"payment_id": " "}, "invalid_event", b"TRANSFORMATION"),
        (None, {"amount": money(100, "USD")}, "currency_not_accepted", b"TRANSFORMATION"),
    ],
)
def test_what_can_never_be_sent_becomes_a_letter(
    trouble: Exception | None, event: dict[str, object], reason: str, stage: bytes
) -> None:
    """The record is settled once its copy is safe; no call is made."""
    desk = desk_with(**event)
    if trouble is not None:
        desk.decoder.trouble[PAID] = trouble

    (step,) = steps(desk, desk.story())

    assert isinstance(step, Settled)
    assert (step.outcome, step.reason, step.status) == (Outcome.DEAD_LETTERED, reason, None)
    ((record, headers),) = desk.box.letters
    assert record.value == PAID
    ours = dict(headers)
    assert ours["linkrunner.reason"] == reason.encode()
    assert ours["__connect.errors.stage"] == stage
    assert ours["linkrunner.attempts"] == b"0"
    assert desk.api.calls == []


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_refused_capture_becomes_a_letter(status: int) -> None:
    """The API's permanent no is written into the letter, with the calls it took."""
    desk = Desk()
    desk.api.answer = Response(status)

    (step,) = steps(desk, desk.story())

    assert step == Settled(Action.CAPTURE, Outcome.DEAD_LETTERED, "refused", status)
    ours = dict(desk.box.letters[0][1])
    assert ours["linkrunner.status"] == str(status).encode()
    assert ours["linkrunner.attempts"] == b"1"
    assert desk.traffic.verdicts[0][0] == Refused(status)


@pytest.mark.parametrize(
    ("answer", "reason", "at_least", "at_most"),
    [
        (Response(500), "500", 0.0, 0.5),
        (Response(503, retry_after="7"), "503", 7.0, 7.0),
        (Response(429, retry_after="1000000"), "429", 300.0, 300.0),
        (Response(200, html=True), "html", 0.0, 0.5),
        (Response(204), "204", 0.0, 0.5),
        (Fault(FaultKind.TIMEOUT), "timeout", 0.0, 0.5),
        (Fault(FaultKind.CONNECT, sent=False), "connect", 0.0, 0.5),
        (Response(99), "protocol", 0.0, 0.5),
    ],
)
def test_what_failed_waits_and_is_sent_again(
    answer: Answer, reason: str, at_least: float, at_most: float
) -> None:
    """The wait is the larger of backoff and Retry-After; the next try sends the very same bytes."""
    desk = Desk()
    desk.api.script["pay-1"].append(answer)
    story = desk.story()

    first, second = steps(desk, story, story)

    assert isinstance(first, Wait)
    assert at_least <= first.seconds <= at_most
    assert first.cause is None
    assert second == DELIVERED
    assert desk.metric("retries_total", reason=reason) == 1
    assert desk.api.calls[0] == desk.api.calls[1]
    assert len(desk.decoder.asked) == 1
    assert desk.log.told(Event.CALL_RETRIED)[0]["attempts"] == 1


def test_a_try_after_three_failures_is_told_as_a_late_one() -> None:
    """What it hears may say nothing about others; the success at last is one of those too."""
    desk = Desk()
    desk.api.script["pay-1"].extend([Response(500)] * 4)

    steps(desk, *[desk.story()] * 5)

    assert desk.traffic.late == [False, False, False, True, True]


@pytest.mark.parametrize("status", [302, 401, 403, 404])
def test_what_only_one_record_gets_is_a_failure_of_its_own(status: int) -> None:
    """Of a record that is alone in what would stop all calls: its verdict says so, and stops nobody."""
    desk = Desk()
    desk.api.always["pay-1"] = Response(status)
    story = desk.story()

    assert steps(desk, story) == [Stopped()]
    assert (story.standing, story.failures) == (Standing.SUSPECT, 0)
    desk.traffic.standing = Standing.ALONE
    (step,) = steps(desk, story)
    assert isinstance(step, Wait)
    assert (step.why, step.backoff, story.failures, story.unknown) == (str(status), True, 1, False)
    assert desk.traffic.asked == [(None, 1000.0), (Standing.SUSPECT, 1000.0)]
    assert desk.traffic.verdicts[-1][0] == Again(str(status))
    assert desk.metric("retries_total", reason=str(status)) == 1
    assert desk.box.letters == []


@pytest.mark.parametrize(("answer", "left"), [(201, None), (422, None), (500, Standing.ALONE)])
def test_an_answer_of_the_api_itself_ends_what_is_known_of_a_record(
    answer: int, left: Standing | None
) -> None:
    """A failure does not: it says nothing about key and address."""
    desk = Desk()
    desk.api.script["pay-1"].extend([Response(403), Response(answer)])
    desk.traffic.standing = Standing.ALONE
    story = desk.story()

    steps(desk, story, story)

    assert story.standing is left


@pytest.mark.parametrize(
    ("status", "cause"), [(401, HoldCause.CREDENTIALS), (404, HoldCause.ADDRESS), (302, HoldCause.ADDRESS)]
)
def test_a_fault_of_ours_stops_the_story_and_loses_nothing(status: int, cause: HoldCause) -> None:
    """A wrong key or address is no fault of the record: no letter, and the same story goes on afterwards."""
    desk = Desk()
    desk.api.script["pay-1"].append(Response(status))
    story = desk.story()

    assert steps(desk, story, story) == [Stopped(), DELIVERED]
    assert desk.traffic.verdicts[0][0] == Hold(cause)
    assert desk.box.letters == []


def test_doubt_that_became_a_hold_stops_the_story() -> None:
    """Where traffic says that calls are stopped now, the record does not wait for a time of its own."""
    desk = Desk()
    desk.traffic.stops = True
    desk.api.answer = Response(200, html=True)

    assert steps(desk, desk.story()) == [Stopped()]
    assert isinstance(desk.traffic.verdicts[0][0], Again)


def test_without_a_permit_nothing_is_sent() -> None:
    """The story stops right before the call, knows what it had understood, and goes on from there."""
    desk = Desk()
    desk.permits = False
    story = desk.story()

    assert steps(desk, story) == [Stopped()]
    assert (desk.api.calls, story.tries) == ([], 0)
    desk.permits = True
    assert steps(desk, story) == [DELIVERED]
    assert len(desk.decoder.asked) == 1


def test_a_registry_that_is_away_holds_the_record() -> None:
    """The record waits a few seconds at most, with the hold named, and is read again later."""
    desk = Desk()
    desk.decoder.trouble[PAID] = Unavailable("registry down")
    story = desk.story()

    for _ in range(20):
        (step,) = steps(desk, story)
        assert isinstance(step, Wait)
        assert step.cause is HoldCause.REGISTRY
        assert step.seconds <= 3.0
    del desk.decoder.trouble[PAID]

    assert steps(desk, story) == [DELIVERED]
    assert desk.log.told(Event.REGISTRY_UNAVAILABLE)[0]["error"] == "registry down"


BROKEN = Unreadable(DeadLetterReason.UNDECODABLE, "bytes")


def desk_without_box(*topics: str) -> Desk:
    """Return a desk where every record is undecodable and these topics' dead letters have no place."""
    desk = Desk()
    desk.decoder.trouble[PAID] = BROKEN
    desk.box.missing.update(topics)
    return desk


def test_a_letter_that_can_t_be_written_holds_the_record() -> None:
    """Nothing is settled, the failure is counted; the letter is written once the topic is there."""
    desk = desk_without_box("payments")
    story = desk.story()

    assert steps(desk, story) == [Wait(1.0, HoldCause.DEAD_LETTERS)]
    assert desk.metric("dead_letter_failures_total") == 1
    assert len(desk.log.told(Event.DEAD_LETTER_FAILED)) == 1
    desk.box.missing.clear()
    desk.now += PROBE_PACE
    (step,) = steps(desk, story)
    assert isinstance(step, Settled)
    assert step.outcome is Outcome.DEAD_LETTERED
    assert len(desk.decoder.asked) == 1


def test_only_one_letter_at_a_time_tries_whether_the_topic_is_back() -> None:
    """The others wait without a try, before the pace is over and while the probe is on its way."""
    desk = desk_without_box("payments")
    stories = [desk.story() for _ in range(3)]

    async def scene() -> None:
        await desk.advance(stories[0])
        assert await desk.advance(stories[1]) == Wait(1.0, HoldCause.DEAD_LETTERS)
        assert len(desk.box.asked) == 1
        desk.now += PROBE_PACE
        desk.box.open.clear()
        probe = asyncio.create_task(desk.advance(stories[1]))
        await reached(lambda: desk.box.writing, "the probe writes")
        assert await desk.advance(stories[2]) == Wait(1.0, HoldCause.DEAD_LETTERS)
        desk.box.open.set()
        desk.box.missing.clear()
        assert isinstance(await probe, Settled)
        assert isinstance(await desk.advance(stories[2]), Settled)
        assert desk.box.most_writing == 1

    asyncio.run(scene())


def test_a_letter_that_is_refused_for_its_own_sake_holds_no_other() -> None:
    """One with an impossible timestamp waits by itself; those behind it are written meanwhile."""
    desk = desk_without_box()
    odd, good = desk.story(), desk.story()
    desk.box.odd.add(odd.record.where)

    first, second = steps(desk, odd, good)

    assert first == Wait(30.0, HoldCause.DEAD_LETTERS)
    assert isinstance(second, Settled)


def test_a_call_waits_for_the_end_of_a_silence_elsewhere() -> None:
    """While the host asks for silence a call gives its place away; what needs no call goes on."""
    desk = Desk()
    desk.traffic.silent_for = 60.0

    assert steps(desk, desk.story(), desk.story(value=None)) == [
        Wait(60.0, why=waits.SILENCE),
        Settled(Action.NONE, Outcome.SKIPPED, "tombstone"),
    ]
    assert desk.api.calls == []


def test_finding_out_that_a_hold_goes_on_is_no_failure_of_the_record() -> None:
    """A record that was the probe of a long hold is tried again as soon as any other."""
    desk = Desk()
    desk.api.answer = Response(401)
    story = desk.story()
    for _ in range(20):
        steps(desk, story)
    desk.api.answer = Response(503)

    (step,) = steps(desk, story)

    assert isinstance(step, Wait)
    assert step.seconds <= 0.5


def test_a_missing_topic_holds_its_own_letters_only() -> None:
    """Another source topic has a dead-letter topic of its own; its letters are written meanwhile."""
    desk = desk_without_box("payments")

    held, written = steps(desk, desk.story(), desk.story(topic="refunds"))

    assert held == Wait(1.0, HoldCause.DEAD_LETTERS)
    assert isinstance(written, Settled)


def test_a_cancelled_probe_does_not_keep_the_others_out() -> None:
    """A revocation may end the letter that was trying; the next one tries instead."""
    desk = desk_without_box("payments")
    stories = [desk.story() for _ in range(2)]

    async def scene() -> None:
        await desk.advance(stories[0])
        desk.now += PROBE_PACE
        desk.box.open.clear()
        probe = asyncio.create_task(desk.advance(stories[0]))
        await reached(lambda: desk.box.writing, "the probe writes")
        probe.cancel()
        await asyncio.wait({probe})
        desk.box.open.set()
        desk.box.missing.clear()
        desk.now += PROBE_PACE
        assert isinstance(await desk.advance(stories[1]), Settled)

    asyncio.run(scene())


def test_a_refused_call_is_not_repeated_for_its_letter() -> None:
    """While its letter waits, the call stays made: one call, however often the letter is tried."""
    desk = Desk()
    desk.api.answer = Response(422)
    desk.box.missing.add("payments")
    story = desk.story()

    steps(desk, story)
    desk.box.missing.clear()
    desk.now += PROBE_PACE
    (step,) = steps(desk, story)

    assert step == Settled(Action.CAPTURE, Outcome.DEAD_LETTERED, "refused", 422)
    assert len(desk.api.calls) == 1


def test_what_is_on_the_wire_is_marked_so() -> None:
    """During the call and during the letter, and at no other time, not even after a cancellation."""
    desk = Desk()
    desk.api.hold("pay-1")
    desk.api.always["pay-1"] = Response(422)
    desk.box.open.clear()
    story = desk.story()

    async def scene() -> None:
        telling = asyncio.create_task(desk.advance(story))
        await reached(lambda: desk.api.on_wire, "the call is on the wire")
        assert story.on_wire
        desk.api.let_go("pay-1")
        await reached(lambda: desk.box.writing, "the letter is on the wire")
        assert story.on_wire
        telling.cancel()
        await asyncio.wait({telling})
        assert not story.on_wire

    asyncio.run(scene())


def test_broken_catalogue_data_is_counted_once() -> None:
    """The payment goes out without its ecommerce fields; each broken rule counts once, tries or not."""
    desk = desk_with(items=[line(quantity=0)], attributes={"currency": "EUR"})
    desk.api.script["pay-1"].append(Response(500))
    story = desk.story()

    assert steps(desk, story, story)[1] == DELIVERED
    told = desk.log.told(Event.EVENT_DATA_INVALID)
    assert told
    assert len(told) == len({entry["rule"] for entry in told})
    assert desk.metric("attributes_dropped_total") == 1


def test_no_line_names_more_than_the_record() -> None:
    """Whatever goes wrong: topic, partition and offset stand in the log, and nothing of the event."""
    desk = Desk()
    desk.api.script["pay-1"].extend([Response(500), Response(422)])
    story = desk.story()

    steps(desk, story, story)

    text = repr(desk.log.lines)
    assert desk.log.told(Event.RECORD_DEAD_LETTERED)[0]["offset"] == story.record.offset
    assert not any(secret in text for secret in ("pay-1", "499", "user-that", "key"))


def spoiled(desk: Desk, count: int) -> list[Story]:
    """Return the stories of so many records that can't be read."""
    desk.decoder.trouble[PAID] = BROKEN
    return [desk.story() for _ in range(count)]


def test_the_record_that_stops_its_topic_is_kept_and_read_anew() -> None:
    """Nineteen letters; the twentieth and those behind it are stopped, and forget what they would become."""
    desk = Desk()
    stories = spoiled(desk, 25)

    told = steps(desk, *stories)

    assert [isinstance(step, Settled) for step in told] == [True] * 19 + [False] * 6
    assert set(told[19:]) == {Stopped()}
    assert len(desk.box.letters) == 19
    assert (stories[19].letter, stories[24].letter) == (None, None)
    del desk.decoder.trouble[PAID]
    assert steps(desk, stories[19]) == [DELIVERED]


def test_another_topic_is_not_stopped_with_it() -> None:
    """The same bad bytes of another topic become a letter."""
    desk = Desk()
    steps(desk, *spoiled(desk, 25))

    (step,) = steps(desk, desk.story(topic="refunds"))

    assert isinstance(step, Settled)


def test_a_letter_is_judged_once_however_often_it_is_tried() -> None:
    """A dead-letter topic that is missing makes a handful of bad records no burst."""
    desk = Desk()
    desk.box.missing.add("payments")
    stories = spoiled(desk, 10)
    for _ in range(10):
        desk.now += PROBE_PACE
        steps(desk, *stories)

    assert desk.refusals.stopped == frozenset()


def test_a_probe_tells_whether_its_topic_may_go_on() -> None:
    """Five delivered probes in a row do; a record that is no probe counts for nothing."""
    desk = Desk()
    (*_, last) = spoiled(desk, 20)
    steps(desk, *spoiled(desk, 20))
    del desk.decoder.trouble[PAID]
    good = [desk.story() for _ in range(10)]
    steps(desk, *good[:5])
    assert desk.refusals.stopped == {"payments"}
    for story in good[5:]:
        story.probe = True

    steps(desk, *good[5:9])
    assert desk.refusals.stopped == {"payments"}
    steps(desk, good[9])
    assert desk.refusals.stopped == frozenset()
    assert desk.log.told(Event.TOPIC_RESUMED) == [{"topic": "payments", "seconds": 0.0}]
    assert last.letter is None


@pytest.mark.parametrize("refused", [True, False])
def test_a_probe_whose_letter_waits_is_tried_anew_at_once(refused: bool) -> None:
    """It was given up, and its letter could not be written: as a probe it costs one step, not two."""
    desk = Desk()
    desk.box.missing.add("payments")
    if refused:
        desk.api.always["pay-1"] = Response(422)
        stories = [desk.story() for _ in range(20)]
    else:
        stories = spoiled(desk, 20)
    steps(desk, *stories)
    assert desk.refusals.stopped == {"payments"}
    assert stories[0].letter is not None
    desk.decoder.trouble.clear()
    desk.api.always.clear()
    stories[0].probe = True

    assert steps(desk, stories[0]) == [DELIVERED]


def test_a_letter_from_before_a_stop_is_not_written_behind_it() -> None:
    """Its topic was stopped and goes on, so its cause may be gone: the record is understood anew."""
    desk = Desk()
    desk.box.missing.add("payments")
    stories = spoiled(desk, 20)
    steps(desk, *stories)
    desk.decoder.trouble.clear()
    desk.box.missing.clear()
    for story in stories[-5:]:
        story.probe = True
    assert steps(desk, *stories[-5:]) == [DELIVERED] * 5
    assert desk.refusals.stopped == frozenset()

    assert steps(desk, stories[0], stories[0]) == [Stopped(), DELIVERED]
    assert desk.box.letters == []


def failing_beside(desk: Desk, story: Story, seconds: int) -> Step:
    """Let a story fail each second beside one that succeeds; return its last step."""
    step: Step = Stopped()
    for _ in range(seconds):
        desk.now += 1.0
        desk.decoder.events[b"other"] = payment_event(payment_id="other")
        steps(desk, desk.story(b"other"))
        (step,) = steps(desk, story)
    return step


def test_a_call_that_fails_for_long_enough_beside_others_is_given_up() -> None:
    """Only then, with the calls it took and no status: no answer has refused it."""
    desk = Desk(give_up_after=60.0)
    desk.api.always["pay-1"] = Response(500)
    story = desk.story()

    assert isinstance(failing_beside(desk, story, 60), Wait)
    step = failing_beside(desk, story, 1)

    assert step == Settled(Action.CAPTURE, Outcome.DEAD_LETTERED, "gave_up")
    headers = dict(desk.box.letters[0][1])
    assert headers["linkrunner.reason"] == b"gave_up"
    assert headers["linkrunner.attempts"] == b"61"
    assert headers["linkrunner.detail"] == (
        b"the capture failed for too long while others succeeded, at last: 500"
    )
    assert "linkrunner.status" not in headers


def test_without_the_setting_a_call_is_tried_for_ever() -> None:
    """Hours beside others that succeed change nothing."""
    desk = Desk()
    desk.api.always["pay-1"] = Response(500)
    story = desk.story()
    failing_beside(desk, story, 5)
    for _ in range(5):
        desk.now += 3600
        assert isinstance(failing_beside(desk, story, 2), Wait)


def test_an_outage_gives_nothing_up() -> None:
    """Both fail for a day: the record waits, also right behind it."""
    desk = Desk(give_up_after=60.0)
    desk.api.always["pay-1"] = Response(500)
    story, other = desk.story(), desk.story(b"other")
    desk.decoder.events[b"other"] = payment_event(payment_id="other")
    failing_beside(desk, story, 59)
    desk.api.always["other"] = Response(503)
    for _ in range(24 * 60):
        desk.now += 60.0
        assert all(isinstance(step, Wait) for step in steps(desk, story, other))
    del desk.api.always["other"]

    assert isinstance(failing_beside(desk, story, 1), Wait)


@pytest.mark.parametrize("answer", [Response(429), Response(429, retry_after="1")])
def test_a_call_that_is_one_too_many_is_not_given_up_for_that(answer: Answer) -> None:
    """A rate limit is no fault of the record."""
    desk = Desk(give_up_after=60.0)
    desk.api.always["pay-1"] = answer

    assert isinstance(failing_beside(desk, desk.story(), 200), Wait)


def test_an_asked_silence_does_not_count() -> None:
    """Each failure asks for silence: the stretch behind it counts for nothing, the ones between do."""
    desk = Desk(give_up_after=60.0)
    desk.api.always["pay-1"] = Response(503, retry_after="1")
    story = desk.story()
    desk.decoder.events[b"other"] = payment_event(payment_id="other")

    assert isinstance(failing_beside(desk, story, 100), Wait)
    for _ in range(61):
        desk.now += 1.0
        steps(desk, desk.story(b"other"))
    (step,) = steps(desk, story)
    assert isinstance(step, Settled)
    assert step.reason == "gave_up"


def test_a_hold_does_not_count() -> None:
    """Calls that are stopped for a wrong key in between begin the stretch anew."""
    desk = Desk(give_up_after=5.0)
    desk.api.always["pay-1"] = Response(500)
    story = desk.story()
    failing_beside(desk, story, 5)
    for _ in range(10):
        desk.traffic.stops = True
        desk.api.always["other"] = Response(401)
        desk.now += 1.0
        steps(desk, desk.story(b"other"))
        desk.traffic.stops = False
        del desk.api.always["other"]
        assert isinstance(failing_beside(desk, story, 1), Wait)


def test_a_record_that_is_given_up_counts_for_the_breaker() -> None:
    """Its topic is stopped by it as by any other dead letter, and it is tried again."""
    desk = Desk(give_up_after=5.0)
    desk.api.always["pay-1"] = Response(500)
    story = desk.story()
    failing_beside(desk, story, 5)
    del desk.decoder.events[b"other"]
    desk.decoder.trouble[b"bad"] = BROKEN
    steps(desk, *(desk.story(b"bad") for _ in range(60)))
    assert desk.refusals.stopped == {"payments"}
    desk.api.always["pay-1"] = Response(500)

    assert failing_beside(desk, story, 1) == Stopped()
    assert len(desk.box.letters) < 60


def test_what_is_too_large_leaves_a_pointer() -> None:
    """The letter has all headers but no value: where the record is, how long it is, and with which hash."""
    desk = Desk()
    value = bytes(5_000)
    desk.decoder.trouble[value] = BROKEN
    desk.box.most = 2_000

    (step,) = steps(desk, desk.story(value))

    assert isinstance(step, Settled)
    assert step.outcome is Outcome.DEAD_LETTERED
    ((copy, headers),) = desk.box.letters
    assert len(desk.box.asked) == 2
    assert (copy.key, copy.timestamp_ms) == (b"key", None)
    assert json.loads(copy.value or b"") == {
        "topic": "payments",
        "partition": 0,
        "offset": 1,
        "timestamp_ms": None,
        "left_out": {"value": {"bytes": 5_000, "sha256": sha256(value).hexdigest()}},
    }
    assert dict(headers)["linkrunner.pointer"] == b"value"
    assert dict(headers)["linkrunner.reason"] == b"undecodable"
    (told,) = desk.log.told(Event.DEAD_LETTER_SHORTENED)
    assert told["detail"] == "left out: value"
    assert len(desk.log.told(Event.RECORD_DEAD_LETTERED)) == 1


def test_a_pointer_that_is_too_large_holds_the_record() -> None:
    """A topic that takes not even that: nothing is settled, and it is tried again later."""
    desk = desk_without_box()
    desk.box.most = 10

    assert steps(desk, desk.story()) == [Wait(30.0, HoldCause.DEAD_LETTERS)]
    assert len(desk.box.asked) == 3
    assert desk.box.letters == []
