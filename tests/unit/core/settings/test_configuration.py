"""Every rule of the configuration: a broken one is told with its key, its line and a cure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from textwrap import dedent
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.errors import ConfigurationError, Mistake
from consumer.core.settings import configuration, documents
from consumer.core.settings.configuration import Reading
from consumer.core.settings.documents import Source
from consumer.core.settings.effective import effective, entries
from consumer.core.settings.kafka_properties import Role
from consumer.core.settings.keys import KEYS
from consumer.core.settings.mapped import Configured
from consumer.core.settings.rules import warnings
from consumer.core.settings.tree import Settings

NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: The least that is a configuration. Line 2 of a test's document is the line behind it.
LEAST: Final = "kafka: {bootstrap_servers: 'a:9092', topics: [payments]}\ncurrency: {accept: [INR]}\n"
CURRENCY: Final = "currency: {accept: [INR]}\n"


def read(text: str) -> Reading:
    """Return what the document ``text``, called ``c.yaml``, comes to."""
    document = documents.read(text, Source("c.yaml", 1))
    assert document.root is not None
    return configuration.parse(document.root, document.findings)


def settings(text: str) -> Settings:
    """Return the settings of the document ``text``."""
    return read(text).unwrap()


def mistakes(text: str) -> tuple[Mistake, ...]:
    """Return what is wrong with the document ``text``."""
    with pytest.raises(ConfigurationError) as error:
        read(text).unwrap()
    return error.value.mistakes


@dataclass(frozen=True)
class Broken:
    """One broken rule: lines behind :data:`LEAST` (so its first line is 3), and what must be told."""

    text: str
    where: str
    what: str
    cure: str


def converting(rates: str, more: str = "", reporting: str = "INR") -> str:
    """Return a document that converts: line 3 has ``reporting`` and ``more``, line 4 the rates."""
    return (
        "kafka: {bootstrap_servers: 'a:9092', topics: [p]}\n"
        f"currency: {{\n  reporting: {reporting}, {more + ', ' if more else ''}\n  rates: {rates}}}\n"
    )


def kafka(line: str) -> str:
    """Return a document whose line 4 is ``line``, inside ``kafka``."""
    return f"{CURRENCY}kafka:\n  bootstrap_servers: a:9092\n  {line}\n" + (
        "" if line.startswith("topics") else "  topics: [payments]\n"
    )


BROKEN: Final = {
    "unknown section": Broken(
        f"{LEAST}kafak: 1", "kafak (c.yaml:3)", "is no key that there is", "did you mean kafka?"
    ),
    "unknown key": Broken(
        f"{LEAST}http: {{prot: 1}}",
        "http.prot (c.yaml:3)",
        "is no key that there is",
        "did you mean http.port?",
    ),
    "unknown key like no other": Broken(
        f"{LEAST}log: {{zzz: 1}}", "log.zzz (c.yaml:3)", "is no key that there is", "log has: level, format"
    ),
    "key nearly right, and right in another section": Broken(
        kafka("topic: x"), "kafka.topic (c.yaml:4)", "is no key that there is", "did you mean kafka.topics?"
    ),
    "key of another section": Broken(
        f"{LEAST}commit: {{drain_seconds: 1}}",
        "commit.drain_seconds (c.yaml:3)",
        "is no key that there is",
        "did you mean shutdown.drain_seconds?",
    ),
    "a later feature's key": Broken(
        f"{LEAST}tracing: x", "tracing (c.yaml:3)", "is no key that there is", "the sections are: kafka"
    ),
    "attribute that is no key": Broken(
        f"{LEAST}decoding: {{schema_file: a.avsc}}",
        "decoding.schema_file (c.yaml:3)",
        "is no key that there is",
        "did you mean decoding.schema",
    ),
    "value for a section": Broken(
        f"{LEAST}http: 8080", "http (c.yaml:3)", "is a section", "write its keys below"
    ),
    "key twice": Broken(
        f"{LEAST}http:\n  port: 1\n  port: 2", "http.port (c.yaml:5)", "is set twice", "here or at c.yaml:4"
    ),
    "tag": Broken(
        f"{LEAST}http: {{port: !!python/name:os.system x}}", "http.port (c.yaml:3)", "has a tag", "'!'"
    ),
    "merge key": Broken(
        f"{LEAST}http: {{<<: {{port: 1}}}}", "http (c.yaml:3)", "merge key", "write the keys out"
    ),
    "number as a key": Broken(f"{LEAST}8080: x", "c.yaml:3", "key that is no text", "quotes"),
    "text for a number": Broken(
        f"{LEAST}http: {{port: '8080'}}", "http.port (c.yaml:3)", "must be a whole number", "without quotes"
    ),
    "boolean for a number": Broken(
        f"{LEAST}linkrunner: {{timeout_seconds: true}}",
        "linkrunner.timeout_seconds (c.yaml:3)",
        "must be a number",
        "in digits",
    ),
    "number for a text": Broken(kafka("group_id: 5"), "kafka.group_id (c.yaml:4)", "must be text", "quotes"),
    "null for a text": Broken(kafka("group_id:"), "kafka.group_id (c.yaml:4)", "must be text", "one text"),
    "text for a boolean": Broken(
        f"{LEAST}dead_letters: {{create: yes}}",
        "dead_letters.create (c.yaml:3)",
        "must be true or false",
        "write true or false",
    ),
    "text for a list": Broken(
        f"{LEAST}decoding: {{schemas: a.avsc}}",
        "decoding.schemas (c.yaml:3)",
        "must be a list",
        "[first, second]",
    ),
    "list for a path": Broken(
        f"{LEAST}linkrunner: {{server_key_file: [a]}}",
        "linkrunner.server_key_file (c.yaml:3)",
        "must be the path of a file",
        "as text",
    ),
    "blank": Broken(kafka("group_id: ' '"), "kafka.group_id (c.yaml:4)", "is blank", "write a value"),
    "control character": Broken(
        kafka('group_id: "a\\nb"'), "kafka.group_id (c.yaml:4)", "control character", "one line"
    ),
    "unknown choice": Broken(
        kafka("start_from: soon"),
        "kafka.start_from (c.yaml:4)",
        "does not know",
        "write one of: earliest, latest, refuse",
    ),
    "unknown choice in a list": Broken(
        f"{LEAST}lifecycle:\n  capture_statuses:\n  - FAILED\n  - PAID",
        "lifecycle.capture_statuses[1] (c.yaml:6)",
        "does not know",
        "write one of: INITIATED, FAILED, CANCELLED",
    ),
    "zero": Broken(
        f"{LEAST}linkrunner: {{requests_per_second: 0}}",
        "linkrunner.requests_per_second (c.yaml:3)",
        "too small",
        "more than 0",
    ),
    "below the least": Broken(
        f"{LEAST}commit: {{interval_seconds: 0.01}}",
        "commit.interval_seconds (c.yaml:3)",
        "too small",
        "0.1 or more",
    ),
    "above the most": Broken(
        f"{LEAST}http: {{port: 65536}}", "http.port (c.yaml:3)", "too large", "65535 or less"
    ),
    "no number any more": Broken(
        f"{LEAST}shutdown: {{drain_seconds: 1e999}}",
        "shutdown.drain_seconds (c.yaml:3)",
        "too large",
        "smaller",
    ),
    "topics beside a mapping": Broken(
        f"{LEAST}mapping: m.yaml", "kafka.topics (c.yaml:1)", "beside mapping", "schema: canonical"
    ),
    "neither topics nor a mapping": Broken(
        f"{CURRENCY}kafka: {{bootstrap_servers: 'a:9092'}}",
        "kafka.topics (c.yaml:2)",
        "is not set",
        "LINKRUNNER_CONSUMER__KAFKA__TOPICS, or name a mapping",
    ),
    "no topics": Broken(kafka("topics: []"), "kafka.topics (c.yaml:4)", "names no topic", "at least one"),
    "topic twice": Broken(kafka("topics: [a, a]"), "kafka.topics (c.yaml:4)", "twice", "once"),
    "topic pattern": Broken(
        kafka("topics: ['^refunds(']"), "kafka.topics[0] (c.yaml:4)", "no regular expression", "Python's re"
    ),
    "topic pattern for ever": Broken(
        kafka("topics: ['^(a+)+$']"), "kafka.topics[0] (c.yaml:4)", "no bounded time", "list the topics"
    ),
    "pattern of a dead-letter topic": Broken(
        f"{CURRENCY}kafka: {{bootstrap_servers: 'a:9092', topics: ['^pay', pay.dlq]}}",
        "dead_letters.topic (c.yaml)",
        "the dead letters of pay to pay.dlq, which is read as a source",
        "{topic}.dlq",
    ),
    "pattern of topics that are their own dead letters": Broken(
        f"{CURRENCY}kafka: {{bootstrap_servers: 'a:9092', topics: ['^pay']}}\n"
        "dead_letters: {topic: '{topic}'}",
        "dead_letters.topic (c.yaml:3)",
        "to the topics that they came from",
        "{topic}.dlq",
    ),
    "one dead-letter topic that is read": Broken(
        f"{CURRENCY}kafka: {{bootstrap_servers: 'a:9092', topics: ['^pay', dead]}}\n"
        "dead_letters: {topic: dead}",
        "dead_letters.topic (c.yaml:3)",
        "all dead letters to dead, which is read as a source",
        "{topic}.dlq",
    ),
    "no topic name": Broken(kafka("topics: [a b]"), "kafka.topics[0] (c.yaml:4)", "no topic name", "letters"),
    "dots for a topic": Broken(
        kafka("topics: [..]"), "kafka.topics[0] (c.yaml:4)", "no topic name", "letters"
    ),
    "no brokers": Broken(
        f"{CURRENCY}kafka: {{bootstrap_servers: 'a:9092,', topics: [p]}}",
        "kafka.bootstrap_servers (c.yaml:2)",
        "no list of brokers",
        "host:port",
    ),
    "no port": Broken(
        f"{CURRENCY}kafka: {{bootstrap_servers: 'a:65536', topics: [p]}}",
        "kafka.bootstrap_servers (c.yaml:2)",
        "no list of brokers",
        "host:port",
    ),
    "broker of another protocol": Broken(
        f"{CURRENCY}kafka: {{bootstrap_servers: 'a:9092,http://b:9092', topics: [p]}}",
        "kafka.bootstrap_servers (c.yaml:2)",
        "no list of brokers",
        "SASL_SSL",
    ),
    "base url of another kind": Broken(
        f"{LEAST}linkrunner: {{base_url: 'ftp://a/b'}}",
        "linkrunner.base_url (c.yaml:3)",
        "no http",
        "https://",
    ),
    "base url without a host": Broken(
        f"{LEAST}linkrunner: {{base_url: 'https:///b'}}",
        "linkrunner.base_url (c.yaml:3)",
        "no http",
        "https://",
    ),
    "base url with a bad port": Broken(
        f"{LEAST}linkrunner: {{base_url: 'https://a:b'}}",
        "linkrunner.base_url (c.yaml:3)",
        "no port",
        "65535",
    ),
    "base url with credentials": Broken(
        f"{LEAST}linkrunner: {{base_url: 'https://u:p@a/b'}}",
        "linkrunner.base_url (c.yaml:3)",
        "has credentials",
        "leave them out",
    ),
    "base url with a query": Broken(
        f"{LEAST}linkrunner: {{base_url: 'https://a/b?c'}}",
        "linkrunner.base_url (c.yaml:3)",
        "query",
        "leave out",
    ),
    "base url with a space": Broken(
        f"{LEAST}linkrunner: {{base_url: 'https://a/ b'}}",
        "linkrunner.base_url (c.yaml:3)",
        "white space",
        "https",
    ),
    "registry with credentials": Broken(
        f"{LEAST}schema_registry: {{url: 'https://a, https://u:p@b'}}",
        "schema_registry.url (c.yaml:3)",
        "has credentials",
        "leave them out",
    ),
    "no currency": Broken(
        "kafka: {bootstrap_servers: 'a:9092', topics: [p]}",
        "currency.accept (c.yaml)",
        "is not set, nor is currency.reporting",
        "accept: [INR]",
    ),
    "currency null": Broken(
        "kafka: {bootstrap_servers: 'a:9092', topics: [p]}\ncurrency: {accept: null}",
        "currency.accept (c.yaml:2)",
        "is not set, nor is currency.reporting",
        "[INR]",
    ),
    "no currency code": Broken(
        "kafka: {bootstrap_servers: 'a:9092', topics: [p]}\ncurrency: {accept: [INR, Rs]}",
        "currency.accept (c.yaml:2)",
        "entry 2",
        "ISO 4217",
    ),
    "lower case currency": Broken(
        "kafka: {bootstrap_servers: 'a:9092', topics: [p]}\ncurrency: {accept: inr}",
        "currency.accept (c.yaml:2)",
        "neither a list",
        "ISO 4217",
    ),
    "empty list of currencies": Broken(
        "kafka: {bootstrap_servers: 'a:9092', topics: [p]}\ncurrency: {accept: []}",
        "currency.accept (c.yaml:2)",
        "is empty",
        "[INR]",
    ),
    "both ways to treat currencies": Broken(
        converting("{source: table, base: USD, rates: {INR: '88.12'}}", "accept: any"),
        "currency.accept (c.yaml:3)",
        "beside currency.reporting",
        "remove accept",
    ),
    "reporting without rates": Broken(
        converting("null"), "currency.reporting (c.yaml:3)", "does not say where", "source: ecb"
    ),
    "rates without reporting": Broken(
        f"{LEAST.replace('accept: [INR]', 'accept: [INR], rates: {source: ecb, path: a.csv}')}",
        "currency.rates (c.yaml:2)",
        "nothing is converted without currency.reporting",
        "remove it",
    ),
    "reporting in no currency": Broken(
        converting("{source: ecb, path: a.csv}", reporting="Rs"),
        "currency.reporting (c.yaml:3)",
        "is no ISO 4217 code",
        "INR",
    ),
    "reporting in gold": Broken(
        converting("{source: ecb, path: a.csv}", reporting="XAU"),
        "currency.reporting (c.yaml:3)",
        "without minor units",
        "another",
    ),
    "rates that are no map": Broken(
        converting("ecb"), "currency.rates (c.yaml:4)", "is a section", "write its keys"
    ),
    "rates from nowhere": Broken(
        converting("{path: a.csv}"), "currency.rates.source (c.yaml:4)", "is not set", "add it"
    ),
    "rates from elsewhere": Broken(
        converting("{source: fixer, path: a.csv}"),
        "currency.rates.source (c.yaml:4)",
        "does not know",
        "table, ecb, file",
    ),
    "unknown key of rates": Broken(
        converting("{source: ecb, path: a.csv, max_age_day: 3}"),
        "currency.rates.max_age_day (c.yaml:4)",
        "is no key",
        "did you mean max_age_days?",
    ),
    "unlike any key of rates": Broken(
        converting("{source: ecb, path: a.csv, zzz: 3}"),
        "currency.rates.zzz (c.yaml:4)",
        "is no key",
        "currency.rates has: source, path, base, rates, max_age_days",
    ),
    "ecb without a file": Broken(
        converting("{source: ecb}"), "currency.rates.path (c.yaml:4)", "source: ecb needs it", "add path"
    ),
    "file without a base": Broken(
        converting("{source: file, path: a.csv}"),
        "currency.rates.base (c.yaml:4)",
        "source: file needs it",
        "add base",
    ),
    "ecb with a base": Broken(
        converting("{source: ecb, path: a.csv, base: EUR}"),
        "currency.rates.base (c.yaml:4)",
        "no meaning with source: ecb",
        "remove it",
    ),
    "fixed rates with an age": Broken(
        converting("{source: table, base: USD, rates: {INR: '88.12'}, max_age_days: 7}"),
        "currency.rates.max_age_days (c.yaml:4)",
        "no meaning with source: table",
        "remove it",
    ),
    "no age at all": Broken(
        converting("{source: ecb, path: a.csv, max_age_days: 0}"),
        "currency.rates.max_age_days (c.yaml:4)",
        "is too small",
        "1 or more",
    ),
    "a rate that YAML rounds": Broken(
        converting("{source: table, base: USD, rates: {INR: 88.12}}"),
        "currency.rates.rates (c.yaml:4)",
        "has a rate of INR that is not in quotes",
        '"88.12"',
    ),
    "a rate of nothing": Broken(
        converting("{source: table, base: USD, rates: {INR: '0.0'}}"),
        "currency.rates.rates (c.yaml:4)",
        "no number above 0",
        "88.12",
    ),
    "a rate in words": Broken(
        converting("{source: table, base: USD, rates: {INR: '8e1'}}"),
        "currency.rates.rates (c.yaml:4)",
        "no number above 0",
        "88.12",
    ),
    "a rate without end": Broken(
        converting("{source: table, base: USD, rates: {INR: '88.12000000000000000000'}}"),
        "currency.rates.rates (c.yaml:4)",
        "more than 18 characters",
        "88.12",
    ),
    "a rate of no currency": Broken(
        converting("{source: table, base: USD, rates: {Rs: '88.12', INR: '1'}}"),
        "currency.rates.rates (c.yaml:4)",
        "no ISO 4217 code",
        "88.12",
    ),
    "no rates in the table": Broken(
        converting("{source: table, base: USD, rates: {}}"),
        "currency.rates.rates (c.yaml:4)",
        "must be a map",
        "88.12",
    ),
    "a rate of the base": Broken(
        converting("{source: table, base: USD, rates: {INR: '88.12', USD: '1'}}"),
        "currency.rates.rates (c.yaml:4)",
        "the base itself",
        "remove it",
    ),
    "rates that do not lead to the reporting currency": Broken(
        converting("{source: table, base: USD, rates: {EUR: '0.9'}}"),
        "currency.rates.rates (c.yaml:4)",
        "no rate of currency.reporting",
        "add its rate",
    ),
    "no time": Broken(
        f"{LEAST}linkrunner: {{accept_refusals_until: tomorrow}}",
        "linkrunner.accept_refusals_until (c.yaml:3)",
        "is no time as RFC 3339 writes it",
        "like 2026-03-01T12:00:00Z",
    ),
    "a time that is no text": Broken(
        f"{LEAST}linkrunner: {{accept_refusals_until: 20260301}}",
        "linkrunner.accept_refusals_until (c.yaml:3)",
        "is no time as RFC 3339 writes it",
        "like 2026-03-01T12:00:00Z",
    ),
    "a time without a zone": Broken(
        f"{LEAST}linkrunner: {{accept_refusals_until: 2026-03-01T12:00:00}}",
        "linkrunner.accept_refusals_until (c.yaml:3)",
        "is no time as RFC 3339 writes it",
        "with its time zone",
    ),
    "a day that there is not": Broken(
        f"{LEAST}linkrunner: {{accept_refusals_until: 2026-02-30T12:00:00Z}}",
        "linkrunner.accept_refusals_until (c.yaml:3)",
        "is a time that there is not",
        "like 2026-03-01T12:00:00Z",
    ),
    "no time to give up": Broken(
        f"{LEAST}delivery: {{give_up_after_seconds: 0}}",
        "delivery.give_up_after_seconds (c.yaml:3)",
        "is too small",
        "more than 0",
    ),
    "no age of events": Broken(
        f"{LEAST}delivery: {{max_event_age_seconds: 0}}",
        "delivery.max_event_age_seconds (c.yaml:3)",
        "is too small",
        "more than 0",
    ),
    "other placeholder": Broken(
        f"{LEAST}dead_letters: {{topic: '{{topic}}.{{reason}}'}}",
        "dead_letters.topic (c.yaml:3)",
        "placeholder other than {topic}",
        "{topic}",
    ),
    "dead letters to a source": Broken(
        f"{LEAST}dead_letters: {{topic: payments}}",
        "dead_letters.topic (c.yaml:3)",
        "read as a source",
        "topic of their own",
    ),
    "dead letters to no topic": Broken(
        f"{LEAST}dead_letters: {{topic: '{{topic}} dlq'}}",
        "dead_letters.topic (c.yaml:3)",
        "no topic name",
        "letters",
    ),
    "drain beyond the poll interval": Broken(
        f"{LEAST}shutdown: {{drain_seconds: 291}}",
        "shutdown.drain_seconds (c.yaml:3)",
        "max.poll.interval.ms",
        "301000 or more",
    ),
    "poll interval below the drain": Broken(
        kafka("properties: {max.poll.interval.ms: 29999}"),
        "shutdown.drain_seconds (c.yaml)",
        "max.poll.interval.ms",
        "30000 or more",
    ),
    "erasure without a topic": Broken(
        f"{LEAST}erasure: {{enabled: true}}",
        "erasure.topic (c.yaml:3)",
        "is not set",
        "UserErasure",
    ),
    "erasure from a topic of payments": Broken(
        f"{LEAST}erasure: {{enabled: true, topic: payments}}",
        "erasure.topic (c.yaml:3)",
        "one of the topics whose records are payments",
        "topic of their own",
    ),
    "erasure from dead letters": Broken(
        f"{LEAST}erasure: {{enabled: true, topic: payments.dlq}}",
        "erasure.topic (c.yaml:3)",
        "dead letters of payments",
        "topic of their own",
    ),
    "erasure from all dead letters": Broken(
        f"{LEAST}erasure: {{topic: dead}}\ndead_letters: {{topic: dead}}",
        "erasure.topic (c.yaml:3)",
        "is where all dead letters go",
        "topic of their own",
    ),
    "dead letters of erasures in a topic of payments": Broken(
        f"{CURRENCY}kafka: {{bootstrap_servers: 'a:9092', topics: [e.dlq]}}\n"
        "erasure: {enabled: true, topic: e}",
        "dead_letters.topic (c.yaml)",
        "dead letters of e to e.dlq",
        "topic of their own",
    ),
    "erasure topic with too long a name for dead letters": Broken(
        f"{LEAST}erasure: {{topic: {'e' * 248}}}",
        "dead_letters.topic (c.yaml)",
        "no topic name",
        "at most 249",
    ),
    "erasure from a topic that a pattern of payments matches": Broken(
        f"{CURRENCY}kafka: {{bootstrap_servers: 'a:9092', topics: ['^user']}}\n"
        "erasure: {topic: users.erased}",
        "erasure.topic (c.yaml:3)",
        "matched by a pattern",
        "topic of their own",
    ),
    "erasure from a pattern": Broken(
        f"{LEAST}erasure: {{topic: '^erase'}}", "erasure.topic (c.yaml:3)", "is a pattern", "by name"
    ),
    "no pace for erasures": Broken(
        f"{LEAST}erasure: {{requests_per_second: 0}}",
        "erasure.requests_per_second (c.yaml:3)",
        "too small",
        "more than 0",
    ),
    "raw without schema": Broken(
        f"{LEAST}decoding: {{wire_format: raw}}",
        "decoding.wire_format (c.yaml:3)",
        "is raw",
        "decoding.schema",
    ),
    "schema without raw": Broken(
        f"{LEAST}decoding: {{schema: a.avsc}}",
        "decoding.schema (c.yaml:3)",
        "raw records only",
        "wire_format: raw",
    ),
    "confluent without registry": Broken(
        f"{LEAST}decoding: {{wire_format: confluent}}",
        "decoding.wire_format (c.yaml:3)",
        "schemas are in a registry",
        "schema_registry.url",
    ),
    "apicurio without registry": Broken(
        f"{LEAST}decoding: {{wire_format: apicurio}}",
        "decoding.wire_format (c.yaml:3)",
        "schemas are in a registry",
        "schema_registry.url",
    ),
    "apicurio at another registry": Broken(
        f"{LEAST}decoding: {{wire_format: apicurio}}\n"
        "schema_registry: {url: 'http://a/apis/registry/v2,http://b:8081'}",
        "schema_registry.url (c.yaml:4)",
        "its own ids",
        "/apis/registry/v2",
    ),
    "properties of no registry": Broken(
        f"{LEAST}schema_registry: {{properties: {{timeout: 5}}}}",
        "schema_registry.properties (c.yaml:3)",
        "no address",
        "schema_registry.url",
    ),
    "properties that are no map": Broken(
        kafka("properties: [a]"), "kafka.properties (c.yaml:4)", "must be a map", "name: value"
    ),
    "property that is no scalar": Broken(
        kafka("properties: {client.id: [a]}"),
        "kafka.properties.client.id (c.yaml:4)",
        "no text, number or boolean",
        "{file: PATH}",
    ),
    "property that is null": Broken(
        kafka("properties: {client.id: }"), "kafka.properties.client.id (c.yaml:4)", "no text", "{file: PATH}"
    ),
    "property that breaks a promise": Broken(
        kafka("properties: {enable.auto.commit: true}"),
        "kafka.properties.enable.auto.commit (c.yaml:4)",
        "the service alone commits",
        "commit.interval_seconds",
    ),
    "property of the producer that breaks a promise": Broken(
        f"{LEAST}dead_letters: {{properties: {{acks: 1}}}}",
        "dead_letters.properties.acks (c.yaml:3)",
        "can still be lost",
        "all is used",
    ),
    "no sections": Broken("[1]", "c.yaml:1", "has no sections", "the example"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_rule_is_told_once_with_key_line_and_cure(broken: Broken) -> None:
    """Whoever wrote it finds the place, the reason and what to write instead, and no second mistake."""
    (mistake,) = mistakes(broken.text)
    assert mistake.where == broken.where
    assert broken.what in mistake.what
    assert broken.cure in mistake.cure


def test_ten_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    """Nobody has to start ten times to find ten mistakes, across keys, types and properties."""
    text = """\
        kafka:
          bootstrap_servers: ''
          topics: [a, '^b(']
          gruop_id: x
          properties:
            group.id: x
            key.deserializer: y
        linkrunner: {timeout_seconds: -1}
        shutdown: {drain_seconds: 1000}
        decoding: {wire_format: raw}
        currency: {accept: [XXX, rupees]}
        log: {level: loud}
        """
    lines = [mistake.where.rpartition(":")[2].rstrip(")") for mistake in mistakes(dedent(text))]
    assert lines == ["2", "3", "4", "6", "7", "8", "9", "10", "11", "12"]


def test_no_document_at_all_names_what_is_required() -> None:
    """An empty file is answered with the three keys that it needs."""
    assert {mistake.where for mistake in mistakes("")} == {
        "kafka.bootstrap_servers (c.yaml)",
        "kafka.topics (c.yaml)",
        "currency.accept (c.yaml)",
    }


def test_empty_sections_are_defaults() -> None:
    """A section whose keys are all commented out means the defaults."""
    assert settings(f"{LEAST}http:\nlinkrunner: {{}}\nschema_registry:\n") == settings(LEAST)


def test_defaults_are_the_documented_ones() -> None:
    """What an installation gets without asking is part of the contract."""
    assert effective(settings(LEAST)) == {
        "kafka.bootstrap_servers": "a:9092",
        "kafka.group_id": "linkrunner-consumer",
        "kafka.topics": '["payments"]',
        "kafka.start_from": "earliest",
        "kafka.on_out_of_range": "hold",
        "kafka.properties": "{}",
        "schema_registry.url": "null",
        "schema_registry.properties": "{}",
        "decoding.wire_format": "auto",
        "decoding.schema": "null",
        "decoding.schemas": "[]",
        "lifecycle.partial_refunds": "keep",
        "lifecycle.capture_statuses": "[]",
        "lifecycle.wallet_topups": "capture",
        "lifecycle.withdrawals": "skip",
        "mapping": "null",
        "ordering": "key",
        "linkrunner.base_url": "https://api.linkrunner.io/api/v1",
        "linkrunner.server_key_file": "/var/run/secrets/linkrunner/server-key",
        "linkrunner.timeout_seconds": "10.0",
        "linkrunner.requests_per_second": "25.0",
        "linkrunner.rate_scope": "group",
        "linkrunner.retry_after_cap_seconds": "300.0",
        "linkrunner.max_in_flight": "32",
        "linkrunner.accept_refusals_until": "null",
        "dead_letters.topic": "{topic}.dlq",
        "dead_letters.create": "false",
        "dead_letters.properties": "{}",
        "delivery.give_up_after_seconds": "null",
        "delivery.max_event_age_seconds": "null",
        "currency.reporting": "null",
        "currency.accept": '["INR"]',
        "currency.rates": "null",
        "event_data.on_invalid": "omit",
        "erasure.enabled": "false",
        "erasure.topic": "null",
        "erasure.requests_per_second": "1.0",
        "shutdown.drain_seconds": "20.0",
        "commit.interval_seconds": "1.0",
        "http.host": "0.0.0.0",
        "http.port": "8080",
        "log.level": "info",
        "log.format": "auto",
    }


def test_values_arrive_as_written() -> None:
    """One value of every kind, and the two that are made tidy: addresses without a slash at their end."""
    given_ = settings(
        dedent("""\
        kafka:
          bootstrap_servers: SSL://[::1]:9093, b
          topics: [a, b]
          properties: {client.id: x, socket.timeout.ms: 5000, check.crcs: true, group.remote.assignor: 1.5}
        currency: {accept: any}
        decoding: {wire_format: raw, schema: a.avsc, schemas: [b.avsc]}
        lifecycle: {capture_statuses: [FAILED]}
        linkrunner: {base_url: 'http://localhost:8099/api/v1/', server_key_file: null, timeout_seconds: 3}
        schema_registry: {url: 'https://a/, http://b:8081/x'}
        """)
    )
    assert given_.kafka.bootstrap_servers == "SSL://[::1]:9093, b"
    assert given_.kafka.topics == ("a", "b")
    assert dict(given_.kafka.properties) == {
        "client.id": "x",
        "socket.timeout.ms": "5000",
        "check.crcs": "true",
        "group.remote.assignor": "1.5",
    }
    assert given_.currency.accept == "any"
    assert str(given_.decoding.schema_file) == "a.avsc"
    assert [str(path) for path in given_.decoding.schemas] == ["b.avsc"]
    assert given_.lifecycle.capture_statuses == ("FAILED",)
    assert given_.linkrunner.base_url == "http://localhost:8099/api/v1"
    assert given_.linkrunner.server_key_file is None
    assert given_.linkrunner.timeout_seconds == 3.0
    assert given_.schema_registry.url == "https://a,http://b:8081/x"


def test_the_erasure_topic_is_read_only_where_it_is_enabled() -> None:
    """The switch decides, not the topic: without it the topic is not subscribed."""
    off = settings(f"{LEAST}erasure: {{topic: erasures}}")
    on = settings(f"{LEAST}erasure: {{enabled: true, topic: erasures}}")
    assert (off.erasure_topic, Configured(off).subscription) == (None, ("payments",))
    assert (on.erasure_topic, Configured(on).subscription) == ("erasures", ("payments", "erasures"))


def test_rates_arrive_exactly_as_written() -> None:
    """As decimals, with every digit; and they are shown as they can be written."""
    given_ = settings(converting("{source: table, base: USD, rates: {INR: '88.120', JPY: 151}}"))
    assert given_.currency.reporting == "INR"
    assert given_.currency.rates is not None
    assert given_.currency.rates.rates == {"INR": Decimal("88.120"), "JPY": Decimal(151)}
    assert str(given_.currency.rates.rates["INR"]) == "88.120"
    assert effective(given_)["currency.rates"] == (
        '{"source": "table", "path": null, "base": "USD", "rates": {"INR": "88.120", "JPY": "151"}, '
        '"max_age_days": 7}'
    )


def test_the_source_of_a_value_is_known() -> None:
    """``config show --sources`` tells where a value was set; a default was set nowhere."""
    reading = read(f"{LEAST}http: {{port: 1}}")
    assert str(reading.source(("http", "port"))) == "c.yaml:3"
    assert reading.source(("http", "host")) is None


def test_properties_are_known_beside_other_mistakes() -> None:
    """Mistakes that only the client libraries see are told together with the others."""
    reading = read("kafka: {properties: {nonsense: 1}}")
    assert reading.settings is None
    assert dict(reading.properties[Role.CONSUMER]) == {"nonsense": "1"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("linkrunner: {base_url: 'http://a'}", "the server key travels in clear"),
        ("linkrunner: {base_url: 'HTTP://a'}", "the server key travels in clear"),
        ("linkrunner: {requests_per_second: 31}", "documented limit"),
        ("erasure: {topic: erasures}", "nobody is erased"),
        ("linkrunner: {accept_refusals_until: '2026-03-01T12:00:00Z'}", "has passed: it has no effect"),
        ("linkrunner: {accept_refusals_until: '2026-03-01T12:00:01Z'}", "bad records become dead letters"),
        (
            "schema_registry: {url: 'https://a,http://b', properties: {basic.auth.user.info: 'a:b'}}",
            "in clear",
        ),
    ],
)
def test_what_is_doubtful_is_a_warning(more: str, words: str) -> None:
    """What may be right is allowed, and said."""
    (warning,) = warnings(settings(LEAST + more), NOW)
    assert words in warning


def test_kafka_in_clear_is_a_warning() -> None:
    """Credentials without TLS are allowed, and said."""
    (warning,) = warnings(settings(kafka("properties: {security.protocol: SASL_PLAINTEXT}")), NOW)
    assert "in clear" in warning


def test_a_call_that_outlasts_a_drain_is_a_warning() -> None:
    """A stop would cut it off."""
    patient = kafka("properties: {session.timeout.ms: 45000}") + "linkrunner: {timeout_seconds: 21}"
    (warning,) = warnings(settings(patient), NOW)
    assert "shutdown.drain_seconds" in warning


@pytest.mark.parametrize(
    ("properties", "timeout", "needed"),
    [
        ("", 10.5, "15750"),
        ("session.timeout.ms: 6000", 4.5, "6750"),
        ("session.timeout.ms: 14999", 10, "15000"),
        ("group.protocol: consumer", 27, "40500"),
        ("group.protocol: Consumer", 27, "40500"),
    ],
)
def test_a_call_that_outlasts_the_session_is_a_warning(properties: str, timeout: float, needed: str) -> None:
    """What is still on its way when the partitions are given away could end behind the successor's calls."""
    more = f"linkrunner: {{timeout_seconds: {timeout}}}\nshutdown: {{drain_seconds: 60}}"
    (warning,) = warnings(settings(kafka(f"properties: {{{properties}}}") + more), NOW)
    assert "linkrunner.timeout_seconds" in warning
    assert needed in warning


