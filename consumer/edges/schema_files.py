"""Avro schemas in files that the configuration names."""

from pathlib import Path

from consumer.core.avro.inspection import MAX_SCHEMA_BYTES, WriterSchema


def read_schema(path: Path) -> WriterSchema:
    """Return the schema in the file ``path``.

    Raises :class:`OSError` if it can't be read, :class:`ValueError` if it is no text in UTF-8; both texts are
    fit for people. A file that is larger than any schema may be is cut off: it is refused for its size.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_SCHEMA_BYTES + 1).decode("utf-8-sig", errors="strict")
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8") from None
    return WriterSchema(text)
