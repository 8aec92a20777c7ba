"""Dead letters in the real pipeline while their broker is in trouble.

Whatever it is, the records that need a letter wait and are named as a hold, good records and other topics go
on, and with the end of the trouble every letter is written, without anybody's help.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from consumer.core.api.verdicts import HoldCause
from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import DeadLetterReason
from consumer.core.operations.logbook import Event
from consumer.core.records import Partition, Record
from consumer.lab.embedded import EmbeddedKafka, embedded_kafka
from tests.contract.test_dead_letters import writing
from tests.support.broker import Kafka, Kind
from tests.support.mock_kafka import PRODUCE, bring_up, clear_errors, push_errors, take_down
from tests.support.rig import Resigning, Rig, all_committed, payments, produce, reached
from tests.support.secured import SecuredKafka
from tests.support.topics import Topics

THERE = Partition("refunds", 0)
BAD = payments(6, "bad")
SPOILED = Unreadable(DeadLetterReason.UNDECODABLE, "bytes")
#: So that a try does not take its ten seconds.
SOON = {"message.timeout.ms": "1000"}
#: Errors of the protocol.
NOT_ENOUGH_REPLICAS = 19
NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20
TOPIC_AUTHORIZATION_FAILED = 29
CLUSTER_AUTHORIZATION_FAILED = 31
OUT_OF_ORDER_SEQUENCE_NUMBER = 45
#: More than a test can use up: the trouble ends when it is cleared.
ENDLESS = 500


async def hold_and_go_on(
    servers: str, source: str, end: Callable[[], None], properties: Mapping[str, str]
) -> Rig:
    """Let bad records of ``source`` wait for their letters, ``end`` the trouble, and see that all is done."""
    here = Partition(source, 0)
    async with writing(servers, properties=properties) as box:
        rig = Rig(max_in_flight=8, giving_up=Resigning(box=box, at_once=4))
        rig.decoder.trouble.update((name.encode(), SPOILED) for name in BAD)
        produce(rig, here, [name for pair in zip(BAD, payments(6), strict=True) for name in pair])
        produce(rig, THERE, payments(50, "refund"))
        async with rig.running():
            rig.source.assign(here, THERE)
            await all_committed(rig, THERE)
            await reached(lambda: rig.settled(source) == 6, "good records are settled")
            holding = {HoldCause.DEAD_LETTERS}
            await reached(lambda: rig.pipeline.holding() == holding, "the hold is there", 30)
            await reached(lambda: rig.log.told(Event.DEAD_LETTER_FAILED), "a letter has failed", 30)
            assert rig.source.committed(here) == 0
            await asyncio.to_thread(end)
            await reached(lambda: rig.source.committed(here) == 12, "all is committed", 60)
            assert rig.pipeline.holding() == frozenset()
            assert rig.accounted_for(here, THERE)
        return rig


def values(letters: list[Record]) -> set[str]:
    """Return what was written."""
    return {(letter.value or b"").decode() for letter in letters}


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong with the mock broker: its beginning, its end, and how the producer is set."""

    begin: Callable[[EmbeddedKafka], None]
    end: Callable[[EmbeddedKafka], None]
    properties: Mapping[str, str] = field(default_factory=lambda: SOON)


def answering(error: int) -> Trouble:
    """Return the trouble of a broker that answers every letter with an error."""
    return Trouble(
        lambda kafka: push_errors(kafka, PRODUCE, error, ENDLESS),
        lambda kafka: clear_errors(kafka, PRODUCE),
    )


