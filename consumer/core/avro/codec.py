"""Avro bytes and the schema they were written with become a canonical event."""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fastavro import parse_schema, schemaless_reader
from fastavro.schema import fingerprint as fastavro_fingerprint
from fastavro.schema import to_parsing_canonical_form

from consumer.core.avro.inspection import Document, Json, WriterSchema, inspect
from consumer.core.avro.resolution import Resolution
from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import DeadLetterReason

#: Writer schemas that are kept ready for use. Topics carry a handful of versions of one schema.
READY_SCHEMAS: Final = 64

#: What went wrong, by the exception of fastavro 1.13; its own texts can hold values and are never passed on.
_MEANINGS: Final[Mapping[str, str]] = {
    "EOFError": "the value ends too early",
    "IndexError": "the value names a union branch or an enum symbol that its schema does not have",
    "OverflowError": "a date is outside the years 1 to 9999",
    "SchemaResolutionError": "a field is of a type that the canonical schema does not expect there",
    "UnicodeDecodeError": "a text is not UTF-8",
}


@dataclass(frozen=True, slots=True)
class _Plan:
    """How values of one writer schema are decoded; ``reader`` None: they already are as the reader wants."""

    writer: Document
    reader: Document | None
    stream: type[io.BytesIO]
    max_bytes: int


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why nothing is decoded with a writer schema. Kept, so that a hostile schema is read once."""

    detail: str


class Codec:
    """Decodes canonical records, whichever version wrote them, as the schema ``reader`` sees them.

    Fields that the reader does not know are left out, fields that the writer did not have get their default,
    enum symbols that the reader does not know become the enum's default. Writer schemas are kept ready, at
    most :data:`READY_SCHEMAS`.
    """

    def __init__(self, reader: str) -> None:
        self._name: Final = inspect(WriterSchema(reader)).name
        self._reader: Final = _prepare([json.loads(reader)])
        self._plan = lru_cache(maxsize=READY_SCHEMAS)(self._make_plan)

    def examine(self, schema: WriterSchema) -> None:
        """Raise :class:`Unreadable` (``undecodable``) if no value of ``schema`` can be decoded."""
        plan = self._plan(schema)
        if isinstance(plan, _Refusal):
            raise _undecodable(plan.detail)

    def decode(self, schema: WriterSchema, body: bytes) -> Mapping[str, object]:
        """Return the event that ``schema`` wrote as ``body``: names of the reader's fields to values.

        Timestamps are aware datetimes. The mapping shares its default values with others: it is to be read,
        not written. Raises :class:`Unreadable` (``undecodable``) where the schema is hostile, broken or not
        the canonical record, or the body is too large, does not fit, or has bytes left over.
        """
        plan = self._plan(schema)
        if isinstance(plan, _Refusal):
            raise _undecodable(plan.detail)
        if len(body) > plan.max_bytes:
            raise _undecodable(f"the value is larger than the {plan.max_bytes} bytes that are safe to decode")
        stream = plan.stream(body)
        event: object = None
        try:
            event = schemaless_reader(stream, plan.writer, plan.reader)
        except Exception as error:  # noqa: BLE001 - a border: fastavro raises whatever it stumbles over
            problem = _MEANINGS.get(type(error).__name__, "the value does not fit its schema")
        else:
            problem = "bytes are left over after the value"
        if isinstance(event, dict) and stream.tell() == len(body):
            return event
        # Raised here and not above, so that fastavro's exception, which can hold data, does not hang on it.
        raise _undecodable(problem)

    def _make_plan(self, schema: WriterSchema) -> _Plan | _Refusal:
        try:
            inspected = inspect(schema)
            if inspected.name != self._name:
                return _Refusal(f"the schema is not of the record {self._name}")
            resolution = Resolution(inspected.documents, self._reader.document, self._reader.types)
            writer = _prepare(resolution.fitted)
        except Unreadable as unreadable:
            return _Refusal(unreadable.detail)
        return _Plan(
            writer=writer.document,
            reader=None if writer.fingerprint == self._reader.fingerprint else self._reader.document,
            stream=_ExactBytes if resolution.skips else io.BytesIO,
            max_bytes=inspected.max_bytes,
        )


class SchemaLibrary:
    """Schemas that are known by their fingerprint, without any registry."""

    def __init__(self, schemas: Iterable[WriterSchema]) -> None:
        self._schemas: Final = {fingerprint(schema): schema for schema in schemas}

    def find(self, fingerprint: bytes) -> WriterSchema:
        """Return the schema with this CRC-64-AVRO; raise :class:`Unreadable` (``unknown_schema``)."""
        schema = self._schemas.get(fingerprint)
        if schema is None:
            raise Unreadable(
                DeadLetterReason.UNKNOWN_SCHEMA,
                f"no schema is known with the fingerprint {fingerprint.hex()} (bytes as in the value)",
            )
        return schema


def fingerprint(schema: WriterSchema) -> bytes:
    """Return the CRC-64-AVRO of ``schema``: 8 bytes as on the wire, little-endian.

    Raises :class:`Unreadable` (``undecodable``) where the schema is hostile or broken.
    """
    return _prepare(inspect(schema).documents).fingerprint


_read: Final = io.BytesIO.read  # looked up once: it is called for every few bytes


class _ExactBytes(io.BytesIO):
    """Bytes that never give fewer than were asked for.

    fastavro 1.13 does not look whether anything is left while it skips a boolean, a float or a fixed value
    that the reader does not know: an array of them with a count of 2⁶² would never end. It pays the price of
    a Python call for each read, and so is used for schemas with such fields only.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, or raise :class:`EOFError`."""
        content = _read(self, size)
        if len(content) != size:
            raise EOFError
        return content


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A schema as fastavro wants it, with its named types and its CRC-64-AVRO as on the wire."""

    document: Document
    types: Mapping[str, Json]
    fingerprint: bytes


def _prepare(documents: Iterable[Document]) -> _Prepared:
    """Have fastavro read ``documents``: the last is the schema, those before it define names that it uses."""
    types: dict[str, dict[str, Json]] = {}
    parsed: Document = ""
    try:
        for document in documents:
            parsed = parse_schema(document, types)
        crc = fastavro_fingerprint(to_parsing_canonical_form(parsed), "CRC-64-AVRO")
    except Exception:  # noqa: BLE001 - a border: fastavro raises whatever it stumbles over
        raise _undecodable("the schema is no valid Avro schema") from None
    return _Prepared(parsed, types, bytes.fromhex(crc))


def _undecodable(detail: str) -> Unreadable:
    return Unreadable(DeadLetterReason.UNDECODABLE, detail)
