"""The Kafka consumer, on a thread of its own.

One thread owns the Consumer and is the only one that ever calls it (since confluent-kafka 2.16 a second
caller starves; a waiting one deadlocks inside a rebalance callback). Everybody else speaks to the
:class:`Source`, on the event loop; the group's decisions reach the loop through a :class:`Listener`.

The other rules kept here, each paid for with an experiment:

- records are taken one ``poll`` at a time, so that each carries the number of the assignment it belongs to
  even when a rebalance happens between two of them;
- an exception never leaves a callback (the client would throw away what it has fetched): it is kept and
  ends the next fetch;
- commits are asynchronous with a deadline of our own (the synchronous one has none). Where a commit must be
  known to be stored before going on, it is read back: the broker answers in order, and a read can time out;
- a partition is resumed when it is assigned, because a pause survives its revocation.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from consumer.core.errors import ConsumerError, DependencyError
from consumer.core.partitions.offsets import Assigned, Positions
from consumer.core.partitions.starts import StartFrom
from consumer.core.records import Partition, Record
from consumer.edges.kafka import messages, statistics
from consumer.edges.kafka.bridge import SLICE_SECONDS, Bridge, Listener
from consumer.edges.kafka.clients import Config
from consumer.edges.kafka.commits import Commits
from consumer.edges.kafka.epochs import Epochs
from consumer.edges.kafka.ranges import Ranges
from consumer.edges.kafka.starting import Brokers, Starting

T = TypeVar("T")

#: Seconds that a poll may wait for a record; also the longest that a command waits for its turn.
POLL_SECONDS: Final = 0.1

#: Seconds after which an unanswered commit counts as failed.
COMMIT_SECONDS: Final = 10.0

#: Seconds after which no answer to a commit is expected any more. The client gives up each of its own tries
#: after ``socket.timeout.ms``, whose default this is.
LOST_SECONDS: Final = 60.0

#: Seconds within which positions must be stored when partitions are handed over.
HANDOVER_SECONDS: Final = 5.0


class Source:
    """Records in, commits out. Create it, :meth:`start` it on the running loop, and :meth:`close` it."""

    def __init__(
        self,
        config: Config,
        topics: Sequence[str],
        *,
        start_from: StartFrom,
        restart_at_beginning: bool,
        drain_seconds: float,
        logger: logging.Logger,
    ) -> None:
        """Take the client's configuration and the topics to begin with; nothing is opened yet.

        Without ``topics`` nothing is joined before :meth:`subscribe` names some.
        ``restart_at_beginning``: what to do where a committed offset no longer exists (else hold).
        ``drain_seconds`` bounds the wait for calls on the wire when partitions are revoked.
        """
        self._config: Final = config
        self._topics: Final = tuple(topics)
        self._restart: Final = restart_at_beginning
        self._drain_seconds: Final = drain_seconds
        self._logger: Final = logger
        self._thread: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kafka-consumer")
        self._starting: Final = Starting(Brokers(config), start_from, self._read_failed)
        self._epochs: Final = Epochs()
        self._answer: asyncio.Future[Positions] | None = None
        self._asked_at = 0.0
        self._failure: ConsumerError | Exception | None = None
        self._stopping = False
        self._closed = False
        self.ends = statistics.Ends()
        self.joined = False
        self.polled_at = time.monotonic()

    async def start(self, listener: Listener) -> None:
        """Open the client and subscribe. Brokers need not answer yet.

        Raises KafkaException for a configuration that librdkafka does not take.
        """
        self._loop = asyncio.get_running_loop()
        self._bridge = Bridge(self._loop, listener)
        await self._on_thread(self._open)

    async def subscribe(self, topics: Sequence[str], appeared: Collection[str]) -> None:
        """Read these topics from now on, and no others; an empty list is passed over.

        What is held of topics that stay is not disturbed: the group shares out only what comes and goes.
        ``appeared`` are those that were not there yet when this process looked first: they start at their
        beginning.
        """
        await self._on_thread(self._subscribe, tuple(topics), frozenset(appeared))

    async def fetch(self, limit: int) -> list[Record]:
        """Return up to ``limit`` records, waiting at most :data:`POLL_SECONDS` for the first.

        Must be called again and again, also while everything is paused: it serves the group. Raises
        :class:`DependencyError` when the client is beyond repair, and whatever failed in a callback.
        """
        return await self._on_thread(self._fetch, limit)

    async def commit(self, positions: Positions) -> Positions | None:
        """Commit; return those that the broker confirmed, or None where it did not answer in time.

        One commit at a time. A refused one (a rebalance is going on) is normal: look again and retry. While
        an earlier one is unanswered none is sent: the client itself sends again what a broken connection
        cut short, and so the older of two could arrive last and take the offset back.
        """
        earlier = self._answer
        waits = earlier is not None and not await self._answered(earlier)
        if waits and time.monotonic() - self._asked_at < LOST_SECONDS:
            return None
        answer = self._answer = self._loop.create_future()
        self._asked_at = time.monotonic()
        await self._on_thread(lambda: self._commits.send(positions, answer))
        return answer.result() if await self._answered(answer) else None

    async def _answered(self, answer: "asyncio.Future[Positions]") -> bool:
        """Wait for a commit's answer; return whether it came in time."""
        await asyncio.wait({answer}, timeout=COMMIT_SECONDS)
        return answer.done()

    async def commit_and_confirm(self, positions: Positions, seconds: float) -> Positions:
        """Commit and read back until stored or ``seconds`` are over; return what is known to be stored."""
        return await self._on_thread(self._store, positions, seconds)

    async def pause(self, partitions: Collection[Partition]) -> None:
        """Stop fetching from partitions; those that are not ours any more are passed over."""
        await self._on_thread(self._apply, "pause", tuple(partitions))

    async def resume(self, partitions: Collection[Partition]) -> None:
        """Fetch from partitions again; those that are not ours any more are passed over."""
        await self._on_thread(self._apply, "resume", tuple(partitions))

    def interrupt(self) -> None:
        """Let waits inside callbacks end soon, because the service stops."""
        self._stopping = True

    async def close(self) -> None:
        """Leave the group and close the client, once. Positions must be committed before."""
        self.interrupt()
        if not self._closed:
            self._closed = True
            await self._on_thread(self._close)
            self._thread.shutdown(wait=False)

    # --- from here on everything runs on the consumer's thread ---

    def _open(self) -> None:
        callbacks = {
            "error_cb": self._on_error,
            "stats_cb": self._on_statistics,
            "on_commit": self._on_commit,
        }
        self._consumer = Consumer({**self._config, **callbacks}, logger=self._logger)
        self._commits = Commits(self._consumer, self._epochs, self._bridge)
        self._ranges = Ranges(self._consumer, self._epochs, self._bridge, restart=self._restart)
        self._subscribe(self._topics, ())

    def _subscribe(self, topics: Sequence[str], appeared: Collection[str]) -> None:
        if topics and not self._closed:
            self._starting.subscribed(topics, appeared)
            self._consumer.subscribe(
                list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )

    def _close(self) -> None:
        if hasattr(self, "_consumer"):
            self._consumer.close()

    def _fetch(self, limit: int) -> list[Record]:
        self.polled_at = time.monotonic()
        self._ranges.bring_back()
        records: list[Record] = []
        wait = POLL_SECONDS
        while len(records) < limit and self._failure is None:
            message = self._poll(wait)
            if message is None:
                break
            wait = 0
            record = self._read(message)
            if record is not None:
                records.append(record)
        if not records and self._failure is not None:
            raise self._failure
        return records

    def _poll(self, seconds: float) -> Message | None:
        try:
            return self._consumer.poll(seconds)
        except KafkaException as thrown:
            # The client throws its fatal errors out of poll instead of handing them to error_cb.
            self._on_error(thrown.args[0])
            return None

    def _read(self, message: Message) -> Record | None:
        error, partition = message.error(), messages.partition_of(message)
        if error is not None:
            self._on_error(error, partition, message.offset())
            return None
        epoch = None if partition is None else self._epochs.of(partition)
        if partition is None or epoch is None:
            return None
        record, complete = messages.record_of(message, partition, epoch)
        if not complete:
            self._bridge.report("headers_unreadable", f"{partition}@{message.offset()} is read without them")
        return record

    def _apply(self, what: str, partitions: Sequence[Partition]) -> None:
        ours = [TopicPartition(*partition) for partition in partitions if partition in self._epochs]
        if ours:
            (self._consumer.pause if what == "pause" else self._consumer.resume)(ours)

    def _store(self, positions: Positions, seconds: float) -> Positions:
        if self._closed:
            return self._commits.store_unseen(positions)
        return self._commits.store(positions, seconds)

    # --- callbacks of the client: nothing may be raised here ---

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._guard(lambda: self._take_over(consumer, partitions))

    def _take_over(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        found = self._starting.resolve(consumer, partitions)
        if found is None:
            return
        given = [
            Assigned(
                start.partition,
                self._epochs.begin(start.partition),
                start.offset,
                start.metadata,
                fresh=start.fresh,
            )
            for start in found
        ]
        if given:
            starts = [TopicPartition(*each.partition, each.offset) for each in given]
            consumer.incremental_assign(starts)
            consumer.resume(starts)
        self.joined = True
        self._bridge.tell(lambda: self._bridge.listener.assigned(given))

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._guard(lambda: self._hand_over(messages.partitions_of(partitions)))

    def _hand_over(self, partitions: Sequence[Partition]) -> None:
        if not partitions:
            return
        listener = self._bridge.listener
        letting_go = listener.release(partitions, self._drain_seconds)
        positions = self._bridge.ask(letting_go, self._drain_seconds + 1, meanwhile=self._tick)
        stored = self._store(positions or {}, HANDOVER_SECONDS)
        for partition in partitions:
            self._epochs.end(partition)
        self._bridge.tell(lambda: listener.confirmed(stored))
        self._bridge.tell(lambda: listener.forget(partitions, lost=False))

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        gone = messages.partitions_of(partitions)
        for partition in gone:
            self._epochs.end(partition)
        self._guard(lambda: self._bridge.tell(lambda: self._bridge.listener.forget(gone, lost=True)))

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        self._commits.answered(error, partitions)

    def _on_statistics(self, report: str) -> None:
        try:
            self.ends = statistics.parse(report)
        except msgspec.DecodeError as error:
            self._bridge.report("statistics_unreadable", type(error).__name__)

    def _on_error(
        self, error: KafkaError, partition: Partition | None = None, offset: int | None = None
    ) -> None:
        code = error.code()
        if code == KafkaError._FATAL or error.fatal():  # noqa: SLF001  (the client's public names start so)
            self._failure = DependencyError(f"the Kafka client gave up: {error.name()}: {error.str()}")
        elif code == KafkaError._AUTO_OFFSET_RESET and partition is not None:  # noqa: SLF001  (as above)
            self._ranges.left(partition, offset or 0)
        else:
            if code == KafkaError.UNKNOWN_TOPIC_OR_PART and partition is not None:
                self._starting.missed(partition.topic)
            self._bridge.report("kafka_error", messages.told(error, partition, offset))

    def _read_failed(self, detail: str) -> bool:
        self._tick()
        self._bridge.report("start_unknown", detail)
        if not self._stopping:
            time.sleep(SLICE_SECONDS)
        return self._stopping

    def _guard(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001  (the border: the client loses records if a callback raises)
            self._failure = error

    def _tick(self) -> None:
        self.polled_at = time.monotonic()

    async def _on_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await self._loop.run_in_executor(self._thread, function, *arguments)
