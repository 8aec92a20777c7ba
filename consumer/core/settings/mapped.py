"""What the settings and a mapping have to agree on: what is read, how it is framed, where dead letters go."""

from collections import abc
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.mapped import MappedCodec
from consumer.core.avro.nested import NestedAvro
from consumer.core.meaning.mapping import Mapping, Severity, Source, check_against
from consumer.core.meaning.mapping.actions import Does
from consumer.core.settings import rules
from consumer.core.settings.documents import Finding
from consumer.core.settings.documents import Source as Place
from consumer.core.settings.tree import DecodingSettings, Settings


@dataclass(frozen=True, slots=True)
class Configured:
    """Everything that a process is started with. ``mapping`` None: all topics have canonical events.

    ``nested`` has opened the nested Avro bytes of the mapping, whose schemas by file are ``nested_schemas``.
    ``doubts`` are sentences about what in the mapping is worth a second look.
    """

    settings: Settings
    mapping: Mapping | None = None
    nested: NestedAvro = field(default_factory=lambda: NestedAvro(MappedCodec()))
    nested_schemas: abc.Mapping[str, WriterSchema] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    @property
    def topics(self) -> tuple[str, ...]:
        """Where payments are read: names of topics and patterns, as they are written, each once."""
        if self.mapping is None:
            return self.settings.kafka.topics
        return tuple(dict.fromkeys(topic for source in self.mapping.sources for topic in source.topics))

    @property
    def subscription(self) -> tuple[str, ...]:
        """All that is read: where payments are, and behind them the topic of erasures where it is enabled."""
        return (*self.topics, *filter(None, [self.settings.erasure_topic]))


def decoding_of(source: Source, settings: DecodingSettings) -> DecodingSettings:
    """Return ``settings`` as they are for ``source``; the schema of raw records is used for those alone."""
    own = source.decoding
    wire_format = settings.wire_format if own is None or own.wire_format is None else own.wire_format
    shared = settings.schema_file if wire_format == "raw" else None
    schema_file = shared if own is None or own.schema_file is None else Path(own.schema_file)
    return settings.model_copy(update={"wire_format": wire_format, "schema_file": schema_file})


def disagreements(
    mapping: Mapping, settings: Settings, where: abc.Callable[[tuple[str, ...]], Place]
) -> Iterator[Finding]:
    """Yield what is wrong with ``mapping`` and the settings together, each where it is to be mended.

    ``where`` tells the place of a key of the settings.
    """
    for number, source in enumerate(mapping.sources):
        decoding = decoding_of(source, settings.decoding)
        its_own = settings.model_copy(update={"decoding": decoding})
        for rule in rules.FRAMING if source.decoding is not None else ():
            for broken in rule.check(its_own):
                path = ("sources", str(number), "decoding")
                yield Finding(path, source.definition.place, broken.what, broken.cure)
    topics = Configured(settings, mapping).topics
    for broken in (*rules.dead_letters_apart(topics, settings), *rules.erasures_apart(topics, settings)):
        yield Finding(broken.path, where(broken.path), broken.what, broken.cure)


def held_against(
    number: int,
    source: Source,
    schemas: abc.Sequence[WriterSchema],
    nested: abc.Mapping[str, WriterSchema],
) -> tuple[list[Finding], list[Finding]]:
    """Return what ``source``, the one with this number, can't do with records of ``schemas``, and may not.

    The first fails with all of them, the second with some of each schema. ``nested`` are the schemas of bytes
    in them, by file.
    """
    wrong: list[Finding] = []
    doubtful: list[Finding] = []
    for found in check_against(source, schemas, nested):
        finding = replace(found.finding, path=("sources", str(number), *found.finding.path))
        (wrong if found.severity is Severity.ERROR else doubtful).append(finding)
    return wrong, doubtful


def routes_of(source: Source) -> tuple[str, ...]:
    """Return the names of the routes of ``source``, in their order."""
    return tuple(route.name for route in source.definition.routes)


def skips_of(source: Source) -> tuple[str, ...]:
    """Return the names of the routes of ``source`` that skip: each is a reason of its own."""
    return tuple(route.name for route in source.definition.routes if route.does is Does.SKIP)
