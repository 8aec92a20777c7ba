"""What a record is taken out of before its routes: a Debezium envelope, or bytes in a record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import DeadLetterReason, Reject, Skip, SkipReason
from consumer.core.meaning.mapping.converters import DecodeNested
from consumer.core.meaning.mapping.language import AvroBytes, Debezium, Unwrap
from consumer.core.meaning.mapping.paths import compile_path
from consumer.core.meaning.mapping.scope import Scope
from consumer.core.meaning.mapping.values import WrongValue, fields_of, text, type_name


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """The record that the routes see."""

    record: object


#: Opens a record, or says what becomes of one that has nothing in it.
Open: TypeAlias = Callable[[object, Scope], Unwrapped | Skip | Reject]

_TOMBSTONE: Final = Skip(SkipReason.TOMBSTONE)
_NO_ROUTE: Final = Skip(SkipReason.NO_ROUTE)
#: ``op`` of Debezium: a row was deleted.
_DELETED: Final = "d"


def compile_unwrap(unwrap: Unwrap, nested: Mapping[str, DecodeNested]) -> Open | None:
    """Return what opens the records of a source; None: they are not wrapped."""
    match unwrap:
        case None:
            return None
        case Debezium():
            return _debezium
        case AvroBytes():
            return _avro_bytes(unwrap, nested)
        case _:
            assert_never(unwrap)


def _debezium(value: object, scope: Scope) -> Unwrapped | Skip | Reject:
    """Rows that were read, made or changed are events; deletes and marks in the stream have no row."""
    envelope = fields_of(value)
    if envelope is None or "op" not in envelope or "after" not in envelope:
        return _wrong("unwrap: debezium", "the record has no op and after")
    after = envelope["after"]
    if after is None or envelope["op"] == _DELETED:
        return _TOMBSTONE
    row = fields_of(after)
    if row is None:
        return _wrong("unwrap: debezium", f"after is {type_name(after)}, not a record")
    scope.envelope = value
    scope.name = str(after[0]) if isinstance(after, tuple) else None
    return Unwrapped(row)


def _avro_bytes(unwrap: AvroBytes, nested: Mapping[str, DecodeNested]) -> Open:
    where = unwrap.path.text
    read = compile_path(unwrap.path)
    read_type = None if unwrap.type_path is None else compile_path(unwrap.type_path)
    decoders = {name: nested[schema.file] for name, schema in unwrap.files}

    def open_it(value: object, scope: Scope) -> Unwrapped | Skip | Reject:
        try:
            name = "" if read_type is None else text(read_type(value, scope))
        except WrongValue as wrong:
            return _wrong("unwrap: avro_bytes", f"type_path {wrong}")
        decode = decoders.get(name)
        if decode is None:
            return _NO_ROUTE
        body = read(value, scope)
        if not isinstance(body, bytes):
            return _wrong("unwrap: avro_bytes", f"{where} is {type_name(body)}, not bytes")
        try:
            scope.name, record = decode(body)
        except Unreadable as unreadable:
            return Reject(DeadLetterReason.UNDECODABLE, f"{where}: {unreadable.detail}")
        scope.envelope = value
        return Unwrapped(record)

    return open_it


def _wrong(where: str, what: str) -> Reject:
    return Reject(DeadLetterReason.MAPPING, f"{where}: {what}")
