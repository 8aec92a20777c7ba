"""Other people's schemas: a YAML file, compiled at start-up, turns any decoded record into an intent.

The way through the package: ``reading`` turns the file into the tree of ``language``, ``lint`` judges it, and
``expressions``, ``predicates`` and ``routes`` make closures of it, which a :class:`Source` runs. The page
``docs/mapping.md`` is the grammar.
"""

from consumer.core.meaning.mapping.compiling import (
    CompiledMapping,
    Mapping,
    compile_mapping,
    mapping_files,
)
from consumer.core.meaning.mapping.events import MappedEvent
from consumer.core.meaning.mapping.json_schema import mapping_schema
from consumer.core.meaning.mapping.language import SourceDecoding
from consumer.core.meaning.mapping.reading import read_mapping
from consumer.core.meaning.mapping.schema_check import check_against
from consumer.core.meaning.mapping.schema_findings import SchemaFinding, Severity
from consumer.core.meaning.mapping.sources import Source
from consumer.core.meaning.mapping.trace import FieldTrace, RouteTrace, Step, Trace

__all__ = [
    "CompiledMapping",
    "FieldTrace",
    "MappedEvent",
    "Mapping",
    "RouteTrace",
    "SchemaFinding",
    "Severity",
    "Source",
    "SourceDecoding",
    "Step",
    "Trace",
    "check_against",
    "compile_mapping",
    "mapping_files",
    "mapping_schema",
    "read_mapping",
]
