"""Avro schemas in files that the configuration names."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from consumer.core.avro.inspection import MAX_SCHEMA_BYTES, WriterSchema, inspect
from consumer.core.avro.linking import Shelf, shelf_with
from consumer.core.errors import Unreadable


class Examiner(Protocol):
    """What decodes by a schema: the codec of canonical records, or that of any."""

    def examine(self, schema: WriterSchema) -> None:
        """Raise :class:`Unreadable` if no value of ``schema`` can be decoded."""


class SchemaFault(NamedTuple):
    """What is wrong with a schema file, and what helps."""

    what: str
    cure: str


class _Helper:
    """Takes any schema: one that others need has no records of its own."""

    def examine(self, schema: WriterSchema) -> None:
        """Raise :class:`Unreadable` for what is no schema."""
        inspect(schema)


_NO_FILES: Final = Shelf()


def read_schema(path: Path, codec: Examiner, shelf: Shelf = _NO_FILES) -> WriterSchema | SchemaFault:
    """Return the schema in the file ``path``, which ``codec`` can decode by, or why it is none.

    Types that it names and does not define are looked up on ``shelf``.
    """
    text = _text(path)
    return text if isinstance(text, SchemaFault) else _examined(text, codec, shelf)


def read_schemas(
    paths: Sequence[Path], codec: Examiner, users: Iterable[Path] = ()
) -> tuple[WriterSchema | SchemaFault, ...]:
    """Return what :func:`read_schema` does for each of ``paths``, which may need one another.

    A file that others or ``users`` need has to be a schema, and no one that ``codec`` can decode by.
    """
    texts = [_text(path) for path in paths]
    shelf = _shelf(paths, texts)
    helpers = shelf.helpers(text for text in map(_text, users) if isinstance(text, str))
    return tuple(
        _examined(text, _Helper() if text in helpers else codec, shelf) if isinstance(text, str) else text
        for text in texts
    )


def shelf_of(paths: Iterable[Path]) -> Shelf:
    """Return what can be read of ``paths``, to look types up in."""
    listed = tuple(paths)
    return _shelf(listed, [_text(path) for path in listed])


def _shelf(paths: Sequence[Path], texts: Sequence[str | SchemaFault]) -> Shelf:
    pairs = zip(paths, texts, strict=True)
    return shelf_with({str(path): text for path, text in pairs if isinstance(text, str)})


def _text(path: Path) -> str | SchemaFault:
    """Return what a file holds. One that is larger than any schema is cut off: it is refused for its size."""
    cure = "check the path and who may read it"
    try:
        with path.open("rb") as file:
            return file.read(MAX_SCHEMA_BYTES + 1).decode("utf-8-sig")
    except OSError as error:
        return SchemaFault(f"names a file that can't be read: {error.strerror}", cure)
    except ValueError:
        # No UTF-8, or a path with a NUL in it.
        return SchemaFault("names a file that can't be read: it is no text in UTF-8", cure)


def _examined(text: str, codec: Examiner, shelf: Shelf) -> WriterSchema | SchemaFault:
    try:
        schema = shelf.link(text)
        codec.examine(schema)
    except Unreadable as error:
        what = f"names a schema that can't be used: {error.detail}"
        return SchemaFault(what, "name the Avro schema (.avsc) of the events")
    return schema
