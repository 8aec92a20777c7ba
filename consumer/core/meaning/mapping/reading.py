"""The YAML of a mapping file → ``language``, with every mistake in its form."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from consumer.core.avro.framing import WireFormat
from consumer.core.meaning.mapping.actions import FIELDS, Does
from consumer.core.meaning.mapping.converters import Form
from consumer.core.meaning.mapping.language import (
    All,
    AnyOf,
    AvroBytes,
    Comparison,
    Debezium,
    Field,
    Nested,
    Not,
    Operator,
    Path,
    Predicate,
    Route,
    SourceDecoding,
    SourceDefinition,
    Test,
    Unwrap,
)
from consumer.core.meaning.mapping.nodes import At, near
from consumer.core.meaning.mapping.reading_values import read_expression, read_field, read_path, read_pattern
from consumer.core.settings.documents import Finding, Node, Plain
from consumer.core.settings.types import topic_fault

SOURCE_KEYS: Final = ("topics", "schema", "decoding", "unwrap", "routes")
ROUTE_KEYS: Final = ("name", "when", "action", "set")
#: The values that a predicate can ask about.
TESTED: Final = ("path", "coalesce", "sum")
GROUPS: Final = ("all", "any", "not")
#: A route's name becomes the value of a label.
ROUTE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,59}")
#: Stands for a predicate that could not be read, so that the rest of its route is judged all the same.
UNREAD: Final = AnyOf(())
_SOURCES_CURE: Final = "write sources: [{topics: […], routes: […]}]"
_USER_IN_REMOVE: Final = (
    "would remove every payment of that user, so no mapping can do it",
    "leave it out: payment_id alone says which payment is removed",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read. Where ``findings`` has anything, ``sources`` may lack what it is about."""

    sources: tuple[SourceDefinition, ...]
    findings: tuple[Finding, ...]


def read_mapping(root: Node) -> Reading:
    """Return the sources in the YAML tree of a file."""
    found: list[Finding] = []
    entries = At(root, (), found).form(("sources",), ("sources",), _SOURCES_CURE)
    listed = entries["sources"].list(_SOURCES_CURE) if entries and "sources" in entries else None
    sources = [_source(at) for at in listed or ()]
    return Reading(tuple(source for source in sources if source is not None), tuple(found))


def _source(at: At) -> SourceDefinition | None:
    entries = at.form(SOURCE_KEYS, ("topics",), "write {topics: […], routes: […]}")
    if entries is None:
        return None
    canonical = "schema" in entries and entries["schema"].choice(["canonical"]) is not None
    if canonical:
        for key in ("routes", "unwrap"):
            if key in entries:
                entries[key].wrong("goes unused: canonical events have no routes", "leave it out, or schema")
    elif "routes" not in entries and "schema" not in entries:
        at.wrong("lacks routes", "write routes, or schema: canonical for events of our own schema")
    unwrap = _unwrap(entries["unwrap"]) if "unwrap" in entries else None
    routes = entries["routes"].list("write a list of routes") if "routes" in entries else None
    return SourceDefinition(
        topics=tuple(_topics(entries["topics"])) if "topics" in entries else (),
        canonical=canonical,
        decoding=_decoding(entries["decoding"]) if "decoding" in entries else None,
        unwrap=unwrap,
        routes=tuple(route for route in map(_route, routes or ()) if route is not None),
        place=at.place,
    )


def _topics(at: At) -> Iterator[str]:
    for each in at.list("write a list of topics, like [payments.events]") or ():
        topic = each.text("write the name of a topic, or a regular expression that begins with ^")
        fault = None if topic is None else topic_fault(topic)
        if fault is not None:
            each.wrong(*fault)
        elif topic is not None:
            yield topic


def _decoding(at: At) -> SourceDecoding | None:
    entries = at.form(("wire_format", "schema"), (), "write {wire_format: confluent}")
    if entries is None:
        return None
    wire_format = entries["wire_format"].choice(list(WireFormat)) if "wire_format" in entries else None
    schema = entries["schema"].text("name the file of the schema") if "schema" in entries else None
    if wire_format == WireFormat.RAW and "schema" not in entries:
        at.wrong("is raw and names no schema", "add schema: FILE")
    if schema is not None and wire_format != WireFormat.RAW:
        entries["schema"].wrong(
            "goes unused: only raw records need it", "leave it out, or add wire_format: raw"
        )
    return SourceDecoding(wire_format, schema)


def _unwrap(at: At) -> Unwrap:
    if isinstance(at.node.value, str | None):
        known = at.choice(["none", "debezium"])
        return Debezium() if known == "debezium" else None
    entries = at.form(("avro_bytes",), ("avro_bytes",), "write none, debezium or {avro_bytes: {…}}")
    return _avro_bytes(entries["avro_bytes"]) if entries and "avro_bytes" in entries else None


def _avro_bytes(at: At) -> AvroBytes | None:
    cure = "write {path: …, schema: FILE}, or {path: …, type_path: …, schemas: {TYPE: FILE}}"
    entries = at.form(("path", "schema", "type_path", "schemas"), ("path",), cure)
    if entries is None or "path" not in entries:
        return None
    by_type = "schemas" in entries
    if by_type == ("schema" in entries) or by_type != ("type_path" in entries):
        at.wrong("does not say which schema the bytes have", cure)
        return None
    path = read_path(entries["path"])
    type_path = read_path(entries["type_path"]) if by_type else None
    files = entries["schemas"].map(cure) or {} if by_type else {"": entries["schema"]}
    named = {name: (each, each.text("name the file of the schema")) for name, each in files.items()}
    if path is None or (by_type and type_path is None):
        return None
    nested = ((name, Nested(file, each.place)) for name, (each, file) in named.items() if file is not None)
    return AvroBytes(path, type_path, tuple(nested))


