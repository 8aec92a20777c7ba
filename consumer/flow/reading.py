"""A record's bytes → what the record means: decoded and interpreted as the source of its topic says."""

from collections.abc import Mapping, Sequence
from typing import Final, Generic, Protocol, TypeVar

from consumer.core.avro.mapped import Decoded
from consumer.core.avro.nested import NestedAvro
from consumer.core.errors import Unavailable
from consumer.core.meaning.intents import Intent
from consumer.core.meaning.lifecycle import LifecyclePolicy, interpret
from consumer.core.meaning.mapping import MappedEvent
from consumer.core.partitions.subscription import Choice
from consumer.core.records import Record
from consumer.flow.delivery import Reader

T_co = TypeVar("T_co", covariant=True)


class Decoder(Protocol, Generic[T_co]):
    """Turns a record's bytes into an event."""

    async def decode(self, record: Record) -> T_co | None:
        """Return the event, or None for a tombstone. Raises Unreadable or Unavailable."""


class Interpreter(Protocol):
    """Knows what events of one kind mean."""

    def interpret(self, event: MappedEvent, policy: LifecyclePolicy) -> Intent:
        """Return what ``event`` means. Pure, and never raises."""


class CanonicalReader:
    """Reads records of the canonical schema."""

    def __init__(self, decoder: Decoder[Mapping[str, object]], policy: LifecyclePolicy) -> None:
        self._decoder: Final = decoder
        self._policy: Final = policy

    async def read(self, record: Record) -> Intent:
        """Return what ``record`` means. Raises Unreadable or Unavailable."""
        return interpret(await self._decoder.decode(record), self._policy)


class MappedReader:
    """Reads records of any schema as a mapping says."""

    def __init__(
        self,
        decoder: Decoder[Decoded],
        interpreter: Interpreter,
        nested: NestedAvro,
        policy: LifecyclePolicy,
    ) -> None:
        """``nested`` decodes Avro bytes within a record for ``interpreter``."""
        self._decoder: Final = decoder
        self._interpreter: Final = interpreter
        self._nested: Final = nested
        self._policy: Final = policy

    async def read(self, record: Record) -> Intent:
        """Return what ``record`` means. Raises Unreadable or Unavailable."""
        event = mapped_event(record, await self._decoder.decode(record))
        self._nested.begin()  # nothing is awaited from here on: the budget is this record's alone
        return self._interpreter.interpret(event, self._policy)


class SourceReader:
    """Reads each topic as its source does: one that is named, else the first with a pattern that matches."""

    def __init__(self, sources: Sequence[tuple[Sequence[str], Reader]]) -> None:
        """Take the readers, each with its topics: names and patterns."""
        self._choice: Final = Choice(sources)

    async def read(self, record: Record) -> Intent:
        """Return what ``record`` means. Raises Unreadable or Unavailable.

        A topic of no source would be a defect of ours, and is no fault of the record: it waits.
        """
        reader = self._choice.of(record.partition.topic)
        if reader is None:
            raise Unavailable("no source of the mapping has this topic; nothing says what its records mean")
        return await reader.read(record)


def mapped_event(record: Record, decoded: Decoded | None) -> MappedEvent:
    """Return what a mapping reads of ``record``; ``decoded`` None is a tombstone."""
    return MappedEvent(
        value=None if decoded is None else decoded.value,
        name="" if decoded is None else decoded.name,
        key=record.key,
        headers=record.headers,
        topic=record.partition.topic,
        partition=record.partition.number,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
    )
