"""The source on a broker: where partitions start, what a commit stores, and how they change hands."""

import asyncio
import ctypes
import time

import pytest
from confluent_kafka import Consumer, TopicPartition, cimpl
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from consumer.core.errors import ConfigurationError, DependencyError
from consumer.core.partitions import marks
from consumer.core.partitions.offsets import Position
from consumer.core.partitions.starts import StartFrom, origin
from consumer.core.records import Partition
from tests.support.broker import Kafka, Kind
from tests.support.member import Member
from tests.support.rig import reached
from tests.support.topics import Outgoing, Topics
from tests.support.waiting import free_port


def numbered(count: int, start: int = 0, partition: int = 0) -> list[Outgoing]:
    """Return records with a key each."""
    return [Outgoing(b"k%d" % n, b"v%d" % n, partition) for n in range(start, start + count)]


def values(count: int, start: int = 0) -> list[bytes | None]:
    """Return their values."""
    return [b"v%d" % n for n in range(start, start + count)]


def stored(kafka: Kafka, group: str, partition: Partition) -> tuple[int, str]:
    """Return the committed offset and its metadata, -1001 and nothing without a commit."""
    watcher = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": group})
    try:
        (found,) = watcher.committed([TopicPartition(*partition)], timeout=30)
        return found.offset, found.metadata or ""
    finally:
        watcher.close()


def commit_by_hand(kafka: Kafka, group: str, partition: Partition, offset: int, metadata: str = "") -> None:
    """Set a group's offset, as an operator would."""
    client = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": group})
    try:
        client.commit(offsets=[TopicPartition(*partition, offset, metadata)], asynchronous=False)
    finally:
        client.close()


def delete_before(kafka: Kafka, partition: Partition, offset: int) -> None:
    """Remove the oldest records, as retention does."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for future in admin.delete_records([TopicPartition(*partition, offset)]).values():
        future.result(30)


# ------------------------------------------------------------------------------------------ records


def test_records_come_byte_for_byte(kafka: Kafka, topics: Topics) -> None:
    """Keys, values, headers, nulls, timestamps and coordinates, all of one epoch."""
    topic = topics.create(topics.name("bytes"))
    topics.produce(
        topic,
        [
            Outgoing(b"\x00\xff", b"\xff\x00", 0, (("h", b"\x01"), ("h", None), ("", b""))),
            Outgoing(None, None, 0),
            Outgoing(b"", b"", 0),
        ],
    )

    async def scene() -> None:
        async with Member(kafka, topics.name("group"), topic).running() as member:
            await member.has(3)
            for record, there in zip(member.records, topics.read(topic), strict=True):
                assert (record.partition, record.offset) == (there.partition, there.offset)
                assert (record.key, record.value, record.headers) == (there.key, there.value, there.headers)
                assert record.timestamp_ms == there.timestamp_ms
            assert {record.epoch for record in member.records} == {member.given[0].epoch}

    asyncio.run(scene())


def test_a_first_start_stands_what_the_client_says_meanwhile(kafka: Kafka, topics: Topics) -> None:
    """The start is looked up inside a callback; logs and statistics come behind it, in the same poll."""
    topic = topics.create(topics.name("talk"), 2)
    topics.produce(topic, numbered(3))

    async def scene() -> None:
        talkative = Member(kafka, topics.name("group"), topic, properties={"debug": "all"})
        async with talkative.running() as member:
            await member.has(3)

    asyncio.run(scene())


def produce_raw_header(kafka: Kafka, topic: str, name: bytes) -> None:
    """Produce a record with a header name of any bytes, which Python's producer does not let through."""
    library = ctypes.CDLL(cimpl.__file__)
    pointer = ctypes.c_void_p
    library.rd_kafka_conf_new.restype = pointer
    library.rd_kafka_conf_set.argtypes = [pointer, *[ctypes.c_char_p] * 3, ctypes.c_size_t]
    library.rd_kafka_new.restype = pointer
    library.rd_kafka_new.argtypes = [ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t]
    library.rd_kafka_headers_new.restype = pointer
    text, size = ctypes.c_char_p, ctypes.c_ssize_t
    library.rd_kafka_header_add.argtypes = [pointer, text, size, text, size]
    error = ctypes.create_string_buffer(512)
    config = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(config, b"bootstrap.servers", kafka.bootstrap_servers.encode(), error, 512)
    producer = pointer(library.rd_kafka_new(0, config, error, 512))
    headers = pointer(library.rd_kafka_headers_new(1))
    library.rd_kafka_header_add(headers, name, len(name), b"v", 1)
    # rd_kafka_vtype_t of rdkafka.h: topic 1, value 4, headers 10, end 0
    arguments = (1, text(topic.encode()), 4, text(b"odd"), ctypes.c_size_t(3), 10, headers, 0)
    assert library.rd_kafka_producev(producer, *arguments) == 0
    assert library.rd_kafka_flush(producer, 30_000) == 0
    library.rd_kafka_destroy(producer)


