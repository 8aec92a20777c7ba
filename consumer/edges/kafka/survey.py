"""Asking the brokers what they know and allow, for ``check --connect``: nothing is joined or written.

Looked up in confluent-kafka 2.16: calls of the AdminClient give futures at once and are answered by a thread
of the client; errors of connections come to ``error_cb``, which is called while we poll.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from enum import Enum
from typing import Final, TypeVar

from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, but not in an __all__
    AdminClient,
    ConfigResource,
    ConsumerGroupDescription,
    ResourceType,
    TopicDescription,
)
from confluent_kafka.cimpl import NewTopic

from consumer.core.operations.checks import Failure, Trouble
from consumer.core.operations.kafka_checks import GroupState, TopicState
from consumer.core.settings.properties import discreet
from consumer.edges.kafka.clients import Config, is_shared

T = TypeVar("T")

#: Seconds until the first contact counts as failed, unless told otherwise.
CONTACT_SECONDS: Final = 6.0
#: Seconds for the answer to one question behind it.
ANSWER_SECONDS: Final = 10.0
#: Seconds of one try; between two, the client's errors are looked at.
_TRY_SECONDS: Final = 0.5
#: Seconds before a question is asked again that the cluster can't answer yet.
_AGAIN_SECONDS: Final = 0.2
#: How long the client was in which state says nothing to an operator.
_STATE: Final = re.compile(r" \(after \d+ms in state \w+(?:, .*)?\)$")

_E: Final = KafkaError

#: What the client's and the brokers' errors are to us; anything else is OTHER.
_TROUBLES: Final[Mapping[int, Trouble]] = {
    _E._RESOLVE: Trouble.UNRESOLVED,  # noqa: SLF001  (the client's public names start so; also below)
    _E._TRANSPORT: Trouble.UNREACHABLE,  # noqa: SLF001
    _E._TIMED_OUT: Trouble.TIMEOUT,  # noqa: SLF001
    _E._SSL: Trouble.TLS,  # noqa: SLF001
    _E._AUTHENTICATION: Trouble.CREDENTIALS,  # noqa: SLF001
    _E.SASL_AUTHENTICATION_FAILED: Trouble.CREDENTIALS,
    _E.TOPIC_AUTHORIZATION_FAILED: Trouble.FORBIDDEN,
    _E.GROUP_AUTHORIZATION_FAILED: Trouble.FORBIDDEN,
    _E.CLUSTER_AUTHORIZATION_FAILED: Trouble.FORBIDDEN,
    _E.UNKNOWN_TOPIC_OR_PART: Trouble.MISSING,
    _E._UNKNOWN_TOPIC: Trouble.MISSING,  # noqa: SLF001
}
#: Says nothing about the cause, which another error tells.
_NO_CAUSE: Final = _E._ALL_BROKERS_DOWN  # noqa: SLF001
#: Seen once, they will not pass by themselves.
_FINAL: Final = frozenset({Trouble.CREDENTIALS, Trouble.TLS})
#: The coordinator of a group is not ready: on the first use of a cluster, its topic is made first.
_NOT_YET: Final = frozenset(
    {_E.COORDINATOR_LOAD_IN_PROGRESS, _E.COORDINATOR_NOT_AVAILABLE, _E.NOT_COORDINATOR}
)


class Survey:
    """One connection to the cluster, made as a client with ``config`` makes it. Every call waits, bounded.

    ``properties`` tell what in the client's words is secret. The first contact counts as failed after
    ``contact_seconds``.
    """

    def __init__(
        self, config: Config, properties: Mapping[str, str], *, contact_seconds: float = CONTACT_SECONDS
    ) -> None:
        self._contact_seconds: Final = contact_seconds
        self._properties: Final = properties
        self._errors: Final[list[KafkaError]] = []
        self._admin: Final = AdminClient(
            {**_connection(config), "log_level": 0}, error_cb=self._errors.append
        )

    def brokers(self) -> int | Failure:
        """Connect; return how many brokers the cluster has."""
        deadline = time.monotonic() + self._contact_seconds
        while True:
            self._admin.poll(0)
            try:
                return len(self._admin.list_topics(timeout=_TRY_SECONDS).brokers)
            except KafkaException as error:
                self._admin.poll(0)
                failure = self._told(error.args[0])
                if failure.trouble in _FINAL or time.monotonic() >= deadline:
                    return failure

    def topics(self, names: Iterable[str]) -> dict[str, TopicState | Failure]:
        """Return how each topic is, with our rights and its configuration."""
        wanted = list(dict.fromkeys(names))
        described = self._admin.describe_topics(
            TopicCollection(wanted), include_authorized_operations=True, request_timeout=ANSWER_SECONDS
        )
        resources = {name: ConfigResource(ResourceType.TOPIC, name) for name in wanted}
        configured = self._admin.describe_configs(list(resources.values()), request_timeout=ANSWER_SECONDS)
        return {
            name: self._topic(self._answer(described[name]), configured[resources[name]]) for name in wanted
        }

    def group(self, group: str) -> GroupState | Failure:
        """Find the group's coordinator and return what it knows of the group. It is not joined."""

        def describe() -> "Future[ConsumerGroupDescription]":
            return self._admin.describe_consumer_groups(
                [group], include_authorized_operations=True, request_timeout=ANSWER_SECONDS
            )[group]

        found = self._insisting(describe)
        if isinstance(found, Failure):
            return found
        return GroupState(
            state="new" if found.state is ConsumerGroupState.DEAD else found.state.name,
            members=len(found.members),
            operations=_rights(found.authorized_operations),
        )

    def creation(self, topic: str) -> Failure | None:
        """Return what stands in the way of creating ``topic``; the brokers check it and create nothing."""
        asked = self._admin.create_topics(
            [NewTopic(topic, num_partitions=-1, replication_factor=-1)],
            validate_only=True,
            request_timeout=ANSWER_SECONDS,
        )
        found = self._answer(asked[topic])
        return found if isinstance(found, Failure) else None

    def _topic(
        self, found: TopicDescription | Failure, configured: "Future[dict[str, object]]"
    ) -> TopicState | Failure:
        if isinstance(found, Failure):
            return found
        config = self._answer(configured)
        return TopicState(
            partitions=len(found.partitions),
            leaderless=sum(
                1 for partition in found.partitions if getattr(partition.leader, "id", None) is None
            ),
            operations=_rights(found.authorized_operations),
            config=config if isinstance(config, Failure) else _values(config),
        )

    def _insisting(self, ask: Callable[[], "Future[T]"]) -> T | Failure:
        """Ask until the cluster is ready to answer, for the time of one answer."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            asked = ask()
            found = self._answer(asked)
            error = asked.exception() if asked.done() else None
            not_yet = isinstance(error, KafkaException) and error.args[0].code() in _NOT_YET
            if not not_yet or time.monotonic() >= deadline:
                return found
            time.sleep(_AGAIN_SECONDS)

    def _answer(self, asked: "Future[T]") -> T | Failure:
        try:
            # The client's own bound comes first; this one is for the case that it does not.
            return asked.result(ANSWER_SECONDS + 1)
        except NotYet:
            return Failure(Trouble.TIMEOUT, "no answer in time")
        except KafkaException as error:
            return self._failure(error.args[0])

    def _told(self, last: KafkaError) -> Failure:
        """Return the most telling of the errors so far."""
        failures = [self._failure(error) for error in self._errors if error.code() != _NO_CAUSE]
        final = [failure for failure in failures if failure.trouble in _FINAL]
        return (final or failures or [self._failure(last)])[0]

    def _failure(self, error: KafkaError) -> Failure:
        text = _STATE.sub("", error.str())
        detail = f"{error.name()}: {discreet(text, self._properties)}"
        return Failure(_TROUBLES.get(error.code(), Trouble.OTHER), detail)


def _connection(config: Config) -> Config:
    servers = config["bootstrap.servers"]
    return {
        "bootstrap.servers": servers,
        **{name: value for name, value in config.items() if is_shared(name)},
    }


def _rights(operations: Iterable[Enum] | None) -> frozenset[str] | None:
    return None if operations is None else frozenset(operation.name for operation in operations)


def _values(config: Mapping[str, object]) -> dict[str, str]:
    return {name: str(getattr(entry, "value", "")) for name, entry in config.items()}
