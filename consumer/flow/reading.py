"""A record's bytes → what the record means: decoded and interpreted as the source of its topic says."""

from collections.abc import Mapping
from typing import Final, Protocol

from consumer.core.meaning.intents import Intent
from consumer.core.meaning.lifecycle import LifecyclePolicy, interpret
from consumer.core.records import Record


class Decoder(Protocol):
    """Turns a record's bytes into an event."""

    async def decode(self, record: Record) -> Mapping[str, object] | None:
        """Return the event, or None for a tombstone. Raises Unreadable or Unavailable."""


class CanonicalReader:
    """Reads records of the canonical schema."""

    def __init__(self, decoder: Decoder, policy: LifecyclePolicy) -> None:
        self._decoder: Final = decoder
        self._policy: Final = policy

    async def read(self, record: Record) -> Intent:
        """Return what ``record`` means. Raises Unreadable or Unavailable."""
        return interpret(await self._decoder.decode(record), self._policy)
