"""Dead letters on a broker: the copy is exact, is there before anybody is told so, and failures end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from consumer.core.errors import TooLarge, Unavailable, Unwritable
from consumer.core.operations.cures import creating
from consumer.core.records import Partition, Record
from consumer.edges.kafka.clients import producer_config
from consumer.edges.kafka.dead_letters import DeadLetters
from consumer.lab.embedded import embedded_kafka
from tests.support.broker import Kafka, Kind
from tests.support.member import SILENT
from tests.support.mock_kafka import PRODUCE, push_errors
from tests.support.topics import Topics
from tests.support.waiting import free_port

AT = 1_772_368_200_123
#: The protocol's number of the error that makes an idempotent producer give up.
OUT_OF_ORDER_SEQUENCE_NUMBER = 45


def record(topic: str, offset: int = 0, **fields: object) -> Record:
    """Return a record of a topic."""
    given: dict[str, object] = {
        "partition": Partition(topic, 0),
        "offset": offset,
        "epoch": 1,
        "key": b"key",
        "value": b"value",
        "timestamp_ms": AT,
    }
    return Record(**(given | fields))  # type: ignore[arg-type]  # the fields of a record


@asynccontextmanager
async def writing(
    servers: str,
    topic: str = "{topic}.dlq",
    *,
    create: bool = False,
    properties: Mapping[str, str] | None = None,
    logger: logging.Logger = SILENT,
) -> AsyncIterator[DeadLetters]:
    """Give a writer that is started, and close it."""
    config = producer_config(servers, {}, properties or {})
    box = DeadLetters(config, topic, create=create, logger=logger)
    await box.start()
    try:
        yield box
    finally:
        await box.close()


def test_a_copy_is_exact(kafka: Kafka, topics: Topics) -> None:
    """Key, value, nulls, the headers in their order and the timestamp are those of the original."""
    source = topics.name("exact")
    topic = topics.create(f"{source}.dlq")
    headers = [("h", b"\xff\x00"), ("h", None), ("", b""), ("linkrunner.reason", b"refused")]
    originals = [
        record(source, key=b"\x00\xff", value=b"\xff\x00"),
        record(source, 1, key=None, value=None),
        record(source, 2, key=b"", value=b""),
        record(source, 3, value=bytes(900_000)),
    ]

    async def scene() -> None:
        async with writing(kafka.bootstrap_servers) as box:
            for original in originals:
                await box.put(original, headers)
                assert topics.end_offsets(topic) == {Partition(topic, 0): original.offset + 1}

    asyncio.run(scene())

    copies = topics.read(topic)
    assert [(c.key, c.value) for c in copies] == [(o.key, o.value) for o in originals]
    assert {c.headers for c in copies} == {tuple(headers)}
    assert {c.timestamp_ms for c in copies} == {AT}


def test_a_record_without_a_timestamp_gets_the_time_of_writing(kafka: Kafka, topics: Topics) -> None:
    """None is not the year 1970."""
    source = topics.name("timeless")
    topic = topics.create(f"{source}.dlq")

    async def scene() -> None:
        async with writing(kafka.bootstrap_servers) as box:
            await box.put(record(source, timestamp_ms=None), [])

    asyncio.run(scene())

    assert (topics.read(topic)[0].timestamp_ms or 0) > AT - 366 * 24 * 3_600_000


def test_letters_of_several_topics_can_share_one(kafka: Kafka, topics: Topics) -> None:
    """A name without the place for the source topic is one for all."""
    topic = topics.create(topics.name("shared"))

    async def scene() -> None:
        async with writing(kafka.bootstrap_servers, topic) as box:
            await asyncio.gather(*(box.put(record(name), []) for name in ("a", "b")))
            assert await box.prepare(["a", "b"]) == []

    asyncio.run(scene())

    assert len(topics.read(topic)) == 2


@pytest.mark.kafka
def test_a_missing_topic_is_told_and_used_once_it_is_there(kafka: Kafka, topics: Topics) -> None:
    """The failure names the topic and the cure; the letter is written soon after the topic was made."""
    source = topics.name("absent")
    topic = f"{source}.dlq"

    async def scene() -> None:
        async with writing(kafka.bootstrap_servers) as box:
            assert await box.prepare([source]) == [topic]
            with pytest.raises(Unavailable, match=f"{topic} does not exist; create it: .*--topic {topic}"):
                await box.put(record(source), [])
            topics.create(topic)
            async with asyncio.timeout(5.0):
                await until_written(box, record(source))
            assert await box.prepare([source]) == []

    asyncio.run(scene())

    assert len(topics.read(topic)) == 1


async def until_written(box: DeadLetters, letter: Record) -> None:
    """Try again until the letter is written, as a delivery does."""
    while True:
        try:
            await box.put(letter, [])
        except Unavailable:
            await asyncio.sleep(0.1)
        else:
            return


@pytest.mark.kafka
def test_missing_topics_are_created_where_that_is_wanted(kafka: Kafka, topics: Topics) -> None:
    """One of two exists already: after preparing, none is missing and both take letters."""
    there, absent = topics.name("there"), topics.name("absent")
    topics.create(f"{there}.dlq")

    async def scene() -> None:
        async with writing(kafka.bootstrap_servers, create=True) as box:
            assert await box.prepare([there, absent]) == []
            await box.put(record(there), [])
            await box.put(record(absent), [])

    asyncio.run(scene())

    assert len(topics.read(f"{absent}.dlq")) == 1


@pytest.mark.kafka
def test_a_topic_that_can_not_be_created_stays_missing(
    kafka: Kafka, topics: Topics, caplog: pytest.LogCaptureFixture
) -> None:
    """The reason is logged, and the topics beside it are created all the same."""
    absent = topics.name("absent")
    logger = logging.getLogger("tests.told")

    async def scene() -> None:
        async with writing(kafka.bootstrap_servers, create=True, logger=logger) as box:
            assert await box.prepare(["no name", absent]) == ["no name.dlq"]
            await box.put(record(absent), [])

    asyncio.run(scene())

    assert "the topic no name.dlq can't be created: TOPIC_EXCEPTION" in caplog.messages


@pytest.mark.kafka
def test_every_try_names_a_missing_topic(kafka: Kafka, topics: Topics) -> None:
    """From the second try on the client knows that the topic is missing, and refuses at once: same words."""
    source = topics.name("again")

    async def scene() -> None:
        async with writing(kafka.bootstrap_servers) as box:
            for _ in range(3):
                with pytest.raises(Unavailable, match=f"{source}.dlq does not exist; create it: ") as failure:
                    await box.put(record(source), [])
                assert not isinstance(failure.value, Unwritable), "no other record can be copied either"

    asyncio.run(scene())


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("limits", "key", "size", "told"),
    [
        ({"max.message.bytes": "1000"}, b"k", 5_000, "MSG_SIZE_TOO_LARGE; raise max.message.bytes"),
        ({"message.timestamp.before.max.ms": "1000"}, b"k", 5, "INVALID_TIMESTAMP; raise message.timestamp"),
        ({"cleanup.policy": "compact"}, None, 5, "INVALID_RECORD; .*set its cleanup.policy to delete"),
    ],
)
def test_a_letter_that_the_topic_does_not_take_is_unwritable(
    kafka: Kafka, topics: Topics, limits: dict[str, str], key: bytes | None, size: int, told: str
) -> None:
    """Told with the topic, the broker's name for it and the cure; another letter goes on."""
    source = topics.name("small")
    topic = topics.create(f"{source}.dlq", config=limits)

    async def scene() -> None:
        async with writing(kafka.bootstrap_servers, properties={"compression.type": "none"}) as box:
            with pytest.raises(Unwritable, match=f"{topic} did not take it: {told}"):
                await box.put(record(source, key=key, value=bytes(size)), [])
            await box.put(record(source, timestamp_ms=None), [])

    asyncio.run(scene())

    assert len(topics.read(topic)) == 1


