"""The canonical schemas: documented, bundled, with examples that hold, and never broken by a change."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.avro import schemas
from consumer.core.avro.codec import Codec, fingerprint
from consumer.core.avro.inspection import WriterSchema, inspect
from consumer.core.meaning.intents import Capture, Intent, Reject, Remove, Skip
from consumer.core.meaning.lifecycle import LifecyclePolicy, interpret
from tests.support.avro import Draft, add, canonical, encode, field, fields_of, types_of
from tests.support.events import ANY_EVENT, Event

FOLDER: Final = Path(__file__).parents[2] / "schemas"
README: Final = (FOLDER / "README.md").read_text(encoding="utf-8")
TODAY: Final = {"payment-event.avsc": schemas.payment_event(), "user-erasure.avsc": schemas.user_erasure()}
RELEASED: Final = sorted((FOLDER / "released").glob("*/*.avsc"))
CODEC: Final = Codec(schemas.payment_event())


def draft(text: str) -> Draft:
    """Return a schema as JSON."""
    loaded: Draft = json.loads(text)
    return loaded


# ------------------------------------------------------------------------------------------ bundled


def test_the_bundled_texts_are_the_files() -> None:
    """What the package reads is what stands in ``schemas/``, released versions included."""
    assert {name: (FOLDER / name).read_text(encoding="utf-8") for name in TODAY} == TODAY
    assert schemas.bundled()[:2] == tuple(TODAY.values())
    assert schemas.bundled()[2:] == tuple(path.read_text(encoding="utf-8") for path in RELEASED)


@pytest.mark.parametrize("text", schemas.bundled())
def test_everything_is_documented(text: str) -> None:
    """Every record, enum and field says what it means, in a sentence."""
    schema = draft(text)
    documented = [*types_of(schema), *(entry for _, entry in fields_of(schema))]
    assert len(documented) > 3
    assert [entry["name"] for entry in documented if not entry.get("doc", "").endswith(".")] == []


@pytest.mark.parametrize("text", schemas.bundled())
def test_every_enum_has_a_default(text: str) -> None:
    """A symbol that the reader does not know must not make a record unreadable."""
    enums = [entry for entry in types_of(draft(text)) if entry["type"] == "enum"]
    assert [enum["name"] for enum in enums if enum.get("default") not in enum["symbols"]] == []


# ---------------------------------------------------------------------------------------- evolution


def breaks(today: str, released: str) -> list[str]:
    """Return what is wrong with ``today`` as the successor of ``released``.

    Avro's checker judges whether records can be read. It has no objection to what loses the meaning of
    a record without a word: to a field or a symbol that vanishes, a logical type that changes, or another
    namespace.
    """
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # the library does not say
    judged = checker.get_compatibility(parse(today), parse(released))
    unreadable = judged.compatibility is not SchemaCompatibilityType.compatible
    found = [f"unreadable: {what}" for what in sorted(judged.messages or {"?"})] if unreadable else []
    before, after = _facts(draft(released)), _facts(draft(today))
    return found + [f"gone: {fact}" for fact in sorted(before - after)]


def _facts(schema: Draft) -> set[str]:
    """Return what a successor has to keep, besides being able to read."""
    facts = {f"namespace {schema['namespace']}"}
    for record, entry in fields_of(schema):
        facts.add(f"field {record}.{entry['name']}")
        if isinstance(entry["type"], dict) and "logicalType" in entry["type"]:
            facts.add(f"{record}.{entry['name']} as {entry['type']['logicalType']}")
    for kind in types_of(schema):
        facts |= {f"symbol {kind['name']}.{symbol}" for symbol in kind.get("symbols", [])}
    return facts


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_today_reads_every_released_version(released: Path) -> None:
    """BACKWARD_TRANSITIVE: nothing that was ever released is broken by today's schema."""
    assert breaks(TODAY[released.name], released.read_text(encoding="utf-8")) == []


def _symbols(schema: Draft, name: str) -> list[str]:
    symbols: list[str] = field(schema, name)["type"]["symbols"]
    return symbols


def _money(schema: Draft) -> Draft:
    kind: Draft = field(schema, "amount")["type"]
    return kind


PLANTED: list[tuple[str, Callable[[Draft], object], str]] = [
    ("a field without default", add("new", "string"), "unreadable"),
    ("another type", lambda schema: field(schema, "payment_id").update(type="long"), "unreadable"),
    ("not optional", lambda schema: field(schema, "user_id").update(type="string", default=""), "unreadable"),
    ("a smaller number", lambda schema: _money(schema)["fields"][0].update(type="int"), "unreadable"),
    ("a branch less", lambda schema: field(schema, "user_id").update(type=["null"]), "unreadable"),
    ("another record", lambda schema: schema.update(name="Paid"), "unreadable"),
    ("another namespace", lambda schema: schema.update(namespace="revenue.v2"), "gone: namespace"),
    ("a field less", lambda schema: schema["fields"].remove(field(schema, "order_id")), "gone: field"),
    ("a field renamed", lambda schema: field(schema, "order_id").update(name="order"), "gone: field"),
    ("a symbol less", lambda schema: _symbols(schema, "kind").remove("REFUND"), "gone: symbol Kind.REFUND"),
    (
        "another unit of time",
        lambda schema: field(schema, "occurred_at")["type"].update(logicalType="timestamp-millis"),
        "gone: PaymentEvent.occurred_at as timestamp-micros",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "what"), [row[1:] for row in PLANTED], ids=[row[0] for row in PLANTED])
