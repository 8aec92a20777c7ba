"""Erasures of users: their story, their pace beside payments, and that there is none while they are off."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pytest
from prometheus_client import CollectorRegistry

from consumer.core.api.refusals import Refusals
from consumer.core.api.verdicts import Answer, HoldCause, Response
from consumer.core.avro import schemas
from consumer.core.avro.codec import Codec
from consumer.core.avro.framing import WireFormat
from consumer.core.avro.inspection import WriterSchema
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.meaning.intents import Action, DeadLetterReason
from consumer.core.operations.catalogue import PREFIX
from consumer.core.operations.logbook import Event
from consumer.core.outcomes import Outcome, Settled
from consumer.core.records import Partition, Record
from consumer.core.settings.mapped import Configured
from consumer.core.settings.tree import DecodingSettings, Settings
from consumer.edges.logs import Logs
from consumer.edges.metrics import Metrics
from consumer.edges.server_key import ServerKey
from consumer.flow.building import erasure_decoder as erasures_beside
from consumer.flow.decoding import Decoder, SchemaFiles
from consumer.flow.delivery import Delivery, Step, Stopped, Story, Wait
from consumer.flow.erasing import ByTopic, ErasureDelivery
from consumer.flow.giving_up import GivingUp
from consumer.flow.reading import Decoder as ReadsRecords
from consumer.flow.service import Service
from consumer.lab.samples import Encoder
from tests.support.avro import encode
from tests.support.events import payment_event
from tests.support.fakes import FakeApi, FakeBox, FakeDecoder, FakeLog
from tests.support.rig import (
    ERASURES,
    RULES,
    Rig,
    all_committed,
    erasure,
    erasure_decoder,
    payments,
    produce,
    reached,
)
from tests.unit.flow.test_delivery import FakeTraffic

USER: Final = "user-42"
PAYMENTS, REQUESTS = Partition("payments", 0), Partition(ERASURES, 0)
NO_KEY: Final = Response(401)


@dataclass
class Desk:
    """The delivery of erasures with stand-ins around it."""

    decoder: ReadsRecords[Mapping[str, object]] = field(default_factory=erasure_decoder)
    api: FakeApi = field(default_factory=FakeApi)
    box: FakeBox = field(default_factory=FakeBox)
    traffic: FakeTraffic = field(default_factory=FakeTraffic)
    log: FakeLog = field(default_factory=FakeLog)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def tell(self, value: bytes | None, *, permits: bool = True) -> Step:
        """Return the first step of a record with this value."""

        async def permit() -> bool:
            return permits

        delivery = ErasureDelivery(
            decoder=self.decoder,
            api=self.api,
            traffic=self.traffic,
            giving_up=GivingUp(self.box, Refusals(), self.log, lambda: None),
            rules=RULES.calls,
            metrics=Metrics(self.registry),
            log=self.log,
        )
        return asyncio.run(delivery.advance(Story(Record(REQUESTS, 7, 1, b"key", value)), permit))

    def erased(self, outcome: Outcome) -> float | None:
        """Return how many requests ended so."""
        return self.registry.get_sample_value(f"{PREFIX}erasures_total", {"outcome": outcome.value})


# ------------------------------------------------------------------------------- one request


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, Outcome.DELIVERED), (201, Outcome.DELIVERED), (400, Outcome.NOTHING_TO_REMOVE)],
)
def test_a_user_is_erased(status: int, outcome: Outcome) -> None:
    """One call with the user's id and nothing else; a user without payments is an end as good, at once."""
    desk = Desk()
    desk.api.answer = Response(status)

    assert desk.tell(erasure(USER)) == Settled(Action.NONE, outcome, status=status)
    assert [(call.path, call.body) for call in desk.api.calls] == [
        ("/remove-payment", b'{"user_id":"user-42"}')
    ]
    assert desk.erased(outcome) == 1
    assert desk.log.lines == [
        (
            Event.USER_ERASED,
            {"topic": ERASURES, "partition": 0, "offset": 7, "outcome": outcome.value},
        )
    ]
    assert desk.box.letters == []


@pytest.mark.parametrize("status", [403, 404, 429, 500, 302, 204])
def test_what_is_our_fault_or_the_hosts_ends_nothing(status: int) -> None:
    """The table of answers is that of every remove: holds stop it, the rest is tried again."""
    desk = Desk()
    desk.api.answer = Response(status)

    assert not isinstance(desk.tell(erasure(USER)), Settled)
    assert desk.erased(Outcome.DELIVERED) == 0
    assert desk.log.told(Event.USER_ERASED) == []