@pytest.mark.parametrize(
    ("properties", "timeout"),
    [
        ("", 10),
        ("session.timeout.ms: 6000", 4),
        ("group.protocol: consumer", 26),
        ("session.timeout.ms: x", 10),
    ],
)
def test_a_call_that_ends_within_the_session_is_none(properties: str, timeout: float) -> None:
    """And what is no number is librdkafka's to refuse."""
    more = f"linkrunner: {{timeout_seconds: {timeout}}}\nshutdown: {{drain_seconds: 60}}"
    assert warnings(settings(kafka(f"properties: {{{properties}}}") + more), NOW) == ()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
        ("'2026-03-01T17:30:00+05:30'", "2026-03-01T12:00:00Z"),
        ("2026-03-01 12:00:00.250z", "2026-03-01T12:00:00.250000Z"),
    ],
)
def test_a_time_is_one_moment_and_is_shown_in_utc(text: str, shown: str) -> None:
    """Any zone, a blank for the T, fractions; with or without quotes in YAML."""
    given_ = settings(f"{LEAST}linkrunner: {{accept_refusals_until: {text}}}")
    assert effective(given_)["linkrunner.accept_refusals_until"] == shown


def test_what_is_usual_is_no_warning() -> None:
    """A warning that is always there is read by nobody."""
    assert warnings(settings(LEAST), NOW) == ()


