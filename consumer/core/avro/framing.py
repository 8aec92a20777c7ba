"""Split a record's value into the name of its schema and the Avro body.

Sources: Confluent's wire format and its schema ids in headers as ``confluent-kafka`` 2.16 writes them
(``confluent_kafka/schema_registry/common/serde.py``, class ``SchemaId``); what Apicurio's
``AvroKafkaSerializer`` 2.6.13 wrote, tried out (``apicurio.registry.headers.enabled`` decides between its two
forms, and is on unless set); single-object encoding as in the Avro specification.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import DeadLetterReason
from consumer.core.records import Header

#: The header that carries a value's schema, and the first byte of its two forms.
SCHEMA_HEADER: Final = "__value_schema_id"
_ID_MAGIC: Final = 0
_GUID_MAGIC: Final = 1

_CONFLUENT_MAGIC: Final = b"\x00"
_CONFLUENT_BYTES: Final = 5
_SINGLE_OBJECT_MAGIC: Final = b"\xc3\x01"
_SINGLE_OBJECT_BYTES: Final = 10
_GUID_BYTES: Final = 16

#: Apicurio's headers: one of the first two has the id, the last says how the value is written.
GLOBAL_ID_HEADER: Final = "apicurio.value.globalId"
CONTENT_ID_HEADER: Final = "apicurio.value.contentId"
ENCODING_HEADER: Final = "apicurio.value.encoding"
_BINARY: Final = b"BINARY"
_APICURIO_ID_BYTES: Final = 8
_APICURIO_BYTES: Final = 1 + _APICURIO_ID_BYTES

#: A registry's ids are positive Java ints: above it there is none that anybody could register.
_MAX_ID: Final = 2**31 - 1
#: Apicurio's are positive Java longs.
_MAX_APICURIO_ID: Final = 2**63 - 1


class WireFormat(StrEnum):
    """How the records of a topic are framed: the values of ``decoding.wire_format``."""

    AUTO = "auto"
    CONFLUENT = "confluent"
    CONFLUENT_HEADER = "confluent_header"
    APICURIO = "apicurio"
    SINGLE_OBJECT = "single_object"
    RAW = "raw"


class ApicurioIdKind(StrEnum):
    """What Apicurio counts: every version of an artifact, or every content that differs."""

    GLOBAL = "global"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class ApicurioId:
    """An id in Apicurio's registry: 0 (which it does not give out) to 2⁶³ - 1."""

    kind: ApicurioIdKind
    number: int

    def __str__(self) -> str:
        """Return the id as people write it."""
        return f"with the {self.kind} id {self.number}"


#: What a registry is asked by: Confluent's id or GUID, or Apicurio's id.
SchemaKey: TypeAlias = int | str | ApicurioId


@dataclass(frozen=True, slots=True)
class ById:
    """The schema has this id in the registry: 0 (which no registry gives out) to 2³¹ - 1."""

    schema_id: int
    body: bytes


@dataclass(frozen=True, slots=True)
class ByGuid:
    """The schema has this GUID in the registry, written as ``8-4-4-4-12`` hexadecimal digits."""

    guid: str
    body: bytes


@dataclass(frozen=True, slots=True)
class ByApicurioId:
    """The schema has this id in Apicurio's registry."""

    schema_id: ApicurioId
    body: bytes


@dataclass(frozen=True, slots=True)
class ByFingerprint:
    """The schema has this CRC-64-AVRO fingerprint: 8 bytes, in the order of the wire (little-endian)."""

    fingerprint: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Raw:
    """Nothing says which schema: the configured one."""

    body: bytes


Framed: TypeAlias = ById | ByGuid | ByApicurioId | ByFingerprint | Raw


def frame(value: bytes, headers: Sequence[Header], wire_format: WireFormat) -> Framed:
    """Split ``value``; raise :class:`Unreadable` (``undecodable``) where it is not framed as said."""
    return _SPLITTERS[wire_format](value, headers)


def _auto(value: bytes, headers: Sequence[Header]) -> Framed:
    if value.startswith(_CONFLUENT_MAGIC):
        return _confluent(value, headers)
    if value.startswith(_SINGLE_OBJECT_MAGIC):
        return _single_object(value, headers)
    raise _undecodable("the value starts neither as Confluent framing nor as a single Avro object")


