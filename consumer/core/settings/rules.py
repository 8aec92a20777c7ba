"""Rules across keys: what no single value can tell. A table of functions; each names the keys it judges."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from consumer.core.partitions.lease import calls_outlast, shortest_session
from consumer.core.partitions.subscription import (
    Letters,
    Subscription,
    is_pattern,
    letters_read,
    pattern_fault,
)
from consumer.core.settings.environment import variable_name
from consumer.core.settings.kafka_properties import session_seconds
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
_ERASURE: Final = ("erasure", "topic")
_REPORTING: Final = ("currency", "reporting")
_RATES: Final = ("currency", "rates")


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


#: What helps where dead letters would go to a topic that is read.
_OWN_LETTERS: Final = "give dead letters a topic of their own, such as {topic}.dlq"


def _no_topic_for(source: str) -> Broken:
    what = f"gives no topic name that Kafka takes for {source}"
    return Broken(_TOPIC, what, "use letters, digits, '.', '_' and '-', at most 249 with the source's name")


def _dead_letters_are_apart(settings: Settings) -> Iterator[Broken]:
    yield from dead_letters_apart(settings.kafka.topics, settings)


def dead_letters_apart(entries: Sequence[str], settings: Settings) -> Iterator[Broken]:
    """Yield why dead letters can't go where ``settings`` say, with topics (names and patterns) to read."""
    if _has_other_placeholder(settings):
        return
    letters = settings.dead_letters
    for source in entries:
        name = "t" if is_pattern(source) else source
        if is_pattern(source) and letters.topic_for(name) == name:
            yield Broken(_TOPIC, "sends dead letters to the topics that they came from", _OWN_LETTERS)
        elif not is_topic(letters.topic_for(name)):
            yield _no_topic_for(source)
    for target, source in letters_read(entries, Letters(letters.topic)):
        told = f"the dead letters of {source}" if source else "all dead letters"
        yield Broken(_TOPIC, f"sends {told} to {target}, which is read as a source", _OWN_LETTERS)


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


def _erasure_has_topic(settings: Settings) -> Iterator[Broken]:
    if settings.erasure.enabled and settings.erasure.topic is None:
        what = "is not set, and erasure.enabled is true"
        yield Broken(_ERASURE, what, "name the topic with UserErasure records, or set enabled: false")


def _erasures_are_apart(settings: Settings) -> Iterator[Broken]:
    yield from erasures_apart(settings.kafka.topics, settings)


def erasures_apart(entries: Sequence[str], settings: Settings) -> Iterator[Broken]:
    """Yield where an erasure could be mistaken for something else, with payments in these topics.

    ``entries`` are names and patterns. Also asked while erasure is off.
    """
    topic = settings.erasure.topic
    if topic is None or _has_other_placeholder(settings):
        return
    cure = "give erasures a topic of their own, such as users.erasures.v1"
    payments = Subscription.of(
        (entry for entry in entries if not is_pattern(entry) or pattern_fault(entry) is None),
        Letters(settings.dead_letters.topic),
    )
    if topic in payments.names:
        yield Broken(_ERASURE, "is one of the topics whose records are payments", cure)
    elif any(pattern.match(topic) for pattern in payments.patterns):
        yield Broken(_ERASURE, "is matched by a pattern of topics whose records are payments", cure)
    elif payments.is_letters(topic) or settings.dead_letters.topic_for(topic) == topic:
        source = payments.letters.source_of(topic)
        whose = f"the dead letters of {source}" if source else "all dead letters"
        yield Broken(_ERASURE, f"is where {whose} go", cure)
    target = settings.dead_letters.topic_for(topic)
    if not is_topic(target):
        yield _no_topic_for(topic)
    elif target in payments.names:
        what = f"sends the dead letters of {topic} to {target}, which is read as a source"
        yield Broken(_TOPIC, what, _OWN_LETTERS)


def _one_currency(settings: Settings) -> Iterator[Broken]:
    currency = settings.currency
    why = "the API adds up amounts whatever their currency"
    if currency.reporting is None and currency.accept is None:
        yield Broken(
            ("currency", "accept"),
            f"is not set, nor is currency.reporting: {why}",
            "list the currencies of your payments, as in accept: [INR], or set reporting to the one that "
            "they are converted to, and rates",
        )
    if currency.reporting is not None and currency.accept is not None:
        what = "is set beside currency.reporting, by which all currencies are converted"
        yield Broken(
            ("currency", "accept"), what, "remove accept to convert, or reporting and rates not to convert"
        )