def test_a_letter_that_the_producer_does_not_take_is_unwritable() -> None:
    """Too large for the producer itself: refused before any broker is asked, with the same cure."""

    async def scene() -> None:
        nowhere = f"127.0.0.1:{free_port()}"
        async with writing(nowhere, properties={"message.max.bytes": "1000"}) as box:
            with pytest.raises(TooLarge, match=r"t\.dlq did not take it: MSG_SIZE_TOO_LARGE; .*properties"):
                await box.put(record("t", value=bytes(5_000)), [])

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (2, Unwritable),  # INVALID_MSG
        (10, TooLarge),  # MSG_SIZE_TOO_LARGE
        (18, TooLarge),  # RECORD_LIST_TOO_LARGE
        (32, Unwritable),  # INVALID_TIMESTAMP
        (87, Unwritable),  # INVALID_RECORD
        (17, Unavailable),  # TOPIC_EXCEPTION
        (29, Unavailable),  # TOPIC_AUTHORIZATION_FAILED
    ],
)
def test_errors_about_one_record_differ_from_errors_about_the_topic(
    code: int, kind: type[Unavailable]
) -> None:
    """By the broker's own numbers: others can be copied after the first kind alone."""

    async def scene() -> None:
        with embedded_kafka() as kafka:
            kafka.create_topic("t.dlq", 1)
            async with writing(kafka.bootstrap_servers, properties={"retries": "1"}) as box:
                for _ in range(2):
                    push_errors(kafka, PRODUCE, code)
                with pytest.raises(Unavailable, match=r"t\.dlq") as failure:
                    await box.put(record("t"), [])
                assert type(failure.value) is kind

    asyncio.run(scene())


