"""A record that is written as JSON → the Avro bytes that a producer would send, by the schema.

For people who try out a record before anything real is sent: what they write goes through the same decoder as
a record from Kafka.

| Avro | is written as |
|---|---|
| null, boolean, string, enum, uuid | itself |
| int, long, float, double | a number |
| bytes, fixed | a text in base64 |
| decimal | a number, or a text of digits |
| timestamp-millis, -micros, -nanos | an RFC 3339 text with an offset, or the number that Avro has |
| local-timestamp-* | the same text without an offset, or the number |
| date, time-millis, time-micros | `2026-03-01`, `12:30:00`, or the number |
| array, map, record | an array, an object |
| union | the value, without a wrapper; where two or more records are in it, `{"full.name": {…}}` |

A field that is left out has its default, or is null where it may be. ``docs/explain.md`` says the same to
users; a test holds both to what is written.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from consumer.core.avro.inspection import Json, WriterSchema, inspect
from consumer.core.avro.leaves import NotFitting, Plain, block, leaf, long, type_name, wanted
from consumer.core.nesting import MAX_LEVELS, is_too_deep

_PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


def parse(text: str) -> Plain:
    """Return what a JSON text holds, numbers with a fraction as exact decimals; raise NotFitting."""
    try:
        value: object = json.loads(text, parse_float=_decimal, parse_constant=_no_constant)
    except NotFitting:
        raise
    except (ValueError, RecursionError):
        raise NotFitting("the text", "is no JSON") from None
    if is_too_deep(text, value):
        raise NotFitting("the text", f"is JSON of more than {MAX_LEVELS} levels")
    return value


def encode(schema: WriterSchema, value: Plain) -> bytes:
    """Return ``value`` as Avro bytes of ``schema``, without any framing.

    Raises :class:`NotFitting` where it is none of the schema, and ``Unreadable`` where the schema can't be
    used.
    """
    inspect(schema)  # bounded and not recursive, so that the walk below ends
    types: dict[str, tuple[dict[str, Json], str]] = {}
    documents: list[Json] = [json.loads(text) for text in (*schema.references, schema.text)]
    for document in documents:
        _name_types(document, "", types)
    return _Encoder(types).encode(documents[-1], "", value, "")


def words(schema: WriterSchema) -> frozenset[str]:
    """Return the names of all fields and the symbols of all enums: what the schema says, nobody's data."""
    types: dict[str, tuple[dict[str, Json], str]] = {}
    for text in (*schema.references, schema.text):
        _name_types(json.loads(text), "", types)
    found: set[str] = set()
    for document, _ in types.values():
        symbols = document.get("symbols")
        found.update(map(str, symbols if isinstance(symbols, list) else ()))
        found.update(str(field.get("name")) for field in _fields(document))
    return frozenset(found)


