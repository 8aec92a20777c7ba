"""Schemas that are written over several files: what a file names and another one defines is found there.

A linked schema refers to whole files, as one in a registry refers to others. For its fingerprint it is
written out: every type is defined where it is used first, as producers do who have it in one piece.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

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


class Shelf:
    """The texts of schema files to look types up in. What is no schema has none."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts: Final = tuple(dict.fromkeys(texts))
        self._defined: Final[dict[str, str]] = {}
        for text in self._texts:
            for name in _names(text)[0]:
                self._defined.setdefault(name, text)

    def link(self, text: str) -> WriterSchema:
        """Return the schema ``text`` with the files that it needs, each behind those that it needs itself.

        A type that no file defines is left to be refused by whoever reads the schema; of two files that have
        one the first is taken. Raises :class:`Unreadable` (``undecodable``) where that are too many files.
        """
        found: dict[str, None] = {}
        self._collect(text, found, (text,))
        return WriterSchema(text, tuple(found))

    def helpers(self, others: Iterable[str] = ()) -> frozenset[str]:
        """Return the texts of the shelf that others on it, or those given, need."""
        return frozenset(needed for text in (*self._texts, *others) for needed in self._needed(text))

    def _collect(self, text: str, found: dict[str, None], way: tuple[str, ...]) -> None:
        for needed in self._needed(text):
            if needed in found or needed in way:
                continue  # files that need each other: what is missing then is refused
            if len(way) > MAX_REFERENCE_LEVELS or len(found) >= MAX_REFERENCES:
                raise unusable("refers to too many others")
            self._collect(needed, found, (*way, needed))
            found[needed] = None

    def _needed(self, text: str) -> Iterator[str]:
        defined, used = _names(text)
        for name in used:
            if name not in defined and name in self._defined and self._defined[name] != text:
                yield self._defined[name]


def _names(text: str) -> tuple[dict[str, None], dict[str, None]]:
    """Return the full names that a schema defines, and those that it uses; none of what is no schema."""
    defined: dict[str, None] = {}
    used: dict[str, None] = {}

    def look(schema: Json, namespace: str) -> None:
        if isinstance(schema, str):
            if schema not in PRIMITIVES:
                used[_full(schema, namespace)] = None
        elif isinstance(schema, list):
            for branch in schema:
                look(branch, namespace)
        elif isinstance(schema, dict):
            inner = namespace
            if schema.get("type") in _NAMED and isinstance(schema.get("name"), str):
                name = _full(str(schema["name"]), schema.get("namespace", namespace))
                defined[name] = None
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


def _full(name: str, namespace: Json) -> str:
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