def test_secrets_are_shown_nowhere() -> None:
    """Settings print their secrets as stars: as text, as representation and as effective configuration."""
    given_ = settings(kafka("properties: {sasl.password: canary, sasl.username: me}"))
    shown = f"{given_} {given_!r} {effective(given_)} {list(entries(given_))} {given_.model_dump_json()}"
    assert "canary" not in shown
    assert "***" in shown
    assert given_.kafka.properties["sasl.password"] == "canary"


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("schema_registry", "proxy", "http://me:canary@proxy:3128"),
        ("schema_registry", "proxy", "me:canary@proxy:3128"),
        ("schema_registry", "bearer.auth.issuer.endpoint.url", "https://me:canary@issuer"),
        ("dead_letters", "sasl.oauthbearer.token.endpoint.url", "https://me:canary@issuer"),
    ],
)
def test_passwords_in_addresses_are_shown_nowhere(section: str, name: str, value: str) -> None:
    """An address that says who asks is a secret as a password is."""
    url = "url: 'http://r', " if section == "schema_registry" else ""
    given_ = settings(f"{LEAST}{section}: {{{url}properties: {{{name}: '{value}'}}}}")
    told = effective(given_)
    assert told[f"{section}.properties"] == f'{{"{name}": "***"}}'
    assert "canary" not in f"{given_} {given_!r} {told} {list(entries(given_))} {given_.model_dump_json()}"


