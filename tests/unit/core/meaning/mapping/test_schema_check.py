"""A mapping held against a schema: what can't work is found before the first record."""

import json
from typing import Final

import pytest

from consumer.core.avro.inspection import WriterSchema
from consumer.core.meaning.mapping import SchemaFinding, Severity, Source, check_against
from tests.support.mappings import capturing, routes, source

SCHEMA: Final = json.dumps(
    {
        "type": "record",
        "name": "Order",
        "namespace": "shop",
        "fields": [
            {"name": "id", "type": "string"},
            {"name": "number", "type": "long"},
            {"name": "user", "type": ["null", "string"]},
            {
                "name": "total",
                "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2},
            },
            {"name": "price", "type": "double"},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {
                "name": "status",
                "type": {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID", "BACK"]},
            },
            {"name": "before", "type": ["null", "Status"]},
            {"name": "meta", "type": {"type": "map", "values": "string"}},
            {
                "name": "lines",
                "type": {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "Line",
                        "fields": [
                            {"name": "sku", "type": "string"},
                            {"name": "cents", "type": "long"},
                            {"name": "parent", "type": ["null", "Line"]},
                        ],
                    },
                },
            },
            {"name": "more", "type": {"type": "array", "items": "Line"}},
            {
                "name": "payload",
                "type": [
                    {"type": "record", "name": "Card", "fields": [{"name": "card", "type": "string"}]},
                    {"type": "record", "name": "Cash", "fields": [{"name": "till", "type": "int"}]},
                ],
            },
        ],
    }
)

FINE: Final = {
    "user_id": "{coalesce: [{path: user}, {path: id}]}",
    "payment_id": "{path: number, as: string}",
    "amount": "{path: total, currency: {const: INR}}",
    "occurred_at": "{path: at}",
    "type": "{path: status, map: {NEW: DEFAULT, PAID: RECURRING, BACK: DEFAULT}}",
    "order_id": "{template: '{meta.number}-{payload.card}-{payload.$name}'}",
    "items": "{each: more, id: {path: sku}, group_id: {path: parent.sku}, quantity: {const: 1}, "
    "unit_price: {path: cents, as: minor}}",
    "attributes": "{first: {path: 'lines[0].sku'}, some: {path: 'lines[sku=tea].cents'}}",
}

WRONG: Final = [
    (
        {"payment_id": "{path: idd}"},
        Severity.ERROR,
        "reads idd, and the schema has no idd there",
        "did you mean id?",
    ),
    ({"payment_id": "{path: id.x}"}, Severity.ERROR, "the schema has no x there", ""),
    ({"payment_id": "{path: 'id[0]'}"}, Severity.ERROR, "the schema has no [0] there", ""),
    (
        {"payment_id": "{path: number}"},
        Severity.ERROR,
        "is a number by the schema, where a text",
        "converter",
    ),
    ({"user_id": "{path: user}"}, Severity.WARNING, "can be null by the schema", "coalesce"),
    ({"user_id": "{path: meta.user}"}, Severity.WARNING, "can be null by the schema", "coalesce"),
    (
        {"amount": "{path: price, currency: {const: INR}}"},
        Severity.ERROR,
        "does not say what it counts",
        "minor",
    ),
    ({"amount": "{path: total, currency: {path: user}}"}, Severity.WARNING, "can be null by the schema", ""),
    ({"occurred_at": "{path: number}"}, Severity.ERROR, "is a number by the schema, where a time", ""),
    (
        {"occurred_at": "{path: at, as: epoch_millis}"},
        Severity.ERROR,
        "which its converter does not take",
        "number",
    ),
    (
        {"type": "{path: status, map: {PAID: DEFAULT}}"},
        Severity.WARNING,
        "no entry in map for the symbols NEW, BACK",
        "",
    ),
    (
        {"type": "{path: status, map: {PAYD: DEFAULT}, default: DEFAULT}"},
        Severity.WARNING,
        "for PAYD",
        "did you mean PAID?",
    ),
    ({"order_id": "{template: '{nmber}'}"}, Severity.ERROR, "has no nmber there", "did you mean number?"),
    ({"items": "{each: id, id: {path: sku}, quantity: {const: 1}}"}, Severity.ERROR, "is no list", ""),
    (
        {"items": "{each: lines, id: {path: sk}, quantity: {const: 1}}"},
        Severity.ERROR,
        "has no sk there",
        "sku?",
    ),
    ({"attributes": "{a: {path: lines}}"}, Severity.ERROR, "is a record or list by the schema", ""),
]


def against(held: Source, *schemas: str) -> tuple[SchemaFinding, ...]:
    """Hold a source against schemas."""
    return check_against(held, [WriterSchema(text) for text in schemas])


def test_what_fits_is_not_told() -> None:
    """Unions, maps, names used again, and what coalesce or map makes of a null."""
    assert against(capturing(**FINE), SCHEMA) == ()


@pytest.mark.parametrize(("fields", "severity", "what", "cure"), WRONG)
def test_what_does_not_fit_is(fields: dict[str, str], severity: Severity, what: str, cure: str) -> None:
    """An error where it fails with every record, a warning where it may."""
    found = against(capturing(**FINE | fields), SCHEMA)
    assert [each.severity for each in found] == [severity]
    assert what in found[0].finding.what
    assert cure in found[0].finding.cure
    assert found[0].finding.source.line == 1


