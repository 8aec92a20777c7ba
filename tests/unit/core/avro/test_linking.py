"""Schemas over several files: what one names and another defines is found, in bounds."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumer.core.avro.codec import fingerprint
from consumer.core.avro.from_json import encode
from consumer.core.avro.inspection import MAX_REFERENCE_LEVELS, MAX_REFERENCES, WriterSchema, inspect
from consumer.core.avro.linking import Shelf
from consumer.core.avro.mapped import MappedCodec
from consumer.core.errors import Unreadable


def record(name: str, namespace: str | None = "shop", **fields: object) -> str:
    """Return a schema file."""
    listed = [{"name": field, "type": kind} for field, kind in fields.items()]
    own = {} if namespace is None else {"namespace": namespace}
    return json.dumps({"type": "record", "name": name, **own, "fields": listed})


MONEY: Final = record("Money", minor="long", currency="string")
LINE: Final = record("Line", sku="string", price=["null", "Money"])
ORDER: Final = record("Order", total="shop.Money", lines={"type": "array", "items": "Line"}, tax="Money")
SHELF: Final = Shelf([ORDER, LINE, MONEY])


def test_what_a_file_needs_stands_before_it() -> None:
    """Each file once, behind those that it needs itself; a file that needs none is as it was."""
    assert SHELF.link(ORDER) == WriterSchema(ORDER, (MONEY, LINE))
    assert SHELF.link(LINE) == WriterSchema(LINE, (MONEY,))
    assert SHELF.link(MONEY) == WriterSchema(MONEY)
    assert inspect(SHELF.link(ORDER)).name == "shop.Order"
    assert SHELF.helpers() == {LINE, MONEY}


def test_records_of_several_files_are_decoded() -> None:
    """As if the schema were in one piece."""
    value = {"total": {"minor": 5, "currency": "INR"}, "lines": [{"sku": "tea", "price": None}]}
    value["tax"] = value["total"]
    linked = SHELF.link(ORDER)
    assert MappedCodec().decode(linked, encode(linked, value)).value == value


def written(text: str, parts: Mapping[str, str]) -> str:
    """Return a schema with definitions in place of the texts that name them."""
    for name, definition in parts.items():
        text = text.replace(json.dumps(name), definition, 1)
    return text


def test_the_fingerprint_is_that_of_the_schema_in_one_piece() -> None:
    """A producer has no files: its schema defines each type where it is used first."""
    whole = written(ORDER, {"shop.Money": MONEY, "Line": LINE})
    assert inspect(WriterSchema(whole)).documents[-1] != inspect(SHELF.link(ORDER)).documents[-1]
    assert fingerprint(SHELF.link(ORDER)) == fingerprint(WriterSchema(whole))
    kinds = json.dumps(["null", "shop.Line", "shop.Order"])
    both = written(kinds, {"shop.Line": written(LINE, {"Money": MONEY}), "shop.Order": ORDER})
    assert fingerprint(SHELF.link(kinds)) == fingerprint(WriterSchema(both))


def test_names_are_those_of_their_namespace() -> None:
    """Money in another namespace is another type."""
    other = record("Money", "bank", units="long")
    shelf = Shelf([other, MONEY])
    assert shelf.link(LINE).references == (MONEY,)
    assert shelf.link(record("A", "bank", m="Money")).references == (other,)
    assert shelf.link(record("A", None, m="Money")).references == ()
    assert shelf.link(record("A", None, m="bank.Money")).references == (other,)


def test_types_within_the_files_of_others_are_found() -> None:
    """A file may define what is in it."""
    holder = record("Holder", state={"type": "enum", "name": "State", "symbols": ["A"]})
    assert Shelf([holder]).link(record("A", s="State", h="Holder")).references == (holder,)


@pytest.mark.parametrize(
    ("text", "shelf", "told"),
    [
        (record("A", b="Gone"), [MONEY], "names a type that it does not define"),
        (record("A", b="B"), [record("B", a="A")], "names a type that it does not define"),
        (
            record("A", b="B"),
            [record("B", c="C"), record("C", b="B")],
            "names a type that it does not define",
        ),
        (record("A", b="B"), [record("B", b="B")], "contains itself"),
        (record("A", m="B", n=json.loads(MONEY)), [record("B", m=json.loads(MONEY))], "defines a type twice"),
        ("{", [MONEY], "is no JSON"),
        ("[" * 100_000, [MONEY], "is no JSON"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_the_inspection(
    text: str, shelf: list[str], told: str
) -> None:
    """Nothing loops, and nothing is guessed."""
    with pytest.raises(Unreadable, match=told):
        inspect(Shelf([text, *shelf]).link(text))


@pytest.mark.parametrize("shelf", [["", "{", "5", '{"type": "record", "name": 5}', "[" * 100_000]])
def test_files_that_are_no_schemas_have_no_types(shelf: list[str]) -> None:
    """They are refused where they are named."""
    assert Shelf(shelf).link(LINE) == WriterSchema(LINE)
    assert Shelf(shelf).helpers() == frozenset()


CENTS: Final = record("Money", minor="int", currency="string")


@pytest.mark.parametrize("shelf", [[MONEY, CENTS], [CENTS, MONEY], [CENTS, LINE, MONEY]])
def test_a_type_that_is_defined_in_two_ways_is_refused(shelf: list[str]) -> None:
    """The order of files must not decide what an amount is; whoever does not need it goes on."""
    with pytest.raises(Unreadable, match=r"needs 'shop\.Money', which two files define differently"):
        Shelf(shelf).link(LINE)
    with pytest.raises(Unreadable, match=r"'shop\.Money', which (a and b|b and a) define differently"):
        Shelf(shelf, {MONEY: "a", CENTS: "b", LINE: "c"}).link(LINE)
    assert Shelf(shelf).link(CENTS) == WriterSchema(CENTS)
    assert Shelf(shelf).link(record("A", x="int")).references == ()
    assert Shelf(shelf).helpers([LINE]) == {MONEY, CENTS}


def test_a_need_of_what_is_needed_is_looked_at_too() -> None:
    """And true is not 1."""
    one, true = (record("Money", minor={"type": "long", "x": x}, currency="string") for x in (1, True))
    with pytest.raises(Unreadable, match="define differently"):
        Shelf([LINE, one, true]).link(record("A", line="Line"))


def test_a_type_that_is_defined_twice_alike_is_fine() -> None:
    """Whatever the order of keys, the spaces, and how its name is written."""
    loaded = json.loads(MONEY)
    spaced = json.dumps(dict(reversed(loaded.items())), indent=2)
    del loaded["namespace"]
    full = json.dumps(loaded | {"name": "shop.Money"})
    within = record("Holder", money=loaded)
    for other in (spaced, full, within):
        assert Shelf([MONEY, other]).link(LINE) == WriterSchema(LINE, (MONEY,))


WORDS: Final = st.sampled_from(
    ["type", "name", "namespace", "fields", "items", "values", "record", "enum", "fixed", "null", "A", "a.B"]
)
TREES: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=20,
)


@given(texts=st.lists(TREES.map(json.dumps), max_size=4), text=TREES.map(json.dumps))
@example([], '{"type": {"type": ["null", "string"]}}')
@example([], '{"type": ["null", "string"], "name": "A"}')
@example([], '{"type": "record", "name": "A", "namespace": {"x": []}, "fields": [{"type": "B"}]}')
@example([], '{"type": "record", "name": "A", "fields": [{"type": {"type": ["null", "string"]}}]}')
def test_any_json_is_linked_or_refused(texts: list[str], text: str) -> None:
    """No file ends a command as a bug: what is no schema is refused by who reads it."""
    shelf = Shelf(texts)
    assert shelf.helpers([text]) <= set(texts)
    with suppress(Unreadable):
        assert set(shelf.link(text).references) <= set(texts)


def test_how_much_a_file_may_need_is_bounded() -> None:
    """In number, and in a row."""
    many = [record(f"R{n}", x="int") for n in range(MAX_REFERENCES + 1)]
    wide = record("A", **{f"f{n}": f"R{n}" for n in range(MAX_REFERENCES)})
    assert len(Shelf(many).link(wide).references) == MAX_REFERENCES
    with pytest.raises(Unreadable, match="refers to too many others"):
        Shelf(many).link(record("A", **{f"f{n}": f"R{n}" for n in range(MAX_REFERENCES + 1)}))
    row = [record(f"R{n}", x=f"R{n + 1}") for n in range(MAX_REFERENCE_LEVELS)]
    row.append(record(f"R{MAX_REFERENCE_LEVELS}", x="int"))
    assert len(Shelf(row).link(row[0]).references) == MAX_REFERENCE_LEVELS
    with pytest.raises(Unreadable, match="refers to too many others"):
        Shelf(row).link(record("A", x="R0"))