#: Records after which CPython has specialised every call in their way.
WARM = 200


def test_a_header_name_that_is_no_text_stops_nothing(kafka: Kafka, topics: Topics) -> None:
    """The record comes without headers, the operator is told, and the next record comes as ever.

    Behind many others: a call that CPython has seen often is made without a look at what came of it.
    """
    topic = topics.create(topics.name("odd"))
    topics.produce(topic, numbered(WARM))
    produce_raw_header(kafka, topic, b"\xff\xfe")
    topics.produce(topic, numbered(1, WARM))

    async def scene() -> None:
        async with Member(kafka, topics.name("group"), topic).running() as member:
            await member.has(WARM + 2)
            assert [(record.value, record.headers) for record in member.records[WARM:]] == [
                (b"odd", ()),
                (b"v%d" % WARM, ()),
            ]
            assert ("headers_unreadable", f"{topic}[0]@{WARM} is read without them") in member.troubles

    asyncio.run(scene())


def test_a_paused_partition_gives_nothing_and_then_everything(kafka: Kafka, topics: Topics) -> None:
    """A pause loses nothing of what was fetched ahead; partitions of others are passed over."""
    topic = topics.create(topics.name("pause"), 2)
    here, there = Partition(topic, 0), Partition(topic, 1)

    async def scene() -> None:
        async with Member(kafka, topics.name("group"), topic).running() as member:
            await reached(lambda: len(member.held) == 2, "both partitions are ours", 30)
            await member.source.pause([here, Partition("of-others", 0)])
            topics.produce(topic, [*numbered(50), *numbered(1, 50, partition=1)])
            await member.has(1)
            assert [record.partition for record in member.records] == [there]
            await member.source.resume([here, Partition("of-others", 0)])
            await member.has(51)
            assert [r.value for r in member.records if r.partition == here] == values(50)

    asyncio.run(scene())


# ------------------------------------------------------------------------------------------- starts


def test_a_first_start_from_the_beginning(kafka: Kafka, topics: Topics) -> None:
    """Everything comes; the start is fresh, and its commit carries where the group came from."""
    topic, group = topics.create(topics.name("first")), topics.name("group")
    topics.produce(topic, numbered(5))

    async def scene() -> None:
        member = Member(kafka, group, topic)
        member.settles = False
        async with member.running():
            await member.has(5)
            assert [(each.offset, each.fresh) for each in member.given] == [(0, True)]
            await member.commit()
            offset, metadata = stored(kafka, group, Partition(topic, 0))
            assert offset == 0
            assert marks.parse(metadata, 0).origin == origin(StartFrom.EARLIEST, {topic: 1})

    asyncio.run(scene())


