"""An explanation as people and programs read it: one tree of plain values, and the text that is made of it.

Every value of the record passes the mask on its way into the tree, so the text can't show more than the JSON.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias, assert_never

import msgspec
import typer

from consumer.core.api import calls
from consumer.core.api.calls import NeedsRates, Planned
from consumer.core.avro.framing import ByApicurioId, ByFingerprint, ByGuid, ById, Framed, Raw
from consumer.core.avro.from_json import parse
from consumer.core.meaning.ecommerce import MAX_ATTRIBUTES, MAX_NAME_CHARACTERS, MAX_TEXT_CHARACTERS
from consumer.core.meaning.intents import Capture, Reject, Skip
from consumer.core.meaning.mapping import FieldTrace, RouteTrace, Step
from consumer.core.meaning.masks import Mask, writable
from consumer.core.meaning.money import Money
from consumer.core.records import Record
from consumer.core.settings.documents import Source as Place
from consumer.flow.decoding import Opened
from consumer.flow.explaining import Explanation, Held

Tree: TypeAlias = dict[str, object]

#: The assumption behind every amount; docs/adr/0006-amounts-in-major-units.md.
UNIT: Final = (
    "major units, so 24990 minor units of INR are sent as 249.90: an assumption about the API; "
    "verify one payment in the dashboard"
)

#: Characters of one value in the text; the JSON has all of it.
_WIDTH: Final = 120

#: Why an attribute is not sent, as the rules of the catalogue data have it.
_NOT_SENT: Final = (
    f"a reserved name or one of more than {MAX_NAME_CHARACTERS} characters, a text of more than "
    f"{MAX_TEXT_CHARACTERS}, no finite number, or beyond the first {MAX_ATTRIBUTES}"
)

#: What a mask has made, which needs no quotes.
_MASKED: Final = re.compile(
    r"<[a-z]+(?: of day| deeper|, [0-9]+(?: characters?)?)?>(?: [A-Z]{3}| minor units)?"
)

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def tree_of(explanation: Explanation, mask: Mask) -> Tree:
    """Return the explanation as plain values, each shown as ``mask`` shows it."""
    trace, told = explanation.trace, explanation
    read_by = "lifecycle" if told.canonical else "mapping"
    tree = base_of(told.record, told.opened, told.name, mask.shown(told.value), read_by)
    tree |= {
        "unwrap": _steps(() if trace is None else trace.unwrap, mask),
        "routes": [_route(route, mask) for route in (() if trace is None else trace.routes)],
        "fields": [_field(field, mask) for field in (() if trace is None else trace.fields)],
        "currency": _currency(explanation),
    }
    return tree | _outcome(explanation, mask)


def base_of(record: Record, opened: Opened | None, name: str | None, value: object, read_by: str) -> Tree:
    """Return the tree of any record, without steps and outcome; ``value`` is already as it may be shown."""
    return {
        "record": {
            "topic": record.partition.topic,
            "partition": record.partition.number,
            "offset": record.offset,
        },
        "framing": None if opened is None else _framing(opened.framed),
        "schema": None if name is None else writable(name),
        "value": value,
        "read_by": read_by,
        "unwrap": [],
        "routes": [],
        "fields": [],
        "currency": None,
        "outcome": "",
        "reason": None,
        "detail": None,
        "rules": [],
        "dropped_attributes": 0,
        "call": None,
    }


def request(path: str, body: object) -> Tree:
    """Return the outcome of a record that becomes a call; ``body`` is already as it may be shown."""
    return {"outcome": "call", "call": {"method": "POST", "path": path, "body": body}}


def skip(outcome: Skip) -> Tree:
    """Return the outcome of a record that is skipped."""
    return {"outcome": "skip", "reason": str(outcome.reason)}


def reject(outcome: Reject) -> Tree:
    """Return the outcome of a record that becomes a dead letter."""
    return {
        "outcome": "dead_letter",
        "reason": outcome.reason.value,
        "detail": outcome.detail,
        "rules": list(outcome.rules),
    }


def held(why: str) -> Tree:
    """Return the outcome of a record that would wait."""
    return {"outcome": "held", "detail": why}


def text_of(tree: Tree, *, masked: bool) -> str:
    """Return ``tree`` as text for a terminal."""
    return _printable("\n".join(_lines(tree, masked=masked)))


def json_of(tree: Tree) -> str:
    """Return ``tree`` as JSON, amounts as numbers with exactly their digits."""
    return _printable(msgspec.json.format(_ENCODER.encode(tree), indent=2).decode())


# ------------------------------------------------------------------------------------ the tree


def _framing(framed: Framed) -> Tree:
    match framed:
        case ById(schema_id=schema_id):
            return {"by": "id in a registry", "schema_id": schema_id}
        case ByApicurioId(schema_id=schema_id):
            return {"by": "Apicurio's id in a registry", "schema_id": schema_id}
        case ByGuid(guid=guid):
            return {"by": "GUID in a registry", "schema_id": guid}
        case ByFingerprint(fingerprint=fingerprint):
            return {"by": "fingerprint", "schema_id": fingerprint.hex()}
        case Raw():
            return {"by": "none: the schema is known beforehand", "schema_id": None}
        case _:
            assert_never(framed)


def _steps(steps: Sequence[Step], mask: Mask, also: frozenset[str] = frozenset()) -> list[Tree]:
    return [
        {"what": writable(step.what), "value": step.value if step.ours else mask.shown(step.value, also)}
        for step in steps
    ]


def _route(route: RouteTrace, mask: Mask) -> Tree:
    tests = _steps(route.tests, mask)
    return {"name": route.name, "at": _at(route.place), "matched": route.matched, "tests": tests}


def _field(field: FieldTrace, mask: Mask) -> Tree:
    currency = field.value.currency if isinstance(field.value, Money) else ""
    also = frozenset({currency, currency.lower()})
    return {
        "field": field.field,
        "at": _at(field.place),
        "steps": _steps(field.steps, mask, also),
        "value": mask.shown(field.value, also),
    }


def _at(place: Place) -> str | None:
    return str(place) if place.line else None


def _currency(explanation: Explanation) -> Tree | None:
    """Return in which currency a payment is sent, and at which rate where it is converted."""
    intent, outcome = None if explanation.trace is None else explanation.trace.intent, explanation.outcome
    if not isinstance(intent, Capture) or not isinstance(outcome, Planned):
        return None
    quote, own = outcome.quote, intent.amount.currency
    return {
        "of_the_event": own,
        "sent": own if quote is None else explanation.reporting,
        "rate": None if quote is None else f"{quote.source} {own} = {quote.target} {explanation.reporting}",
        "dated": None if quote is None or quote.dated is None else quote.dated.isoformat(),
    }


def _outcome(explanation: Explanation, mask: Mask) -> Tree:
    outcome = explanation.outcome
    match outcome:
        case Planned():
            return _call(outcome, mask)
        case Skip():
            return skip(outcome)
        case Reject():
            return reject(outcome)
        case Held():
            return held(outcome.why)
        case NeedsRates():
            return held(outcome.detail)
        case _:
            assert_never(outcome)


def _call(planned: Planned, mask: Mask) -> Tree:
    body = parse(planned.body.decode())
    data = body.get("event_data") if isinstance(body, Mapping) else None
    currency = data.get("currency") if isinstance(data, Mapping) else None
    rules = [
        {"rule": rule.value, "severity": rule.severity.value, "meaning": rule.meaning}
        for rule in planned.broken
    ]
    shown = mask.shown(body, {currency} if isinstance(currency, str) else ())
    return {
        "rules": rules,
        "dropped_attributes": planned.dropped_attributes,
    } | request(calls.path(planned.call), shown)


# ------------------------------------------------------------------------------------ the text


def _lines(tree: Tree, *, masked: bool) -> Iterator[str]:
    record, framing = _tree(tree["record"]), tree["framing"]
    yield _bold(f"{record['topic']}[{record['partition']}]@{record['offset']}")
    if isinstance(framing, dict):
        named = "" if framing["schema_id"] is None else f" {framing['schema_id']}"
        yield f"  schema    {tree['schema'] or 'not a record'}, by {framing['by']}{named}"
    yield from _record(tree["value"])
    for step in _trees(tree["unwrap"]):
        yield _bold("unwrapped")
        yield from _named(step["value"])
    yield from _routes(_trees(tree["routes"]), str(tree["read_by"]))
    yield from _fields(_trees(tree["fields"]))
    yield from _money(_tree(tree["currency"]))
    yield from _data(tree)
    yield from _end(tree, masked=masked)


def _record(value: object) -> Iterator[str]:
    if value is not None:
        yield _bold("record")
        yield from _named(value)


def _named(value: object) -> Iterator[str]:
    """Yield the fields of a record, a line for each."""
    if not isinstance(value, dict):
        yield f"  {_compact(value)}"
        return
    width = max((len(str(name)) for name in value), default=0)
    yield from (f"  {name!s:<{width}}  {_compact(part)}" for name, part in value.items())


def _routes(routes: Sequence[Tree], read_by: str) -> Iterator[str]:
    if routes:
        yield _bold("routes" if read_by == "mapping" else "lifecycle")
    for route in routes:
        mark = _green("yes") if route["matched"] else "no "
        place = f"  ({route['at']})" if route["at"] else ""
        yield f"  {mark} {route['name']}{place}"
        tests = [f"{test['what']} = {_compact(test['value'])}" for test in _trees(route["tests"])]
        yield from (f"        {test}" for test in tests)


def _fields(fields: Sequence[Tree]) -> Iterator[str]:
    if fields:
        yield _bold("fields")
    width = max((len(str(field["field"])) for field in fields), default=0)
    for field in fields:
        steps = [f"{step['what']} = {_compact(step['value'])}" for step in _trees(field["steps"])]
        last = _compact(field["value"])
        way = (
            " -> ".join((*steps, last))
            if not steps or not steps[-1].endswith(f" = {last}")
            else " -> ".join(steps)
        )
        yield f"  {field['field']!s:<{width}}  {way}"


def _money(currency: Tree) -> Iterator[str]:
    if currency:
        yield _bold("currency")
        dated = f", dated {currency['dated']}" if currency["dated"] else ""
        at = f"converted to {currency['sent']} at {currency['rate']}{dated}"
        yield f"  {currency['of_the_event']}, {at if currency['rate'] else 'sent as it is'}"


def _data(tree: Tree) -> Iterator[str]:
    """Yield what is wrong with catalogue data, where the payment is sent all the same."""
    rules = _trees(tree["rules"])
    if rules or tree["dropped_attributes"]:
        yield _bold("event_data")
    for rule in rules:
        cost = "counted" if rule["severity"] == "warning" else "the ecommerce fields are left out"
        yield f"  {rule['rule']} {rule['meaning']}: {cost}"
    if tree["dropped_attributes"]:
        yield f"  {tree['dropped_attributes']} attribute(s) dropped: {_NOT_SENT}"


def _end(tree: Tree, *, masked: bool) -> Iterator[str]:
    call = tree["call"]
    if isinstance(call, dict):
        yield _bold("call")
        yield f"  {_green(str(call['method']))} {call['path']}"
        body = msgspec.json.format(_ENCODER.encode(call["body"]), indent=2).decode()
        yield from (f"  {line}" for line in body.splitlines())
        if call["path"] == "/capture-payment":
            yield f"  amount: {UNIT}"
        if tree["read_by"] == "erasure":
            yield "  it removes all payments of this user, for good"
        if masked:
            yield "  values are masked; --reveal shows them"
        return
    end = {"skip": "skipped", "dead_letter": "dead letter", "held": "held: the service would wait"}
    colour = typer.colors.YELLOW if tree["outcome"] == "skip" else typer.colors.RED
    told = typer.style(end[str(tree["outcome"])], fg=colour, bold=True)
    yield " ".join((told, *(str(tree[key]) for key in ("reason",) if tree[key])))
    if tree["detail"]:
        yield f"  {tree['detail']}"


def _compact(value: object) -> str:
    """Return a value in one line, cut where it is long."""
    masked = isinstance(value, str) and _MASKED.fullmatch(value)
    text = str(value) if masked else _ENCODER.encode(value).decode()
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}..."


def _tree(value: object) -> Tree:
    return value if isinstance(value, dict) else {}


def _trees(value: object) -> list[Tree]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _bold(text: str) -> str:
    return typer.style(text, bold=True)


def _green(text: str) -> str:
    return typer.style(text, fg=typer.colors.GREEN)


def _printable(text: str) -> str:
    """Return ``text`` with escapes in place of what could steer a terminal; ours, for colours, stay."""
    return "".join(char if char.isprintable() or char in "\n\x1b" else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return "".join(
        f"\\u{unit:04x}" for unit in memoryview(char.encode("utf-16-le", "surrogatepass")).cast("H")
    )