@pytest.mark.parametrize(
    ("value", "answer", "reason"),
    [
        (b"garbage", Response(200), DeadLetterReason.UNDECODABLE),
        (Encoder().payment(payment_event()), Response(200), DeadLetterReason.UNDECODABLE),
        (erasure(" "), Response(200), DeadLetterReason.INVALID_EVENT),
        (erasure(USER), Response(422), DeadLetterReason.REFUSED),
    ],
)
def test_what_can_never_be_done_is_a_dead_letter(
    value: bytes, answer: Answer, reason: DeadLetterReason
) -> None:
    """Among them every record of another kind: a payment here erases nobody."""
    desk = Desk()
    desk.api.answer = answer

    step = desk.tell(value)

    assert isinstance(step, Settled)
    assert (step.action, step.outcome, step.reason) == (Action.NONE, Outcome.DEAD_LETTERED, reason.value)
    assert desk.box.reasons() == [reason.value]
    assert desk.erased(Outcome.DEAD_LETTERED) == 1
    assert (desk.api.calls != []) == (reason is DeadLetterReason.REFUSED)


def test_a_tombstone_is_skipped() -> None:
    """A null value erases nobody, and is counted."""
    desk = Desk()

    assert desk.tell(None) == Settled(Action.NONE, Outcome.SKIPPED, "tombstone")
    assert desk.erased(Outcome.SKIPPED) == 1


def test_without_its_schema_a_request_waits() -> None:
    """A registry that is away costs no request."""
    decoder = FakeDecoder()
    decoder.trouble[b"x"] = Unavailable("down")
    step = Desk(decoder=decoder).tell(b"x")

    assert isinstance(step, Wait)
    assert step.cause is HoldCause.REGISTRY


def test_nothing_is_sent_without_a_permit() -> None:
    """Calls are stopped, or the partition was given up."""
    desk = Desk()

    assert desk.tell(erasure(USER), permits=False) == Stopped()
    assert desk.api.calls == []


@pytest.mark.parametrize("wire_format", [WireFormat.RAW, WireFormat.SINGLE_OBJECT, WireFormat.AUTO])
def test_a_request_is_read_in_the_framing_of_the_payments(wire_format: WireFormat) -> None:
    """A raw one is of the bundled schema, whatever ``decoding.schema`` says of payments."""
    own = WriterSchema(schemas.payment_event())
    payments = Decoder(wire_format, Codec(schemas.payment_event()), SchemaFiles(own, ()), None)
    given = settings().model_copy(update={"decoding": DecodingSettings(wire_format=wire_format.value)})
    value = erasure(USER)
    if wire_format is WireFormat.RAW:
        value = value[10:]  # behind the head of a single object

    found = asyncio.run(erasures_beside(given, payments).decode(Record(REQUESTS, 1, 1, None, value)))

    assert found is not None
    assert found["user_id"] == USER


def test_an_erasure_among_payments_is_no_payment_and_erases_nobody() -> None:
    """The way from a topic of payments reads payments and nothing else."""
    decoder = Decoder(WireFormat.AUTO, Codec(schemas.payment_event()), SchemaFiles(None, ()), None)

    with pytest.raises(Unreadable, match="not of the record"):
        asyncio.run(decoder.decode(Record(PAYMENTS, 1, 1, None, erasure(USER))))


def test_a_record_that_only_looks_like_an_erasure_is_none() -> None:
    """The full name of the record decides, not its fields."""
    draft = json.loads(schemas.user_erasure()) | {"namespace": "another"}
    lookalike = WriterSchema(json.dumps(draft))
    body = encode(lookalike, {"event_id": "e", "user_id": USER, "requested_at": 0})

    with pytest.raises(Unreadable, match="not of the record"):
        Codec(schemas.user_erasure()).decode(lookalike, body)


# ------------------------------------------------------------------------- beside payments


