"""No payment event, whatever it holds and whatever the configuration, can become a removal by user.

``POST /remove-payment`` with a ``user_id`` deletes all payments of that user. That a payment can't get there
is shown here three times: by the types that payments end in, by what any event becomes under any policy,
and by the source, in which nobody but the erasure topic's own path knows of that call.
"""

import ast
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.api import erasure
from consumer.core.api.calls import Call, CapturePayment, Plan, Planned, PlanRules, RemovePayment, body, plan
from consumer.core.api.erasure import EraseUser, ErasurePlan, PlannedErasure
from consumer.core.meaning.intents import Capture, Intent, Reject, Remove, Skip
from consumer.core.meaning.lifecycle import LifecyclePolicy, Status, interpret
from tests.support.events import ANY_EVENT, USER, Event, payment_event
from tests.unit.test_project import MODULES, PYPROJECT, imported, name_of, tree

#: The only modules that may know what an erasure is, and who makes the one that tells of them.
OWN: Final = {"core/api/erasure.py", "flow/erasing.py"}
KNOWS: Final = {*OWN, "flow/service.py"}

#: Where bodies are made. Meaning ends in intents, whose types are looked at above; the lab is what the
#: service is tested against, not a part of it.
SENDERS: Final = [path for path in MODULES if not name_of(path).startswith(("core/meaning/", "lab/"))]

#: The field that names a user to the API. A capture has it.
USER_FIELD: Final = "user_id"

POLICIES: Final = st.builds(
    LifecyclePolicy,
    partial_refunds=st.sampled_from(["keep", "remove", "dead_letter"]),
    capture_statuses=st.frozensets(st.sampled_from([Status.INITIATED, Status.FAILED, Status.CANCELLED])),
    wallet_topups=st.sampled_from(["capture", "skip"]),
    withdrawals=st.sampled_from(["skip", "capture"]),
)
RULES: Final = st.builds(
    PlanRules,
    accept=st.sampled_from(["any", ("INR",), ("USD", "JPY")]),
    on_invalid=st.sampled_from(["omit", "dead_letter"]),
)
GIVEN_BACK: Final = tuple(product(("REFUND", "REVERSAL", "CHARGEBACK"), ("COMPLETED",)))


# ------------------------------------------------------------------------------------ the types


def test_what_payments_end_in_has_no_erasure() -> None:
    """The unions are closed, and the checker holds every branch over them: neither has the call."""
    assert set(get_args(Intent)) == {Capture, Remove, Skip, Reject}
    assert set(get_args(Call)) == {CapturePayment, RemovePayment}
    assert set(get_args(Plan)) & {EraseUser, PlannedErasure} == set()
    assert set(get_args(ErasurePlan)) & {Planned, CapturePayment, RemovePayment, Capture, Remove} == set()


@pytest.mark.parametrize("removal", [Remove, RemovePayment])
def test_a_removal_of_a_payment_has_no_place_for_a_user(removal: type[Remove | RemovePayment]) -> None:
    """One field, and slots: nobody can hang another on it."""
    assert removal.__struct_fields__ == ("payment_id",)
    assert not hasattr(removal("pay-1"), "__dict__")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_body_of_a_removal_has_one_key(payment_id: str) -> None:
    """Also where an id looks like JSON: it is a text inside one."""
    assert json.loads(body(RemovePayment(payment_id))) == {"payment_id": payment_id}


# ------------------------------------------------------------------------------------ any event


def sent(event: Event, policy: LifecyclePolicy, rules: PlanRules) -> Planned | None:
    """Return the call that an event becomes, None where it becomes none."""
    planned = plan(interpret(event, policy), rules)
    return planned if isinstance(planned, Planned) else None


def check(planned: Planned) -> None:
    """Assert that a removal names its payment and nothing else, and that all else is no removal."""
    document = json.loads(planned.body)
    if planned.path == "/remove-payment":
        assert document.keys() == {"payment_id"}
        assert isinstance(planned.call, RemovePayment)
    else:
        assert planned.path == "/capture-payment"
        assert document["payment_id"]


