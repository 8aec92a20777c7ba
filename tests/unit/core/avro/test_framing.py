"""Framing: which schema a value was written with, and where its body starts."""

from contextlib import suppress
from uuid import UUID

import pytest
from confluent_kafka.schema_registry import header_schema_id_serializer, prefix_schema_id_serializer
from confluent_kafka.schema_registry.serde import SchemaId
from confluent_kafka.serialization import MessageField, SerializationContext
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.avro.framing import (
    CONTENT_ID_HEADER,
    ENCODING_HEADER,
    GLOBAL_ID_HEADER,
    SCHEMA_HEADER,
    ApicurioId,
    ApicurioIdKind,
    ByApicurioId,
    ByFingerprint,
    ByGuid,
    ById,
    Framed,
    Raw,
    WireFormat,
    frame,
)
from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import DeadLetterReason
from consumer.core.records import Header

GUID = "89791762-2336-4186-9674-299b90a802e2"
GUID_HEADER = (SCHEMA_HEADER, b"\x01" + UUID(GUID).bytes)
ID_HEADER = (SCHEMA_HEADER, b"\x00\x00\x00\x01\x02")

GLOBAL_258 = ApicurioId(ApicurioIdKind.GLOBAL, 258)
LONG_258 = bytes(6) + b"\x01\x02"
BINARY = (ENCODING_HEADER, b"BINARY")

CONFLUENT = b"\x00\x00\x00\x01\x02body"
SINGLE_OBJECT = b"\xc3\x01\x8f\x5c\x39\x3f\x1a\xd5\x75\x72body"
FINGERPRINT = bytes.fromhex("8f5c393f1ad57572")

GOOD: list[tuple[WireFormat, bytes, tuple[Header, ...], Framed]] = [
    (WireFormat.AUTO, CONFLUENT, (), ById(258, b"body")),
    (WireFormat.AUTO, SINGLE_OBJECT, (), ByFingerprint(FINGERPRINT, b"body")),
    (WireFormat.AUTO, CONFLUENT, (GUID_HEADER,), ById(258, b"body")),
    (WireFormat.CONFLUENT, CONFLUENT, (), ById(258, b"body")),
    (WireFormat.CONFLUENT, b"\x00\x00\x00\x00\x00", (), ById(0, b"")),
    (WireFormat.CONFLUENT, b"\x00\x7f\xff\xff\xff", (), ById(2**31 - 1, b"")),
    (WireFormat.CONFLUENT_HEADER, CONFLUENT, (GUID_HEADER,), ByGuid(GUID, CONFLUENT)),
    (WireFormat.CONFLUENT_HEADER, b"body", (("other", b"x"), ID_HEADER), ById(258, b"body")),
    (WireFormat.CONFLUENT_HEADER, b"body", (ID_HEADER, GUID_HEADER), ById(258, b"body")),
    (WireFormat.APICURIO, b"\x00" + LONG_258 + b"body", (), ByApicurioId(GLOBAL_258, b"body")),
    (WireFormat.APICURIO, bytes(9), (), ByApicurioId(ApicurioId(ApicurioIdKind.GLOBAL, 0), b"")),
    (
        WireFormat.APICURIO,
        b"\x00\x7f" + b"\xff" * 7,
        (GUID_HEADER, BINARY),
        ByApicurioId(ApicurioId(ApicurioIdKind.GLOBAL, 2**63 - 1), b""),
    ),
    (
        WireFormat.APICURIO,
        b"\x00body",
        ((GLOBAL_ID_HEADER, LONG_258),),
        ByApicurioId(GLOBAL_258, b"\x00body"),
    ),
    (
        WireFormat.APICURIO,
        b"",
        (BINARY, (CONTENT_ID_HEADER, LONG_258)),
        ByApicurioId(ApicurioId(ApicurioIdKind.CONTENT, 258), b""),
    ),
    (
        WireFormat.APICURIO,
        b"body",
        ((GLOBAL_ID_HEADER, LONG_258), (CONTENT_ID_HEADER, b"x"), (GLOBAL_ID_HEADER, b"x")),
        ByApicurioId(GLOBAL_258, b"body"),
    ),
    (WireFormat.SINGLE_OBJECT, SINGLE_OBJECT, (), ByFingerprint(FINGERPRINT, b"body")),
    (WireFormat.RAW, CONFLUENT, (GUID_HEADER,), Raw(CONFLUENT)),
    (WireFormat.RAW, SINGLE_OBJECT, (), Raw(SINGLE_OBJECT)),
    (WireFormat.RAW, b"", (), Raw(b"")),
]

