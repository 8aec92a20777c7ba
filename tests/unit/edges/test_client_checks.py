"""What the client libraries say about the properties that are passed to them, without any server."""

from typing import Final

import pytest

from consumer.core.settings.kafka_properties import Refusal
from consumer.core.settings.properties import Properties
from consumer.edges.kafka.checks import refused_by_consumer, refused_by_producer
from consumer.edges.registry_properties import refused_by_registry_client

NONE: Final = Properties()


def consumer(**values: str) -> list[Refusal]:
    """Return what a consumer does not take; underscores in names stand for dots."""
    return list(
        refused_by_consumer(Properties({name.replace("_", "."): value for name, value in values.items()}))
    )


def registry(values: dict[str, str]) -> list[Refusal]:
    """Return what the registry client does not take."""
    return list(refused_by_registry_client(Properties(values)))


def test_what_is_good_is_taken() -> None:
    """Our own defaults and promises go together with usual properties."""
    secure = Properties(
        {
            "security.protocol": "sasl_ssl",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "me",
            "sasl.password": "secret",
        }
    )
    assert list(refused_by_consumer(secure)) == []
    assert (
        list(refused_by_producer(secure, Properties({"compression.type": "zstd", "linger.ms": "20"}))) == []
    )
    assert list(refused_by_consumer(Properties({"group.protocol": "consumer"}))) == []


def test_every_unknown_name_and_value_is_told() -> None:
    """The client tells one at a time; the check does not stop there."""
    refusals = consumer(sasl_pasword="canary", session_timeout_ms="soon", client_id="fine", no_such="1")
    assert sorted(refusal.name for refusal in refusals) == ["no.such", "sasl.pasword", "session.timeout.ms"]
    assert "canary" not in str(refusals)


@pytest.mark.parametrize(
    ("values", "name", "words"),
    [
        ({"security_protocol": "sasl_ssl", "sasl_mechanism": "PLAIN"}, "sasl.mechanism", "sasl.username"),
        ({"security_protocol": "ssl", "ssl_ca_location": "nowhere.pem"}, "ssl.ca.location", "failed"),
        ({"max_poll_interval_ms": "10000"}, "max.poll.interval.ms", "session.timeout.ms"),
    ],
)
def test_what_does_not_go_together_is_told_at_one_of_them(
    values: dict[str, str], name: str, words: str
) -> None:
    """Some of it shows only when the client is made, and would else stop the service at its start."""
    (refusal,) = consumer(**values)
    assert refusal.name == name
    assert words in refusal.what


def test_another_name_of_a_property_is_told_as_it_was_written() -> None:
    """The client speaks of queue.buffering.max.ms where linger.ms is meant."""
    (refusal,) = refused_by_producer(NONE, Properties({"linger.ms": "soon"}))
    assert refusal.name == "linger.ms"


def test_shared_properties_are_told_for_the_consumer_only() -> None:
    """One mistake, one line: the producer takes over the connection, and its mistakes are told already."""
    (refusal,) = refused_by_producer(
        Properties({"ssl.nonsense": "1", "no.such": "1"}), Properties({"acks.nonsense": "1"})
    )
    assert refusal.name == "acks.nonsense"


def test_what_a_secret_breaks_is_told_without_it() -> None:
    """The client's own words repeat what it was given, here the mechanism, which came from a file."""
    properties = Properties(
        {"security.protocol": "sasl_ssl", "sasl.mechanism": "canary"}, frozenset({"sasl.mechanism"})
    )
    (refusal,) = refused_by_consumer(properties)
    assert refusal.name == "sasl.mechanism"
    assert "***" in refusal.what
    assert "canary" not in str(refusal)


def test_nothing_is_written_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """The library would log its own view of the same mistake."""
    assert consumer(security_protocol="ssl", ssl_ca_location="nowhere.pem")
    assert capfd.readouterr() == ("", "")


def test_the_registry_client_is_asked_too() -> None:
    """Unknown names one by one, and files that are not there, at once."""
    refusals = registry({"nonsense": "1", "timeout": "5", "other": "x", "ssl.ca.location": "nowhere.pem"})
    assert [refusal.name for refusal in refusals] == ["nonsense", "other", "ssl.ca.location"]
    assert "No such file" in refusals[-1].what


def test_the_registry_client_repeats_no_secret() -> None:
    """A user without a password is told, and not what was there instead."""
    (refusal,) = registry({"basic.auth.user.info": "canary"})
    assert refusal.name == "basic.auth.user.info"
    assert "canary" not in str(refusal)


def test_good_registry_properties_are_taken() -> None:
    """Numbers arrive as numbers."""
    assert registry({"basic.auth.user.info": "me:secret", "timeout": "5"}) == []
