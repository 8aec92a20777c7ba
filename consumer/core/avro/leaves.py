"""Values without parts, written as JSON → their Avro bytes; and the bytes that everything is put together of.

What each type is written as stands in ``consumer.core.avro.from_json``, which puts them together.
"""

import base64
import binascii
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, Inexact, InvalidOperation
from math import isfinite
from typing import Final, TypeAlias

from consumer.core.avro.inspection import Json

#: Value of a JSON text in which numbers with a fraction are Decimals.
Plain: TypeAlias = object

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INT_BITS: Final = {"int": 31, "long": 63}
_EXACTLY: Final = Context(prec=400, traps=[Inexact, InvalidOperation])
#: Units in a second.
_TICKS: Final = {"millis": 1_000, "micros": 1_000_000, "nanos": 1_000_000_000}


class NotFitting(ValueError):
    """A JSON text that is no record of the schema. The text names the field and types, never a value."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path or 'the record'} {what}")


def leaf(name: str, document: Mapping[str, Json], value: Plain, path: str) -> bytes:
    """Return ``value`` as a value of the type ``document``, which is called ``name`` and has no parts.

    Raises :class:`NotFitting`, which names ``path``.
    """
    logical = document.get("logicalType")
    plain = _LOGICAL[name](str(logical), document, value, path) if logical and name in _LOGICAL else value
    return _WRITERS[name](document, plain, path)


def _null(_: Mapping[str, Json], value: Plain, path: str) -> bytes:
    if value is not None:
        raise wanted(value, "null", path)
    return b""


def _boolean(_: Mapping[str, Json], value: Plain, path: str) -> bytes:
    if not isinstance(value, bool):
        raise wanted(value, "a boolean", path)
    return bytes([value])


def _integer(document: Mapping[str, Json], value: Plain, path: str) -> bytes:
    if not isinstance(value, int) or isinstance(value, bool):
        raise wanted(value, "a whole number", path)
    bits = _INT_BITS[str(document["type"])]
    if not -(2**bits) <= value < 2**bits:
        raise NotFitting(path, f"is a number of more than {bits + 1} bits")
    return long(value)


def _floating(document: Mapping[str, Json], value: Plain, path: str) -> bytes:
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        raise wanted(value, "a number", path)
    try:
        number = float(value)
        if isfinite(number):  # a decimal that is too large becomes infinite without an error
            return struct.pack("<f" if document["type"] == "float" else "<d", number)
    except (OverflowError, struct.error):
        pass
    raise NotFitting(path, "is a number too large for its type")


def _string(_: Mapping[str, Json], value: Plain, path: str) -> bytes:
    if not isinstance(value, str):
        raise wanted(value, "a text", path)
    try:
        return _text(value)
    except UnicodeEncodeError:
        raise NotFitting(path, "is a text that has no UTF-8 form") from None


def _bytes(_: Mapping[str, Json], value: Plain, path: str) -> bytes:
    content = _content(value, path)
    return long(len(content)) + content


def _fixed(document: Mapping[str, Json], value: Plain, path: str) -> bytes:
    content, size = _content(value, path), document["size"]
    if len(content) != size:
        raise NotFitting(path, f"is not of {size} bytes")
    return content


def _content(value: Plain, path: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise wanted(value, "a text in base64", path)
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
        raise wanted(value, "a number", path)
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


def long(number: int) -> bytes:
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
    return long(len(encoded)) + encoded


def block(entries: Sequence[bytes]) -> bytes:
    """Return an array or a map: one block of entries, and the empty one that ends it."""
    return (long(len(entries)) if entries else b"") + b"".join(entries) + b"\x00"


def wanted(value: Plain, what: str, path: str) -> NotFitting:
    """Return the error for a value that is not ``what`` is wanted at ``path``."""
    return NotFitting(path, f"is {type_name(value)}, not {what}")


def type_name(value: Plain) -> str:
    """Return what a value is, as errors say it."""
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (type(None), "null"),
        (bool, "a boolean"),
        ((int, Decimal), "a number"),
        (str, "a text"),
        (list, "an array"),
        (dict, "an object"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "of no known type")
