"""JSON as people write it becomes the Avro bytes that a producer would send."""

import base64
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.core.avro.from_json import encode, parse, words
from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.leaves import NotFitting
from consumer.core.avro.mapped import MappedCodec
from tests.support.avro import canonical
from tests.support.avro import encode as fastavro_encode

CODEC = MappedCodec()


def record(kind: object, **more: object) -> WriterSchema:
    """Return a schema of one field ``x`` of a type."""
    fields = [{"name": "x", "type": kind, **more}]
    return WriterSchema(json.dumps({"type": "record", "name": "n.R", "fields": fields}))


def through(kind: object, written: str) -> object:
    """Return what is decoded of the field ``x``, written as JSON."""
    decoded = CODEC.decode(record(kind), encode(record(kind), parse(f'{{"x": {written}}}'))).value
    assert isinstance(decoded, dict)
    return decoded["x"]


def logical(kind: str, logical_type: str, **more: object) -> object:
    """Return a logical type."""
    return {"type": kind, "logicalType": logical_type, **more}


MOMENT = datetime(2026, 3, 1, 12, 30, 0, 123_000, tzinfo=UTC)
STAMP = '"2026-03-01T12:30:00.123Z"'
A = {"type": "record", "name": "A", "fields": [{"name": "v", "type": "int"}]}
B = {"type": "record", "name": "B", "fields": [{"name": "v", "type": "int"}]}


def test_json_is_not_deeper_than_can_be_walked() -> None:
    """64 levels are more than anybody writes; brackets in a text are none."""
    assert parse("[" * 64 + "]" * 64)
    assert parse('["' + "[" * 1000 + '"]') == ["[" * 1000]
    assert parse(json.dumps([{}] * 100)) == [{}] * 100
    for levels in (65, 700, 100_000):
        with pytest.raises(NotFitting, match=r"more than 64 levels|no JSON"):
            parse('{"a":[' * levels + "]}" * levels)


def test_half_a_character_is_no_name_of_a_map() -> None:
    """It is told like one in a text, and is no crash."""
    with pytest.raises(NotFitting, match="no UTF-8 form"):
        encode(record({"type": "map", "values": "int"}), parse('{"x": {"\\ud800": 1}}'))


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        ("null", "null", None),
        ("boolean", "true", True),
        ("int", "-5", -5),
        ("long", "9223372036854775807", 2**63 - 1),
        ("double", "0.1", 0.1),
        ("float", "0.5", 0.5),
        ("string", '"aü"', "aü"),
        ("bytes", '"AP8="', b"\x00\xff"),
        ({"type": "fixed", "name": "F", "size": 2}, '"AP8="', b"\x00\xff"),
        ({"type": "enum", "name": "E", "symbols": ["P", "Q"]}, '"Q"', "Q"),
        ({"type": "array", "items": "int"}, "[1, 2]", [1, 2]),
        ({"type": "array", "items": "int"}, "[]", []),
        ({"type": "map", "values": "int"}, '{"a": 1}', {"a": 1}),
        (["null", "string"], "null", None),
        (["null", "string"], '"t"', "t"),
        (["null", "long", "double"], "1.5", 1.5),
        (["null", A], '{"v": 1}', {"v": 1}),
        ([A, B], '{"n.B": {"v": 1}}', ("n.B", {"v": 1})),
        (logical("bytes", "decimal", precision=9, scale=2), "249.90", Decimal("249.90")),
        (logical("bytes", "decimal", precision=9, scale=2), '"-1.5"', Decimal("-1.50")),
        (
            logical("fixed", "decimal", name="D", size=4, precision=9, scale=2),
            "128",
            Decimal("128.00"),
        ),
        (logical("long", "timestamp-millis"), STAMP, MOMENT),
        (logical("long", "timestamp-micros"), STAMP, MOMENT),
        (logical("long", "timestamp-micros"), '"2026-03-01T18:00:00.123+05:30"', MOMENT),
        (logical("long", "timestamp-millis"), "1772368200123", MOMENT),
        (logical("long", "timestamp-nanos"), STAMP, 1_772_368_200_123_000_000),
        (
            logical("long", "local-timestamp-millis"),
            '"2026-03-01T12:30:00.123"',
            MOMENT.replace(tzinfo=None),
        ),
        (logical("int", "date"), '"2026-03-01"', date(2026, 3, 1)),
        (logical("int", "time-millis"), '"12:30:00"', time(12, 30)),
        (logical("long", "time-micros"), '"12:30:00"', time(12, 30)),
        (logical("string", "uuid"), '"0a1b"', "0a1b"),
    ],
)
def test_every_type_is_written_as_the_page_says(kind: object, written: str, value: object) -> None:
    """What was written as JSON is what the service's own decoder reads."""
    assert through(kind, written) == value


