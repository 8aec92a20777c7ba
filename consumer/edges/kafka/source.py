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
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from consumer.core.errors import ConsumerError, DependencyError
from consumer.core.partitions.offsets import Assigned, Position
from consumer.core.partitions.starts import StartFrom
from consumer.core.records import Header, Partition, Record
from consumer.edges.kafka import statistics
from consumer.edges.kafka.clients import Config
from consumer.edges.kafka.starting import READ_SECONDS, Starting

T = TypeVar("T")

#: Seconds that a poll may wait for a record; also the longest that a command waits for its turn.
POLL_SECONDS: Final = 0.1

#: Seconds after which an unanswered commit counts as failed.
COMMIT_SECONDS: Final = 10.0

#: Seconds within which positions must be stored when partitions are handed over.
HANDOVER_SECONDS: Final = 5.0

#: Seconds of one slice of a wait inside a callback.
_SLICE: Final = 0.1

Positions = Mapping[Partition, Position]


class _SentCommit(NamedTuple):
    """A commit on its way. ``answer`` is None where it is read back instead."""

    positions: Positions
    answer: asyncio.Future[Positions] | None


class Listener(Protocol):
    """Hears of the group's decisions. All calls come on the event loop, in the order they happened."""

    def assigned(self, given: Sequence[Assigned]) -> None:
        """Partitions are ours, from these offsets on. May be empty: then only the group was joined."""

    async def release(self, partitions: Collection[Partition], seconds: float) -> Positions:
        """Give up partitions: wait at most ``seconds`` for calls on the wire, say what to commit."""

    def confirmed(self, positions: Positions) -> None:
        """Let these positions be known as committed."""

    def forget(self, partitions: Collection[Partition], *, lost: bool) -> None:
        """Take leave of partitions; lost ones had no chance to commit."""

    def out_of_range(self, partition: Partition) -> None:
        """Note that the partition's committed offset no longer exists."""

    def trouble(self, event: str, detail: str) -> None:
        """Note something that an operator should know; names and codes only."""


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
        """Take the client's configuration; nothing is opened yet.

        ``restart_at_beginning``: what to do where a committed offset no longer exists (else hold).
        ``drain_seconds`` bounds the wait for calls on the wire when partitions are revoked.
        """
        self._config: Final = config
        self._topics: Final = list(topics)
        self._restart: Final = restart_at_beginning
        self._drain_seconds: Final = drain_seconds
        self._logger: Final = logger
        self._thread: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kafka-consumer")
        self._starting: Final = Starting(self._topics, start_from, self._read_failed)
        self._epochs: dict[Partition, int] = {}
        self._last_epoch = 0
        self._failure: ConsumerError | Exception | None = None
        self._stopping = False
        self._closed = False
        self._sent: deque[_SentCommit] = deque()
        self._adrift: dict[Partition, int] = {}
        self.ends = statistics.Ends()
        self.joined = False
        self.polled_at = time.monotonic()

    async def start(self, listener: Listener) -> None:
        """Open the client and subscribe. Brokers need not answer yet.

        Raises KafkaException for a configuration that librdkafka does not take.
        """
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        await self._on_thread(self._open)

    async def fetch(self, limit: int) -> list[Record]:
        """Return up to ``limit`` records, waiting at most :data:`POLL_SECONDS` for the first.

        Must be called again and again, also while everything is paused: it serves the group. Raises
        :class:`DependencyError` when the client is beyond repair, and whatever failed in a callback.
        """
        return await self._on_thread(self._fetch, limit)

    async def commit(self, positions: Positions) -> Positions | None:
        """Commit; return those that the broker confirmed, or None where it did not answer in time.

        One commit at a time. A refused one (a rebalance is going on) is normal: look again and retry.
        """
        answer: asyncio.Future[Positions] = self._loop.create_future()
        await self._on_thread(self._send_commit, positions, answer)
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                return await answer
        except TimeoutError:
            return None

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
        self._consumer.subscribe(
            self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def _close(self) -> None:
        if hasattr(self, "_consumer"):
            self._consumer.close()

    def _fetch(self, limit: int) -> list[Record]:
        self.polled_at = time.monotonic()
        self._bring_back()
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
        error = message.error()
        topic, number, offset = message.topic(), message.partition(), message.offset()
        if error is not None:
            self._on_error(error, _partition_of(topic, number), offset)
            return None
        if topic is None or number is None or offset is None:
            return None
        partition = Partition(topic, number)
        epoch = self._epochs.get(partition)
        if epoch is None:
            return None
        headers = _headers(message)
        if headers is None:
            self._report("headers_unreadable", f"{partition}@{offset} is read without them")
        kind, timestamp = message.timestamp()
        return Record(
            partition=partition,
            offset=offset,
            epoch=epoch,
            key=message.key(),
            value=message.value(),
            headers=headers or (),
            timestamp_ms=timestamp if kind else None,
        )

    def _apply(self, what: str, partitions: Sequence[Partition]) -> None:
        ours = [TopicPartition(*partition) for partition in partitions if partition in self._epochs]
        if ours:
            (self._consumer.pause if what == "pause" else self._consumer.resume)(ours)

    def _send_commit(self, positions: Positions, answer: asyncio.Future[Positions]) -> None:
        ours = self._still_ours(positions)
        try:
            if ours:
                self._commit(ours, answer)
            else:
                self._answer(answer, {})
        except KafkaException:
            self._answer(answer, {})

    def _still_ours(self, positions: Positions) -> dict[Partition, Position]:
        """Return what may be committed. The broker would take an old owner's commit, also a lower one."""
        return {
            partition: position
            for partition, position in positions.items()
            if self._epochs.get(partition) == position.epoch
        }

    def _commit(self, positions: Positions, answer: asyncio.Future[Positions] | None) -> None:
        self._consumer.commit(offsets=_offsets(positions), asynchronous=True)
        self._sent.append(_SentCommit(positions, answer))

    def _answer(self, answer: asyncio.Future[Positions], confirmed: Positions) -> None:
        self._tell(lambda: None if answer.done() else answer.set_result(confirmed))

    def _store(self, positions: Positions, seconds: float) -> Positions:
        deadline = time.monotonic() + seconds
        left = self._still_ours(positions)
        if self._closed and left:
            return self._store_unseen(left)
        stored: dict[Partition, Position] = {}
        while left and (remaining := deadline - time.monotonic()) > 0:
            try:
                self._commit(dict(left), None)
                found = self._consumer.committed(_offsets(left), timeout=min(remaining, READ_SECONDS))
            except KafkaException as error:
                self._report("commit_refused", _name(error))
                time.sleep(_SLICE)
                continue
            for entry in found:
                position = left.get(partition := Partition(entry.topic, entry.partition))
                if position is not None and (entry.offset, entry.metadata or "") == (
                    position.offset,
                    position.metadata,
                ):
                    stored[partition] = left.pop(partition)
            if left:
                time.sleep(_SLICE)
        return stored

    def _store_unseen(self, positions: Positions) -> Positions:
        """Commit inside close: it waits for the commit's answer itself, and would leave a read unanswered."""
        with suppress(KafkaException):
            self._commit(positions, None)
        return {}

    # --- callbacks of the client: nothing may be raised here ---

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._guard(lambda: self._take_over(consumer, partitions))

    def _take_over(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        found = self._starting.resolve(consumer, partitions)
        if found is None:
            return
        given = []
        for start in found:
            self._last_epoch += 1
            self._epochs[start.partition] = self._last_epoch
            given.append(
                Assigned(start.partition, self._last_epoch, start.offset, start.metadata, fresh=start.fresh)
            )
        if given:
            starts = [TopicPartition(*each.partition, each.offset) for each in given]
            consumer.incremental_assign(starts)
            consumer.resume(starts)
        self.joined = True
        self._tell(lambda: self._listener.assigned(given))

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._guard(lambda: self._hand_over([Partition(p.topic, p.partition) for p in partitions]))

    def _hand_over(self, partitions: Sequence[Partition]) -> None:
        if not partitions:
            return
        positions = self._ask(
            self._listener.release(partitions, self._drain_seconds), self._drain_seconds + 1
        )
        stored = self._store(positions or {}, HANDOVER_SECONDS)
        for partition in partitions:
            self._epochs.pop(partition, None)
        self._tell(lambda: self._listener.confirmed(stored))
        self._tell(lambda: self._listener.forget(partitions, lost=False))

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        gone = [Partition(p.topic, p.partition) for p in partitions]
        for partition in gone:
            self._epochs.pop(partition, None)
        self._guard(lambda: self._tell(lambda: self._listener.forget(gone, lost=True)))

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        if not self._sent:
            return
        # The broker answers in order. The comparison below is for the case that the client once does not.
        sent, answer = self._sent.popleft()
        confirmed = {}
        for entry in partitions:
            position = sent.get(partition := Partition(entry.topic, entry.partition))
            stored = error is None and entry.error is None
            if stored and position is not None and position.offset == entry.offset:
                confirmed[partition] = position
        if error is not None:
            self._report("commit_refused", error.name())
        if answer is not None:
            self._answer(answer, confirmed)

    def _on_statistics(self, report: str) -> None:
        try:
            self.ends = statistics.parse(report)
        except msgspec.DecodeError as error:
            self._report("statistics_unreadable", type(error).__name__)

    def _on_error(
        self, error: KafkaError, partition: Partition | None = None, offset: int | None = None
    ) -> None:
        code = error.code()
        if code == KafkaError._FATAL or error.fatal():  # noqa: SLF001  (the client's public names start so)
            self._failure = DependencyError(f"the Kafka client gave up: {error.name()}: {error.str()}")
        elif code == KafkaError._AUTO_OFFSET_RESET and partition is not None:  # noqa: SLF001  (as above)
            self._leave_range(partition, offset or 0)
        else:
            if code == KafkaError.UNKNOWN_TOPIC_OR_PART and partition is not None:
                self._starting.missed(partition.topic)
            self._report("kafka_error", _told(error, partition, offset))

    def _leave_range(self, partition: Partition, wanted: int) -> None:
        if partition not in self._epochs:
            return
        if self._restart:
            self._adrift[partition] = wanted
        else:
            self._tell(lambda: self._listener.out_of_range(partition))

    def _bring_back(self) -> None:
        """Let partitions whose next offset is gone go on at their beginning; a failure is tried again."""
        for partition, wanted in list(self._adrift.items()):
            if partition in self._epochs:
                try:
                    self._restart_at_beginning(partition, wanted)
                except KafkaException as error:
                    self._report("start_unknown", _name(error))
                    continue
            del self._adrift[partition]

    def _restart_at_beginning(self, partition: Partition, wanted: int) -> None:
        where = TopicPartition(*partition)
        low, _ = self._consumer.get_watermark_offsets(where, timeout=READ_SECONDS)
        self._report("out_of_range", f"{partition} goes on at its beginning")
        # A seek is refused: the client has ended the fetching of the partition.
        self._consumer.incremental_unassign([where])
        self._consumer.incremental_assign([TopicPartition(*partition, low)])
        # Retention has overtaken us: the records in memory are the only copies, and stay ours.
        if low < wanted:
            self._begin_anew(partition, low)

    def _begin_anew(self, partition: Partition, low: int) -> None:
        """Forget what is known of a partition: its log is shorter now, and offsets mean other records."""
        self._last_epoch += 1
        self._epochs[partition] = self._last_epoch
        given = Assigned(partition, self._last_epoch, low, fresh=True)
        self._tell(lambda: self._listener.forget([partition], lost=True))
        self._tell(lambda: self._listener.assigned([given]))
        self._consumer.resume([TopicPartition(*partition)])

    def _read_failed(self, detail: str) -> bool:
        self.polled_at = time.monotonic()
        self._report("start_unknown", detail)
        if not self._stopping:
            time.sleep(_SLICE)
        return self._stopping

    def _guard(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001  (the border: the client loses records if a callback raises)
            self._failure = error

    def _report(self, event: str, detail: str) -> None:
        self._tell(lambda: self._listener.trouble(event, detail))

    def _tell(self, action: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(action)

    def _ask(self, question: Coroutine[None, None, T], seconds: float) -> T | None:
        answer: Future[T] = asyncio.run_coroutine_threadsafe(question, self._loop)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.polled_at = time.monotonic()
            try:
                return answer.result(_SLICE)
            except NotYet:
                continue
        answer.cancel()
        return None

    async def _on_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await self._loop.run_in_executor(self._thread, function, *arguments)


def _offsets(positions: Positions) -> list[TopicPartition]:
    return [
        TopicPartition(partition.topic, partition.number, position.offset, position.metadata)
        for partition, position in positions.items()
    ]


def _told(error: KafkaError, partition: Partition | None, offset: int | None) -> str:
    """Return the error's name and what it is about. Errors about a whole topic have no offset."""
    if partition is None:
        return error.name()
    return f"{error.name()}: {f'topic {partition.topic}' if offset is None else partition}"


def _partition_of(topic: str | None, number: int | None) -> Partition | None:
    return None if topic is None or number is None else Partition(topic, number)


def _headers(message: Message) -> tuple[Header, ...] | None:
    """Return the headers, or None where a name is not UTF-8.

    The client then fails, and would give out broken objects if it were asked a second time.
    """
    try:
        headers = message.headers() or []
    except (SystemError, UnicodeDecodeError):
        return None
    pairs = headers.items() if isinstance(headers, dict) else headers
    return tuple((name, value.encode() if isinstance(value, str) else value) for name, value in pairs)


def _name(error: KafkaException) -> str:
    cause = error.args[0] if error.args else None
    return cause.name() if isinstance(cause, KafkaError) else "unknown"
