"""What events become: exact, the same at every redelivery, never a removal by user, never an exception."""

import struct
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.core.api.calls import PlanRules, plan
from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.mapped import MappedCodec
from consumer.core.meaning.ecommerce import build
from consumer.core.meaning.intents import Capture, DeadLetterReason, Reject, Remove
from consumer.core.meaning.lifecycle import LifecyclePolicy
from consumer.core.meaning.mapping import MappedEvent, Source
from consumer.core.meaning.mapping.expressions import Toolbox, compile_expression
from consumer.core.meaning.mapping.language import Const, Expression, Simple
from consumer.core.meaning.mapping.scope import Scope
from consumer.core.meaning.mapping.values import WrongValue
from consumer.core.meaning.money import exponent
from consumer.core.settings.documents import Source as Place
from tests.support.mappings import (
    POLICY,
    capture_routes,
    capturing,
    event,
    exact,
    order,
    routes,
    source,
    told,
)

# ------------------------------------------------------------------------------- field by field

#: A field of a capture, the value that it reads, and what it becomes or how that is refused.
BECOMES: Final = [
    (
        "amount",
        "{path: x, as: {decimal: {scale: 2, rounding: half_up}}, currency: {const: INR}}",
        2.675,
        "2.68 INR",
    ),
    (
        "amount",
        "{path: x, as: {decimal: {scale: 0, rounding: half_even}}, currency: {const: INR}}",
        3.5,
        "4 INR",
    ),
    ("user_id", "{path: x}", "u", "u"),
    ("user_id", "{path: x}", b"u", "u"),
    ("user_id", "{path: x}", UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ("user_id", "{path: x, as: string}", 17, "17"),
    ("user_id", "{path: x, as: string}", Decimal("1E+2"), "100"),
    ("user_id", "{path: x, as: string}", date(2026, 11, 28), "2026-11-28"),
    ("user_id", "{path: x, as: {regex: 'u-([0-9]+)'}}", "u-17", "17"),
    ("user_id", "{path: x, as: [base64, trim]}", "IHUg", "u"),
    ("payment_id", "{path: x}", " p ", " p "),
    ("type", "{path: x}", "RECURRING", "RECURRING"),
    ("type", "{path: x, map: {'1': RECURRING, 'true': ONE_TIME}}", 1, "RECURRING"),
    ("type", "{path: x, map: {'1': RECURRING, 'true': ONE_TIME}}", True, "ONE_TIME"),
    ("order_id", "{path: x}", None, None),
    ("occurred_at", "{path: x, as: epoch_seconds}", 1_795_869_000, "2026-11-28T12:30:00+00:00"),
    ("occurred_at", "{path: x, as: epoch_seconds}", 1_795_869_000.5, "2026-11-28T12:30:00.500000+00:00"),
    ("occurred_at", "{path: x, as: epoch_millis}", -1, "1969-12-31T23:59:59.999000+00:00"),
    ("occurred_at", "{path: x, as: epoch_micros}", 1, "1970-01-01T00:00:00.000001+00:00"),
    ("occurred_at", "{path: x, as: epoch_nanos}", 1_999, "1970-01-01T00:00:00.000001+00:00"),
    ("occurred_at", "{path: x, as: [decimal, epoch_millis]}", "1500", "1970-01-01T00:00:01.500000+00:00"),
    ("occurred_at", "{path: x, as: rfc3339}", "2026-11-28t12:30:00z", "2026-11-28T12:30:00+00:00"),
    ("occurred_at", "{path: x, as: date}", date(2026, 11, 28), "2026-11-28T00:00:00+00:00"),
    (
        "occurred_at",
        "{path: x}",
        datetime(2026, 11, 28, tzinfo=timezone(timedelta(hours=1))),
        "2026-11-28T00:00:00+01:00",
    ),
    ("occurred_at", "{path: x, as: epoch_millis}", None, None),
    ("amount", "{path: x, currency: {const: INR}}", Decimal("12.50"), "12.50 INR"),
    ("amount", "{path: x, as: decimal, currency: {const: INR}}", 0.1, "0.1 INR"),
    ("amount", "{path: x, as: decimal, currency: {const: INR}}", 1e22, "10000000000000000000000 INR"),
    ("amount", "{path: x, as: decimal, currency: {const: INR}}", "-0.00", "-0.00 INR"),
    ("amount", "{path: x, as: minor, currency: {const: INR}}", "1250", "12.50 INR"),
    ("amount", "{path: x, as: minor, currency: {const: INR}}", 1250.0, "12.50 INR"),
    ("amount", "{path: x, as: {decimal: {scale: 1}}, currency: {const: INR}}", Decimal("12.50"), "12.5 INR"),
    ("amount", "{path: x, as: {decimal: {scale: 0, rounding: down}}, currency: {const: INR}}", 1.9, "1 INR"),
    (
        "amount",
        "{path: x, as: {decimal: {scale: 0, rounding: half_even}}, currency: {const: INR}}",
        2.5,
        "2 INR",
    ),
    ("amount", "{sum: x, as: decimal, currency: {const: INR}}", [1, 0.1, Decimal("0.20")], "1.30 INR"),
    ("amount", "{sum: x, as: minor, currency: {const: INR}}", [], "0.00 INR"),
]

REFUSED: Final = [
    ("user_id", "{path: x}", None, "x is null"),
    ("user_id", "{path: x}", " \t", "x is blank"),
    ("user_id", "{path: x}", "", "x is blank"),
    ("user_id", "{path: x}", 17, "x is an integer, not a text: say as: string"),
    ("user_id", "{path: x, as: string}", 1.5, "x is a double, not a text"),
    ("user_id", "{path: x, as: string}", True, "x is a boolean, not a text"),
    ("user_id", "{path: x, as: string}", {"a": 1}, "x is a record, not a text"),
    ("user_id", "{path: x}", b"\xff", "x is bytes that are no UTF-8 text"),
    ("user_id", "{path: x, as: {regex: 'u-([0-9]+)'}}", "v-17", "x is null"),
    ("user_id", "{path: x, as: {regex: 'u.*'}}", "u" * 257, "x is a text of more than 256 characters"),
    ("payment_id", "{template: '{x}:a'}", None, "template is null"),
    ("payment_id", "{template: '{x}:a'}", 1.5, "x is a double, not a text"),
    ("type", "{path: x}", "ONCE", "x is a text, but none of the values that this field has"),
    ("type", "{path: x}", None, "x is null, not one of the values"),
    ("type", "{path: x, map: {a: DEFAULT}}", "b", "x is a value that map does not have"),
    ("type", "{path: x, map: {a: DEFAULT}}", 1.0, "x is a double, not a text"),
    ("occurred_at", "{path: x}", "2026-11-28", "x is a text, not a time"),
    ("occurred_at", "{path: x}", datetime(2026, 11, 28), "x is a timestamp without an offset"),  # noqa: DTZ001
    (
        "occurred_at",
        "{path: x, as: rfc3339}",
        "2026-11-28T12:30:00",
        "x is a text that is no time of RFC 3339",
    ),
    ("occurred_at", "{path: x, as: rfc3339}", "2026-02-30T12:30:00Z", "x is a text with a date or time"),
    ("occurred_at", "{path: x, as: date}", "28.11.2026", "x is a text that is no date"),
    ("occurred_at", "{path: x, as: date}", "2026-02-30", "x is a text with a date that there is not"),
    ("occurred_at", "{path: x, as: epoch_seconds}", 10**15, "x is a time outside the years"),
    (
        "occurred_at",
        "{path: x, as: epoch_seconds}",
        datetime(2026, 11, 28, tzinfo=UTC),
        "is a timestamp already",
    ),
    ("occurred_at", "{path: x, as: epoch_seconds}", "1795869000", "x is a text, not a number"),
    ("amount", "{path: x, currency: {const: INR}}", None, "x is null"),
    ("amount", "{path: x, as: decimal, currency: {const: INR}}", -1, "is negative"),
    ("amount", "{path: x, currency: {const: INR}}", 12, "x is an integer: say as: minor or as: decimal"),
    ("amount", "{path: x, currency: {const: INR}}", 12.5, "x is a double: say as: minor or as: decimal"),
    ("amount", "{path: x, currency: {const: INR}}", "12.5", "x is a text: it needs a converter"),
    ("amount", "{path: x, as: decimal, currency: {const: INR}}", "12,50", "x is a text that is no number"),
    ("amount", "{path: x, as: decimal, currency: {const: INR}}", "1e9", "x is a text that is no number"),
    ("amount", "{path: x, as: decimal, currency: {const: INR}}", "٣", "x is a text that is no number"),
    (
        "amount",
        "{path: x, as: decimal, currency: {const: INR}}",
        float("nan"),
        "x is a number that is not finite",
    ),
    ("amount", "{path: x, as: decimal, currency: {const: INR}}", True, "x is a boolean, not a number"),
    ("amount", "{path: x, as: decimal, currency: {const: INR}}", 10**40, "x has more than 30 digits"),
    ("amount", "{path: x, as: minor, currency: {const: INR}}", 12.5, "x is a number with a fraction"),
    ("amount", "{path: x, as: minor, currency: {path: y}}", 1, "the currency y is null"),
    (
        "amount",
        "{path: x, as: minor, currency: {path: x, as: string}}",
        1,
        "currency that is no ISO 4217 code",
    ),
    (
        "amount",
        "{path: x, as: decimal, currency: {path: x, as: string}}",
        1,
        "currency that is no ISO 4217 code",
    ),
    (
        "amount",
        "{path: x, as: minor, currency: {const: XAU}}",
        1,
        "x is in a currency without minor units: set exponent",
    ),
    (
        "amount",
        "{path: x, as: minor, exponent: {path: y}, currency: {const: INR}}",
        1,
        "the exponent y is null",
    ),
    (
        "amount",
        "{path: x, as: minor, exponent: {path: x}, currency: {const: INR}}",
        19,
        "fraction_digits outside",
    ),
    (
        "amount",
        "{path: x, as: {decimal: {scale: 1}}, currency: {const: INR}}",
        1.25,
        "more than 1 digits after",
    ),
    (
        "amount",
        "{path: x, as: [json, {path: a}, decimal], currency: {const: INR}}",
        "{",
        "x is a text that is no JSON",
    ),
    (
        "amount",
        "{path: x, as: [json, decimal], currency: {const: INR}}",
        "NaN",
        "x is JSON with a number that is not",
    ),
    (
        "amount",
        "{path: x, as: [json, decimal], currency: {const: INR}}",
        "9" * 5000,
        "number of too many digits",
    ),
    (
        "amount",
        "{path: x, as: [json, decimal], currency: {const: INR}}",
        "1e999999",
        "x has more than 30 digits",
    ),
    *(
        (
            "amount",
            "{path: x, as: [json, {path: a}, decimal], currency: {const: INR}}",
            f'{{"a": 1, "unread": {number}}}',
            "x is JSON with a number of too many digits",
        )
        for number in (
            "1e9999999999999999999",
            "-1E+9999999999999999999",
            "1e-9999999999999999999",
            "0.0e9999999999999999999",
            "1." + "0" * 5000,
            "1e" + "9" * 5000,
        )
    ),
    (
        "amount",
        "{path: x, as: [json, decimal], currency: {const: INR}}",
        "[" * 100_000,
        "x is a text that is no JSON",
    ),
    (
        "attributes",
        "{a: {path: x, as: [json, {path: a}]}}",
        '{"b":[' * 350 + "]}" * 350,
        "x is JSON of more than 64 levels",
    ),
    ("amount", "{sum: x, as: decimal, currency: {const: INR}}", [1, None], "an entry of x is null"),
    ("amount", "{sum: x, as: decimal, currency: {const: INR}}", 5, "x is an integer, not a list"),
    ("attributes", "{a: {path: x}}", [1], "x is a list, not a text, a number or a boolean"),
    ("attributes", "{a: {path: x}}", datetime(2026, 11, 28, tzinfo=UTC), "x is a timestamp, not a text"),
]


@pytest.mark.parametrize(("field", "value", "given_", "becomes"), BECOMES)
def test_a_value_becomes(field: str, value: str, given_: object, becomes: object) -> None:
    """Each converter gives exactly what it says."""
    capture = told(capturing(**{field: value}).interpret(order(x=given_), POLICY))["capture"]
    assert isinstance(capture, dict)
    assert capture.get(field) == becomes


@pytest.mark.parametrize(("field", "value", "given_", "what"), REFUSED)
def test_a_wrong_value_is_a_mapping_error(field: str, value: str, given_: object, what: str) -> None:
    """The dead letter names route, field and path, and what was there by its type."""
    intent = capturing(**{field: value}).interpret(order(x=given_), POLICY)
    assert isinstance(intent, Reject)
    assert intent.reason is DeadLetterReason.MAPPING
    assert intent.detail.startswith(f"route paid: {field}: ")
    assert what in intent.detail


def test_minor_units_never_pass_for_a_number() -> None:
    """Where the lint let them through, their unit would still not be lost."""
    looked_up = Expression(Const("5"), (Simple("minor"),), (("5", "a"),), None, Place("m", 1))
    converted = Expression(Const("5"), (Simple("minor"), Simple("decimal")), None, None, Place("m", 1))
    told_in = Expression(Const("5"), (Simple("minor"), Simple("string")), None, None, Place("m", 1))
    twice = Expression(Const("5"), (Simple("minor"), Simple("minor")), None, None, Place("m", 1))
    for expression in (looked_up, converted, told_in, twice):
        with pytest.raises(WrongValue, match="const is minor units, which only an amount takes"):
            compile_expression(expression, Toolbox({}))(None, Scope(event(None), None))


SECRET: Final = "s3cr3t-value"


@pytest.mark.parametrize(("field", "value", "_", "__"), REFUSED)
def test_no_error_repeats_what_was_there(field: str, value: str, _: object, __: str) -> None:
    """Details go to logs and headers."""
    for hidden in (SECRET, [SECRET], {"i": SECRET}, [{"i": "a", "q": SECRET}], 8_675_309, 8_675_309.5):
        intent = capturing(**{field: value}).interpret(order(x=hidden, y=hidden), POLICY)
        if isinstance(intent, Reject):
            assert SECRET not in intent.detail
            assert "8675309" not in intent.detail


def test_items_that_the_catalogue_refuses_cost_no_revenue() -> None:
    """Nulls and parts of pieces are left to the catalogue rules."""
    mapped = capturing(
        items="{each: l, id: {path: i}, quantity: {path: q}, unit_price: {path: p, as: minor}}"
    )
    lines = [{}, {"i": "a", "q": 1.5, "p": None}, {"i": "b", "q": Decimal("2.00"), "p": 5}]
    assert told(mapped.interpret(order(l=lines), POLICY))["capture"] == {
        "user_id": "u",
        "payment_id": "p-1",
        "amount": "1 INR",
        "items": [
            {"id": "", "quantity": 0},
            {"id": "a", "quantity": 0},
            {"id": "b", "quantity": 2, "unit_price": "0.05 INR"},
        ],
    }


LINES: Final = (
    "{each: l, id: {path: i}, group_id: {path: g}, quantity: {path: q}, unit_price: {path: p, as: decimal}}"
)
GOOD: Final = {"i": "a", "g": "teas", "q": 1, "p": 1}


@pytest.mark.parametrize(
    ("lines", "broken", "what"),
    [
        ([GOOD | {"p": "12,50"}], "R5", "unit_price: p is a text that is no number"),
        ([GOOD | {"p": True}], "R5", "unit_price: p is a boolean, not a number"),
        ([GOOD, GOOD | {"q": "1"}], "R2", "quantity: q is a text, not a number"),
        ([GOOD | {"q": True}], "R2", "quantity: q is a boolean, not a number"),
        ([GOOD | {"i": 5}], "R1", "id: i is an integer, not a text: say as: string"),
        (["tea"], "R1", "i"),
        (5, "R1", "l is an integer, not a list"),
        ("tea", "R1", "l is a text, not a list"),
        ({"a": GOOD}, "R1", "l is a record, not a list"),
    ],
)
def test_items_that_cannot_be_read_cost_no_revenue(lines: object, broken: str, what: str) -> None:
    """The payment goes out without the ecommerce fields; the rules count it, and explain says why."""
    mapped = capturing(items=LINES, attributes="{campaign: {const: diwali}}")
    intent = mapped.interpret(order(l=lines), POLICY)
    assert isinstance(intent, Capture)
    data = build(intent)
    assert broken in data.broken
    assert data.fields == {"campaign": "diwali"}
    trace = mapped.explain(order(l=lines), POLICY)
    assert trace.intent == intent
    (told_,) = [each for each in trace.fields if each.field == "items"]
    assert any(what in step.what for step in told_.steps), told_.steps


def test_a_group_that_cannot_be_read_is_missing() -> None:
    """It matters only to a group of products."""
    grouped = capturing(items=LINES, content_type="{const: PRODUCT_GROUP}")
    intent = grouped.interpret(order(l=[GOOD | {"g": 5}]), POLICY)
    assert isinstance(intent, Capture)
    assert [rule.value for rule in build(intent).broken] == ["R3"]
    single = capturing(items=LINES).interpret(order(l=[GOOD | {"g": 5}]), POLICY)
    assert isinstance(single, Capture)
    assert build(single).is_valid


@pytest.mark.parametrize(
    ("written", "value", "what"),
    [
        ("{path: x}", "product", "content_type: x is a text, but none of the values that this field has"),
        ("{path: x}", None, "content_type: x is null, not one of the values"),
        ("{path: x}", 5, "content_type: x is an integer, not one of the values"),
        ("{path: x, map: {a: PRODUCT}}", "b", "content_type: x is a value that map does not have"),
    ],
)
def test_an_unknown_content_type_costs_no_revenue(written: str, value: object, what: str) -> None:
    """What it would say about the items can't be sent; the rule counts it, and explain says why."""
    mapped = capturing(items=LINES, content_type=written, attributes="{campaign: {const: diwali}}")
    intent = mapped.interpret(order(l=[GOOD], x=value), POLICY)
    assert isinstance(intent, Capture)
    data = build(intent)
    assert [rule.value for rule in data.broken] == ["R3"]
    assert data.fields == {"campaign": "diwali"}
    kept_back = plan(intent, PlanRules(on_invalid="dead_letter"))
    assert isinstance(kept_back, Reject)
    assert kept_back.rules == ("R3",)
    trace = mapped.explain(order(l=[GOOD], x=value), POLICY)
    assert trace.intent == intent
    (told_,) = [each for each in trace.fields if each.field == "content_type"]
    assert any(what in step.what for step in told_.steps), told_.steps
    alone = capturing(content_type=written).interpret(order(x=value), POLICY)
    assert isinstance(alone, Capture)
    assert build(alone).is_valid


def test_what_the_patterns_of_one_event_cost_is_bounded() -> None:
    """However many texts it has: those that are too many are not matched, and the next event has its own.

    In lines of items they cost the catalogue data only, in a predicate the event.
    """
    hostile, usual = "a" * 179, "a-1"
    pattern = "(.*)-(.*).*"
    mapped = capturing(
        items=f"{{each: l, id: {{path: i, as: {{regex: '{pattern}'}}}}, quantity: {{path: q}}}}",
        attributes=f"{{ref: {{path: r, as: {{regex: '{pattern}'}}}}}}",
    )
    lines = [{"i": hostile, "q": 1}] * 6
    for _ in range(2):
        intent = mapped.interpret(order(l=lines[:3], r=usual), POLICY)
        assert isinstance(intent, Capture)
        assert intent.attributes == {"ref": "a"}
    intent = mapped.interpret(order(l=lines, r=hostile), POLICY)
    assert isinstance(intent, Reject)
    assert intent.detail == "route paid: attributes: r is one text too many for the patterns of one event"
    asking = routes(
        "[{name: a, when: {any: ["
        + ", ".join(f"{{path: x, regex: '{pattern}'}}" for _ in range(6))
        + "]}, action: skip}]"
    )
    assert told(asking.interpret(event({"x": usual}), POLICY)) == {"skip": "a"}
    refused = asking.interpret(event({"x": hostile}), POLICY)
    assert isinstance(refused, Reject)
    assert refused.detail == "route a: x is one text too many for the patterns of one event"
    assert asking.explain(event({"x": hostile}), POLICY).intent == refused


def test_items_in_a_broken_text_cost_no_revenue() -> None:
    """JSON that is cut off, too."""
    mapped = capturing(items="{each: {path: l, as: json}, id: {path: i}, quantity: {path: q}}")
    intent = mapped.interpret(order(l="["), POLICY)
    assert isinstance(intent, Capture)
    assert not build(intent).is_valid


def test_a_required_time_that_is_null_is_an_error_while_converting() -> None:
    """Without a day there is no rate."""
    text = capture_routes(occurred_at="{path: at}")
    assert isinstance(routes(text).interpret(order(), POLICY), Capture)
    intent = routes(text, converting=True).interpret(order(), POLICY)
    assert isinstance(intent, Reject)
    assert intent.detail == "route paid: occurred_at: at is null, not a time"


# ----------------------------------------------------------------------------------- refunds

REFUND: Final = routes(
    "[{name: back, action: remove, set: {payment_id: {path: id}, "
    "amount: {path: a, as: minor, currency: {path: c}}, "
    "original_amount: {path: o, as: minor, currency: {const: INR}}, "
    "cumulative_refunded: {path: t, as: minor}}}]"
)


@pytest.mark.parametrize(
    ("fields", "becomes"),
    [
        ({"a": 5, "o": 5}, {"remove": {"payment_id": "p"}}),
        ({"a": 4, "o": 5}, {"skip": "partial_refund"}),
        ({"a": 1, "o": 5, "t": 5}, {"remove": {"payment_id": "p"}}),
        ({"a": 5, "o": 5, "t": 4}, {"skip": "partial_refund"}),
        ({"a": 5}, {"reject": "mapping", "detail": "route back: original_amount: o is null"}),
        ({"o": 5}, {"reject": "mapping", "detail": "route back: amount and cumulative_refunded: are null"}),
        (
            {"a": 5, "o": 5, "c": "EUR"},
            {
                "reject": "mapping",
                "detail": "route back: amount: is in another currency than original_amount",
            },
        ),
        ({"o": 5, "t": 5}, {"remove": {"payment_id": "p"}}),
        ({"o": 5, "t": 4}, {"skip": "partial_refund"}),
        (
            {"o": 5, "t": 4, "c": None},
            {
                "reject": "mapping",
                "detail": "route back: cumulative_refunded: has no currency to take over, because amount and "
                "its currency are null: give it a currency of its own",
            },
        ),
        ({"a": 5, "o": -5}, {"reject": "mapping", "detail": "route back: amount: is negative"}),
    ],
)
def test_refunds_meet_the_policy(fields: dict[str, object], becomes: dict[str, object]) -> None:
    """A part of the payment is left to the policy; what can't be compared is an error, no guess."""
    assert told(REFUND.interpret(event({"id": "p", "c": "INR"} | fields), POLICY)) == becomes


def test_partial_refunds_can_remove_or_ask() -> None:
    """The other two policies are those of canonical events."""
    record = event({"id": "p", "c": "INR", "a": 4, "o": 5})
    assert REFUND.interpret(record, LifecyclePolicy(partial_refunds="remove")) == Remove("p")
    intent = REFUND.interpret(record, LifecyclePolicy(partial_refunds="dead_letter"))
    assert isinstance(intent, Reject)
    assert intent.reason is DeadLetterReason.PARTIAL_REFUND


# -------------------------------------------------------------------------------- predicates

HOLDS: Final = [
    ("{path: x, eq: A}", "A", True),
    ("{path: x, eq: A}", b"A", True),
    ("{path: x, eq: A}", None, False),
    ("{path: x, eq: 1}", 1, True),
    ("{path: x, eq: 1}", Decimal("1.00"), True),
    ("{path: x, eq: 1}", True, False),
    ("{path: x, eq: 1}", "1", False),
    ("{path: x, eq: true}", True, True),
    ("{path: x, eq: true}", 1, False),
    ("{path: x, eq: 0.1}", 0.1, True),
    ("{path: x, eq: 0.1}", Decimal("0.1"), True),
    ("{path: x, eq: {path: y}}", "B", True),
    ("{path: x, eq: {path: z}}", None, False),
    ("{path: x, eq: A}", ["A"], False),
    ("{path: x, in: [A, 1]}", 1, True),
    ("{path: x, in: [A, 1]}", True, False),
    ("{path: x, in: [A, 1]}", {"A": 1}, False),
    ("{path: x, exists: true}", 0, True),
    ("{path: x, exists: true}", None, False),
    ("{path: x, exists: false}", None, True),
    ("{path: x, gt: 0.1}", 0.1, False),
    ("{path: x, ge: 0.1}", 0.1, True),
    ("{path: x, lt: 5}", Decimal("4.99"), True),
    ("{path: x, le: 5, gt: 4}", 5, True),
    ("{path: x, le: 5, gt: 4}", 4, False),
    ("{path: x, gt: 0}", None, False),
    ("{path: x, lt: {path: at}}", datetime(2026, 1, 1, tzinfo=UTC), True),
    ("{path: x, as: lower, eq: a}", "A", True),
    ("{path: x, regex: 'a.*'}", "abc", True),
    ("{path: x, regex: 'a'}", "abc", False),
    ("{path: x, regex: 'a'}", None, False),
    ("{not: {path: x, eq: A}}", "B", True),
    ("{all: [{path: x, eq: A}, {path: y, eq: B}]}", "A", True),
    ("{all: [{path: x, eq: A}, {path: y, eq: C}]}", "A", False),
    ("{any: [{path: x, eq: A}, {path: y, eq: B}]}", "C", True),
    ("{sum: x, ge: 3}", [1, 2], True),
    ("{coalesce: [{path: x}, {path: y}], eq: B}", None, True),
]


@pytest.mark.parametrize(("when", "value", "holds"), HOLDS)
def test_a_predicate_holds(when: str, value: object, holds: bool) -> None:
    """Comparisons are exact, by kind, and null is none of them."""
    mapped = routes(f"[{{name: a, when: {when}, action: skip}}]")
    record = event({"x": value, "y": "B", "at": datetime(2026, 11, 28, tzinfo=UTC)})
    assert told(mapped.interpret(record, POLICY)) == {"skip": "a" if holds else "no_route"}


@pytest.mark.parametrize(
    ("when", "value", "what"),
    [
        ("{path: x, gt: 1}", "5", "x is a text and is compared with an integer"),
        ("{path: x, gt: {path: y}}", 5, "x is an integer and is compared with a text"),
        ("{path: x, gt: 1}", True, "x is a boolean and is compared with an integer"),
        ("{path: x, regex: 'a'}", 5, "x is an integer, not a text"),
        ("{path: x, lt: {path: at}}", datetime(2026, 1, 1), "is a timestamp with an offset"),  # noqa: DTZ001
        ("{path: x, as: decimal, gt: 1}", "a", "x is a text that is no number"),
    ],
)
def test_what_can_not_be_compared_is_an_error(when: str, value: object, what: str) -> None:
    """Neither true nor false would be right."""
    mapped = routes(f"[{{name: a, when: {when}, action: skip}}, {{name: b, action: skip}}]")
    intent = mapped.interpret(event({"x": value, "y": "B", "at": datetime(2026, 11, 28, tzinfo=UTC)}), POLICY)
    assert isinstance(intent, Reject)
    assert intent.detail.startswith("route a: ")
    assert what in intent.detail


def test_no_field_is_read_of_what_no_route_takes() -> None:
    """Predicates come first: what is skipped is not mapped."""

    class Watched(dict[str, object]):
        def get(self, key: str, default: object = None, /) -> object:
            read.append(key)
            return super().get(key, default)

    read: list[str] = []
    mapped = routes(
        "[{name: a, when: {path: x, eq: 1}, action: remove, set: {payment_id: {path: id}}},"
        " {name: b, when: {path: y, eq: 1}, action: skip}]"
    )
    mapped.interpret(event(Watched(x=2, y=1, id="p")), POLICY)
    assert read == ["x", "y"]


# -------------------------------------------------------------------------------- properties

SCALARS: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.dates(),
    st.just(time(12, 30)),
    st.uuids(),
    st.sampled_from(
        ["PAID", "REFUNDED", "u", "d", "INR", "JPY", "PAYMENT_COMPLETED", "DEFAULT", '{"id": 1}']
    ),
    st.sampled_from(
        ["1e9999999999999999999", "-1e-9999999999999999999", "1e999999", "9" * 5000, "0." + "1" * 5000]
    ).map('{{"id": 1, "unread": {}}}'.format),
)
NAMES: Final = [
    "id",
    "user",
    "status",
    "amount",
    "currency",
    "at",
    "lines",
    "customer",
    "op",
    "after",
    "sku",
    "qty",
]
TREES: Final = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
        st.tuples(st.just("shop.Record"), st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)),
    ),
    max_leaves=20,
)
EVENTS: Final = st.builds(
    MappedEvent,
    value=st.one_of(st.none(), st.dictionaries(st.sampled_from(NAMES), TREES), TREES),
    name=st.just("shop.Order"),
    key=st.one_of(st.none(), st.binary(max_size=8)),
    headers=st.lists(st.tuples(st.just("user"), st.one_of(st.none(), st.binary(max_size=8))), max_size=2).map(
        tuple
    ),
    topic=st.just("topic"),
    partition=st.integers(0, 3),
    offset=st.integers(0, 2**40),
    timestamp_ms=st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
)

