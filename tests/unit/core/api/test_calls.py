"""Calls: the plan of an intent, and bodies that are exact and name no user where none belongs."""

import json
import math
from decimal import Decimal
from typing import Final, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.api.calls import (
    Call,
    CapturePayment,
    Plan,
    Planned,
    PlanRules,
    RemovePayment,
    action,
    body,
    path,
    plan,
)
from consumer.core.meaning.ecommerce import Rule
from consumer.core.meaning.intents import (
    Action,
    Capture,
    DeadLetterReason,
    Item,
    PaymentStatus,
    PaymentType,
    Reject,
    Remove,
    Skip,
    SkipReason,
)
from consumer.core.meaning.lifecycle import LifecyclePolicy, Status, interpret
from consumer.core.meaning.money import Money, from_minor_units
from tests.support.events import ANY_EVENT, USER, VALID_SALE, Event, money, payment_event

ANY: Final = PlanRules(accept="any")
INR_ONLY: Final = PlanRules(accept=("INR",))
#: As much as possible becomes a call.
EVERYTHING: Final = LifecyclePolicy(
    partial_refunds="remove",
    capture_statuses=frozenset({Status.INITIATED, Status.FAILED, Status.CANCELLED}),
    withdrawals="capture",
)
#: What the API takes, by its documentation.
TYPES: Final = {
    "FIRST_PAYMENT", "SECOND_PAYMENT", "WALLET_TOPUP", "FUNDS_WITHDRAWAL", "SUBSCRIPTION_CREATED",
    "SUBSCRIPTION_RENEWED", "ONE_TIME", "RECURRING", "DEFAULT",
}  # fmt: skip
STATUSES: Final = {"PAYMENT_INITIATED", "PAYMENT_COMPLETED", "PAYMENT_FAILED", "PAYMENT_CANCELLED"}


def planned(event: Event, rules: PlanRules = ANY) -> Plan:
    """Return the plan of an event under the widest policy."""
    return plan(interpret(event, EVERYTHING), rules)


