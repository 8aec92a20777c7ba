"""Rules across keys: what no single value can tell. A table of functions; each names the keys it judges."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from consumer.core.partitions.subscription import Letters, is_pattern, letters_read
from consumer.core.settings.environment import variable_name
from consumer.core.settings.keys import Path
from consumer.core.settings.registries import apicurio_api
from consumer.core.settings.tree import Settings
from consumer.core.settings.types import is_topic

#: librdkafka's default of max.poll.interval.ms.
MAX_POLL_INTERVAL_MS: Final = 300_000
#: Time for the commit and the hand-over after a drain, inside max.poll.interval.ms.
DRAIN_MARGIN_MS: Final = 10_000
#: What the documentation of the API says a source address may send.
DOCUMENTED_REQUESTS_PER_SECOND: Final = 30

_PROPERTIES: Final = ("kafka", "properties")
_TOPIC: Final = ("dead_letters", "topic")


class Broken(NamedTuple):
    """A broken rule: the key to change, what is wrong and what helps."""

    path: Path
    what: str
    cure: str


@dataclass(frozen=True, slots=True)
class CrossRule:
    """A rule over ``keys``; it is not asked while one of them has a mistake of its own."""

    keys: tuple[Path, ...]
    check: Callable[[Settings], Iterator[Broken]]


def _drain_fits_poll_interval(settings: Settings) -> Iterator[Broken]:
    text = settings.kafka.properties.get("max.poll.interval.ms", str(MAX_POLL_INTERVAL_MS))
    if not text.isdecimal():
        return  # librdkafka says so itself
    needed = int(settings.shutdown.drain_seconds * 1000) + DRAIN_MARGIN_MS
    if int(text[:18]) < needed:
        yield Broken(
            ("shutdown", "drain_seconds"),
            "does not fit into kafka's max.poll.interval.ms: the group would go on before the drain is over",
            f"lower it, or set max.poll.interval.ms under kafka.properties to {needed} or more",
        )


def _dead_letter_topic_is_template(settings: Settings) -> Iterator[Broken]:
    if _has_other_placeholder(settings):
        yield Broken(_TOPIC, "has a placeholder other than {topic}", "write {topic} for the source topic")


def _has_other_placeholder(settings: Settings) -> bool:
    return re.search(r"[{}]", settings.dead_letters.topic_for("")) is not None


def _dead_letters_are_apart(settings: Settings) -> Iterator[Broken]:
    yield from dead_letters_apart(settings.kafka.topics, settings)


def dead_letters_apart(entries: Sequence[str], settings: Settings) -> Iterator[Broken]:
    """Yield why dead letters can't go where ``settings`` say, with topics (names and patterns) to read."""
    if _has_other_placeholder(settings):
        return
    letters, own = settings.dead_letters, "give dead letters a topic of their own, such as {topic}.dlq"
    for source in entries:
        name = "t" if is_pattern(source) else source
        if is_pattern(source) and letters.topic_for(name) == name:
            yield Broken(_TOPIC, "sends dead letters to the topics that they came from", own)
        elif not is_topic(letters.topic_for(name)):
            what = f"gives no topic name that Kafka takes for {source}"
            yield Broken(
                _TOPIC, what, "use letters, digits, '.', '_' and '-', at most 249 with the source's name"
            )
    for target, source in letters_read(entries, Letters(letters.topic)):
        told = f"the dead letters of {source}" if source else "all dead letters"
        yield Broken(_TOPIC, f"sends {told} to {target}, which is read as a source", own)


def _raw_has_schema(settings: Settings) -> Iterator[Broken]:
    decoding = settings.decoding
    if decoding.wire_format == "raw" and decoding.schema_file is None:
        what = "is raw, and raw records do not say what schema they have"
        yield Broken(("decoding", "wire_format"), what, "set decoding.schema to the file with their schema")
    if decoding.wire_format != "raw" and decoding.schema_file is not None:
        what = "is used for raw records only, and decoding.wire_format is not raw"
        yield Broken(
            ("decoding", "schema"), what, "remove it, set wire_format: raw, or list it in decoding.schemas"
        )


