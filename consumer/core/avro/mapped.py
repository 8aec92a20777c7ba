"""Avro bytes of any schema become plain values, as their writer meant them.

| Avro | becomes |
|---|---|
| null, boolean, int, long, double, string, bytes, fixed | None, bool, int, float, str, bytes |
| float | float, of the fewest digits that are the same 32 bits: 19.99, not 19.989999771118164 |
| enum | its symbol, a str |
| array, map, record | list, dict, dict |
| a record where a union has two or more of them | a tuple of its full name and the dict |
| decimal, big-decimal | Decimal, exact to the last digit |
| timestamp-millis, timestamp-micros | datetime in UTC; the local- ones without a zone |
| timestamp-nanos, local-timestamp-nanos | int, nanoseconds: a datetime would lose three digits |
| date, time-millis, time-micros | date, time |
| uuid | str: a text as it was written, 16 bytes in the usual form |
| duration, and what nobody knows | the type under it |

``docs/decoding.md`` says the same to users; a test holds both to what is decoded.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fastavro import schemaless_reader
from msgspec import Struct

from consumer.core.avro.border import READY_SCHEMAS, Refusal, meaning, prepare, too_large, undecodable
from consumer.core.avro.inspection import Document, Json, WriterSchema, inspect
from consumer.core.avro.logical import SHORTEST_FLOAT, read_long, reading_name
from consumer.core.avro.weights import MESSAGE_BUDGET, PRIMITIVES, Weight
from consumer.core.errors import Unreadable

#: Symbols that may be repeated for enums that stand in unions beside records; see ``_Fitting``.
MAX_REPEATED_SYMBOLS: Final = 10_000
_FLOAT: Final = "float"


class Decoded(Struct, frozen=True, gc=False):
    """A value and the full name of its record, enum or fixed type; for other types the type's own name."""

    name: str
    value: object


class Budget:
    """What all Avro values inside of one record may cost together, beside the record itself.

    One is made for each record. Without it an array of a thousand small bombs would cost a thousand times
    what one may.
    """

    __slots__ = ("left",)

    def __init__(self, units: int = MESSAGE_BUDGET) -> None:
        self.left = units

    def spend(self, units: int) -> None:
        """Take ``units`` off; raise :class:`Unreadable` (``undecodable``) where they are not there."""
        if units > self.left:
            raise undecodable(
                "the Avro values inside of the record are together larger than is safe to decode"
            )
        self.left -= units


@dataclass(frozen=True, slots=True)
class _Root:
    """A schema that values are decoded with; ``wrapped``: it is a record around the one field ``value``."""

    name: str
    document: Document
    wrapped: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """How values of one writer schema are decoded: by its root, or by the one that the value names first."""

    roots: tuple[_Root, ...]
    is_union: bool
    tells_records: bool
    weight: Weight
    max_bytes: int


class MappedCodec:
    """Decodes records of any schema with the schema that wrote them; nothing is resolved, nothing left out.

    Schemas are kept ready, at most :data:`consumer.core.avro.border.READY_SCHEMAS`.
    """

    def __init__(self) -> None:
        self._plan = lru_cache(maxsize=READY_SCHEMAS)(_make_plan)

    def examine(self, schema: WriterSchema) -> None:
        """Raise :class:`Unreadable` (``undecodable``) if no value of ``schema`` can be decoded."""
        self._usable(schema)

    def decode(self, schema: WriterSchema, body: bytes) -> Decoded:
        """Return what ``schema`` wrote as ``body``.

        Raises :class:`Unreadable` (``undecodable``) where the schema is hostile or broken, or the body is too
        large, does not fit, has bytes left over, or holds what its logical type can't be.
        """
        return _decode(self._usable(schema), body)

    def decode_nested(self, schema: WriterSchema, body: bytes, budget: Budget) -> Decoded:
        """Return what ``schema`` wrote as ``body``, bytes within a record, and take its cost off ``budget``.

        Raises :class:`Unreadable` as :meth:`decode` does, and where the budget is used up.
        """
        plan = self._usable(schema)
        budget.spend(plan.weight.cost(len(body)))
        return _decode(plan, body)

    def _usable(self, schema: WriterSchema) -> _Plan:
        plan = self._plan(schema)
        if isinstance(plan, Refusal):
            raise undecodable(plan.detail)
        return plan


def _decode(plan: _Plan, body: bytes) -> Decoded:
    if len(body) > plan.max_bytes:
        raise too_large(plan.max_bytes)
    stream = io.BytesIO(body)
    try:
        root = _branch(plan, body, stream) if plan.is_union else plan.roots[0]
        value: object = schemaless_reader(
            stream,
            root.document,
            None,
            return_record_name=plan.tells_records,
            return_record_name_override=plan.tells_records,
        )
    except Exception as error:  # noqa: BLE001 - a border: fastavro raises whatever it stumbles over
        problem = meaning(error)
    else:
        if stream.tell() == len(body):
            return Decoded(root.name, value["value"] if root.wrapped and isinstance(value, dict) else value)
        problem = "bytes are left over after the value"
    # Raised here and not above, so that fastavro's exception, which can hold data, does not hang on it.
    raise undecodable(problem)


