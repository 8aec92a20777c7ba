"""Subscriptions: what patterns match, what they never match, and what a look at the cluster changes."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.partitions.subscription import (
    GONE_LOOKS,
    Choice,
    Letters,
    Roll,
    Subscription,
    letters_read,
    pattern_fault,
)
from consumer.core.patterns import compile_pattern

DLQ = Letters("{topic}.dlq")
NAMES = st.text("abd.lq_-", min_size=1, max_size=12)


def subscription(*entries: str, letters: Letters = DLQ) -> Subscription:
    """Return a subscription."""
    return Subscription.of(entries, letters)


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("^pay", ["pay", "payments.eu", "payments.us"]),
        ("^pay$", ["pay"]),
        (r"^payments\..*", ["payments.eu", "payments.us"]),
        (r"^.*\.us", ["payments.us", "refunds.us"]),
        ("^refunds|payments", ["payments.eu", "payments.us", "refunds.us"]),
        ("^x|us", []),
        ("^", ["pay", "payments.eu", "payments.us", "refunds.us"]),
    ],
)
def test_a_pattern_matches_from_the_first_character_on(pattern: str, matched: Sequence[str]) -> None:
    """In each of its alternatives; the end is open unless the pattern says otherwise."""
    there = {"pay", "payments.eu", "payments.us", "refunds.us"}
    assert subscription(pattern).matching(there) == tuple(matched)


@pytest.mark.parametrize(
    ("template", "theirs"),
    [
        ("{topic}.dlq", ["orders.dlq", "orders.dlq.dlq", "gone.dlq"]),
        ("dlq.{topic}", ["dlq.orders"]),
        ("{topic}-{topic}", ["orders-orders"]),
        ("dead.letters", ["dead.letters"]),
        ("a.{topic}.b", ["a.orders.b"]),
    ],
)
def test_no_pattern_matches_a_dead_letter_topic(template: str, theirs: Sequence[str]) -> None:
    """Else one poison record would go round for ever; whether its source still exists does not matter."""
    others = ["orders", "orders-payments", "orders.dlqs", "deadXletters"]
    found = subscription("^", letters=Letters(template)).matching([*others, *theirs])
    assert set(others) <= set(found)
    assert not set(theirs) & set(found)


def test_old_dead_letters_are_not_matched_either() -> None:
    """Nor those of topics that are not read: a pattern in place of a name would read all of them again."""
    there = ["payments", "payments.dlq", "payments.v1", "payments.v1.dlq"]
    assert subscription(r"^payments\..*").matching(there) == ("payments.v1",)
    assert subscription("^eu", "orders").matching(["us.dlq", "eu", "eu.dlq", "orders.dlq"]) == ("eu",)
    assert subscription(r"^users\.erasures\.v1\..*").matching(["users.erasures.v1.dlq"]) == ()


def test_a_topic_that_only_looks_like_dead_letters_can_be_named() -> None:
    """A name is what its owner says it is."""
    assert subscription("^us", "us.dlq").names == ("us.dlq",)


def test_topics_of_kafka_itself_are_never_matched() -> None:
    """The offsets of all groups are no payments."""
    assert subscription("^").matching(["__consumer_offsets", "__transaction_state", "_schemas"]) == (
        "_schemas",
    )


@given(st.lists(NAMES), st.sampled_from(["{topic}.dlq", "dlq.{topic}", "d", "{topic}_{topic}"]))
def test_what_is_matched_takes_no_letters_of_what_is_matched(there: list[str], template: str) -> None:
    """For any topics: no topic that is read is the dead-letter topic of one that is read."""
    found = subscription("^[^a]", "^a", letters=Letters(template)).matching(there)
    assert not {template.replace("{topic}", topic) for topic in found} & set(found)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("^(", "no regular expression"),
        ("^a{99999999999}", "no regular expression"),
        ("^(a+)+$", "no bounded time"),
        ("^.*.*.*.*x$", "too many ways"),
        ("^(?!pay)", "no bounded time"),
        ("^" + "a" * 500, "longer than"),
    ],
)
def test_a_pattern_that_can_not_be_used_is_refused(pattern: str, words: str) -> None:
    """Before it is compiled for use: at the start, with what helps."""
    fault = pattern_fault(pattern)
    assert fault is not None
    assert words in fault.what
    assert fault.cure


@pytest.mark.parametrize(
    "pattern",
    [r"^refunds\..*", r"^(eu|us)\.[a-z]+\.v\d+$", r"^a\*b\+c\{d", "^[*+{]{2}", "^[]*+]*", "^(pay)?ments"],
)
def test_patterns_as_people_write_them_are_taken(pattern: str) -> None:
    """Repeats are counted where they are some: not in sets, not behind a backslash."""
    assert pattern_fault(pattern) is None
    re.compile(pattern)


def test_the_longest_name_is_held_against_a_pattern_in_bounded_steps() -> None:
    """A mapping's pattern may do without long texts; a topic's has to take every name that there can be."""
    assert pattern_fault("^.*.*.*x$") is None
    fault = pattern_fault("^.*.*.*" + "x" * 8 + "$")
    assert fault is not None
    assert "too many ways" in fault.what
    compile_pattern("^.*.*.*" + "x" * 8 + "$")


def test_the_first_look_is_a_change_and_decides_what_was_there() -> None:
    """What appears behind it starts at its beginning; what is named is read whether it exists or not."""
    roll = Roll(subscription("named", "^pay"))
    assert (roll.topics, roll.unmatched) == (("named",), ())
    assert roll.look({"other"})
    assert (roll.topics, roll.unmatched) == (("named",), ("^pay",))
    assert not roll.look({"other"})
    assert roll.look({"other", "pay.b", "pay.a", "pay.a.dlq"})
    assert roll.topics == ("named", "pay.a", "pay.b")
    assert roll.appeared == {"pay.a", "pay.b"}
    assert not roll.unmatched


def test_what_was_there_has_not_appeared() -> None:
    """A group's first start means the topics of its first look."""
    roll = Roll(subscription("^pay"))
    roll.look({"pay.a"})
    roll.look({"pay.a", "pay.b"})
    assert roll.appeared == {"pay.b"}


