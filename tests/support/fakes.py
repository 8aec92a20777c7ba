"""Stand-ins for what the flow talks to: they do what a test says, and remember what was asked of them."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Unpack

from consumer.core.api.verdicts import Answer, Fault, FaultKind, Response
from consumer.core.errors import TooLarge, Unavailable, Unwritable
from consumer.core.operations.logbook import Event, Fields
from consumer.core.partitions.offsets import Assigned, Position, Positions
from consumer.core.records import Header, Partition, Record
from consumer.edges.kafka.bridge import Listener
from consumer.lab import bodies
from consumer.lab.ledger import Ledger, Outcome
from tests.support.events import payment_event


class FakeLog:
    """Keeps every line."""

    def __init__(self) -> None:
        self.lines: list[tuple[Event, Fields]] = []

    def __call__(self, event: Event, **fields: Unpack[Fields]) -> None:
        """Keep a line."""
        self.lines.append((event, fields))

    def told(self, event: Event) -> list[Fields]:
        """Return the fields of all lines of an event."""
        return [fields for told, fields in self.lines if told is event]


class FakeDecoder:
    """Reads a value as the id of a completed payment, unless ``trouble`` or ``events`` know better."""

    def __init__(self) -> None:
        self.trouble: dict[bytes, Exception] = {}
        self.events: dict[bytes, Mapping[str, object]] = {}
        self.asked: list[str] = []

    async def decode(self, record: Record) -> Mapping[str, object] | None:
        """Return the event that the value stands for."""
        self.asked.append(record.where)
        value = record.value
        if value is None:
            return None
        if value in self.trouble:
            raise self.trouble[value]
        return self.events.get(value) or payment_event(payment_id=value.decode())


@dataclass(frozen=True, slots=True)
class Sent:
    """One call: its path and body, and the payment it is about."""

    path: str
    body: bytes

    @property
    def payment_id(self) -> str:
        """The payment that the call is about; the user where it is about none."""
        document = json.loads(self.body)
        return str(document["payment_id"] if "payment_id" in document else document["user_id"])


class FakeApi:
    """Answers 201, or what ``script`` (once each) and ``always`` have for a payment, after it is let go."""

    def __init__(self) -> None:
        self.calls: list[Sent] = []
        self.always: dict[str, Answer] = {}
        self.script: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self.answer: Answer = Response(201)
        self.on_wire: list[str] = []
        self.most_on_wire = 0
        self.overlapped = False
        self.withheld = False
        self._held: dict[str, asyncio.Event] = {}

    def withhold(self) -> None:
        """Send nothing any more: what is to be sent is not allowed."""
        self.withheld = True

    def hold(self, *payment_ids: str) -> None:
        """Leave calls about these payments unanswered."""
        for name in payment_ids:
            self._held[name] = asyncio.Event()

    def let_go(self, *payment_ids: str) -> None:
        """Answer them after all, and later ones at once."""
        for name in payment_ids:
            self._held.pop(name).set()

    @property
    def asked(self) -> list[str]:
        """The payments of all calls, in order."""
        return [call.payment_id for call in self.calls]

    async def send(self, path: str, body: bytes) -> Answer | None:
        """Take a call."""
        if self.withheld:
            return None
        call = Sent(path, body)
        name = call.payment_id
        self.calls.append(call)
        self.overlapped = self.overlapped or name in self.on_wire
        self.on_wire.append(name)
        self.most_on_wire = max(self.most_on_wire, len(self.on_wire))
        try:
            if name in self._held:
                await self._held[name].wait()
            return self._answer(call)
        finally:
            self.on_wire.remove(name)

    def _answer(self, call: Sent) -> Answer:
        if self.script[call.payment_id]:
            return self.script[call.payment_id].popleft()
        return self.always.get(call.payment_id, self.answer)


class LedgerApi(FakeApi):
    """Keeps the payments as the API does, and answers by what it has; what is scripted is not acted on.

    While it is ``down`` that is its answer. ``deaf`` are payments of which the next call is acted on, and its
    answer gets lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ledger: Final = Ledger()
        self.down: Answer | None = None
        self.deaf: set[str] = set()

    def recorded(self) -> list[str]:
        """Return the ids of the payments that are there."""
        return [payment.payment_id for payment in self.ledger.payments()]

    def act(self, call: Sent) -> Answer:
        """Do what a call asks for."""
        document = bodies.parse_json(call.body)
        if call.path == "/capture-payment":
            self.ledger.capture(bodies.capture(document), len(self.calls))
            return Response(201)
        return Response(200 if self.ledger.remove(bodies.remove(document)) is Outcome.REMOVED else 400)

    def _answer(self, call: Sent) -> Answer:
        if self.script[call.payment_id]:
            return self.script[call.payment_id].popleft()
        if self.down is not None:
            return self.down
        if call.payment_id in self.always:
            return self.always[call.payment_id]
        answer = self.act(call)
        if call.payment_id in self.deaf:
            self.deaf.discard(call.payment_id)
            return Fault(FaultKind.TIMEOUT)
        return answer


