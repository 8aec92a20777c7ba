"""Which of the consumer's properties the dead-letter producer takes over."""

import pytest

from consumer.core.settings.properties import Properties
from consumer.edges.kafka.checks import refused_by_consumer, refused_by_producer
from consumer.edges.kafka.clients import consumer_config, is_shared, producer_config


@pytest.mark.parametrize(
    "name",
    [
        "api.version.request.timeout.ms",
        "broker.address.family",
        "broker.version.fallback",
        "client.dns.lookup",
        "connections.max.idle.ms",
        "enable.sasl.oauthbearer.unsecure.jwt",
        "enable.ssl.certificate.verification",
        "https.ca.location",
        "https.ca.pem",
        "metadata.recovery.strategy",
        "reconnect.backoff.max.ms",
        "sasl.oauthbearer.token.endpoint.url",
        "security.protocol",
        "socket.connection.setup.timeout.ms",
        "ssl.ca.location",
    ],
)
def test_the_connection_and_its_trust_are_the_producers_too(name: str) -> None:
    """What the consumer needs to get in, the producer needs to get in at the same door."""
    assert is_shared(name)
    assert producer_config("a:1", {name: "x"}, {})[name] == "x"
    assert producer_config("a:1", {name: "x"}, {name: "y"})[name] == "y"


@pytest.mark.parametrize(
    "name",
    ["bootstrap.servers", "client.id", "client.rack", "group.id", "fetch.max.bytes", "message.max.bytes"],
)
def test_all_else_is_the_consumers_own(name: str) -> None:
    """A name, a size or a group says nothing about how to reach the brokers."""
    assert not is_shared(name)
    assert producer_config("a:1", {name: "x"}, {}).get(name) != "x"


def test_the_brokers_have_a_key_of_their_own() -> None:
    """Nothing passed through sends payments or dead letters to other brokers."""
    other = {"bootstrap.servers": "b:1"}
    assert producer_config("a:1", other, other)["bootstrap.servers"] == "a:1"
    assert consumer_config("a:1", "g", other)["bootstrap.servers"] == "a:1"


def test_librdkafka_takes_unsecured_tokens_in_both_clients() -> None:
    """SASL OAUTHBEARER without a provider works only where both clients are told so."""
    properties = Properties(
        {
            "security.protocol": "sasl_plaintext",
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.config": "principal=me",
            "enable.sasl.oauthbearer.unsecure.jwt": "true",
        }
    )
    assert list(refused_by_consumer(properties)) == []
    assert list(refused_by_producer(properties, Properties())) == []