def _decimal(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent beyond what any decimal has
        raise NotFitting("the text", "has a number of too many digits") from None


def _no_constant(_: str) -> object:
    raise NotFitting("the text", "has a number that is not finite")


def _name_types(document: Json, namespace: str, types: dict[str, tuple[dict[str, Json], str]]) -> None:
    """Collect the named types in ``document`` with the namespace inside of each."""
    if isinstance(document, list):
        for branch in document:
            _name_types(branch, namespace, types)
    if not isinstance(document, dict):
        return
    if isinstance(document.get("name"), str):
        name = _full_name(str(document["name"]), document.get("namespace", namespace))
        namespace = name.rpartition(".")[0]
        types[name] = (document, namespace)
    for part in (document.get("items"), document.get("values")):
        _name_types(part, namespace, types)
    for field in _fields(document):
        _name_types(field.get("type"), namespace, types)


def _full_name(name: str, namespace: Json) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _fields(document: Mapping[str, Json]) -> Sequence[dict[str, Json]]:
    fields = document.get("fields")
    return [field for field in fields if isinstance(field, dict)] if isinstance(fields, list) else ()


class _Encoder:
    """Writes values by types; ``types`` are those with a name, each with the namespace inside of it."""

    def __init__(self, types: Mapping[str, tuple[dict[str, Json], str]]) -> None:
        self._types: Final = types

    def encode(self, kind: Json, namespace: str, value: Plain, path: str) -> bytes:
        if isinstance(kind, list):
            return self.union(kind, namespace, value, path)
        document, namespace = self._resolve(kind, namespace)
        name = str(document["type"])
        nested = _NESTED.get(name)
        if nested is not None:
            return nested(self, document, namespace, value, path)
        return leaf(name, document, self.written(name, value, path), path)

    def written(self, _: str, value: Plain, __: str) -> Plain:
        """Return the value of a type without parts as people write it."""
        return value

    def _resolve(self, kind: Json, namespace: str) -> tuple[dict[str, Json], str]:
        if isinstance(kind, dict):
            name = kind.get("name")
            inner = (
                self._types[_full_name(name, kind.get("namespace", namespace))][1]
                if isinstance(name, str)
                else namespace
            )
            return kind, inner
        if isinstance(kind, str) and kind in _PRIMITIVES:
            return {"type": kind}, namespace
        return self._types[_full_name(str(kind), namespace)]

    def record(self, document: Mapping[str, Json], namespace: str, value: Plain, path: str) -> bytes:
        given = _object(value, path)
        fields = _fields(document)
        unknown = sorted(given.keys() - {str(field["name"]) for field in fields})
        if unknown:
            # The name comes from the text, not from the schema: it is told only by where it stands.
            raise NotFitting(path, f"has {len(unknown)} field(s) that the schema does not have")
        return b"".join(self._field(field, namespace, given, path) for field in fields)

    def _field(
        self, field: Mapping[str, Json], namespace: str, given: Mapping[str, object], path: str
    ) -> bytes:
        name, kind = str(field["name"]), field["type"]
        below = f"{path}.{name}" if path else name
        if name in given:
            return self.encode(kind, namespace, given[name], below)
        if "default" in field:
            return _DefaultEncoder(self._types).encode(kind, namespace, field["default"], below)
        if isinstance(kind, list) and "null" in kind:
            return self.encode(kind, namespace, None, below)
        raise NotFitting(below, "is missing, and the schema has no default for it")

    def array(self, document: Mapping[str, Json], namespace: str, value: Plain, path: str) -> bytes:
        if not isinstance(value, list):
            raise wanted(value, "an array", path)
        entries = [
            self.encode(document["items"], namespace, entry, f"{path}[{at}]")
            for at, entry in enumerate(value)
        ]
        return block(entries)

    def map(self, document: Mapping[str, Json], namespace: str, value: Plain, path: str) -> bytes:
        entries = [
            leaf("string", {}, key, f"{path}.*")
            + self.encode(document["values"], namespace, entry, f"{path}.*")
            for key, entry in _object(value, path).items()
        ]
        return block(entries)

    def union(self, branches: Sequence[Json], namespace: str, value: Plain, path: str) -> bytes:
        names = [self._branch_name(branch, namespace) for branch in branches]
        if sum(name is not None for name in names) > 1 and isinstance(value, dict):
            return self._named_branch(branches, names, namespace, value, path)
        for number, branch in enumerate(branches):
            try:
                body = self.encode(branch, namespace, value, path)
            except NotFitting:
                continue
            return long(number) + body
        if len([branch for branch in branches if branch != "null"]) == 1 and value is not None:
            other = next(branch for branch in branches if branch != "null")
            self.encode(other, namespace, value, path)  # tells what is wrong in it
        raise NotFitting(path, f"is {type_name(value)}, which fits none of its types")

    def _named_branch(
        self,
        branches: Sequence[Json],
        names: Sequence[str | None],
        namespace: str,
        value: Mapping[str, object],
        path: str,
    ) -> bytes:
        """Write the record that ``{"full.name": {…}}`` names."""
        for number, name in enumerate(names):
            if name is not None and value.keys() == {name}:
                return long(number) + self.encode(branches[number], namespace, value[name], path)
        known = ", ".join(name for name in names if name is not None)
        raise NotFitting(
            path, f'has several records to choose from: write {{"NAME": {{...}}}}, NAME of {known}'
        )

    def _branch_name(self, branch: Json, namespace: str) -> str | None:
        """Return the full name of a branch that is a record."""
        if isinstance(branch, list) or (isinstance(branch, str) and branch in _PRIMITIVES):
            return None
        document, inner = self._resolve(branch, namespace)
        if document.get("type") != "record":
            return None
        return _full_name(str(document["name"]), document.get("namespace", inner))


class _DefaultEncoder(_Encoder):
    """Writes defaults as schemas have them: bytes are characters up to U+00FF, a union has no wrapper."""

    def written(self, name: str, value: Plain, path: str) -> Plain:
        if name in {"bytes", "fixed"} and isinstance(value, str):
            try:
                return value.encode("latin-1")
            except UnicodeEncodeError:
                raise NotFitting(path, "has a default that stands for no bytes") from None
        return Decimal(repr(value)) if isinstance(value, float) else value

    def union(self, branches: Sequence[Json], namespace: str, value: Plain, path: str) -> bytes:
        """Write the first branch that fits; until Avro 1.12 it had to be the first of all."""
        for number, branch in enumerate(branches):
            try:
                return long(number) + self.encode(branch, namespace, value, path)
            except NotFitting:
                continue
        raise NotFitting(path, "has a default that fits none of its types")


def _enum(_: _Encoder, document: Mapping[str, Json], __: str, value: Plain, path: str) -> bytes:
    known = document["symbols"]
    if not isinstance(value, str) or not isinstance(known, list) or value not in known:
        raise NotFitting(path, "is no symbol of its enum")
    return long(known.index(value))


_NESTED: Final[Mapping[str, Callable[[_Encoder, Mapping[str, Json], str, Plain, str], bytes]]] = {
    "record": _Encoder.record,
    "array": _Encoder.array,
    "map": _Encoder.map,
    "enum": _enum,
}


def _object(value: Plain, path: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise wanted(value, "an object", path)
    return value