def test_a_first_start_from_the_end(kafka: Kafka, topics: Topics) -> None:
    """What was there is left alone, what comes is read; the next start goes by the commit."""
    topic, group = topics.create(topics.name("latest")), topics.name("group")
    topics.produce(topic, numbered(5))

    async def scene() -> None:
        async with Member(kafka, group, topic, start_from=StartFrom.LATEST).running() as member:
            await reached(lambda: member.held, "the partition is ours", 30)
            await member.commit()
        assert stored(kafka, group, Partition(topic, 0))[0] == 5
        topics.produce(topic, numbered(3, 5))
        async with Member(kafka, group, topic, start_from=StartFrom.LATEST).running() as member:
            await member.has(3)
            assert member.values == values(3, 5)
            assert not member.given[0].fresh

    asyncio.run(scene())


def test_a_first_start_can_be_refused(kafka: Kafka, topics: Topics) -> None:
    """Where the operator has to choose, fetching ends with the mistake; nothing is read or committed."""
    topic, group = topics.create(topics.name("refuse")), topics.name("group")
    topics.produce(topic, numbered(1))

    async def scene() -> None:
        member = Member(kafka, group, topic, start_from=StartFrom.REFUSE)
        with pytest.raises(ConfigurationError, match="start_from"):
            async with member.running():
                await reached(lambda: member.failed, "fetching has ended", 30)
        assert member.records == []
        assert stored(kafka, group, Partition(topic, 0))[0] < 0

    asyncio.run(scene())


def test_a_refusing_group_goes_on_from_its_commit(kafka: Kafka, topics: Topics) -> None:
    """Refuse speaks of the first start alone: with an offset set by hand it starts there."""
    topic, group = topics.create(topics.name("set")), topics.name("group")
    topics.produce(topic, numbered(5))
    commit_by_hand(kafka, group, Partition(topic, 0), 3)

    async def scene() -> None:
        async with Member(kafka, group, topic, start_from=StartFrom.REFUSE).running() as member:
            await member.has(2)
            assert member.values == values(2, 3)

    asyncio.run(scene())


def test_members_that_start_together_start_at_the_same_end(kafka: Kafka, topics: Topics) -> None:
    """Three members, twelve partitions with old records: nobody reads one of them; no new one is missed."""
    topic, group = topics.create(topics.name("together"), 12), topics.name("group")
    topics.produce(topic, [record for n in range(12) for record in numbered(2, partition=n)])

    async def scene() -> None:
        members = [Member(kafka, group, topic, start_from=StartFrom.LATEST) for _ in range(3)]
        first, second, third = members
        async with first.running(), second.running(), third.running():
            ours = [member.held for member in members]

            def shared() -> bool:
                ours[:] = [member.held for member in members]
                return sum(map(len, ours)) == 12 and all(ours)

            async def commit_all() -> None:
                while True:
                    for member in members:
                        await member.commit()
                    await asyncio.sleep(0.05)

            committing = asyncio.create_task(commit_all())
            await reached(shared, "the partitions are shared out", 60)
            assert {each.offset for member in members for each in member.given} == {2}
            topics.produce(topic, [record for n in range(12) for record in numbered(1, 2, partition=n)])
            await reached(lambda: sum(len(m.records) for m in members) >= 12, "new records have come", 30)
            committing.cancel()
            assert {value for member in members for value in member.values} == {b"v2"}

    asyncio.run(scene())


def test_a_member_that_comes_second_starts_at_the_first_ones_end(kafka: Kafka, topics: Topics) -> None:
    """One commit tells where the group came from: a partition that was there and nobody has committed yet."""
    topic, group = topics.create(topics.name("second"), 2), topics.name("group")
    topics.produce(topic, [*numbered(3), *numbered(3, partition=1)])
    metadata = marks.write(2, (), origin(StartFrom.LATEST, {topic: 2}))
    commit_by_hand(kafka, group, Partition(topic, 0), 2, metadata)

    async def scene() -> None:
        async with Member(kafka, group, topic, start_from=StartFrom.LATEST).running() as member:
            await member.has(1)
            given = {each.partition.number: (each.offset, each.fresh) for each in member.given}
            assert given == {0: (2, False), 1: (3, True)}

    asyncio.run(scene())


