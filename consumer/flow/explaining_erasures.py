"""What one request to erase a user would become; nothing is sent, and there is no client here to send it.

Apart from what explains payments, as the path of such requests is apart from theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from consumer.core.api import erasure
from consumer.core.api.erasure import PlannedErasure
from consumer.core.avro import from_json, schemas
from consumer.core.avro.codec import Codec
from consumer.core.avro.framing import Raw
from consumer.core.avro.inspection import WriterSchema, inspect
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.meaning.intents import Reject, Skip
from consumer.core.records import Record
from consumer.flow.decoding import Decoder, Opened
from consumer.flow.explaining import Held

#: What a request is read by.
USER_FIELD: Final = "user_id"


@dataclass(frozen=True, slots=True)
class Erasing:
    """The call that a request would become. ``user`` is read of it, and all that its body holds."""

    path: str
    body: bytes
    user: str


Outcome: TypeAlias = Erasing | Skip | Reject | Held


@dataclass(frozen=True, slots=True)
class Request:
    """One request's way. ``opened`` and ``name`` are None for a tombstone, and where it was not framed.

    ``value`` is the record as it was decoded, ``words`` are those of the schema, which may be shown.
    """

    record: Record
    opened: Opened | None
    name: str | None
    value: Mapping[str, object] | None
    outcome: Outcome
    words: frozenset[str] = frozenset()


class ErasureExplainer:
    """Explains requests; ``decoder`` is the one that the service reads them with."""

    def __init__(self, decoder: Decoder[Mapping[str, object]]) -> None:
        self._decoder: Final = decoder
        self._codec: Final = Codec(schemas.user_erasure())

    def schema_of(self, _: str) -> WriterSchema:
        """Return the schema of requests, which is bundled."""
        return WriterSchema(schemas.user_erasure())

    async def explain(self, record: Record) -> Request:
        """Explain a record as Kafka has it, in its framing."""
        try:
            opened = await self._decoder.open(record)
        except Unreadable as error:
            return Request(record, None, None, None, Reject(error.reason, error.detail))
        except Unavailable as error:
            return Request(record, None, None, None, Held(str(error)))
        return self._decoded(record, opened)

    def explain_body(self, record: Record, schema: WriterSchema) -> Request:
        """Explain a record whose value is Avro bytes of ``schema``, without framing."""
        return self._decoded(record, None if record.value is None else Opened(Raw(record.value), schema))

    def _decoded(self, record: Record, opened: Opened | None) -> Request:
        if opened is None:
            return Request(record, None, None, None, _outcome(None))
        try:
            name = inspect(opened.schema).name
            value = self._codec.decode(opened.schema, opened.framed.body)
        except Unreadable as error:
            return Request(record, opened, None, None, Reject(error.reason, error.detail))
        return Request(record, opened, name, value, _outcome(value), from_json.words(opened.schema))


def _outcome(value: Mapping[str, object] | None) -> Outcome:
    plan = erasure.plan(value)
    match plan:
        case PlannedErasure():
            return Erasing(plan.path, plan.body, plan.call.user_id)
        case Skip() | Reject():
            return plan
        case _:
            assert_never(plan)
