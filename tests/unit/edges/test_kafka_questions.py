"""Questions to brokers that can't answer all of them."""

from confluent_kafka import Producer

from consumer.edges.kafka.questions import Questions
from consumer.lab.embedded import embedded_kafka


def test_counts_come_from_the_list_where_the_controller_is_silent() -> None:
    """The embedded Kafka has no controller: what it tells of all topics is enough."""
    with embedded_kafka() as kafka:
        producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})
        producer.produce("payments", b"v")
        producer.flush(10)
        there = Questions({"bootstrap.servers": kafka.bootstrap_servers}, {}, answer_seconds=2.0)

        counts = there.partition_counts(["payments", "missing"])

    assert counts["payments"] > 0
    assert counts["missing"] == 0
