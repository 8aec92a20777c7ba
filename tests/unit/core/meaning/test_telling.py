"""The lifecycle told: what is explained is what runs, and the row is the one that decided."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from consumer.core.meaning.intents import Capture, Remove, Skip
from consumer.core.meaning.lifecycle import LIFECYCLE, Kind, LifecyclePolicy, Status, interpret
from consumer.core.meaning.mapping.trace import FieldTrace, Step
from consumer.core.meaning.telling import explain
from tests.support.events import ANY_EVENT, USER, Event, money, payment_event

DEFAULTS = LifecyclePolicy()
POLICIES = st.builds(
    LifecyclePolicy,
    partial_refunds=st.sampled_from(["keep", "remove", "dead_letter"]),
    capture_statuses=st.frozensets(st.sampled_from([Status.INITIATED, Status.FAILED, Status.CANCELLED])),
    wallet_topups=st.sampled_from(["capture", "skip"]),
    withdrawals=st.sampled_from(["skip", "capture"]),
)


def field(event: Event, name: str, policy: LifecyclePolicy = DEFAULTS) -> FieldTrace:
    """Return what is told of one field."""
    return next(each for each in explain(event, policy).fields if each.field == name)


@given(ANY_EVENT, POLICIES)
def test_explained_and_run_agree(event: Event, policy: LifecyclePolicy) -> None:
    """For every event that the schema lets through, sensible or not, under every policy."""
    trace = explain(event, policy)
    assert trace.intent == interpret(event, policy)
    if isinstance(trace.intent, Capture):
        made_of = {each.field: each.value for each in trace.fields}
        assert replace(trace.intent, **made_of) == trace.intent


@given(st.dictionaries(st.sampled_from(sorted(payment_event())), st.none() | st.integers() | st.text()))
def test_what_is_no_event_at_all_is_told_too(event: Event) -> None:
    """A decoder can't give it; should it, telling it raises nothing."""
    assert explain(event, DEFAULTS).intent == interpret(event, DEFAULTS)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("kind", Kind)
def test_the_row_that_is_told_is_the_row_that_decides(kind: Kind, status: Status) -> None:
    """Exactly one row; it is about the event's kind and status, and says which setting it goes by."""
    event = payment_event(kind=kind.value, status=status.value)
    (route,) = explain(event, DEFAULTS).routes
    (row,) = [row for row in LIFECYCLE if row.told == route.name]
    assert kind in row.kinds
    assert status in row.statuses
    by_setting = [step.what for step in route.tests if step.what.startswith("lifecycle.")]
    assert all(setting in row.told for setting in by_setting)
    assert bool(by_setting) is ("lifecycle." in row.told)


def test_a_tombstone_has_no_way() -> None:
    """There is nothing in it that could be told."""
    trace = explain(None, DEFAULTS)
    assert (trace.routes, trace.fields) == ((), ())
    assert isinstance(trace.intent, Skip)


def test_an_amount_is_told_with_the_digits_that_it_was_read_with() -> None:
    """ISO 4217's where the event has none of its own."""
    told = field(payment_event(amount=money(49_900)), "amount")
    assert told.steps == (
        Step("amount.minor_units", 49_900),
        Step("amount.currency", "INR"),
        Step("digits by ISO 4217", 2, ours=True),
    )
    own = field(payment_event(amount=money(49_900, fraction_digits=3)), "amount")
    assert own.steps[-1] == Step("amount.fraction_digits", 3)


def test_an_id_of_its_own_is_told_with_its_parts() -> None:
    """An opted-in failure shows where its suffix comes from."""
    policy = LifecyclePolicy(capture_statuses=frozenset({Status.FAILED}))
    told = field(payment_event(status="FAILED", attempt_id="try-1"), "payment_id", policy)
    assert told.value == "pay-1:failed:try-1"
    assert [step.what for step in told.steps] == ["payment_id", "status", "attempt_id", "event_id"]


def test_a_refund_shows_the_amounts_that_were_compared() -> None:
    """Whether it was found full or partial: that is what a person wants to check."""
    full = payment_event(kind="REFUND", original_amount=money(49_900))
    assert isinstance(explain(full, DEFAULTS).intent, Remove)
    partial = payment_event(kind="REFUND", original_amount=money(49_901))
    assert isinstance(explain(partial, DEFAULTS).intent, Skip)
    for event in (full, partial):
        names = [each.field for each in explain(event, DEFAULTS).fields]
        assert names[:3] == ["amount", "original_amount", "cumulative_refunded"]


def test_a_remove_tells_of_no_user() -> None:
    """What the call does not have is not told as if it mattered."""
    trace = explain(payment_event(kind="REFUND"), DEFAULTS)
    assert USER not in str(trace.fields)
