"""``event_data``: what is built from items, each rule alone, and which attributes are sent."""

from decimal import Decimal

import pytest

from consumer.core.meaning.ecommerce import RESERVED, EventData, Rule, Severity, build
from consumer.core.meaning.intents import Capture, Item, Scalar
from consumer.core.meaning.intents import ContentType as Type
from consumer.core.meaning.money import from_minor_units as money


def sale(
    *items: Item,
    content_type: Type | None = Type.PRODUCT,
    minor_units: int = 30_000,
    currency: str = "INR",
    order_id: str | None = None,
    attributes: dict[str, Scalar] | None = None,
) -> Capture:
    """Return a capture of 300.00 INR with these items."""
    return Capture(
        user_id="u",
        payment_id="pay-1",
        amount=money(minor_units, currency),
        order_id=order_id,
        items=items,
        content_type=content_type,
        attributes=attributes or {},
    )


def item(
    item_id: str = "SKU-1",
    quantity: int = 1,
    price: int | None = 30_000,
    group: str | None = None,
    currency: str = "INR",
) -> Item:
    """Return one line, of 300.00 INR unless told otherwise."""
    return Item(item_id, quantity, group, None if price is None else money(price, currency))


def test_products_name_content_ids() -> None:
    """A sale of products has exactly the fields that Meta's catalogue needs, with exact prices."""
    data = build(sale(item("SKU-1", 2, 10_000), item("SKU-2", 1, 10_000), order_id="order-9"))
    assert data == EventData(
        {
            "content_ids": ["SKU-1", "SKU-2"],
            "contents": [
                {"id": "SKU-1", "quantity": 2, "item_price": Decimal("100.00")},
                {"id": "SKU-2", "quantity": 1, "item_price": Decimal("100.00")},
            ],
            "content_type": "product",
            "num_items": 3,
            "value": Decimal("300.00"),
            "currency": "INR",
            "order_id": "order-9",
        }
    )


def test_product_groups_name_item_group_ids() -> None:
    """A sale of product groups names the groups, in contents too, and has no content_ids."""
    fields = build(sale(item(group="G-1"), content_type=Type.PRODUCT_GROUP)).fields
    assert fields is not None
    assert fields["item_group_ids"] == ["G-1"]
    assert fields["contents"] == [{"id": "G-1", "quantity": 1, "item_price": Decimal("300.00")}]
    assert fields["content_type"] == "product_group"
    assert "content_ids" not in fields


def test_ids_are_named_once_in_order() -> None:
    """Two lines of one product are two rows in contents and one id."""
    fields = build(sale(item("B"), item("A"), item("B"), minor_units=90_000)).fields
    assert fields is not None
    assert fields["content_ids"] == ["B", "A"]
    assert fields["num_items"] == 3
    assert isinstance(fields["contents"], list)
    assert len(fields["contents"]) == 3


@pytest.mark.parametrize("order_id", [None, "", " \n"])
def test_the_payment_stands_for_a_missing_order(order_id: str | None) -> None:
    """Meta wants an order_id; without one the payment's own id is sent."""
    fields = build(sale(item(), order_id=order_id)).fields
    assert fields is not None
    assert fields["order_id"] == "pay-1"


# ------------------------------------------------------------------------------ rules

GROUP = Type.PRODUCT_GROUP

BREAKS = [
    ("R1", sale(item(""))),
    ("R1", sale(item(" \t"), item(price=0))),
    ("R2", sale(item(quantity=0, price=0), minor_units=0)),
    ("R2", sale(item(quantity=-1), item(quantity=2))),
    ("R3", sale(item(), content_type=GROUP)),
    ("R3", sale(item(group=" "), content_type=GROUP)),
    ("R3", sale(item(group="G", price=0), item(), content_type=GROUP)),
    ("R3", sale(item(), content_type=None)),
    ("R3", sale(item("", group="G"), content_type=None)),
    ("R4", sale(item(price=29_999))),
    ("R4", sale(item(quantity=2))),
    ("R5", sale(item(price=None))),
    ("R5", sale(item(), item(price=None))),
    ("R6", sale(item(price=-1), item(price=30_001))),
    ("R7", sale(item(currency="USD"))),
    ("R7", sale(item(), item(price=0, currency="JPY"))),
]


@pytest.mark.parametrize(("rule", "capture"), BREAKS)
def test_each_rule_can_be_broken_alone(rule: str, capture: Capture) -> None:
    """Breaking one rule names that rule and no other."""
    assert [broken.value for broken in build(capture).broken] == [rule]


@pytest.mark.parametrize(("rule", "capture"), BREAKS)
def test_an_error_costs_the_fields_and_a_warning_nothing(rule: str, capture: Capture) -> None:
    """Only R4 is a warning: with any other rule broken nothing is left of the ecommerce fields."""
    data = build(capture)
    assert data.is_valid == (rule == "R4")
    assert (data.fields is not None) == (rule == "R4")


@pytest.mark.parametrize(
    "capture",
    [
        sale(item("", group="G"), content_type=GROUP),
        sale(item(price=0), item()),
        sale(item(quantity=1), item(quantity=2, price=0)),
        sale(item(currency="JPY", price=300), currency="JPY", minor_units=300),
        sale(item(quantity=2**31 - 1, price=2**62), minor_units=(2**31 - 1) * 2**62),
    ],
)
def test_what_is_unusual_but_right_breaks_nothing(capture: Capture) -> None:
    """A product's id is not sent for a group, gifts cost nothing, and huge sums are still exact."""
    assert build(capture).broken == ()