BAD: list[tuple[WireFormat, bytes, tuple[Header, ...]]] = [
    (WireFormat.AUTO, b"", ()),
    (WireFormat.AUTO, b"body", ()),
    (WireFormat.AUTO, b"body", (GUID_HEADER,)),
    (WireFormat.AUTO, b"\x01" + UUID(GUID).bytes, ()),
    (WireFormat.AUTO, b"\xc3", ()),
    (WireFormat.AUTO, SINGLE_OBJECT[:9], ()),
    (WireFormat.AUTO, CONFLUENT[:4], ()),
    (WireFormat.CONFLUENT, b"", ()),
    (WireFormat.CONFLUENT, SINGLE_OBJECT, ()),
    (WireFormat.CONFLUENT, b"\x00\x80\x00\x00\x00", ()),
    (WireFormat.CONFLUENT_HEADER, CONFLUENT, ()),
    (WireFormat.CONFLUENT_HEADER, b"body", ((SCHEMA_HEADER, None),)),
    (WireFormat.CONFLUENT_HEADER, b"body", ((SCHEMA_HEADER, b""),)),
    (WireFormat.CONFLUENT_HEADER, b"body", (("__key_schema_id", GUID_HEADER[1]),)),
    (WireFormat.CONFLUENT_HEADER, b"body", ((SCHEMA_HEADER, GUID_HEADER[1] + b"\x00"),)),
    (WireFormat.CONFLUENT_HEADER, b"body", ((SCHEMA_HEADER, ID_HEADER[1][:4]),)),
    (WireFormat.CONFLUENT_HEADER, b"body", ((SCHEMA_HEADER, b"\x00\xff\xff\xff\xff"),)),
    (WireFormat.CONFLUENT_HEADER, b"body", ((SCHEMA_HEADER, b"\x02" + UUID(GUID).bytes),)),
    (WireFormat.APICURIO, b"", ()),
    (WireFormat.APICURIO, bytes(8), ()),
    (WireFormat.APICURIO, b"\x01" + bytes(20), ()),
    (WireFormat.APICURIO, b"\x00\x80" + bytes(7), ()),
    (WireFormat.APICURIO, bytes(20), ((GLOBAL_ID_HEADER, bytes(7)),)),
    (WireFormat.APICURIO, bytes(20), ((GLOBAL_ID_HEADER, b"\xff" * 8),)),
    (WireFormat.APICURIO, b"{}", ((GLOBAL_ID_HEADER, LONG_258), (ENCODING_HEADER, b"JSON"))),
    (WireFormat.APICURIO, b"{}", ((CONTENT_ID_HEADER, LONG_258), (ENCODING_HEADER, None))),
    (WireFormat.SINGLE_OBJECT, CONFLUENT, ()),
    (WireFormat.SINGLE_OBJECT, b"\xc3\x02" + SINGLE_OBJECT[2:], ()),
]


@pytest.mark.parametrize(("wire_format", "value", "headers", "framed"), GOOD)
def test_a_frame_is_taken_apart(
    wire_format: WireFormat, value: bytes, headers: tuple[Header, ...], framed: Framed
) -> None:
    """Each format gives the schema's name and the body, byte for byte."""
    assert frame(value, headers, wire_format) == framed


@pytest.mark.parametrize(("wire_format", "value", "headers"), BAD)
def test_what_is_not_framed_as_said_is_undecodable(
    wire_format: WireFormat, value: bytes, headers: tuple[Header, ...]
) -> None:
    """Nothing is guessed: another framing, or half of one, is the record's fault."""
    with pytest.raises(Unreadable) as caught:
        frame(value, headers, wire_format)
    assert caught.value.reason is DeadLetterReason.UNDECODABLE


@given(st.integers(0, 2**31 - 1), st.uuids(), st.binary(max_size=20))
def test_confluent_kafka_writes_what_is_read_here(schema_id: int, guid: UUID, body: bytes) -> None:
    """The frames of confluent-kafka's own serialisers, in the value and in a header, are understood."""
    schema = SchemaId("AVRO", schema_id, str(guid))
    written: list[tuple[str, str | bytes | None]] = []
    context = SerializationContext("topic", MessageField.VALUE, written)
    prefixed = prefix_schema_id_serializer(body, context, schema)
    assert frame(prefixed, (), WireFormat.CONFLUENT) == ById(schema_id, body)
    untouched = header_schema_id_serializer(body, context, schema)
    headers = [(name, content) for name, content in written if isinstance(content, bytes)]
    assert frame(untouched, headers, WireFormat.CONFLUENT_HEADER) == ByGuid(str(guid), body)


@given(
    st.sampled_from(WireFormat),
    st.binary(max_size=24),
    st.lists(
        st.tuples(st.sampled_from([SCHEMA_HEADER, "x"]), st.none() | st.binary(max_size=18)), max_size=2
    ),
)
def test_any_bytes_are_framed_or_undecodable(
    wire_format: WireFormat, value: bytes, headers: list[Header]
) -> None:
    """No value and no header raises anything but Unreadable, and a body is always the end of the value."""
    with suppress(Unreadable):
        assert value.endswith(frame(value, headers, wire_format).body)
