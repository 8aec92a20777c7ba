"""What the registry client itself says about the properties that are passed to it. Nothing is asked."""

from collections.abc import Iterator, Mapping
from typing import Final

from confluent_kafka.schema_registry import SchemaRegistryClient

from consumer.core.settings.kafka_properties import Refusal, for_registry
from consumer.core.settings.properties import Properties

_UNKNOWN: Final = "Unrecognized properties: "
#: Some address: the client asks for one, and nothing is sent there.
_ADDRESS: Final = "http://localhost"
_CURE: Final = "see the configuration of SchemaRegistryClient in confluent-kafka"


def refused_by_registry_client(properties: Properties) -> Iterator[Refusal]:
    """Yield what the client does not take: unknown names, then the first thing it says about the others.

    A file that can't be used is told of the property without which the client would not complain.
    """
    unknown: tuple[str, ...] = ()
    known = {name: value for name, value in properties.items() if not name.endswith(".location")}
    names = _complaint(known)
    if names.startswith(_UNKNOWN):
        unknown = tuple(names.removeprefix(_UNKNOWN).split(", "))
    for name in unknown:
        yield Refusal(name, "is no property of the registry client", _CURE)
    rest = {name: value for name, value in properties.items() if name not in unknown}
    text = _complaint(rest)
    if text:
        yield Refusal(_cause(rest, text), f"is not what the registry client takes: {text}", _CURE)


def _cause(properties: Mapping[str, str], text: str) -> str:
    """Return the property without which the client would not say ``text``; empty where there is none."""
    for name in properties:
        if _complaint({other: value for other, value in properties.items() if other != name}) != text:
            return name
    return ""


def _complaint(properties: Mapping[str, str]) -> str:
    """Return what the client says when it is made; empty where it takes everything. It repeats no value."""
    try:
        SchemaRegistryClient(for_registry(_ADDRESS, properties))
    except OSError as error:
        return f"a file can't be used: {error.strerror or error}"
    except (ValueError, TypeError) as error:
        return str(error)
    return ""