#: A single real broker never has too few replicas: it takes min.insync.replicas for no more than there are.
TROUBLES = {
    "broker down": Trouble(take_down, bring_up),
    "producer's queue full": Trouble(take_down, bring_up, SOON | {"queue.buffering.max.messages": "1"}),
    "not enough replicas": answering(NOT_ENOUGH_REPLICAS),
    "not enough replicas any more": answering(NOT_ENOUGH_REPLICAS_AFTER_APPEND),
    "no right to the topic": answering(TOPIC_AUTHORIZATION_FAILED),
    "no right to the cluster": answering(CLUSTER_AUTHORIZATION_FAILED),
    "a producer that gives up for good": answering(OUT_OF_ORDER_SEQUENCE_NUMBER),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
def test_letters_wait_for_the_end_of_the_trouble_and_nothing_else_does(trouble: Trouble) -> None:
    """The partition holds at its first letter; the cure is the end of the trouble alone."""
    with embedded_kafka() as kafka:
        kafka.create_topic("payments.dlq", 1)
        trouble.begin(kafka)
        end = lambda: trouble.end(kafka)  # noqa: E731  (one line to read)
        asyncio.run(hold_and_go_on(kafka.bootstrap_servers, "payments", end, trouble.properties))
        topics = Topics(Kafka(Kind.MOCK, kafka.bootstrap_servers, embedded=kafka))
        assert values(topics.read("payments.dlq")) == set(BAD)


def test_no_right_to_write_holds_the_letters(guarded: SecuredKafka) -> None:
    """The topic is there and we may not write to it; they are written once we may, by another producer."""
    topics = Topics(guarded.open)
    source = topics.name("forbidden")
    letters = topics.create(f"{source}.dlq")

    def end() -> None:
        guarded.allow("TOPIC", letters, "WRITE", "DESCRIBE")

    properties = {**SOON, **guarded.properties()}
    rig = asyncio.run(hold_and_go_on(guarded.address, source, end, properties))

    assert values(topics.read(letters)) == set(BAD)
    errors = {str(told["error"]) for told in rig.log.told(Event.DEAD_LETTER_FAILED)}
    assert any("TOPIC_AUTHORIZATION_FAILED" in error for error in errors)


def test_a_broker_that_is_away_holds_the_letters(own_kafka: Kafka) -> None:
    """Killed before the first letter, and started again with its data: that is the whole cure."""
    topics = Topics(own_kafka)
    source = topics.name("away")
    letters = topics.create(f"{source}.dlq")
    server = own_kafka.server
    assert server is not None
    server.kill()

    asyncio.run(hold_and_go_on(own_kafka.bootstrap_servers, source, server.start, SOON))

    assert values(topics.read(letters)) == set(BAD)


async def settle_large(servers: str, source: str, value: str, properties: Mapping[str, str]) -> None:
    """Let a large bad record be settled."""
    here = Partition(source, 0)
    async with writing(servers, properties=properties) as box:
        rig = Rig(giving_up=Resigning(box=box))
        rig.decoder.trouble[value.encode()] = SPOILED
        produce(rig, here, [value], b"key")
        async with rig.running():
            rig.source.assign(here)
            await reached(lambda: rig.source.committed(here) == 1, "the record is settled", 20)


def is_pointer(letter: Record, size: int) -> bool:
    """Tell whether a letter points to a record whose value has that size."""
    marked = dict(letter.headers).get("linkrunner.pointer") == b"value"
    return marked and letter.key == b"key" and f'"bytes": {size}'.encode() in (letter.value or b"")


def test_what_the_producer_finds_too_large_leaves_a_pointer() -> None:
    """The producer takes no more than 2 000 bytes: the record is settled, and what is there points to it."""
    properties = {"message.max.bytes": "2000"}
    with embedded_kafka() as kafka:
        kafka.create_topic("payments.dlq", 1)
        asyncio.run(settle_large(kafka.bootstrap_servers, "payments", "x" * 5_000, properties))
        topics = Topics(Kafka(Kind.MOCK, kafka.bootstrap_servers, embedded=kafka))
        (letter,) = topics.read("payments.dlq")
        assert is_pointer(letter, 5_000)


@pytest.mark.kafka
def test_what_the_topic_finds_too_large_leaves_a_pointer(kafka: Kafka, topics: Topics) -> None:
    """The same where the broker says so."""
    source = topics.name("small")
    letters = topics.create(f"{source}.dlq", config={"max.message.bytes": "2000"})

    asyncio.run(settle_large(kafka.bootstrap_servers, source, "x" * 5_000, {"compression.type": "none"}))

    (letter,) = topics.read(letters)
    assert is_pointer(letter, 5_000)
