"""The mapped codec: any schema's values come out as their writer meant them, exactly, or not at all."""

import json
import math
import struct
import time as clock
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal, localcontext
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.logical import MAX_DECIMAL_BYTES
from consumer.core.avro.mapped import MAX_REPEATED_SYMBOLS, Budget, Decoded, MappedCodec
from consumer.core.avro.weights import MESSAGE_BUDGET
from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import DeadLetterReason
from tests.support.avro import encode, text, varint

CODEC = MappedCodec()


def schema(kind: object, *references: object) -> WriterSchema:
    """Return ``kind`` as the text of a schema."""
    return WriterSchema(json.dumps(kind), tuple(map(json.dumps, references)))


def record(name: str, /, **fields: object) -> dict[str, Any]:
    """Return a record with these fields."""
    return {
        "type": "record",
        "name": name,
        "fields": [{"name": field, "type": kind} for field, kind in fields.items()],
    }


def logical(kind: str, name: str, **more: object) -> dict[str, Any]:
    """Return a logical type."""
    return {"type": kind, "logicalType": name, **more}


def fixed(size: int, **more: object) -> dict[str, Any]:
    """Return a fixed type."""
    return {"type": "fixed", "name": "F", "size": size, **more}


def bytes_of(content: bytes) -> bytes:
    """Return Avro bytes."""
    return varint(len(content)) + content


def read(kind: object, body: bytes) -> object:
    """Return the value of a field of this type."""
    decoded = CODEC.decode(schema(record("a.R", it=kind)), body)
    assert decoded.name == "a.R"
    assert isinstance(decoded.value, dict)
    return decoded.value["it"]


def undecodable(action: Callable[[], object]) -> str:
    """Expect that ``action`` raises Unreadable with nothing hanging on it; return the text."""
    with pytest.raises(Unreadable) as caught:
        action()
    assert caught.value.reason is DeadLetterReason.UNDECODABLE
    assert caught.value.__context__ is None, "an exception that can hold data hangs on it"
    return caught.value.detail


# ------------------------------------------------------------------------------------- logical types

MOMENT = datetime(2026, 3, 1, 12, 30, 0, 123_456, tzinfo=UTC)
MICROS = 1_772_368_200_123_456
NEW_ID = UUID("6cfb2d3c-5a9b-4b0c-8a53-a2d0a2b0c0de")

