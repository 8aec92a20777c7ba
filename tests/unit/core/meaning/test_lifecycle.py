"""The lifecycle: every kind in every status under every policy, and the events that make no sense."""

from itertools import chain, combinations, product
from typing import Final, Literal

import pytest
from hypothesis import given

from consumer.core.meaning.intents import (
    Action,
    Capture,
    ContentType,
    DeadLetterReason,
    Intent,
    Item,
    PaymentStatus,
    PaymentType,
    Reject,
    Remove,
    Skip,
    SkipReason,
)
from consumer.core.meaning.lifecycle import Kind, LifecyclePolicy, Status, interpret
from consumer.core.meaning.money import from_minor_units
from tests.support.events import (
    ANY_EVENT,
    CATEGORIES,
    OCCURRED_AT,
    USER,
    Event,
    line,
    money,
    payment_event,
)

DEFAULTS: Final = LifecyclePolicy()

OPT_IN: Final = (Status.INITIATED, Status.FAILED, Status.CANCELLED)
STATUS_SETS: Final = [
    frozenset(chosen) for chosen in chain.from_iterable(combinations(OPT_IN, size) for size in range(4))
]
PARTIALS: Final[tuple[Literal["keep", "remove", "dead_letter"], ...]] = ("keep", "remove", "dead_letter")
TOPUPS: Final[tuple[Literal["capture", "skip"], ...]] = ("capture", "skip")
WITHDRAWALS: Final[tuple[Literal["skip", "capture"], ...]] = ("skip", "capture")
POLICIES: Final = [
    LifecyclePolicy(partials, statuses, topups, withdrawals)
    for partials, statuses, topups, withdrawals in product(PARTIALS, STATUS_SETS, TOPUPS, WITHDRAWALS)
]


def told(intent: Intent) -> str:
    """Return an intent as a few words, in the language of the expectations."""
    match intent:
        case Capture():
            return f"capture {intent.type} {intent.status} as {intent.payment_id}"
        case Remove():
            return f"remove {intent.payment_id}"
        case Skip():
            return f"skip {intent.reason}"
        case Reject():
            return f"reject {intent.reason}"


def expected(kind: Kind, status: Status, policy: LifecyclePolicy, *, full: bool) -> str:
    """Return what the documented table says, written as prose would say it and not as the code does."""
    if kind == "UNKNOWN":
        return "skip kind"
    if kind == "PAYMENT" and status in policy.capture_statuses:
        return f"capture ONE_TIME PAYMENT_{status} as pay-1:{status.lower()}:try-7"
    if status != "COMPLETED":
        return "skip status"
    answers = {
        "PAYMENT": "capture ONE_TIME PAYMENT_COMPLETED as pay-1",
        "WALLET_TOPUP": "capture WALLET_TOPUP PAYMENT_COMPLETED as pay-1"
        if policy.wallet_topups == "capture"
        else "skip wallet_topup",
        "WITHDRAWAL": "capture FUNDS_WITHDRAWAL PAYMENT_COMPLETED as pay-1"
        if policy.withdrawals == "capture"
        else "skip withdrawal",
    }
    partial = {
        "keep": "skip partial_refund",
        "remove": "remove pay-1",
        "dead_letter": "reject partial_refund",
    }
    given_back = "remove pay-1" if full else partial[policy.partial_refunds]
    return answers.get(kind, given_back)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("kind", Kind)
def test_every_kind_and_status_under_every_policy(kind: Kind, status: Status) -> None:
    """Each cell of the table, with full and partial amounts, under all 96 policies."""
    for policy, full in product(POLICIES, (True, False)):
        event = payment_event(
            kind=kind.value,
            status=status.value,
            category="ONE_TIME",
            attempt_id="try-7",
            original_amount=money(49_900 if full else 49_901),
        )
        assert told(interpret(event, policy)) == expected(kind, status, policy, full=full), (policy, full)


