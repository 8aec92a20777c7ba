"""The codec: canonical records of any version are read as today's schema sees them; the rest is refused."""

import io
import json
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from fastavro import parse_schema, schemaless_reader
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.core.avro import schemas
from consumer.core.avro.codec import Codec, SchemaLibrary, fingerprint
from consumer.core.avro.inspection import WriterSchema, inspect
from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import DeadLetterReason
from tests.support.avro import Draft, add, canonical, encode, field, text, varint
from tests.support.events import ANY_EVENT, Event, line, money, payment_event

TODAY = canonical()
CODEC = Codec(schemas.payment_event())

#: ``SALE`` as bytes, written down by the specification: field for field, in the schema's order.
SALE = payment_event(
    user_id="u-7", order_id="o-1", items=[line("SKU-1", 2, money(24_950))], attributes={"plan": "gold"}
)
SALE_BYTES = b"".join(
    [
        text("evt-1"),
        b"\x02",  # kind: PAYMENT, the second symbol
        b"\x06",  # status: COMPLETED, the fourth
        text("pay-1"),
        b"\x00",  # attempt_id: null, the first branch
        b"\x02" + text("u-7"),  # user_id: the second branch
        varint(49_900) + text("INR") + b"\x00",  # amount
        b"\x00",  # original_amount
        b"\x00",  # cumulative_refunded
        b"\x02",  # category: DEFAULT, the second symbol
        varint(1_772_368_200_000_000),  # occurred_at: 2026-03-01T12:30Z in microseconds
        b"\x02" + text("o-1"),  # order_id
        b"\x02" + text("SKU-1") + b"\x00" + varint(2) + b"\x02" + varint(24_950) + text("INR") + b"\x00",
        b"\x00",  # end of items
        b"\x00",  # content_type: PRODUCT
        b"\x02" + text("plan") + b"\x08" + text("gold") + b"\x00",  # attributes: one entry, the fifth branch
    ]
)


@contextmanager
def undecodable(why: str = ".") -> Iterator[None]:
    """Expect Unreadable for the reason ``undecodable``, with a text that has ``why`` in it and no data."""
    with pytest.raises(Unreadable, match=why) as caught:
        yield
    assert caught.value.reason is DeadLetterReason.UNDECODABLE
    assert caught.value.__context__ is None, "an exception that can hold data hangs on it"


# -------------------------------------------------------------------------------------- what is read


def test_bytes_of_the_specification_are_read() -> None:
    """A record put together by hand decodes to its event, down to the microsecond."""
    assert CODEC.decode(TODAY, SALE_BYTES) == SALE


@given(ANY_EVENT)
def test_what_fastavro_writes_is_read(event: Event) -> None:
    """Any event that the schema lets through comes back equal."""
    assert repr(CODEC.decode(TODAY, encode(TODAY, event))) == repr(event)


def test_blocks_with_a_size_are_read() -> None:
    """Writers may give an array in several blocks, each with its size in bytes: a negative count."""
    one = text("A") + b"\x00" + varint(1) + b"\x00"
    blocks = varint(-1) + varint(len(one)) + one + varint(1) + one + b"\x00"
    head, tail = SALE_BYTES.split(b"\x02" + text("SKU-1"))
    body = head + blocks + tail[-len(b"\x00\x02" + text("plan") + b"\x08" + text("gold") + b"\x00") :]
    assert CODEC.decode(TODAY, body) == SALE | {"items": [line("A"), line("A")]}


def without(*names: str) -> Callable[[Draft], None]:
    """Return a change that takes fields away, as an older version has it."""

    def change(draft: Draft) -> None:
        draft["fields"] = [entry for entry in draft["fields"] if entry["name"] not in names]

    return change


def test_an_older_record_gets_defaults() -> None:
    """Fields that the writer did not have get the default that the schema gives them."""
    older = canonical(without("attempt_id", "category", "items", "content_type", "attributes"))
    assert CODEC.decode(older, encode(older, SALE)) == SALE | {"items": [], "attributes": {}}