@pytest.mark.parametrize("start_from", [StartFrom.LATEST, StartFrom.REFUSE])
def test_a_topic_is_new_to_a_group_with_commits_on_another(
    kafka: Kafka, topics: Topics, start_from: StartFrom
) -> None:
    """Although nothing of the other is read any more: the group's first start is behind it."""
    before, topic = topics.create(topics.name("before")), topics.create(topics.name("new"))
    group = topics.name("group")
    topics.produce(topic, numbered(2))
    commit_by_hand(kafka, group, Partition(before, 0), 0)

    async def scene() -> None:
        async with Member(kafka, group, topic, start_from=start_from).running() as member:
            await member.has(2)
            assert [(each.offset, each.fresh) for each in member.given] == [(0, True)]

    asyncio.run(scene())


@pytest.mark.kafka
def test_a_partition_that_is_added_starts_at_its_beginning(kafka: Kafka, topics: Topics) -> None:
    """Even in a group that started from the end: its first payments came before anybody could see it."""
    topic, group = topics.create(topics.name("grows")), topics.name("group")
    topics.produce(topic, numbered(3))

    async def scene() -> None:
        async with Member(kafka, group, topic, start_from=StartFrom.LATEST).running() as member:
            await reached(lambda: member.held, "the partition is ours", 30)
            await member.commit()
            admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
            admin.create_partitions([NewPartitions(topic, 2)])[topic].result(30)
            await reached(lambda: len(topics.partitions(topic)) == 2, "the partition has a leader", 30)
            topics.produce(topic, numbered(2, 3, partition=1))
            await member.has(2)
            assert [(r.partition.number, r.value) for r in member.records] == [(1, b"v3"), (1, b"v4")]

    asyncio.run(scene())


@pytest.mark.kafka
def test_a_topic_that_is_missing_may_come_later(kafka: Kafka, topics: Topics) -> None:
    """Without it there is nothing to join for, and it is named; once it is there all of it is read."""
    topic, group = topics.name("missing"), topics.name("group")

    async def scene() -> None:
        async with Member(kafka, group, topic).running() as member:
            await reached(lambda: member.troubles, "trouble is told", 30)
            assert member.troubles[0] == ("kafka_error", f"UNKNOWN_TOPIC_OR_PART: topic {topic}")
            assert not member.source.joined
            topics.create(topic)
            topics.produce(topic, numbered(3))
            await member.has(3)
            assert member.values == values(3)

    asyncio.run(scene())


@pytest.mark.kafka
@pytest.mark.parametrize("others", [0, 1], ids=["alone", "beside_another"])
def test_a_topic_that_comes_later_starts_at_its_beginning(kafka: Kafka, topics: Topics, others: int) -> None:
    """Even where the group's first start is from the latest end: a payment of before its discovery counts."""
    late, group = topics.name("late"), topics.name("group")
    there = [topics.create(topics.name("there")) for _ in range(others)]
    for topic in there:
        topics.produce(topic, numbered(2))

    async def scene() -> None:
        member = Member(kafka, group, late, *there, start_from=StartFrom.LATEST)
        member.settles = False
        async with member.running():
            await reached(lambda: member.troubles, "the missing topic is told", 30)
            await reached(lambda: len(member.held) == others, "the other topic is ours", 30)
            topics.create(late, 2)
            topics.produce(late, [*numbered(2), *numbered(2, partition=1)])
            await member.has(4)
            assert {record.partition.topic for record in member.records} == {late}
            await member.commit()
        _, metadata = stored(kafka, group, Partition(late, 0))
        assert marks.parse(metadata, 0).origin == origin(StartFrom.LATEST, dict.fromkeys(there, 1))

    asyncio.run(scene())


