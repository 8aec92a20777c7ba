"""What may be passed through to the libraries, row by row."""

from typing import Final

import pytest

from consumer.core.settings.kafka_properties import Role, for_registry, refusals, session_seconds

REFUSED: Final[list[tuple[Role, str, str, str, str]]] = [
    # who, name, value, a part of the reason, a part of the cure
    (Role.CONSUMER, "bootstrap.servers", "a", "key of its own", "kafka.bootstrap_servers"),
    (Role.PRODUCER, "metadata.broker.list", "a", "key of its own", "kafka.bootstrap_servers"),
    (Role.CONSUMER, "schema.registry.url", "a", "key of its own", "schema_registry.url"),
    (Role.CONSUMER, "stats_cb", "a", "for code", "remove"),
    (Role.PRODUCER, "oauth_cb", "a", "for code", "remove"),
    (Role.CONSUMER, "on_commit", "a", "for code", "remove"),
    (Role.CONSUMER, "plugin.library.paths", "a", "foreign code", "remove"),
    (Role.CONSUMER, "test.mock.num.brokers", "3", "imitation", "remove"),
    (Role.PRODUCER, "statistics.interval.ms", "0", "lag", "remove"),
    (Role.CONSUMER, "log.queue", "true", "log", "remove"),
    (Role.CONSUMER, "debug", "broker, msg", "payments", "leave these out"),
    (Role.CONSUMER, "debug", "ALL", "payments", "leave these out"),
    (Role.CONSUMER, "enable.ssl.certificate.verification", "False", "pose", "ssl.ca.location"),
    (Role.PRODUCER, "enable.ssl.certificate.verification", "0", "pose", "ssl.ca.location"),
    (Role.CONSUMER, "ssl.endpoint.identification.algorithm", "none", "pose", "remove"),
    (Role.CONSUMER, "ssl.endpoint.identification.algorithm", "", "pose", "remove"),
    (Role.CONSUMER, "enable.auto.commit", "false", "service alone commits", "commit.interval_seconds"),
    (Role.CONSUMER, "auto.commit.interval.ms", "1", "service alone commits", "commit.interval_seconds"),
    (Role.CONSUMER, "enable.auto.offset.store", "true", "service alone commits", "commit.interval_seconds"),
    (Role.CONSUMER, "offset.store.path", "x", "service alone commits", "commit.interval_seconds"),
    (Role.CONSUMER, "auto.offset.reset", "latest", "skip or repeat", "kafka.start_from"),
    (Role.CONSUMER, "group.id", "x", "key of its own", "kafka.group_id"),
    (Role.CONSUMER, "group.instance.id", "x", "idle", "remove"),
    (Role.CONSUMER, "partition.assignment.strategy", "range", "rebalance", "cooperative-sticky"),
    (Role.CONSUMER, "partition.assignment.strategy", "cooperative-sticky,range", "rebalance", "cooperative"),
    (Role.CONSUMER, "enable.partition.eof", "true", "no records", "remove"),
    (Role.CONSUMER, "isolation.level", "read_uncommitted", "called off", "read_committed"),
    (Role.CONSUMER, "allow.auto.create.topics", "true", "misspelt", "create the topic"),
    (Role.CONSUMER, "group.protocol", "share", "neither classic nor consumer", "one of them"),
    (Role.CONSUMER, "linger.ms", "5", "for producers", "dead_letters.properties"),
    (Role.CONSUMER, "key.deserializer", "x", "Java", "nothing like it"),
    (Role.CONSUMER, "sasl.jaas.config", "x", "Java", "sasl.username and sasl.password"),
    (Role.PRODUCER, "ssl.truststore.location", "x", "Java", "ssl.ca.location"),
    (Role.CONSUMER, "max.poll.records", "5", "Java", "remove"),
    (Role.CONSUMER, "a b", "x", "no name", "documentation"),
    (Role.REGISTRY, "", "x", "no name", "documentation"),
    (Role.PRODUCER, "enable.idempotence", "false", "reorder", "remove"),
    (Role.PRODUCER, "acks", "1", "can still be lost", "remove"),
    (Role.PRODUCER, "request.required.acks", "0", "can still be lost", "remove"),
    (Role.PRODUCER, "transactional.id", "x", "transactions", "remove"),
    (Role.PRODUCER, "delivery.report.only.error", "true", "has arrived", "remove"),
    (Role.PRODUCER, "session.timeout.ms", "6000", "for consumers", "kafka.properties"),
    (Role.REGISTRY, "url", "x", "key of its own", "schema_registry.url"),
    (Role.REGISTRY, "timeout", "soon", "whole number", "digits"),
]


