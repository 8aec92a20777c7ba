"""What the brokers said to ``check --connect``: how each check ends, and the command that helps."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pytest

from consumer.core.operations.checks import Failure, Result, Trouble
from consumer.core.operations.kafka_checks import (
    GroupState,
    TopicState,
    of_brokers,
    of_dead_letters,
    of_group,
    of_pattern,
    of_sizes,
    of_topic,
)
from consumer.core.partitions.subscription import Letters, Subscription

PATTERNS: Final = Subscription.of(["^pay", "^late"], Letters("{topic}.dlq"))
OK, WARNING, FAILED = Result.OK, Result.WARNING, Result.FAILED
WEEK: Final = {"retention.ms": "604800000", "cleanup.policy": "delete", "max.message.bytes": "1048588"}
TOPIC: Final = TopicState(3, 0, frozenset({"READ", "DESCRIBE"}), WEEK)
LETTERS: Final = TopicState(1, 0, frozenset({"WRITE", "DESCRIBE"}), WEEK)
MISSING: Final = Failure(Trouble.MISSING, "UNKNOWN_TOPIC_OR_PART")
FORBIDDEN: Final = Failure(Trouble.FORBIDDEN, "TOPIC_AUTHORIZATION_FAILED")
SLOW: Final = Failure(Trouble.TIMEOUT, "no answer in time")


@pytest.mark.parametrize(
    ("brokers", "result", "words", "credentials"),
    [
        (1, OK, "1 broker", False),
        (3, OK, "3 brokers", False),
        (Failure(Trouble.UNRESOLVED, "x"), FAILED, "the name of the host is not known: x", False),
        (Failure(Trouble.UNREACHABLE, "x"), FAILED, "no broker answers: x", False),
        (Failure(Trouble.TIMEOUT, "x"), FAILED, "no broker answers in time: x", False),
        (Failure(Trouble.TLS, "x"), FAILED, "the connection can't be made safe: x", False),
        (Failure(Trouble.CREDENTIALS, "x"), FAILED, "the broker refuses our credentials: x", True),
        (Failure(Trouble.OTHER, "x"), FAILED, "what answers is not a broker that we understand: x", False),
    ],
)
def test_the_first_contact(brokers: int | Failure, result: Result, words: str, credentials: bool) -> None:
    """Every way in which it can fail has its own words and cure; only a refusal is about credentials."""
    check = of_brokers("kafka:9092", brokers)
    assert (check.result, check.answer, check.credentials) == (result, words, credentials)
    assert bool(check.cure) == (result is not OK)


@pytest.mark.parametrize(
    ("state", "result", "words", "cure"),
    [
        (TOPIC, OK, "3 partitions, may be read", ""),
        (
            replace(TOPIC, partitions=1, operations=None),
            OK,
            "1 partition; the broker does not tell our rights",
            "",
        ),
        (LETTERS, FAILED, "1 partition, may not be read", "--operation Read --topic payments"),
        (replace(TOPIC, leaderless=2), FAILED, "3 partitions, 2 without a leader", "bring the brokers back"),
        (MISSING, FAILED, "does not exist", "--create --topic payments"),
        (FORBIDDEN, FAILED, "does not exist, or may not be seen by us", "--operation Read --topic payments"),
        (SLOW, FAILED, "no answer in time", "log of the brokers"),
    ],
)
def test_a_source_topic(state: TopicState | Failure, result: Result, words: str, cure: str) -> None:
    """There, with leaders, and readable by us; else the command that makes it so."""
    first, *_ = of_topic("payments", state)
    assert (first.result, first.answer) == (result, words)
    assert cure in first.cure
    assert bool(first.cure) == bool(cure)


@pytest.mark.parametrize(
    ("config", "result", "words"),
    [
        (WEEK, OK, "records are kept for 168 h"),
        ({**WEEK, "retention.ms": "86400000"}, OK, "records are kept for 24 h"),
        ({**WEEK, "retention.ms": "86399999"}, WARNING, "records are kept for 24 h"),
        ({**WEEK, "retention.ms": "60000"}, WARNING, "records are kept for 0.0167 h"),
        ({**WEEK, "retention.ms": "-1"}, OK, "records are kept without a limit of time"),
        ({**WEEK, "retention.ms": "1", "cleanup.policy": "compact"}, OK, "kept without a limit"),
        ({**WEEK, "retention.ms": "1", "cleanup.policy": "compact,delete"}, WARNING, "kept for"),
        ({}, OK, "records are kept without a limit of time"),
        ({**WEEK, "retention.bytes": "-1"}, OK, "records are kept for 168 h"),
        ({**WEEK, "retention.bytes": "5000"}, WARNING, "less once a partition has more than 5000 bytes"),
        (FORBIDDEN, WARNING, "is not told: TOPIC_AUTHORIZATION_FAILED"),
    ],
)
def test_the_retention(config: Mapping[str, str] | Failure, result: Result, words: str) -> None:
    """Less than a day is too short for an outage that begins in the evening."""
    _, check = of_topic("payments", replace(TOPIC, config=config))
    assert check.result is result
    assert words in check.answer


@pytest.mark.parametrize(
    ("state", "result", "words", "cure"),
    [
        (GroupState("STABLE", 2, frozenset({"READ"})), OK, "stable, 2 members, may be joined", ""),
        (GroupState("new", 0, None), OK, "new, 0 members; the broker does not tell our rights", ""),
        (
            GroupState("PREPARING_REBALANCING", 1, frozenset({"DESCRIBE"})),
            FAILED,
            "preparing rebalancing, 1 member, may not be joined",
            "--operation Read --group g",
        ),
        (Failure(Trouble.FORBIDDEN, "x"), FAILED, "x", "--operation Read --group g"),
        (SLOW, FAILED, "no answer in time", "log of the brokers"),
    ],
)
def test_the_group(state: GroupState | Failure, result: Result, words: str, cure: str) -> None:
    """Joining and committing need the right to read the group."""
    check = of_group("g", state)
    assert (check.result, check.answer) == (result, words)
    assert cure in check.cure


@pytest.mark.parametrize(
    ("state", "create", "creation", "result", "words", "cure"),
    [
        (LETTERS, False, None, OK, "1 partition, may be written", ""),
        (replace(LETTERS, operations=None), False, None, OK, "does not tell our rights", ""),
        (TOPIC, False, None, FAILED, "may not be written", "--operation Write --topic p.dlq"),
        (replace(LETTERS, leaderless=1), False, None, FAILED, "without a leader", "bring the brokers back"),
        (MISSING, False, None, FAILED, "does not exist", "--create --topic p.dlq"),
        (MISSING, True, None, OK, "does not exist; the service will create it", ""),
        (MISSING, True, FORBIDDEN, FAILED, "we can't create it: TOPIC_AUTH", "--create --topic p.dlq"),
        (FORBIDDEN, True, None, FAILED, "may not be seen by us", "--operation Write --topic p.dlq"),
        (SLOW, False, None, FAILED, "no answer in time", "log of the brokers"),
    ],
)
def test_a_dead_letter_topic(
    state: TopicState | Failure,
    create: bool,
    creation: Failure | None,
    result: Result,
    words: str,
    cure: str,
) -> None:
    """There and writable, or to be created by a service that may; else the command that helps."""
    check = of_dead_letters("p.dlq", state, creation=creation, create=create)
    assert check.result is result
    assert words in check.answer
    assert cure in check.cure
    assert bool(check.cure) == bool(cure)


@pytest.mark.parametrize(
    ("source", "target", "most", "cure"),
    [
        ("1048588", "1048588", 10_485_760, None),
        ("1048588", None, 10_485_760, None),
        ("1048588", "1000000", 10_485_760, "max.message.bytes of p.dlq to 1056780"),
        ("10485760", "99999999", 10_485_760, "message.max.bytes under dead_letters.properties to 10493952"),
        (None, "1", 1, None),
    ],
)
def test_a_letter_of_the_largest_record_fits(
    source: str | None, target: str | None, most: int, cure: str | None
) -> None:
    """What the source topic takes, the dead-letter topic and our producer have to take too."""

    def sized(state: TopicState, size: str | None) -> TopicState:
        return replace(state, config={} if size is None else {"max.message.bytes": size})

    checks = of_sizes(
        "p", sized(TOPIC, source), "p.dlq", None if target is None else sized(LETTERS, target), most
    )
    assert [(check.result, cure is not None and cure in check.cure) for check in checks] == (
        [] if cure is None else [(WARNING, True)]
    )


@pytest.mark.parametrize(
    ("pattern", "there", "result", "words"),
    [
        ("^pay", {"pay.b", "pay.a", "pay.a.dlq", "other"}, OK, "2 topics: pay.a, pay.b"),
        ("^pay", {f"pay.{n:02}" for n in range(30)}, OK, "30 topics: pay.00, "),
        ("^late", {"pay.a"}, WARNING, "none matches"),
        ("^late", None, FAILED, "nobody told the names of the topics in time"),
    ],
)
def test_what_a_pattern_matches(pattern: str, there: set[str] | None, result: Result, words: str) -> None:
    """The names, as far as there is room, so that a pattern that takes too much is seen."""
    check = of_pattern(pattern, PATTERNS, there)
    assert check.result is result
    assert check.answer.startswith(words)
    assert check.answer.endswith("and 10 more") is (there is not None and len(there) == 30)
    assert bool(check.cure) == (result is not OK)
