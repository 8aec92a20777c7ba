"""What may be shown of a record: types and lengths, and words that nobody's data is."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from consumer.core.meaning.intents import Item, PaymentType
from consumer.core.meaning.mapping.language import Attributes, Expression, First, Name, Path, Read, Root
from consumer.core.meaning.mapping.values import Minor
from consumer.core.meaning.masks import Mask, words_of
from consumer.core.meaning.money import Money
from consumer.core.settings.documents import Source

NOWHERE = Source("m.yaml", 1)
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "masked", "revealed"),
    [
        (None, None, None),
        ("user-7", "<text, 6 characters>", "user-7"),
        ("", "<text, 0 characters>", ""),
        (49_900, "<integer>", 49_900),
        (True, "<boolean>", True),
        (0.5, "<double>", 0.5),
        (Decimal("4.20"), "<decimal>", Decimal("4.20")),
        (b"\x00\xff", "<bytes, 2>", "AP8="),
        (NOW, "<timestamp>", "2026-03-01T12:30:00+00:00"),
        (date(2026, 3, 1), "<date>", "2026-03-01"),
        (Money(Decimal("4.20"), "INR"), "<decimal> INR", "4.20 INR"),
        (Minor(420), "<integer> minor units", "420 minor units"),
        (PaymentType.ONE_TIME, "ONE_TIME", "ONE_TIME"),
        ("COMPLETED", "COMPLETED", "COMPLETED"),
        ([1, "x"], ["<integer>", "<text, 1 character>"], [1, "x"]),
        ({"amount": 1}, {"amount": "<integer>"}, {"amount": 1}),
        ({"a@b.c": 1}, {"<name 1, 5 characters>": "<integer>"}, {"a@b.c": 1}),
        (("n.R", {"id": "x"}), {"n.R": {"id": "<text, 1 character>"}}, {"n.R": {"id": "x"}}),
        (
            Item("SKU-1", 2, None, Money(Decimal(5), "INR")),
            {
                "id": "<text, 5 characters>",
                "quantity": "<integer>",
                "group_id": None,
                "unit_price": "<decimal> INR",
            },
            {"id": "SKU-1", "quantity": 2, "group_id": None, "unit_price": "5 INR"},
        ),
    ],
)
def test_each_kind_of_value(value: object, masked: object, revealed: object) -> None:
    """Masked it is its type and its length, revealed it is what it is."""
    assert Mask().shown(value) == masked
    assert Mask(reveal=True).shown(value) == revealed


def nested(levels: int, inner: object = 1) -> object:
    """Return lists within one another."""
    for _ in range(levels):
        inner = [inner]
    return inner


@pytest.mark.parametrize("reveal", [True, False])
def test_what_is_deep_is_cut(reveal: bool) -> None:
    """All levels that JSON may have are shown, and a value of a thousand ends in words, not in a crash."""
    mask = Mask(reveal=reveal)
    leaf = 1 if reveal else "<integer>"
    assert mask.shown(nested(64)) == nested(64, leaf)
    for levels in (65, 700, 5000):
        assert mask.shown(nested(levels)) == nested(64, "<nested deeper>")


def test_half_a_character_can_be_written() -> None:
    """JSON may hold one, in texts and names; UTF-8 has no form for it, so it is shown as an escape."""
    half = "a\ud800"
    told = {"a\\ud800": ["a\\ud800", {"a\\ud800": {"id": "a\\ud800"}}]}
    value = {half: [half, (half, {"id": half})]}
    assert Mask(reveal=True).shown(value) == told
    assert Mask([half, "id"]).shown(value) == told
    json.dumps(Mask().shown({half: half, "id": (half, {})}), ensure_ascii=False).encode()


def test_known_words_are_shown() -> None:
    """Those that the mask was given for good, and those for one value."""
    mask = Mask(["PAID", "metadata"])
    assert mask.shown({"metadata": "PAID"}) == {"metadata": "PAID"}
    assert mask.shown(["inr", "usd", "USD"], {"inr"}) == ["inr", "<text, 3 characters>", "USD"]


@given(
    st.recursive(
        st.integers(10**6, 10**9) | st.text("canry", min_size=6, max_size=9),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("canry", min_size=6), inner),
        max_leaves=8,
    )
)
def test_nothing_of_a_value_is_in_what_is_shown(value: object) -> None:
    """Whatever its shape: no text, number or name of a map comes through."""

    def leaves(part: object) -> list[str]:
        if isinstance(part, dict):
            return [*part, *(leaf for inner in part.values() for leaf in leaves(inner))]
        if isinstance(part, list):
            return [leaf for inner in part for leaf in leaves(inner)]
        return [str(part)]

    shown = json.dumps(Mask().shown(value))
    assert [leaf for leaf in leaves(value) if leaf in shown] == []


def test_the_words_of_a_mapping_are_its_texts() -> None:
    """What the author of a mapping has written is not the data of a record."""
    path = Path(Root.RECORD, (Name("metadata"), First("key", "x")), "metadata[key=x]")
    told = words_of(Attributes((("campaign", Expression(Read(path), (), (("a", 1),), None, NOWHERE)),)))
    assert told >= {"metadata", "key", "x", "metadata[key=x]", "campaign", "a"}


def test_what_nobody_thought_of_is_masked_too() -> None:
    """A value of no known kind has no way out."""

    class Odd(Struct):
        id: object

    @dataclass
    class Odder:
        id: object

    assert Mask().shown(Odd(object())) == {"id": "<value>"}
    assert Mask().shown(Odder("a@b.c")) == "<value>"
