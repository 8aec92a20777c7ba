"""The servers that the other tests stand on do what those tests rely on."""

import pytest

from consumer.core.records import Partition
from tests.support.broker import Kafka
from tests.support.registry import SchemaRegistry
from tests.support.topics import Outgoing, Topics


def test_what_is_produced_is_read_byte_for_byte(topics: Topics) -> None:
    """Keys, values, headers, nulls and the order within a partition come back as they went in."""
    topic = topics.create(topics.name("bytes"), 4)
    outgoing = [
        Outgoing(b"k", b"\x00\xff", 0, (("h", b"\x01"), ("h", None))),
        Outgoing(None, b"", 0),
        Outgoing(b"", None, 3),
    ]

    stored = topics.produce(topic, outgoing)

    assert [(r.partition, r.offset) for r in stored] == [
        (Partition(topic, 0), 0),
        (Partition(topic, 0), 1),
        (Partition(topic, 3), 0),
    ]
    read = topics.read(topic)
    assert [(r.partition, r.offset) for r in read] == [(r.partition, r.offset) for r in stored]
    assert [(r.key, r.value, r.headers) for r in read] == [(o.key, o.value, o.headers) for o in outgoing]
    assert topics.end_offsets(topic) == {Partition(topic, n): (2, 0, 0, 1)[n] for n in range(4)}


def test_a_group_that_never_committed_has_no_offsets(topics: Topics) -> None:
    """Reading committed offsets commits nothing and joins nothing."""
    topic = topics.create(topics.name("fresh"), 4)

    assert topics.committed(topics.name("group"), topic) == {}


@pytest.mark.kafka
def test_no_topic_appears_by_accident(topics: Topics) -> None:
    """The brokers that the tests start leave a missing topic missing."""
    topic = topics.create(topics.name("six"), 6)

    assert len(topics.partitions(topic)) == 6
    assert not topics.creates_by_itself()


@pytest.mark.kafka
def test_a_killed_broker_comes_back_with_its_data(own_kafka: Kafka) -> None:
    """A fault test can freeze and kill a broker of its own, start it again and find what was acknowledged."""
    server = own_kafka.server
    assert server is not None
    topics = Topics(own_kafka)
    topic = topics.create(topics.name("kept"))
    stored = topics.produce(topic, [Outgoing(b"k", b"v")])

    server.pause()
    server.resume()
    server.kill()
    server.start()

    assert [(r.offset, r.value) for r in topics.read(topic)] == [(r.offset, r.value) for r in stored]


def test_a_schema_keeps_its_id(registry: SchemaRegistry, topics: Topics) -> None:
    """The registry is a real one: the same schema under another subject has the same id."""
    first = registry.register(topics.name("subject"), '"string"')

    assert first > 0
    assert registry.register(topics.name("subject"), '"string"') == first