def _reporting_has_rates(settings: Settings) -> Iterator[Broken]:
    currency = settings.currency
    if currency.reporting is not None and currency.rates is None:
        what = "is set, and currency.rates does not say where exchange rates come from"
        yield Broken(
            ("currency", "reporting"), what, "set rates, as in {source: ecb, path: eurofxref-hist.csv}"
        )
    if currency.reporting is None and currency.rates is not None:
        what = "is set, and nothing is converted without currency.reporting"
        yield Broken(
            _RATES, what, "set reporting to the currency that payments are converted to, or remove it"
        )


#: Which keys of ``currency.rates`` each source needs; it takes no others of these.
_RATE_KEYS: Final = {"table": ("base", "rates"), "ecb": ("path",), "file": ("path", "base")}


def _rates_have_their_keys(settings: Settings) -> Iterator[Broken]:
    rates = settings.currency.rates
    if rates is None:
        return
    needed = _RATE_KEYS[rates.source]
    given = {name: getattr(rates, name) is not None for name in ("path", "base", "rates")}
    # A table of fixed rates has no age.
    given["max_age_days"] = "max_age_days" in rates.model_fields_set and rates.source == "table"
    for name, is_given in given.items():
        if name in needed and not is_given:
            yield Broken((*_RATES, name), f"is not set, and source: {rates.source} needs it", f"add {name}")
        if name not in needed and is_given:
            what = f"has no meaning with source: {rates.source}"
            yield Broken((*_RATES, name), what, f"remove it; {rates.source} has {' and '.join(needed)}")


def _static_rates_lead_to_reporting(settings: Settings) -> Iterator[Broken]:
    currency, rates = settings.currency, settings.currency.rates
    if rates is None or rates.rates is None or rates.base is None:
        return
    if rates.base in rates.rates:
        what = "has a rate of the base itself"
        yield Broken((*_RATES, "rates"), what, "remove it; it is 1")
    elif currency.reporting is not None and currency.reporting not in {rates.base, *rates.rates}:
        what = "has no rate of currency.reporting, to which everything is converted"
        yield Broken((*_RATES, "rates"), what, "add its rate, or make it the base")


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
    CrossRule((("erasure", "enabled"), _ERASURE), _erasure_has_topic),
    CrossRule((_ERASURE, _TOPIC, ("kafka", "topics")), _erasures_are_apart),
    CrossRule((_REPORTING, ("currency", "accept")), _one_currency),
    CrossRule((_REPORTING, _RATES), _reporting_has_rates),
    CrossRule((_RATES,), _rates_have_their_keys),
    CrossRule((_REPORTING, _RATES), _static_rates_lead_to_reporting),
)


def warnings(settings: Settings, now: datetime) -> tuple[str, ...]:
    """Return what is allowed but worth a second look, each as a sentence that names its key.

    ``now`` is aware.
    """
    return (*_warnings(settings), *_warnings_of_time(settings, now))


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
    kafka = settings.kafka.properties
    session = session_seconds(kafka)
    if calls_outlast(session, linkrunner.timeout_seconds):
        enough = shortest_session(linkrunner.timeout_seconds) * 1000
        yield (
            f"linkrunner.timeout_seconds is long beside the {session:g} s after which the group gives away "
            "the partitions of a lost instance: a slow call of that one can end behind those of its "
            "successor. Lower it, or set session.timeout.ms under kafka.properties to "
            f"{enough:.0f} or more (group.protocol consumer leaves it to the brokers)."
        )
    registry = settings.schema_registry
    if registry.properties and any(map(_is_clear, (registry.url or "").split(","))):
        yield "schema_registry.url is plain http: credentials for the registry travel in clear."
    if kafka.get("security.protocol", "").lower() == "sasl_plaintext":
        yield "security.protocol in kafka.properties is sasl_plaintext: all travels in clear."
    if settings.erasure.topic is not None and not settings.erasure.enabled:
        yield "erasure.topic is set and erasure.enabled is not: the topic is not read, and nobody is erased."


def _warnings_of_time(settings: Settings, now: datetime) -> Iterator[str]:
    until = settings.linkrunner.accept_refusals_until
    if until is not None and until <= now:
        yield "linkrunner.accept_refusals_until has passed: it has no effect; remove it."
    elif until is not None:
        yield (
            "linkrunner.accept_refusals_until is set: until then bad records become dead letters, however "
            "many, and no topic is stopped for them."
        )
