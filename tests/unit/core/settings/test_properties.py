"""Pass-through properties: given to the library as they are, shown to people without the secrets."""

import pytest

from consumer.core.settings.properties import MASK, Properties, as_text, is_secret


@pytest.mark.parametrize(
    "name",
    [
        "sasl.password",
        "ssl.key.password",
        "ssl.keystore.password",
        "ssl.key.pem",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.config",
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.oauthbearer.assertion.private.key.pem",
        "basic.auth.user.info",
        "bearer.auth.token",
        "bearer.auth.client.secret",
        "proxy",
        "sasl.jaas.config",
        "SASL.PASSWORD",
    ],
)
def test_secrets_are_known_by_name(name: str) -> None:
    """All that librdkafka and the registry client have for secrets, and what is taken for one of theirs."""
    assert is_secret(name, "canary")
    assert Properties({name: "canary"}).shown() == {name: MASK}


@pytest.mark.parametrize(
    "name", ["sasl.username", "security.protocol", "ssl.ca.location", "sasl.oauthbearer.token.endpoint.url"]
)
def test_what_helps_to_find_a_mistake_is_shown(name: str) -> None:
    """Masking everything would hide what an operator has to compare."""
    assert Properties({name: "value"}).shown() == {name: "value"}


@pytest.mark.parametrize(
    "name", ["sasl.oauthbearer.token.endpoint.url", "bearer.auth.issuer.endpoint.url", "x"]
)
@pytest.mark.parametrize(
    "value",
    [
        "https://user:canary@host/token",
        "https://canary@host",
        "https://user:can/canary@host",
        "http://a,http://user:canary@b",
    ],
)
def test_an_address_with_a_password_in_it_is_secret_whatever_its_name(name: str, value: str) -> None:
    """Any property may take an address, and any address may say who asks."""
    properties = Properties({name: value})
    assert properties.shown() == {name: MASK}
    assert properties[name] == value
    assert "canary" not in f"{properties} {properties!r} {properties.without([])!r}"


@pytest.mark.parametrize("value", ["https://host/token", "a@b.example", "host:1,host:2"])
def test_an_address_without_a_password_is_shown(value: str) -> None:
    """Only what comes between the scheme and an @ can be a password."""
    assert Properties({"client.id": value}).shown() == {"client.id": value}


def test_what_a_file_held_is_secret_whatever_its_name() -> None:
    """Whoever puts a value into a file of its own does not want to see it printed."""
    properties = Properties({"client.id": "canary", "client.rack": "a"}, frozenset({"client.id"}))
    assert properties["client.id"] == "canary"
    assert "canary" not in f"{properties} {properties!r} {properties.without(['client.rack'])!r}"
    assert properties.shown()["client.rack"] == "a"


def test_properties_are_a_mapping() -> None:
    """Libraries get them as they are; two with the same values are the same."""
    properties = Properties({"a": "1", "b": "2"})
    assert {**properties} == {"a": "1", "b": "2"}
    assert properties == Properties({"b": "2", "a": "1"})
    assert hash(properties) == hash(Properties({"b": "2", "a": "1"}))
    assert dict(properties.without({"a"})) == {"b": "2"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (0.5, "0.5"),
        ("x", "x"),
        ("", ""),
        (None, None),
        ([], None),
    ],
)
def test_scalars_become_texts_as_librdkafka_writes_them(value: object, text: str | None) -> None:
    """YAML knows booleans and numbers, librdkafka texts."""
    assert as_text(value) == text
