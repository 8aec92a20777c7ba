"""Schemas that are written over several files: what a file names and another one defines is found there.

A linked schema refers to whole files, as one in a registry refers to others. For its fingerprint it is
written out: every type is defined where it is used first, as producers do who have it in one piece.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from consumer.core.avro.inspection import (
    MAX_REFERENCE_LEVELS,
    MAX_REFERENCES,
    Document,
    Json,
    WriterSchema,
    unusable,
)
from consumer.core.avro.weights import PRIMITIVES

_NAMED: Final = frozenset({"record", "enum", "fixed"})
_Definition: TypeAlias = Mapping[str, Json]
_NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})
#: Characters of a type's name in an error.
_NAME_WIDTH: Final = 200


class Shelf:
    """The texts of schema files to look types up in. What is no schema has none.

    ``files`` are the names of the files that texts are from, where they are known.
    """

    def __init__(self, texts: Iterable[str] = (), files: Mapping[str, str] = _NO_NAMES) -> None:
        self._texts: Final = tuple(dict.fromkeys(texts))
        self._files: Final = files
        self._defined: Final[dict[str, dict[str, _Definition]]] = {}
        for text in self._texts:
            for name, definition in _names(text)[0].items():
                self._defined.setdefault(name, {})[text] = definition

    def link(self, text: str) -> WriterSchema:
        """Return the schema ``text`` with the files that it needs, each behind those that it needs itself.

        A type that no file defines is left to be refused by whoever reads the schema; of files that define
        one alike the first is taken. Raises :class:`Unreadable` (``undecodable``) where two define it
        differently, because the order of files must not decide what an amount is, and where that are too
        many files.
        """
        found: dict[str, None] = {}
        self._collect(text, found, (text,))
        return WriterSchema(text, tuple(found))

    def helpers(self, others: Iterable[str] = ()) -> frozenset[str]:
        """Return the texts of the shelf that others on it, or those given, need; never raises.

        Of a type that is defined more than once, all that define it are.
        """
        return frozenset(
            helper
            for text in (*self._texts, *others)
            for name in self._missing(text)
            for helper in self._defined[name]
        )

    def _collect(self, text: str, found: dict[str, None], way: tuple[str, ...]) -> None:
        for needed in self._needed(text):
            if needed in found or needed in way:
                continue  # files that need each other: what is missing then is refused
            if len(way) > MAX_REFERENCE_LEVELS or len(found) >= MAX_REFERENCES:
                raise unusable("refers to too many others")
            self._collect(needed, found, (*way, needed))
            found[needed] = None

    def _needed(self, text: str) -> Iterator[str]:
        for name in self._missing(text):
            first, *others = self._defined[name].items()
            for other, definition in others:
                if not _alike(first[1], definition):
                    raise unusable(f"needs {_quoted(name)}, which {self._both(first[0], other)} differently")
            yield first[0]

    def _missing(self, text: str) -> Iterator[str]:
        """Yield what ``text`` uses and leaves to others, where the shelf has it."""
        defined, used = _names(text)
        yield from (name for name in used if name not in defined and name in self._defined)

    def _both(self, one: str, other: str) -> str:
        if one in self._files and other in self._files:
            return f"{self._files[one]} and {self._files[other]} define"
        return "two files define"


def shelf_with(files: Mapping[str, str]) -> Shelf:
    """Return a shelf of the texts of ``files``, which have these names."""
    return Shelf(files.values(), {text: name for name, text in reversed(tuple(files.items()))})


def _alike(one: _Definition, other: _Definition) -> bool:
    """Tell whether two definitions of a name are the same JSON, in which true is not 1."""
    try:
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    except RecursionError:
        return False


def _quoted(name: str) -> str:
    """Return a name as an error can have it: what is in a file may be long, and no text at all."""
    return ascii(name if len(name) <= _NAME_WIDTH else f"{name[:_NAME_WIDTH]}...")


def _names(text: str) -> tuple[dict[str, _Definition], dict[str, None]]:
    """Return what a schema defines by full name, and the full names that it uses; none of what is no schema.

    A definition has its full name in it: what is in it means the same wherever it stands.
    """
    defined: dict[str, _Definition] = {}
    used: dict[str, None] = {}

    def look(schema: Json, namespace: str) -> None:
        if isinstance(schema, str):
            if schema not in PRIMITIVES:
                used[_full(schema, namespace)] = None
        elif isinstance(schema, list):
            for branch in schema:
                look(branch, namespace)
        elif isinstance(schema, dict):
            inner, kind, own = namespace, schema.get("type"), schema.get("name")
            if isinstance(kind, str) and kind in _NAMED and isinstance(own, str):
                space = schema.get("namespace", namespace)
                name = _full(own, space if isinstance(space, str) else namespace)
                rest = {key: value for key, value in schema.items() if key != "namespace"}
                defined.setdefault(name, {**rest, "name": name})
                inner = name.rpartition(".")[0]
            for part in _parts(schema):
                look(part, inner)

    try:
        look(json.loads(text), "")
    except (ValueError, RecursionError):
        return {}, {}
    return defined, used


def _parts(schema: Mapping[str, Json]) -> Iterator[Json]:
    yield from (schema[key] for key in ("items", "values") if key in schema)
    fields = schema.get("fields")
    entries = fields if isinstance(fields, list) else []
    yield from (field.get("type") for field in entries if isinstance(field, dict))


def _full(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def written_out(documents: Sequence[Document]) -> Document:
    """Return the last of ``documents`` with what it uses of the others in it; they were inspected."""
    *others, main = documents
    types: dict[str, dict[str, Json]] = {}
    for document in others:
        _walk(document, lambda definition: types.setdefault(str(definition["name"]), definition))
    return _Writing(types).write(main)


class _Writing:
    """Writes types out where they are used first; names are full."""

    def __init__(self, types: Mapping[str, dict[str, Json]]) -> None:
        self._types: Final = types
        self._written: Final[set[str]] = set()

    def write(self, schema: Json) -> Document:
        if isinstance(schema, list):
            return [self.write(branch) for branch in schema]
        if isinstance(schema, dict):
            return self._defined(schema)
        name = str(schema)
        return self._defined(self._types[name]) if name in self._types else name

    def _defined(self, schema: dict[str, Json]) -> Document:
        own = schema.get("name")
        if isinstance(own, str):
            if own in self._written:
                return own
            self._written.add(own)
        below: dict[str, Json] = {
            key: self.write(schema[key]) for key in ("items", "values") if key in schema
        }
        if isinstance(fields := schema.get("fields"), list):
            below["fields"] = [
                {**field, "type": self.write(field["type"])} for field in fields if isinstance(field, dict)
            ]
        return {**schema, **below}


def _walk(schema: Json, found: Callable[[dict[str, Json]], object]) -> None:
    if isinstance(schema, list):
        for branch in schema:
            _walk(branch, found)
    elif isinstance(schema, dict):
        if "name" in schema:
            found(schema)
        for part in _parts(schema):
            _walk(part, found)