class FakeBox:
    """Keeps letters, but of ``odd`` records and where the topic of a source topic is ``missing``.

    ``most`` is how many bytes of key, value and headers a letter may have.
    """

    def __init__(self) -> None:
        self.letters: list[tuple[Record, Sequence[Header]]] = []
        self.missing: set[str] = set()
        self.odd: set[str] = set()
        self.most: int | None = None
        self.asked: list[str] = []
        self.writing = 0
        self.most_writing = 0
        self.open = asyncio.Event()
        self.open.set()

    def reasons(self) -> list[str]:
        """Return why each letter was written."""
        return [str((dict(headers)["linkrunner.reason"] or b"").decode()) for _, headers in self.letters]

    async def put(self, record: Record, headers: Sequence[Header]) -> None:
        """Take a letter."""
        self.asked.append(record.where)
        self.writing += 1
        self.most_writing = max(self.most_writing, self.writing)
        try:
            await self.open.wait()
        finally:
            self.writing -= 1
        if record.where in self.odd:
            raise Unwritable("the dead-letter topic does not take it: INVALID_TIMESTAMP")
        if record.partition.topic in self.missing:
            raise Unavailable("the dead-letter topic does not exist")
        size = (
            len(record.key or b"")
            + len(record.value or b"")
            + sum(len(name) + len(value or b"") for name, value in headers)
        )
        if self.most is not None and size > self.most:
            raise TooLarge("the dead-letter topic does not take it: MSG_SIZE_TOO_LARGE")
        self.letters.append((record, headers))


#: Seconds that a fetch waits for a record, as a poll does.
_POLL: Final = 0.02


class _Appended(NamedTuple):
    key: bytes | None
    value: bytes | None
    timestamp_ms: int | None


class FakeSource:
    """A Kafka with one member: logs, commits, and a group whose decisions the test makes.

    Like the consumer's thread it does one thing at a time, and nothing is fetched during a hand-over.
    ``refuse`` and ``ignore`` say how many of the next commits are refused or get no answer, ``refused`` of
    which partitions each is refused, as where their topic is gone;
    ``timestamp_ms`` is that of every record that was given none.
    """

    def __init__(self) -> None:
        self.stored: dict[Partition, Position] = {}
        self.commits: list[Positions] = []
        self.refuse = 0
        self.refused: set[Partition] = set()
        self.ignore = 0
        self.failure: Exception | None = None
        self.paused: set[Partition] = set()
        self.timestamp_ms: int | None = None
        self.poll_seconds = _POLL
        self.listener: Listener
        self._logs: defaultdict[Partition, list[_Appended]] = defaultdict(list)
        self._positions: dict[Partition, int] = {}
        self._epochs: dict[Partition, int] = {}
        self._epoch = 0
        self._turn: Final = asyncio.Lock()
        self._news: Final = asyncio.Event()

    def produce(
        self,
        partition: Partition,
        value: bytes | None,
        key: bytes | None = None,
        timestamp_ms: int | None = None,
    ) -> None:
        """Append a record; its key is its value unless another is given."""
        self._logs[partition].append(_Appended(value if key is None else key, value, timestamp_ms))
        self._news.set()

    def end(self, partition: Partition) -> int:
        """Return the offset that the next record will get."""
        return len(self._logs[partition])

    def committed(self, partition: Partition) -> int | None:
        """Return the committed offset."""
        position = self.stored.get(partition)
        return None if position is None else position.offset

    def assign(self, *partitions: Partition) -> None:
        """Give partitions to the listener, from their committed offsets on."""
        given = []
        for partition in partitions:
            self._epoch += 1
            self._epochs[partition] = self._epoch
            stored = self.stored.get(partition)
            start = 0 if stored is None else stored.offset
            self._positions[partition] = start
            self.paused.discard(partition)
            metadata = "" if stored is None else stored.metadata
            given.append(Assigned(partition, self._epoch, start, metadata, fresh=stored is None))
        self.listener.assigned(given)
        self._news.set()

    async def revoke(self, *partitions: Partition, seconds: float = 5.0) -> None:
        """Take partitions back in good order, as the real source does it."""
        async with self._turn:
            positions = await self.listener.release(partitions, seconds)
            self.commits.append(positions)
            self.stored.update(positions)
            self._drop(partitions)
            self.listener.confirmed(positions)
            self.listener.forget(partitions, lost=False)

    async def lose(self, *partitions: Partition) -> None:
        """Take partitions away without a chance to commit."""
        async with self._turn:
            self._drop(partitions)
            self.listener.forget(partitions, lost=True)

    def _drop(self, partitions: Collection[Partition]) -> None:
        for partition in partitions:
            del self._positions[partition]
            del self._epochs[partition]

    async def fetch(self, limit: int) -> list[Record]:
        """Return what is there of the partitions that are not paused."""
        async with self._turn:
            if self.failure is not None:
                raise self.failure
            records = [record for partition in self._positions for record in self._read(partition, limit)]
            self._news.clear()
        if not records:
            try:
                async with asyncio.timeout(self.poll_seconds):
                    await self._news.wait()
            except TimeoutError:
                pass
        return records

    def _read(self, partition: Partition, limit: int) -> list[Record]:
        if partition in self.paused:
            return []
        start = self._positions[partition]
        found = self._logs[partition][start : start + limit]
        self._positions[partition] = start + len(found)
        epoch = self._epochs[partition]
        return [
            Record(partition, offset, epoch, key, value, (), self.timestamp_ms if stamp is None else stamp)
            for offset, (key, value, stamp) in enumerate(found, start)
        ]

    async def commit(self, positions: Positions) -> Positions | None:
        """Store, refuse or ignore a commit."""
        async with self._turn:
            self.commits.append(positions)
            if self.ignore:
                self.ignore -= 1
                return None
            if self.refuse:
                self.refuse -= 1
                return {}
            stored = {p: position for p, position in positions.items() if p not in self.refused}
            self.stored.update(stored)
            return stored

    async def commit_and_confirm(self, positions: Positions, seconds: float) -> Positions:
        """Store a commit."""
        assert seconds > 0
        return await self.commit(positions) or {}

    async def pause(self, partitions: Collection[Partition]) -> None:
        """Stop reading from partitions."""
        self.paused.update(partitions)

    async def resume(self, partitions: Collection[Partition]) -> None:
        """Read from partitions again."""
        self.paused.difference_update(partitions)
        self._news.set()
