"""The page docs/events.md is true: its table cell by cell, its examples through Avro to the bytes."""

import io
import json
import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeAlias

import fastavro
import pytest
import yaml

from consumer.core.api.calls import Circumstances, NeedsRates, Planned, PlanRules, path, plan
from consumer.core.meaning.ecommerce import Rule
from consumer.core.meaning.intents import Capture, Intent, Reject, Remove, Skip
from consumer.core.meaning.lifecycle import Kind, LifecyclePolicy, Status, interpret
from consumer.core.meaning.rates import static_rates
from tests.support.events import Event, payment_event

Row: TypeAlias = tuple[str, ...]

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = (ROOT / "docs" / "events.md").read_text("utf-8")
SCHEMA: Final = fastavro.parse_schema(
    json.loads((ROOT / "schemas" / "payment-event.avsc").read_text("utf-8"))
)


def table(section: str) -> list[Row]:
    """Return the rows of the table under a heading, without its head."""
    body = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in body.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in row) for row in rows[2:]]


# ------------------------------------------------------------------------------ the table


def cells() -> dict[tuple[str, str], str]:
    """Return what the page says about each kind in each status; the first row that fits counts."""
    said: dict[tuple[str, str], str] = {}
    for kinds, statuses, becomes, _ in table("The table"):
        named = re.findall(r"`(\w+)`", statuses) or [status.value for status in Status]
        for kind in re.findall(r"`(\w+)`", kinds):
            for status in named:
                said.setdefault((kind, status), becomes)
    return said


def told(intent: Intent) -> str:
    """Return an intent as the page would begin to tell it."""
    match intent:
        case Capture():
            return "capture"
        case Remove():
            return "remove"
        case Skip():
            return f"skip `{intent.reason}`"
        case Reject():
            return f"dead letter `{intent.reason}`"


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("kind", Kind)
def test_the_table_is_what_happens(kind: Kind, status: Status) -> None:
    """Every kind in every status stands in the table, and becomes what its row says."""
    intent = interpret(payment_event(kind=kind.value, status=status.value), LifecyclePolicy())
    assert cells()[kind, status].startswith(told(intent))


def test_the_rules_are_all_there() -> None:
    """The table of rules names each rule with its severity."""
    rows = [(rule.strip("`"), severity) for rule, _, severity in table("Items and attributes")]
    assert rows == [(rule.value, rule.severity.value) for rule in Rule]


# ------------------------------------------------------------------------------ the examples

EXAMPLES: Final = {
    text.partition("\n")[0]: text.partition("\n")[2]
    for text in PAGE.split("## Examples\n")[1].split("### ")[1:]
}


def blocks(example: str) -> list[str]:
    """Return the JSON texts of an example: the event, and the body where there is one."""
    return re.findall(r"```json\n(.*?)```", example, flags=re.DOTALL)


def through_avro(text: str) -> Event:
    """Return the event as the service gets it: encoded with the schema's defaults and decoded again."""
    event = json.loads(text)
    event["occurred_at"] = datetime.fromisoformat(event["occurred_at"])
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, SCHEMA, event, strict_allow_default=True)
    buffer.seek(0)
    decoded = fastavro.schemaless_reader(buffer, SCHEMA, None)
    assert isinstance(decoded, dict)
    return decoded


def settings(example: str) -> tuple[LifecyclePolicy, PlanRules, Circumstances]:
    """Return the defaults, changed by the settings that the example names."""
    policy, rules, at = LifecyclePolicy(), PlanRules(accept=("INR",)), Circumstances()
    for key, value in re.findall(r"^Setting: `([\w.]+): (.*)`$", example, flags=re.MULTILINE):
        match key, yaml.safe_load(value):
            case "lifecycle.capture_statuses", list(names):
                policy = replace(policy, capture_statuses=frozenset(Status(name) for name in names))
            case "event_data.on_invalid", "dead_letter":
                rules = replace(rules, on_invalid="dead_letter")
            case "currency.accept", "any":
                rules = replace(rules, accept="any")
            case "currency.reporting", str(code):
                rules = replace(rules, reporting=code)
            case "currency.rates", {"source": "table", "base": str(base), "rates": dict(rates)}:
                at = Circumstances(rates=static_rates(base, {code: Decimal(rates[code]) for code in rates}))
            case unknown:
                pytest.fail(f"the test does not know the setting {unknown}")
    return policy, rules, at


def digits(text: str | bytes) -> object:
    """Return parsed JSON in which a number is its digits, so that 499.0 is not 499.00."""
    return json.loads(text, parse_float=lambda number: ("number", number), parse_int=lambda n: ("number", n))


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_each_example_is_what_happens(example: str) -> None:
    """The event of the example becomes the call, skip or dead letter that the example shows."""
    policy, rules, at = settings(example)
    event, *sent = blocks(example)
    outcome = plan(interpret(through_avro(event), policy), rules, at)
    match outcome:
        case Planned():
            assert f"Sent: `POST {path(outcome.call)}`" in example
            assert digits(sent[0]) == digits(outcome.body)
        case Skip():
            assert f"Skipped: `{outcome.reason}`" in example
            assert not sent
        case Reject():
            assert f'Dead letter: `{outcome.reason}` ("{outcome.detail}")' in example
            assert not sent
        case NeedsRates():
            pytest.fail("the example has no rates")


def test_the_examples_show_every_outcome() -> None:
    """The page has examples of both calls, of skips and of dead letters."""
    for sign in ("POST /capture-payment", "POST /remove-payment", "Skipped: ", "Dead letter: "):
        assert any(sign in example for example in EXAMPLES.values())
