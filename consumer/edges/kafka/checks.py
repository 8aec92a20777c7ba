"""What librdkafka itself says about the properties that are passed to it. No broker is asked."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaException, Producer

from consumer.core.settings.kafka_properties import Refusal
from consumer.core.settings.properties import Properties, discreet
from consumer.edges.kafka.clients import Config, consumer_config, is_shared, producer_config

#: How librdkafka names the property that it does not take.
_NAMED: Final = re.compile(r'configuration property:? "(?P<name>[^"]+)"')
_CURE: Final = "see the page CONFIGURATION.md of librdkafka"


def refused_by_consumer(properties: Properties) -> Iterator[Refusal]:
    """Yield what librdkafka does not take in a consumer; see :func:`_refused`."""
    return _refused(_try_consumer, properties)


def refused_by_producer(shared: Properties, properties: Properties) -> Iterator[Refusal]:
    """Yield what librdkafka does not take in the producer, beside what the consumer shares with it."""
    taken = {name: value for name, value in shared.items() if is_shared(name)}
    refused = {refusal.name for refusal in refused_by_consumer(Properties(taken))}
    rest = {name: value for name, value in taken.items() if name not in refused}
    return _refused(lambda own: _try_producer({**rest, **own}), properties)


def _refused(attempt: Callable[[Mapping[str, str]], str], properties: Properties) -> Iterator[Refusal]:
    """Yield what librdkafka says against ``properties`` when ``attempt`` makes a client with them.

    It tells of one at a time; a name or value that it does not know is left out and the rest tried again,
    so all of those are found. What it says about several together (a mechanism without its password) is
    told of one of them, and ends the search: more would be guessing.
    """
    rest = dict(properties)
    while text := attempt(rest):
        named = _NAMED.search(text)
        name = named["name"] if named and named["name"] in rest else _cause(attempt, rest, text)
        if name is None or named is None:
            yield Refusal(
                name or "",
                f"is not what librdkafka takes: {discreet(_beginning_left_out(text), properties)}",
                _CURE,
            )
            return
        yield Refusal(name, _words(text), _CURE)
        del rest[name]


def _cause(
    attempt: Callable[[Mapping[str, str]], str], properties: Mapping[str, str], text: str
) -> str | None:
    """Return the property that ``text`` names, else the last without which librdkafka would not say it."""
    if named := [name for name in properties if name in text]:
        return max(named, key=len)
    for name in reversed(list(properties)):
        if attempt({other: value for other, value in properties.items() if other != name}) != text:
            return name
    return None


def _words(text: str) -> str:
    if text.startswith("No such"):
        return "is no property of librdkafka"
    return "has a value that librdkafka does not take"


def _beginning_left_out(text: str) -> str:
    """Return ``text`` without what stands before its first colon, which says nothing."""
    return text.partition(": ")[2] or text


def _try_consumer(properties: Mapping[str, str]) -> str:
    """Return what librdkafka says against a consumer with ``properties``; empty where it takes them."""
    try:
        Consumer(_offline(consumer_config("", "check", properties))).close()
    except KafkaException as error:
        return str(error.args[0].str())
    return ""


def _try_producer(properties: Mapping[str, str]) -> str:
    """Return what librdkafka says against the producer with ``properties``; empty where it takes them."""
    try:
        Producer(_offline(producer_config("", {}, properties))).flush(0)
    except KafkaException as error:
        return str(error.args[0].str())
    return ""


def _offline(config: Config) -> Config:
    """Return ``config`` without brokers to connect to, and silent: what is wrong is told by us."""
    del config["bootstrap.servers"]
    return {**config, "log_level": 0}
