"""A mapping that is ready to run: which topics it reads, and what each record of them means."""

from collections import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from consumer.core.meaning.intents import Intent, Skip, SkipReason
from consumer.core.meaning.lifecycle import LifecyclePolicy
from consumer.core.meaning.mapping.events import MappedEvent
from consumer.core.meaning.mapping.language import SourceDecoding
from consumer.core.meaning.mapping.trace import Trace
from consumer.core.settings.documents import Finding, Node

#: Decodes bytes of one schema: the record's full name and the value. Raises Unreadable.
DecodeNested: TypeAlias = Callable[[bytes], tuple[str, object]]
#: Makes such a decoder of a schema's text. Raises Unreadable for a schema that can't be used.
OpenSchema: TypeAlias = Callable[[str], DecodeNested]


class Source:
    """Topics that are read in one way.

    ``topics`` are names, or regular expressions that begin with ``^``. ``canonical``: the records are
    ``PaymentEvent`` and the lifecycle table interprets them, not this source. ``decoding`` is set where this
    source differs from the configuration.
    """

    topics: tuple[str, ...]
    canonical: bool
    decoding: SourceDecoding | None

    def interpret(self, event: MappedEvent, policy: LifecyclePolicy) -> Intent:
        """Return what ``event`` means. Pure, and never raises: a mapping error is a ``Reject``."""
        del event, policy
        return Skip(SkipReason.NO_ROUTE)

    def explain(self, event: MappedEvent, policy: LifecyclePolicy) -> Trace:
        """Return the same answer with every step that led to it."""
        return Trace((), (), (), self.interpret(event, policy))


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


def mapping_files(root: Node) -> tuple[tuple[str, Node], ...]:
    """Return every file that the mapping names, as written, with the node that names it."""
    del root
    return ()


def compile_mapping(
    root: Node,
    schemas: abc.Mapping[str, str] | None = None,
    open_schema: OpenSchema | None = None,
    *,
    converting: bool = False,
) -> CompiledMapping:
    """Return the mapping that ``root`` describes, or every mistake in it at once. Pure; never raises.

    ``schemas`` has the text of each file that :func:`mapping_files` names and ``open_schema`` reads nested
    Avro bytes. ``converting``: amounts are converted by the event's date, so every capture needs one.
    """
    del root, schemas, open_schema, converting
    return CompiledMapping(None, ())
