"""The page docs/mapping.md is true: each example is compiled, and its events become what it shows."""

import json
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
import yaml
from jsonschema import Draft202012Validator

from consumer.core.meaning.mapping import MappedEvent, Source, mapping_schema
from consumer.core.meaning.mapping.actions import FIELDS, ITEM_FIELDS
from consumer.core.meaning.mapping.converters import CONVERTERS, OPTIONED
from consumer.core.meaning.mapping.language import Operator, Root
from consumer.core.meaning.mapping.reading import ROUTE_KEYS, SOURCE_KEYS
from consumer.core.meaning.mapping.reading_values import AMOUNT_KEYS, MODIFIERS, ORIGINS
from consumer.core.meaning.mapping.settable import PAYMENT_STATUSES
from consumer.core.nesting import MAX_LEVELS
from consumer.core.patterns import MAX_EVENT_STEPS, MAX_STEPS, MAX_TEXT, USUAL_TEXT
from tests.support.mappings import POLICY, event, source, told

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = (ROOT / "docs" / "mapping.md").read_text("utf-8")
#: What an example sets that is about one field only.
USUAL: Final = {
    "user_id": {"path": "user"},
    "payment_id": {"path": "id"},
    "amount": {"path": "total", "as": "decimal", "currency": {"const": "INR"}},
}
USUAL_EVENT: Final = {"user": "u", "id": "p-1", "total": 1}


@dataclass(frozen=True, slots=True)
class Example:
    """A mapping, and what its events become. ``fields_only``: the outcomes show only what it is about."""

    text: str
    fields_only: bool
    cases: tuple[tuple[str, str], ...]


def examples() -> Mapping[str, Example]:
    """Return the sections of the page that have a YAML block."""
    found = {}
    for section in re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0]
        blocks = re.findall(r"^```(\w+)\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
        if not blocks:
            continue
        (kind, text), *rest = blocks
        assert kind == "yaml", title
        assert {each for each, _ in rest} == {"json"}, title
        bodies = [body for _, body in rest]
        cases = tuple(zip(bodies[::2], bodies[1::2], strict=True))
        found[title] = Example(*_whole(text), cases)
    return found


def _whole(text: str) -> tuple[str, bool]:
    """Return the text as a whole mapping, and whether it was but some fields of a capture."""
    if text.startswith("sources:"):
        return text, False
    if text.startswith("routes:"):
        return "sources:\n  - topics: [topic]\n" + textwrap.indent(text, "    "), False
    fields = USUAL | yaml.safe_load(text)
    route = {"name": "paid", "action": "capture", "set": fields}
    return yaml.safe_dump({"sources": [{"topics": ["topic"], "routes": [route]}]}), True


EXAMPLES: Final = examples()
_TAGS: Final[Mapping[str, Callable[[str], object]]] = {
    "$decimal": Decimal,
    "$bytes": str.encode,
    "$timestamp": datetime.fromisoformat,
    "$date": date.fromisoformat,
}


def decoded(value: object) -> object:
    """Return what Avro would decode where the page can only say it by a tag."""
    if isinstance(value, list):
        return [decoded(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((tag, inner),) = value.items()
        if tag in _TAGS:
            return _TAGS[tag](inner)
        if tag == "$double":
            return float(inner)
        if tag == "$record":
            return (inner[0], decoded(inner[1]))
    return {name: decoded(entry) for name, entry in value.items()}


def read_event(text: str, *, fields_only: bool) -> MappedEvent:
    """Return the event of an example."""
    value = json.loads(text)
    headers = tuple((name, str(text).encode()) for name, text in value.pop("$headers", {}).items())
    body = decoded(USUAL_EVENT | value if fields_only else value)
    return event(body, headers=headers)


def outcome(mapped: Source, record: MappedEvent) -> dict[str, object]:
    """Return what the event becomes, and hold the explanation to it."""
    intent = mapped.interpret(record, POLICY)
    assert mapped.explain(record, POLICY).intent == intent
    return told(intent)


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_each_example_is_what_happens(example: Example) -> None:
    """The mapping has no mistake, and each event becomes what stands behind it."""
    mapped = source(example.text)
    assert example.cases
    for text, shown in example.cases:
        got = outcome(mapped, read_event(text, fields_only=example.fields_only))
        expected = json.loads(shown, parse_float=Decimal)
        if example.fields_only and "capture" in got:
            fields = got["capture"]
            assert isinstance(fields, dict)
            got = {name: value for name, value in fields.items() if name in expected}
        if "detail" not in expected:
            got.pop("detail", None)
        assert got == expected


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_each_example_fits_the_schema_for_editors(example: Example) -> None:
    """What the page teaches is not underlined in red."""
    schema = mapping_schema()
    Draft202012Validator.check_schema(schema)
    assert [
        error.message for error in Draft202012Validator(schema).iter_errors(yaml.safe_load(example.text))
    ] == []


def test_the_page_names_the_whole_language() -> None:
    """Every key, root, converter, comparison and field of the language stands on the page."""
    words = set(re.findall(r"[$\w]+", PAGE))
    fields = [name for rules in FIELDS.values() for name in rules]
    language = [
        *SOURCE_KEYS, *ROUTE_KEYS, *ORIGINS, *MODIFIERS, *AMOUNT_KEYS, *CONVERTERS, *OPTIONED, *Operator,
        *fields, *ITEM_FIELDS, *(root for root in Root if root),
    ]  # fmt: skip
    assert [word for word in language if word not in words] == []


def test_the_page_tells_the_bounds() -> None:
    """Who writes a mapping learns from it what is too much."""
    assert f"More than {MAX_LEVELS} levels of arrays and objects" in PAGE
    for bound in (MAX_TEXT, USUAL_TEXT, MAX_STEPS, MAX_EVENT_STEPS):
        assert f" {bound}" in PAGE


def test_the_examples_use_the_whole_language() -> None:
    """Every converter without a file, comparison, origin and field is tried by an example."""
    text = "".join(example.text for example in EXAMPLES.values())
    words = set(re.findall(r"[$\w]+", text))
    fields = [name for rules in FIELDS.values() for name in rules]
    untried = {"epoch_micros", "avro", "exists", "lt", "le", *PAYMENT_STATUSES}
    language = [*ORIGINS, *MODIFIERS, *AMOUNT_KEYS, *CONVERTERS, *OPTIONED, *Operator, *fields, *ITEM_FIELDS]
    assert {word for word in language if word not in words} <= untried
