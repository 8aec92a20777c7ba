"""What the service calls: the API, the dead-letter topic and the registry, each with every way to fail."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Protocol

from consumer.core.api.verdicts import Answer, Fault, FaultKind, Response
from consumer.core.avro import schemas
from consumer.core.avro.codec import Codec
from consumer.core.avro.framing import WireFormat
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.meaning.intents import DeadLetterReason
from consumer.core.records import Header, Partition, Record
from consumer.flow.decoding import Decoder, SchemaFiles
from consumer.lab import bodies
from consumer.lab.ledger import Journal, Ledger, Outcome
from tests.simulation.books import Books, Place
from tests.simulation.world import Fault as Ours
from tests.simulation.world import Storm, World
from tests.support.history import DeadLetter, Recorded, Request
from tests.support.ledger import CAPTURE

#: Why a fault of ours may set a good record aside.
BY_FAULT: Final = frozenset({"unknown_schema", "mapping", "refused"})
#: Seconds after which a call that nobody answers has failed.
TIMEOUT: Final = 3.0
LETTERS: Final = Partition("payments.dlq", 0)


@dataclass(frozen=True, slots=True)
class Mishap:
    """A call that goes wrong: whether the API acts on it, what the caller gets, and whether at once."""

    name: str
    applied: bool
    answer: Answer
    hangs: bool = False


_TURNED_AWAY: Final = (
    Mishap("connect", applied=False, answer=Fault(FaultKind.CONNECT, sent=False)),
    Mishap("reset-before", applied=False, answer=Fault(FaultKind.RESET)),
    Mishap("timeout-before", applied=False, answer=Fault(FaultKind.TIMEOUT), hangs=True),
    Mishap("503-before", applied=False, answer=Response(503)),
    Mishap("503-soon", applied=False, answer=Response(503, retry_after="1")),
    Mishap("html", applied=False, answer=Response(200, html=True)),
)
_LIMITED: Final = (
    Mishap("429", applied=False, answer=Response(429)),
    Mishap("429-later", applied=False, answer=Response(429, retry_after="2")),
)
_APPLIED_BUT_UNKNOWN: Final = (
    Mishap("reset-after", applied=True, answer=Fault(FaultKind.RESET)),
    Mishap("timeout-after", applied=True, answer=Fault(FaultKind.TIMEOUT), hangs=True),
    Mishap("garbage-after", applied=True, answer=Fault(FaultKind.PROTOCOL)),
    Mishap("500-after", applied=True, answer=Response(500)),
)
_KEY_WRONG: Final = Mishap("401", applied=False, answer=Response(401))


class Caller(Protocol):
    """A process, as the outside sees it."""

    @property
    def name(self) -> str:
        """What the trace calls it."""

    @property
    def wire(self) -> list[Place]:
        """The records of which it awaits an answer."""

    @property
    def delivered(self) -> set[Place]:
        """The records of which it heard that the API has them."""

    def check(self) -> None:
        """Stop here if the process has died."""


class Api:
    """The API: what it holds, whom it refuses, and what it was asked."""

    def __init__(self, world: World, books: Books, ledger: Ledger, *, refusing: bool) -> None:
        """``refusing``: it refuses some payments, always the same ones."""
        self.world: Final = world
        self._refusing: Final = refusing
        self.books: Final = books
        self._ledger: Final = ledger
        self._journal: Final = Journal()
        self._senders: Final[dict[int, str]] = {}

    async def take(self, caller: Caller, path: str, body: bytes) -> Answer:
        """Answer a call, or fail to. The API acts at once, or never: nothing arrives late."""
        entry = self._journal.open(path, self.world.now)
        entry.body = body
        self._senders[entry.seq] = caller.name
        mishap = self._mishap()
        status = self._act(path, body, entry.seq) if mishap is None or mishap.applied else 0
        await self._think(mishap)
        caller.check()
        answer = Response(status) if mishap is None else mishap.answer
        entry.fault = None if mishap is None else mishap.name
        if isinstance(answer, Response):
            entry.status, entry.answered = answer.status, self.world.now
        place = self.books.place_of(path, body)
        if place is not None:
            self.books.heard(place, status if mishap is None else None)
        await self.world.pause(0.005)
        caller.check()
        return answer

    def requests(self) -> list[Request]:
        """Return what was asked, in the order of arrival."""
        return [
            Request(
                entry.seq,
                entry.path,
                bodies.parse_json(entry.body),
                entry.arrived,
                entry.answered,
                entry.status,
                fault=entry.fault,
                sender=self._senders[entry.seq],
            )
            for entry in self._journal.entries()
        ]

    def recorded(self) -> list[Recorded]:
        """Return the payments that are held now."""
        return [
            Recorded(payment.type, payment.payment_id, payment.user_id, payment.amount, payment.currency)
            for payment in self._ledger.payments()
        ]

    def _act(self, path: str, body: bytes, seq: int) -> int:
        """Do what the call asks for and return the status."""
        try:
            document = bodies.parse_json(body)
            if path == CAPTURE:
                capture = bodies.capture(document)
                if self.world.rages(Ours.API_REFUSES) or (self._refusing and _is_refused(capture.payment_id)):
                    return 422
                return 201 if self._ledger.capture(capture, seq) is Outcome.APPLIED else 200
            return 200 if self._ledger.remove(bodies.remove(document)) is Outcome.REMOVED else 400
        except bodies.Malformed as error:
            return error.status

    async def _think(self, mishap: Mishap | None) -> None:
        """Take the time until the answer."""
        if mishap is not None and mishap.hangs:
            await asyncio.sleep(TIMEOUT)
        else:
            await self.world.pause(self.world.dice.choice((0.02, 0.02, 0.5)))

    def _mishap(self) -> Mishap | None:
        choice = self.world.dice.choice
        if self.world.rages(Storm.API_DOWN):
            return choice(_TURNED_AWAY)
        if self.world.rages(Storm.KEY_WRONG):
            return _KEY_WRONG
        if self.world.rages(Storm.RATE_LIMITED):
            return choice(_LIMITED)
        if self.world.chance(0.15):
            return choice((*_TURNED_AWAY, *_LIMITED, *_APPLIED_BUT_UNKNOWN))
        return None


class Line:
    """The API, as one process reaches it."""

    def __init__(self, api: Api, caller: Caller) -> None:
        self._api: Final = api
        self._caller: Final = caller

    async def send(self, path: str, body: bytes) -> Answer:
        """Send once."""
        self._caller.check()
        place = self._api.books.place_of(path, body)
        self._api.world.note(f"{self._caller.name} sends {_named(place)}{path}")
        if place is not None:
            self._caller.wire.append(place)
        try:
            answer = await self._api.take(self._caller, path, body)
            self._api.world.note(f"{self._caller.name} hears of {_named(place)}: {answer}")
            if place is not None and answer in (Response(200), Response(201)):
                self._caller.delivered.add(place)
            return answer
        finally:
            if place is not None:
                self._caller.wire.remove(place)


@dataclass(slots=True)
class Letters:
    """The dead-letter topic."""

    world: World
    books: Books
    written: list[DeadLetter] = field(default_factory=list)
    by_process: defaultdict[str, set[Place]] = field(default_factory=lambda: defaultdict(set))


class Box:
    """The dead-letter topic, as one process reaches it."""

    def __init__(self, letters: Letters, caller: Caller) -> None:
        self._letters: Final = letters
        self._caller: Final = caller

    async def put(self, record: Record, headers: Sequence[Header]) -> None:
        """Write a copy; it may be written although that fails."""
        self._caller.check()
        place = record.partition, record.offset
        self._caller.wire.append(place)
        try:
            await self._put(record, headers, place)
        finally:
            self._caller.wire.remove(place)

    async def _put(self, record: Record, headers: Sequence[Header], place: Place) -> None:
        world, books = self._letters.world, self._letters.books
        await world.pause(0.02)
        self._caller.check()
        if world.rages(Storm.LETTERS_DOWN) or world.chance(0.1):
            raise Unavailable("the dead-letter broker is away")
        told = not world.chance(0.05)
        books.wrote(place, told=told)
        self._letters.by_process[self._caller.name].add(place)
        offset = len(self._letters.written)
        copy = Record(LETTERS, offset, 0, record.key, record.value, tuple(headers))
        self._letters.written.append(DeadLetter(copy, world.now))
        world.note(f"{self._caller.name} wrote the letter of {record.where}")
        if not told:
            raise Unavailable("the dead-letter broker's answer got lost")
        await world.pause(0.005)


class Registry:
    """Decodes records for real; while the registry is down, those of some unlucky schemas wait.

    ``mapping_wrong``: of the process that asks; it takes no record for what it is.
    """

    def __init__(self, world: World, *, mapping_wrong: bool) -> None:
        self._world: Final = world
        self._mapping_wrong: Final = mapping_wrong

    async def decode(self, record: Record) -> Mapping[str, object] | None:
        """Return the event. Raises Unreadable or Unavailable."""
        if self._world.dice.random() < 0.1:
            await self._world.pause(0.05)
        if self._world.rages(Storm.REGISTRY_DOWN) and record.offset % 3 == 0:
            raise Unavailable("the registry is away")
        if self._world.rages(Ours.REGISTRY_WRONG):
            raise Unreadable(DeadLetterReason.UNKNOWN_SCHEMA, "the registry is another one")
        if self._mapping_wrong:
            raise Unreadable(DeadLetterReason.MAPPING, "the mapping is another one's")
        return await _decoder().decode(record)


@cache
def _decoder() -> Decoder[Mapping[str, object]]:
    return Decoder(WireFormat.AUTO, Codec(schemas.payment_event()), SchemaFiles(None, ()), None)


def _is_refused(payment_id: str) -> bool:
    """Some payments are refused, always the same ones."""
    return sum(payment_id.encode()) % 12 == 0


def _named(place: Place | None) -> str:
    return "an unknown record" if place is None else f"{place[0]}@{place[1]}"
