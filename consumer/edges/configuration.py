"""The configuration file, the environment and the files that they name → settings."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.linking import shelf_with
from consumer.core.avro.mapped import MappedCodec
from consumer.core.avro.nested import NestedAvro
from consumer.core.errors import ConfigurationError, Unreadable
from consumer.core.meaning.mapping import compile_mapping, mapping_files, read_mapping
from consumer.core.meaning.mapping.reading import Reading as MappingReading
from consumer.core.settings import configuration, documents, environment
from consumer.core.settings.configuration import Reading
from consumer.core.settings.documents import Finding, Node, Source
from consumer.core.settings.kafka_properties import Role
from consumer.core.settings.tree import Settings

_CURE: Final = "check the path and who may read it"


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """Return the settings in the file ``path`` and the variables ``environ``, which win over it.

    Raises :class:`ConfigurationError` with every mistake that can be found without the libraries the
    settings are for; a file that is missing or can't be read is one.
    """
    return read(path, environ).unwrap()


def read(path: Path, environ: Mapping[str, str]) -> Reading:
    """Return what the file ``path`` and the variables ``environ`` come to, mistakes included.

    Raises :class:`ConfigurationError` where the file can't be read or is no YAML at all.
    """
    held = _read_file(path)
    if held.fault:
        raise ConfigurationError([Finding((), Source(str(path)), held.fault, _CURE).mistake()])
    document = documents.read(held.text, Source(str(path), 1))
    if document.root is None:
        raise ConfigurationError([finding.mistake() for finding in document.findings])
    root, findings = _with_variables(document.root, environ)
    root, more = _with_files(root)
    reading = configuration.parse(root, (*document.findings, *findings, *more))
    mapping = documents.child(root, ("mapping",))
    if mapping is None or not isinstance(mapping.value, str):
        return reading
    return _with_mapping(reading, mapping, Path(mapping.value))


def _with_mapping(reading: Reading, named: Node, path: Path) -> Reading:
    """Return ``reading`` with the mapping in the file ``path``, which ``named`` names."""
    held = _read_file(path)
    if held.fault:
        what = f"names a file that {held.fault}"
        return reading.with_findings([Finding(("mapping",), named.source, what, _CURE)])
    document = documents.read(held.text, Source(str(path), 1))
    reading = reading.with_findings(document.findings)
    if document.root is None:
        return reading
    read_once = read_mapping(document.root)
    schemas, findings = _schemas_of(read_once, reading.rest.decoding.schemas)
    nested = NestedAvro(MappedCodec())
    converting = reading.rest.currency.reporting is not None
    compiled = compile_mapping(read_once, schemas, nested.open, converting=converting)
    told = {finding.source for finding in findings}  # what is missing there, the compiler misses too
    rest = tuple(finding for finding in compiled.findings if finding.source not in told)
    return reading.with_findings(findings).with_mapping(replace(compiled, findings=rest), nested, schemas)


def _schemas_of(
    mapping: MappingReading, more: Iterable[Path]
) -> tuple[dict[str, WriterSchema], list[Finding]]:
    """Return the schema in each file that the mapping names, and what is wrong with the others.

    Types that they name and do not define are looked up in one another, and in ``more`` files.
    """
    named = mapping_files(mapping)
    held = {name: _read_file(Path(name)) for name, _ in named}
    listed = {**held, **{str(path): _read_file(path) for path in more}}
    shelf = shelf_with({name: each.text for name, each in listed.items() if not each.fault})
    schemas, findings = {}, []
    for name, node in named:
        what = held[name].fault
        try:
            schemas[name] = shelf.link(held[name].text)
        except Unreadable as unreadable:
            what = f"is of no use: {unreadable.detail}"
        if what:
            schemas.pop(name, None)
            findings.append(Finding(("sources",), node.source, f"names a file that {what}", _CURE))
    return schemas, findings


class _Held(NamedTuple):
    """What a file held, or why that is not known (else empty)."""

    text: str = ""
    fault: str = ""


def _read_file(path: Path) -> _Held:
    try:
        with path.open("rb") as file:
            data = file.read(documents.MAX_CHARACTERS + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        return _Held(fault=f"can't be read: {error.strerror}")
    except ValueError:
        # No UTF-8, or a path with a NUL in it.
        return _Held(fault="can't be read: it is no text in UTF-8")
    if len(data) > documents.MAX_CHARACTERS:
        return _Held(fault=f"is longer than {documents.MAX_CHARACTERS} bytes")
    return _Held(text)


def _with_variables(root: Node, environ: Mapping[str, str]) -> tuple[Node, list[Finding]]:
    """Return ``root`` with the keys that variables set, and what is wrong with the variables."""
    variables = environment.read_names(environ)
    findings = list(variables.findings)
    for variable in variables.found:
        source = Source(variable.name)
        held = _read_file(Path(variable.text)) if variable.from_file else _Held(variable.text)
        if held.fault:
            findings.append(Finding(variable.path, source, f"names a file that {held.fault}", _CURE))
            continue
        document = documents.read(held.text, source, variable.path, secret=variable.from_file)
        findings += document.findings
        if document.root is not None:
            root = configuration.override(root, variable.path, document.root)
    return root, findings


def _with_files(root: Node) -> tuple[Node, list[Finding]]:
    """Return ``root`` with what the files held in place of ``{file: PATH}``, and what is wrong with them."""
    findings = []
    for path, node, name in _references(root):
        held = _read_file(Path(name))
        fault = held.fault or ("" if held.text.strip() else "is empty")
        if fault:
            findings.append(Finding(path, node.source, f"names a file that {fault}", _CURE))
        else:
            value = replace(node, value=held.text.rstrip("\r\n"), secret=True)
            root = configuration.override(root, path, value)
    return root, findings


def _references(root: Node) -> Iterator[tuple[tuple[str, ...], Node, str]]:
    """Yield path, value and file name of every pass-through property that a file holds."""
    for role in Role:
        path = (role.value, "properties")
        properties = documents.child(root, path)
        if properties is None or not isinstance(properties.value, Mapping):
            continue
        for name, node in properties.value.items():
            if isinstance(node.value, Mapping) and node.value.keys() == {"file"}:
                file = node.value["file"].value
                if isinstance(file, str):
                    yield (*path, name), node, file
