"""Dead letters: the original record, byte for byte, with headers that say why.

A record that is too large for its dead-letter topic is replaced by a *pointer*: the same headers of ours, one
more that says what is left out, and in place of the value where the record is, how long and with which
hashes. First the value alone is left out; where that is not enough, the key and the record's own headers too.

The ``__connect.errors.*`` names are those that Kafka Connect writes (apache/kafka,
DeadLetterQueueReporter.java), so that tools made for it work here; all values are UTF-8 text.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from consumer.core.meaning.intents import Action, DeadLetterReason
from consumer.core.records import Header, Record

#: Characters of ``linkrunner.detail``: a sentence, not a dump.
DETAIL_LIMIT: Final = 500

#: The header that marks a pointer; its value names the parts that are left out.
POINTER: Final = "linkrunner.pointer"


class Stage(StrEnum):
    """Where a record's story ended, in Connect's words."""

    DECODE = "VALUE_CONVERTER"
    MEANING = "TRANSFORMATION"
    CALL = "TASK_PUT"


@dataclass(frozen=True, slots=True)
class Letter:
    """Why a record is given up. ``status`` only where an answer of the API refused it."""

    reason: DeadLetterReason
    detail: str
    stage: Stage
    action: Action = Action.NONE
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes the letter: the consumer group and the version of this service."""

    group_id: str
    version: str


def headers(
    record: Record, letter: Letter, sender: Sender, *, attempts: int, failed_at: datetime
) -> list[Header]:
    """Return the record's own headers, in order, and behind them ours.

    ``attempts`` counts the calls that were made; ``failed_at`` carries a time zone.
    """
    detail = letter.detail[:DETAIL_LIMIT]
    ours = {
        "__connect.errors.topic": record.partition.topic,
        "__connect.errors.partition": str(record.partition.number),
        "__connect.errors.offset": str(record.offset),
        "__connect.errors.connector.name": sender.group_id,
        "__connect.errors.stage": letter.stage.value,
        "__connect.errors.class.name": "consumer.flow.delivery.Delivery",
        "__connect.errors.exception.message": detail,
        "linkrunner.reason": letter.reason.value,
        "linkrunner.detail": detail,
        "linkrunner.attempts": str(attempts),
        "linkrunner.failed_at": failed_at.isoformat(timespec="milliseconds"),
        "linkrunner.version": sender.version,
    }
    if letter.status is not None:
        ours["linkrunner.status"] = str(letter.status)
    # A detail may quote names from a schema, and JSON can write texts that have no UTF-8 form.
    return [*record.headers, *((name, value.encode(errors="replace")) for name, value in ours.items())]


@dataclass(frozen=True, slots=True)
class Copy:
    """What is written to the dead-letter topic: ``left_out`` names what of the record is not in it."""

    record: Record
    headers: list[Header]
    left_out: str = ""


def copies(record: Record, told: list[Header]) -> Iterator[Copy]:
    """Yield what can stand for a record, the whole of it first; each leaves out more than the one before.

    ``told`` is what :func:`headers` made for it.
    """
    yield Copy(record, told)
    ours = told[len(record.headers) :]
    value = {"value": _digest(record.value)}
    yield Copy(replace(record, value=_pointer(record, value)), [*told, (POINTER, b"value")], "value")
    rest = value | {"key": _digest(record.key), "headers": _digest(_joined(record.headers))}
    left_out = "value, key, headers"
    bare = replace(record, key=None, value=_pointer(record, rest))
    yield Copy(bare, [*ours, (POINTER, left_out.encode())], left_out)


def _pointer(record: Record, left_out: Mapping[str, object]) -> bytes:
    return json.dumps(
        {
            "topic": record.partition.topic,
            "partition": record.partition.number,
            "offset": record.offset,
            "timestamp_ms": record.timestamp_ms,
            "left_out": left_out,
        }
    ).encode()


def _digest(part: bytes | None) -> dict[str, object] | None:
    """Return size and hash of a part; None for a null, which is no part."""
    return None if part is None else {"bytes": len(part), "sha256": sha256(part).hexdigest()}


def _joined(own: tuple[Header, ...]) -> bytes:
    """Return all names and values one after the other."""
    return b"".join(name.encode(errors="replace") + (value or b"") for name, value in own)
