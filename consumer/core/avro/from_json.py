"""A record that is written as JSON → the Avro bytes that a producer would send, by the schema.

For people who try out a record before anything real is sent: what they write goes through the same decoder as
a record from Kafka.

| Avro | is written as |
|---|---|
| null, boolean, string, enum, uuid | itself |
| int, long, float, double | a number |
| bytes, fixed | a text in base64 |
| decimal | a number, or a text of digits |
| timestamp-millis, -micros, -nanos | an RFC 3339 text with an offset, or the number that Avro has |
| local-timestamp-* | the same text without an offset, or the number |
| date, time-millis, time-micros | `2026-03-01`, `12:30:00`, or the number |
| array, map, record | an array, an object |
| union | the value, without a wrapper; where two or more records are in it, `{"full.name": {…}}` |

A field that is left out has its default, or is null where it may be. ``docs/explain.md`` says the same to
users; a test holds both to what is written.
"""

import base64
import binascii
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, Inexact, InvalidOperation
from math import isfinite
from typing import Final, TypeAlias

from consumer.core.avro.inspection import Json, WriterSchema, inspect
from consumer.core.nesting import MAX_LEVELS, is_too_deep

#: Value of a JSON text that was parsed with :func:`parse`: numbers with a fraction are Decimals.
Plain: TypeAlias = object

_PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INT_BITS: Final = {"int": 31, "long": 63}
_EXACTLY: Final = Context(prec=400, traps=[Inexact, InvalidOperation])
#: Units in a second.
_TICKS: Final = {"millis": 1_000, "micros": 1_000_000, "nanos": 1_000_000_000}


class NotFitting(ValueError):
    """A JSON text that is no record of the schema. The text names the field and types, never a value."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path or 'the record'} {what}")


def parse(text: str) -> Plain:
    """Return what a JSON text holds, numbers with a fraction as exact decimals; raise NotFitting."""
    try:
        value: object = json.loads(text, parse_float=_decimal, parse_constant=_no_constant)
    except NotFitting:
        raise
    except (ValueError, RecursionError):
        raise NotFitting("the text", "is no JSON") from None
    if is_too_deep(text, value):
        raise NotFitting("the text", f"is JSON of more than {MAX_LEVELS} levels")
    return value


def encode(schema: WriterSchema, value: Plain) -> bytes:
    """Return ``value`` as Avro bytes of ``schema``, without any framing.

    Raises :class:`NotFitting` where it is none of the schema, and ``Unreadable`` where the schema can't be
    used.
    """
    inspect(schema)  # bounded and not recursive, so that the walk below ends
    types: dict[str, tuple[dict[str, Json], str]] = {}
    documents: list[Json] = [json.loads(text) for text in (*schema.references, schema.text)]
    for document in documents:
        _name_types(document, "", types)
    return _Encoder(types).encode(documents[-1], "", value, "")


def words(schema: WriterSchema) -> frozenset[str]:
    """Return the names of all fields and the symbols of all enums: what the schema says, nobody's data."""
    types: dict[str, tuple[dict[str, Json], str]] = {}
    for text in (*schema.references, schema.text):
        _name_types(json.loads(text), "", types)
    found: set[str] = set()
    for document, _ in types.values():
        symbols = document.get("symbols")
        found.update(map(str, symbols if isinstance(symbols, list) else ()))
        found.update(str(field.get("name")) for field in _fields(document))
    return frozenset(found)


