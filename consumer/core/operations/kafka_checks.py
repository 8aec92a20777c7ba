"""What the answers of the brokers mean to this service, and the command that helps.

Rights are those of Kafka's authoriser (its table "Operations and Resources on Protocols"): reading and
committing need READ on the topic and on the group, dead letters need WRITE on their topic.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from consumer.core.operations.checks import Check, Failure, Result, Trouble, doubtful, failed, ok
from consumer.core.operations.cures import creating, granting
from consumer.core.partitions.distances import kept_seconds
from consumer.core.partitions.subscription import Subscription

#: Seconds. A topic that keeps records for less loses payments in an outage that nobody mends over night.
SHORTEST_RETENTION: Final = 24 * 3600.0
#: What a dead letter has more than its record: the headers that say why.
LETTER_HEADERS_BYTES: Final = 8_192

#: Topics of a pattern that are named; each has its own lines all the same.
_MOST_NAMED: Final = 20

#: Names of rights in Kafka's authoriser.
READ: Final = "READ"
WRITE: Final = "WRITE"


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as its brokers describe it.

    ``operations`` are our rights by name, None where the broker does not tell. ``config`` is the topic's
    configuration, or why it can't be had.
    """

    partitions: int
    leaderless: int
    operations: frozenset[str] | None
    config: "Mapping[str, str] | Failure"


@dataclass(frozen=True, slots=True)
class GroupState:
    """A consumer group as its coordinator describes it; ``operations`` as in :class:`TopicState`."""

    state: str
    members: int
    operations: frozenset[str] | None


def of_brokers(servers: str, brokers: int | Failure) -> Check:
    """Judge the first contact: the number of brokers that the cluster has."""
    subject, asked = f"brokers {servers}", "connect and ask for the cluster's brokers"
    if isinstance(brokers, int):
        return ok(subject, asked, "1 broker" if brokers == 1 else f"{brokers} brokers")
    words, cure = _CONTACT.get(brokers.trouble, _CONTACT[Trouble.OTHER])
    refused = brokers.trouble is Trouble.CREDENTIALS
    return failed(subject, asked, f"{words}: {brokers.detail}", cure, credentials=refused)


def of_topic(topic: str, state: TopicState | Failure) -> Iterator[Check]:
    """Judge a source topic: whether it is there, may be read, and keeps its records for long enough."""
    subject, asked = f"topic {topic}", "describe it, with our rights"
    if isinstance(state, Failure):
        yield _topic_failed(subject, asked, topic, state, "Read")
        return
    yield _existing(subject, asked, state, READ, f"--topic {topic}")
    yield _retention(topic, state.config)


def of_pattern(pattern: str, subscription: Subscription, there: Collection[str] | None) -> Check:
    """Judge a pattern of ``subscription``: which of the topics ``there`` (None: not told) it matches."""
    subject, asked = f"topics {pattern}", "match the names of all topics that we may see"
    if there is None:
        return failed(subject, asked, "nobody told the names of the topics in time", _BROKERS_LOG)
    matched = subscription.matching_one(pattern, there)
    if not matched:
        cure = "check the pattern, and our right to describe the topics; the service waits for one"
        return doubtful(subject, asked, "none matches", cure)
    more = len(matched) - _MOST_NAMED
    names = ", ".join(matched[:_MOST_NAMED])
    return ok(
        subject,
        asked,
        f"{_plural(len(matched), 'topic')}: {names}" + (f" and {more} more" if more > 0 else ""),
    )


def of_group(group: str, state: GroupState | Failure) -> Check:
    """Judge the consumer group: whether we may join it and commit."""
    subject, asked = f"group {group}", "find its coordinator and describe it, without joining"
    if isinstance(state, Failure):
        forbidden = state.trouble is Trouble.FORBIDDEN
        cure = granting("Read", f"--group {group}") if forbidden else _BROKERS_LOG
        return failed(subject, asked, state.detail, cure)
    who = f"{state.state.lower().replace('_', ' ')}, {_plural(state.members, 'member')}"
    return _allowed(Check(subject, asked, Result.OK, who), state.operations, READ, f"--group {group}")


def of_dead_letters(
    topic: str, state: TopicState | Failure, *, creation: Failure | None, create: bool
) -> Check:
    """Judge a dead-letter topic: whether it is there and takes letters, or may be created where we shall.

    ``creation`` is what stands in the way of creating it, asked only with ``create`` and without the topic.
    """
    subject, asked = f"dead letters {topic}", "describe the topic, with our rights"
    if not isinstance(state, Failure):
        return _existing(subject, asked, state, WRITE, f"--topic {topic}")
    if state.trouble is not Trouble.MISSING:
        return _topic_failed(subject, asked, topic, state, "Write")
    if not create:
        return failed(subject, asked, "does not exist", creating(topic))
    if creation is None:
        return ok(subject, asked, "does not exist; the service will create it")
    answer = f"does not exist, and we can't create it: {creation.detail}"
    return failed(subject, asked, answer, creating(topic))


