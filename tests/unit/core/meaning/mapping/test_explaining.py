"""What explain tells: each route and why not, each field from its path to its value."""

from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.core.meaning.intents import Remove
from consumer.core.meaning.mapping import FieldTrace, Step
from tests.support.mappings import POLICY, compiled, event, mistakes, routes, source

TWO: Final = routes(
    "[{name: back, when: {all: [{path: status, eq: BACK}, {path: total, gt: 0}]}, action: skip},"
    " {name: paid, when: {path: status, in: [PAID]}, action: capture, set: {"
    "user_id: {coalesce: [{path: app}, {path: user, as: [trim, upper]}]}, payment_id: {path: id, as: string},"
    " amount: {path: total, as: decimal, currency: {const: INR}}, type: {path: kind, default: DEFAULT}}}]"
)
RECORD: Final = event({"status": "PAID", "total": 5, "user": " u ", "id": 7})


def field(traces: tuple[FieldTrace, ...], name: str) -> FieldTrace:
    """Return what is told of one field."""
    return next(trace for trace in traces if trace.field == name)


def test_routes_are_told_up_to_the_one_that_matched() -> None:
    """Each with its predicates as far as they were asked."""
    trace = TWO.explain(RECORD, POLICY)
    assert [(route.name, route.matched) for route in trace.routes] == [("back", False), ("paid", True)]
    assert trace.routes[0].tests == (Step("status", "PAID"), Step("eq", False, ours=True))
    assert trace.routes[1].tests == (Step("status", "PAID"), Step("in", True, ours=True))
    assert trace.routes[0].place.line == 1


def test_fields_are_told_step_by_step() -> None:
    """From the path through each converter to what the call gets."""
    trace = TWO.explain(RECORD, POLICY)
    assert [told.field for told in trace.fields] == ["user_id", "payment_id", "amount", "type"]
    assert field(trace.fields, "user_id").steps == (
        Step("app", None),
        Step("user", " u "),
        Step("as trim", "u"),
        Step("as upper", "U"),
        Step("coalesce(app, user)", "U"),
    )
    assert field(trace.fields, "payment_id") == FieldTrace(
        "payment_id", trace.fields[0].place, (Step("id", 7), Step("as string", "7")), "7"
    )
    assert field(trace.fields, "type").steps == (Step("kind", None), Step("default", "DEFAULT"))


def test_a_failure_is_told_as_far_as_it_came() -> None:
    """The field that failed is the last, with the steps before the one that did."""
    trace = TWO.explain(event({"status": "PAID", "total": "x", "user": "u", "id": 7}), POLICY)
    assert trace.fields[-1].field == "amount"
    assert trace.fields[-1].steps == (Step("total", "x"),)
    assert trace.fields[-1].value is None
    broken = TWO.explain(event({"status": "BACK", "total": "x"}), POLICY)
    assert [(route.name, route.matched) for route in broken.routes] == [("back", False)]


def test_what_was_unwrapped_is_told() -> None:
    """The record that the routes see."""
    mapped = source("sources: [{topics: [t], unwrap: debezium, routes: [{name: a, action: skip}]}]")
    trace = mapped.explain(event({"op": "c", "after": {"id": 1}}), POLICY)
    assert trace.unwrap == (Step("unwrap", {"id": 1}),)
    assert mapped.explain(event(None), POLICY).routes == ()


NAMES: Final = st.sampled_from(
    ["user_id", "payment_id", "amount", "type", "order_id", "userId", "user", "items"]
)
VALUES: Final = st.sampled_from(
    ["{path: a}", "{path: b, as: string}", "{const: x}", "{path: c, as: decimal, currency: {const: INR}}"]
)


@settings(deadline=None)  # each example compiles a mapping
@given(
    st.dictionaries(NAMES, VALUES, max_size=4), st.dictionaries(st.sampled_from("abc"), st.text(max_size=3))
)
def test_no_remove_route_whatever_it_sets_can_name_a_user(
    fields: dict[str, str], record: dict[str, str]
) -> None:
    """With a user_id the API would delete all of that user's payments."""
    told = ", ".join(f"{name}: {value}" for name, value in fields.items())
    text = f"sources: [{{topics: [t], routes: [{{name: back, action: remove, set: {{{told}}}}}]}}]"
    mapping = compiled(text).mapping
    if "user_id" in fields:
        assert mapping is None
        assert any("would remove every payment of that user" in line for line in mistakes(text))
    if mapping is not None:
        intent = mapping.sources[0].interpret(event(record), POLICY)
        if isinstance(intent, Remove):
            assert intent == Remove(intent.payment_id)