def _decimal(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent beyond what any decimal has
        raise NotFitting("the text", "has a number of too many digits") from None


def _no_constant(_: str) -> object:
    raise NotFitting("the text", "has a number that is not finite")


def _name_types(document: Json, namespace: str, types: dict[str, tuple[dict[str, Json], str]]) -> None:
    """Collect the named types in ``document`` with the namespace inside of each."""
    if isinstance(document, list):
        for branch in document:
            _name_types(branch, namespace, types)
    if not isinstance(document, dict):
        return
    if isinstance(document.get("name"), str):
        name = _full_name(str(document["name"]), document.get("namespace", namespace))
        namespace = name.rpartition(".")[0]
        types[name] = (document, namespace)
    for part in (document.get("items"), document.get("values")):
        _name_types(part, namespace, types)
    for field in _fields(document):
        _name_types(field.get("type"), namespace, types)


def _full_name(name: str, namespace: Json) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _fields(document: Mapping[str, Json]) -> Sequence[dict[str, Json]]:
    fields = document.get("fields")
    return [field for field in fields if isinstance(field, dict)] if isinstance(fields, list) else ()


class _Encoder:
    """Writes values by types; ``types`` are those with a name, each with the namespace inside of it."""

    def __init__(self, types: Mapping[str, tuple[dict[str, Json], str]]) -> None:
        self._types: Final = types

    def encode(self, kind: Json, namespace: str, value: Plain, path: str) -> bytes:
        if isinstance(kind, list):
            return self.union(kind, namespace, value, path)
        document, namespace = self._resolve(kind, namespace)
        name = str(document["type"])
        nested = _NESTED.get(name)
        if nested is not None:
            return nested(self, document, namespace, value, path)
        return _leaf(name, document, self.written(name, value, path), path)

    def written(self, _: str, value: Plain, __: str) -> Plain:
        """Return the value of a type without parts as people write it."""
        return value

    def _resolve(self, kind: Json, namespace: str) -> tuple[dict[str, Json], str]:
        if isinstance(kind, dict):
            name = kind.get("name")
            inner = (
                self._types[_full_name(name, kind.get("namespace", namespace))][1]
                if isinstance(name, str)
                else namespace
            )
            return kind, inner
        if isinstance(kind, str) and kind in _PRIMITIVES:
            return {"type": kind}, namespace
        return self._types[_full_name(str(kind), namespace)]

    def record(self, document: Mapping[str, Json], namespace: str, value: Plain, path: str) -> bytes:
        given = _object(value, path)
        fields = _fields(document)
        unknown = sorted(given.keys() - {str(field["name"]) for field in fields})
        if unknown:
            # The name comes from the text, not from the schema: it is told only by where it stands.
            raise NotFitting(path, f"has {len(unknown)} field(s) that the schema does not have")
        return b"".join(self._field(field, namespace, given, path) for field in fields)

    def _field(
        self, field: Mapping[str, Json], namespace: str, given: Mapping[str, object], path: str
    ) -> bytes:
        name, kind = str(field["name"]), field["type"]
        below = f"{path}.{name}" if path else name
        if name in given:
            return self.encode(kind, namespace, given[name], below)
        if "default" in field:
            return _DefaultEncoder(self._types).encode(kind, namespace, field["default"], below)
        if isinstance(kind, list) and "null" in kind:
            return self.encode(kind, namespace, None, below)
        raise NotFitting(below, "is missing, and the schema has no default for it")

    def array(self, document: Mapping[str, Json], namespace: str, value: Plain, path: str) -> bytes:
        if not isinstance(value, list):
            raise _wanted(value, "an array", path)
        entries = [
            self.encode(document["items"], namespace, entry, f"{path}[{at}]")
            for at, entry in enumerate(value)
        ]
        return _block(entries)

    def map(self, document: Mapping[str, Json], namespace: str, value: Plain, path: str) -> bytes:
        entries = [
            _string({}, key, f"{path}.*") + self.encode(document["values"], namespace, entry, f"{path}.*")
            for key, entry in _object(value, path).items()
        ]
        return _block(entries)

    def union(self, branches: Sequence[Json], namespace: str, value: Plain, path: str) -> bytes:
        names = [self._branch_name(branch, namespace) for branch in branches]
        if sum(name is not None for name in names) > 1 and isinstance(value, dict):
            return self._named_branch(branches, names, namespace, value, path)
        for number, branch in enumerate(branches):
            try:
                body = self.encode(branch, namespace, value, path)
            except NotFitting:
                continue
            return _long(number) + body
        if len([branch for branch in branches if branch != "null"]) == 1 and value is not None:
            other = next(branch for branch in branches if branch != "null")
            self.encode(other, namespace, value, path)  # tells what is wrong in it
        raise NotFitting(path, f"is {_type_name(value)}, which fits none of its types")

    def _named_branch(
        self,
        branches: Sequence[Json],
        names: Sequence[str | None],
        namespace: str,
        value: Mapping[str, object],
        path: str,
    ) -> bytes:
        """Write the record that ``{"full.name": {…}}`` names."""
        for number, name in enumerate(names):
            if name is not None and value.keys() == {name}:
                return _long(number) + self.encode(branches[number], namespace, value[name], path)
        known = ", ".join(name for name in names if name is not None)
        raise NotFitting(
            path, f'has several records to choose from: write {{"NAME": {{...}}}}, NAME of {known}'
        )

    def _branch_name(self, branch: Json, namespace: str) -> str | None:
        """Return the full name of a branch that is a record."""
        if isinstance(branch, list) or (isinstance(branch, str) and branch in _PRIMITIVES):
            return None
        document, inner = self._resolve(branch, namespace)
        if document.get("type") != "record":
            return None
        return _full_name(str(document["name"]), document.get("namespace", inner))


class _DefaultEncoder(_Encoder):
    """Writes defaults as schemas have them: bytes are characters up to U+00FF, a union has no wrapper."""

    def written(self, name: str, value: Plain, path: str) -> Plain:
        if name in {"bytes", "fixed"} and isinstance(value, str):
            try:
                return value.encode("latin-1")
            except UnicodeEncodeError:
                raise NotFitting(path, "has a default that stands for no bytes") from None
        return Decimal(repr(value)) if isinstance(value, float) else value

    def union(self, branches: Sequence[Json], namespace: str, value: Plain, path: str) -> bytes:
        """Write the first branch that fits; until Avro 1.12 it had to be the first of all."""
        for number, branch in enumerate(branches):
            try:
                return _long(number) + self.encode(branch, namespace, value, path)
            except NotFitting:
                continue
        raise NotFitting(path, "has a default that fits none of its types")


def _enum(_: _Encoder, document: Mapping[str, Json], __: str, value: Plain, path: str) -> bytes:
    known = document["symbols"]
    if not isinstance(value, str) or not isinstance(known, list) or value not in known:
        raise NotFitting(path, "is no symbol of its enum")
    return _long(known.index(value))


_NESTED: Final[Mapping[str, Callable[[_Encoder, Mapping[str, Json], str, Plain, str], bytes]]] = {
    "record": _Encoder.record,
    "array": _Encoder.array,
    "map": _Encoder.map,
    "enum": _enum,
}

# ------------------------------------------------------------------------------------- leaves


def _leaf(name: str, document: Mapping[str, Json], value: Plain, path: str) -> bytes:
    logical = document.get("logicalType")
    plain = _LOGICAL[name](str(logical), document, value, path) if logical and name in _LOGICAL else value
    return _WRITERS[name](document, plain, path)


def _null(_: Mapping[str, Json], value: Plain, path: str) -> bytes:
    if value is not None:
        raise _wanted(value, "null", path)
    return b""


def _boolean(_: Mapping[str, Json], value: Plain, path: str) -> bytes:
    if not isinstance(value, bool):
        raise _wanted(value, "a boolean", path)
    return bytes([value])


def _integer(document: Mapping[str, Json], value: Plain, path: str) -> bytes:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wanted(value, "a whole number", path)
    bits = _INT_BITS[str(document["type"])]
    if not -(2**bits) <= value < 2**bits:
        raise NotFitting(path, f"is a number of more than {bits + 1} bits")
    return _long(value)


def _floating(document: Mapping[str, Json], value: Plain, path: str) -> bytes:
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        raise _wanted(value, "a number", path)
    try:
        number = float(value)
        if isfinite(number):  # a decimal that is too large becomes infinite without an error
            return struct.pack("<f" if document["type"] == "float" else "<d", number)
    except (OverflowError, struct.error):
        pass
    raise NotFitting(path, "is a number too large for its type")


def _string(_: Mapping[str, Json], value: Plain, path: str) -> bytes:
    if not isinstance(value, str):
        raise _wanted(value, "a text", path)
    try:
        return _text(value)
    except UnicodeEncodeError:
        raise NotFitting(path, "is a text that has no UTF-8 form") from None


def _bytes(_: Mapping[str, Json], value: Plain, path: str) -> bytes:
    content = _content(value, path)
    return _long(len(content)) + content


def _fixed(document: Mapping[str, Json], value: Plain, path: str) -> bytes:
    content, size = _content(value, path), document["size"]
    if len(content) != size:
        raise NotFitting(path, f"is not of {size} bytes")
    return content


def _content(value: Plain, path: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise _wanted(value, "a text in base64", path)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise NotFitting(path, "is a text that is no base64") from None


_WRITERS: Final[Mapping[str, Callable[[Mapping[str, Json], Plain, str], bytes]]] = {
    "null": _null,
    "boolean": _boolean,
    "int": _integer,
    "long": _integer,
    "float": _floating,
    "double": _floating,
    "string": _string,
    "bytes": _bytes,
    "fixed": _fixed,
}


# ------------------------------------------------------------------------------ logical types


def _logical_integer(logical: str, _: Mapping[str, Json], value: Plain, path: str) -> Plain:
    """Return the number behind a date, a time or a timestamp; a number is one already."""
    if not isinstance(value, str):
        return value
    kind, __, unit = logical.rpartition("-")
    try:
        if logical == "date":
            return date.fromisoformat(value).toordinal() - _EPOCH.toordinal()
        if kind == "time":
            return _ticks(datetime.combine(_EPOCH, time.fromisoformat(value), UTC), unit)
        moment = datetime.fromisoformat(value) if kind in {"timestamp", "local-timestamp"} else None
    except ValueError:
        raise NotFitting(path, f"is a text that is no {logical}") from None
    if moment is None:
        return value
    if moment.tzinfo is None and kind == "timestamp":
        raise NotFitting(path, "is a time that has no offset from UTC")
    if moment.tzinfo is not None and kind == "local-timestamp":
        raise NotFitting(path, "is a time with an offset from UTC, which a local one does not have")
    return _ticks(moment if moment.tzinfo else moment.replace(tzinfo=UTC), unit)


def _ticks(moment: datetime, unit: str) -> int:
    """Return ``moment`` in units since the epoch, cut to whole ones. Exact: no float is involved."""
    since = moment - _EPOCH
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return micros * _TICKS[unit] // 1_000_000


def _logical_bytes(logical: str, document: Mapping[str, Json], value: Plain, path: str) -> Plain:
    """Return the bytes behind a decimal or a uuid; bytes are what they are."""
    if isinstance(value, bytes):
        return value
    if logical == "uuid" and isinstance(value, str):
        try:
            return bytes.fromhex(value.replace("-", ""))
        except ValueError:
            raise NotFitting(path, "is a text that is no uuid") from None
    if logical != "decimal":
        return value
    try:
        number = Decimal(value) if isinstance(value, str | int) and not isinstance(value, bool) else value
    except InvalidOperation:
        raise NotFitting(path, "is a text that is no number") from None
    if not isinstance(number, Decimal) or not number.is_finite():
        raise _wanted(value, "a number", path)
    scale = document.get("scale", 0)
    return _unscaled(number, scale if isinstance(scale, int) else 0, document.get("size"), path)


def _unscaled(number: Decimal, scale: int, size: Json, path: str) -> bytes:
    """Return ``number`` with ``scale`` digits behind the point as a number without one, big-endian."""
    try:
        shifted = number.scaleb(scale, _EXACTLY)
        whole = int(shifted)
    except (InvalidOperation, Inexact, OverflowError):
        raise NotFitting(path, "is a number of too many digits") from None
    if shifted != whole:
        raise NotFitting(path, f"is a number with more than {scale} digits behind the point")
    length = size if isinstance(size, int) else whole.bit_length() // 8 + 1
    try:
        return whole.to_bytes(length, signed=True)
    except OverflowError:
        raise NotFitting(path, f"is a number that {length} bytes do not hold") from None


_LOGICAL: Final[Mapping[str, Callable[[str, Mapping[str, Json], Plain, str], Plain]]] = {
    "int": _logical_integer,
    "long": _logical_integer,
    "bytes": _logical_bytes,
    "fixed": _logical_bytes,
}


# -------------------------------------------------------------------------------------- bytes


def _long(number: int) -> bytes:
    """Return an Avro int or long: zig-zag, seven bits in a byte, the lowest first."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 0x7F:  # noqa: PLR2004 - seven bits
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _text(content: str) -> bytes:
    encoded = content.encode()
    return _long(len(encoded)) + encoded


def _block(entries: Sequence[bytes]) -> bytes:
    """Return an array or a map: one block of entries, and the empty one that ends it."""
    return (_long(len(entries)) if entries else b"") + b"".join(entries) + b"\x00"


def _object(value: Plain, path: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _wanted(value, "an object", path)
    return value


def _wanted(value: Plain, what: str, path: str) -> NotFitting:
    return NotFitting(path, f"is {_type_name(value)}, not {what}")


def _type_name(value: Plain) -> str:
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (type(None), "null"),
        (bool, "a boolean"),
        ((int, Decimal), "a number"),
        (str, "a text"),
        (list, "an array"),
        (dict, "an object"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "of no known type")
