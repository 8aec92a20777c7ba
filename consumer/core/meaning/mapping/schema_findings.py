"""What is found where a mapping is held against a schema, and what has been looked at."""

from dataclasses import dataclass, field
from enum import Enum

from consumer.core.meaning.mapping.avro_shapes import Unknown
from consumer.core.meaning.mapping.language import (
    Path,
    SourceDefinition,
)
from consumer.core.meaning.mapping.nodes import near
from consumer.core.settings.documents import Finding
from consumer.core.settings.documents import Source as Place


class Severity(Enum):
    """What a finding about a schema means."""

    ERROR = "error"
    """It fails with every record of the schema."""
    WARNING = "warning"
    """It can fail, or be missed, with some."""


@dataclass(frozen=True, slots=True)
class SchemaFinding:
    """One thing that does not fit."""

    severity: Severity
    finding: Finding


@dataclass(frozen=True, slots=True)
class Check:
    """What is being held against a schema, what was found, and the paths that lead somewhere in it."""

    definition: SourceDefinition
    found: list[SchemaFinding] = field(default_factory=list)
    read: set[Path] = field(default_factory=set)

    def wrong(self, path: tuple[str, ...], place: Place, what: str, cure: str) -> None:
        """Note what fails with every record."""
        self.found.append(SchemaFinding(Severity.ERROR, Finding(path, place, what, cure)))

    def doubtful(self, path: tuple[str, ...], place: Place, what: str, cure: str) -> None:
        """Note what can fail with some."""
        self.found.append(SchemaFinding(Severity.WARNING, Finding(path, place, what, cure)))

    def lacks(self, path: tuple[str, ...], place: Place, read: Path, unknown: Unknown) -> None:
        """Note a path that leads nowhere in the schema."""
        what = f"reads {read.text}, and the schema has no {unknown.name} there"
        cure = near(unknown.name, unknown.known) if unknown.known else "read another field"
        self.wrong(path, place, what, cure)
