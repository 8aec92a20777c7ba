"""Subscribing: what patterns match is read once the cluster was looked at, and told before it is read."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from consumer.core.operations.logbook import Event
from consumer.core.partitions.subscription import GONE_LOOKS, Letters, Subscription
from consumer.flow.subscribing import Subscribing
from tests.support.fakes import FakeLog

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class Cluster:
    """Topics that a test sets, None while nobody answers; remembers what it is asked for, in order."""

    there: Collection[str] | None = ()
    heard: list[tuple[str, Collection[str]]] = field(default_factory=list)
    asked: int = 0

    def existing(self) -> Collection[str] | None:
        """Return the topics."""
        self.asked += 1
        return self.there

    async def subscribe(self, topics: Sequence[str], appeared: Collection[str]) -> None:
        """Remember a subscription, and what of it appeared later."""
        self.heard += [("subscribed", tuple(topics)), ("appeared", frozenset(appeared))]

    def announce(self, topics: Collection[str]) -> None:
        """Remember what is announced."""
        self.heard.append(("announced", frozenset(topics)))


async def at_once(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call it here."""
    return function(*args, **kwargs)


def make(cluster: Cluster, log: FakeLog, *entries: str) -> Subscribing:
    """Return what is tested, beside ``cluster``."""
    return Subscribing(
        Subscription.of(entries, Letters("{topic}.dlq")),
        existing=cluster.existing,
        subscribe=cluster.subscribe,
        announce=cluster.announce,
        aside=at_once,
        log=log,
    )


def test_names_alone_need_no_look() -> None:
    """They are subscribed at the start, and nobody is asked for all topics of a cluster."""
    cluster, log = Cluster(), FakeLog()
    subscribing = make(cluster, log, "payments")
    asyncio.run(subscribing.look())
    assert cluster.heard == [("announced", {"payments"})]
    assert (cluster.asked, subscribing.topics) == (0, ("payments",))


def test_what_matches_is_announced_then_read_then_told() -> None:
    """Names beside patterns wait for the first look: a first start means all that was there."""
    cluster, log = Cluster({"pay.a", "pay.a.dlq", "x"}), FakeLog()
    subscribing = make(cluster, log, "named", "^pay")
    cluster.heard.clear()
    asyncio.run(subscribing.look())
    assert cluster.heard == [
        ("announced", {"pay.a"}),
        ("subscribed", ("named", "pay.a")),
        ("appeared", frozenset()),
    ]
    assert [line["topic"] for line in log.told(Event.TOPIC_MATCHED)] == ["pay.a"]
    cluster.heard.clear()
    cluster.there = {"pay.a", "pay.b"}
    asyncio.run(subscribing.look())
    assert cluster.heard == [
        ("announced", {"pay.b"}),
        ("subscribed", ("named", "pay.a", "pay.b")),
        ("appeared", {"pay.b"}),
    ]


def test_brokers_that_do_not_answer_change_nothing() -> None:
    """Neither at the start nor later: silence is no list of topics."""
    cluster, log = Cluster(None), FakeLog()
    subscribing = make(cluster, log, "^pay")
    cluster.heard.clear()
    asyncio.run(subscribing.look())
    assert (cluster.heard, subscribing.unmatched, log.lines) == ([], (), [])
    cluster.there = {"pay"}
    asyncio.run(subscribing.look())
    cluster.there = None
    for _ in range(GONE_LOOKS + 1):
        asyncio.run(subscribing.look())
    assert subscribing.topics == ("pay",)


def test_a_pattern_without_topics_is_told_once_each_time() -> None:
    """Every look would be noise; after a match the next loss is news. A topic that goes is told, too."""
    cluster, log = Cluster({"x"}), FakeLog()
    subscribing = make(cluster, log, "^pay")
    asyncio.run(subscribing.look())
    asyncio.run(subscribing.look())
    assert [line["target"] for line in log.told(Event.PATTERN_UNMATCHED)] == ["^pay"]
    assert list(subscribing.unmatched) == ["^pay"]
    cluster.there = {"pay"}
    asyncio.run(subscribing.look())
    assert list(subscribing.unmatched) == []
    cluster.there = ()
    for _ in range(GONE_LOOKS):
        asyncio.run(subscribing.look())
    assert [line["topic"] for line in log.told(Event.TOPIC_GONE)] == ["pay"]
    assert len(log.told(Event.PATTERN_UNMATCHED)) == 2
