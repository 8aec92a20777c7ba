"""Records inside of others: Debezium's envelope and Avro bytes."""

from decimal import InvalidOperation
from typing import Final

import pytest

from consumer.core.avro.inspection import WriterSchema
from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import DeadLetterReason, Reject
from consumer.core.meaning.mapping import Source, compile_mapping, mapping_files, read_mapping
from consumer.core.meaning.mapping.compiling import OpenSchema
from consumer.core.meaning.mapping.converters import DecodeNested
from consumer.core.settings.documents import Node, read
from consumer.core.settings.documents import Source as Place
from tests.support.mappings import POLICY, event, source, told

DEBEZIUM: Final = source(
    "sources: [{topics: [t], unwrap: debezium, routes: ["
    "{name: a, when: {path: $name, eq: db.Row}, action: skip},"
    " {name: b, when: {path: id, eq: {path: $envelope.source.id}}, action: remove,"
    " set: {payment_id: {path: id}}}]}]"
)


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ({"op": "c", "after": {"id": "p"}, "source": {"id": "p"}}, {"remove": {"payment_id": "p"}}),
        ({"op": "r", "after": {"id": "p"}, "source": {"id": "p"}}, {"remove": {"payment_id": "p"}}),
        ({"op": "u", "after": ("db.Row", {"id": "p"})}, {"skip": "a"}),
        ({"op": "d", "after": None}, {"skip": "tombstone"}),
        ({"op": "d", "after": {"id": "p"}, "source": {"id": "p"}}, {"skip": "tombstone"}),
        ({"op": "t", "after": None}, {"skip": "tombstone"}),
        ({"id": "p"}, {"reject": "mapping", "detail": "unwrap: debezium: the record has no op and after"}),
        (5, {"reject": "mapping", "detail": "unwrap: debezium: the record has no op and after"}),
        (
            {"op": "c", "after": 5},
            {"reject": "mapping", "detail": "unwrap: debezium: after is an integer, not a record"},
        ),
    ],
)
def test_the_row_of_an_envelope_is_the_event(value: object, becomes: object) -> None:
    """Deletes are skipped; what is no envelope is told as such."""
    assert told(DEBEZIUM.interpret(event(value), POLICY)) == becomes


def decoder(schema: WriterSchema) -> DecodeNested:
    """Return a stand-in for Avro: the schema is the record's name, the bytes are its id."""
    if not schema.text:
        raise Unreadable(DeadLetterReason.UNDECODABLE, "the schema is no JSON")

    def decode(body: bytes) -> tuple[str, object]:
        if body == b"bad":
            raise Unreadable(DeadLetterReason.UNDECODABLE, "the value ends too early")
        return schema.text, {"id": body.decode()}

    return decode


def parsed(text: str) -> Node:
    """Return the tree of a YAML text."""
    root = read(text, Place("mapping.yaml", 1)).root
    assert root is not None
    return root


FILES: Final = {"paid.avsc": WriterSchema("shop.Paid"), "back.avsc": WriterSchema("shop.Back")}
OPEN: Final[OpenSchema] = decoder
BY_TYPE: Final = """\
sources:
  - topics: [t]
    unwrap: {avro_bytes: {path: payload, type_path: type, schemas: {paid: paid.avsc, back: back.avsc}}}
    routes:
      - {name: a, when: {path: $name, eq: shop.Paid}, action: skip}
      - {name: b, action: remove, set: {payment_id: {template: "{id}-{$envelope.type}"}}}
"""


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ({"type": "paid", "payload": b"p"}, {"skip": "a"}),
        ({"type": "back", "payload": b"p"}, {"remove": {"payment_id": "p-back"}}),
        ({"type": "new", "payload": b"p"}, {"skip": "no_route"}),
        ({"type": "new"}, {"skip": "no_route"}),
        (
            {"type": "back", "payload": b"bad"},
            {"reject": "undecodable", "detail": "payload: the value ends too early"},
        ),
        ({"type": "back"}, {"reject": "mapping", "detail": "unwrap: avro_bytes: payload is null, not bytes"}),
        (
            {"type": 5},
            {"reject": "mapping", "detail": "unwrap: avro_bytes: type_path is an integer, not a text"},
        ),
    ],
)
def test_bytes_are_decoded_by_their_type(value: object, becomes: object) -> None:
    """The type says which schema; an unknown one is an event that no route takes."""
    result = compile_mapping(read_mapping(parsed(BY_TYPE)), FILES, OPEN)
    assert result.mapping is not None
    (mapped,) = result.mapping.sources
    intent = mapped.interpret(event(value), POLICY)
    assert told(intent) == becomes
    assert mapped.explain(event(value), POLICY).intent == intent