def test_brokers_that_do_not_answer_are_waited_for() -> None:
    """Nothing is raised, nothing is joined, and closing does not hang."""

    async def scene() -> None:
        nowhere = Kafka(Kind.ENV, f"127.0.0.1:{free_port()}")
        async with Member(nowhere, "group", "topic").running() as member:
            await reached(lambda: member.troubles, "trouble is told", 30)
            assert not member.source.joined
            began = time.monotonic()
        assert time.monotonic() - began < 5.0
        assert all(event == "kafka_error" for event, _ in member.troubles)

    asyncio.run(scene())


# ------------------------------------------------------------------------------------------ commits


def test_a_commit_stores_offset_and_marks(kafka: Kafka, topics: Topics) -> None:
    """What is settled around open records travels along: the next owner gets only what was open."""
    topic, group = topics.create(topics.name("marks")), topics.name("group")
    topics.produce(topic, numbered(10))

    async def scene() -> None:
        first = Member(kafka, group, topic)
        first.settles = False
        async with first.running():
            await first.has(10)
            first.settle(*(first.records[n] for n in (0, 1, 3, 4, 8)))
            await first.commit()
            offset, metadata = stored(kafka, group, Partition(topic, 0))
            assert offset == 2
            assert marks.parse(metadata, 2).runs.runs == ((3, 4), (8, 8))
        async with Member(kafka, group, topic).running() as second:
            await second.has(5)
            assert second.values == [b"v2", b"v5", b"v6", b"v7", b"v9"]
            await second.commit()
        assert stored(kafka, group, Partition(topic, 0))[0] == 10

    asyncio.run(scene())


def test_a_confirmed_commit_is_read_back(kafka: Kafka, topics: Topics) -> None:
    """At a stop the positions are known to be stored before the group is left."""
    topic, group = topics.create(topics.name("confirm"), 2), topics.name("group")
    topics.produce(topic, [*numbered(4), *numbered(2, partition=1)])

    async def scene() -> None:
        async with Member(kafka, group, topic).running() as member:
            await member.has(6)
            positions = member.offsets.committable()
            assert await member.source.commit_and_confirm(positions, 20.0) == positions
            for partition, position in positions.items():
                assert stored(kafka, group, partition) == (position.offset, position.metadata)

    asyncio.run(scene())


def test_a_commit_of_what_is_not_ours_is_not_made(kafka: Kafka, topics: Topics) -> None:
    """The broker would take it, also a lower one: an old position must never come after the new owner's."""
    topic, group = topics.create(topics.name("fence")), topics.name("group")
    here, elsewhere = Partition(topic, 0), Partition(topics.create(topics.name("elsewhere")), 0)
    topics.produce(topic, numbered(3))

    async def scene() -> None:
        async with Member(kafka, group, topic).running() as member:
            await member.has(3)
            await member.commit()
            epoch = member.given[0].epoch
            old = {here: Position(1, "", epoch - 1, 1), elsewhere: Position(7, "", epoch, 1)}
            assert await member.source.commit(old) == {}
            assert await member.source.commit_and_confirm(old, 1.0) == {}
            assert stored(kafka, group, here)[0] == 3
            assert stored(kafka, group, elsewhere)[0] < 0

    asyncio.run(scene())


def test_closing_commits_what_was_not_committed(kafka: Kafka, topics: Topics) -> None:
    """A process that ends without a drain still commits what had settled, and does not hang over it."""
    topic, group = topics.create(topics.name("close")), topics.name("group")
    topics.produce(topic, numbered(3))

    async def scene() -> None:
        async with Member(kafka, group, topic).running() as member:
            await member.has(3)
            began = time.monotonic()
        assert time.monotonic() - began < 4.0
        assert stored(kafka, group, Partition(topic, 0))[0] == 3

    asyncio.run(scene())


