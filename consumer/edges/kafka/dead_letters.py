"""The dead-letter topic: a copy is there only when the broker says so.

One producer, idempotent and with ``acks=all``. A thread of its own serves its acknowledgements; everything
else happens on the event loop. A producer that failed for good is replaced, and the record stays unsettled.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumer.core.errors import TooLarge, Unavailable, Unwritable
from consumer.core.operations.cures import creating
from consumer.core.records import Header, Record
from consumer.edges.kafka.clients import Config, is_shared

#: Seconds of one wait for acknowledgements; also how often an idle client refreshes its tokens.
_SERVE_SECONDS: Final = 0.2

#: Seconds that a question about topics may take.
_ASK_SECONDS: Final = 5.0

#: Seconds that the last acknowledgements are waited for at the end.
_FLUSH_SECONDS: Final = 2.0

#: How the broker and the client say that a topic does not exist.
_MISSING: Final = frozenset(
    {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001  (the client's public names)
)

_LARGER: Final = "raise max.message.bytes of the topic and message.max.bytes in dead_letters.properties"
_TOO_LARGE: Final = frozenset(
    {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE, KafkaError.RECORD_LIST_TOO_LARGE}
)
_KEYLESS: Final = "a compacted topic takes no record without a key: set its cleanup.policy to delete"

#: Errors that are about one record alone, and what to change.
_CURES: Final[Mapping[int, str]] = {
    KafkaError.MSG_SIZE_TOO_LARGE: _LARGER,
    KafkaError.INVALID_MSG_SIZE: _LARGER,
    KafkaError.RECORD_LIST_TOO_LARGE: f"raise segment.bytes of the topic; {_LARGER}",
    KafkaError.INVALID_TIMESTAMP: "raise message.timestamp.before.max.ms of the topic, "
    "and message.timestamp.after.max.ms",
    KafkaError.INVALID_MSG: _KEYLESS,
    KafkaError.INVALID_RECORD: f"the broker's log has the reason; {_KEYLESS}",
}


class DeadLetters:
    """Writes dead letters. :meth:`start` it on the running loop and :meth:`close` it at the end."""

    def __init__(self, config: Config, topic: str, *, create: bool, logger: logging.Logger) -> None:
        """Take the producer's configuration and the topic's name, in which ``{topic}`` is the source's."""
        self._config: Final = config
        self._topic: Final = topic
        self._create: Final = create
        self._logger: Final = logger
        self._closing: Final = threading.Event()
        self._producer: Producer | None = None
        self._dead: Final[deque[Producer]] = deque()
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        """Open the producer; brokers need not answer yet."""
        self._loop = asyncio.get_running_loop()
        self._producer = self._open()
        self._thread = threading.Thread(target=self._serve, name="dead-letters", daemon=True)
        self._thread.start()

    def topic_for(self, source_topic: str) -> str:
        """Return where the dead letters of a topic go."""
        return self._topic.replace("{topic}", source_topic)

    async def put(self, record: Record, headers: Sequence[Header]) -> None:
        """Copy a record and return once the broker has acknowledged it.

        Raises :class:`Unavailable` where it did not; the copy may exist all the same (at least once). It is
        :class:`Unwritable` where the reason lies in this record, and others can be copied:
        :class:`TooLarge` where that is its size.
        """
        topic = self.topic_for(record.partition.topic)
        done: asyncio.Future[None] = self._loop.create_future()
        producer = self._current()
        try:
            producer.produce(
                topic,
                value=record.value,
                key=record.key,
                headers=list(headers),
                timestamp=record.timestamp_ms or 0,
                on_delivery=lambda error, _: self._acknowledged(done, error),
            )
        except BufferError:
            raise Unavailable("the dead-letter producer's queue is full") from None
        except KafkaException as error:
            self._replace_if_dead(producer, error.args[0])
            raise _refusal(topic, error.args[0]) from None
        try:
            await done
        except KafkaException as error:
            self._replace_if_dead(producer, error.args[0])
            raise _refusal(topic, error.args[0]) from None

    async def prepare(self, source_topics: Collection[str]) -> list[str]:
        """Return the dead-letter topics that are missing, after creating them where that is wanted.

        Why one could not be created is logged; the reason may pass, so ask again later.
        Raises :class:`Unavailable` where the brokers do not answer.
        """
        wanted = {self.topic_for(topic) for topic in source_topics}
        missing = sorted(wanted - await self._loop.run_in_executor(None, self._known_topics))
        if not self._create:
            return missing
        return [topic for topic in missing if not await self._made(topic)]

    async def close(self) -> None:
        """Wait shortly for the last acknowledgements and end the thread."""
        if self._thread is None:
            return
        self._closing.set()
        await self._loop.run_in_executor(None, self._thread.join, _FLUSH_SECONDS + 1)

    def _open(self) -> Producer:
        return Producer(self._config, logger=self._logger)

    def _current(self) -> Producer:
        if self._producer is None:
            self._producer = self._open()
        return self._producer

    def _serve(self) -> None:
        while not self._closing.is_set():
            self._bury()
            producer = self._producer
            if producer is None:
                self._closing.wait(_SERVE_SECONDS)
            else:
                self._let(producer.poll, producer, _SERVE_SECONDS)
        if self._producer is not None:
            self._let(self._producer.flush, self._producer, _FLUSH_SECONDS)

    def _bury(self) -> None:
        """Let everything fail that dead producers still have: nobody may wait for it for ever."""
        for _ in range(len(self._dead)):
            producer = self._dead.popleft()
            producer.purge()
            self._let(producer.flush, producer, _FLUSH_SECONDS)
            if len(producer) > 0:
                self._dead.append(producer)

    def _let(self, serve: Callable[[float], int], producer: Producer, seconds: float) -> None:
        """Let a producer tell its news; the client throws fatal errors out of this, error_cb or not."""
        try:
            serve(seconds)
        except KafkaException as thrown:
            error = thrown.args[0]
            self._tell(lambda: self._replace_if_dead(producer, error))

    def _acknowledged(self, done: asyncio.Future[None], error: KafkaError | None) -> None:
        def tell() -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(KafkaException(error))

        self._tell(tell)

    def _tell(self, action: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(action)

    def _replace_if_dead(self, producer: Producer, error: KafkaError) -> None:
        fatal = error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001  (the client's public names)
        if fatal and producer is self._producer:
            self._producer = None
            self._dead.append(producer)

    def _known_topics(self) -> set[str]:
        try:
            return set(self._current().list_topics(timeout=_ASK_SECONDS).topics)
        except KafkaException as error:
            raise Unavailable(f"brokers do not answer: {error.args[0].name()}") from None

    async def _made(self, topic: str) -> bool:
        connection = {name: value for name, value in self._config.items() if is_shared(name)}
        servers = self._config["bootstrap.servers"]
        admin = AdminClient({**connection, "bootstrap.servers": servers}, logger=self._logger)
        future = admin.create_topics([NewTopic(topic, num_partitions=-1, replication_factor=-1)])[topic]
        try:
            await asyncio.wrap_future(future)
        except KafkaException as error:
            refused: KafkaError = error.args[0]
            if refused.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                self._logger.warning("the topic %s can't be created: %s", topic, refused.name())
                return False
        return True


def _refusal(topic: str, error: KafkaError) -> Unavailable:
    """Return what to raise where a letter was not taken: it names the topic, the error and the cure."""
    code = error.code()
    if code in _MISSING:
        return Unavailable(f"the dead-letter topic {topic} does not exist; create it: {creating(topic)}")
    told = f"the dead-letter topic {topic} did not take it: {error.name()}"
    cure = _CURES.get(code)
    if cure is None:
        return Unavailable(told)
    return TooLarge(f"{told}; {cure}") if code in _TOO_LARGE else Unwritable(f"{told}; {cure}")