def test_bytes_inside_of_a_record_are_a_converter() -> None:
    """``avro`` gives a record, and a path goes on in it."""
    text = (
        "sources: [{topics: [t], routes: [{name: b, action: remove,"
        " set: {payment_id: {path: payload, as: [{avro: back.avsc}, {path: id}]}}}]}]"
    )
    result = compile_mapping(read_mapping(parsed(text)), FILES, OPEN)
    assert result.mapping is not None
    (mapped,) = result.mapping.sources
    assert told(mapped.interpret(event({"payload": b"p"}), POLICY)) == {"remove": {"payment_id": "p"}}
    assert told(mapped.interpret(event({"payload": b"bad"}), POLICY)) == {
        "reject": "mapping",
        "detail": "route b: payment_id: payload is bytes that do not fit the schema",
    }


def test_files_are_named_once_and_missed_where_they_are_named() -> None:
    """The edge reads what is named; what could not be read, or is no schema, is told with its line."""
    root = read_mapping(parsed(BY_TYPE))
    assert [file for file, _ in mapping_files(root)] == ["paid.avsc", "back.avsc"]
    assert {node.source.line for _, node in mapping_files(root)} == {3}
    missing = compile_mapping(root, {"paid.avsc": WriterSchema("shop.Paid")}, OPEN)
    assert [str(each.mistake()) for each in missing.findings] == [
        (
            "sources (mapping.yaml:3): names a schema file that is not there; "
            "name a file with one Avro schema in JSON"
        )
    ]
    broken = compile_mapping(root, FILES | {"back.avsc": WriterSchema("")}, OPEN)
    assert "is of no use: the schema is no JSON" in str(broken.findings[0].mistake())


UNFORESEEN: Final = {
    "unwrap": (
        "unwrap: {avro_bytes: {path: x, schema: f.avsc}}, routes: [{name: a, action: skip}]",
        "unwrap: a value could not be computed",
    ),
    "a field": (
        "routes: [{name: a, action: remove, set: {payment_id: {path: x, as: [{avro: f.avsc}, {path: id}]}}}]",
        "route a: a value could not be computed",
    ),
    "a predicate": (
        "routes: [{name: a, when: {path: x, as: [{avro: f.avsc}, {path: id}], eq: b}, action: skip}]",
        "route a: a value could not be computed",
    ),
}


def breaking(text: str, error: type[Exception]) -> Source:
    """Return a source whose nested bytes raise what no decoder should."""

    def decode(_: bytes) -> tuple[str, object]:
        raise error("canary")

    tree = parsed(f"sources: [{{topics: [t], {text}}}]")
    result = compile_mapping(read_mapping(tree), {"f.avsc": WriterSchema("f")}, lambda _: decode)
    assert result.mapping is not None, result.findings
    return result.mapping.sources[0]


@pytest.mark.parametrize(("text", "detail"), UNFORESEEN.values(), ids=UNFORESEEN.keys())
@pytest.mark.parametrize("error", [InvalidOperation, OverflowError, RecursionError, ValueError])
def test_what_nobody_foresaw_is_a_mapping_error(text: str, detail: str, error: type[Exception]) -> None:
    """A value that breaks a computation is a dead letter; raised, it would hold up its partition for ever."""
    mapped = breaking(text, error)
    intent = mapped.interpret(event({"x": b"1"}), POLICY)
    assert isinstance(intent, Reject)
    assert intent.reason is DeadLetterReason.MAPPING
    assert intent.detail.startswith(f"{detail} ({error.__name__})")
    assert "canary" not in intent.detail
    assert mapped.explain(event({"x": b"1"}), POLICY).intent == intent


def test_a_mistake_in_the_code_is_raised() -> None:
    """What no value can cause is not hidden among the dead letters."""
    mapped = breaking(UNFORESEEN["a field"][0], TypeError)
    with pytest.raises(TypeError):
        mapped.interpret(event({"x": b"1"}), POLICY)
