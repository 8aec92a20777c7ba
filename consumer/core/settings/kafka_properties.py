"""What may be passed through to librdkafka and to the registry client, and what breaks a promise.

Tables of :class:`Rule`. Names are librdkafka's (its CONFIGURATION.md); Java's spellings are answered with
librdkafka's.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final, NamedTuple


class Role(StrEnum):
    """Who takes the properties; the value is the section that they stand in."""

    CONSUMER = "kafka"
    PRODUCER = "dead_letters"
    REGISTRY = "schema_registry"


class Refusal(NamedTuple):
    """The property ``name`` can't be passed through: ``what`` is wrong with it and what helps."""

    name: str
    what: str
    cure: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Properties that are refused: ``names`` are separated by spaces, ``*`` stands for anything.

    Where ``refused`` has values, only those are refused; where ``allowed`` has values, all others. A value
    that is a list is judged by its parts. Without either, the property is refused whatever its value.
    """

    names: str
    what: str
    cure: str
    refused: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()

    def breaks(self, name: str, value: str) -> bool:
        """Tell whether ``name: value`` is what this rule is about."""
        if not any(fnmatchcase(name, pattern) for pattern in self.names.split()):
            return False
        parts = set(re.split(r"[\s,]+", value.strip().lower()))
        if self.refused:
            return not parts.isdisjoint(self.refused)
        return not self.allowed or not parts.issubset(self.allowed)


#: Milliseconds after which a group gives away the partitions of a silent member, unless the user says so.
SESSION_TIMEOUT_MS: Final = 15_000
#: With ``group.protocol=consumer`` the brokers decide, and do not tell. Their default, and by default the
#: least that they allow, is 45 s (``group.consumer.session.timeout.ms``). Of it the last heartbeat may be 5 s
#: old when a commit is confirmed: there a commit prolongs no session.
BROKERS_SESSION_MS: Final = 40_000

_TRUE: Final = ("true", "t", "1")
_FALSE: Final = ("false", "f", "0")
_REMOVE: Final = "remove it"

#: Names that librdkafka has for a consumer only, and for a producer only: without effect on the other.
_CONSUMER_ONLY: Final = (
    "group.* session.timeout.ms heartbeat.interval.ms max.poll.interval.ms coordinator.query.*"
    " partition.assignment.strategy enable.auto.* auto.* offset.store.* enable.partition.eof queued.*"
    " fetch.* max.partition.fetch.bytes check.crcs isolation.level allow.auto.create.topics"
)
_PRODUCER_ONLY: Final = (
    "acks request.required.acks request.timeout.ms enable.idempotence enable.gapless.guarantee"
    " transactional.id transaction.timeout.ms queue.buffering.* queuing.strategy linger.ms retries"
    " message.send.max.retries message.timeout.ms delivery.* batch.* compression.* partitioner"
    " sticky.partitioning.linger.ms produce.offset.report"
)

#: Java's names, with what librdkafka has in their place; empty where it has nothing.
_JAVA_NAMES: Final[Mapping[str, str]] = {
    "buffer.memory": "queue.buffering.max.kbytes",
    "default.api.timeout.ms": "",
    "exclude.internal.topics": "",
    "fetch.max.wait.ms": "fetch.wait.max.ms",
    "interceptor.classes": "",
    "key.deserializer": "",
    "key.serializer": "",
    "max.block.ms": "",
    "max.poll.records": "",
    "max.request.size": "message.max.bytes",
    "metric.reporters": "",
    "partitioner.class": "partitioner",
    "receive.buffer.bytes": "socket.receive.buffer.bytes",
    "sasl.client.callback.handler.class": "sasl.oauthbearer.method",
    "sasl.jaas.config": "sasl.username and sasl.password",
    "sasl.login.callback.handler.class": "sasl.oauthbearer.method",
    "send.buffer.bytes": "socket.send.buffer.bytes",
    "ssl.enabled.protocols": "",
    "ssl.keystore.certificate.chain": "ssl.certificate.pem",
    "ssl.keystore.key": "ssl.key.pem",
    "ssl.keystore.type": "",
    "ssl.protocol": "",
    "ssl.truststore.certificates": "ssl.ca.pem",
    "ssl.truststore.location": "ssl.ca.location, with the certificates as PEM",
    "ssl.truststore.password": "ssl.ca.location, with the certificates as PEM",
    "ssl.truststore.type": "",
    "value.deserializer": "",
    "value.serializer": "",
}

#: What both the consumer and the producer of dead letters refuse.
COMMON_RULES: Final = (
    Rule("bootstrap.servers metadata.broker.list", "has a key of its own", "set kafka.bootstrap_servers"),
    Rule("schema.registry.url", "has a key of its own", "set schema_registry.url"),
    Rule(
        "*_cb on_commit on_delivery logger opaque interceptors default.topic.config",
        "is for code, and the service has its own",
        _REMOVE,
    ),
    Rule("plugin.library.paths", "loads foreign code that could see every payment", _REMOVE),
    Rule("test.*", "replaces the brokers by an imitation", _REMOVE),
    Rule("statistics.interval.ms", "belongs to the service, which measures lag by it", _REMOVE),
    Rule("log.queue", "takes the client's messages out of the log", _REMOVE),
    Rule(
        "debug",
        "would write payments and credentials into the log",
        "leave these out of the list",
        refused=("all", "msg", "protocol", "security"),
    ),
    Rule(
        "enable.ssl.certificate.verification",
        "lets anyone pose as the broker",
        "remove it, and set ssl.ca.location for a certificate authority of your own",
        refused=_FALSE,
    ),
    Rule(
        "ssl.endpoint.identification.algorithm",
        "lets any holder of a valid certificate pose as the broker",
        "remove it: host names are checked",
        allowed=("https",),
    ),
)

CONSUMER_RULES: Final = (
    Rule(
        "enable.auto.commit auto.commit.* enable.auto.offset.store offset.store.*",
        "would commit records that are not delivered yet: the service alone commits",
        "remove it; commit.interval_seconds sets how often",
    ),
    Rule(
        "auto.offset.reset",
        "would skip or repeat payments without a word",
        "set kafka.start_from and kafka.on_out_of_range",
    ),
    Rule("group.id", "has a key of its own", "set kafka.group_id"),
    Rule("group.instance.id", "leaves the partitions of a stopped instance idle", _REMOVE),
    Rule(
        "partition.assignment.strategy",
        "takes all partitions away at each rebalance",
        "remove it: cooperative-sticky is used",
        allowed=("cooperative-sticky",),
    ),
    Rule("enable.partition.eof", "sends events that are no records", _REMOVE, refused=_TRUE),
    Rule(
        "isolation.level",
        "would deliver payments of transactions that were called off",
        "remove it: read_committed is used",
        allowed=("read_committed",),
    ),
    Rule(
        "allow.auto.create.topics",
        "would make an empty topic out of a misspelt name",
        "remove it, and create the topic",
        refused=_TRUE,
    ),
    Rule(
        "group.protocol",
        "is neither classic nor consumer",
        "write one of them",
        allowed=("classic", "consumer"),
    ),
    Rule(_PRODUCER_ONLY, "is for producers", "set it under dead_letters.properties"),
)

#: What the client itself refuses beside ``group.protocol: consumer`` (KIP-848).
BROKER_DECIDES: Final = Rule(
    "session.timeout.ms heartbeat.interval.ms partition.assignment.strategy",
    "is the broker's to decide with group.protocol consumer",
    _REMOVE,
)

PRODUCER_RULES: Final = (
    Rule(
        "enable.idempotence",
        "lets a retry reorder or repeat dead letters",
        "remove it: it is on",
        allowed=_TRUE,
    ),
    Rule(
        "acks request.required.acks",
        "would settle a record whose dead letter can still be lost",
        "remove it: all is used",
        allowed=("all", "-1"),
    ),
    Rule("transactional.id", "needs transactions, which dead letters do not use", _REMOVE),
    Rule("delivery.report.only.error", "hides that a dead letter has arrived", _REMOVE, refused=_TRUE),
    Rule(_CONSUMER_ONLY, "is for consumers", "set it under kafka.properties"),
)

#: The registry client tells the rest itself.
REGISTRY_RULES: Final = (
    Rule("url", "has a key of its own", "set schema_registry.url"),
    Rule(
        "cache.* max.retries retries.*",
        "has no effect: the service itself waits, tries again and remembers schemas",
        _REMOVE,
    ),
)

_JAVA_RULES: Final = tuple(
    Rule(
        name,
        "is a name of Kafka's Java clients",
        f"librdkafka has {other}" if other else "remove it: librdkafka has nothing like it",
    )
    for name, other in _JAVA_NAMES.items()
)

_RULES: Final[Mapping[Role, tuple[Rule, ...]]] = {
    Role.CONSUMER: (*COMMON_RULES, *_JAVA_RULES, *CONSUMER_RULES),
    Role.PRODUCER: (*COMMON_RULES, *_JAVA_RULES, *PRODUCER_RULES),
    Role.REGISTRY: REGISTRY_RULES,
}

_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")

#: What the registry client takes as numbers only, though it gets texts here.
_REGISTRY_NUMBERS: Final = frozenset({"timeout"})


def refusals(role: Role, properties: Mapping[str, str]) -> Iterator[Refusal]:
    """Yield the properties that can't be passed through as ``role``, each once, with the reason."""
    by_broker = role is Role.CONSUMER and properties.get("group.protocol", "").lower() == "consumer"
    rules = (BROKER_DECIDES, *_RULES[role]) if by_broker else _RULES[role]
    for name, value in properties.items():
        rule = next((rule for rule in rules if rule.breaks(name, value)), None)
        if not _NAME.fullmatch(name):
            yield Refusal(name, "is no name of a property", "write it as its documentation does")
        elif rule is not None:
            yield Refusal(name, rule.what, rule.cure)
        elif role is Role.REGISTRY and name in _REGISTRY_NUMBERS and not re.fullmatch("[0-9]{1,9}", value):
            yield Refusal(name, "must be a whole number", "write it in digits")


def session_seconds(properties: Mapping[str, str]) -> float:
    """Return how long after a confirmed commit the group surely gives nothing of ours to anybody else."""
    if properties.get("group.protocol", "").strip().lower() == "consumer":
        return BROKERS_SESSION_MS / 1000
    text = properties.get("session.timeout.ms", "").strip()
    # What is no number at all, librdkafka refuses itself.
    return int(text[:18]) / 1000 if text.isdecimal() else SESSION_TIMEOUT_MS / 1000


def for_registry(url: str, properties: Mapping[str, str]) -> dict[str, str | int]:
    """Return the configuration of confluent-kafka's registry client, with numbers where it wants them."""
    return {
        "url": url,
        **{name: int(value) if name in _REGISTRY_NUMBERS else value for name, value in properties.items()},
    }