@given(ANY_EVENT, POLICIES, RULES)
def test_no_event_erases_a_user(event: Event, policy: LifecyclePolicy, rules: PlanRules) -> None:
    """Any record that the schema lets through, under any configuration."""
    planned = sent(event, policy, rules)
    if planned is not None:
        check(planned)


@given(ANY_EVENT, POLICIES, RULES, st.sampled_from(GIVEN_BACK))
def test_no_refund_erases_a_user(
    event: Event, policy: LifecyclePolicy, rules: PlanRules, what: tuple[str, str]
) -> None:
    """The events that are closest to it: most of these become a removal, and of one payment."""
    planned = sent(event | {"kind": what[0], "status": what[1], "user_id": USER}, policy, rules)
    if planned is not None:
        check(planned)
        assert planned.path == "/remove-payment"


@given(st.dictionaries(st.sampled_from([*payment_event(), "event_id", "requested_at"]), st.just(USER)))
def test_no_record_at_all_erases_a_user(record: Event) -> None:
    """Also what no decoder gives: the fields of both records mixed, with a user's id in each."""
    planned = sent(record, LifecyclePolicy(partial_refunds="remove"), PlanRules("any"))
    if planned is not None:
        check(planned)


# ------------------------------------------------------------------------------------ the source


def test_nobody_else_knows_the_call() -> None:
    """The rule of the import linter, kept where the linter is not run; its lists are the ones used here."""
    (contract,) = (
        each for each in PYPROJECT["tool"]["importlinter"]["contracts"] if each["type"] == "protected"
    )
    modules = {_module(name) for name in OWN}
    assert set(contract["protected_modules"]) == modules
    assert set(contract["allowed_importers"]) == {_module(name) for name in KNOWS} - {
        "consumer.core.api.erasure"
    }
    importers = {name_of(path) for path in MODULES if modules & set(_imports(path))}
    assert importers == KNOWS - {"core/api/erasure.py"}


def test_nobody_else_names_the_call() -> None:
    """Not by way of a third module either: the names of its types stand in no other source."""
    names = {EraseUser.__name__, PlannedErasure.__name__}
    found = {name_of(path) for path in MODULES if names & set(_names(path))}
    assert found == OWN


def test_only_captures_and_erasures_write_a_user_into_a_body() -> None:
    """Every object that gets a ``user_id`` is a capture's, which has an amount too, or an erasure's."""
    found = {
        (name_of(path), "amount" in keys) for path in SENDERS for keys in _objects(path) if USER_FIELD in keys
    }
    assert found == {("core/api/calls.py", True), ("core/api/erasure.py", False)}
    assert erasure.__file__ == str(_path("core/api/erasure.py"))


def test_nobody_adds_a_user_to_a_body_later() -> None:
    """No ``something["user_id"] = …`` and no ``dict(user_id=…)``, which the test above would not see."""
    found = [name_of(path) for path in SENDERS if any(_added(tree(path)))]
    assert found == []


def _path(name: str) -> Path:
    return next(path for path in MODULES if name_of(path) == name)


def _module(name: str) -> str:
    return "consumer." + name.removesuffix(".py").replace("/", ".")


def _imports(path: Path) -> Iterator[str]:
    yield from imported(path)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _names(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        match node:
            case (
                ast.Name(id=name) | ast.Attribute(attr=name) | ast.ClassDef(name=name) | ast.alias(name=name)
            ):
                yield name
            case _:
                continue


def _objects(path: Path) -> Iterator[set[object]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Dict):
            yield {key.value for key in node.keys if isinstance(key, ast.Constant)}


def _added(module: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        match node:
            case ast.Subscript(slice=ast.Constant(value="user_id"), ctx=ast.Store()):
                yield node
            case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
                yield from (keyword for keyword in keywords if keyword.arg == USER_FIELD)
            case _:
                continue
