"""Logical types as the mapped codec reads them: exact, bounded, and refused where they can't be meant.

fastavro 1.13 rounds a decimal to the precision in its schema without a word, takes a second to read one of
100 kB, wraps times below zero around and refuses dates in words of its own. So a rebuilt schema names the
types below in place of the specification's, by fastavro's documented way of adding logical types
(https://fastavro.readthedocs.io/en/latest/logical_types.html). Timestamps in milliseconds and microseconds
are left to fastavro: it adds them to the epoch exactly, in C.
"""

import struct
from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Final, TypeAlias

from fastavro.read import LOGICAL_READERS

#: The largest number behind a decimal: more than 150 digits. Making a decimal takes quadratic time.
MAX_DECIMAL_BYTES: Final = 64
#: The most digits behind the point. A decimal whose schema says more is read as its bytes.
MAX_SCALE: Final = 1_000

#: Stands before the names of our own logical types. A name with a colon is not taken over from a writer.
_OWN: Final = "exact:"
#: Days from the first of January of the year 1, which is number 1, to the epoch.
_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY_MS: Final = 24 * 60 * 60 * 1_000
#: Digits that tell any two floats of 32 bits apart, and those that every one of them keeps.
_FLOAT_DIGITS: Final = ("%.6g", "%.7g", "%.8g")
_ALL_FLOAT_DIGITS: Final = "%.9g"
_pack: Final = struct.Struct("<f").pack
_EXACTLY: Final = Context(prec=8 * MAX_DECIMAL_BYTES, traps=[Inexact, InvalidOperation])

_Schema: TypeAlias = Mapping[str, object]
#: What fastavro calls with a value of the plain type, and the schema that wrote it.
_Reader: TypeAlias = Callable[[bytes, _Schema, None], object] | Callable[[int, _Schema, None], object]


class Misfit(Exception):
    """A value can't be of its logical type; the text holds nothing of the value."""


def _decimal(content: bytes, schema: _Schema, _: _Schema | None = None) -> Decimal:
    scale = schema["scale"]
    return _number(content, scale if isinstance(scale, int) else 0)


def _big_decimal(content: bytes, *_: _Schema | None) -> Decimal:
    """Read a decimal that brings its scale along: an Avro ``bytes``, then an Avro ``int``.

    Looked up in Apache Avro's Java, ``org.apache.avro.Conversions.BigDecimalConversion``; the specification
    leaves the layout open.
    """
    size, start = read_long(content, 0)
    end = start + size
    scale, after = read_long(content, end) if start <= end < len(content) else (0, -1)
    if after != len(content) or abs(scale) > MAX_SCALE:
        raise Misfit("a big-decimal is not laid out as Apache Avro does")
    return _number(content[start:end], scale)


def _number(content: bytes, scale: int) -> Decimal:
    if not content:
        raise Misfit("a decimal has no bytes")
    unscaled = int.from_bytes(content, signed=True)
    if unscaled.bit_length() >= 8 * MAX_DECIMAL_BYTES:
        raise Misfit(f"a decimal is larger than {MAX_DECIMAL_BYTES} bytes")
    return Decimal(unscaled).scaleb(-scale, _EXACTLY)


def _date(days: int, *_: _Schema | None) -> date:
    try:
        return date.fromordinal(days + _EPOCH)
    except (ValueError, OverflowError):
        raise Misfit("a date is outside the years 1 to 9999") from None


def _time_millis(milliseconds: int, *_: _Schema | None) -> time:
    return _time(milliseconds * 1_000)


def _time_micros(microseconds: int, *_: _Schema | None) -> time:
    return _time(microseconds)


def _time(microseconds: int) -> time:
    if not 0 <= microseconds < _DAY_MS * 1_000:
        raise Misfit("a time is outside of a day")
    seconds, micros = divmod(microseconds, 1_000_000)
    minutes, second = divmod(seconds, 60)
    return time(minutes // 60, minutes % 60, second, micros)


def _uuid(content: bytes, *_: _Schema | None) -> str:
    digits = content.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _shortest(value: float, *_: _Schema | None) -> float:
    """Return the double that shows as few digits as name the same float of 32 bits.

    What was written as 19.99 is 19.989999771118164 as a double: digits that nobody wrote, and wrong money.
    """
    packed = _pack(value)
    for digits in _FLOAT_DIGITS:
        shown = float(digits % value)
        if _pack(shown) == packed:
            return shown
    return float(_ALL_FLOAT_DIGITS % value)


#: Who reads which logical type, by the type under it and its name. A type that is missing here is read as
#: the plain one: so a ``uuid`` text stays as it was written, nanoseconds stay a number, and a ``duration``
#: its bytes.
READERS: Final[Mapping[tuple[str, str], _Reader]] = {
    ("bytes", "decimal"): _decimal,
    ("fixed", "decimal"): _decimal,
    ("bytes", "big-decimal"): _big_decimal,
    ("fixed", "uuid"): _uuid,
    ("int", "date"): _date,
    ("int", "time-millis"): _time_millis,
    ("long", "time-micros"): _time_micros,
}
#: What fastavro reads exactly by itself.
NATIVE: Final = frozenset(
    ("long", f"{kind}timestamp-{unit}") for kind in ("", "local-") for unit in ("millis", "micros")
)

for (_kind, _name), _reader in READERS.items():
    LOGICAL_READERS[f"{_kind}-{_OWN}{_name}"] = _reader  # type: ignore[assignment]  # it asks for Any and dict


#: The type that stands in for every ``float`` of a schema whose values are to be exact.
SHORTEST_FLOAT: Final[Mapping[str, str]] = {"type": "float", "logicalType": f"{_OWN}shortest"}
LOGICAL_READERS[f"float-{_OWN}shortest"] = _shortest


def reading_name(kind: str, logical: object) -> str | None:
    """Return the logical type to write into a schema for fastavro; None: the plain type ``kind`` is read."""
    if not isinstance(logical, str):
        return None
    if (kind, logical) in READERS:
        return _OWN + logical
    return logical if (kind, logical) in NATIVE else None


def read_long(content: bytes, start: int) -> tuple[int, int]:
    """Read an Avro int or long at ``start``; return it and where the next thing begins.

    Raises :class:`Misfit` where there is none: the bytes end, or go on for more than the ten of a long.
    """
    number = 0
    for place, byte in enumerate(content[start : start + 10]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:  # noqa: PLR2004 - the bit that says whether another byte follows
            return (number >> 1) ^ -(number & 1), start + place + 1
    raise Misfit("the value ends too early")