def _confluent(value: bytes, _: Sequence[Header]) -> Framed:
    if not value.startswith(_CONFLUENT_MAGIC) or len(value) < _CONFLUENT_BYTES:
        raise _undecodable("the value is not in Confluent's framing (byte 0, then a schema id of 4 bytes)")
    return ById(_schema_id(value[1:_CONFLUENT_BYTES]), value[_CONFLUENT_BYTES:])


def _confluent_header(value: bytes, headers: Sequence[Header]) -> Framed:
    header = next((content for name, content in headers if name == SCHEMA_HEADER), None)
    if not header:
        raise _undecodable(f"the record has no header {SCHEMA_HEADER}")
    magic, name = header[0], header[1:]
    if magic == _ID_MAGIC and len(name) == _CONFLUENT_BYTES - 1:
        return ById(_schema_id(name), value)
    if magic == _GUID_MAGIC and len(name) == _GUID_BYTES:
        return ByGuid(_guid(name), value)
    raise _undecodable(f"the header {SCHEMA_HEADER} holds neither a schema id nor a schema GUID")


def _apicurio(value: bytes, headers: Sequence[Header]) -> Framed:
    """Take the id from a header, where the serializer puts it unless told otherwise, else from the value."""
    found = dict(reversed(headers))
    for kind, name in _APICURIO_HEADERS:
        header = found.get(name)
        if header is not None:
            if len(header) != _APICURIO_ID_BYTES:
                raise _undecodable(f"the header {name} holds no id of 8 bytes")
            if found.get(ENCODING_HEADER, _BINARY) != _BINARY:
                raise _undecodable(f"the header {ENCODING_HEADER} says that the value is not binary Avro")
            return ByApicurioId(_apicurio_id(kind, header), value)
    if not value.startswith(_CONFLUENT_MAGIC) or len(value) < _APICURIO_BYTES:
        raise _undecodable("the value is not in Apicurio's framing (byte 0, then a global id of 8 bytes)")
    return ByApicurioId(
        _apicurio_id(ApicurioIdKind.GLOBAL, value[1:_APICURIO_BYTES]), value[_APICURIO_BYTES:]
    )


def _single_object(value: bytes, _: Sequence[Header]) -> Framed:
    if not value.startswith(_SINGLE_OBJECT_MAGIC) or len(value) < _SINGLE_OBJECT_BYTES:
        raise _undecodable("the value is no single Avro object (bytes C3 01, then a fingerprint of 8 bytes)")
    start = len(_SINGLE_OBJECT_MAGIC)
    return ByFingerprint(value[start:_SINGLE_OBJECT_BYTES], value[_SINGLE_OBJECT_BYTES:])


def _raw(value: bytes, _: Sequence[Header]) -> Framed:
    return Raw(value)


def _schema_id(name: bytes) -> int:
    schema_id = int.from_bytes(name)
    if schema_id > _MAX_ID:
        raise _undecodable("the schema id is above 2147483647, which no registry gives out")
    return schema_id


def _apicurio_id(kind: ApicurioIdKind, name: bytes) -> ApicurioId:
    number = int.from_bytes(name)
    if number > _MAX_APICURIO_ID:
        raise _undecodable("the schema id is above 9223372036854775807, which no registry gives out")
    return ApicurioId(kind, number)


def _guid(name: bytes) -> str:
    digits = name.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _undecodable(detail: str) -> Unreadable:
    return Unreadable(DeadLetterReason.UNDECODABLE, detail)


_APICURIO_HEADERS: Final = (
    (ApicurioIdKind.GLOBAL, GLOBAL_ID_HEADER),
    (ApicurioIdKind.CONTENT, CONTENT_ID_HEADER),
)

_SPLITTERS: Final[Mapping[WireFormat, Callable[[bytes, Sequence[Header]], Framed]]] = {
    WireFormat.AUTO: _auto,
    WireFormat.CONFLUENT: _confluent,
    WireFormat.CONFLUENT_HEADER: _confluent_header,
    WireFormat.APICURIO: _apicurio,
    WireFormat.SINGLE_OBJECT: _single_object,
    WireFormat.RAW: _raw,
}
