"""A record's bytes → the event in them: framing, schema, codec."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar, assert_never

from consumer.core.avro import schemas
from consumer.core.avro.codec import Codec, SchemaLibrary
from consumer.core.avro.framing import (
    ApicurioId,
    ByApicurioId,
    ByFingerprint,
    ByGuid,
    ById,
    Framed,
    Raw,
    SchemaKey,
    WireFormat,
    frame,
)
from consumer.core.avro.inspection import WriterSchema
from consumer.core.errors import ConfigurationError, Mistake, Unavailable
from consumer.core.operations.status import RegistryHealth
from consumer.core.records import Record
from consumer.core.settings.tree import DecodingSettings, Settings
from consumer.edges.registry import Registry
from consumer.edges.schema_files import Examiner, SchemaFault, read_schema, read_schemas, shelf_of

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")

_NO_REGISTRY: Final = (
    "the record names a schema in a registry, and none is configured; set schema_registry.url, or mend "
    "decoding.wire_format if the record is not framed so"
)
_ID_ZERO: Final = (
    "the record names schema 0, which no registry gives out; mend the producer, or decoding.wire_format if "
    "the record is not in Confluent's framing"
)


class Schemas(Protocol):
    """Where schemas in a registry come from."""

    async def find(self, key: SchemaKey) -> WriterSchema:
        """Return the schema with this id or GUID. Raises Unavailable or Unreadable."""

    def describe(self) -> RegistryHealth:
        """Return how the registry does."""

    async def close(self) -> None:
        """Let go of the connections."""


@dataclass(frozen=True, slots=True)
class SchemaFiles:
    """The schemas that the configuration names: that of raw records, and those known by fingerprint."""

    raw: WriterSchema | None
    more: tuple[WriterSchema, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """A value out of its framing, and the schema that wrote it."""

    framed: Framed
    schema: WriterSchema


class AvroCodec(Protocol[T_co]):
    """Decodes by the schema of the writer."""

    def examine(self, schema: WriterSchema) -> None:
        """Raise Unreadable if nothing that ``schema`` wrote can be decoded."""

    def decode(self, schema: WriterSchema, body: bytes) -> T_co:
        """Return what ``schema`` wrote as ``body``. Raises Unreadable."""


class Decoder(Generic[T]):
    """Decodes records with ``codec``. ``registry`` None: none is configured."""

    def __init__(
        self, wire_format: WireFormat, codec: AvroCodec[T], files: SchemaFiles, registry: Schemas | None
    ) -> None:
        self._wire_format: Final = wire_format
        self._codec: Final = codec
        self._raw: Final = files.raw
        self._more: Final = files.more
        self._library: Final = SchemaLibrary((*map(WriterSchema, schemas.bundled()), *files.more))
        self._registry: Final = registry

    def beside(self, wire_format: WireFormat, codec: AvroCodec[U], raw: WriterSchema | None) -> "Decoder[U]":
        """Return a decoder of other records that shares registry and schemas known by fingerprint."""
        return Decoder(wire_format, codec, SchemaFiles(raw, self._more), self._registry)

    async def decode(self, record: Record) -> T | None:
        """Return what the codec makes of ``record``, to be read only; of a canonical event its fields.

        None is a tombstone. Raises :class:`Unreadable` if the record can never be decoded, and
        :class:`Unavailable` if its schema can't be had now.
        """
        opened = await self.open(record)
        return None if opened is None else self._codec.decode(opened.schema, opened.framed.body)

    async def open(self, record: Record) -> Opened | None:
        """Return the value out of its framing, not decoded yet; None is a tombstone. Raises as ``decode``."""
        if record.value is None:
            return None
        framed = frame(record.value, record.headers, self._wire_format)
        return Opened(framed, await self._schema(framed))

    def describe_registry(self) -> RegistryHealth | None:
        """Return how the registry does; None: none is configured."""
        return None if self._registry is None else self._registry.describe()

    async def close(self) -> None:
        """Close the connections to the registry."""
        if self._registry is not None:
            await self._registry.close()

    async def _schema(self, framed: Framed) -> WriterSchema:
        match framed:
            case ById(schema_id=schema_id):
                return await self._registered(schema_id)
            case ByGuid(guid=guid):
                return await self._registered(guid)
            case ByApicurioId(schema_id=apicurio_id):
                return await self._registered(apicurio_id)
            case ByFingerprint(fingerprint=fingerprint):
                return self._library.find(fingerprint)
            case Raw():
                if self._raw is None:
                    raise Unavailable("decoding.schema is not set, which raw records need")
                return self._raw
            case _:
                assert_never(framed)

    async def _registered(self, key: SchemaKey) -> WriterSchema:
        if self._registry is None:
            raise Unavailable(_NO_REGISTRY)
        if key == 0 or (isinstance(key, ApicurioId) and key.number == 0):
            raise Unavailable(_ID_ZERO)
        return await self._registry.find(key)


def canonical_decoder(settings: Settings, examiner: Examiner | None = None) -> Decoder[Mapping[str, object]]:
    """Return the decoder of canonical records that ``settings`` describe. No registry is asked yet.

    Schema files have to please ``examiner``; None: they are those of canonical records. Raises
    :class:`ConfigurationError` for files that can't be used and for properties that the registry client does
    not take.
    """
    codec = Codec(schemas.payment_event())
    files = read_schema_files(settings.decoding, examiner or codec)
    registry = Registry.from_settings(settings.schema_registry, time.monotonic)
    return Decoder(WireFormat(settings.decoding.wire_format), codec, files, registry)


def read_schema_files(decoding: DecodingSettings, codec: Examiner) -> SchemaFiles:
    """Return the schemas in the files of ``decoding``.

    Raises :class:`ConfigurationError` with every file that can't be read, is no schema, or is not one that
    ``codec`` decodes by.
    """
    raw = _raw(decoding, codec)
    more = read_schemas(decoding.schemas, codec, filter(None, [decoding.schema_file]))
    named = [*(() if raw is None else [("schema", decoding.schema_file, raw)])]
    named += [("schemas", path, schema) for path, schema in zip(decoding.schemas, more, strict=True)]
    mistakes = [_mistake(key, path, schema) for key, path, schema in named if isinstance(schema, SchemaFault)]
    if mistakes:
        raise ConfigurationError(mistakes)
    found = tuple(schema for schema in more if not isinstance(schema, SchemaFault))
    return SchemaFiles(raw if isinstance(raw, WriterSchema) else None, found)


def read_raw_schema(decoding: DecodingSettings, codec: Examiner) -> WriterSchema | None:
    """Return the schema of raw records, None where ``decoding`` names none; raises as above."""
    raw = _raw(decoding, codec)
    if isinstance(raw, SchemaFault):
        raise ConfigurationError([_mistake("schema", decoding.schema_file, raw)])
    return raw


def _raw(decoding: DecodingSettings, codec: Examiner) -> WriterSchema | SchemaFault | None:
    file = decoding.schema_file
    return None if file is None else read_schema(file, codec, shelf_of(decoding.schemas))


def _mistake(key: str, path: Path | None, fault: SchemaFault) -> Mistake:
    return Mistake(f"decoding.{key} ({path})", fault.what, fault.cure)
