"""Paths: what they are written like, and where they lead."""

from datetime import UTC, datetime
from typing import Final

import pytest

from consumer.core.meaning.mapping import MappedEvent
from consumer.core.meaning.mapping.paths import BadPath, compile_path, parse_path
from consumer.core.meaning.mapping.scope import Scope

RECORD: Final = {
    "a": {"b": {"c": 1}, "none": None},
    "list": [
        {"k": "x", "v": 1},
        {"k": "y", "v": 2},
        {"k": "y", "v": 3},
        {"k": 7, "v": 4},
        {"k": True, "v": 5},
    ],
    "rows": [[1, 2], [3]],
    "map": {"a.b": 1, 'say "x"': 2, "": 3},
    "union": ("shop.Refund", {"id": 9}),
    "unions": [("shop.A", {"id": 1}), ("shop.B", {"id": 2})],
    "text": "abc",
}
EVENT: Final = MappedEvent(
    RECORD, "shop.Order", b"key", (("h", b"1"), ("x.y", None), ("h", b"2")), "topic", 3, 7, 1_000
)

LEADS: Final = [
    ("a", RECORD["a"]),
    ("a.b.c", 1),
    ("a.b.d", None),
    ("a.none.x", None),
    ("text.x", None),
    ("a[0]", None),
    ("list[0].v", 1),
    ("list[-1].v", 5),
    ("list[5].v", None),
    ("list[-6].v", None),
    ("rows[0][1]", 2),
    ("list[k=y].v", 2),
    ("list[k=7].v", 4),
    ("list[k=true].v", 5),
    ("list[k=z].v", None),
    ("text[k=z].v", None),
    ('map."a.b"', 1),
    (r'map."say \"x\""', 2),
    ("union.id", 9),
    ("union.$name", "shop.Refund"),
    ("a.$name", None),
    ("unions[1].id", 2),
    ("unions[1].$name", "shop.B"),
    ("unions[id=2].$name", "shop.B"),
    ("$key", b"key"),
    ("$headers.h", b"2"),
    ('$headers."x.y"', None),
    ("$headers.none", None),
    ("$topic", "topic"),
    ("$partition", 3),
    ("$offset", 7),
    ("$timestamp", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
    ("$name", "shop.Order"),
    ("$envelope.a.b.c", None),
]


@pytest.mark.parametrize(("text", "value"), LEADS)
def test_a_path_leads_where_it_says(text: str, value: object) -> None:
    """A missing step is null; records in unions are seen through."""
    assert compile_path(parse_path(text))(RECORD, Scope(EVENT, EVENT.name)) == value


@pytest.mark.parametrize("record", [None, 1, "text", b"bytes", [1], ("name",), ("name", 1), (), {}])
@pytest.mark.parametrize("text", ["a", "a.b", "a[0]", "a[k=v].x", "$name", "x.$name", "[0]"])
def test_no_path_raises_whatever_the_record_is(record: object, text: str) -> None:
    """A step into what is no record is null."""
    compile_path(parse_path(text))(record, Scope(EVENT, EVENT.name))


WRONG: Final = [
    "",
    ".",
    "a.",
    ".a",
    "a..b",
    "a[",
    "a[x]",
    "a[0",
    "a b",
    'a."b',
    "$key.x",
    "$headers",
    "$headers.a.b",
    "$topic[0]",
    "$nme",
    "$",
    "a.$name.b",
    "a[k=]",
    "a[=v]",
    "a]",
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_path_is_refused(text: str) -> None:
    """A slip of the pen is found at the start and not with the first event."""
    with pytest.raises(BadPath):
        parse_path(text)


def test_places_are_no_part_of_what_a_path_is() -> None:
    """Two ways to write one path are equal, so that shared ids are found."""
    assert parse_path('a."b"') == parse_path("a.b")
    assert parse_path("a.b") != parse_path("a.c")