def test_a_newer_record_loses_what_is_not_known() -> None:
    """Fields of any type that the reader does not know are left out, wherever they stand."""

    def change(draft: Draft) -> None:
        fee = {
            "type": "record",
            "name": "Fee",
            "fields": [{"name": "rates", "type": {"type": "array", "items": "double"}}],
        }
        draft["fields"].insert(0, {"name": "fee", "type": ["null", fee]})
        field(draft, "amount")["type"]["fields"].insert(1, {"name": "exact", "type": "boolean"})
        add("sums", {"type": "map", "values": "Money"})(draft)

    newer = canonical(change)
    value = json.loads(json.dumps(SALE, default=str)) | {"occurred_at": SALE["occurred_at"]}
    value["amount"]["exact"] = value["items"][0]["unit_price"]["exact"] = True
    value |= {"fee": {"rates": [0.5, 1.5]}, "sums": {"a": value["amount"]}}
    assert CODEC.decode(newer, encode(newer, value)) == SALE


def test_a_symbol_that_is_not_known_becomes_the_default() -> None:
    """A newer producer's kind, status or category is UNKNOWN here, which is skipped and counted."""

    def change(draft: Draft) -> None:
        for name in ("kind", "status", "category"):
            field(draft, name)["type"]["symbols"].append("NEWER")

    newer = canonical(change)
    event = SALE | {"kind": "NEWER", "status": "NEWER", "category": "NEWER"}
    unknown = {"kind": "UNKNOWN", "status": "UNKNOWN", "category": "UNKNOWN"}
    assert CODEC.decode(newer, encode(newer, event)) == SALE | unknown


def retype(name: str, kind: object, inside: str | None = None) -> Callable[[Draft], object]:
    """Return a change that gives the field ``name`` (of the record in field ``inside``) another type."""
    return lambda draft: field(field(draft, inside)["type"] if inside else draft, name).update(type=kind)


MEANT_THE_SAME = [
    ("a plain long for the time", retype("occurred_at", "long"), {"occurred_at": 1_772_368_200_000_000}),
    ("an id with the type uuid", retype("payment_id", {"type": "string", "logicalType": "uuid"}), {}),
    ("somebody's own type", retype("event_id", {"type": "string", "logicalType": "personal-data"}), {}),
    ("an int for the amount", retype("minor_units", "int", "amount"), {}),
    ("bytes for a text", retype("payment_id", "bytes"), {"payment_id": b"pay-1"}),
    ("a union where one is optional", retype("payment_id", ["null", "string"]), {}),
]


@pytest.mark.parametrize(
    ("change", "written"), [row[1:] for row in MEANT_THE_SAME], ids=[row[0] for row in MEANT_THE_SAME]
)
def test_types_that_mean_the_same_are_read_the_same(
    change: Callable[[Draft], object], written: Event
) -> None:
    """What is decoded has the types of the canonical schema, however the writer put it."""
    writer = canonical(change)
    sale = payment_event(payment_id="6cfb2d3c-5a9b-4b0c-8a53-a2d0a2b0c0de") if "uuid" in writer.text else SALE
    assert CODEC.decode(writer, encode(writer, sale | written)) == sale


# ------------------------------------------------------------------------------------ what is refused

DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 4}
DATE = {"type": "int", "logicalType": "date"}
MILLISECONDS = {"type": "long", "logicalType": "timestamp-millis"}

WRONG_SCHEMAS: list[tuple[str, Callable[[Draft], object], str]] = [
    ("another record", lambda draft: draft.update(name="PaymentMade"), "not of the record revenue.v1"),
    ("another namespace", lambda draft: draft.update(namespace="revenue.v2"), "not of the record revenue.v1"),
    ("milliseconds", retype("occurred_at", MILLISECONDS), "timestamp-millis"),
    ("a decimal as the id", retype("payment_id", DECIMAL), "decimal"),
    ("a date as the amount", retype("minor_units", DATE, "amount"), "date"),
    ("no payment_id", without("payment_id"), "PaymentEvent has no field payment_id"),
    (
        "an amount without currency",
        lambda draft: field(draft, "amount")["type"]["fields"].pop(1),
        "Money has no field currency",
    ),
    (
        "a symbol with a space",
        lambda draft: field(draft, "kind")["type"]["symbols"].append("a b"),
        "no valid Avro",
    ),
]