def test_mistakes_repeat_no_value() -> None:
    """A secret at the wrong place, or of the wrong kind, is not printed with the mistake."""
    for path in KEYS:
        for value in ("{x: canary}", "[canary]", "' canary '", "canary canary ^"):
            text = ": {".join(path) + f": {value}" + "}" * (len(path) - 1)
            assert "canary" not in " ".join(str(mistake) for mistake in mistakes(text)), text


YAML_VALUES: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["any", "raw", "INR"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([name for path in KEYS for name in path]) | st.text(), inner, max_size=6
        )
    ),
    max_leaves=30,
)


def node(value: object) -> documents.Node:
    """Return ``value`` as a tree with places."""
    source = Source("c.yaml", 1)
    if isinstance(value, dict):
        return documents.Node(source, {str(name): node(below) for name, below in value.items()})
    if isinstance(value, list):
        return documents.Node(source, tuple(node(below) for below in value))
    assert value is None or isinstance(value, str | int | float)
    return documents.Node(source, value)


@given(YAML_VALUES)
def test_any_tree_is_settings_or_mistakes(value: object) -> None:
    """Whatever is written, the answer is settings or a list of mistakes, and never anything else."""
    reading = configuration.parse(node(value), ())
    assert (reading.settings is None) == bool(reading.findings)
    assert all(finding.mistake().what for finding in reading.findings)
