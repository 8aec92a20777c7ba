"""Writer schemas by the registry's ids: what is known stays known, what is not known waits.

Known schemas are kept, so that records go on while the registry is down. One question is asked at a time,
and after a failure none for a moment: a thousand records that wait cost the registry little more than one.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from consumer.core.avro.framing import SchemaKey
from consumer.core.avro.inspection import WriterSchema
from consumer.core.errors import ConfigurationError, Mistake, Unavailable, Unreadable
from consumer.core.meaning.intents import DeadLetterReason
from consumer.core.operations.status import RegistryHealth
from consumer.core.settings.tree import SchemaRegistrySettings

#: Seconds over which the registry must say again and again that it has no such schema, before that is
#: believed: a schema may be registered a moment after its first record, or not have reached every replica.
UNKNOWN_AFTER_SECONDS: Final = 10.0
#: Seconds without a question after a failure. Short, because the schema that failed may be the only one.
PAUSE_SECONDS: Final = 0.25
#: Seconds that a record waits for another one's question; a slow registry must not take up all flights.
PATIENCE_SECONDS: Final = 0.5
#: Seconds between two questions for one missing schema.
ASK_AGAIN_SECONDS: Final = 1.0
#: Seconds after which an answer no longer counts as one of the same series.
SERIES_ENDS_SECONDS: Final = 60.0

#: What any other answer is, and what helps.
STRANGE: Final = ("gives an answer that is not a registry's", "check schema_registry.url")
NOT_A_REGISTRYS: Final = "; ".join(STRANGE)

_SLOW: Final = "the schema registry has not answered an earlier question yet"
_CURE: Final = "see the configuration of SchemaRegistryClient in confluent-kafka"

MAX_KNOWN: Final = 256
MAX_MISSING: Final = 1024

V = TypeVar("V")


class NoSuchSchema(Exception):
    """The registry says in its own words that it has no such schema.

    That is a 404 with error code 40403, or in Apicurio's API one with the name of what is missing.
    """


class Client(Protocol):
    """What asks the registry."""

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        """Return the schema; raise NoSuchSchema, Unreadable, or Unavailable with a text for people."""

    async def close(self) -> None:
        """Close the connections."""


@dataclass(frozen=True, slots=True)
class _Missing:
    """Since when (and when last) the registry has said that it has no such schema; monotonic seconds."""

    first: float
    last: float


class Registry:
    """Schemas by id or GUID. ``clock`` gives monotonic seconds."""

    def __init__(self, client: Client, clock: Callable[[], float]) -> None:
        self._client: Final = client
        self._clock: Final = clock
        self._turn: Final = asyncio.Lock()
        self._known: Final[OrderedDict[SchemaKey, WriterSchema | str]] = OrderedDict()
        self._missing: Final[OrderedDict[SchemaKey, _Missing]] = OrderedDict()
        self._asking_since = clock()
        self._quiet_until: float | None = None
        self._trouble: str | None = None
        self._reachable: bool | None = None

    @classmethod
    def from_settings(cls, settings: SchemaRegistrySettings, clock: Callable[[], float]) -> "Registry | None":
        """Return the configured registry, or None where no ``url`` is set. Nothing is asked yet.

        Raises :class:`ConfigurationError` for properties that confluent-kafka's client does not take.
        """
        if settings.url is None:
            return None
        from consumer.edges.registry.clients import AnyClient  # noqa: PLC0415  # 20 MiB, spared without a url

        try:
            client = AnyClient(settings.url, settings.properties)
        except (ValueError, TypeError, OSError) as error:
            said = error.strerror if isinstance(error, OSError) else error
            what = f"are not what the registry client takes: {said}"
            raise ConfigurationError([Mistake("schema_registry.properties", what, _CURE)]) from None
        return cls(client, clock)

    async def find(self, key: SchemaKey) -> WriterSchema:
        """Return the schema ``key``.

        Raises :class:`Unavailable` where the registry can't be asked, does not answer as itself, or has not
        yet said for long enough that it has no such schema; :class:`Unreadable` once it has
        (``unknown_schema``), or where the schema is none that can be used (``undecodable``).
        """
        known = self._known.get(key)
        if known is None:
            known = await self._in_turn(key)
        self._known.move_to_end(key)
        if isinstance(known, str):
            raise Unreadable(DeadLetterReason.UNDECODABLE, known)
        return known

    def describe(self) -> RegistryHealth:
        """Return how the registry does."""
        return RegistryHealth(self._reachable, self._trouble, len(self._known))

    async def close(self) -> None:
        """Close the connections to the registry."""
        await self._client.close()

    async def _in_turn(self, key: SchemaKey) -> WriterSchema | str:
        """Wait shortly for whoever asks at the moment, then ask. Longer waits are had elsewhere."""
        asking_for = self._clock() - self._asking_since
        if self._turn.locked() and asking_for > PATIENCE_SECONDS:
            raise Unavailable(_SLOW)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            raise Unavailable(_SLOW) from None
        try:
            self._asking_since = self._clock()
            return self._known.get(key) or await self._ask(key)
        finally:
            self._turn.release()

    async def _ask(self, key: SchemaKey) -> WriterSchema | str:
        """Ask for ``key`` unless it is too early to; return and keep the schema, or why it can't be used."""
        now = self._clock()
        if self._quiet_until is not None and now < self._quiet_until:
            raise Unavailable(self._trouble or "the schema registry is not asked at the moment")
        missing = self._missing.get(key)
        if missing is not None and now < missing.last + ASK_AGAIN_SECONDS:
            raise _not_there(key, missing)
        found: WriterSchema | str | Unavailable
        try:
            found = await self._client.fetch(key)
        except NoSuchSchema:
            self._note(None)
            raise self._still_missing(key) from None
        except Unreadable as unreadable:
            found = unreadable.detail
        except Unavailable as unavailable:
            found = unavailable
        except Exception:  # noqa: BLE001 - a border: an odd answer may trip the client in ways nobody knows
            found = Unavailable(f"the schema registry {NOT_A_REGISTRYS}")
        if isinstance(found, Unavailable):
            self._note(str(found))
            self._missing.pop(key, None)
            # Raised here and not above: what the client stumbled over may hold the answer.
            raise found
        self._note(None)
        self._missing.pop(key, None)
        _keep(self._known, key, found, MAX_KNOWN)
        return found

    def _still_missing(self, key: SchemaKey) -> Unavailable | Unreadable:
        now = self._clock()
        before = self._missing.pop(key, None)
        same_series = before is not None and now <= before.last + SERIES_ENDS_SECONDS
        missing = _Missing(first=before.first if before and same_series else now, last=now)
        _keep(self._missing, key, missing, MAX_MISSING)
        return _not_there(key, missing)

    def _note(self, trouble: str | None) -> None:
        self._trouble = trouble
        self._reachable = trouble is None
        self._quiet_until = None if trouble is None else self._clock() + PAUSE_SECONDS


def _not_there(key: SchemaKey, missing: _Missing) -> Unavailable | Unreadable:
    if missing.last - missing.first < UNKNOWN_AFTER_SECONDS:
        return Unavailable(
            f"the schema registry does not know schema {key}; it is asked again until it has said so for "
            f"{UNKNOWN_AFTER_SECONDS:.0f} s"
        )
    return Unreadable(DeadLetterReason.UNKNOWN_SCHEMA, f"the schema registry has no schema {key}")


def _keep(cache: OrderedDict[SchemaKey, V], key: SchemaKey, value: V, most: int) -> None:
    """Put ``value`` into ``cache``, and let the one that was not used for longest go where it is full."""
    cache[key] = value
    if len(cache) > most:
        cache.popitem(last=False)
