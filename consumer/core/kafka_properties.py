"""What may be passed through to librdkafka and to the registry client, and what breaks a promise.

Tables: each row has names, the values it is about, the reason and the cure. Names are librdkafka's
(its CONFIGURATION.md); Java's spellings are answered with librdkafka's.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
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


def _always(_: str) -> bool:
    return True


def _is_true(value: str) -> bool:
    return value in {"true", "t", "1"}


def _is_false(value: str) -> bool:
    return value in {"false", "f", "0"}


def _is_not(*allowed: str) -> Callable[[str], bool]:
    return lambda value: value not in allowed


@dataclass(frozen=True, slots=True)
class Rule:
    """Properties whose name is ``names`` (a pattern) are refused where the value, in lower case, fits."""

    names: str
    what: str
    cure: str
    refuses: Callable[[str], bool] = _always

    def breaks(self, name: str, value: str) -> bool:
        """Tell whether ``name: value`` is what this rule is about."""
        return re.fullmatch(self.names, name) is not None and self.refuses(value.strip().lower())


_REMOVE: Final = "remove it"

#: Names that librdkafka has for a consumer only, and for a producer only: without effect on the other.
_CONSUMER_ONLY: Final = (
    r"group\..*|session\.timeout\.ms|heartbeat\.interval\.ms|max\.poll\.interval\.ms|coordinator\.query\..*"
    r"|partition\.assignment\.strategy|enable\.auto\..*|auto\..*|offset\.store\..*|enable\.partition\.eof"
    r"|queued\.(min|max)\.messages(\.kbytes)?|fetch\..*|max\.partition\.fetch\.bytes|check\.crcs|isolation\.level"
    r"|allow\.auto\.create\.topics|consume\.callback\.max\.messages"
)
_PRODUCER_ONLY: Final = (
    r"acks|request\.required\.acks|request\.timeout\.ms|enable\.idempotence|enable\.gapless\.guarantee"
    r"|transactional\.id|transaction\.timeout\.ms|queue\.buffering\..*|queuing\.strategy|linger\.ms|retries"
    r"|message\.(send\.max\.retries|timeout\.ms)|delivery\..*|batch\..*|compression\..*|partitioner"
    r"|sticky\.partitioning\.linger\.ms|produce\.offset\.report|msg_order_cmp"
)

#: Java's names, with what librdkafka has in their place; None where it has nothing.
_JAVA_NAMES: Final[Mapping[str, str | None]] = {
    "buffer.memory": "queue.buffering.max.kbytes",
    "default.api.timeout.ms": None,
    "exclude.internal.topics": None,
    "fetch.max.wait.ms": "fetch.wait.max.ms",
    "interceptor.classes": None,
    "key.deserializer": None,
    "key.serializer": None,
    "max.block.ms": None,
    "max.poll.records": None,
    "max.request.size": "message.max.bytes",
    "metric.reporters": None,
    "partitioner.class": "partitioner",
    "receive.buffer.bytes": "socket.receive.buffer.bytes",
    "sasl.client.callback.handler.class": "sasl.oauthbearer.method",
    "sasl.jaas.config": "sasl.username and sasl.password",
    "sasl.login.callback.handler.class": "sasl.oauthbearer.method",
    "schema.registry.url": "schema_registry.url, which is a key of its own",
    "send.buffer.bytes": "socket.send.buffer.bytes",
    "ssl.enabled.protocols": None,
    "ssl.keystore.certificate.chain": "ssl.certificate.pem",
    "ssl.keystore.key": "ssl.key.pem",
    "ssl.keystore.type": None,
    "ssl.protocol": None,
    "ssl.truststore.certificates": "ssl.ca.pem",
    "ssl.truststore.location": "ssl.ca.location, with the certificates as PEM",
    "ssl.truststore.password": "ssl.ca.location, with the certificates as PEM",
    "ssl.truststore.type": None,
    "value.deserializer": None,
    "value.serializer": None,
}


_JAVA_RULES: Final = tuple(
    Rule(
        re.escape(name),
        "is a name of Kafka's Java clients",
        f"librdkafka has {other}" if other else "remove it: librdkafka has nothing like it",
    )
    for name, other in _JAVA_NAMES.items()
)

_NO_NAME: Final = Rule(
    r"(?s:(?![A-Za-z0-9._-]+\Z).*)", "is no name of a property", "write it as its documentation does"
)

#: What both the consumer and the producer of dead letters refuse.
COMMON_RULES: Final = (
    _NO_NAME,
    Rule(r"bootstrap\.servers|metadata\.broker\.list", "has a key of its own", "set kafka.bootstrap_servers"),
    Rule(
        r".*_cb|on_commit|on_delivery|logger|opaque|interceptors|default\.topic\.config",
        "is for code, and the service has its own",
        _REMOVE,
    ),
    Rule(r"plugin\.library\.paths", "loads foreign code that could see every payment", _REMOVE),
    Rule(r"test\..*", "replaces the brokers by an imitation", _REMOVE),
    Rule(r"statistics\.interval\.ms", "belongs to the service, which makes its lag metrics from it", _REMOVE),
    Rule(r"log\.queue", "takes the client's messages out of the log", _REMOVE),
    Rule(
        r"debug",
        "would write payments and credentials into the log",
        "leave msg, protocol, security and all out of the list",
        lambda value: not {"all", "msg", "protocol", "security"}.isdisjoint(re.split(r"[\s,]+", value)),
    ),
    Rule(
        r"enable\.ssl\.certificate\.verification",
        "lets anyone pose as the broker",
        "remove it, and set ssl.ca.location for a certificate authority of your own",
        _is_false,
    ),
    Rule(
        r"ssl\.endpoint\.identification\.algorithm",
        "lets any holder of a valid certificate pose as the broker",
        "remove it: host names are checked by default",
        _is_not("https"),
    ),
    *_JAVA_RULES,
)

CONSUMER_RULES: Final = (
    *COMMON_RULES,
    Rule(
        r"enable\.auto\.commit|auto\.commit\.(enable|interval\.ms)|enable\.auto\.offset\.store|offset\.store\..*",
        "would commit records that are not delivered yet: the service alone commits",
        "remove it; commit.interval_seconds sets how often",
    ),
    Rule(
        r"auto\.offset\.reset",
        "would skip or repeat payments without a word",
        "set kafka.start_from and kafka.on_out_of_range",
    ),
    Rule(r"group\.id", "has a key of its own", "set kafka.group_id"),
    Rule(r"group\.instance\.id", "leaves the partitions of a stopped instance idle", "remove it"),
    Rule(
        r"partition\.assignment\.strategy",
        "takes all partitions away at each rebalance",
        "remove it: cooperative-sticky is used",
        _is_not("cooperative-sticky"),
    ),
    Rule(r"enable\.partition\.eof", "sends events that are no records", _REMOVE, _is_true),
    Rule(
        r"isolation\.level",
        "would deliver payments of transactions that were called off",
        "remove it: read_committed is used",
        _is_not("read_committed"),
    ),
    Rule(
        r"allow\.auto\.create\.topics",
        "would make an empty topic out of a misspelt name",
        "remove it, and create the topic",
        _is_true,
    ),
    Rule(
        r"group\.protocol",
        "is neither classic nor consumer",
        "write one of them",
        _is_not("classic", "consumer"),
    ),
    Rule(_PRODUCER_ONLY, "is for producers", "set it under dead_letters.properties"),
)

#: What the client itself refuses beside ``group.protocol: consumer`` (KIP-848).
_BROKER_DECIDES: Final = (
    Rule(
        r"session\.timeout\.ms|heartbeat\.interval\.ms|partition\.assignment\.strategy",
        "is the broker's to decide with group.protocol consumer",
        _REMOVE,
    ),
)

PRODUCER_RULES: Final = (
    *COMMON_RULES,
    Rule(
        r"enable\.idempotence",
        "lets a retry reorder or repeat dead letters",
        "remove it: it is on",
        _is_not("true", "t", "1"),
    ),
    Rule(
        r"acks|request\.required\.acks",
        "would settle a record whose dead letter can still be lost",
        "remove it: all is used",
        _is_not("all", "-1"),
    ),
    Rule(r"transactional\.id", "needs transactions, which dead letters do not use", _REMOVE),
    Rule(r"delivery\.report\.only\.error", "hides that a dead letter has arrived", _REMOVE, _is_true),
    Rule(_CONSUMER_ONLY, "is for consumers", "set it under kafka.properties"),
)

#: What the registry client takes as numbers only.
_REGISTRY_NUMBERS: Final = re.compile(
    r"timeout|cache\.capacity|cache\.latest\.ttl\.sec|max\.retries|retries\.(max\.)?wait\.ms"
)

#: The registry client knows its names itself; these are about what it does not tell.
REGISTRY_RULES: Final = (
    _NO_NAME,
    Rule(r"url", "has a key of its own", "set schema_registry.url"),
    Rule(
        _REGISTRY_NUMBERS.pattern,
        "must be a whole number",
        "write it in digits",
        lambda value: re.fullmatch(r"[0-9]{1,9}", value) is None,
    ),
)

_RULES: Final[Mapping[Role, tuple[Rule, ...]]] = {
    Role.CONSUMER: CONSUMER_RULES,
    Role.PRODUCER: PRODUCER_RULES,
    Role.REGISTRY: REGISTRY_RULES,
}


def refusals(role: Role, properties: Mapping[str, str]) -> Iterator[Refusal]:
    """Yield the properties that can't be passed through as ``role``, each once, with the reason."""
    by_broker = role is Role.CONSUMER and properties.get("group.protocol", "").lower() == "consumer"
    for name, value in properties.items():
        rules = (*_BROKER_DECIDES, *_RULES[role]) if by_broker else _RULES[role]
        rule = next((rule for rule in rules if rule.breaks(name, value)), None)
        if rule is not None:
            yield Refusal(name, rule.what, rule.cure)


def for_registry(url: str, properties: Mapping[str, str]) -> dict[str, str | int]:
    """Return the configuration of confluent-kafka's registry client, with numbers where it wants them."""
    return {
        "url": url,
        **{
            name: int(value) if _REGISTRY_NUMBERS.fullmatch(name) else value
            for name, value in properties.items()
        },
    }