def test_there_are_96_policies() -> None:
    """The table above is tried under every combination of the four settings."""
    assert len(set(POLICIES)) == 3 * 8 * 2 * 2


def test_a_tombstone_is_skipped() -> None:
    """A null value is no event."""
    assert interpret(None, DEFAULTS) == Skip(SkipReason.TOMBSTONE)


def test_a_capture_carries_the_whole_event() -> None:
    """Every field of the event that the call needs arrives in the intent, unchanged."""
    event = payment_event(
        category="SUBSCRIPTION_RENEWED",
        order_id="order-9",
        items=[line("SKU-1", 2, money(10_000), "G-1"), line("SKU-2", 1)],
        content_type="PRODUCT_GROUP",
        attributes={"plan": "gold", "seats": 3, "trial": False, "ratio": 0.5, "coupon": None},
    )
    assert interpret(event, DEFAULTS) == Capture(
        user_id=USER,
        payment_id="pay-1",
        amount=from_minor_units(49_900, "INR"),
        type=PaymentType.SUBSCRIPTION_RENEWED,
        status=PaymentStatus.COMPLETED,
        occurred_at=OCCURRED_AT,
        order_id="order-9",
        items=(Item("SKU-1", 2, "G-1", from_minor_units(10_000, "INR")), Item("SKU-2", 1)),
        content_type=ContentType.PRODUCT_GROUP,
        attributes={"plan": "gold", "seats": 3, "trial": False, "ratio": 0.5, "coupon": None},
    )


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_category_is_the_type(category: str) -> None:
    """Each category is sent under its own name, UNKNOWN as DEFAULT."""
    intent = interpret(payment_event(category=category), DEFAULTS)
    assert isinstance(intent, Capture)
    assert intent.type.value == ("DEFAULT" if category == "UNKNOWN" else category)


@pytest.mark.parametrize("blank", [None, "", " \t"])
@pytest.mark.parametrize("status", OPT_IN)
def test_an_opted_in_payment_never_shares_the_id_of_the_revenue(status: Status, blank: str | None) -> None:
    """Without an attempt the event's own id tells attempts apart."""
    policy = LifecyclePolicy(capture_statuses=frozenset({status}))
    intent = interpret(payment_event(status=status.value, attempt_id=blank), policy)
    assert isinstance(intent, Capture)
    assert intent.payment_id == f"pay-1:{status.lower()}:evt-1"


# ------------------------------------------------------------------------------ full or partial

INR = money


@pytest.mark.parametrize(
    ("amount", "cumulative", "original", "is_full"),
    [
        (INR(100), None, None, True),
        (INR(0), None, None, True),
        (INR(100), None, INR(100), True),
        (INR(101), None, INR(100), True),
        (INR(99), None, INR(100), False),
        (INR(40), INR(100), INR(100), True),
        (INR(100), INR(40), INR(100), False),
        (INR(40), INR(99), INR(100), False),
        (INR(1000, fraction_digits=3), None, INR(100), True),
        (INR(999, fraction_digits=3), None, INR(100), False),
        (INR(2**63 - 1), None, INR(2**63 - 1), True),
        (INR(2**63 - 2), None, INR(2**63 - 1), False),
        (INR(100, "USD"), INR(100), INR(100), True),
    ],
)
@pytest.mark.parametrize("kind", ["REFUND", "REVERSAL", "CHARGEBACK"])
def test_a_refund_is_full_or_partial_to_the_last_digit(
    kind: str, amount: Event, cumulative: Event | None, original: Event | None, *, is_full: bool
) -> None:
    """What was given back in all, else now, is compared exactly with what was captured."""
    event = payment_event(
        kind=kind, amount=amount, cumulative_refunded=cumulative, original_amount=original, user_id=None
    )
    assert interpret(event, DEFAULTS) == (Remove("pay-1") if is_full else Skip(SkipReason.PARTIAL_REFUND))