def test_what_is_left_out_has_its_default_or_is_null() -> None:
    """Samples need to name only what matters."""
    schema = WriterSchema(
        json.dumps(
            {
                "type": "record",
                "name": "R",
                "fields": [
                    {"name": "a", "type": "bytes", "default": "\u00ff"},
                    {"name": "b", "type": ["null", "int"]},
                    {"name": "c", "type": "double", "default": 1.5},
                    {"name": "d", "type": ["string", "null"], "default": "x"},
                ],
            }
        )
    )
    assert CODEC.decode(schema, encode(schema, {})).value == {"a": b"\xff", "b": None, "c": 1.5, "d": "x"}


@pytest.mark.parametrize(
    ("kind", "written", "told"),
    [
        ("int", "2147483648", "x is a number of more than 32 bits"),
        ("int", '"canary"', "x is a text, not a whole number"),
        ("long", "1.5", "x is a number, not a whole number"),
        ("string", "1", "x is a number, not a text"),
        ("bytes", '"canary!"', "x is a text that is no base64"),
        ({"type": "enum", "name": "E", "symbols": ["P"]}, '"canary"', "x is no symbol of its enum"),
        (["null", "int"], '"canary"', "x is a text, not a whole number"),
        (["int", "boolean"], '"canary"', "x is a text, which fits none of its types"),
        (
            [A, B],
            '{"canary": 1}',
            'x has several records to choose from: write {"NAME": {...}}, NAME of n.A, n.B',
        ),
        ({"type": "array", "items": "int"}, '[1, "canary"]', "x[1] is a text, not a whole number"),
        (A, '{"v": 1, "canary": 2}', "x has 1 field(s) that the schema does not have"),
        (A, "{}", "x.v is missing, and the schema has no default for it"),
        (
            logical("bytes", "decimal", precision=9, scale=2),
            "1.005",
            "x is a number with more than 2 digits behind the point",
        ),
        (logical("bytes", "decimal", precision=9, scale=2), '"canary"', "x is a text that is no number"),
        (logical("long", "timestamp-millis"), '"canary"', "x is a text that is no timestamp-millis"),
        (
            logical("long", "timestamp-millis"),
            '"2026-03-01T12:30:00"',
            "x is a time that has no offset from UTC",
        ),
    ],
)
def test_what_does_not_fit_is_told_by_field_and_type(kind: object, written: str, told: str) -> None:
    """The field and the types are named; what stands there is not."""
    with pytest.raises(NotFitting) as raised:
        through(kind, written)
    assert str(raised.value) == told
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{canary",
        '{"x": NaN}',
        "[" * 100_000,
        '{"x": 1e9999999999999999999}',
        '{"x": 1e-9999999999999999999}',
        '{"x": ' + "9" * 5000 + "}",
    ],
)
def test_what_is_no_json_is_told_without_it(text: str) -> None:
    """Also a text that nests endlessly."""
    with pytest.raises(NotFitting) as raised:
        parse(text)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize("kind", ["float", "double"])
@pytest.mark.parametrize("written", ["1e400", "-1e400", "1e999999999999999999"])
def test_a_number_does_not_become_infinite(kind: str, written: str) -> None:
    """What was not written is not sent."""
    with pytest.raises(NotFitting, match="x is a number too large for its type"):
        through(kind, written)