def test_rules_are_named_once_and_in_order() -> None:
    """Many broken rows are one broken rule each, and the sum is not judged where it has no meaning."""
    data = build(sale(item("", 0, None), item("", 0, -1), item("x", 1, 1, currency="USD")))
    assert data.broken == (Rule.R1, Rule.R2, Rule.R5, Rule.R6, Rule.R7)


@pytest.mark.parametrize(
    ("digits", "off", "rows", "breaks"),
    [
        (2, 0, 1, False),
        (3, 5, 1, False),
        (3, 6, 1, True),
        (3, 10, 2, False),
        (3, 11, 2, True),
        (3, -11, 2, True),
    ],
)
def test_the_sum_may_be_off_by_half_a_minor_unit_per_row(
    digits: int, off: int, rows: int, *, breaks: bool
) -> None:
    """The limit itself is allowed: 5 thousandths of a rupee for one row, 10 for two."""
    price = money(10_000, "INR", digits)
    capture = Capture(
        user_id="u",
        payment_id="p",
        amount=money(10_000 * rows + off, "INR", digits),
        items=tuple(Item(f"SKU-{row}", 1, None, price) for row in range(rows)),
    )
    assert build(capture).broken == ((Rule.R4,) if breaks else ())


def test_the_sum_is_exact_beyond_28_digits() -> None:
    """One part in 10^29 above the limit is above the limit: nothing is rounded while adding up."""
    quantity, limit = 2**31 - 1, 5 * 10**15  # half a paisa, in units of 10^-18 rupees
    price = (limit + 1) * pow(quantity, -1, 10**16) % 10**16 + 9 * 10**18
    paise, over = divmod(quantity * price, 10**16)
    assert over == limit + 1
    capture = Capture(
        user_id="u",
        payment_id="p",
        amount=money(paise, "INR"),
        items=(Item("SKU-1", quantity, None, money(price, "INR", 18)),),
    )
    assert build(capture).broken == (Rule.R4,)


def test_every_rule_tells_its_severity_and_meaning() -> None:
    """The rules are R1 to R7, and only R4 lets the fields through."""
    assert [rule.value for rule in Rule] == ["R1", "R2", "R3", "R4", "R5", "R6", "R7"]
    assert [rule for rule in Rule if rule.severity is Severity.WARNING] == [Rule.R4]
    assert all(rule.meaning for rule in Rule)


# ------------------------------------------------------------------------------ attributes


def test_without_items_only_attributes_are_sent() -> None:
    """No ecommerce field is made up for a payment that names no product."""
    assert build(sale(attributes={"campaign": "diwali", "n": 3})) == EventData({"campaign": "diwali", "n": 3})


@pytest.mark.parametrize("attributes", [{}, {"a": None}])
def test_nothing_to_say_is_no_event_data(attributes: dict[str, Scalar]) -> None:
    """Without items and attributes there is no event_data at all; a null is no attribute and not counted."""
    assert build(sale(attributes=attributes)) == EventData(None)


@pytest.mark.parametrize("items", [(), (item(),), (item(price=None),)])
def test_reserved_names_are_dropped_and_counted(items: tuple[Item, ...]) -> None:
    """An attribute never sets an ecommerce field, with items, without, or with broken ones."""
    names = {
        "content_ids", "item_group_ids", "contents", "content_type",
        "num_items", "value", "currency", "order_id",
    }  # fmt: skip
    assert names == RESERVED
    attributes: dict[str, Scalar] = {**dict.fromkeys(sorted(names), "evil"), "kept": True}
    data = build(sale(*items, attributes=attributes))
    assert data.dropped_attributes == 8
    assert data.fields is not None
    assert "evil" not in data.fields.values()
    assert data.fields["kept"] is True


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_json_can_not_say_is_dropped_and_counted(number: float) -> None:
    """JSON has no NaN and no infinity."""
    assert build(sale(attributes={"odd": number, "even": 2.5})) == EventData({"even": 2.5}, (), 1)


def test_attributes_keep_to_linkrunners_limits() -> None:
    """Long names and texts are dropped and counted, the longest that are taken are sent."""
    attributes: dict[str, Scalar] = {"n" * 128: "t" * 256, "m" * 129: 1, "long": "t" * 257}
    assert build(sale(attributes=attributes)) == EventData({"n" * 128: "t" * 256}, (), 2)


def test_no_event_has_more_than_200_keys() -> None:
    """With every ecommerce field there is room for the first 192 attributes; the others are counted."""
    attributes: dict[str, Scalar] = {f"a{number}": number for number in range(195)}
    data = build(sale(item(), attributes=attributes))
    assert data.fields is not None
    assert len(data.fields) <= 200
    assert [name for name in data.fields if name.startswith("a")] == [f"a{number}" for number in range(192)]
    assert data.dropped_attributes == 3


def test_attributes_survive_broken_items() -> None:
    """What is wrong with a price costs the ecommerce fields and nothing else."""
    data = build(sale(item(price=None), attributes={"campaign": "diwali"}))
    assert data == EventData({"campaign": "diwali"}, (Rule.R5,))
