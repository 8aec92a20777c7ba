"""Schemas from outside: what is refused before fastavro sees it, and what is left of the rest."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.avro import inspection, schemas
from consumer.core.avro.inspection import WriterSchema, inspect
from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import DeadLetterReason


def record(*fields: object, name: str = "R") -> dict[str, Any]:
    """Return a record whose fields have these types."""
    named = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(fields)]
    return {"type": "record", "name": name, "fields": named}


def array(items: object) -> dict[str, Any]:
    """Return an array."""
    return {"type": "array", "items": items}


def nested(levels: int) -> object:
    """Return an int inside of ``levels`` - 1 arrays."""
    kind: object = "int"
    for _ in range(levels - 1):
        kind = array(kind)
    return kind


def doubling(levels: int) -> dict[str, Any]:
    """Return a schema in which each record holds the one below it twice: a few lines, 2^levels fields."""
    kind: object = record("null", name="R0")
    for level in range(1, levels):
        kind = record(kind, f"R{level - 1}", name=f"R{level}")
    assert isinstance(kind, dict)
    return kind


HOSTILE: list[tuple[str, object, str]] = [
    ("contains itself", record("R"), "contains itself"),
    ("contains itself in a union", record(["null", "R"]), "contains itself"),
    ("contains itself in an array", record(array("R")), "contains itself"),
    ("contains itself by its full name", {**record("a.R"), "namespace": "a"}, "contains itself"),
    ("33 levels", nested(33), "deeper than 32"),
    ("33 levels by name", record(record(nested(30), name="D"), array("D")), "deeper than 32"),
    ("33 unions", ["null", nested(32)], "deeper than 32"),
    ("array of null", array("null"), "no bytes"),
    ("array of empty records", array(record()), "no bytes"),
    ("array of records of null", array(record("null", record("null", name="E"))), "no bytes"),
    ("map of null", {"type": "map", "values": "null"}, "no bytes"),
    ("501 fields", record(*["int"] * 501), "more than 500 fields"),
    ("501 fields in two records", record(record(*["int"] * 300, name="A"), *["int"] * 200), "500 fields"),
    ("a billion fields out of 30", doubling(30), "unfolds to more than 5000"),
    ("2001 branches", record(["null"] * 1500, ["null"] * 501), "more than 2000 branches"),
    ("a fixed type of no size", {"type": "fixed", "name": "F", "size": 0}, "fixed"),
    ("a fixed type of negative size", {"type": "fixed", "name": "F", "size": -1}, "fixed"),
    ("a fixed type of a gigabyte", {"type": "fixed", "name": "F", "size": 2**30}, "fixed"),
    ("a fixed type of size true", {"type": "fixed", "name": "F", "size": True}, "fixed"),
    ("fastavro's marker", {"__fastavro_parsed": True, "__named_schemas": {}, "name": "R"}, "no name"),
    ("a type of its own", {"type": "error", "name": "R", "fields": []}, "Avro does not have"),
    ("an object as a type", {"type": {"type": "int"}}, "no name"),
    ("an unknown name", record("Money"), "does not define"),
    ("a type twice", record(record("int", name="A"), record("int", name="A")), "twice"),
    (
        "a field twice",
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}] * 2},
        "two fields",
    ),
    ("a field without name", {"type": "record", "name": "R", "fields": [{"type": "int"}]}, "without a name"),
    ("a field without type", {"type": "record", "name": "R", "fields": [{"name": "a"}]}, "without a type"),
    ("a field that is a name", {"type": "record", "name": "R", "fields": ["a"]}, "without a name"),
    ("a record without fields", {"type": "record", "name": "R"}, "without a list of fields"),
    ("a record without name", {"type": "record", "fields": []}, "without a name"),
    ("a record with a number for a name", {"type": "record", "name": 7, "fields": []}, "without a name"),
    ("an array without items", {"type": "array"}, "neither a name"),
    ("an enum without symbols", {"type": "enum", "name": "E"}, "without a list of symbols"),
    ("an enum of numbers", {"type": "enum", "name": "E", "symbols": [1]}, "without a list of symbols"),
    ("an empty union", [], "empty"),
    ("a union in a union", ["null", ["int"]], "holds a union"),
    ("a number", 7, "neither a name"),
    ("nothing", None, "neither a name"),
]


@pytest.mark.parametrize(("schema", "why"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_a_hostile_schema_is_refused(schema: object, why: str) -> None:
    """What could crash, hang or blow up the process never reaches fastavro, and the text says why."""
    with pytest.raises(Unreadable, match=why) as caught:
        inspect(WriterSchema(json.dumps(schema)))
    assert caught.value.reason is DeadLetterReason.UNDECODABLE


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\ufeff1", "9" * 5000])
def test_what_is_no_json_is_refused(text: str) -> None:
    """Also JSON that would exhaust the stack or the number parser is an ordinary refusal."""
    with pytest.raises(Unreadable, match="the schema"):
        inspect(WriterSchema(text))


def test_a_schema_is_refused_for_the_size_of_all_its_documents() -> None:
    """256 kB are the bound for a schema together with what it refers to."""
    half = json.dumps(record("int", name="A") | {"doc": "x" * (inspection.MAX_SCHEMA_BYTES // 2)})
    assert inspect(WriterSchema(half)).name == "A"
    with pytest.raises(Unreadable, match="larger than 256 kB"):
        inspect(WriterSchema(half, (half.replace('"A"', '"B"'),)))


@pytest.mark.parametrize(
    "schema", [nested(32), record(*["int"] * 500), doubling(11), array(record("null", "boolean"))]
)
def test_the_bounds_leave_room(schema: object) -> None:
    """A schema right at a bound is taken."""
    assert inspect(WriterSchema(json.dumps(schema))).max_bytes > 0


def test_only_what_decoding_needs_is_left() -> None:
    """Documentation, defaults, aliases and properties are gone; names are full; logical types stay."""
    schema = {
        "type": "record", "name": "R", "namespace": "a.b", "doc": "d", "aliases": ["S"], "x": {"y": 1},
        "fields": [
            {"name": "t", "type": {"type": "long", "logicalType": "date", "p": 1}, "doc": "d", "default": 0},
            {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A"], "default": "A"}},
            {"name": "u", "type": ["null", "E", {"type": "fixed", "name": "c.F", "size": 3}], "order": "x"},
        ],
    }  # fmt: skip
    inspected = inspect(WriterSchema(json.dumps(schema)))
    assert inspected.name == "a.b.R"
    assert inspected.documents == (
        {
            "type": "record",
            "name": "a.b.R",
            "fields": [
                {"name": "t", "type": {"type": "long", "logicalType": "date"}},
                {"name": "e", "type": {"type": "enum", "name": "a.b.E", "symbols": ["A"]}},
                {"name": "u", "type": ["null", "a.b.E", {"type": "fixed", "name": "c.F", "size": 3}]},
            ],
        },
    )


def test_a_schema_may_use_what_it_refers_to() -> None:
    """Types of referenced documents, also those nested in them, are known by name; order matters."""
    inner = json.dumps(record({"type": "enum", "name": "E", "symbols": ["A"]}, name="A"))
    outer = json.dumps(record("A", "E", name="B"))
    assert inspect(WriterSchema(outer, (inner,))).name == "B"
    with pytest.raises(Unreadable, match="does not define"):
        inspect(WriterSchema(inner, (outer,)))


@pytest.mark.parametrize("schema", ["int", ["null", "int"], array("int"), {"type": "string"}])
def test_a_schema_that_is_no_record_has_no_name(schema: object) -> None:
    """Only a record can be the canonical record."""
    assert inspect(WriterSchema(json.dumps(schema))).name is None


def test_a_canonical_message_may_hold_a_thousand_lines() -> None:
    """The bound on the bundled schema is far above what an order comes to."""
    line_of_an_order = 40
    assert inspect(WriterSchema(schemas.payment_event())).max_bytes > 1000 * line_of_an_order


JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["int", "record", "enum", "fixed", "array", "map", "string", "R", "a.R", "null", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "name", "fields", "items", "values", "symbols", "size", "namespace"]),
            inner,
        )
    ),
)


@given(JSONS)
def test_any_json_is_taken_or_refused(schema: object) -> None:
    """No document raises anything but Unreadable."""
    with suppress(Unreadable):
        assert len(inspect(WriterSchema(json.dumps(schema))).documents) == 1