# ----------------------------------------------------------------------------------- changing hands


def test_a_hand_over_waits_commits_and_comes_back_with_a_new_epoch(kafka: Kafka, topics: Topics) -> None:
    """The second member starts where the first one stood when its last call had ended."""
    topic, group = topics.create(topics.name("hands"), 2), topics.name("group")
    topics.produce(topic, [*numbered(5), *numbered(5, partition=1)])

    async def scene() -> None:
        first, second = Member(kafka, group, topic), Member(kafka, group, topic)
        first.settles = False
        async with first.running():
            await first.has(10)
            epochs = {each.partition: each.epoch for each in first.given}
            first.idle.clear()
            async with second.running():
                await reached(lambda: first.asked, "the first one is asked to give up one", 30)
                assert second.held == set(), "nothing is handed over while calls are on the wire"
                first.settle(*first.records)
                first.idle.set()
                await reached(lambda: len(second.held) == 1, "the second one has got it", 30)
                (moved,) = second.held
                assert first.released == [moved]
                assert (second.given[-1].offset, second.given[-1].fresh) == (5, False)
                topics.produce(topic, numbered(1, 5, partition=moved.number))
                await second.has(1)
                assert second.values == [b"v5"]
                await second.commit()
            await reached(lambda: len(first.held) == 2, "it is back", 30)
            assert first.given[-1].epoch > max(epochs.values())
            assert first.given[-1].offset == 6
            topics.produce(topic, numbered(1, 6, partition=moved.number))
            await first.has(11)
            assert first.records[-1].epoch == first.given[-1].epoch

    asyncio.run(scene())


def test_a_pause_does_not_outlive_its_assignment(kafka: Kafka, topics: Topics) -> None:
    """The client would keep it: a partition that comes back is read at once."""
    topic, group = topics.create(topics.name("resumed"), 2), topics.name("group")

    async def scene() -> None:
        first, second = Member(kafka, group, topic), Member(kafka, group, topic)
        async with first.running():
            await reached(lambda: len(first.held) == 2, "both are ours", 30)
            await first.source.pause(list(first.held))
            async with second.running():
                await reached(lambda: len(second.held) == 1, "one moved", 30)
                (moved,) = second.held
            await reached(lambda: len(first.held) == 2, "it is back", 30)
            topics.produce(topic, numbered(1, partition=moved.number))
            await first.has(1)

    asyncio.run(scene())


@pytest.mark.kafka
def test_a_member_that_does_not_fetch_loses_its_partitions(kafka: Kafka, topics: Topics) -> None:
    """After max.poll.interval.ms they are gone without a hand-over; what it had settled is not committed."""
    topic, group = topics.create(topics.name("lost")), topics.name("group")
    topics.produce(topic, numbered(3))
    impatient = {"session.timeout.ms": "6000", "max.poll.interval.ms": "6000"}

    async def scene() -> None:
        member = Member(kafka, group, topic, properties=impatient)
        async with member.running():
            await member.has(3)
            before = stored(kafka, group, Partition(topic, 0))[0]
            await member.sleeps(8.0)
            await reached(lambda: member.lost, "the loss is told", 30)
            assert member.released == []
            assert stored(kafka, group, Partition(topic, 0))[0] == before
            await reached(lambda: member.held, "the partition is back", 60)
            assert member.given[-1].epoch > member.given[0].epoch

    asyncio.run(scene())


@pytest.mark.kafka
def test_a_client_beyond_repair_ends_the_fetching(kafka: Kafka, topics: Topics) -> None:
    """A second process with the same static identity fences the first one, which says so and ends."""
    topic, group = topics.create(topics.name("fenced")), topics.name("group")
    identity = {"group.instance.id": "the-only-one"}

    async def scene() -> None:
        first = Member(kafka, group, topic, properties=identity)
        async with first.running():
            await reached(lambda: first.held, "the first one is in", 30)
            async with Member(kafka, group, topic, properties=identity).running():
                await reached(lambda: first.failed, "the first one is fenced", 30)

    with pytest.raises(DependencyError, match="fenced"):
        asyncio.run(scene())


