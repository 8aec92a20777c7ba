"""Fit a writer's schema to the canonical reader's before fastavro resolves the one to the other.

fastavro 1.13 follows the Avro specification for types, but takes logical types from the writer alone: a
payment_id written with a decimal would become a number, a timestamp written as a plain long would stay one.
Here the reader's logical types are put into the writer's schema, and what can't be meant is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from consumer.core.avro.inspection import Document, Json
from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import DeadLetterReason

_Object: TypeAlias = dict[str, Json]

#: Logical types of the specification that change what a number or bytes mean. Others only add a rule to the
#: value (``uuid``) or are somebody's own, and are ignored as the specification asks.
_TELLING: Final = frozenset(
    {
        "big-decimal",
        "date",
        "decimal",
        "duration",
        "local-timestamp-micros",
        "local-timestamp-millis",
        "local-timestamp-nanos",
        "time-micros",
        "time-millis",
        "timestamp-micros",
        "timestamp-millis",
        "timestamp-nanos",
    }
)


class Resolution:
    """A writer's ``documents`` (the last is the schema, those before are referred to) fitted to ``reader``.

    ``reader`` is the canonical record with full names, ``reader_types`` has its named types. ``fitted`` holds
    the documents for fastavro, ``skips`` tells whether the writer has fields that the reader does not know.
    Raises :class:`Unreadable` (``undecodable``) where a field that the reader needs is missing, or has a
    logical type of another meaning.
    """

    def __init__(
        self, documents: tuple[Document, ...], reader: Json, reader_types: Mapping[str, Json]
    ) -> None:
        self.skips = False
        self._reader_types: Final = reader_types
        self._writer_types: Final = {name: document for root in documents for name, document in _named(root)}
        self._partners: Final[dict[str, Mapping[str, _Object]]] = {}
        self._pair(documents[-1], reader)
        self.fitted: Final = tuple(self._fit(document, reader) for document in documents)

    def _pair(self, writer: Json, reader: Json) -> None:
        """Find the reader's record for each of the writer's records that stands where one is expected."""
        for written in _branches(writer, self._writer_types):
            for wanted in _branches(reader, self._reader_types):
                if written["type"] != wanted["type"]:
                    continue
                self._pair(written.get("items"), wanted.get("items"))
                self._pair(written.get("values"), wanted.get("values"))
                if written["type"] == "record" and _simple_name(written) == _simple_name(wanted):
                    self._pair_records(written, wanted)

    def _pair_records(self, written: _Object, wanted: _Object) -> None:
        fields, partners = _fields(written), _fields(wanted)
        for name, partner in partners.items():
            if name in fields:
                self._pair(fields[name]["type"], partner["type"])
            elif "default" not in partner:
                raise _refused(f"{_simple_name(wanted)} has no field {name}")
        self._partners[_full_name(written)] = partners

    def _fit(self, document: Json, reader: Json) -> Document:
        if isinstance(document, list):
            return [self._fit(branch, reader) for branch in document]
        if not isinstance(document, dict):
            return _fit_leaf(document, None, self._wanted(reader))
        match document["type"]:
            case "record":
                return {**document, "fields": list(self._fit_fields(document))}
            case "array" | "map" as kind:
                content = "items" if kind == "array" else "values"
                inner: Json = [branch.get(content) for branch in self._wanted(reader)]
                return {**document, content: self._fit(document[content], inner)}
            case "enum" | "fixed":
                return document
            case primitive:
                return _fit_leaf(primitive, document.get("logicalType"), self._wanted(reader))

    def _fit_fields(self, record: _Object) -> Iterator[Json]:
        partners = self._partners.get(_full_name(record), {})
        for name, field in _fields(record).items():
            self.skips |= name not in partners
            yield {"name": name, "type": self._fit(field["type"], partners.get(name, {}).get("type"))}

    def _wanted(self, reader: Json) -> list[_Object]:
        return list(_branches(reader, self._reader_types))


def _fit_leaf(primitive: Json, logical: Json, wanted: list[_Object]) -> Document:
    """Return a primitive type (or a name) with the logical type that the reader wants, if any.

    An int where the reader wants a logical long becomes a long: the two are the same bytes.
    """
    kind = str(primitive)
    partner = next((branch for branch in wanted if branch["type"] in _PROMOTED.get(kind, (kind,))), {})
    meant = partner.get("logicalType")
    if wanted and logical in _TELLING and logical != meant:
        raise _refused(f"a field is written as {logical}, which the canonical schema does not expect there")
    return {"type": partner["type"], "logicalType": meant} if meant else kind


#: What only the definition of a named type has.
_DEFINING: Final = frozenset({"fields", "symbols", "size"})
_PROMOTED: Final[Mapping[str, tuple[str, ...]]] = {"int": ("int", "long")}


def _branches(schema: Json, types: Mapping[str, Json]) -> Iterator[_Object]:
    """Give the types that ``schema`` may stand for, as objects: unions taken apart and names looked up."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _branches(branch, types)
    elif isinstance(schema, str):
        named = types.get(schema)
        yield named if isinstance(named, dict) else {"type": schema}
    elif isinstance(schema, dict):
        yield schema


def _named(document: Json) -> Iterator[tuple[str, Json]]:
    """Give the named types that are defined anywhere in ``document``."""
    if isinstance(document, list):
        for entry in document:
            yield from _named(entry)
    elif isinstance(document, dict):
        if not _DEFINING.isdisjoint(document):
            yield _full_name(document), document
        for entry in document.values():
            yield from _named(entry)


def _fields(record: _Object) -> dict[str, _Object]:
    fields = record["fields"]
    entries = fields if isinstance(fields, list) else []
    return {str(entry["name"]): entry for entry in entries if isinstance(entry, dict)}


def _full_name(document: _Object) -> str:
    return str(document["name"])


def _simple_name(document: _Object) -> str:
    return _full_name(document).rpartition(".")[2]


def _refused(what: str) -> Unreadable:
    return Unreadable(DeadLetterReason.UNDECODABLE, f"the schema does not fit the canonical one: {what}")
