"""What one record would become, with every step that leads there: the service's own parts, and nothing sent.

Framing, schemas, codecs, sources and the plan of the call are those that a run uses; what is added here is
that each of them says what it came to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from consumer.core.api import calls
from consumer.core.api.calls import Circumstances, Plan
from consumer.core.avro import from_json, schemas
from consumer.core.avro.codec import Codec
from consumer.core.avro.framing import Raw
from consumer.core.avro.inspection import WriterSchema, inspect
from consumer.core.avro.mapped import Decoded, MappedCodec
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.meaning import masks, telling
from consumer.core.meaning.intents import Reject
from consumer.core.meaning.mapping import Source, Trace
from consumer.core.partitions.subscription import Choice
from consumer.core.records import Record
from consumer.core.settings.mapped import Configured, decoding_of
from consumer.flow.building import decoder_of, delivery_rules, lifecycle_policy
from consumer.flow.decoding import Decoder, Opened, read_raw_schema
from consumer.flow.delivery import recorded_at
from consumer.flow.exchange import open_rates
from consumer.flow.reading import mapped_event


@dataclass(frozen=True, slots=True)
class Held:
    """The service would wait, and the record with it; ``why`` says for what."""

    why: str


Outcome: TypeAlias = Plan | Held


@dataclass(frozen=True, slots=True)
class Explanation:
    """One record's way. ``opened`` is None for a tombstone, and where it was not framed.

    ``value`` is the record as it was decoded. ``trace`` is None where it could not be: ``outcome`` then says
    why. ``source`` is None for canonical events without a mapping. ``words`` are the schema's and the
    mapping's, which may be shown. ``reporting`` is the currency that payments are converted to, if any.
    """

    record: Record
    source: Source | None
    opened: Opened | None
    name: str | None
    value: object
    trace: Trace | None
    outcome: Outcome
    words: frozenset[str]
    reporting: str | None = None

    @property
    def canonical(self) -> bool:
        """Whether the lifecycle table decided, and no route."""
        return self.source is None or self.source.canonical


class Explainer:
    """Explains records as ``configured`` says; ``decoder`` is the one of canonical records."""

    def __init__(self, configured: Configured, decoder: Decoder[Mapping[str, object]]) -> None:
        """Read the exchange rates, once. Raises :class:`ConfigurationError` where they can't be used."""
        self._settings: Final = configured.settings
        self._nested: Final = configured.nested
        self._canonical: Final = decoder
        self._own: Final = Codec(schemas.payment_event())
        self._mapped: Final = MappedCodec()
        self._policy: Final = lifecycle_policy(configured.settings)
        opened = open_rates(configured.settings.currency)
        self._rates: Final = None if opened is None else opened[1]
        self._rules: Final = delivery_rules(configured.settings, lambda: self._rates).plan
        mapping = configured.mapping
        self._has_mapping: Final = mapping is not None
        self._sources: Final = Choice(
            (source.topics, source) for source in (() if mapping is None else mapping.sources)
        )
        self._topics: Final = Choice([(configured.topics, True)])

    def reads(self, topic: str) -> bool:
        """Tell whether the service would read payments in ``topic``; the one of erasures has none."""
        return self._topics.of(topic) is not None

    def schema_of(self, topic: str) -> WriterSchema | None:
        """Return the schema of records of ``topic`` without any framing, None where nothing says it."""
        source = self._sources.of(topic)
        if source is None or source.canonical:
            return WriterSchema(schemas.payment_event())
        return read_raw_schema(decoding_of(source, self._settings.decoding), self._mapped)

    async def explain(self, record: Record) -> Explanation:
        """Explain a record as Kafka has it, in its framing."""
        source = self._sources.of(record.partition.topic)
        try:
            opened = await self._open(record, source)
        except Unreadable as error:
            return self._undecoded(record, source, None, Reject(error.reason, error.detail))
        except Unavailable as error:
            return self._undecoded(record, source, None, Held(str(error)))
        return self._decoded(record, source, opened)

    def explain_body(self, record: Record, schema: WriterSchema) -> Explanation:
        """Explain a record whose value is Avro bytes of ``schema``, without framing."""
        source = self._sources.of(record.partition.topic)
        opened = None if record.value is None else Opened(Raw(record.value), schema)
        return self._decoded(record, source, opened)

    def explain_value(self, record: Record, value: object) -> Explanation:
        """Explain a record that is decoded already, for a topic with a mapping; there is no schema to it."""
        source = self._sources.of(record.partition.topic)
        assert source is not None  # noqa: S101  (canonical records have a schema, and come by it)
        decoded = None if value is None else Decoded("", value)
        return self._explained(record, source, None, decoded)

    async def _open(self, record: Record, source: Source | None) -> Opened | None:
        if source is None:
            return await self._canonical.open(record)
        if source.canonical:
            return await decoder_of(source, self._canonical, self._settings, self._own).open(record)
        return await decoder_of(source, self._canonical, self._settings, self._mapped).open(record)

    def _decoded(self, record: Record, source: Source | None, opened: Opened | None) -> Explanation:
        if opened is None:
            return self._explained(record, source, None, None)
        canonical = source is None or source.canonical
        try:
            value = (
                Decoded("", self._own.decode(opened.schema, opened.framed.body))
                if canonical
                else self._mapped.decode(opened.schema, opened.framed.body)
            )
        except Unreadable as error:
            return self._undecoded(record, source, opened, Reject(error.reason, error.detail))
        return self._explained(record, source, opened, value)

    def _explained(
        self, record: Record, source: Source | None, opened: Opened | None, decoded: Decoded | None
    ) -> Explanation:
        if source is None or source.canonical:
            event = None if decoded is None else decoded.value
            trace = telling.explain(event if isinstance(event, Mapping) else None, self._policy)
        else:
            self._nested.begin()
            trace = source.explain(mapped_event(record, decoded), self._policy)
        at = Circumstances(datetime.now(UTC), recorded_at(record), self._rates)
        outcome = calls.plan(trace.intent, self._rules, at)
        # A union names no record itself: which of them it is, the value has told.
        named = "" if decoded is None else decoded.name
        name = None if opened is None else named or inspect(opened.schema).name
        value = None if decoded is None else decoded.value
        words, reporting = _words(source, opened), self._settings.currency.reporting
        return Explanation(record, source, opened, name, value, trace, outcome, words, reporting)

    def _undecoded(
        self, record: Record, source: Source | None, opened: Opened | None, outcome: Outcome
    ) -> Explanation:
        return Explanation(record, source, opened, None, None, None, outcome, _words(source, None))


def _words(source: Source | None, opened: Opened | None) -> frozenset[str]:
    from_schema = frozenset[str]() if opened is None else from_json.words(opened.schema)
    from_mapping = frozenset[str]() if source is None else masks.words_of(source.definition)
    return from_schema | from_mapping