def test_brokers_that_do_not_answer_are_unavailable() -> None:
    """No letter waits for ever, the question for topics ends as well, and closing does not hang."""

    async def scene() -> None:
        nowhere = f"127.0.0.1:{free_port()}"
        properties = {"message.timeout.ms": "500"}
        async with asyncio.timeout(20), writing(nowhere, properties=properties) as box:
            with pytest.raises(Unavailable, match=r"t\.dlq did not take it: _MSG_TIMED_OUT"):
                await box.put(record("t"), [])
            with pytest.raises(Unavailable, match="brokers do not answer"):
                await box.prepare(["t"])

    asyncio.run(scene())


def test_a_full_queue_is_unavailable() -> None:
    """What does not fit into the producer's memory is refused at once, and held like any other failure."""

    async def scene() -> None:
        nowhere = f"127.0.0.1:{free_port()}"
        properties = {"message.timeout.ms": "1000", "queue.buffering.max.messages": "2"}
        async with writing(nowhere, properties=properties) as box:
            results = await asyncio.gather(
                *(box.put(record("t", n), []) for n in range(5)), return_exceptions=True
            )
            assert all(isinstance(result, Unavailable) for result in results)
            assert sum("queue is full" in str(result) for result in results) == 3

    asyncio.run(scene())


def test_a_producer_that_gave_up_is_replaced_and_nobody_waits_for_ever() -> None:
    """Every letter of the dead producer fails, on its way or queued; the same letters reach the next one."""

    async def scene() -> None:
        with embedded_kafka() as kafka:
            kafka.create_topic("t.dlq", 1)
            async with asyncio.timeout(60), writing(kafka.bootstrap_servers) as box:
                await box.put(record("t"), [])
                push_errors(kafka, PRODUCE, OUT_OF_ORDER_SEQUENCE_NUMBER)
                results = await asyncio.gather(
                    *(late(box, record("t", n), 0.002 * n) for n in range(1, 30)), return_exceptions=True
                )
                failed = [result for result in results if result is not None]
                assert failed
                assert all(isinstance(result, Unavailable) for result in failed)
                await asyncio.gather(*(box.put(record("t", n), []) for n in range(30, 40)))

    asyncio.run(scene())


async def late(box: DeadLetters, letter: Record, seconds: float) -> None:
    """Write a letter a moment later, so that some are on their way and some queued."""
    await asyncio.sleep(seconds)
    await box.put(letter, [])


def test_closing_waits_for_the_last_acknowledgement(kafka: Kafka, topics: Topics) -> None:
    """A letter that is on its way at the end is written all the same."""
    source = topics.name("closing")
    topic = topics.create(f"{source}.dlq")

    async def scene() -> None:
        async with writing(kafka.bootstrap_servers, properties={"linger.ms": "300"}) as box:
            put = asyncio.create_task(box.put(record(source), []))
            await asyncio.sleep(0)
        await asyncio.wait({put}, timeout=5)
        assert put.done()

    asyncio.run(scene())

    assert len(topics.read(topic)) == 1


def test_the_cure_is_a_command() -> None:
    """What an operator copies names the topic."""
    assert creating("payments.dlq").endswith("--create --topic payments.dlq")


def test_a_writer_that_was_never_started_closes() -> None:
    """A start that failed elsewhere leaves nothing to wait for."""
    config = producer_config(Kafka(Kind.ENV, "127.0.0.1:1").bootstrap_servers, {}, {})

    asyncio.run(DeadLetters(config, "{topic}.dlq", create=False, logger=SILENT).close())