@pytest.mark.parametrize("partial_refunds", PARTIALS)
@pytest.mark.parametrize(
    ("amount", "cumulative", "original", "detail"),
    [
        (INR(1, "USD"), None, INR(1), "amount is in another currency than original_amount"),
        (INR(1), INR(1, "USD"), INR(1), "cumulative_refunded is in another currency than original_amount"),
        (INR(-1), None, INR(1), "amount is negative"),
        (INR(1), INR(-1), INR(1), "cumulative_refunded is negative"),
        (INR(1), None, INR(-1), "original_amount is negative"),
        (INR(1, "zzz"), None, INR(1), "amount is in a currency that is no ISO 4217 code in upper case"),
        (INR(1), None, INR(1, fraction_digits=99), "original_amount has fraction_digits outside 0..18"),
    ],
)
def test_amounts_that_can_not_be_compared_are_no_guess(
    partial_refunds: Literal["keep", "remove", "dead_letter"],
    amount: Event,
    cumulative: Event | None,
    original: Event,
    detail: str,
) -> None:
    """Whether such a refund is full can't be told, so no policy applies: the event is invalid."""
    event = payment_event(
        kind="REFUND", amount=amount, cumulative_refunded=cumulative, original_amount=original
    )
    policy = LifecyclePolicy(partial_refunds=partial_refunds)
    assert interpret(event, policy) == Reject(DeadLetterReason.INVALID_EVENT, detail)


# ------------------------------------------------------------------------------ validity


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"user_id": ""}, "user_id is blank"),
        ({"user_id": " \u3000\n"}, "user_id is blank"),
        ({"payment_id": ""}, "payment_id is blank"),
        ({"payment_id": "\t"}, "payment_id is blank"),
        ({"amount": money(-1)}, "amount is negative"),
        ({"amount": money(1, "ZZZ")}, "amount is in a currency that is no ISO 4217 code in upper case"),
        ({"amount": money(1, "inr")}, "amount is in a currency that is no ISO 4217 code in upper case"),
        (
            {"amount": money(1, "XAU")},
            "amount is in a currency without minor units, and fraction_digits is not given",
        ),
        ({"amount": money(1, "INR", -1)}, "amount has fraction_digits outside 0..18"),
    ],
)
def test_an_invalid_capture_is_rejected(fields: Event, detail: str) -> None:
    """Blank ids and senseless amounts are dead letters that say which field is wrong."""
    assert interpret(payment_event(**fields), DEFAULTS) == Reject(
        DeadLetterReason.INVALID_EVENT, detail, Action.CAPTURE
    )


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_remove_without_a_payment_id_is_rejected(blank: str) -> None:
    """There is no other id that it could be sent with."""
    assert interpret(payment_event(kind="REFUND", payment_id=blank), DEFAULTS) == Reject(
        DeadLetterReason.INVALID_EVENT, "payment_id is blank", Action.REMOVE
    )


@pytest.mark.parametrize(("field", "blank"), [("payment_id", " "), ("event_id", "")])
def test_a_suffix_does_not_hide_a_blank_id(field: str, blank: str) -> None:
    """The id is checked before it gets its suffix, and so is what the suffix is made of."""
    policy = LifecyclePolicy(capture_statuses=frozenset({Status.FAILED}))
    event = payment_event(status="FAILED", **{field: blank})
    assert interpret(event, policy) == Reject(
        DeadLetterReason.INVALID_EVENT, f"{field} is blank", Action.CAPTURE
    )


def test_ids_are_verbatim() -> None:
    """White space and case around an id are part of it: the app may have signed up that way."""
    intent = interpret(payment_event(user_id=" Üser ", payment_id="\tPay 1 "), DEFAULTS)
    assert isinstance(intent, Capture)
    assert (intent.user_id, intent.payment_id) == (" Üser ", "\tPay 1 ")


