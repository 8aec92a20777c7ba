"""Avro schemas in files that the configuration names."""

from pathlib import Path
from typing import NamedTuple, Protocol

from consumer.core.avro.inspection import MAX_SCHEMA_BYTES, WriterSchema
from consumer.core.errors import Unreadable


class Examiner(Protocol):
    """What decodes by a schema: the codec of canonical records, or that of any."""

    def examine(self, schema: WriterSchema) -> None:
        """Raise :class:`Unreadable` if no value of ``schema`` can be decoded."""


class SchemaFault(NamedTuple):
    """What is wrong with a schema file, and what helps."""

    what: str
    cure: str


def read_schema(path: Path, codec: Examiner) -> WriterSchema | SchemaFault:
    """Return the schema in the file ``path``, which ``codec`` can decode by, or why it is none.

    A file that is larger than any schema may be is cut off: it is refused for its size.
    """
    cure = "check the path and who may read it"
    try:
        with path.open("rb") as file:
            schema = WriterSchema(file.read(MAX_SCHEMA_BYTES + 1).decode("utf-8-sig"))
        codec.examine(schema)
    except OSError as error:
        return SchemaFault(f"names a file that can't be read: {error.strerror}", cure)
    except ValueError:
        # No UTF-8, or a path with a NUL in it.
        return SchemaFault("names a file that can't be read: it is no text in UTF-8", cure)
    except Unreadable as error:
        what = f"names a schema that can't be used: {error.detail}"
        return SchemaFault(what, "name the Avro schema (.avsc) of the events")
    return schema
