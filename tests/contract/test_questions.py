"""Questions beside the consumer: ends and configurations are the brokers', whoever reads or does not."""

import time

import pytest
from confluent_kafka import Producer

from consumer.core.operations.checks import Failure, Trouble
from consumer.core.records import Partition
from consumer.edges.kafka.questions import Questions
from tests.support.broker import Kafka
from tests.support.topics import Outgoing, Topics
from tests.support.waiting import eventually, free_port

pytestmark = pytest.mark.kafka


def asking(servers: str, answer_seconds: float = 20.0) -> Questions:
    """Return questions to the brokers at ``servers``."""
    return Questions({"bootstrap.servers": servers}, {}, answer_seconds=answer_seconds)


def in_transaction(kafka: Kafka, topic: str, count: int, *, commit: bool) -> None:
    """Write records in a transaction and end it."""
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": topic, "log_level": 0}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for _ in range(count):
        producer.produce(topic, b"v")
    producer.flush(30)
    (producer.commit_transaction if commit else producer.abort_transaction)(30)


def test_ends_are_told(kafka: Kafka, topics: Topics) -> None:
    """Of every partition that there is; markers of transactions count, as they do for commits."""
    topic = topics.create(topics.name("ends"), 2)
    topics.produce(topic, [Outgoing(None, b"v", 0)] * 3)
    there = asking(kafka.bootstrap_servers)
    asked = [Partition(topic, 0), Partition(topic, 1), Partition(topic, 7), Partition("no-such-topic", 0)]
    assert there.ends(asked) == {Partition(topic, 0): 3, Partition(topic, 1): 0}
    assert there.ends([]) == {}
    single = topics.create(topics.name("transactions"))
    in_transaction(kafka, single, 2, commit=True)
    in_transaction(kafka, single, 2, commit=False)
    # the broker writes the marker a moment after it has promised to
    eventually(lambda: there.ends([Partition(single, 0)]) == {Partition(single, 0): 6}, 10, "all is ended")


def test_an_open_transaction_is_not_passed(kafka: Kafka, topics: Topics) -> None:
    """What readers of committed records can't read yet is no lag of theirs."""
    topic = topics.create(topics.name("open"))
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": topic, "log_level": 0}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"v")
    producer.flush(30)
    assert asking(kafka.bootstrap_servers).ends([Partition(topic, 0)]) == {Partition(topic, 0): 0}
    producer.abort_transaction(30)


def test_counts_of_partitions_are_told(kafka: Kafka, topics: Topics) -> None:
    """A topic that is missing has none, and stays missing."""
    topic, missing = topics.create(topics.name("counted"), 4), topics.name("missing")
    there = asking(kafka.bootstrap_servers)
    assert there.partition_counts([topic, missing]) == {topic: 4, missing: 0}
    assert there.partition_counts([missing]) == {missing: 0}


def test_configurations_are_told(kafka: Kafka, topics: Topics) -> None:
    """Also what the topic only inherits; a topic that is missing is told as that."""
    topic = topics.create(topics.name("config"), 1, {"retention.ms": "7200000"})
    found = asking(kafka.bootstrap_servers).configs([topic, "no-such-topic"])
    config, missing = found[topic], found["no-such-topic"]
    assert not isinstance(config, Failure)
    assert (config["retention.ms"], config["cleanup.policy"]) == ("7200000", "delete")
    assert isinstance(missing, Failure)
    assert missing.trouble is Trouble.MISSING


def test_brokers_that_are_away_cost_a_bounded_time() -> None:
    """Nothing is known then, and nothing is raised."""
    there = asking(f"127.0.0.1:{free_port()}", answer_seconds=1.0)
    began = time.monotonic()
    assert there.ends([Partition("payments", number) for number in range(100)]) == {}
    assert there.partition_counts(["payments"]) == {}
    failure = there.configs(["payments"])["payments"]
    assert isinstance(failure, Failure)
    assert time.monotonic() - began < 10
