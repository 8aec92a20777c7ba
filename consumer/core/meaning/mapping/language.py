"""The mapping language as a tree of frozen values: what the YAML file says, and where it says it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceDecoding:
    """How the records of one source are framed; None is what the configuration says for all.

    ``schema_file`` is for raw records.
    """

    wire_format: str | None
    schema_file: str | None