def test_a_planted_break_is_found(change: Callable[[Draft], object], what: str) -> None:
    """The check above sees each way to break a schema."""
    found = breaks(canonical(change).text, schemas.payment_event())
    assert any(entry.startswith(what) for entry in found), found


ADDITIONS: list[tuple[str, Callable[[Draft], object]]] = [
    ("a field with a default", add("new", ["null", "string"], default=None)),
    ("a symbol", lambda schema: _symbols(schema, "kind").append("DISPUTE")),
    ("a field of Money", lambda schema: add("note", "string", default="")(_money(schema))),
]


@pytest.mark.parametrize("change", [row[1] for row in ADDITIONS], ids=[row[0] for row in ADDITIONS])
def test_an_addition_is_no_break(change: Callable[[Draft], object]) -> None:
    """What the rules allow, the check allows."""
    assert breaks(canonical(change).text, schemas.payment_event()) == []


@given(st.sampled_from([path for path in RELEASED if path.name == "payment-event.avsc"]), ANY_EVENT)
def test_records_of_released_versions_are_read(released: Path, event: Event) -> None:
    """Whatever a released version could write comes back with every field that it wrote."""
    writer = WriterSchema(released.read_text(encoding="utf-8"))
    names = [entry["name"] for entry in draft(writer.text)["fields"]]
    decoded = CODEC.decode(writer, encode(writer, event))
    assert repr({name: decoded[name] for name in names}) == repr({name: event[name] for name in names})


def test_released_versions_never_change() -> None:
    """The read-me lists them with their fingerprints; both are what they were."""
    listed = re.findall(r"^\| (\d+\.\d+\.\d+) \| `(\w+)` \| `([0-9a-f]{16})` \|$", README, re.MULTILINE)
    found = []
    for path in RELEASED:
        schema = WriterSchema(path.read_text(encoding="utf-8"))
        found.append((path.parent.name, draft(schema.text)["name"], fingerprint(schema).hex()))
    assert listed == found
    assert ("1.0.0", "PaymentEvent", "c6e7d64958b3af5f") in found
    assert ("1.0.0", "UserErasure", "b65245dd14c3a053") in found


# ----------------------------------------------------------------------------------------- examples

EXAMPLES: Final = re.findall(r"^\| \[`([\w-]+\.json)`\]\(examples/\1\) \| (.+) \|$", README, re.MULTILINE)


def event_of(name: str) -> Event:
    """Return an example as a decoded record: its times as datetimes, its defaults filled in."""
    event: Event = json.loads((FOLDER / "examples" / name).read_text(encoding="utf-8"))
    for key in ("occurred_at", "requested_at"):
        if key in event:
            event[key] = datetime.fromisoformat(str(event[key]))
    return event


def say(intent: Intent) -> str:
    """Return an intent as the read-me puts it."""
    match intent:
        case Capture():
            return "capture"
        case Remove():
            return "remove"
        case Skip(reason=reason):
            return f"skip `{reason}`"
        case Reject(reason=reason):
            return f"dead letter `{reason.value}`"


def test_the_read_me_has_every_example() -> None:
    """No example is left out, and none is listed that is not there."""
    assert sorted(name for name, _ in EXAMPLES) == sorted(
        path.name for path in (FOLDER / "examples").iterdir()
    )


def test_there_is_an_example_of_every_kind() -> None:
    """Each kind of event has one; UNKNOWN is for symbols that nobody knows."""
    kinds = {event_of(name).get("kind") for name, _ in EXAMPLES}
    assert kinds - {None} == set(_symbols(draft(schemas.payment_event()), "kind")) - {"UNKNOWN"}


@pytest.mark.parametrize(("name", "becomes"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_is_what_it_says(name: str, becomes: str) -> None:
    """Each example fits its schema exactly, survives encoding, and becomes what the read-me says."""
    event = event_of(name)
    if name == "user-erasure.json":
        assert encode(WriterSchema(schemas.user_erasure()), event, exactly=True)
        return
    decoded = CODEC.decode(canonical(), encode(canonical(), event, exactly=True))
    assert say(interpret(decoded, LifecyclePolicy())) == becomes


def test_the_read_me_knows_the_bound() -> None:
    """The size of a record that the read-me allows is what the codec allows."""
    bound = inspect(canonical()).max_bytes
    assert f"today's: {bound // 1000 // 10 * 10} kB" in README
