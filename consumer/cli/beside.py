"""What people write beside a record that comes from a file: its key and headers as bytes, its time."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import typer

from consumer.core.meaning.mapping.moments import rfc3339
from consumer.core.meaning.mapping.values import WrongValue
from consumer.core.records import Header

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLIS: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_MOST_MILLIS: Final = 2**63 - 1
_ESCAPE: Final = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(\\))?", re.ASCII)


def any_bytes(text: str) -> bytes:
    r"""Return the bytes of ``text``, where ``\xFF`` stands for any byte and ``\\`` for a backslash.

    What the shell gave is taken as it was, UTF-8 or not. Raises :class:`typer.BadParameter`.
    """
    try:
        given = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise typer.BadParameter("has half a character in it") from None
    return _ESCAPE.sub(_unescaped, given)


def header(text: str) -> Header:
    """Return the header that ``NAME=TEXT`` writes. Raises :class:`typer.BadParameter`."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter("write NAME=TEXT")
    return name, any_bytes(value)


def millis(text: str) -> int:
    """Return milliseconds since 1970 of a number of them or an RFC 3339 text.

    Raises :class:`typer.BadParameter`.
    """
    if _MILLIS.fullmatch(text) and int(text) <= _MOST_MILLIS:
        return int(text)
    try:
        since = rfc3339(text) - _EPOCH
    except WrongValue:
        since = timedelta(-1)
    if since < timedelta():
        raise typer.BadParameter(
            "write a time from 1970 on: 2026-11-28T12:30:00Z, or milliseconds since then"
        )
    return since // timedelta(milliseconds=1)


def _unescaped(found: re.Match[bytes]) -> bytes:
    if found[1] is not None:
        return bytes.fromhex(found[1].decode())
    if found[2] is not None:
        return found[2]
    raise typer.BadParameter(r"has a backslash that begins nothing: write \\ for one, or \x00 for a byte")