@pytest.mark.parametrize(
    ("when", "what"),
    [
        ("{path: status, eq: PAYED}", "compares with PAYED, which the schema does not have"),
        ("{path: before, in: [PAID, GONE]}", "compares with GONE"),
        ("{path: number, eq: '5'}", "is a number by the schema, and is never equal to a text"),
        ("{path: id, gt: 5}", "is a text by the schema, which gt can't compare"),
        ("{path: number, regex: '5'}", "is a number by the schema, which regex can't compare"),
        ("{path: nothing, exists: true}", "the schema has no nothing there"),
        ("{path: id, eq: {path: nothing}}", "the schema has no nothing there"),
        ("{path: $name, eq: Order}", "compares with Order"),
        ("{path: payload.$name, eq: shop.Crad}", "compares with shop.Crad"),
    ],
)
def test_a_predicate_that_is_never_true_is_told(when: str, what: str) -> None:
    """It would skip every event, and nobody would know why."""
    found = against(routes(f"[{{name: a, when: {when}, action: skip}}, {{name: b, action: skip}}]"), SCHEMA)
    assert [each.severity for each in found] == [Severity.ERROR]
    assert what in found[0].finding.what


def test_symbols_that_no_route_takes_are_told() -> None:
    """Each status is somebody's decision."""
    text = "[{name: a, when: {path: status, eq: PAID}, action: skip}%s]"
    (found,) = against(routes(text % ""), SCHEMA)
    assert found.severity is Severity.WARNING
    assert "has no route for status NEW, BACK" in found.finding.what
    assert against(routes(text % ", {name: b, action: skip}"), SCHEMA) == ()
    others = ", {name: b, when: {not: {path: status, eq: NEW}}, action: skip}"
    assert against(routes(text % others), SCHEMA) == ()


def test_the_row_of_debezium_is_looked_into() -> None:
    """The routes see the row."""
    text = (
        "sources: [{topics: [t], unwrap: debezium, "
        "routes: [{name: a, when: {path: %s, eq: x}, action: skip}]}]"
    )
    row = {"type": "record", "name": "Row", "fields": [{"name": "id", "type": "string"}]}
    envelope = json.dumps(
        {
            "type": "record",
            "name": "E",
            "fields": [
                {"name": "op", "type": "string"},
                {"name": "before", "type": ["null", row]},
                {"name": "after", "type": ["null", "Row"]},
            ],
        }
    )
    assert against(source(text % "id"), envelope) == ()
    (found,) = against(source(text % "op"), envelope)
    assert "has no op there" in found.finding.what
    (found,) = against(source(text % "id"), SCHEMA)
    assert "finds no op and after" in found.finding.what


@pytest.mark.parametrize(
    "text", ["", "{", "5", '{"type": "record"}', '"Unknown"', "[" * 100_000, '{"type": {}}']
)
def test_what_is_no_schema_is_told(text: str) -> None:
    """Never an exception: the text may come from a registry."""
    (found,) = against(capturing(), text)
    assert found.severity is Severity.ERROR


def test_canonical_sources_have_nothing_to_check() -> None:
    """Their schema is ours."""
    assert against(source("sources: [{topics: [t], schema: canonical}]"), "") == ()


def of(name: str, **fields: object) -> str:
    """Return the schema of a record."""
    listed = [{"name": field, "type": kind} for field, kind in fields.items()]
    return json.dumps({"type": "record", "name": name, "namespace": "shop", "fields": listed})


PAID: Final = of("Paid", id="string", state={"type": "enum", "name": "State", "symbols": ["PAID"]})
BACK: Final = of("Back", of="string", by=["null", "string"])
TWO: Final = (
    "[{name: paid, when: {path: state, eq: PAID}, action: remove, set: {payment_id: {path: %s}}},"
    " {name: back, action: remove, set: {payment_id: {path: %s}}}]"
)


def test_routes_for_records_of_several_schemas_are_right() -> None:
    """Each reads what another schema does not have, and fits its own."""
    fine = routes(TWO % ("id", "of"))
    assert against(fine, PAID, BACK) == ()
    assert [each.severity for each in against(fine, PAID)] == [Severity.ERROR]
    assert len(against(fine, BACK)) == 2


def test_what_fits_none_of_several_schemas_is_told() -> None:
    """Once, at its weakest: a field that may be null in one of them is no error there."""
    (found,) = against(routes(TWO % ("id", "off")), PAID, BACK)
    assert (found.severity, found.finding.path[0]) == (Severity.ERROR, "back")
    assert "has no off there" in found.finding.what
    nullable = of("Older", id=["null", "string"], of="string")
    maybe = routes("[{name: a, action: remove, set: {payment_id: {path: id}}}]")
    assert [each.severity for each in against(maybe, nullable, PAID)] == []
    assert [each.severity for each in against(maybe, nullable, BACK)] == [Severity.WARNING]


def test_a_schema_that_nothing_is_read_of_is_of_another_topic() -> None:
    """A helper file, or another topic's records, hides no mistake."""
    wrong = routes("[{name: a, action: remove, set: {payment_id: {path: id, as: [epoch_seconds, string]}}}]")
    money = of("Money", minor="long")
    for schemas in ((PAID,), (PAID, money), (money, PAID)):
        assert "which its converter does not take" in against(wrong, *schemas)[0].finding.what
    assert "has no id there" in against(wrong, money)[0].finding.what
    assert against(wrong) == ()


def test_a_schema_that_refers_to_others_is_looked_into() -> None:
    """Paths lead into what they define."""
    order = WriterSchema(of("Order", total="shop.Money"), (of("Money", cents="long"),))
    fine = capturing(
        user_id="{path: total.cents, as: string}",
        payment_id="{path: total.cents, as: string}",
        amount="{path: total.cents, as: minor, currency: {const: INR}}",
    )
    assert check_against(fine, [order]) == ()
    (found,) = check_against(
        routes("[{name: a, action: remove, set: {payment_id: {path: total.cent}}}]"), [order]
    )
    assert "did you mean cents?" in found.finding.cure