EVERYTHING: Final = """
sources:
  - topics: [t]
    unwrap: UNWRAP
    routes:
      - name: odd
        when:
          any:
            - {path: status, eq: {path: currency}}
            - {path: $timestamp, lt: {path: at}}
            - {path: id, regex: 'x.*'}
        action: skip
      - name: paid
        when:
          all: [{path: status, in: [PAID, 1, true]}, {not: {path: amount, lt: 0}}, {path: user, exists: true}]
        action: capture
        set:
          user_id: {coalesce: [{path: customer.id}, {path: user, as: string}, {path: $headers.user}]}
          payment_id: {template: "{id}:{customer.id}"}
          amount: {path: amount, as: decimal, currency: {path: currency, as: [trim, upper]}}
          type: {path: op, map: {u: RECURRING, d: ONE_TIME}, default: DEFAULT}
          occurred_at: {coalesce: [{path: at}, {path: at, as: epoch_millis}]}
          order_id: {path: customer, as: [json, {path: id}, string]}
          items: {each: lines, id: {path: sku}, quantity: {path: qty}, unit_price: {path: amount, as: minor}}
          attributes: {a: {path: 'lines[0].sku'}, b: {path: 'lines[sku=u]'}, c: {path: customer.$name}}
      - name: paid_simply
        when: {path: user, exists: true}
        action: capture
        set:
          user_id: {path: user}
          payment_id: {path: id}
          amount:
            sum: lines
            of: {path: qty}
            as: minor
            currency: {path: currency}
            exponent: {path: qty, default: 2}
      - name: back
        action: remove
        set:
          payment_id: {path: id}
          amount: {path: amount, as: minor, currency: {path: currency}}
          original_amount: {path: customer.amount, as: decimal, currency: {const: INR}}
"""
SOURCES: Final = [
    source(EVERYTHING.replace("UNWRAP", "none")),
    source(EVERYTHING.replace("UNWRAP", "debezium")),
    REFUND,
]
ANY_SOURCE: Final = st.sampled_from(SOURCES)


