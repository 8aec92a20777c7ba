"""What a record waits for: each reason has a word for machines and one sentence for people."""

from collections.abc import Mapping
from typing import Final

from consumer.core.api.verdicts import FaultKind, HoldCause

#: The API asked for silence (Retry-After), and this record had not been sent yet.
SILENCE: Final = "silence"
#: Its dead letter waits until others are written.
LETTER: Final = "letter"
#: It met a defect of ours.
DEFECT: Final = "defect"
#: It is not waiting: its call or dead letter is on its way.
ON_WIRE: Final = "answer"
#: It is the next of a worker, and waits for the rate or for a schema.
TURN: Final = "turn"
#: It is queued: behind a hold, or because all workers are busy.
QUEUED: Final = "worker"

_MEANINGS: Final[Mapping[str, str]] = {
    SILENCE: "the API asked for silence (Retry-After)",
    LETTER: "other dead letters are being written",
    DEFECT: "it met a defect of this service; see the log event bug",
    ON_WIRE: "its answer is on the way",
    TURN: "its turn by the rate, or its schema",
    QUEUED: "a free worker, or the end of a hold",
    "html": "the API answered with a web page, as a proxy does",
    FaultKind.TIMEOUT.value: "the API did not answer in time",
    FaultKind.CONNECT.value: "the API could not be reached",
    FaultKind.RESET.value: "the connection broke before the answer was complete",
    FaultKind.PROTOCOL.value: "what the API answered was no HTTP",
    HoldCause.REGISTRY.value: "the schema registry does not give its schema",
    HoldCause.RATES.value: "its exchange rate is not there yet",
    HoldCause.DEAD_LETTERS.value: "its dead letter could not be written",
}


def meaning(reason: str) -> str:
    """Return ``reason`` for people, as the end of a sentence that begins with "it waits because" or "for"."""
    if reason.isdigit():
        return f"the API answered {reason}"
    return _MEANINGS.get(reason, reason)
