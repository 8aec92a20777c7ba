"""Schemas from outside are data: read them, refuse what could hurt, and rebuild them from what is known.

What fastavro 1.13 does with a hostile schema, measured: 5 kB of data crash the process where the schema
contains itself, 6 bytes become an array of 200 million nulls, and a schema that carries fastavro's own
marker is believed unread. So nothing reaches fastavro but a copy that was built here, of bounded depth and
size, and each schema gets the largest message that can't become too much (``consumer.core.avro.weights``).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias, TypeGuard

from consumer.core.avro.logical import MAX_SCALE, reading_name
from consumer.core.avro.weights import (
    ENUM,
    PRIMITIVES,
    Weight,
    weigh_array,
    weigh_fixed,
    weigh_logical,
    weigh_map,
    weigh_record,
    weigh_union,
)
from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import DeadLetterReason

Json: TypeAlias = str | int | float | bool | list["Json"] | dict[str, "Json"] | None
#: A type of a schema that was rebuilt here: a name, a union, or an object.
Document: TypeAlias = str | list[Json] | dict[str, Json]

#: Bounds on a schema. Payment events need a tenth of each.
MAX_SCHEMA_BYTES: Final = 256 * 1024
MAX_LEVELS: Final = 32
MAX_FIELDS: Final = 500
MAX_FIELDS_UNFOLDED: Final = 5_000
MAX_BRANCHES: Final = 2_000
MAX_FIXED_BYTES: Final = 64 * 1024
#: Bounds on what one schema may refer to: other schemas, and how deep they refer to others in turn.
MAX_REFERENCES: Final = 32
MAX_REFERENCE_LEVELS: Final = 8

_LOGICAL_FIXED: Final = frozenset({"decimal", "uuid"})
_UUID_BYTES: Final = 16


class WriterSchema(NamedTuple):
    """The text of an Avro schema, and of those it refers to: each needs only the ones before it."""

    text: str
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inspected:
    """A schema that is safe to decode with.

    ``documents`` are rebuilt copies for fastavro: those referred to, then the schema itself. Types have full
    names; documentation, defaults and properties are gone, save logical types and a decimal's scale. ``name``
    is the full name of the record, None where the schema is another type.
    """

    name: str | None
    documents: tuple[Document, ...]
    weight: Weight

    @property
    def max_bytes(self) -> int:
        """The largest body that may be decoded with the schema."""
        return self.weight.max_bytes


def inspect(schema: WriterSchema) -> Inspected:
    """Return ``schema`` rebuilt; raise :class:`Unreadable` (``undecodable``) if it is broken or hostile."""
    texts = (*schema.references, schema.text)
    if sum(len(text.encode(errors="surrogatepass")) for text in texts) > MAX_SCHEMA_BYTES:
        raise unusable(f"is larger than {MAX_SCHEMA_BYTES // 1024} kB")
    inspector = _Inspector()
    documents, weight = [], PRIMITIVES["null"]
    for text in texts:
        document, weight = inspector.read(_parse(text), namespace="", level=1)
        documents.append(document)
    main = documents[-1]
    name = main["name"] if isinstance(main, dict) and main["type"] == "record" else None
    return Inspected(name if isinstance(name, str) else None, tuple(documents), weight)


_Reader: TypeAlias = Callable[[dict[str, Json], str, int], tuple[Document, Weight]]


class _Inspector:
    """Reads the documents of one schema in turn; types named in one are known to the next."""

    def __init__(self) -> None:
        self._named: dict[str, Weight | None] = {}  # None: being read
        self._fields = 0
        self._branches = 0
        self._readers: Final[Mapping[str, _Reader]] = {
            "record": self._record,
            "array": self._array,
            "map": self._map,
            "enum": self._enum,
            "fixed": self._fixed,
        }

    def read(self, schema: Json, *, namespace: str, level: int) -> tuple[Document, Weight]:
        """Return the rebuilt ``schema`` and what its values weigh; ``level`` is how deep it stands."""
        if level > MAX_LEVELS:
            raise unusable(f"is nested deeper than {MAX_LEVELS} levels")
        if isinstance(schema, str):
            return self._reference(schema, namespace, level)
        if isinstance(schema, list):
            return self._union(schema, namespace, level)
        if not isinstance(schema, dict):
            raise unusable("has a type that is neither a name, a union nor an object")
        return self._object(schema, namespace, level)

    def _object(self, schema: dict[str, Json], namespace: str, level: int) -> tuple[Document, Weight]:
        kind = schema.get("type")
        if not isinstance(kind, str):
            raise unusable("has an object whose type is no name")
        if kind in PRIMITIVES:
            return _primitive(kind, schema)
        reader = self._readers.get(kind)
        if reader is None:
            raise unusable("has an object of a type that Avro does not have")
        return reader(schema, namespace, level)

    def _reference(self, name: str, namespace: str, level: int) -> tuple[Document, Weight]:
        if name in PRIMITIVES:
            return name, PRIMITIVES[name]
        full_name = name if "." in name or not namespace else f"{namespace}.{name}"
        if full_name not in self._named:
            raise unusable("names a type that it does not define")
        weight = self._named[full_name]
        if weight is None:
            raise unusable("contains itself")
        if level + weight.levels - 1 > MAX_LEVELS:
            raise unusable(f"is nested deeper than {MAX_LEVELS} levels")
        return full_name, weight

    def _union(self, branches: list[Json], namespace: str, level: int) -> tuple[Document, Weight]:
        if not branches or any(isinstance(branch, list) for branch in branches):
            raise unusable("has a union that is empty or holds a union")
        self._branches += len(branches)
        if self._branches > MAX_BRANCHES:
            raise unusable(f"has more than {MAX_BRANCHES} branches in its unions")
        read = [self.read(branch, namespace=namespace, level=level + 1) for branch in branches]
        records = sum(map(_may_be_record, branches))
        weight = weigh_union([weight for _, weight in read], told=records > 1)
        return [document for document, _ in read], _bounded(weight)

    def _record(self, schema: dict[str, Json], namespace: str, level: int) -> tuple[Document, Weight]:
        name = self._define(schema, namespace)
        fields = schema.get("fields")
        if not isinstance(fields, list):
            raise unusable("has a record without a list of fields")
        self._fields += len(fields)
        if self._fields > MAX_FIELDS:
            raise unusable(f"has more than {MAX_FIELDS} fields")
        inner = name.rpartition(".")[0]
        read = [(_field_name(field), *self._field(field, inner, level)) for field in fields]
        if len({field_name for field_name, _, _ in read}) < len(read):
            raise unusable("has a record with two fields of one name")
        weight = _bounded(weigh_record([weight for _, _, weight in read]))
        self._named[name] = weight
        rebuilt: list[Json] = [{"name": field_name, "type": document} for field_name, document, _ in read]
        return {"type": "record", "name": name, "fields": rebuilt}, weight

    def _field(self, field: Json, namespace: str, level: int) -> tuple[Document, Weight]:
        if not isinstance(field, dict) or "type" not in field:
            raise unusable("has a field without a type")
        return self.read(field["type"], namespace=namespace, level=level + 1)

    def _array(self, schema: dict[str, Json], namespace: str, level: int) -> tuple[Document, Weight]:
        document, item = self.read(schema.get("items"), namespace=namespace, level=level + 1)
        if item.least == 0:
            raise unusable("has an array whose items take no bytes")
        return {"type": "array", "items": document}, weigh_array(item)

    def _map(self, schema: dict[str, Json], namespace: str, level: int) -> tuple[Document, Weight]:
        document, value = self.read(schema.get("values"), namespace=namespace, level=level + 1)
        if value.least == 0:
            raise unusable("has a map whose values take no bytes")
        return {"type": "map", "values": document}, weigh_map(value)

    def _enum(self, schema: dict[str, Json], namespace: str, _: int) -> tuple[Document, Weight]:
        name = self._define(schema, namespace)
        symbols = schema.get("symbols")
        if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
            raise unusable("has an enum without a list of symbols")
        self._named[name] = ENUM
        return {"type": "enum", "name": name, "symbols": symbols}, ENUM

    def _fixed(self, schema: dict[str, Json], namespace: str, _: int) -> tuple[Document, Weight]:
        name = self._define(schema, namespace)
        size = schema.get("size")
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_FIXED_BYTES:
            raise unusable(f"has a fixed type that is not 1 to {MAX_FIXED_BYTES // 1024} kB large")
        logical = _logical("fixed", schema)
        if logical.get("logicalType") == "uuid" and size != _UUID_BYTES:
            logical = {}
        weight = _weigh("fixed", weigh_fixed(size), logical)
        self._named[name] = weight
        return {"type": "fixed", "name": name, "size": size, **logical}, weight

    def _define(self, schema: dict[str, Json], namespace: str) -> str:
        """Return the full name of the type that ``schema`` defines, and mark it as being read."""
        name, own = schema.get("name"), schema.get("namespace", namespace)
        if not isinstance(name, str) or not name or not isinstance(own, str):
            raise unusable("has a named type without a name")
        full_name = name if "." in name or not own else f"{own}.{name}"
        if full_name in self._named:
            raise unusable("defines a type twice")
        self._named[full_name] = None
        return full_name


def _parse(text: str) -> Json:
    try:
        document: Json = json.loads(text)
    except (ValueError, RecursionError):
        raise unusable("is no JSON") from None
    return document


def _primitive(kind: str, schema: Mapping[str, Json]) -> tuple[Document, Weight]:
    logical = _logical(kind, schema)
    weight = _weigh(kind, PRIMITIVES[kind], logical)
    return ({"type": kind, **logical} if logical else kind), weight


def _logical(kind: str, schema: Mapping[str, Json]) -> dict[str, Json]:
    """Return what says which logical type ``schema`` is of; nothing where that breaks the specification.

    A decimal that is none is read as the type under it, as the specification asks. Whether its digits fit
    into its bytes is not looked at: the number is the same.
    """
    logical = schema.get("logicalType")
    if not isinstance(logical, str) or (kind == "fixed" and logical not in _LOGICAL_FIXED):
        return {}
    if logical != "decimal":
        return {"logicalType": logical}
    precision, scale = schema.get("precision"), schema.get("scale", 0)
    if not (_is_count(precision) and _is_count(scale)) or precision < 1:
        return {}
    if not 0 <= scale <= min(precision, MAX_SCALE):
        return {}
    return {"logicalType": logical, "scale": scale}


def _is_count(value: Json) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _weigh(kind: str, plain: Weight, logical: Mapping[str, Json]) -> Weight:
    reading = reading_name(kind, logical.get("logicalType"))
    return weigh_logical(plain, str(logical["logicalType"])) if reading else plain


def _may_be_record(branch: Json) -> bool:
    """Tell whether ``branch`` is a record, or the name of what may be one."""
    return branch not in PRIMITIVES if isinstance(branch, str) else _is_record(branch)


def _is_record(branch: Json) -> bool:
    return isinstance(branch, dict) and branch.get("type") == "record"


def _bounded(weight: Weight) -> Weight:
    if weight.fields > MAX_FIELDS_UNFOLDED:
        raise unusable(f"unfolds to more than {MAX_FIELDS_UNFOLDED} fields")
    return weight


def _field_name(field: Json) -> str:
    name = field.get("name") if isinstance(field, dict) else None
    if not isinstance(name, str):
        raise unusable("has a field without a name")
    return name


def unusable(what: str) -> Unreadable:
    """Return the error for a schema that can never be used; ``what`` follows on "the schema"."""
    return Unreadable(DeadLetterReason.UNDECODABLE, f"the schema {what}")