def test_erasures_go_slowly_and_payments_do_not_wait_for_them() -> None:
    """More requests than flights: payments take all flights meanwhile, and nothing counts as stuck."""

    async def scene() -> None:
        rig = Rig(max_in_flight=2, erasures_per_second=10.0)
        for number in range(300):
            rig.source.produce(REQUESTS, erasure(f"user-{number}"), b"%d" % number)
        produce(rig, PAYMENTS, payments(50))
        async with rig.running():
            began = time.monotonic()
            rig.source.assign(REQUESTS, PAYMENTS)
            await all_committed(rig, PAYMENTS)
            erased = [call for call in rig.api.calls if call.path == "/remove-payment"]
            assert len(erased) <= 3 + 10 * (time.monotonic() - began)
            assert len(rig.api.calls) == 50 + len(erased)
            await reached(lambda: rig.metric("erasures_total", outcome="delivered") >= 5, "more follow")
            took = time.monotonic() - began
            assert rig.metric("erasures_total", outcome="delivered") <= 3 + 10 * took
            assert rig.pipeline.holding() == frozenset()
            assert rig.accounted_for(REQUESTS, PAYMENTS)

    asyncio.run(scene())


def test_requests_are_done_in_order_and_committed() -> None:
    """Each once, settled as no payment, its offset committed behind it."""

    async def scene() -> None:
        rig = Rig(erasures_per_second=1000.0)
        for name in ("a", "b", "c"):
            rig.source.produce(REQUESTS, erasure(name), b"key")
        async with rig.running():
            rig.source.assign(REQUESTS)
            await all_committed(rig, REQUESTS)
        assert [call.body for call in rig.api.calls] == [
            b'{"user_id":"%s"}' % who for who in (b"a", b"b", b"c")
        ]
        labels = {"topic": ERASURES, "action": "none", "outcome": "delivered", "reason": "none"}
        assert rig.metric("records_settled_total", **labels) == 3
        assert rig.decoder.asked == [], "the reader of payments has seen none of them"

    asyncio.run(scene())


def test_a_hold_stops_erasures_too_and_loses_none() -> None:
    """A refused key: nothing is settled; once it is taken, each user is erased once."""

    async def scene() -> None:
        rig = Rig(erasures_per_second=1000.0)
        rig.api.answer = NO_KEY
        for number in range(5):
            rig.source.produce(REQUESTS, erasure(f"user-{number}"))
        async with rig.running():
            rig.source.assign(REQUESTS)
            await reached(lambda: HoldCause.CREDENTIALS in rig.pipeline.holding(), "the key is refused")
            assert rig.source.committed(REQUESTS) in (None, 0)
            rig.api.calls.clear()
            rig.api.answer = Response(200)
            await all_committed(rig, REQUESTS)
            done = [call.payment_id for call in rig.api.calls]
            assert {*done} == {f"user-{number}" for number in range(5)}
            assert rig.metric("erasures_total", outcome="delivered") == 5

    asyncio.run(scene())


# --------------------------------------------------------------------------------- the switch


def settings(**erasures: object) -> Settings:
    """Return a configuration with this section on erasure."""
    return Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": "localhost:9", "topics": ["payments"]},
            "currency": {"accept": "any"},
            "erasure": erasures,
        }
    )


def parts(given: Settings) -> dict[str, object]:
    """Return the parts of a service, as it is built, by their name."""
    with Logs("error", "json") as logs:
        service = Service(
            Configured(given), ServerKey(given.linkrunner, {"LINKRUNNER_SERVER_KEY": "k"}), logs
        )
    return vars(service)


@pytest.mark.parametrize("section", [{}, {"topic": ERASURES}, {"enabled": False, "topic": ERASURES}])
def test_while_it_is_off_there_is_nothing_that_could_erase(section: dict[str, object]) -> None:
    """The topic is not subscribed, and nobody is made who could tell of an erasure."""
    given = settings(**section)

    assert Configured(given).subscription == ("payments",)
    assert type(vars(parts(given)["_pipeline"])["_delivery"]) is Delivery


def test_while_it_is_on_only_its_topic_erases() -> None:
    """The topic is subscribed, and its name alone decides who tells of a record."""
    given = settings(enabled=True, topic=ERASURES)
    teller = vars(parts(given)["_pipeline"])["_delivery"]

    assert Configured(given).subscription == ("payments", ERASURES)
    assert isinstance(teller, ByTopic)
    assert type(teller.payments) is Delivery
    assert {topic: type(other) for topic, other in teller.others.items()} == {ERASURES: ErasureDelivery}
