"""Asking the brokers what they know and allow, for ``check --connect``: nothing is joined or written."""

import time
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import TopicDescription  # type: ignore[attr-defined]  # public, but not in an __all__
from confluent_kafka.cimpl import NewTopic

from consumer.core.operations.checks import Failure, Trouble
from consumer.core.operations.kafka_checks import GroupState, TopicState
from consumer.edges.kafka.clients import Config
from consumer.edges.kafka.questions import Questions

#: Seconds until the first contact counts as failed, unless told otherwise.
CONTACT_SECONDS: Final = 6.0
#: Seconds of one try; between two, the client's errors are looked at.
_TRY_SECONDS: Final = 0.5
#: Seconds before a question is asked again that the cluster can't answer yet.
_AGAIN_SECONDS: Final = 0.2

#: Says nothing about the cause, which another error tells.
_NO_CAUSE: Final = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001  (the client's public names start so)
#: Seen once, they will not pass by themselves.
_FINAL: Final = frozenset({Trouble.CREDENTIALS, Trouble.TLS})
#: The coordinator of a group is not ready: on the first use of a cluster, its topic is made first.
_NOT_YET: Final = ("COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE", "NOT_COORDINATOR")


class Survey:
    """What a cluster knows and allows, asked as a client with ``config`` asks. Every call waits, bounded.

    ``properties`` tell what in the client's words is secret. The first contact counts as failed after
    ``contact_seconds``.
    """

    def __init__(
        self, config: Config, properties: Mapping[str, str], *, contact_seconds: float = CONTACT_SECONDS
    ) -> None:
        self._contact_seconds: Final = contact_seconds
        self._questions: Final = Questions(config, properties)
        self._admin: Final = self._questions.admin

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
            TopicCollection(wanted),
            include_authorized_operations=True,
            request_timeout=self._questions.seconds,
        )
        found = self._questions.answers(described)
        configs = self._questions.configs(wanted)
        return {
            name: state if isinstance(state, Failure) else _topic(state, configs[name])
            for name, state in found.items()
        }

    def names(self) -> frozenset[str] | None:
        """Return the names of all topics that we may see, None where nobody tells in time."""
        return self._questions.topics()

    def group(self, group: str) -> GroupState | Failure:
        """Find the group's coordinator and return what it knows of the group. It is not joined."""
        deadline = time.monotonic() + self._questions.seconds
        while True:
            asked = self._admin.describe_consumer_groups(
                [group], include_authorized_operations=True, request_timeout=self._questions.seconds
            )
            found = self._questions.answers(asked)[group]
            if not isinstance(found, Failure):
                return GroupState(
                    state="new" if found.state is ConsumerGroupState.DEAD else found.state.name,
                    members=len(found.members),
                    operations=_rights(found.authorized_operations),
                )
            if not found.detail.startswith(_NOT_YET) or time.monotonic() >= deadline:
                return found
            time.sleep(_AGAIN_SECONDS)

    def creation(self, topic: str) -> Failure | None:
        """Return what stands in the way of creating ``topic``; the brokers check it and create nothing."""
        asked = self._admin.create_topics(
            [NewTopic(topic, num_partitions=-1, replication_factor=-1)],
            validate_only=True,
            request_timeout=self._questions.seconds,
        )
        found = self._questions.answers(asked)[topic]
        return found if isinstance(found, Failure) else None

    def _told(self, last: KafkaError) -> Failure:
        """Return the most telling of the errors so far."""
        errors = [error for error in self._questions.errors if error.code() != _NO_CAUSE] or [last]
        failures = [self._questions.failure(error) for error in errors]
        return next((failure for failure in failures if failure.trouble in _FINAL), failures[0])


def _topic(found: TopicDescription, config: Mapping[str, str] | Failure) -> TopicState:
    leaders = [getattr(partition.leader, "id", None) for partition in found.partitions]
    return TopicState(
        partitions=len(leaders),
        leaderless=leaders.count(None),
        operations=_rights(found.authorized_operations),
        config=config,
    )


def _rights(operations: Iterable[Enum] | None) -> frozenset[str] | None:
    return None if operations is None else frozenset(operation.name for operation in operations)