def _ids_have_registry(settings: Settings) -> Iterator[Broken]:
    wire_format = settings.decoding.wire_format
    if wire_format in {"confluent", "confluent_header", "apicurio"} and settings.schema_registry.url is None:
        what = f"is {wire_format}, whose schemas are in a registry, and none is set"
        yield Broken(("decoding", "wire_format"), what, "set schema_registry.url")


def _apicurio_is_apicurios(settings: Settings) -> Iterator[Broken]:
    url = settings.schema_registry.url
    if settings.decoding.wire_format == "apicurio" and url is not None and apicurio_api(url) is None:
        yield Broken(
            ("schema_registry", "url"),
            "is not where Apicurio answers for its own ids, which decoding.wire_format asks for",
            "let each address end in /apis/registry/v2",
        )


def _registry_properties_are_used(settings: Settings) -> Iterator[Broken]:
    if settings.schema_registry.properties and settings.schema_registry.url is None:
        what = "are set for a registry that has no address"
        yield Broken(("schema_registry", "properties"), what, "set schema_registry.url, or remove them")


def _topics_are_named(settings: Settings) -> Iterator[Broken]:
    topics = ("kafka", "topics")
    if settings.mapping is not None and settings.kafka.topics:
        cure = "remove it, or list these topics in a source with schema: canonical"
        yield Broken(topics, "is set beside mapping, whose sources say what is read", cure)
    if settings.mapping is None and not settings.kafka.topics:
        cure = f"add it, or set {variable_name(topics)}, or name a mapping"
        yield Broken(topics, "is not set", cure)


#: How records are framed, and what that needs. A source of a mapping may have a framing of its own.
FRAMING: Final = (
    CrossRule((("decoding", "wire_format"), ("decoding", "schema")), _raw_has_schema),
    CrossRule((("decoding", "wire_format"), ("schema_registry", "url")), _ids_have_registry),
    CrossRule((("decoding", "wire_format"), ("schema_registry", "url")), _apicurio_is_apicurios),
)

RULES: Final = (
    CrossRule((("kafka", "topics"), ("mapping",)), _topics_are_named),
    CrossRule((_PROPERTIES, ("shutdown", "drain_seconds")), _drain_fits_poll_interval),
    CrossRule((_TOPIC,), _dead_letter_topic_is_template),
    CrossRule((_TOPIC, ("kafka", "topics")), _dead_letters_are_apart),
    *FRAMING,
    CrossRule((("schema_registry", "properties"), ("schema_registry", "url")), _registry_properties_are_used),
)


def warnings(settings: Settings) -> tuple[str, ...]:
    """Return what is allowed but worth a second look, each as a sentence that names its key."""
    return tuple(_warnings(settings))


def _is_clear(url: str) -> bool:
    """Tell whether an address is plain http; the scheme may be in capitals (RFC 3986, 3.1)."""
    return url.lower().startswith("http:")


def _warnings(settings: Settings) -> Iterator[str]:
    linkrunner = settings.linkrunner
    if _is_clear(linkrunner.base_url):
        yield "linkrunner.base_url is plain http: the server key travels in clear."
    if linkrunner.requests_per_second > DOCUMENTED_REQUESTS_PER_SECOND:
        yield (
            "linkrunner.requests_per_second is above the API's documented limit of "
            f"{DOCUMENTED_REQUESTS_PER_SECOND} for one source address."
        )
    if linkrunner.timeout_seconds > settings.shutdown.drain_seconds:
        yield (
            "linkrunner.timeout_seconds is longer than shutdown.drain_seconds: "
            "a stop can cut off a slow call, which is then repeated."
        )
    registry = settings.schema_registry
    if registry.properties and any(map(_is_clear, (registry.url or "").split(","))):
        yield "schema_registry.url is plain http: credentials for the registry travel in clear."
    kafka = settings.kafka.properties
    if kafka.get("security.protocol", "").lower() == "sasl_plaintext":
        yield "security.protocol in kafka.properties is sasl_plaintext: all travels in clear."
