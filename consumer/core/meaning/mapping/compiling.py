"""A mapping that was read → sources that are ready to run, or all that is wrong with it at once."""

from collections import abc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from consumer.core.avro.inspection import WriterSchema
from consumer.core.errors import Unreadable
from consumer.core.meaning.mapping.actions import Does
from consumer.core.meaning.mapping.converters import DecodeNested
from consumer.core.meaning.mapping.language import Nested, SourceDefinition
from consumer.core.meaning.mapping.lint import lint, warnings
from consumer.core.meaning.mapping.reading import Reading
from consumer.core.meaning.mapping.sources import Source
from consumer.core.meaning.mapping.walking import nested_files
from consumer.core.settings.documents import Finding, Node

#: Makes a decoder of a schema. Raises Unreadable for one that can't be used.
OpenSchema: TypeAlias = Callable[[WriterSchema], DecodeNested]


@dataclass(frozen=True, slots=True)
class Mapping:
    """All sources. ``route_names`` are those of routes that skip: they become reasons of settled records."""

    sources: tuple[Source, ...]
    route_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """A mapping, or None and all that is wrong with it. ``warnings`` keep nothing from starting."""

    mapping: Mapping | None
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...] = ()


def mapping_files(reading: Reading) -> tuple[tuple[str, Node], ...]:
    """Return every schema file of bytes inside of records, as written, with the place that names it.

    Each file is named once. The files of ``decoding`` are not among them: they belong to the decoder.
    """
    named: dict[str, Node] = {}
    for nested in _nested(reading.sources):
        named.setdefault(nested.file, Node(nested.place, nested.file))
    return tuple(named.items())


def compile_mapping(
    reading: Reading,
    schemas: abc.Mapping[str, WriterSchema] | None = None,
    open_schema: OpenSchema | None = None,
    *,
    converting: bool = False,
) -> CompiledMapping:
    """Return the mapping that was read, or every mistake in it at once. Pure; never raises.

    ``schemas`` has the schema in each file that :func:`mapping_files` names and ``open_schema`` reads nested
    Avro bytes. ``converting``: amounts are converted by the event's date, so every capture needs one.
    """
    findings = list(reading.findings)
    judged = lint(reading.sources, converting=converting)
    findings += [each for each in judged if not _is_told(each, reading.findings)]
    decoders: dict[str, DecodeNested] = {}
    for nested in _nested(reading.sources):
        opened = _opened(nested, schemas or {}, open_schema)
        if isinstance(opened, Finding):
            findings.append(opened)
        else:
            decoders[nested.file] = opened
    findings.sort(key=lambda finding: finding.source.line)
    if findings:
        return CompiledMapping(None, tuple(findings))
    sources = tuple(Source(each, decoders, converting=converting) for each in reading.sources)
    return CompiledMapping(Mapping(sources, _skipping(reading.sources)), (), tuple(warnings(reading.sources)))


def _is_told(judged: Finding, findings: abc.Sequence[Finding]) -> bool:
    """Tell whether something is wrong already with the form of the field that was judged."""
    path = judged.path
    return path[-2:-1] == ("set",) and any(each.path[: len(path)] == path for each in findings)


def _nested(sources: tuple[SourceDefinition, ...]) -> Iterator[Nested]:
    for source in sources:
        yield from nested_files(source)


def _skipping(sources: tuple[SourceDefinition, ...]) -> tuple[str, ...]:
    routes = (route for source in sources for route in source.routes)
    return tuple(dict.fromkeys(route.name for route in routes if route.does is Does.SKIP))


def _opened(
    nested: Nested, schemas: abc.Mapping[str, WriterSchema], open_schema: OpenSchema | None
) -> DecodeNested | Finding:
    cure = "name a file with one Avro schema in JSON"
    if open_schema is None or nested.file not in schemas:
        return Finding(("sources",), nested.place, "names a schema file that is not there", cure)
    try:
        return open_schema(schemas[nested.file])
    except Unreadable as unreadable:
        return Finding(
            ("sources",), nested.place, f"names a file that is of no use: {unreadable.detail}", cure
        )
