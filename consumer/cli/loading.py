"""Settings for a command: what ``run`` and ``check`` find is the same, because both find it here."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from pydantic import ValidationError

from consumer.core.avro.codec import Codec
from consumer.core.avro.mapped import MappedCodec
from consumer.core.avro.schemas import payment_event
from consumer.core.meaning.money import is_currency
from consumer.core.meaning.rate_files import RateFault, doubt
from consumer.core.meaning.rates import RateTable
from consumer.core.settings import documents
from consumer.core.settings.configuration import Reading, plain
from consumer.core.settings.documents import Finding, Node, Source, place
from consumer.core.settings.kafka_properties import Refusal, Role
from consumer.core.settings.mapped import Configured, decoding_of, held_against
from consumer.core.settings.properties import Properties
from consumer.core.settings.tree import RatesSettings, Settings
from consumer.edges import configuration
from consumer.edges.rates import RatesFile
from consumer.edges.schema_files import Examiner, SchemaFault, read_schema, read_schemas, shelf_of


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """Return the settings, or raise :class:`ConfigurationError` with all mistakes."""
    return read(path, environ).unwrap()


def configure(path: Path, environ: Mapping[str, str]) -> Configured:
    """Return the settings and the mapping that they name; raises as :func:`load` does."""
    return read(path, environ).configured()


def read(path: Path, environ: Mapping[str, str]) -> Reading:
    """Return what the configuration comes to, with what schema files and the client libraries say to it.

    Raises :class:`ConfigurationError` where the file can't be read at all.
    """
    reading = configuration.read(path, environ)
    wrong, doubtful = _rates(reading.root)
    reading = reading.with_findings((*_schemas(reading), *wrong, *_by_clients(reading))).with_doubts(doubtful)
    wrong, doubtful = _source_schemas(reading)
    return reading.with_findings(wrong).with_doubts(doubtful)


def _schemas(reading: Reading) -> Iterator[Finding]:
    """Yield what is wrong with the schema files that the settings name.

    Without a mapping they have to be those of canonical events. One that is named and can't be read is one
    all the same: what is wrong with it has been told, and the schemas are not to blame.
    """
    named = documents.child(reading.root, ("mapping",))
    canonical = named is None or named.value is None
    one, several = _schema_nodes(reading.root)
    if not one and not several:
        return
    examiner: Examiner = Codec(payment_event()) if canonical else MappedCodec()
    files = [Path(str(node.value)) for _, node in several]
    shelf = shelf_of(files)
    users = [Path(str(node.value)) for _, node in one]
    found = [*(read_schema(path, examiner, shelf) for path in users), *read_schemas(files, examiner, users)]
    for (path, node), schema in zip((*one, *several), found, strict=True):
        if isinstance(schema, SchemaFault):
            yield Finding(path, node.source, schema.what, schema.cure)


#: A key, and the value that it has.
_Named: TypeAlias = tuple[tuple[str, ...], Node]


def _schema_nodes(root: Node) -> tuple[list[_Named], list[_Named]]:
    """Return the keys that name schema files, and their values: that of raw records, and all others."""
    raw, several = (documents.child(root, ("decoding", key)) for key in ("schema", "schemas"))
    listed = several.value if several is not None and isinstance(several.value, tuple) else ()
    one: list[_Named] = [] if raw is None else [(("decoding", "schema"), raw)]
    more: list[_Named] = [(("decoding", "schemas", str(at)), entry) for at, entry in enumerate(listed)]
    return _texts(one), _texts(more)


def _texts(named: list[_Named]) -> list[_Named]:
    return [(path, node) for path, node in named if isinstance(node.value, str)]


def _source_schemas(reading: Reading) -> tuple[list[Finding], list[Finding]]:
    """Return what is wrong, and what is doubtful, with the schemas that the files say records have.

    Raw records have one schema and no other. Single-object records have one of those in ``decoding.schemas``,
    so what fits none of them is wrong. (With a registry, ``auto`` may mean others.)
    """
    all_wrong: list[Finding] = []
    all_doubtful: list[Finding] = []
    mapping = None if reading.mapping is None else reading.mapping.mapping
    settings = reading.rest
    known = read_schemas(settings.decoding.schemas, MappedCodec()) if mapping is not None else ()
    by_fingerprint = {"single_object", *(["auto"] if settings.schema_registry.url is None else [])}
    for number, source in enumerate(() if mapping is None else mapping.sources):
        decoding = decoding_of(source, settings.decoding)
        found = known if decoding.wire_format in by_fingerprint else ()
        if decoding.schema_file is not None:
            codec = Codec(payment_event()) if source.canonical else MappedCodec()
            found = (read_schema(decoding.schema_file, codec, shelf_of(settings.decoding.schemas)),)
            if isinstance(found[0], SchemaFault):
                path = ("sources", str(number), "decoding", "schema")
                all_wrong.append(Finding(path, source.definition.place, found[0].what, found[0].cure))
        schemas = [schema for schema in found if not isinstance(schema, SchemaFault)]
        wrong, doubtful = held_against(number, source, schemas, reading.nested_schemas)
        all_wrong += wrong
        all_doubtful += doubtful
    return all_wrong, all_doubtful


def _rates(root: Node) -> tuple[list[Finding], list[Finding]]:
    """Return what is wrong, and what is doubtful, with the file of exchange rates.

    Nothing where the settings of it are not sound.
    """
    path = ("currency", "rates", "path")
    node, file = documents.child(root, path[:2]), documents.child(root, path)
    reporting = documents.child(root, ("currency", "reporting"))
    if node is None or file is None or reporting is None:
        return [], []
    if not isinstance(reporting.value, str) or not is_currency(reporting.value):
        return [], []
    try:
        rates = RatesSettings.model_validate(plain(node))
    except ValidationError:
        return [], []  # told where the settings were read
    found = RatesFile(rates, reporting.value).read()
    if isinstance(found, RateTable):
        doubtful = doubt(found)
        return [], [] if doubtful is None else [_about(path, rates, file, doubtful)]
    return [_about(path, rates, file, fault) for fault in found], []


def _about(path: tuple[str, ...], rates: RatesSettings, file: Node, fault: RateFault) -> Finding:
    """Return ``fault`` at its line of the file of rates, or else where the settings name that."""
    if fault.line:
        return Finding(path, Source(str(rates.path), fault.line), fault.what, fault.cure)
    return Finding(path, file.source, f"names a file that {fault.what}", fault.cure)


def _by_clients(reading: Reading) -> Iterator[Finding]:
    """Yield what the client libraries do not take of the properties that nothing was found about yet."""
    kafka, dead_letters, registry = (_acceptable(reading, role) for role in Role)
    if kafka or dead_letters:
        # Without properties there is nothing to ask the clients, and loading them takes time.
        from consumer.edges.kafka import checks  # noqa: PLC0415  # as said above

        yield from _findings(reading, Role.CONSUMER, checks.refused_by_consumer(kafka))
        yield from _findings(reading, Role.PRODUCER, checks.refused_by_producer(kafka, dead_letters))
    if registry:
        from consumer.edges.registry_properties import refused_by_registry_client  # noqa: PLC0415  # the same

        yield from _findings(reading, Role.REGISTRY, refused_by_registry_client(registry))


def _acceptable(reading: Reading, role: Role) -> Properties:
    path = (role.value, "properties")
    wrong = {finding.path[2] for finding in reading.findings if finding.path[:2] == path and finding.path[2:]}
    return reading.properties[role].without(wrong)


def _findings(reading: Reading, role: Role, refusals: Iterator[Refusal]) -> Iterator[Finding]:
    for name, what, cure in refusals:
        path = (role.value, "properties", *([name] if name else []))
        yield Finding(path, place(reading.root, path), what, cure)