@pytest.mark.parametrize(
    ("change", "why"), [row[1:] for row in WRONG_SCHEMAS], ids=[row[0] for row in WRONG_SCHEMAS]
)
def test_a_schema_that_does_not_fit_is_refused(change: Callable[[Draft], object], why: str) -> None:
    """A canonical topic carries the canonical record and nothing that only looks like it."""
    with undecodable(why):
        CODEC.examine(canonical(change))
    with undecodable(why):
        CODEC.decode(canonical(change), SALE_BYTES)


def test_a_user_erasure_is_no_payment() -> None:
    """The bundled schema of another record does not turn payments' topics into something else."""
    erasure = WriterSchema(schemas.user_erasure())
    with undecodable("not of the record"):
        CODEC.decode(erasure, encode(erasure, {"event_id": "e", "user_id": "u", "requested_at": 0}))


GOLD, NO_BRANCH = b"\x08" + text("gold"), b"\x0a" + text("gold")
KIND, NO_SYMBOL = text("evt-1") + b"\x02", text("evt-1") + b"\x0e"

WRONG_BYTES = [
    ("nothing", b"", "ends too early"),
    ("a byte more", SALE_BYTES + b"\x00", "left over"),
    ("a second event", SALE_BYTES * 2, "left over"),
    ("a text that is not UTF-8", SALE_BYTES.replace(b"pay-1", b"pay\xff\xfe"), "not UTF-8"),
    ("a branch that is not there", SALE_BYTES.replace(GOLD, NO_BRANCH), "branch"),
    ("a symbol that is not there", SALE_BYTES.replace(KIND, NO_SYMBOL), "symbol"),
    ("the year 300 000", SALE_BYTES.replace(varint(1_772_368_200_000_000), varint(2**63 - 1)), "years"),
    ("a text longer than the value", varint(2**62) + b"evt", "ends too early"),
    ("a text of negative length", varint(-1) + b"evt", "ends too early"),
    ("a number without end", b"\xff" * 100, "."),
    ("larger than is safe", SALE_BYTES + bytes(256 * 1024), "larger than the"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "why"), [row[1:] for row in WRONG_BYTES], ids=[row[0] for row in WRONG_BYTES]
)
def test_bytes_that_do_not_fit_are_refused(body: bytes, why: str) -> None:
    """Every byte is used and every byte fits, or the record is undecodable."""
    with undecodable(why):
        CODEC.decode(TODAY, body)


def test_a_mismatch_in_the_value_is_refused() -> None:
    """A union that could hold something else is fine until it does."""
    writer = canonical(retype("payment_id", ["string", "long"]))
    assert CODEC.decode(writer, encode(writer, SALE)) == SALE
    with undecodable("another type|of a type"):
        CODEC.decode(writer, encode(writer, SALE | {"payment_id": 7}))


@pytest.mark.parametrize("writer", [TODAY, canonical(add("new", "double"))], ids=["today", "newer"])
def test_no_truncated_record_is_read(writer: WriterSchema) -> None:
    """A record that lacks its last bytes is refused, also where the missing ones would be skipped."""
    whole = SALE_BYTES if writer is TODAY else SALE_BYTES + bytes(8)
    assert CODEC.decode(writer, whole) == SALE
    for length in range(len(whole)):
        with undecodable():
            CODEC.decode(writer, whole[:length])