def _branch(plan: _Plan, body: bytes, stream: io.BytesIO) -> _Root:
    """Return the branch that the value names, and have ``stream`` go on behind its number."""
    index, start = read_long(body, 0)
    if not 0 <= index < len(plan.roots):
        raise IndexError
    stream.seek(start)
    return plan.roots[index]


def _make_plan(schema: WriterSchema) -> _Plan | Refusal:
    try:
        inspected = inspect(schema)
        *referred, main = inspected.documents
        fitting = _Fitting()
        before = [fitting.fit(document) for document in referred]
        branches = main if isinstance(main, list) else [main]
        roots = [fitting.fit(branch) for branch in branches]
        wrap = isinstance(main, list) or not fitting.is_record(main)
        documents = [_wrapped(root, number) for number, root in enumerate(roots)] if wrap else roots
        prepared = prepare([*before, *documents]).documents[len(before) :]
    except Unreadable as unreadable:
        return Refusal(unreadable.detail)
    # fastavro takes twice as long for every union once it has to tell records apart in one.
    weight = inspected.weight.times(2) if fitting.tells_records else inspected.weight
    return _Plan(
        roots=tuple(map(_Root, map(_name, roots), prepared, [wrap] * len(roots))),
        is_union=isinstance(main, list),
        tells_records=fitting.tells_records,
        weight=weight,
        max_bytes=weight.max_bytes,
    )


def _wrapped(document: Document, number: int) -> Document:
    """Return a record around ``document``, on the wire the same bytes.

    By itself fastavro takes no name of a type for a schema, and for a union does not tell what it has read.
    """
    return {
        "type": "record",
        "name": f"mapped.Root{number}",
        "fields": [{"name": "value", "type": document}],
    }


def _name(document: Document) -> str:
    if isinstance(document, dict):
        return str(document.get("name", document["type"]))
    return document if isinstance(document, str) else "union"


class _Fitting:
    """Makes of rebuilt documents those that fastavro reads as this module promises; definitions come first.

    ``tells_records``: some union has two or more records, so that fastavro has to tell which it has read. It
    takes every name of a type for a record's then, so an enum or a fixed type that a union names stands there
    as a copy with a name of its own.
    """

    def __init__(self) -> None:
        self.tells_records = False
        self._leaves: Final[dict[str, dict[str, Json]]] = {}  # enums and fixed types, by name
        self._copies = 0
        self._repeated = 0

    def is_record(self, document: Json) -> bool:
        """Tell whether ``document`` is a record itself, not the name of one."""
        return isinstance(document, dict) and document["type"] == "record"

    def fit(self, document: Json) -> Document:
        """Return ``document`` with the logical types of ``consumer.core.avro.logical``."""
        if isinstance(document, list):
            return self._union(document)
        if not isinstance(document, dict):
            return dict(SHORTEST_FLOAT) if document == _FLOAT else str(document)
        match document["type"]:
            case "record":
                return {**document, "fields": self._fields(document["fields"])}
            case "array":
                return {**document, "items": self.fit(document["items"])}
            case "map":
                return {**document, "values": self.fit(document["values"])}
            case _:
                leaf = _fit_logical(document)
                if "name" in leaf:
                    self._leaves[str(leaf["name"])] = leaf
                return leaf

    def _fields(self, fields: Json) -> list[Json]:
        entries = fields if isinstance(fields, list) else []
        return [{**entry, "type": self.fit(entry["type"])} for entry in entries if isinstance(entry, dict)]

    def _union(self, branches: Sequence[Json]) -> Document:
        fitted: list[Document] = [self.fit(branch) for branch in branches]
        records = sum(map(self._stands_for_record, fitted))
        self.tells_records |= records > 1
        leaves = sum(isinstance(branch, str) and branch in self._leaves for branch in fitted)
        if records + leaves > 1:
            return [self._copy(branch) for branch in fitted]
        return list(fitted)

    def _stands_for_record(self, branch: Document) -> bool:
        if isinstance(branch, str):
            return branch not in PRIMITIVES and branch not in self._leaves
        return self.is_record(branch)

    def _copy(self, branch: Document) -> Document:
        """Return a leaf that ``branch`` names under a name of its own; anything else as it is."""
        leaf = self._leaves.get(branch) if isinstance(branch, str) else None
        if leaf is None:
            return branch
        symbols = leaf.get("symbols")
        self._repeated += len(symbols) if isinstance(symbols, list) else 0
        if self._repeated > MAX_REPEATED_SYMBOLS:
            raise undecodable("the schema names large enums in too many unions")
        self._copies += 1
        return {**leaf, "name": f"copy{self._copies}.{leaf['name']}"}


def _fit_logical(document: dict[str, Json]) -> dict[str, Json]:
    """Return ``document`` with the logical type that reads it, or without any."""
    if document["type"] == _FLOAT:
        return dict(SHORTEST_FLOAT)
    plain = {key: content for key, content in document.items() if key != "logicalType"}
    logical = reading_name(str(document["type"]), document.get("logicalType"))
    return plain if logical is None else {**plain, "logicalType": logical}