@settings(deadline=None)  # each explanation compiles its mapping anew
@given(ANY_SOURCE, EVENTS)
def test_no_record_raises_and_explain_agrees(mapped: Source, record: MappedEvent) -> None:
    """Whatever the record is, there is an answer, and the explanation has the same."""
    intent = mapped.interpret(record, POLICY)
    trace = mapped.explain(record, POLICY)
    assert trace.intent == intent
    assert sum(route.matched for route in trace.routes) <= 1
    assert all(not route.matched for route in trace.routes[:-1])


@given(ANY_SOURCE, EVENTS, st.integers(0, 2**40), st.integers(0, 99))
def test_type_and_ids_are_functions_of_the_event(
    mapped: Source, record: MappedEvent, offset: int, partition: int
) -> None:
    """A replay writes the same event elsewhere in Kafka: what the API counts by stays the same."""
    again = MappedEvent(
        record.value, record.name, record.key, record.headers, "t", partition, offset, record.timestamp_ms
    )
    first, second = mapped.interpret(record, POLICY), mapped.interpret(again, POLICY)
    assert first == second


@given(ANY_SOURCE, EVENTS)
def test_no_mapping_can_remove_by_user(mapped: Source, record: MappedEvent) -> None:
    """A remove has a payment_id that is not blank, and nothing else."""
    intent = mapped.interpret(record, POLICY)
    if isinstance(intent, Remove):
        assert set(Remove.__struct_fields__) == {"payment_id"}
        assert intent.payment_id.strip()
    if isinstance(intent, Capture):
        assert intent.user_id.strip()
        assert intent.payment_id.strip()
        assert intent.amount.amount >= 0