# ------------------------------------------------------------------------------------- out of range


@pytest.mark.kafka
def test_an_offset_that_is_gone_holds_its_partition(kafka: Kafka, topics: Topics) -> None:
    """Nothing is read and nothing committed there; the other partition goes on."""
    topic, group = topics.create(topics.name("hold"), 2), topics.name("group")
    here = Partition(topic, 0)
    topics.produce(topic, numbered(10))
    commit_by_hand(kafka, group, here, 3)
    delete_before(kafka, here, 6)

    async def scene() -> None:
        async with Member(kafka, group, topic).running() as member:
            await reached(lambda: member.beyond, "the hold is told", 30)
            topics.produce(topic, numbered(2, partition=1))
            await member.has(2)
            await member.commit()
            assert member.beyond == [here]
            assert {record.partition.number for record in member.records} == {1}
            assert stored(kafka, group, here)[0] == 3

    asyncio.run(scene())


@pytest.mark.kafka
@pytest.mark.parametrize(("committed", "epochs"), [(3, 1), (50, 2)], ids=["too old", "beyond the end"])
def test_an_offset_that_is_gone_can_restart_at_the_beginning(
    kafka: Kafka, topics: Topics, committed: int, epochs: int
) -> None:
    """By choice, what is there is read. A shorter log is a new one, with an epoch of its own."""
    topic, group = topics.create(topics.name("restart")), topics.name("group")
    here = Partition(topic, 0)
    topics.produce(topic, numbered(10))
    commit_by_hand(kafka, group, here, committed)
    delete_before(kafka, here, 6)

    async def scene() -> None:
        async with Member(kafka, group, topic, restart_at_beginning=True).running() as member:
            await member.has(4)
            assert member.values == values(4, 6)
            assert len({each.epoch for each in member.given}) == epochs
            assert member.beyond == []
            await member.commit()
            assert stored(kafka, group, here)[0] == 10
            topics.produce(topic, numbered(1, 10))
            await member.has(5)

    asyncio.run(scene())


@pytest.mark.kafka
def test_what_is_in_memory_outlives_its_log(kafka: Kafka, topics: Topics) -> None:
    """Retention overtakes a paused partition: the records that were read before are still ours to deliver."""
    topic, group = topics.create(topics.name("overtaken")), topics.name("group")
    here = Partition(topic, 0)
    topics.produce(topic, numbered(5))

    async def scene() -> None:
        member = Member(kafka, group, topic, restart_at_beginning=True)
        member.settles = False
        async with member.running():
            await member.has(5)
            await member.source.pause([here])
            topics.produce(topic, numbered(5, 5))
            delete_before(kafka, here, 8)
            await member.source.resume([here])
            await member.has(7)
            assert member.values == [*values(5), *values(2, 8)]
            assert member.lost == []
            member.settle(*member.records[5:])
            assert member.offsets.next_offsets() == {here: 0}, "what was read before is still owed"
            member.settle(*member.records[:5])
            await member.commit()
            assert stored(kafka, group, here)[0] == 10

    asyncio.run(scene())


def test_where_partitions_end_is_known(kafka: Kafka, topics: Topics) -> None:
    """The client's statistics tell ends, and how far it has read, from which lag is made."""
    topic = topics.create(topics.name("ends"), 2)
    topics.produce(topic, numbered(7))

    async def scene() -> None:
        async with Member(kafka, topics.name("group"), topic).running() as member:
            await reached(
                lambda: member.source.ends.ends.get(Partition(topic, 0)) == 7, "the end is known", 30
            )
            await reached(lambda: member.source.ends.read.get(Partition(topic, 0)) == 7, "all is read", 30)

    asyncio.run(scene())