def read(text: bytes) -> dict[str, object]:
    """Return a JSON object with its numbers as exact Decimals; NaN and Infinity are refused."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    parsed = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=refuse)
    assert isinstance(parsed, dict)
    return parsed


def capture(amount: Money) -> Capture:
    """Return a capture of ``amount``."""
    return Capture("u", "p", amount)


# ------------------------------------------------------------------------------ plan


def test_a_capture_becomes_a_call_with_its_body() -> None:
    """The whole way from an event to the bytes that are sent."""
    event = payment_event(category="ONE_TIME", attributes={"campaign": "diwali"})
    plan_ = planned(event)
    assert plan_ == Planned(
        CapturePayment(
            USER,
            "pay-1",
            Decimal("499.00"),
            PaymentType.ONE_TIME,
            PaymentStatus.COMPLETED,
            {"campaign": "diwali"},
        ),
        b'{"user_id":"' + USER.encode() + b'","payment_id":"pay-1","amount":499.00,"type":"ONE_TIME",'
        b'"status":"PAYMENT_COMPLETED","event_data":{"campaign":"diwali"}}',
    )


def test_a_remove_becomes_a_call_with_the_payment_id_alone() -> None:
    """The event names a user, the call does not."""
    assert planned(payment_event(kind="REFUND")) == Planned(RemovePayment("pay-1"), b'{"payment_id":"pay-1"}')


@pytest.mark.parametrize("intent", [Skip(SkipReason.KIND), Reject(DeadLetterReason.INVALID_EVENT, "why")])
def test_what_is_not_sent_passes_through(intent: Skip | Reject) -> None:
    """A skip and a reject need no plan."""
    assert plan(intent, INR_ONLY) is intent


@pytest.mark.parametrize("rules", [ANY, INR_ONLY])
@pytest.mark.parametrize("currency", ["INR", "USD", "JPY"])
def test_a_zero_amount_is_skipped_in_any_currency(currency: str, rules: PlanRules) -> None:
    """A trial or a coupon is no fault, and its currency is none either."""
    amount = from_minor_units(0, currency)
    assert plan(capture(amount), rules) == Skip(SkipReason.ZERO_AMOUNT, Action.CAPTURE)


@pytest.mark.parametrize(
    ("accept", "accepted"), [("any", True), (("INR", "USD"), True), (("INR",), False), ((), False)]
)
def test_only_accepted_currencies_are_sent(
    accept: tuple[str, ...] | Literal["any"], *, accepted: bool
) -> None:
    """A currency that is not listed is a dead letter whose text tells the code and no amount."""
    plan_ = plan(capture(from_minor_units(98_765, "USD")), PlanRules(accept))
    if accepted:
        assert isinstance(plan_, Planned)
    else:
        assert plan_ == Reject(
            DeadLetterReason.CURRENCY_NOT_ACCEPTED,
            "amount is in USD, which currency.accept does not list",
            Action.CAPTURE,
        )


BROKEN: Final = Capture(
    "u", "p", from_minor_units(100, "INR"), items=(Item("", 0),), attributes={"a": 1, "value": 2}
)


def test_broken_ecommerce_data_is_left_out() -> None:
    """By default the revenue goes out without it, and the plan tells what to count."""
    plan_ = plan(BROKEN, INR_ONLY)
    assert isinstance(plan_, Planned)
    assert read(plan_.body)["event_data"] == {"a": 1}
    assert plan_.broken == (Rule.R1, Rule.R2, Rule.R5)
    assert plan_.dropped_attributes == 1


def test_broken_ecommerce_data_is_a_dead_letter_on_request() -> None:
    """Then the detail names the rules."""
    plan_ = plan(BROKEN, PlanRules(("INR",), on_invalid="dead_letter"))
    assert plan_ == Reject(
        DeadLetterReason.INVALID_EVENT,
        "event_data: R1 an item's id is blank; R2 a quantity is below 1; "
        "R5 an item has no readable unit_price",
        Action.CAPTURE,
        rules=("R1", "R2", "R5"),
    )


def test_a_warning_is_sent_and_counted_whatever_the_setting() -> None:
    """A discount breaks R4 and nothing else happens."""
    price = from_minor_units(120, "INR")
    discounted = Capture("u", "p", from_minor_units(100, "INR"), items=(Item("SKU", 1, None, price),))
    for rules in (INR_ONLY, PlanRules(("INR",), on_invalid="dead_letter")):
        plan_ = plan(discounted, rules)
        assert isinstance(plan_, Planned)
        assert plan_.broken == (Rule.R4,)
        assert "contents" in str(read(plan_.body)["event_data"])


@pytest.mark.parametrize(
    ("intent", "action_"),
    [
        (Capture("\ud800", "p", from_minor_units(1, "INR")), Action.CAPTURE),
        (Capture("u", "p", from_minor_units(1, "INR"), attributes={"\udfff": 1}), Action.CAPTURE),
        (Remove("\ud800"), Action.REMOVE),
    ],
)
def test_a_text_without_a_utf8_form_is_a_dead_letter(intent: Capture | Remove, action_: Action) -> None:
    """A lone surrogate can't be sent; it is the event's fault and no crash."""
    assert plan(intent, ANY) == Reject(DeadLetterReason.INVALID_EVENT, "a text has no UTF-8 form", action_)


# ------------------------------------------------------------------------------ path and action


@pytest.mark.parametrize(
    ("call", "path_", "action_"),
    [
        (
            CapturePayment("u", "p", Decimal(1), PaymentType.DEFAULT, PaymentStatus.COMPLETED, None),
            "/capture-payment",
            Action.CAPTURE,
        ),
        (RemovePayment("p"), "/remove-payment", Action.REMOVE),
    ],
)
def test_each_call_has_its_path(call: Call, path_: str, action_: Action) -> None:
    """The two endpoints of the API, and the names of the two in metrics."""
    assert path(call) == path_
    assert action(call) is action_


# ------------------------------------------------------------------------------ exactness


@pytest.mark.parametrize(
    ("amount", "number"),
    [
        ("499.00", "499.00"),
        ("0.10", "0.10"),
        ("1E+3", "1000"),
        ("0E-2", "0.00"),
        ("1E-7", "0.0000001"),
        ("1E-18", "0.000000000000000001"),
        ("92233720368547758.07", "92233720368547758.07"),
        ("9223372036854775807", "9223372036854775807"),
    ],
)
def test_amounts_are_plain_numbers(amount: str, number: str) -> None:
    """No exponent, no string, no float: the digits as they are."""
    call = CapturePayment("u", "p", Decimal(amount), PaymentType.DEFAULT, PaymentStatus.COMPLETED, None)
    assert b'"amount":' + number.encode() + b"," in body(call)


@given(
    st.integers(1, 2**63 - 1), st.sampled_from(["JPY", "INR", "KWD", "CLF"]), st.none() | st.integers(0, 18)
)
def test_the_digits_of_an_event_are_the_digits_of_the_body(
    minor_units: int, currency: str, digits: int | None
) -> None:
    """Whatever the exponent, ``amount`` has the event's digits with a point in the right place."""
    plan_ = planned(payment_event(amount=money(minor_units, currency, digits)))
    assert isinstance(plan_, Planned)
    number = plan_.body.split(b'"amount":')[1].split(b",")[0].decode()
    decimals = {"JPY": 0, "INR": 2, "KWD": 3, "CLF": 4}[currency] if digits is None else digits
    assert set(number) <= set("0123456789.")
    assert int(number.replace(".", "")) == minor_units
    assert len(number.partition(".")[2]) == decimals


