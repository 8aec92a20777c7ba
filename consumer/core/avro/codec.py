"""Avro bytes and the schema they were written with become a canonical event."""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fastavro import schemaless_reader

from consumer.core.avro.border import READY_SCHEMAS, Refusal, meaning, prepare, too_large, undecodable
from consumer.core.avro.inspection import Document, WriterSchema, inspect
from consumer.core.avro.linking import written_out
from consumer.core.avro.resolution import Resolution
from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import DeadLetterReason


@dataclass(frozen=True, slots=True)
class _Plan:
    """How values of one writer schema are decoded; ``reader`` None: they already are as the reader wants."""

    writer: Document
    reader: Document | None
    stream: type[io.BytesIO]
    max_bytes: int


class Codec:
    """Decodes canonical records, whichever version wrote them, as the schema ``reader`` sees them.

    Fields that the reader does not know are left out, fields that the writer did not have get their default,
    enum symbols that the reader does not know become the enum's default. Writer schemas are kept ready, at
    most :data:`READY_SCHEMAS`.
    """

    def __init__(self, reader: str) -> None:
        self._name: Final = inspect(WriterSchema(reader)).name
        self._reader: Final = prepare([json.loads(reader)])
        self._plan = lru_cache(maxsize=READY_SCHEMAS)(self._make_plan)

    def examine(self, schema: WriterSchema) -> None:
        """Raise :class:`Unreadable` (``undecodable``) if no value of ``schema`` can be decoded."""
        plan = self._plan(schema)
        if isinstance(plan, Refusal):
            raise undecodable(plan.detail)

    def decode(self, schema: WriterSchema, body: bytes) -> Mapping[str, object]:
        """Return the event that ``schema`` wrote as ``body``: names of the reader's fields to values.

        Timestamps are aware datetimes. The mapping shares its default values with others: it is to be read,
        not written. Raises :class:`Unreadable` (``undecodable``) where the schema is hostile, broken or not
        the canonical record, or the body is too large, does not fit, or has bytes left over.
        """
        plan = self._plan(schema)
        if isinstance(plan, Refusal):
            raise undecodable(plan.detail)
        if len(body) > plan.max_bytes:
            raise too_large(plan.max_bytes)
        stream = plan.stream(body)
        event: object = None
        try:
            event = schemaless_reader(stream, plan.writer, plan.reader)
        except Exception as error:  # noqa: BLE001 - a border: fastavro raises whatever it stumbles over
            problem = meaning(error)
        else:
            problem = "bytes are left over after the value"
        if isinstance(event, dict) and stream.tell() == len(body):
            return event
        # Raised here and not above, so that fastavro's exception, which can hold data, does not hang on it.
        raise undecodable(problem)

    def _make_plan(self, schema: WriterSchema) -> _Plan | Refusal:
        try:
            inspected = inspect(schema)
            if inspected.name != self._name:
                return Refusal(f"the schema is not of the record {self._name}")
            resolution = Resolution(inspected.documents, self._reader.document, self._reader.types)
            writer = prepare(resolution.fitted)
        except Unreadable as unreadable:
            return Refusal(unreadable.detail)
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
    return prepare([written_out(inspect(schema).documents)]).fingerprint


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
