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
from consumer.core.records import Partition
from consumer.lab.embedded import EmbeddedKafka, embedded_kafka
from tests.contract.test_dead_letters import writing
from tests.support.broker import Kafka, Kind
from tests.support.mock_kafka import PRODUCE, bring_up, clear_errors, push_errors, take_down
from tests.support.rig import Resigning, Rig, all_committed, payments, produce, reached
from tests.support.topics import Topics

HERE, THERE = Partition("payments", 0), Partition("refunds", 0)
LETTERS = "payments.dlq"
#: Errors of the protocol.
NOT_ENOUGH_REPLICAS = 19
NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20
TOPIC_AUTHORIZATION_FAILED = 29
CLUSTER_AUTHORIZATION_FAILED = 31
OUT_OF_ORDER_SEQUENCE_NUMBER = 45
#: More than a test can use up: the trouble ends when it is cleared.
ENDLESS = 500


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong with the broker: its beginning, its end, and how the producer is set."""

    begin: Callable[[EmbeddedKafka], None]
    end: Callable[[EmbeddedKafka], None]
    properties: Mapping[str, str] = field(default_factory=lambda: {"message.timeout.ms": "1000"})


def answering(error: int) -> Trouble:
    """Return the trouble of a broker that answers every letter with an error."""
    return Trouble(
        lambda kafka: push_errors(kafka, PRODUCE, error, ENDLESS),
        lambda kafka: clear_errors(kafka, PRODUCE),
    )


TROUBLES = {
    "broker down": Trouble(take_down, bring_up),
    "producer's queue full": Trouble(
        take_down, bring_up, {"message.timeout.ms": "1000", "queue.buffering.max.messages": "1"}
    ),
    "not enough replicas": answering(NOT_ENOUGH_REPLICAS),
    "not enough replicas any more": answering(NOT_ENOUGH_REPLICAS_AFTER_APPEND),
    "no right to the topic": answering(TOPIC_AUTHORIZATION_FAILED),
    "no right to the cluster": answering(CLUSTER_AUTHORIZATION_FAILED),
    "a producer that gives up for good": answering(OUT_OF_ORDER_SEQUENCE_NUMBER),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
def test_letters_wait_for_the_end_of_the_trouble_and_nothing_else_does(trouble: Trouble) -> None:
    """The partition holds at its first letter; the cure is the end of the trouble alone."""
    bad = payments(6, "bad")

    async def scene(kafka: EmbeddedKafka) -> None:
        async with writing(kafka.bootstrap_servers, properties=trouble.properties) as box:
            rig = Rig(max_in_flight=8, giving_up=Resigning(box=box, at_once=4))
            spoiled = Unreadable(DeadLetterReason.UNDECODABLE, "bytes")
            rig.decoder.trouble.update((name.encode(), spoiled) for name in bad)
            produce(rig, HERE, [name for pair in zip(bad, payments(6), strict=True) for name in pair])
            produce(rig, THERE, payments(50, "refund"))
            trouble.begin(kafka)
            async with rig.running():
                rig.source.assign(HERE, THERE)
                await all_committed(rig, THERE)
                await reached(lambda: rig.settled("payments") == 6, "good records are settled")
                holding = {HoldCause.DEAD_LETTERS}
                await reached(lambda: rig.pipeline.holding() == holding, "the hold is there", 20)
                assert rig.source.committed(HERE) == 0
                trouble.end(kafka)
                await reached(lambda: rig.source.committed(HERE) == 12, "all is committed", 40)
                assert rig.pipeline.holding() == frozenset()
                assert rig.accounted_for(HERE, THERE)

    with embedded_kafka() as kafka:
        kafka.create_topic(LETTERS, 1)
        asyncio.run(scene(kafka))
        topics = Topics(Kafka(Kind.MOCK, kafka.bootstrap_servers, embedded=kafka))
        written = [(letter.value or b"").decode() for letter in topics.read(LETTERS)]
        assert set(written) == set(bad)


def test_a_letter_that_is_too_large_leaves_a_pointer_and_holds_nothing() -> None:
    """The producer takes no more than 2 000 bytes: the record is settled, and what is there points to it."""
    large = "x" * 5_000

    async def scene(kafka: EmbeddedKafka) -> None:
        async with writing(kafka.bootstrap_servers, properties={"message.max.bytes": "2000"}) as box:
            rig = Rig(giving_up=Resigning(box=box))
            rig.decoder.trouble[large.encode()] = Unreadable(DeadLetterReason.UNDECODABLE, "bytes")
            produce(rig, HERE, [large], b"key")
            async with rig.running():
                rig.source.assign(HERE)
                await reached(lambda: rig.source.committed(HERE) == 1, "the record is settled", 20)

    with embedded_kafka() as kafka:
        kafka.create_topic(LETTERS, 1)
        asyncio.run(scene(kafka))
        (letter,) = Topics(Kafka(Kind.MOCK, kafka.bootstrap_servers, embedded=kafka)).read(LETTERS)
        assert dict(letter.headers)["linkrunner.pointer"] == b"value"
        assert (letter.key, b'"bytes": 5000' in (letter.value or b"")) == (b"key", True)
