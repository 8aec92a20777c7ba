"""How our Kafka clients are configured: what the promises need, and what users may add.

What users may not set is refused with a reason by ``consumer.core.settings.kafka_properties``, so the values
here that carry a promise can't be overridden.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from consumer.core.settings.kafka_properties import SESSION_TIMEOUT_MS

Value: TypeAlias = str | int | float | bool
Config: TypeAlias = dict[str, Value]

#: Seconds between two statistics reports of the client; lag and ends of partitions come from them.
STATISTICS_SECONDS: Final = 2

#: Kept unless the user says otherwise. Fetching ahead is bounded, because payments are few and memory is not.
_CONSUMER_DEFAULTS: Final[Mapping[str, Value]] = {
    "client.id": "linkrunner-consumer",
    "session.timeout.ms": SESSION_TIMEOUT_MS,
    "max.poll.interval.ms": 300_000,
    "queued.min.messages": 2_000,  # the client's default of 100 000 costs 14 MiB of bookkeeping in a backlog
    "queued.max.messages.kbytes": 4_096,
    "fetch.max.bytes": 4_194_304,
    "fetch.message.max.bytes": 1_048_576,
    "fetch.wait.max.ms": 100,
    # new partitions are seen by it, and a join that a bad moment of the brokers cut short is tried again
    "topic.metadata.refresh.interval.ms": 10_000,
    "socket.keepalive.enable": True,
    "check.crcs": True,
}

_CONSUMER_PROMISES: Final[Mapping[str, Value]] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": False,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "allow.auto.create.topics": False,
    "partition.assignment.strategy": "cooperative-sticky",
    "statistics.interval.ms": STATISTICS_SECONDS * 1000,
}

#: Classic-protocol settings that the client refuses beside ``group.protocol=consumer`` (KIP-848).
_CLASSIC_ONLY: Final = ("partition.assignment.strategy", "session.timeout.ms")

_PRODUCER_DEFAULTS: Final[Mapping[str, Value]] = {
    "client.id": "linkrunner-consumer-dead-letters",
    "compression.type": "lz4",
    # The broker refuses a whole batch: one letter that is too large must not take others with it.
    "batch.num.messages": 1,
    "message.timeout.ms": 10_000,
    "topic.metadata.propagation.max.ms": 5_000,
    "queue.buffering.max.kbytes": 16_384,
    "message.max.bytes": 10_485_760,
    "socket.keepalive.enable": True,
}

_PRODUCER_PROMISES: Final[Mapping[str, Value]] = {
    "enable.idempotence": True,
    "acks": "all",
    "allow.auto.create.topics": False,
}

#: Properties of librdkafka's CONFIGURATION.md that are about the connection and its security, in groups and
#: one by one. ``https.`` is whom to trust where OAuth tokens come from.
_SHARED_PREFIXES: Final = (
    "api.version.",
    "broker.address.",
    "client.dns.",
    "https.",
    "metadata.recovery.",
    "reconnect.",
    "sasl.",
    "socket.",
    "ssl.",
)
_SHARED: Final = frozenset(
    {
        "broker.version.fallback",
        "connections.max.idle.ms",
        "enable.sasl.oauthbearer.unsecure.jwt",
        "enable.ssl.certificate.verification",
        "security.protocol",
    }
)


def consumer_config(bootstrap_servers: str, group_id: str, properties: Mapping[str, Value]) -> Config:
    """Return the consumer's configuration in librdkafka's names."""
    config: Config = {
        **_CONSUMER_DEFAULTS,
        **properties,
        **_CONSUMER_PROMISES,
        "bootstrap.servers": bootstrap_servers,
        "group.id": group_id,
    }
    if str(properties.get("group.protocol")).lower() == "consumer":
        for name in _CLASSIC_ONLY:
            del config[name]
    return config


def producer_config(
    bootstrap_servers: str, shared: Mapping[str, Value], properties: Mapping[str, Value]
) -> Config:
    """Return the dead-letter producer's configuration.

    ``shared`` are the consumer's properties, of which the connection and its security apply here too;
    ``properties`` are the producer's own and win over them. The brokers are the consumer's.
    """
    connection = {name: value for name, value in shared.items() if is_shared(name)}
    return {
        **_PRODUCER_DEFAULTS,
        **connection,
        **properties,
        **_PRODUCER_PROMISES,
        "bootstrap.servers": bootstrap_servers,
    }


def connection_config(config: Config) -> Config:
    """Return what of a configuration says how to reach and trust the brokers, for one more client."""
    shared = {name: value for name, value in config.items() if is_shared(name)}
    return {"bootstrap.servers": config["bootstrap.servers"], **shared}


def is_shared(name: str) -> bool:
    """Tell whether a property says how to reach and trust the brokers, whichever client asks."""
    return name in _SHARED or name.startswith(_SHARED_PREFIXES)
