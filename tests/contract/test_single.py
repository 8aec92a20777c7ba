"""One record by its coordinates, on brokers: exactly it, or what is wrong, and no trace of the asking."""

import time
from typing import Final

import pytest
from confluent_kafka.admin import AdminClient

from consumer.core.records import Partition, Record
from consumer.edges.kafka.clients import consumer_config
from consumer.edges.kafka.single import NotRead, read_one
from tests.support.broker import Kafka
from tests.support.topics import Outgoing, Topics
from tests.support.waiting import free_port

GROUP: Final = "group-of-nobody"


def read(servers: str, topic: str, number: int, offset: int, seconds: float = 30.0) -> Record | NotRead:
    """Read with the configuration that the service would have."""
    return read_one(consumer_config(servers, GROUP, {}), {}, Partition(topic, number), offset, seconds)


def test_exactly_the_record_is_read(kafka: Kafka, topics: Topics) -> None:
    """Key, value, headers and time byte for byte, from the middle of a partition; a tombstone too."""
    topic = topics.create(topics.name("single"), 2)
    outgoing = [
        Outgoing(b"a", b"first", 1),
        Outgoing(b"b", b"second", 1, (("h", b"x"), ("h", None))),
        Outgoing(b"c", None, 1),
    ]
    topics.produce(topic, outgoing)
    found = read(kafka.bootstrap_servers, topic, 1, 1)
    assert isinstance(found, Record)
    assert (found.partition, found.offset) == (Partition(topic, 1), 1)
    assert (found.key, found.value, found.headers) == (b"b", b"second", (("h", b"x"), ("h", None)))
    assert found.timestamp_ms is not None
    tombstone = read(kafka.bootstrap_servers, topic, 1, 2)
    assert isinstance(tombstone, Record)
    assert (tombstone.key, tombstone.value) == (b"c", None)


def test_what_is_wrong_is_told(kafka: Kafka, topics: Topics) -> None:
    """Each by its own sentence, with what there is instead."""
    topic = topics.create(topics.name("wrong"), 2)
    topics.produce(topic, [Outgoing(b"a", b"v", 1), Outgoing(b"a", b"w", 1)])
    servers = kafka.bootstrap_servers
    assert read(servers, topic, 1, 2) == NotRead(
        f"{topic}[1] holds the offsets 0 to 1, and 2 is none of them"
    )
    assert read(servers, topic, 0, 0) == NotRead(f"{topic}[0] holds no record")
    missing = f"there is no partition {topic}[2]: the topic has the partitions 0 to 1"
    assert read(servers, topic, 2, 0) == NotRead(missing)


@pytest.mark.kafka
def test_no_group_is_there_afterwards_and_no_topic_is_made(kafka: Kafka, topics: Topics) -> None:
    """Asking leaves no trace, also not for a topic that there is not."""
    topic = topics.create(topics.name("untouched"))
    topics.produce(topic, [Outgoing(b"a", b"v")])
    assert isinstance(read(kafka.bootstrap_servers, topic, 0, 0), Record)
    absent = topics.name("absent")
    told = read(kafka.bootstrap_servers, absent, 0, 0)
    assert told == NotRead(f"there is no topic {absent}, or we may not see it")
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    assert GROUP not in {group.group_id for group in admin.list_consumer_groups().result(30).valid}
    assert absent not in admin.list_topics(timeout=30).topics
    assert topics.committed(GROUP, topic) == {}


def test_brokers_that_are_away_are_told_in_bounded_time() -> None:
    """With the cause, not only that time is up."""
    began = time.monotonic()
    found = read(f"127.0.0.1:{free_port()}", "t", 0, 0, seconds=1.5)
    assert isinstance(found, NotRead)
    assert "_TRANSPORT" in found.why
    assert time.monotonic() - began < 6
