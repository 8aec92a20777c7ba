"""Embedded Kafka, the publisher and the onlooker, together: what is written is there, and is counted."""

import asyncio
import ctypes
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from consumer.core.errors import DependencyError
from consumer.lab import embedded
from consumer.lab.embedded import EmbeddedKafka, embedded_kafka
from consumer.lab.publisher import Publisher
from consumer.lab.samples import samples
from consumer.lab.topic import onlooker

PARTITIONS = 6
QUIET = {"log_level": "0"}


@pytest.fixture(scope="module")
def kafka() -> Iterator[EmbeddedKafka]:
    """Give an embedded Kafka with a topic for each test."""
    with embedded_kafka() as cluster:
        yield cluster


def test_samples_are_written_over_all_partitions_and_counted(kafka: EmbeddedKafka) -> None:
    """Each record is acknowledged once, and the ends of the partitions add up to the count."""
    kafka.create_topic("written", PARTITIONS)

    async def story() -> tuple[int, dict[int, int], dict[int, int]]:
        with (
            Publisher(kafka.bootstrap_servers, QUIET) as publisher,
            onlooker(kafka.bootstrap_servers, "g", PARTITIONS) as look,
        ):
            count = await publisher.publish("written", samples(400))
            assert publisher.acknowledged == count
            return count, await look.ends("written"), await look.committed("written")

    count, ends, committed = asyncio.run(story())
    assert (count, sum(ends.values())) == (400, 400)
    assert all(ends.values())
    assert committed == dict.fromkeys(range(PARTITIONS), 0)


def test_a_rate_is_kept(kafka: EmbeddedKafka) -> None:
    """Twenty records at fifty a second take four tenths of a second or more."""
    kafka.create_topic("slow", PARTITIONS)

    async def story() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with Publisher(kafka.bootstrap_servers, QUIET) as publisher:
            await publisher.publish("slow", samples(20), rate=50)
        return loop.time() - began

    assert asyncio.run(story()) >= 0.4


def test_no_records_are_no_work(kafka: EmbeddedKafka) -> None:
    """Publishing nothing returns at once."""
    with Publisher(kafka.bootstrap_servers, QUIET) as publisher:
        assert asyncio.run(publisher.publish("nowhere", [])) == 0


def test_a_broker_that_does_not_acknowledge_is_an_error() -> None:
    """Where nobody listens the publisher says so instead of losing records."""

    async def story() -> None:
        with Publisher("127.0.0.1:1", {**QUIET, "message.timeout.ms": "300"}) as publisher:
            await publisher.publish("t", samples(1))

    with pytest.raises(DependencyError, match="_MSG_TIMED_OUT"):
        asyncio.run(story())


def test_committed_offsets_are_seen_from_outside(kafka: EmbeddedKafka) -> None:
    """What a member of the group commits is what the onlooker sees."""
    kafka.create_topic("seen", PARTITIONS)
    member = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "seen", **QUIET})
    member.commit(offsets=[TopicPartition("seen", 2, 7)], asynchronous=False)
    member.close()

    async def story() -> dict[int, int]:
        with onlooker(kafka.bootstrap_servers, "seen", PARTITIONS) as look:
            return await look.committed("seen")

    assert asyncio.run(story()) == {0: 0, 1: 0, 2: 7, 3: 0, 4: 0, 5: 0}


def test_dead_letters_are_counted_by_reason(kafka: EmbeddedKafka) -> None:
    """Every record of the topic is read, and its reason is that of its header."""
    kafka.create_topic("seen.dlq", PARTITIONS)
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, **QUIET})
    for number in range(700):
        reason = b"undecodable" if number % 7 else b"refused"
        producer.produce("seen.dlq", b"x", str(number), headers=[("linkrunner.reason", reason)])
    producer.produce("seen.dlq", b"x", "bare")
    assert producer.flush(10) == 0
    producer.close()

    async def story() -> dict[str, int]:
        with onlooker(kafka.bootstrap_servers, "g", PARTITIONS) as look:
            return await look.dead_letters("seen.dlq")

    assert asyncio.run(story()) == {"undecodable": 600, "refused": 100, "(none)": 1}


def test_an_empty_dead_letter_topic_is_read_at_once(kafka: EmbeddedKafka) -> None:
    """Nothing to read is no reason to wait."""
    kafka.create_topic("empty.dlq", PARTITIONS)

    async def story() -> dict[str, int]:
        with onlooker(kafka.bootstrap_servers, "g", PARTITIONS) as look:
            return await look.dead_letters("empty.dlq")

    assert asyncio.run(story()) == {}


def test_a_topic_can_not_be_created_twice(kafka: EmbeddedKafka) -> None:
    """The second time is an error that names the topic."""
    kafka.create_topic("once", 1)
    with pytest.raises(DependencyError, match="once"):
        kafka.create_topic("once", 1)


def test_an_end_that_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that hangs in its destruction must not keep the process, nor a Ctrl-C, from ending."""
    never = threading.Event()
    library = SimpleNamespace(
        rd_kafka_mock_cluster_destroy=lambda _: never.wait(), rd_kafka_destroy=lambda _: None
    )
    monkeypatch.setattr(embedded, "_END_SECONDS", 0.01)
    embedded._end(cast(ctypes.CDLL, library), 1, 1)
    assert "embedded-kafka-end" in {thread.name for thread in threading.enumerate()}
    never.set()