def of_sizes(
    topic: str, source: TopicState, letters: str, target: TopicState | None, most: int
) -> list[Check]:
    """Warn where the largest record of ``topic`` would not fit as a letter; nothing where it does.

    ``letters`` is the dead-letter topic, ``target`` its state where it exists, ``most`` the bytes that our
    own producer sends at most.
    """
    largest = _number(source.config, "max.message.bytes")
    taken = None if target is None else _number(target.config, "max.message.bytes")
    if largest is None:
        return []
    subject, asked = f"dead letters {letters}", "compare the largest record with that of the source"
    needed = largest + LETTER_HEADERS_BYTES
    if most < needed:
        answer = f"{topic} takes records of {largest} bytes, our producer sends {most} at most"
        cure = f"set message.max.bytes under dead_letters.properties to {needed}"
        return [doubtful(subject, asked, answer, cure)]
    if taken is not None and taken < largest:
        answer = f"{topic} takes records of {largest} bytes, {letters} only {taken}"
        return [doubtful(subject, asked, answer, f"set max.message.bytes of {letters} to {needed}")]
    return []


_WAY: Final = "check kafka.bootstrap_servers, and what lies between (network policy, firewall)"

#: What is told when the first contact fails, and what helps.
_CONTACT: Final[Mapping[Trouble, tuple[str, str]]] = {
    Trouble.UNRESOLVED: (
        "the name of the host is not known",
        "check kafka.bootstrap_servers, and the DNS of this machine or pod",
    ),
    Trouble.UNREACHABLE: (
        "no broker answers",
        f"{_WAY}; and security.protocol: a listener with TLS closes connections without it",
    ),
    Trouble.TIMEOUT: (
        "no broker answers in time",
        _WAY,
    ),
    Trouble.TLS: (
        "the connection can't be made safe",
        "check security.protocol, ssl.ca.location and the names in the broker's certificate",
    ),
    Trouble.CREDENTIALS: (
        "the broker refuses our credentials",
        "check sasl.mechanism, sasl.username and sasl.password under kafka.properties",
    ),
    Trouble.OTHER: ("what answers is not a broker that we understand", "check kafka.bootstrap_servers"),
}
_MAY: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    (READ, "--topic"): ("may be read", "may not be read"),
    (WRITE, "--topic"): ("may be written", "may not be written"),
    (READ, "--group"): ("may be joined", "may not be joined"),
}
_LEADERS: Final = "bring the brokers back that hold its replicas"
_BROKERS_LOG: Final = "see the log of the brokers"


def _topic_failed(subject: str, asked: str, topic: str, failure: Failure, right: str) -> Check:
    match failure.trouble:
        case Trouble.MISSING:
            return failed(subject, asked, "does not exist", creating(topic))
        case Trouble.FORBIDDEN:
            # Kafka does not tell those without rights whether a topic exists.
            answer = "does not exist, or may not be seen by us"
            return failed(subject, asked, answer, granting(right, f"--topic {topic}"))
        case _:
            return failed(subject, asked, failure.detail, _BROKERS_LOG)


def _existing(subject: str, asked: str, state: TopicState, right: str, resource: str) -> Check:
    count = _plural(state.partitions, "partition")
    if state.leaderless:
        return failed(subject, asked, f"{count}, {state.leaderless} without a leader", _LEADERS)
    return _allowed(Check(subject, asked, Result.OK, count), state.operations, right, resource)


def _allowed(there: Check, operations: frozenset[str] | None, right: str, resource: str) -> Check:
    """Return ``there`` with what our rights are, failed where ``right`` is not among them."""
    if operations is None:
        return replace(there, answer=f"{there.answer}; the broker does not tell our rights")
    may, may_not = _MAY[right, resource.partition(" ")[0]]
    if right in operations:
        return replace(there, answer=f"{there.answer}, {may}")
    return failed(there.subject, there.asked, f"{there.answer}, {may_not}", granting(right.title(), resource))


def _retention(topic: str, config: Mapping[str, str] | Failure) -> Check:
    subject, asked = f"retention of {topic}", "read the topic's configuration"
    if isinstance(config, Failure):
        cure = f"{granting('DescribeConfigs', f'--topic {topic}')}; without it the retention is not watched"
        return doubtful(subject, asked, f"is not told: {config.detail}", cure)
    kept = kept_seconds(config)
    told = "without a limit of time" if kept is None else f"for {kept / 3600:.3g} h"
    most = _number(config, "retention.bytes")
    if most is not None and most >= 0:
        told += f", and less once a partition has more than {most} bytes"
        cure = "unset retention.bytes of the topic: nothing foresees deletion by size"
        return doubtful(subject, asked, f"records are kept {told}", cure)
    if kept is not None and kept < SHORTEST_RETENTION:
        cure = "raise retention.ms of the topic: what is deleted before it is delivered is lost"
        return doubtful(subject, asked, f"records are kept {told}", cure)
    return ok(subject, asked, f"records are kept {told}")


def _plural(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _number(config: Mapping[str, str] | Failure, name: str) -> int | None:
    text = "" if isinstance(config, Failure) else config.get(name, "")
    return int(text) if text.removeprefix("-").isdecimal() else None
