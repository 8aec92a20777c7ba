"""Avro schemas as a mapping sees them: where a path leads, and what can stand there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final, TypeAlias

from consumer.core.avro.inspection import WriterSchema
from consumer.core.meaning.mapping.converters import Form
from consumer.core.meaning.mapping.language import First, Index, Name, PathStep, RecordName

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_PRIMITIVES: Final[Mapping[str, Form]] = {
    "string": Form.TEXT,
    "enum": Form.TEXT,
    "bytes": Form.BYTES,
    "fixed": Form.BYTES,
    "int": Form.NUMBER,
    "long": Form.NUMBER,
    "float": Form.NUMBER,
    "double": Form.NUMBER,
    "boolean": Form.BOOLEAN,
    "record": Form.TREE,
    "map": Form.TREE,
    "array": Form.TREE,
}
#: Logical types that are decoded to something else than their primitive; nanoseconds stay numbers.
_LOGICAL: Final[Mapping[str, Form]] = {
    "decimal": Form.NUMBER,
    "uuid": Form.TEXT,
    "date": Form.MOMENT,
    "time-millis": Form.MOMENT,
    "time-micros": Form.MOMENT,
    "timestamp-millis": Form.MOMENT,
    "timestamp-micros": Form.MOMENT,
    "local-timestamp-millis": Form.MOMENT,
    "local-timestamp-micros": Form.MOMENT,
}


class NoSchema(ValueError):
    """A text that is no Avro schema; the text of the error says why."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A path that leads nowhere: its step ``name`` is none of ``known``."""

    name: str
    known: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """What can stand in one place: the types besides null, and whether null can."""

    branches: tuple[dict[str, Json], ...]
    nullable: bool

    @property
    def form(self) -> Form:
        """What the values can be."""
        return reduce(or_, map(_form, self.branches), Form(0))

    @property
    def symbols(self) -> tuple[str, ...] | None:
        """All that can stand there, if that is symbols of enums only."""
        if not self.branches or any(branch["type"] != "enum" for branch in self.branches):
            return None
        return tuple(symbol for branch in self.branches for symbol in _texts(branch.get("symbols")))

    @property
    def inexact(self) -> bool:
        """Whether a number there says nothing of what it counts: an integer or a double, no decimal."""
        return any(
            _form(branch) is Form.NUMBER and branch.get("logicalType") != "decimal"
            for branch in self.branches
        )

    @property
    def record_names(self) -> tuple[str, ...]:
        """The full names of the records that can stand there."""
        return tuple(str(branch["name"]) for branch in self.branches if branch["type"] == "record")


def _form(branch: Mapping[str, Json]) -> Form:
    logical = branch.get("logicalType")
    if isinstance(logical, str) and logical in _LOGICAL:
        return _LOGICAL[logical]
    return _PRIMITIVES[str(branch["type"])]


def _texts(value: Json) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


#: A text: what a record's name is.
NAME_SHAPE: Final = Shape(({"type": "string"},), nullable=False)


class AvroShapes:
    """One schema, read for its shapes with all that it refers to. Raises :class:`NoSchema`."""

    def __init__(self, schema: WriterSchema) -> None:
        self._named: Final[dict[str, dict[str, Json]]] = {}
        try:
            for text in schema.references:
                self._shape(json.loads(text), "")
            self.root: Final = self._shape(json.loads(schema.text), "")
        except (ValueError, KeyError, RecursionError, TypeError) as error:
            raise NoSchema("is no Avro schema") from error

    def follow(self, shape: Shape, steps: Sequence[PathStep]) -> Shape | Unknown:
        """Return what stands at the end of ``steps`` from ``shape`` on."""
        for step in steps:
            below = self._step(shape, step)
            if isinstance(below, Unknown):
                return below
            shape = Shape(
                below.branches, below.nullable or (shape.nullable and not isinstance(step, RecordName))
            )
        return shape

    def entries(self, shape: Shape) -> Shape | None:
        """Return what stands in the lists of ``shape``; None: it has none."""
        lists = [branch for branch in shape.branches if branch["type"] == "array"]
        return _joined([self._below(branch, "items") for branch in lists]) if lists else None

    def _step(self, shape: Shape, step: PathStep) -> Shape | Unknown:
        match step:
            case Name(name):
                return self._named_below(shape, name)
            case RecordName():
                return NAME_SHAPE if shape.record_names else Unknown("$name", ())
            case Index(index):
                entries = self.entries(shape)
                return (
                    Unknown(f"[{index}]", ()) if entries is None else Shape(entries.branches, nullable=True)
                )
            case First(name, _):
                entries = self.entries(shape)
                if entries is None:
                    return Unknown(f"[{name}=…]", ())
                below = self._named_below(entries, name)
                return below if isinstance(below, Unknown) else Shape(entries.branches, nullable=True)

    def _named_below(self, shape: Shape, name: str) -> Shape | Unknown:
        """Return the field or the values of a map; it is there if one branch has it."""
        found: list[Shape] = []
        known: list[str] = []
        for branch in shape.branches:
            if branch["type"] == "map":
                values = self._below(branch, "values")
                found.append(Shape(values.branches, nullable=True))
            elif branch["type"] == "record":
                fields = _fields(branch)
                known += fields
                if name in fields:
                    found.append(self._shape(fields[name], str(branch["name"]).rpartition(".")[0]))
        return _joined(found) if found else Unknown(name, tuple(known))

    def _below(self, branch: Mapping[str, Json], key: str) -> Shape:
        return self._shape(branch[key], str(branch["namespace"]))

    def _shape(self, schema: Json, namespace: str) -> Shape:
        if isinstance(schema, list):
            return _joined([self._shape(branch, namespace) for branch in schema])
        if isinstance(schema, str):
            return self._reference(schema, namespace)
        if not isinstance(schema, dict):
            raise TypeError
        kind = schema["type"]
        if not isinstance(kind, str) or kind not in _PRIMITIVES:
            return self._shape(kind, namespace)
        return Shape((self._defined(schema, namespace),), nullable=False)

    def _reference(self, name: str, namespace: str) -> Shape:
        if name == "null":
            return Shape((), nullable=True)
        if name in _PRIMITIVES:
            return Shape(({"type": name},), nullable=False)
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        return Shape((self._named.get(full) or self._named[name],), nullable=False)

    def _defined(self, schema: dict[str, Json], namespace: str) -> dict[str, Json]:
        """Return ``schema`` with its full name, known from now on, and with what is defined inside of it."""
        if schema["type"] not in {"record", "enum", "fixed"}:
            for key in ("items", "values"):
                if key in schema:
                    self._shape(schema[key], namespace)
            return {**schema, "namespace": namespace}
        name, own = str(schema["name"]), str(schema.get("namespace", namespace))
        full = name if "." in name or not own else f"{own}.{name}"
        if full in self._named:
            return self._named[full]
        known = self._named[full] = {**schema, "name": full}
        if schema["type"] == "record":
            for field in _fields(known).values():
                self._shape(field, full.rpartition(".")[0])
        return known


def _fields(record: Mapping[str, Json]) -> dict[str, Json]:
    fields = record.get("fields")
    entries = fields if isinstance(fields, list) else []
    return {str(field["name"]): field["type"] for field in entries if isinstance(field, dict)}


def _joined(shapes: Sequence[Shape]) -> Shape:
    branches = tuple(branch for shape in shapes for branch in shape.branches)
    return Shape(branches, nullable=any(shape.nullable for shape in shapes))
