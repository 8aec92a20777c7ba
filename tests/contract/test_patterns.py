"""Topics by pattern on a real broker: found while the service runs, without disturbing what is held."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from consumer.core.operations.logbook import Event
from consumer.core.partitions.starts import StartFrom
from consumer.core.partitions.subscription import Letters, Subscription
from consumer.core.records import Partition
from consumer.edges.kafka.clients import consumer_config
from consumer.edges.kafka.questions import Questions
from consumer.flow.subscribing import Subscribing
from tests.support.broker import Kafka
from tests.support.fakes import FakeLog
from tests.support.member import Member
from tests.support.rig import reached
from tests.support.topics import Outgoing, Topics

pytestmark = pytest.mark.kafka


class Reader:
    """A member of a group whose topics are found by patterns."""

    def __init__(
        self,
        kafka: Kafka,
        group: str,
        *entries: str,
        start_from: StartFrom = StartFrom.EARLIEST,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        self.log = FakeLog()
        self.member = Member(kafka, group, start_from=start_from, properties=properties)
        self.subscribing = Subscribing(
            Subscription.of(entries, Letters("{topic}.dlq")),
            existing=Questions(consumer_config(kafka.bootstrap_servers, group, {}), {}).topics,
            subscribe=self.member.source.subscribe,
            announce=lambda _: None,
            aside=asyncio.to_thread,
            log=self.log,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Reader"]:
        """Fetch, and look for topics again and again."""
        async with self.member.running():
            looking = asyncio.create_task(self._look())
            try:
                yield self
            finally:
                looking.cancel()
                await asyncio.wait({looking})
                assert looking.cancelled()

    async def _look(self) -> None:
        while True:
            await self.subscribing.look()
            await asyncio.sleep(0.2)


def records(*values: bytes) -> list[Outgoing]:
    """Return records for the first partition."""
    return [Outgoing(b"k", value, 0) for value in values]


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_topic_that_appears_is_read_and_what_is_held_goes_on(
    kafka: Kafka, topics: Topics, protocol: str
) -> None:
    """The one that is held is neither revoked nor lost; the dead-letter topics of both stay unread."""
    base = topics.name("found")
    first, second = topics.create(f"{base}.a"), f"{base}.b"
    topics.create(f"{first}.dlq")
    topics.produce(f"{first}.dlq", records(b"poison"))
    topics.produce(first, records(b"one"))

    async def scene() -> None:
        properties = {"group.protocol": protocol} if protocol == "consumer" else {}
        reader = Reader(kafka, topics.name("group"), f"^{base}", properties=properties)
        async with reader.running():
            member = reader.member
            await member.has(1)
            topics.create(second)
            topics.create(f"{second}.dlq")
            topics.produce(f"{second}.dlq", records(b"poison"))
            topics.produce(second, records(b"two"))
            topics.produce(first, records(b"three"))
            await member.has(3)
            await reached(lambda: len(member.held) == 2, "both topics are held", 30)
            assert member.held == {Partition(first, 0), Partition(second, 0)}
            assert {record.value for record in member.records} == {b"one", b"two", b"three"}
            assert (member.released, member.lost, member.asked) == ([], [], 0)
            assert [each.partition.topic for each in member.given] == [first, second]
            assert [line["topic"] for line in reader.log.told(Event.TOPIC_MATCHED)] == [first, second]

    asyncio.run(scene())


def test_nothing_is_joined_until_a_topic_matches(kafka: Kafka, topics: Topics) -> None:
    """It is said; the topic that comes then is read from its beginning, whatever the first start is."""
    base = topics.name("none")

    async def scene() -> None:
        reader = Reader(kafka, topics.name("group"), f"^{base}", start_from=StartFrom.LATEST)
        async with reader.running():
            told = reader.log.told
            await reached(lambda: told(Event.PATTERN_UNMATCHED), "that nothing matches is told", 30)
            assert not reader.member.source.joined
            topics.produce(topics.create(f"{base}.a"), records(b"one", b"two"))
            await reader.member.has(2)
            assert reader.member.values == [b"one", b"two"]
            assert reader.member.source.joined

    asyncio.run(scene())


def test_what_matches_at_the_first_start_starts_where_it_is_told_to(kafka: Kafka, topics: Topics) -> None:
    """From the end: old payments of a topic that was there are left alone, those of a later one are read."""
    base, group = topics.name("there"), topics.name("group")
    first = topics.create(f"{base}.a")
    topics.produce(first, records(b"old"))

    async def scene() -> None:
        reader = Reader(kafka, group, f"^{base}", start_from=StartFrom.LATEST)
        async with reader.running():
            await reached(lambda: reader.member.held, "the topic is held", 30)
            await reader.member.commit()
        second = topics.create(f"{base}.b")
        topics.produce(second, records(b"between"))
        topics.produce(first, records(b"new"))
        again = Reader(kafka, group, f"^{base}", start_from=StartFrom.LATEST)
        async with again.running():
            await again.member.has(2)
            assert set(again.member.values) == {b"between", b"new"}

    asyncio.run(scene())


def test_a_topic_that_is_deleted_is_let_go(kafka: Kafka, topics: Topics) -> None:
    """After a while, and the others go on."""
    base = topics.name("gone")
    first, second = topics.create(f"{base}.a"), topics.create(f"{base}.b")

    async def scene() -> None:
        reader = Reader(kafka, topics.name("group"), f"^{base}")
        async with reader.running():
            await reached(lambda: len(reader.member.held) == 2, "both are held", 30)
            topics.delete(second)
            await reached(lambda: reader.log.told(Event.TOPIC_GONE), "it is told", 30)
            topics.produce(first, records(b"one"))
            await reader.member.has(1)
            assert reader.subscribing.topics == (first,)

    asyncio.run(scene())