@pytest.mark.parametrize(("role", "name", "value", "what", "cure"), REFUSED)
def test_what_breaks_a_promise_is_refused(role: Role, name: str, value: str, what: str, cure: str) -> None:
    """Each row has its reason, and says what to do instead."""
    (refusal,) = refusals(role, {name: value})
    assert refusal.name == name
    assert what in refusal.what
    assert cure in refusal.cure


@pytest.mark.parametrize(
    ("role", "name", "value"),
    [
        (Role.CONSUMER, "security.protocol", "sasl_ssl"),
        (Role.CONSUMER, "sasl.mechanism", "SCRAM-SHA-512"),
        (Role.CONSUMER, "sasl.mechanisms", "PLAIN"),
        (Role.CONSUMER, "debug", "broker,cgrp"),
        (Role.CONSUMER, "enable.ssl.certificate.verification", "true"),
        (Role.CONSUMER, "ssl.endpoint.identification.algorithm", "https"),
        (Role.CONSUMER, "partition.assignment.strategy", "cooperative-sticky"),
        (Role.CONSUMER, "enable.partition.eof", "false"),
        (Role.CONSUMER, "isolation.level", "read_committed"),
        (Role.CONSUMER, "allow.auto.create.topics", "false"),
        (Role.CONSUMER, "group.protocol", "consumer"),
        (Role.CONSUMER, "session.timeout.ms", "45000"),
        (Role.CONSUMER, "fetch.wait.max.ms", "50"),
        (Role.PRODUCER, "linger.ms", "5"),
        (Role.PRODUCER, "acks", "all"),
        (Role.PRODUCER, "acks", "-1"),
        (Role.PRODUCER, "enable.idempotence", "True"),
        (Role.PRODUCER, "compression.type", "zstd"),
        (Role.REGISTRY, "basic.auth.user.info", "a:b"),
        (Role.REGISTRY, "timeout", "5"),
    ],
)
def test_what_breaks_none_is_passed_through(role: Role, name: str, value: str) -> None:
    """Users keep what they need: security, tuning, values that are ours anyway."""
    assert list(refusals(role, {name: value})) == []


@pytest.mark.parametrize(
    "name", ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"]
)
def test_the_new_group_protocol_leaves_some_to_the_broker(name: str) -> None:
    """The client would refuse to start with them; whatever the value, each is told once."""
    (refusal,) = refusals(Role.CONSUMER, {"group.protocol": "consumer", name: "5"})
    assert refusal.name == name
    assert "broker's" in refusal.what


def test_every_wrong_property_is_told() -> None:
    """One refusal hides no other, and their order is that of the configuration."""
    given = {"group.id": "x", "client.id": "fine", "enable.auto.commit": "1", "stats_cb": "x"}
    assert [refusal.name for refusal in refusals(Role.CONSUMER, given)] == [
        "group.id",
        "enable.auto.commit",
        "stats_cb",
    ]


def test_the_registry_client_gets_numbers_where_it_wants_them() -> None:
    """It takes texts for some and refuses them for others."""
    assert for_registry("https://a", {"timeout": "5", "ssl.ca.location": "7"}) == {
        "url": "https://a",
        "timeout": 5,
        "ssl.ca.location": "7",
    }


def test_registry_properties_without_effect_are_refused() -> None:
    """What the service does itself (waiting, trying again, remembering) can't be set twice."""
    names = ["max.retries", "retries.wait.ms", "retries.max.wait.ms", "cache.capacity"]
    assert [refusal.name for refusal in refusals(Role.REGISTRY, dict.fromkeys(names, "1"))] == names


@pytest.mark.parametrize(
    ("properties", "seconds"),
    [
        ({}, 15.0),
        ({"session.timeout.ms": "45000"}, 45.0),
        ({"group.protocol": "classic", "session.timeout.ms": " 6000 "}, 6.0),
        ({"group.protocol": "consumer"}, 40.0),
        ({"session.timeout.ms": "soon"}, 15.0),
    ],
)
def test_how_long_a_silent_member_keeps_its_partitions(properties: dict[str, str], seconds: float) -> None:
    """The client's session timeout; with the new protocol the brokers' default, less one heartbeat."""
    assert session_seconds(properties) == seconds