# ------------------------------------------------------------------------------ properties


@given(ANY_EVENT)
def test_no_remove_ever_names_a_user(event: Event) -> None:
    """Whatever the event holds, a remove's body is its payment_id and nothing else."""
    plan_ = planned(event | {"kind": "REFUND", "status": "COMPLETED"})
    if isinstance(plan_, Planned):
        assert read(plan_.body) == {"payment_id": event["payment_id"]}
        assert b"user_id" not in plan_.body or "user_id" in str(event["payment_id"])
    else:
        assert isinstance(plan_, Reject)


@given(ANY_EVENT)
def test_any_event_has_a_plan_and_the_same_bytes_each_time(event: Event) -> None:
    """Nothing that fits the schema raises, and a redelivery sends the same bytes."""
    for rules in (ANY, INR_ONLY, PlanRules("any", on_invalid="dead_letter")):
        first, second = planned(event, rules), planned(dict(event), rules)
        assert first == second
        if isinstance(first, Planned):
            assert body(first.call) == first.body


@given(
    ANY_EVENT,
    st.sampled_from([("PAYMENT", "COMPLETED"), ("PAYMENT", "FAILED"), ("WALLET_TOPUP", "COMPLETED")]),
    st.integers(1, 2**63 - 1),
)
def test_any_capture_follows_the_api(event: Event, what: tuple[str, str], minor_units: int) -> None:
    """Every body that is sent has the documented fields, all of the right type, and no others."""
    sensible = {"user_id": USER, "amount": money(minor_units), "event_id": "e"}
    plan_ = planned(event | sensible | {"kind": what[0], "status": what[1]})
    if not str(event["payment_id"]).strip():
        assert isinstance(plan_, Reject)
        return
    assert isinstance(plan_, Planned)
    sent = read(plan_.body)
    assert sent.keys() - {"event_data"} == {"user_id", "payment_id", "amount", "type", "status"}
    assert sent["user_id"] == USER
    assert str(sent["payment_id"]).startswith(str(event["payment_id"]))
    assert sent["amount"] == Decimal(minor_units) / 100
    assert sent["type"] in TYPES
    assert sent["status"] in STATUSES


@given(VALID_SALE)
def test_a_valid_sale_follows_metas_rules(event: Event) -> None:
    """Meta's rules for a Purchase, written down here once more and apart from the code."""
    plan_ = planned(event)
    assert isinstance(plan_, Planned)
    assert set(plan_.broken) <= {Rule.R4}
    data = read(plan_.body)["event_data"]
    assert isinstance(data, dict)
    is_group = data["content_type"] == "product_group"
    assert is_group == (event["content_type"] == "PRODUCT_GROUP")
    assert ("content_ids" in data) != ("item_group_ids" in data)
    ids = data["item_group_ids" if is_group else "content_ids"]
    assert len(set(ids)) == len(ids)
    assert all(isinstance(one, str) and one.strip() for one in ids)
    assert {row["id"] for row in data["contents"]} == set(ids)
    assert all(row.keys() == {"id", "quantity", "item_price"} for row in data["contents"])
    assert all(row["quantity"] >= 1 and row["item_price"] >= 0 for row in data["contents"])
    assert data["num_items"] == sum(row["quantity"] for row in data["contents"])
    assert data["value"] == read(plan_.body)["amount"]
    assert data["currency"] == "INR"
    assert data["order_id"] == (event["order_id"] or event["payment_id"])
    total = sum(row["quantity"] * row["item_price"] for row in data["contents"])
    off = abs(total - data["value"])
    assert (Rule.R4 in plan_.broken) == (off > Decimal("0.005") * len(data["contents"]))


@given(VALID_SALE)
def test_attributes_arrive_as_they_are(event: Event) -> None:
    """Every attribute that JSON can say, but for reserved names, is sent with its value."""
    plan_ = planned(event)
    assert isinstance(plan_, Planned)
    data = json.loads(plan_.body)["event_data"]
    attributes = event["attributes"]
    assert isinstance(attributes, dict)
    for name, value in attributes.items():
        if name in {"currency", "value", "contents", "order_id"}:
            continue
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            assert name not in data
        else:
            assert data[name] == value
            assert type(data[name]) is type(value)