def test_an_unreadable_price_does_not_cost_the_revenue() -> None:
    """A line whose price makes no sense is a line without a price."""
    event = payment_event(items=[line(price=money(1, "inr")), line(price=money(1, "INR", 99))])
    intent = interpret(event, DEFAULTS)
    assert isinstance(intent, Capture)
    assert [item.unit_price for item in intent.items] == [None, None]


# ------------------------------------------------------------------------------ order of reading

_NONSENSE: Final[Event] = {"payment_id": "", "amount": money(-1, "??")}


@pytest.mark.parametrize(
    ("fields", "intent"),
    [
        ({"kind": "UNKNOWN", "status": "FAILED"}, Skip(SkipReason.KIND)),
        ({"kind": "WITHDRAWAL", "status": "FAILED"}, Skip(SkipReason.STATUS)),
        ({"kind": "REFUND", "status": "FAILED", "original_amount": money(1)}, Skip(SkipReason.STATUS)),
        ({"kind": "WITHDRAWAL"}, Skip(SkipReason.WITHDRAWAL)),
        ({"kind": "PAYMENT"}, Skip(SkipReason.NO_USER, Action.CAPTURE)),
        ({"kind": "WALLET_TOPUP"}, Skip(SkipReason.NO_USER, Action.CAPTURE)),
    ],
)
def test_a_skipped_event_is_not_validated_further(fields: Event, intent: Intent) -> None:
    """Kind, status, policy and guest are read in this order, and all of them before anything is checked."""
    event = payment_event(**(_NONSENSE | {"user_id": None} | fields))
    assert interpret(event, DEFAULTS) == intent


def test_a_partial_refund_that_is_kept_is_not_validated_further() -> None:
    """A blank id does no harm where nothing is sent."""
    event = payment_event(kind="REFUND", payment_id="", original_amount=money(99_900))
    assert interpret(event, DEFAULTS) == Skip(SkipReason.PARTIAL_REFUND)


# ------------------------------------------------------------------------------ what can't happen


@pytest.mark.parametrize("wrong", [None, 7, "seven", True, 1.5, b"x", [], [7], {}, {"x": object()}, {7: 7}])
@pytest.mark.parametrize("field", [name for name in payment_event() if name != "event_id"])
@pytest.mark.parametrize("kind", ["PAYMENT", "REFUND"])
def test_a_wrong_type_is_never_a_crash(kind: str, field: str, wrong: object) -> None:
    """Whatever a field holds, the event gets an intent; a rejected one names the field and not the value."""
    base: Event = {"kind": kind, "original_amount": money(49_900), "cumulative_refunded": money(49_900)}
    intent = interpret(payment_event(**(base | {field: wrong})), DEFAULTS)
    if isinstance(intent, Reject):
        assert intent.reason is DeadLetterReason.INVALID_EVENT
        assert intent.detail.split()[0] in {field, "minor_units"}


def test_a_boolean_is_no_number() -> None:
    """Python counts True as 1; an amount and a quantity do not."""
    for fields, name in (
        ({"amount": money(True)}, "minor_units"),
        ({"items": [line(quantity=True)]}, "quantity"),
    ):
        assert interpret(payment_event(**fields), DEFAULTS) == Reject(
            DeadLetterReason.INVALID_EVENT, f"{name} is not an integer", Action.CAPTURE
        )


def test_an_empty_record_is_rejected() -> None:
    """A record of another shape has no kind."""
    assert interpret({}, DEFAULTS) == Reject(DeadLetterReason.INVALID_EVENT, "kind is not a string")


@given(ANY_EVENT)
def test_any_event_has_an_intent_and_the_same_one_each_time(event: Event) -> None:
    """Nothing that fits the schema raises, and an event always means the same."""
    for policy in POLICIES[:: len(POLICIES) // 6]:
        intent = interpret(event, policy)
        assert intent == interpret(dict(event), policy)
        if isinstance(intent, Capture):
            assert intent.user_id.strip()
            assert intent.payment_id.strip()
            assert intent.amount.amount >= 0
        if isinstance(intent, Remove):
            assert intent.payment_id.strip()
