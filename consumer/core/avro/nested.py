"""Avro bytes inside of records, for mappings: a decoder for each schema, and one budget for each record."""

from collections.abc import Callable
from typing import Final, TypeAlias

from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.mapped import Budget, MappedCodec

#: Decodes bytes of one schema: the record's full name and the value. Raises Unreadable.
Decode: TypeAlias = Callable[[bytes], tuple[str, object]]


class NestedAvro:
    """Opens schemas of nested bytes. All that it has opened shares what one record may cost.

    :meth:`begin` before each record, and read the record to its end before the next one begins.
    """

    def __init__(self, codec: MappedCodec) -> None:
        self._codec: Final = codec
        self._budget = Budget()

    def open(self, schema: str) -> Decode:
        """Return what decodes bytes of ``schema``. Raises Unreadable for one that can't be used."""
        written = WriterSchema(schema)
        self._codec.examine(written)

        def decode(body: bytes) -> tuple[str, object]:
            decoded = self._codec.decode_nested(written, body, self._budget)
            return decoded.name, decoded.value

        return decode

    def begin(self) -> None:
        """Give the next record a budget of its own."""
        self._budget = Budget()