# ------------------------------------------------------------------------------------ routes


def _route(at: At) -> Route | None:
    entries = at.form(ROUTE_KEYS, ("name", "action"), "write {name: …, when: …, action: …, set: …}")
    if entries is None:
        return None
    name = _route_name(entries["name"]) if "name" in entries else None
    named = at if name is None else at.renamed(name)
    below = {key: At(each.node, (*named.path, key), at.found) for key, each in entries.items()}
    when = read_predicate(below["when"]) if "when" in below else None
    action = below["action"].choice(list(Does)) if "action" in below else None
    if action is None:
        return None
    does = Does(action)
    fields = tuple(_fields(below["set"], does)) if "set" in below else ()
    if not FIELDS[does] and "set" in below:
        below["set"].wrong(f"goes unused: {does} sends nothing", "leave it out")
    given = below["set"].node.value if "set" in below else {}
    if isinstance(given, Mapping):
        _check_required(named, does, given)
    if "when" in below and when is None:
        when = UNREAD
    return Route(name or at.path[-1], when, does, fields, at.place)


def _route_name(at: At) -> str | None:
    name = at.text("write a name for the route")
    if name is not None and not ROUTE_NAME.fullmatch(name):
        at.wrong("is no name for a route", "use lower-case letters, digits and _, at most 60, a letter first")
        return None
    return name


def _check_required(at: At, does: Does, given: Mapping[str, Node]) -> None:
    for name, rule in FIELDS[does].items():
        if rule.required and name not in given:
            at.wrong(f"is a {does} and does not set {name}", f"add {name} to set")


def _fields(at: At, does: Does) -> Iterator[Field]:
    entries = at.map("write {field: {path: …}}, one for each field")
    known = FIELDS[does]
    for name, entry in (entries or {}).items():
        if name in known:
            value = read_field(entry, known[name])
            if value is not None:
                yield Field(name, value, entry.place)
        elif name == "user_id" and does is Does.REMOVE:
            entry.wrong(*_USER_IN_REMOVE)
        elif known:
            entry.wrong(f"is no field that a {does} has", near(name, list(known)))


# -------------------------------------------------------------------------------- predicates


def read_predicate(at: At) -> Predicate | None:
    """Return a predicate, or None with what is wrong with it in ``at.found``."""
    cure = "write {path: field, eq: value}, or all, any or not around some"
    entries = at.form((*GROUPS, *TESTED, "of", "as", *Operator), (), cure)
    if entries is None:
        return None
    groups = [key for key in GROUPS if key in entries]
    if not groups:
        return _test(at, entries)
    if len(entries) > 1:
        at.wrong(f"has more beside {groups[0]}", "write it as an entry of all")
        return None
    inner = entries[groups[0]]
    if groups == ["not"]:
        part = read_predicate(inner)
        return None if part is None else Not(part)
    parts = [read_predicate(each) for each in inner.list("write a list of predicates") or ()]
    read = tuple(part for part in parts if part is not None)
    if not read or len(read) < len(parts):
        return None
    return All(read) if groups == ["all"] else AnyOf(read)


def _test(at: At, entries: dict[str, At]) -> Test | None:
    operators = [Operator(key) for key in entries if key in set(Operator)]
    if not operators:
        at.wrong("compares with nothing", f"add one of: {', '.join(Operator)}")
    node = Node(at.node.source, {key: each.node for key, each in entries.items() if key not in set(Operator)})
    value = read_expression(At(node, at.path, at.found), Form.ANY, TESTED)
    comparisons = [_comparison(operator, entries[operator]) for operator in operators]
    read = tuple(comparison for comparison in comparisons if comparison is not None)
    return Test(value, read) if value is not None and read and len(read) == len(comparisons) else None


def _comparison(operator: Operator, at: At) -> Comparison | None:
    match operator:
        case Operator.EXISTS:
            if not isinstance(at.node.value, bool):
                at.wrong("must be true or false", "write true or false, without quotes")
                return None
            return Comparison(operator, at.node.value)
        case Operator.REGEX:
            pattern = read_pattern(at)
            return None if pattern is None else Comparison(operator, pattern)
        case Operator.IN:
            values = [_operand(each) for each in at.list("write a list of values") or ()]
            known = tuple(value for value in values if value is not None)
            return Comparison(operator, known) if known and len(known) == len(values) else None
        case _:
            return _with_operand(operator, at)


def _with_operand(operator: Operator, at: At) -> Comparison | None:
    if isinstance(at.node.value, Mapping):
        entries = at.form(("path",), ("path",), "write a value, or {path: other.field}")
        path: Path | None = read_path(entries["path"]) if entries and "path" in entries else None
        return None if path is None else Comparison(operator, path)
    value = _operand(at)
    if value is None:
        return None
    if operator is not Operator.EQ and (isinstance(value, bool) or not isinstance(value, int | float)):
        at.wrong("is no number, and only numbers and times have an order", "write a number or {path: other}")
        return None
    return Comparison(operator, value)


def _operand(at: At) -> Plain:
    value = at.finite()
    if value is None and at.node.value is None:
        at.wrong("is null, which equals nothing", "ask with exists: false")
    return value