MINOR: Final = capturing(amount="{path: total, as: minor, currency: {path: c}}")
DECIMAL: Final = capturing(amount="{path: total, currency: {const: INR}}")
DOUBLE: Final = capturing()
CODEC: Final = MappedCodec()
CURRENCIES: Final = ["JPY", "MRU", "INR", "KWD", "CLF"]


@settings(deadline=None)  # each explanation compiles its mapping anew
@given(st.one_of(SCALARS, st.integers(10**29, 10**31)), st.sampled_from([*CURRENCIES, "XAU", "inr", None]))
def test_minor_units_are_counted_alike_where_somebody_looks_on(total: object, currency: str | None) -> None:
    """An explanation wraps them to show them, a run does not; what comes of them is the same."""
    record = order(total=total, c=currency)
    assert MINOR.explain(record, POLICY).intent == MINOR.interpret(record, POLICY)


@given(st.integers(0, 10**20), st.sampled_from(CURRENCIES))
def test_minor_units_keep_their_digits(units: int, currency: str) -> None:
    """For every exponent of ISO 4217 the digits that go in come out, with the point at its place."""
    intent = MINOR.interpret(order(total=units, c=currency), POLICY)
    assert isinstance(intent, Capture)
    digits = exponent(currency)
    assert digits is not None
    assert -int(intent.amount.amount.as_tuple().exponent) == digits
    assert int(exact(intent.amount.amount).replace(".", "")) == units


