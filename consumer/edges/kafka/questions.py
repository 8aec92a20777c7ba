"""Questions to the brokers beside the consumer: nothing is joined, read or written by asking.

Looked up in confluent-kafka 2.16: calls of the AdminClient give futures at once and are answered by a thread
of the client; errors of connections come to ``error_cb``, and tokens of OAuth are fetched, while we poll.
"""

import re
import time
from collections import deque
from collections.abc import Collection, Hashable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Final, TypeVar

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, but not in an __all__
    AdminClient,
    ConfigResource,
    OffsetSpec,
    ResourceType,
)

from consumer.core.operations.checks import Failure, Trouble
from consumer.core.records import Partition
from consumer.core.settings.properties import discreet
from consumer.edges.kafka.clients import Config, connection_config

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

#: Seconds for the answer to a question, unless told otherwise.
ANSWER_SECONDS: Final = 10.0
#: Errors of connections that are remembered.
_MAX_ERRORS: Final = 50
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
#: Kafka does not tell those without rights whether a topic exists.
_NOT_THERE: Final = frozenset({Trouble.MISSING, Trouble.FORBIDDEN})


class Questions:
    """One connection to the cluster, made as a client with ``config`` makes it. Every call waits, bounded.

    ``properties`` tell what in the client's words is secret. Calls must not overlap.
    """

    def __init__(
        self, config: Config, properties: Mapping[str, str], *, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self.seconds: Final = answer_seconds
        self.errors: Final[deque[KafkaError]] = deque(maxlen=_MAX_ERRORS)
        self._properties: Final = properties
        own: Config = {"client.id": "linkrunner-consumer-questions", "log_level": 0}
        self.admin: Final = AdminClient({**connection_config(config), **own}, error_cb=self.errors.append)

    def configs(self, topics: Collection[str]) -> dict[str, Mapping[str, str] | Failure]:
        """Return the configuration of each topic, as far as the brokers tell it to us."""
        self.admin.poll(0)
        resources = {topic: ConfigResource(ResourceType.TOPIC, topic) for topic in topics}
        asked = self.admin.describe_configs(list(resources.values()), request_timeout=self.seconds)
        found = self.answers({topic: asked[resource] for topic, resource in resources.items()})
        return {
            topic: config if isinstance(config, Failure) else _values(config)
            for topic, config in found.items()
        }

    def topics(self) -> frozenset[str] | None:
        """Return the names of all topics that we may see, None where nobody tells in time."""
        self.admin.poll(0)
        try:
            found = self.admin.list_topics(timeout=self.seconds).topics
        except KafkaException:
            return None
        return frozenset(name for name, topic in found.items() if not self._is_not_there(topic.error))

    def partition_counts(self, topics: Collection[str]) -> dict[str, int]:
        """Return how many partitions each topic has: 0 where there is none that we may see.

        Topics that nobody told of in time are left out. None is created by being asked about.
        """
        self.admin.poll(0)
        asked = self.admin.describe_topics(TopicCollection(list(topics)), request_timeout=self.seconds)
        counts = {}
        for topic, found in self.answers(asked).items():
            if not isinstance(found, Failure):
                counts[topic] = len(found.partitions)
            elif found.trouble in _NOT_THERE:
                counts[topic] = 0
        # Where the controller is silent or does not know this question, the list of all topics tells too.
        unanswered = set(topics) - counts.keys()
        return counts | self._listed(unanswered) if unanswered else counts

    def _listed(self, topics: Collection[str]) -> dict[str, int]:
        """Return the numbers of partitions by the list of all topics, none where nobody tells in time."""
        try:
            found = self.admin.list_topics(timeout=self.seconds).topics
        except KafkaException:
            return {}
        return {
            topic: len(found[topic].partitions) if topic in found and found[topic].error is None else 0
            for topic in topics
            if topic not in found or found[topic].error is None or self._is_not_there(found[topic].error)
        }

    def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return the offset behind the last committed record of each partition whose leader answers."""
        if not partitions:
            return {}
        self.admin.poll(0)
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # not annotated by its authors
        asked = self.admin.list_offsets(
            {TopicPartition(*partition): latest for partition in partitions},
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=self.seconds,
        )
        found = self.answers({Partition(p.topic, p.partition): future for p, future in asked.items()})
        return {
            partition: end.offset
            for partition, end in found.items()
            if not isinstance(end, Failure) and end.offset >= 0
        }

    def answers(self, asked: Mapping[K, "Future[T]"]) -> dict[K, T | Failure]:
        """Wait for all of the answers, together no longer than for one."""
        # The client's own bound comes first; this one is for the case that it does not.
        deadline = time.monotonic() + self.seconds + 1
        found: dict[K, T | Failure] = {}
        for name, future in asked.items():
            answer = self._answer(future, deadline)
            found[name] = answer
        return found

    def failure(self, error: KafkaError) -> Failure:
        """Return what an error of the client is to us, in words without secrets."""
        text = _STATE.sub("", error.str())
        detail = f"{error.name()}: {discreet(text, self._properties)}"
        return Failure(_TROUBLES.get(error.code(), Trouble.OTHER), detail)

    def _is_not_there(self, error: KafkaError | None) -> bool:
        return error is not None and self.failure(error).trouble in _NOT_THERE

    def _answer(self, asked: "Future[T]", deadline: float) -> T | Failure:
        try:
            return asked.result(max(0.0, deadline - time.monotonic()))
        except NotYet:
            return Failure(Trouble.TIMEOUT, "no answer in time")
        except KafkaException as error:
            return self.failure(error.args[0])


def _values(config: Mapping[str, object]) -> dict[str, str]:
    return {name: str(getattr(entry, "value", "")) for name, entry in config.items()}
