"""The border to fastavro: schemas as it wants them, and what it raises in words that hold no data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastavro import parse_schema
from fastavro.schema import fingerprint as fastavro_fingerprint
from fastavro.schema import to_parsing_canonical_form

from consumer.core.avro.inspection import Document, Json
from consumer.core.avro.logical import Misfit
from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import DeadLetterReason

#: Writer schemas that are kept ready for use. Topics carry a handful of versions of one schema.
READY_SCHEMAS: Final = 64

#: What went wrong, by the exception of fastavro 1.13; its own texts can hold values and are never passed on.
_MEANINGS: Final[Mapping[str, str]] = {
    "EOFError": "the value ends too early",
    "IndexError": "the value names a union branch or an enum symbol that its schema does not have",
    "OverflowError": "a date is outside the years 1 to 9999",
    "SchemaResolutionError": "a field is of a type that the canonical schema does not expect there",
    "UnicodeDecodeError": "a text is not UTF-8",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is decoded with a writer schema. Kept, so that a hostile schema is read once."""

    detail: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A schema as fastavro wants it, with its named types and its CRC-64-AVRO as on the wire.

    ``documents`` are all that were prepared, in their order; ``document`` is the last of them.
    """

    documents: tuple[Document, ...]
    types: Mapping[str, Json]
    fingerprint: bytes

    @property
    def document(self) -> Document:
        """The schema itself."""
        return self.documents[-1]


def prepare(documents: Sequence[Document]) -> Prepared:
    """Have fastavro read ``documents``: the last is the schema, those before it define names that it uses.

    Raises :class:`Unreadable` (``undecodable``) for what is no Avro schema.
    """
    types: dict[str, dict[str, Json]] = {}
    try:
        parsed: list[Document] = [parse_schema(document, types) for document in documents]
        crc = fastavro_fingerprint(to_parsing_canonical_form(parsed[-1]), "CRC-64-AVRO")
    except Exception:  # noqa: BLE001 - a border: fastavro raises whatever it stumbles over
        raise undecodable("the schema is no valid Avro schema") from None
    return Prepared(tuple(parsed), types, bytes.fromhex(crc))


def undecodable(detail: str) -> Unreadable:
    """Return the error for a schema or a value that can never be read; ``detail`` holds no data."""
    return Unreadable(DeadLetterReason.UNDECODABLE, detail)


def too_large(most: int) -> Unreadable:
    """Return the error for a value of more than ``most`` bytes."""
    return undecodable(f"the value is larger than the {most} bytes that are safe to decode")


def meaning(error: Exception) -> str:
    """Say what ``error``, raised while a value was decoded, means; the text holds nothing of the value."""
    if isinstance(error, Misfit):
        return str(error)
    return _MEANINGS.get(type(error).__name__, "the value does not fit its schema")