@given(st.floats(0, 1e15, allow_subnormal=False).filter(lambda number: number == 0 or number > 1e-10))
def test_a_double_is_what_it_shows(number: float) -> None:
    """A double becomes the decimal that it is written as, not the binary fraction beneath."""
    intent = DOUBLE.interpret(order(total=number), POLICY)
    assert isinstance(intent, Capture)
    assert intent.amount.amount == Decimal(repr(number))


FLOAT: Final = WriterSchema(
    '{"type": "record", "name": "R", "fields": [{"name": "user", "type": "string"}, '
    '{"name": "id", "type": "string"}, {"name": "total", "type": "float"}]}'
)


@given(st.integers(0, 9_999_999))
def test_a_float_of_avro_is_the_price_that_was_written(cents: int) -> None:
    """32 bits hold prices of up to seven digits, and they come out as they went in."""
    written = Decimal(cents).scaleb(-2)
    record = CODEC.decode(FLOAT, b"\x02u\x02p" + struct.pack("<f", written))
    intent = DOUBLE.interpret(event(record.value), POLICY)
    assert isinstance(intent, Capture)
    assert intent.amount.amount == written


@given(st.decimals(0, 10**12, places=4, allow_nan=False))
def test_a_decimal_keeps_its_digits(number: Decimal) -> None:
    """Also its zeros."""
    intent = DECIMAL.interpret(order(total=number), POLICY)
    assert isinstance(intent, Capture)
    assert intent.amount.amount.as_tuple() == number.as_tuple()


def test_a_tombstone_is_skipped_before_any_route() -> None:
    """Compacted topics have them."""
    assert told(capturing().interpret(event(None), POLICY)) == {"skip": "tombstone"}


def test_skips_and_rejects_name_their_route() -> None:
    """What was decided on purpose can be told from a fault."""
    mapped = routes("[{name: a, when: {path: x, eq: 1}, action: skip}, {name: b, action: reject}]")
    assert told(mapped.interpret(event({"x": 1}), POLICY)) == {"skip": "a"}
    assert told(mapped.interpret(event({}), POLICY)) == {"reject": "rejected", "detail": "route b rejects it"}
