"""Sample records: the story of :mod:`consumer.lab.scenes` as Avro bytes, with broken records in between.

The same seed gives the same bytes. Keys are payment ids, as the schema advises.
"""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form
from fastavro.types import Schema as AvroSchema

from consumer.core.avro import schemas
from consumer.lab.scenes import events
from consumer.lab.story import BEGINNING, Event

_SINGLE_OBJECT_MAGIC: Final = b"\xc3\x01"
_UNKNOWN_PREFIX: Final = _SINGLE_OBJECT_MAGIC + b"\x01" * 8
#: One record in so many is a mishap.
_MISHAP_EVERY: Final = 40


class Mishap(StrEnum):
    """What is wrong with a record that is no event."""

    TOMBSTONE = "tombstone"
    GARBAGE = "garbage"
    FRAGMENT = "fragment"
    TRUNCATED = "truncated"
    TRAILING_BYTES = "trailing_bytes"
    UNKNOWN_FINGERPRINT = "unknown_fingerprint"
    OTHER_RECORD = "other_record"


@dataclass(frozen=True, slots=True)
class Sample:
    """A record to produce. ``event`` is what its value says; None where ``mishap`` says what went wrong."""

    key: bytes
    value: bytes | None
    event: Event | None
    mishap: Mishap | None = None


class Encoder:
    """Avro bytes of events, each behind ``prefix``: the framing of single objects unless another is given."""

    def __init__(self, prefix: bytes | None = None) -> None:
        self._payment: Final = fastavro.parse_schema(json.loads(schemas.payment_event()))
        self._erasure: Final = fastavro.parse_schema(json.loads(schemas.user_erasure()))
        self._prefix: Final = single_object_prefix(schemas.payment_event()) if prefix is None else prefix
        self._erasure_prefix: Final = single_object_prefix(schemas.user_erasure())

    def payment(self, event: Event) -> bytes:
        """Return a payment event as bytes."""
        return self._prefix + _encode(self._payment, event)

    def erasure(self, event: Event) -> bytes:
        """Return a request to erase a user as bytes: it has no business in a payment topic."""
        return self._erasure_prefix + _encode(self._erasure, event)


def samples(count: int, seed: int = 0, encoder: Encoder | None = None) -> Iterator[Sample]:
    """Yield ``count`` records. What happens to one payment_id stands in order."""
    return islice(_samples(seed, encoder or Encoder()), count)


def single_object_prefix(schema: str) -> bytes:
    """Return the ten bytes before a value of ``schema`` in Avro's single-object encoding."""
    canonical = to_parsing_canonical_form(json.loads(schema))
    return _SINGLE_OBJECT_MAGIC + bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))


def _samples(seed: int, encoder: Encoder) -> Iterator[Sample]:
    mishaps = tuple(Mishap)
    for number, event in enumerate(events(seed), start=1):
        value = encoder.payment(event)
        key = str(event["payment_id"]).encode()
        yield Sample(key, value, event)
        if number % _MISHAP_EVERY == 0:
            mishap = mishaps[number // _MISHAP_EVERY % len(mishaps)]
            yield Sample(key, _BREAKS[mishap](value, event, encoder), None, mishap)


#: How a good value, its event and the encoder make the value of a record that went wrong.
_BREAKS: Final[dict[Mishap, Callable[[bytes, Event, Encoder], bytes | None]]] = {
    Mishap.TOMBSTONE: lambda _value, _event, _encoder: None,
    Mishap.GARBAGE: lambda _value, _event, _encoder: b'{"this": "is JSON, not Avro"}',
    Mishap.FRAGMENT: lambda _value, _event, _encoder: _SINGLE_OBJECT_MAGIC + b"\x00",
    Mishap.TRUNCATED: lambda value, _event, _encoder: value[: len(value) // 2],
    Mishap.TRAILING_BYTES: lambda value, _event, _encoder: value + b"\x00",
    Mishap.UNKNOWN_FINGERPRINT: lambda value, _event, _encoder: _UNKNOWN_PREFIX + value,
    Mishap.OTHER_RECORD: lambda _value, event, encoder: encoder.erasure(
        {"event_id": "erase-1", "user_id": event["user_id"] or "guest", "requested_at": BEGINNING}
    ),
}


def _encode(schema: AvroSchema, event: Event) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, event)
    return buffer.getvalue()
