"""Avro for tests: schemas to change, and bytes, also such as no writer would make."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from fastavro import parse_schema, schemaless_writer

from consumer.core.avro import schemas
from consumer.core.avro.inspection import WriterSchema

#: A schema as JSON; tests change it freely.
Draft = dict[str, Any]


def canonical(change: Callable[[Draft], object] | None = None) -> WriterSchema:
    """Return today's PaymentEvent schema, after ``change`` was made to it."""
    draft: Draft = json.loads(schemas.payment_event())
    if change is not None:
        change(draft)
    return WriterSchema(json.dumps(draft))


def field(draft: Draft, name: str) -> Draft:
    """Return the field ``name`` of a record's draft, to be changed."""
    found: Draft = next(entry for entry in draft["fields"] if entry["name"] == name)
    return found


def add(name: str, kind: object, **more: object) -> Callable[[Draft], object]:
    """Return a change that adds the field ``name`` at the end."""
    return lambda draft: draft["fields"].append({"name": name, "type": kind, **more})


def encode(schema: WriterSchema, value: object, *, exactly: bool = False) -> bytes:
    """Return ``value`` as bare Avro bytes; ``exactly``: a field that the schema does not have raises."""
    stream = io.BytesIO()
    schemaless_writer(stream, parse_schema(json.loads(schema.text)), value, strict_allow_default=exactly)
    return stream.getvalue()


def varint(number: int) -> bytes:
    """Return an Avro int or long: zig-zag, seven bits in a byte, the lowest first."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def text(content: str) -> bytes:
    """Return an Avro string."""
    encoded = content.encode()
    return varint(len(encoded)) + encoded


def fields_of(draft: Draft) -> Iterator[tuple[str, Draft]]:
    """Give every field of a schema, those of nested records too, with its record's name."""
    for entry in draft["fields"]:
        yield draft["name"], entry
        for nested in _records(entry["type"]):
            yield from fields_of(nested)


def types_of(draft: Draft) -> Iterator[Draft]:
    """Give every named type that a schema defines, itself first."""
    yield draft
    for entry in draft.get("fields", []):
        for nested in _named(entry["type"]):
            yield from types_of(nested)


def _records(kind: object) -> Iterator[Draft]:
    return (named for named in _named(kind) if named["type"] == "record")


def _named(kind: object) -> Iterator[Draft]:
    if isinstance(kind, list):
        for branch in kind:
            yield from _named(branch)
    elif isinstance(kind, dict):
        if "name" in kind:
            yield kind
        else:
            yield from _named(kind.get("items", kind.get("values")))