def test_one_incomplete_answer_revokes_nothing() -> None:
    """A topic is let go when it has been away for a while, and is taken again when it comes back."""
    roll = Roll(subscription("^pay"))
    roll.look({"pay"})
    changes = [roll.look(()) for _ in range(GONE_LOOKS)]
    assert changes == [False] * (GONE_LOOKS - 1) + [True]
    assert (roll.topics, roll.unmatched) == ((), ("^pay",))
    roll.look({"pay"})
    assert not any([roll.look(()), roll.look({"pay"}), *(roll.look(()) for _ in range(GONE_LOOKS - 1))])
    assert roll.topics == ("pay",)


def test_named_topics_that_a_pattern_matches_are_read_once() -> None:
    """Named first: a name says more than a pattern."""
    roll = Roll(subscription("pay.b", "^pay"))
    roll.look({"pay.a", "pay.b"})
    assert (roll.topics, roll.unmatched) == (("pay.b", "pay.a"), ())


def test_the_name_wins_then_the_patterns_in_their_order() -> None:
    """However the sources are written, a topic has one."""
    choice = Choice([(["^a"], 1), (["^ab", "^c"], 2), (["abc"], 3)])
    assert [choice.of(topic) for topic in ("a", "ab", "abc", "c", "d")] == [1, 1, 3, 2, None]


def test_a_named_topic_that_takes_dead_letters_is_found() -> None:
    """Whether those of a named topic, of a matched one, or of all."""
    assert list(letters_read(["a", "a.dlq"], DLQ)) == [("a.dlq", "a")]
    assert list(letters_read(["^a", "b", "ab.dlq", "b.dlq", "c.dlq", "^("], DLQ)) == [
        ("ab.dlq", "ab"),
        ("b.dlq", "b"),
    ]
    assert list(letters_read(["a", "dead"], Letters("dead"))) == [("dead", "")]