READ = [
    (
        "milliseconds",
        logical("long", "timestamp-millis"),
        varint(MICROS // 1000),
        MOMENT.replace(microsecond=123_000),
    ),
    ("microseconds", logical("long", "timestamp-micros"), varint(MICROS), MOMENT),
    (
        "before the epoch",
        logical("long", "timestamp-micros"),
        varint(-1),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ),
    (
        "the last moment",
        logical("long", "timestamp-micros"),
        varint(253_402_300_799_999_999),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ),
    ("nanoseconds", logical("long", "timestamp-nanos"), varint(MICROS * 1000 + 789), MICROS * 1000 + 789),
    (
        "local milliseconds",
        logical("long", "local-timestamp-millis"),
        varint(MICROS // 1000),
        MOMENT.replace(microsecond=123_000, tzinfo=None),
    ),
    (
        "local microseconds",
        logical("long", "local-timestamp-micros"),
        varint(MICROS),
        MOMENT.replace(tzinfo=None),
    ),
    ("local nanoseconds", logical("long", "local-timestamp-nanos"), varint(7), 7),
    ("a date", logical("int", "date"), varint(20_513), date(2026, 3, 1)),
    ("the first date", logical("int", "date"), varint(-719_162), date(1, 1, 1)),
    ("a time in ms", logical("int", "time-millis"), varint(86_399_999), time(23, 59, 59, 999_000)),
    ("a time in µs", logical("long", "time-micros"), varint(45_000_000_001), time(12, 30, 0, 1)),
    ("a uuid as text", logical("string", "uuid"), text("6CFB2D3C-5A9B"), "6CFB2D3C-5A9B"),
    ("a uuid as bytes", fixed(16, logicalType="uuid"), NEW_ID.bytes, str(NEW_ID)),
    ("a uuid of another size", fixed(2, logicalType="uuid"), b"ab", b"ab"),
    ("a duration", fixed(12, logicalType="duration"), bytes(12), bytes(12)),
    ("a decimal", logical("bytes", "decimal", precision=9, scale=2), bytes_of(b"\x04\xd2"), Decimal("12.34")),
    (
        "a negative decimal",
        logical("bytes", "decimal", precision=9, scale=3),
        bytes_of(b"\xff"),
        Decimal("-0.001"),
    ),
    ("a decimal without scale", logical("bytes", "decimal", precision=9), bytes_of(b"\x7f"), Decimal(127)),
    (
        "a decimal in a fixed type",
        fixed(3, logicalType="decimal", precision=6, scale=2),
        b"\x00\x04\xd2",
        Decimal("12.34"),
    ),
    (
        "more digits than it has",
        logical("bytes", "decimal", precision=2, scale=2),
        bytes_of(b"\x04\xd2"),
        Decimal("12.34"),
    ),
    ("a decimal that is none", logical("bytes", "decimal", precision=2, scale=3), bytes_of(b"\x01"), b"\x01"),
    ("a decimal without precision", logical("bytes", "decimal"), bytes_of(b"\x01"), b"\x01"),
    (
        "a decimal of a negative scale",
        logical("bytes", "decimal", precision=9, scale=-1),
        bytes_of(b"\x01"),
        b"\x01",
    ),
    (
        "a decimal of scale true",
        logical("bytes", "decimal", precision=9, scale=True),
        bytes_of(b"\x01"),
        b"\x01",
    ),
    ("a decimal on a text", logical("string", "decimal", precision=9), text("1.5"), "1.5"),
    (
        "a big decimal",
        logical("bytes", "big-decimal"),
        bytes_of(bytes_of(b"\x04\xd2") + varint(2)),
        Decimal("12.34"),
    ),
    (
        "a big decimal of tens",
        logical("bytes", "big-decimal"),
        bytes_of(bytes_of(b"\x07") + varint(-2)),
        Decimal("7E+2"),
    ),
    ("somebody's own type", logical("string", "secret", x=1), text("x"), "x"),
    ("our own name for a type", logical("bytes", "exact:decimal"), bytes_of(b"\x01"), b"\x01"),
    ("a date on a long", logical("long", "date"), varint(7), 7),
    ("a type that is no text", logical("long", 7), varint(7), 7),  # type: ignore[arg-type]  # as a schema may have it
]


@pytest.mark.parametrize(("kind", "body", "value"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_a_value_is_what_its_logical_type_means(kind: object, body: bytes, value: object) -> None:
    """Every logical type of the specification is read exactly, wherever it stands; others are plain."""
    found = read(kind, body)
    assert (found, type(found)) == (value, type(value))
    assert repr(found) == repr(value)
    assert read({"type": "array", "items": kind}, varint(1) + body + b"\x00") == [value]
    entry = text("k") + varint(1) + body
    assert read({"type": "map", "values": ["null", kind]}, varint(1) + entry + b"\x00") == {"k": value}


FLOATS = [
    (19.99, "19.99"),
    (0.1, "0.1"),
    (-2.675, "-2.675"),
    (1234.56, "1234.56"),
    (131072.02, "131072.02"),
    (16_777_216.0, "16777216.0"),
    (1e-45, "1.4013e-45"),
    (3.4028234663852886e38, "3.4028235e+38"),
    (-0.0, "-0.0"),
    (math.inf, "inf"),
    (math.nan, "nan"),
]


@pytest.mark.parametrize(("number", "shown"), FLOATS, ids=[shown for _, shown in FLOATS])
def test_a_float_shows_the_digits_that_were_written(number: float, shown: str) -> None:
    """Not those of the double nearest to its 32 bits, wherever it stands and whatever it calls itself."""
    body = struct.pack("<f", number)
    kinds: list[object] = ["float", {"type": "float"}, logical("float", "money"), logical("float", "decimal")]
    for kind in kinds:
        assert repr(read(kind, body)) == shown
        assert repr(CODEC.decode(schema(kind), body).value) == shown
        assert repr(read({"type": "array", "items": kind}, varint(1) + body + b"\x00")) == f"[{shown}]"
    entry = text("k") + varint(1) + body
    assert repr(read({"type": "map", "values": ["null", "float"]}, varint(1) + entry + b"\x00")) == (
        f"{{'k': {shown}}}"
    )
    beside = ["null", "float", record("b.R"), record("b.S")]
    assert repr(read(beside, varint(1) + body)) == shown
    assert CODEC.decode(schema("float"), body).name == "float"


@given(st.floats(width=32, allow_nan=False))
def test_a_float_stays_the_float_that_it_is(number: float) -> None:
    """What is shown packs to the bytes that were read, with no more digits than need be."""
    body = struct.pack("<f", number)
    found = read("float", body)
    assert isinstance(found, float)
    assert struct.pack("<f", found) == body
    fewest = next(
        shown for digits in range(6, 10) if struct.pack("<f", shown := float(f"{number:.{digits}g}")) == body
    )
    assert found == fewest


def test_a_double_keeps_its_digits() -> None:
    """Only floats of 32 bits have digits that nobody wrote."""
    assert read("double", struct.pack("<d", 19.989999771118164)) == 19.989999771118164


@given(st.integers(-(10**38) + 1, 10**38 - 1), st.integers(0, 38))
def test_thirty_eight_digits_are_exact(unscaled: int, scale: int) -> None:
    """A decimal keeps each digit, whatever the thread's own precision is, as bytes and as a fixed type."""
    content = unscaled.to_bytes(17, signed=True)
    with localcontext(prec=3):
        as_bytes = read(logical("bytes", "decimal", precision=38, scale=scale), bytes_of(content))
        as_fixed = read(fixed(17, logicalType="decimal", precision=38, scale=scale), content)
    digits = tuple(map(int, str(abs(unscaled))))
    assert as_bytes == as_fixed == Decimal((int(unscaled < 0), digits, -scale))
    assert isinstance(as_bytes, Decimal)
    assert as_bytes.as_tuple().exponent == -scale


def test_a_scale_of_one_decimal_does_not_reach_the_next() -> None:
    """Decimals of different precision stand beside one another in one record, in any order."""
    small = logical("bytes", "decimal", precision=2, scale=1)
    large = logical("bytes", "decimal", precision=38, scale=9)
    kind = record("R", a=small, b=large, c=small)
    body = bytes_of(b"\x0f") + bytes_of((10**37 + 1).to_bytes(16)) + bytes_of(b"\xf1")
    value = CODEC.decode(schema(kind), body).value
    assert value == {
        "a": Decimal("1.5"),
        "b": Decimal("10000000000000000000000000000.000000001"),
        "c": Decimal("-1.5"),
    }


WRONG = [
    ("the year 300 000", logical("long", "timestamp-micros"), varint(2**63 - 1), "years"),
    ("far before Christ", logical("long", "timestamp-millis"), varint(-(2**63)), "years"),
    (
        "a local time in the year 10 000",
        logical("long", "local-timestamp-millis"),
        varint(253_402_300_800_000),
        "years",
    ),
    ("a date too late", logical("int", "date"), varint(2**31 - 1), "years"),
    ("a date too early", logical("int", "date"), varint(-719_163), "years"),
    ("a number that is no int", logical("int", "date"), varint(2**62), "years"),
    ("a time below zero", logical("int", "time-millis"), varint(-1), "outside of a day"),
    ("a time at midnight's end", logical("int", "time-millis"), varint(86_400_000), "outside of a day"),
    ("a time of a week", logical("long", "time-micros"), varint(2**60), "outside of a day"),
    ("a decimal of nothing", logical("bytes", "decimal", precision=9), bytes_of(b""), "no bytes"),
    (
        "a decimal of a kilobyte",
        logical("bytes", "decimal", precision=9),
        bytes_of(b"\x01" * 1000),
        "larger than 64",
    ),
    ("a big decimal of nothing", logical("bytes", "big-decimal"), bytes_of(b""), "ends too early"),
    ("a big decimal without digits", logical("bytes", "big-decimal"), bytes_of(b"\x00\x00"), "no bytes"),
    (
        "a big decimal without scale",
        logical("bytes", "big-decimal"),
        bytes_of(bytes_of(b"\x07")),
        "not laid out",
    ),
    (
        "a big decimal with more",
        logical("bytes", "big-decimal"),
        bytes_of(bytes_of(b"\x07") + b"\x00\x00"),
        "not laid out",
    ),
    (
        "a big decimal of negative size",
        logical("bytes", "big-decimal"),
        bytes_of(varint(-1) + b"\x00\x00"),
        "not laid out",
    ),
    (
        "a big decimal of 2³¹ zeros",
        logical("bytes", "big-decimal"),
        bytes_of(bytes_of(b"\x07") + varint(-(2**31))),
        "not laid out",
    ),
    (
        "a big decimal of endless size",
        logical("bytes", "big-decimal"),
        bytes_of(b"\xff" * 12),
        "ends too early",
    ),
]


@pytest.mark.parametrize(("kind", "body", "why"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_a_logical_type_can_not_be_is_refused(kind: object, body: bytes, why: str) -> None:
    """A value outside of its type is never bent into it."""
    assert why in undecodable(lambda: read(kind, body))


# ----------------------------------------------------------------------------- records, unions, names

PAID, REFUNDED = record("shop.Paid", x="int"), record("shop.Refunded", x="int")
STATE = {"type": "enum", "name": "shop.State", "symbols": ["A", "B"]}
HASH = {"type": "fixed", "name": "shop.Hash", "size": 2}


def test_records_in_a_union_are_told_apart() -> None:
    """Two records with the same fields come with their names; where there is but one, it comes bare."""
    kind = record(
        "shop.Event",
        either=["null", PAID, REFUNDED],
        other=["null", "shop.Refunded", "shop.Paid"],
        one=["null", "shop.Paid"],
        many={"type": "array", "items": ["shop.Paid", "shop.Refunded"]},
    )
    body = varint(2) + varint(7) + varint(2) + varint(8) + varint(1) + varint(9)
    body += varint(2) + varint(0) + varint(1) + varint(1) + varint(2) + b"\x00"
    assert CODEC.decode(schema(kind), body) == Decoded(
        "shop.Event",
        {
            "either": ("shop.Refunded", {"x": 7}),
            "other": ("shop.Paid", {"x": 8}),
            "one": {"x": 9},
            "many": [("shop.Paid", {"x": 1}), ("shop.Refunded", {"x": 2})],
        },
    )


def test_an_enum_named_in_a_union_stays_a_symbol() -> None:
    """Enums and fixed types that a union names are no records, beside records or not."""
    kind = record(
        "shop.Event",
        state=STATE,
        hash=HASH,
        paid=PAID,
        refunded=["null", REFUNDED, "shop.Paid"],
        a=["null", "shop.State"],
        b=["null", "shop.State", "shop.Hash"],
        c=["null", "shop.Paid", "shop.State", "shop.Hash"],
        d=["shop.Paid", "shop.Refunded", "shop.State", "shop.Hash"],
        e=["shop.Paid", "shop.Refunded", "shop.State", "shop.Hash"],
        f=["null", record("shop.Alone", x="int"), "shop.State"],
    )
    body = varint(1) + b"ab" + varint(5) + varint(0)
    body += varint(1) + varint(0)
    body += varint(2) + b"cd"
    body += varint(1) + varint(3)
    body += varint(2) + varint(1)
    body += varint(1) + varint(4)
    body += varint(1) + varint(6)
    assert CODEC.decode(schema(kind), body).value == {
        "state": "B",
        "hash": b"ab",
        "paid": {"x": 5},
        "refunded": None,
        "a": "A",
        "b": b"cd",
        "c": {"x": 3},
        "d": "B",
        "e": ("shop.Refunded", {"x": 4}),
        "f": {"x": 6},
    }


def test_large_enums_in_many_unions_are_refused() -> None:
    """Telling records apart repeats enums; a schema can't make that much."""
    large = STATE | {"symbols": [f"S{number}" for number in range(MAX_REPEATED_SYMBOLS // 10 + 1)]}
    unions = {f"u{number}": ["null", PAID, "shop.State"] for number in range(1)}
    more = {f"v{number}": ["null", "shop.Paid", "shop.State"] for number in range(10)}
    kind = record("R", state=large, **unions, **more)
    assert "too many unions" in undecodable(lambda: CODEC.examine(schema(kind)))


def test_a_value_that_is_a_union_names_what_it_is() -> None:
    """A topic with several kinds of event, as one union of them: each has its own name and fields."""
    kind = schema([PAID, "string", "shop.Later", REFUNDED], record("shop.Later", x="int"))
    assert CODEC.decode(kind, varint(0) + varint(7)) == Decoded("shop.Paid", {"x": 7})
    assert CODEC.decode(kind, varint(1) + text("x")) == Decoded("string", "x")
    assert CODEC.decode(kind, varint(2) + varint(8)) == Decoded("shop.Later", {"x": 8})
    assert CODEC.decode(kind, varint(3) + varint(9)) == Decoded("shop.Refunded", {"x": 9})
    for body in (varint(4), varint(-1) + varint(7), varint(2**62)):
        assert "branch" in undecodable(lambda body=body: CODEC.decode(kind, body))  # type: ignore[misc]
    assert "too early" in undecodable(lambda: CODEC.decode(kind, b""))


WHOLE = [
    (schema("string"), text("x"), ("string", "x")),
    (schema("null"), b"", ("null", None)),
    (
        schema({"type": "long", "logicalType": "timestamp-micros"}),
        varint(0),
        ("long", datetime(1970, 1, 1, tzinfo=UTC)),
    ),
    (schema({"type": "array", "items": "int"}), varint(1) + varint(7) + b"\x00", ("array", [7])),
    (
        schema({"type": "map", "values": PAID}),
        varint(1) + text("value") + varint(7) + b"\x00",
        ("map", {"value": {"x": 7}}),
    ),
    (schema(STATE), varint(1), ("shop.State", "B")),
    (schema(record("R", value="int")), varint(7), ("R", {"value": 7})),
    (schema("shop.Paid", PAID), varint(7), ("shop.Paid", {"x": 7})),
    (
        schema(record("R", paid="shop.Paid", on="shop.Day"), PAID, fixed(2) | {"name": "shop.Day"}),
        varint(7) + b"ab",
        ("R", {"paid": {"x": 7}, "on": b"ab"}),
    ),
]


@pytest.mark.parametrize(("writer", "body", "expected"), WHOLE, ids=[row[0].text for row in WHOLE])
def test_any_type_may_be_the_whole(writer: WriterSchema, body: bytes, expected: tuple[str, object]) -> None:
    """A value need not be a record, and a schema may only name what another defines."""
    assert CODEC.decode(writer, body) == Decoded(*expected)


def test_old_and_new_writers_side_by_side() -> None:
    """Each record is read as its own writer wrote it: fields come and go, and change their type."""
    old, new = schema(record("R", amount="int")), schema(record("R", amount="string", tax="double"))
    for _ in range(2):
        assert CODEC.decode(old, varint(7)).value == {"amount": 7}
        assert CODEC.decode(new, text("7.0") + bytes(8)).value == {"amount": "7.0", "tax": 0.0}


def test_every_byte_is_used() -> None:
    """Bytes that are left over, or lack, are refused: they tell a wrong schema."""
    writer = schema(record("R", a="int", b="boolean", c="double", d=fixed(4), e="string"))
    whole = encode(writer, {"a": 1, "b": True, "c": 1.5, "d": b"abcd", "e": "xyz"})
    assert CODEC.decode(writer, whole).value == {"a": 1, "b": True, "c": 1.5, "d": b"abcd", "e": "xyz"}
    assert "left over" in undecodable(lambda: CODEC.decode(writer, whole + b"\x00"))
    for length in range(len(whole)):
        undecodable(lambda length=length: CODEC.decode(writer, whole[:length]))  # type: ignore[misc]


# --------------------------------------------------------------------------------------------- nested

INNER = schema(record("in.Paid", amount=logical("bytes", "decimal", precision=9, scale=2)))


def test_avro_within_avro() -> None:
    """Bytes within a value are read like a record, and cost what they cost."""
    budget = Budget()
    assert CODEC.decode_nested(INNER, bytes_of(b"\x04\xd2"), budget) == Decoded(
        "in.Paid",
        {"amount": Decimal("12.34")},
    )
    assert 0 < MESSAGE_BUDGET - budget.left < 10_000
    assert "left over" in undecodable(lambda: CODEC.decode_nested(INNER, b"\x02\x01\x00", Budget()))


def test_many_small_bombs_are_one_large() -> None:
    """What is nested in one record shares one budget, also where each piece is small."""
    wide = schema(
        {"type": "array", "items": record("W", b="boolean", **{f"n{n}": "null" for n in range(400)})}
    )
    piece = varint(10) + bytes(11)
    budget = Budget()
    CODEC.decode_nested(wide, piece, budget)
    cost = MESSAGE_BUDGET - budget.left
    for _ in range(MESSAGE_BUDGET // cost - 1):
        CODEC.decode_nested(wide, piece, budget)
    assert "together larger" in undecodable(lambda: CODEC.decode_nested(wide, piece, budget))
    assert 10 * 400 * 40 < cost < MESSAGE_BUDGET // 10


# --------------------------------------------------------------------------------------------- bombs


def test_a_number_without_end_costs_nothing() -> None:
    """A decimal of the largest message is refused before it is worked out: that takes seconds."""
    kind = logical("bytes", "decimal", precision=9)
    began = clock.process_time()
    undecodable(lambda: read(kind, bytes_of(b"\x7f" * 200_000)))
    undecodable(lambda: read(fixed(60_000, logicalType="decimal", precision=9), b"\x7f" * 60_000))
    assert clock.process_time() - began < 0.2
    assert isinstance(read(kind, bytes_of(b"\x7f" + b"\xff" * (MAX_DECIMAL_BYTES - 1))), Decimal)
    assert read(kind, bytes_of(bytes(1_000) + b"\x07")) == Decimal(7), "leading zeros are no digits"


def test_a_hostile_schema_is_refused_and_kept() -> None:
    """The same schemas are refused as for canonical records, and a refusal is not worked out again."""
    hostile = schema(record("R", again=["null", "R"]))
    for _ in range(2):
        assert "contains itself" in undecodable(lambda: CODEC.decode(hostile, b"\x00"))
    assert "no valid Avro" in undecodable(lambda: CODEC.examine(schema(STATE | {"symbols": ["a b"]})))
    assert "larger than the" in undecodable(lambda: CODEC.decode(schema("bytes"), bytes(300_000)))