VARIANTS = [
    TODAY,
    canonical(without("attributes")),
    canonical(
        add("new", ["null", {"type": "array", "items": "boolean"}, {"type": "map", "values": "bytes"}])
    ),
]
FUZZ = settings(deadline=timedelta(seconds=2), max_examples=150)


@FUZZ
@given(st.sampled_from(VARIANTS), st.binary(max_size=300))
def test_random_bytes_raise_nothing_else(writer: WriterSchema, body: bytes) -> None:
    """Any bytes decode or are Unreadable."""
    with suppress(Unreadable):
        CODEC.decode(writer, body)


@FUZZ
@given(st.sampled_from(VARIANTS), st.lists(st.integers(0, 8 * len(SALE_BYTES) - 1), min_size=1, max_size=6))
def test_flipped_bits_raise_nothing_else(writer: WriterSchema, bits: list[int]) -> None:
    """Valid records with flipped bits decode to something or are Unreadable."""
    body = bytearray(encode(writer, SALE | {"new": None}))
    for bit in bits:
        body[bit // 8 % len(body)] ^= 1 << bit % 8
    with suppress(Unreadable):
        CODEC.decode(writer, bytes(body))


def test_a_text_never_holds_data() -> None:
    """What is said about a broken record says nothing of what is in it."""
    secret = "secret-of-a-user"
    whole = encode(TODAY, payment_event(user_id=secret, payment_id=secret, attributes={secret: secret}))
    for seed in range(300):
        chance = random.Random(seed)
        body = bytearray(whole)
        body[chance.randrange(len(body))] = chance.randrange(256)
        try:
            CODEC.decode(
                TODAY, bytes(body[: chance.randrange(len(body))]) if seed % 2 else bytes(body) + b"!"
            )
        except Unreadable as unreadable:
            told = f"{unreadable}{unreadable!r}{unreadable.detail}{unreadable.__context__!r}"
            assert "secret" not in told


# --------------------------------------------------------------------------------------------- bombs

KINDS = [
    "boolean", "int", "long", "float", "double", "string", "bytes", ["null", "int"],
    {"type": "fixed", "name": "F", "size": 1}, {"type": "enum", "name": "E", "symbols": ["A"]},
    {"type": "array", "items": "boolean"}, {"type": "map", "values": "float"},
    {"type": "record", "name": "R", "fields": [{"name": "a", "type": "float"}]},
]  # fmt: skip


@pytest.mark.parametrize("container", ["array", "map"])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_count_without_items_ends_at_once(kind: object, container: str) -> None:
    """A block that promises 2⁶² items is refused when the bytes end, also in a field that is skipped."""
    content = {"array": "items", "map": "values"}[container]
    writer = canonical(add("new", {"type": container, content: kind}))
    began = time.process_time()
    for count in (
        varint(2**62),
        varint(-(2**62)) + varint(1),
        varint(2**63 - 1),
        varint(-(2**63)) + varint(1),
    ):
        with undecodable():
            CODEC.decode(writer, SALE_BYTES + count + bytes(4))
    assert time.process_time() - began < 0.5


def zeros(schema: WriterSchema) -> bytes:
    """Return the largest array that is safe, of items that are zeros."""
    return varint(10**9) + bytes(inspect(schema).max_bytes - 5)


WIDE = {
    "type": "record",
    "name": "W",
    "fields": [{"name": "b", "type": "boolean"}]
    + [{"name": f"n{number}", "type": "null"} for number in range(400)],
}


def deep(levels: int) -> object:
    """Return a boolean inside of ``levels`` records."""
    kind: object = "boolean"
    for level in range(levels):
        kind = {"type": "record", "name": f"D{level}", "fields": [{"name": "x", "type": kind}]}
    return kind


BOMBS = [
    ("wide records", WIDE),
    ("deep records", deep(28)),
    ("unions with a wide record", ["boolean", WIDE]),
    ("optional texts", ["string", "null"]),
    ("arrays of nothing", {"type": "array", "items": "int"}),
    ("maps of nothing", {"type": "map", "values": "int"}),
    ("numbers", "double"),
    ("small records", deep(1)),
]


@pytest.mark.parametrize("kind", [row[1] for row in BOMBS], ids=[row[0] for row in BOMBS])
def test_the_largest_message_stays_within_bounds(kind: object) -> None:
    """Whatever a byte can be made to stand for, a message of the allowed size takes no 64 MiB, no second."""
    schema = WriterSchema(json.dumps({"type": "array", "items": kind}))
    parsed, body = parse_schema(inspect(schema).documents[0]), zeros(schema)
    assert peak(lambda: schemaless_reader(_stream(body), parsed, None)) < 64
    began = time.process_time()
    with suppress(EOFError):
        schemaless_reader(_stream(body), parsed, None)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("writer", VARIANTS, ids=["today", "older", "newer"])
def test_the_largest_order_stays_within_bounds(writer: WriterSchema) -> None:
    """Also as many empty lines as a canonical record can hold take no 64 MiB and no second."""
    room = inspect(writer).max_bytes - 200
    lines = payment_event(items=[line("", 0)] * (room // 4)) | {"new": None}
    body = encode(writer, lines)
    began = time.process_time()
    event = CODEC.decode(writer, body)
    assert time.process_time() - began < 1
    assert event["items"] == lines["items"]
    assert peak(lambda: CODEC.decode(writer, body)) < 64


def test_many_attributes_stay_within_bounds() -> None:
    """So do as many different attributes as fit."""
    entries = {chr(0x100 + number): 1000 + number for number in range(7000)}
    body = encode(TODAY, payment_event(attributes=entries))
    assert len(body) < inspect(TODAY).max_bytes
    assert peak(lambda: CODEC.decode(TODAY, body)) < 64


def test_a_hostile_schema_is_read_once() -> None:
    """A record that names a refused schema costs next to nothing the second time."""
    hostile = WriterSchema("[" * 200_000)
    with undecodable():
        CODEC.decode(hostile, b"")
    began = time.process_time()
    for _ in range(1000):
        with undecodable():
            CODEC.decode(hostile, b"")
    assert time.process_time() - began < 1


def _stream(body: bytes) -> io.BytesIO:
    return io.BytesIO(body)


def peak(action: Callable[[], object]) -> float:
    """Return the most memory, in MiB, that ``action`` held at once; it may run out of bytes."""
    tracemalloc.start()
    try:
        with suppress(EOFError):
            action()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


# -------------------------------------------------------------------------------------- fingerprints

KNOWN = [
    # From Apache Avro's share/test/data/schema-tests.txt, where they are signed decimals.
    ('"null"', 0x63DD24E7CC258F8A),
    ('"int"', 0x7275D51A3F395C8F),
    ('{"type": "int"}', 0x7275D51A3F395C8F),
]


@pytest.mark.parametrize(("schema", "crc"), KNOWN)
def test_fingerprints_are_those_of_the_specification(schema: str, crc: int) -> None:
    """CRC-64-AVRO of the canonical form, in the order of the wire."""
    assert fingerprint(WriterSchema(schema)) == crc.to_bytes(8, "little")


def test_a_fingerprint_is_of_the_canonical_form() -> None:
    """Documentation, defaults and spaces change nothing; a field does."""
    bare = canonical(lambda draft: draft["fields"][0].pop("doc"))
    assert fingerprint(bare) == fingerprint(TODAY)
    assert fingerprint(canonical(add("new", "int"))) != fingerprint(TODAY)


def test_the_library_knows_by_fingerprint() -> None:
    """A schema is found by its fingerprint; one that nobody knows is an unknown schema."""
    other = canonical(add("new", "int"))
    library = SchemaLibrary([TODAY, other])
    assert library.find(fingerprint(other)) == other
    with pytest.raises(Unreadable, match="0102030405060708") as caught:
        library.find(bytes(range(1, 9)))
    assert caught.value.reason is DeadLetterReason.UNKNOWN_SCHEMA
