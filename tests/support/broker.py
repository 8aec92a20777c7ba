"""What every way to get a Kafka has in common: its description, its process, its properties."""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from socket import create_connection
from typing import Final, Protocol, TypeAlias

import httpx

from consumer.lab.embedded import EmbeddedKafka

KAFKA_VERSION: Final = "4.1.1"
REGISTRY_PATH: Final = "/apis/ccompat/v7"
CLUSTER_ID: Final = "dGVzdHMtb2YtdGhlLWNvbg"

#: Tells from a port of 127.0.0.1 whether the server behind it is up.
Probe: TypeAlias = Callable[[int], bool]


class NotHere(Exception):
    """This way to get a Kafka or a registry is not open on this machine; the text says why."""


class Kind(StrEnum):
    """Where the Kafka of a test run comes from, in the order of trying."""

    ENV = "env"
    CONTAINERS = "containers"
    JARS = "jars"
    MOCK = "mock"


class Server(Protocol):
    """A server that the tests started and may hurt. ``start`` brings a killed one back with its data."""

    @property
    def address(self) -> str:
        """``127.0.0.1:port``, the same through all restarts."""

    def start(self) -> None:
        """Start it and return once it answers."""

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""

    def resume(self) -> None:
        """Thaw it."""

    def kill(self) -> None:
        """End it without a goodbye."""

    def close(self) -> None:
        """End it for good and remove what it kept."""


@dataclass(frozen=True, slots=True)
class Kafka:
    """A Kafka for tests.

    ``server`` is None where the broker is not ours to hurt (env, mock); ``embedded`` is the mock cluster
    where it is one, and ``lacking`` says why then.
    """

    kind: Kind
    bootstrap_servers: str
    server: Server | None = None
    embedded: EmbeddedKafka | None = None
    lacking: str = ""

    @property
    def real(self) -> bool:
        """Whether this is Apache Kafka, and not librdkafka's mock of it."""
        return self.embedded is None


def broker_properties(listen: str, advertised: str, controller: str, data: str) -> Mapping[str, str]:
    """Return the server.properties of a single combined node.

    ``listen`` and ``controller`` are ``host:port`` on the broker's side, ``advertised`` is the client's
    address, ``data`` the log directory. Topics are never created by accident: a missing dead-letter topic
    has to stay missing. Short sessions, of the broker and of members, keep tests of lost ones to seconds.
    """
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"PLAINTEXT://{listen},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{advertised}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "broker.heartbeat.interval.ms": "500",
        "broker.session.timeout.ms": "2000",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
    }


def kafka_answers(port: int) -> bool:
    """Ask for the API versions (key 18, version 0, no client id) and tell whether a broker answers."""
    request = struct.pack(">ihhih", 10, 18, 0, 1, -1)
    try:
        with create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(request)
            return len(connection.recv(8)) > 0
    except OSError:
        return False


def registry_answers(port: int) -> bool:
    """Tell whether a schema registry lists its subjects."""
    try:
        url = f"http://127.0.0.1:{port}{REGISTRY_PATH}/subjects"
        return httpx.get(url, timeout=5).status_code == HTTPStatus.OK
    except httpx.TransportError:
        return False
