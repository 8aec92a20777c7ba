"""Dead letters: the original record, byte for byte, with headers that say why.

The ``__connect.errors.*`` names are those that Kafka Connect writes (apache/kafka,
DeadLetterQueueReporter.java), so that tools made for it work here; all values are UTF-8 text.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from consumer.core.meaning.intents import Action, DeadLetterReason
from consumer.core.records import Header, Record

#: Characters of ``linkrunner.detail``: a sentence, not a dump.
DETAIL_LIMIT: Final = 500


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