@settings(max_examples=50)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12))
def test_decimals_arrive_to_the_last_digit(number: Decimal) -> None:
    """Money that is written down is the money that is decoded."""
    assert through(logical("bytes", "decimal", precision=30, scale=3), format(number, "f")) == number


@settings(max_examples=50)
@given(st.integers(-(10**15), 10**15))
def test_timestamps_arrive_to_the_microsecond(micros: int) -> None:
    """Whatever the sign: nothing goes through a float."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    assert through(logical("long", "timestamp-micros"), f'"{moment.isoformat()}"') == moment


@pytest.mark.parametrize(
    ("kind", "default", "value"),
    [
        ("bytes", "\u00ff\u0000", b"\xff\x00"),
        ({"type": "fixed", "name": "F", "size": 1}, "\u00ff", b"\xff"),
        (logical("bytes", "decimal", precision=9, scale=2), "\u0001\u0000", Decimal("2.56")),
        (logical("fixed", "uuid", name="U", size=16), "\u0000" * 16, "00000000-0000-0000-0000-000000000000"),
        ({"type": "array", "items": "bytes"}, ["\u00ff"], [b"\xff"]),
        ({"type": "map", "values": "bytes"}, {"k": "\u00ff"}, {"k": b"\xff"}),
        (["bytes", "null"], "\u00ff", b"\xff"),
        (["null", "bytes"], "\u00ff", b"\xff"),
        (["null", A, B], {"v": 1}, ("n.A", {"v": 1})),
        ({**A, "fields": [{"name": "v", "type": "bytes"}]}, {"v": "\u00ff"}, {"v": b"\xff"}),
        ({**A, "fields": [{"name": "v", "type": "int", "default": 7}]}, {}, {"v": 7}),
    ],
)
def test_defaults_are_written_as_schemas_write_them(kind: object, default: object, value: object) -> None:
    """At any depth: bytes are characters there and not base64, records of a union have no wrapper."""
    schema = record(kind, default=default)
    assert CODEC.decode(schema, encode(schema, {})).value == {"x": value}


@pytest.mark.parametrize(
    ("kind", "default", "told"),
    [
        ("bytes", "\u0100", "x has a default that stands for no bytes"),
        (["null", "bytes"], "\u0100", "x has a default that fits none of its types"),
        ({"type": "array", "items": "bytes"}, ["\u20ac"], r"x\[0\] has a default that stands for no bytes"),
        ({"type": "array", "items": "int"}, 5, "x is a number, not an array"),
        (A, {}, "x.v is missing, and the schema has no default for it"),
        ("double", float("nan"), "x is a number too large for its type"),
    ],
)
def test_defaults_that_are_none_are_told(kind: object, default: object, told: str) -> None:
    """A broken schema is no crash: the field is named."""
    with pytest.raises(NotFitting, match=f"^{told}$"):
        encode(record(kind, default=default), {})


@settings(max_examples=50)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_whatever_is_written_is_encoded_or_refused(value: object) -> None:
    """No other error ever."""
    schema = canonical()
    try:
        encode(schema, {"event_id": value, "attributes": {"a": value}, "items": value})
    except NotFitting:
        return
    raise AssertionError("fields without a default were missing")


def test_a_record_of_every_kind_is_as_fastavro_writes_it() -> None:
    """Two writers, the same bytes."""
    kind = {"type": "array", "items": {"type": "map", "values": ["null", "bytes", A, "long"]}}
    value = [{"a": None, "b": {"v": -3}, "c": 2**40}, {}]
    assert encode(record(kind), {"x": value}) == fastavro_encode(record(kind), {"x": value})
    content = {"x": [{"d": base64.b64encode(b"\x01").decode()}]}
    assert encode(record(kind), content) == fastavro_encode(record(kind), {"x": [{"d": b"\x01"}]})


def test_words_of_a_schema_are_its_fields_and_symbols() -> None:
    """Also of those within other types."""
    assert words(canonical()) > {"PAYMENT", "PRODUCT_GROUP", "payment_id", "minor_units", "group_id"}
