"""The parts of the service that its settings describe: nothing is opened or asked by making them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from consumer import __version__
from consumer.core.api.calls import PlanRules
from consumer.core.api.pacing import Turns
from consumer.core.api.refusals import Refusals
from consumer.core.api.shares import Allotment, Shares
from consumer.core.avro import schemas
from consumer.core.avro.codec import Codec
from consumer.core.avro.framing import WireFormat
from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.mapped import MappedCodec
from consumer.core.letters import Sender
from consumer.core.meaning import mapping
from consumer.core.meaning.lifecycle import LifecyclePolicy, Status
from consumer.core.meaning.rates import RateTable
from consumer.core.operations.logbook import Log
from consumer.core.partitions.lease import lease_seconds
from consumer.core.partitions.starts import StartFrom
from consumer.core.partitions.subscription import Choice
from consumer.core.settings.kafka_properties import session_seconds
from consumer.core.settings.mapped import Configured, decoding_of, routes_of, skips_of
from consumer.core.settings.tree import Settings
from consumer.edges.kafka.clients import consumer_config, producer_config
from consumer.edges.kafka.dead_letters import DeadLetters
from consumer.edges.kafka.questions import Questions
from consumer.edges.kafka.source import Source
from consumer.flow.decoding import AvroCodec, Decoder, read_raw_schema
from consumer.flow.delivery import Reader, Rules
from consumer.flow.giving_up import LETTERS_AT_ONCE, DeadLetterBox, GivingUp
from consumer.flow.membership import Membership
from consumer.flow.reading import CanonicalReader, MappedReader, SourceReader
from consumer.flow.report import ReadFrom

T = TypeVar("T")

#: What tells the meaning of events of the canonical schema.
_CANONICAL: Final = "canonical"
_ERASURES: Final = "erasures of users"
#: Seconds that a question to the brokers may take; a stop may have to wait for one.
_QUESTION_SECONDS: float = 3.0


@dataclass(frozen=True, slots=True)
class KafkaParts:
    """All that speaks to Kafka: records come from ``source``, dead letters go to ``box``."""

    source: Source
    box: DeadLetters
    questions: Questions


def kafka_parts(settings: Settings, topics: Sequence[str], logger: logging.Logger) -> KafkaParts:
    """Return the clients, which write what they have to say to ``logger``; ``topics`` are read at once."""
    kafka, letters = settings.kafka, settings.dead_letters
    config = consumer_config(kafka.bootstrap_servers, kafka.group_id, kafka.properties)
    source = Source(
        config,
        topics,
        start_from=StartFrom(kafka.start_from),
        restart_at_beginning=kafka.on_out_of_range == "earliest",
        drain_seconds=settings.shutdown.drain_seconds,
        logger=logger,
    )
    box = DeadLetters(
        producer_config(kafka.bootstrap_servers, kafka.properties, letters.properties),
        letters.topic,
        create=letters.create,
        logger=logger,
    )
    return KafkaParts(source, box, Questions(config, kafka.properties, answer_seconds=_QUESTION_SECONDS))


def membership_of(settings: Settings) -> Membership:
    """Return what knows for how long this process may send by its last proof of membership."""
    session = session_seconds(settings.kafka.properties)
    return Membership(lease_seconds(session, settings.linkrunner.timeout_seconds))


def reader_of(configured: Configured, canonical: Decoder[Mapping[str, object]]) -> Reader:
    """Return the reader of every topic; ``canonical`` decodes as the settings say for all.

    Raises :class:`ConfigurationError` where the schema file of a source can't be used.
    """
    settings, policy = configured.settings, lifecycle_policy(configured.settings)
    if configured.mapping is None:
        return CanonicalReader(canonical, policy)
    mapped, own = MappedCodec(), Codec(schemas.payment_event())
    readers: list[tuple[Sequence[str], Reader]] = []
    for source in configured.mapping.sources:
        reader: Reader
        if source.canonical:
            reader = CanonicalReader(decoder_of(source, canonical, settings, own), policy)
        else:
            decoder = decoder_of(source, canonical, settings, mapped)
            reader = MappedReader(decoder, source, configured.nested, policy)
        readers.append((source.topics, reader))
    return SourceReader(readers)


def decoder_of(
    source: mapping.Source, canonical: Decoder[Mapping[str, object]], settings: Settings, codec: AvroCodec[T]
) -> Decoder[T]:
    """Return what decodes the records of ``source`` with ``codec``, framed as it says.

    Raises :class:`ConfigurationError` where its schema file can't be used.
    """
    decoding = decoding_of(source, settings.decoding)
    return canonical.beside(WireFormat(decoding.wire_format), codec, read_raw_schema(decoding, codec))


def sources_read(configured: Configured) -> tuple[ReadFrom, ...]:
    """Return what is read from where, for people."""
    erasures = tuple(
        ReadFrom((topic,), _ERASURES) for topic in filter(None, [configured.settings.erasure_topic])
    )
    if configured.mapping is None:
        return (ReadFrom(configured.topics, _CANONICAL), *erasures)
    mapped = (
        ReadFrom(source.topics, _CANONICAL if source.canonical else f"routes {', '.join(routes_of(source))}")
        for source in configured.mapping.sources
    )
    return (*mapped, *erasures)


def skips_by_topic(configured: Configured) -> Choice[tuple[str, ...]]:
    """Return for each topic the names of the routes that skip its records."""
    sources = () if configured.mapping is None else configured.mapping.sources
    return Choice((source.topics, skips_of(source)) for source in sources)


def erasure_decoder(
    settings: Settings, canonical: Decoder[Mapping[str, object]]
) -> Decoder[Mapping[str, object]]:
    """Return a decoder of ``UserErasure`` and nothing else: same framing, same registry, own codec.

    Raw records are of the bundled schema. Whoever closes ``canonical`` closes the registry of both.
    """
    schema = schemas.user_erasure()
    wire_format = WireFormat(settings.decoding.wire_format)
    return canonical.beside(wire_format, Codec(schema), WriterSchema(schema))


def delivery_rules(settings: Settings, rates: Callable[[], RateTable | None]) -> Rules:
    """Return what the settings say about single records; ``rates`` gives the rates to convert at."""
    return Rules(
        plan=_plan_rules(settings),
        retry_after_cap=settings.linkrunner.retry_after_cap_seconds,
        sender=Sender(settings.kafka.group_id, __version__),
        rates=rates,
        nothing_to_remove=settings.delivery.nothing_to_remove,
    )


def _plan_rules(settings: Settings) -> PlanRules:
    currency, seconds = settings.currency, settings.delivery.max_event_age_seconds
    return PlanRules(
        accept=currency.accept or (),
        on_invalid=settings.event_data.on_invalid,
        reporting=currency.reporting,
        max_event_age=None if seconds is None else timedelta(seconds=seconds),
    )


def allotment(settings: Settings) -> Allotment:
    """Return what of the rate is this process's own."""
    linkrunner = settings.linkrunner
    shares = Shares() if linkrunner.rate_scope == "group" else None
    return Allotment(linkrunner.requests_per_second, shares)


def letters_at_once(settings: Settings) -> int:
    """Return how many dead letters are written at the same time; calls keep half of the places."""
    return min(LETTERS_AT_ONCE, max(1, settings.linkrunner.max_in_flight // 2))


def giving_up(
    settings: Settings,
    box: DeadLetterBox,
    log: Log,
    on_resume: Callable[[], None],
    clock: Callable[[], float],
    *,
    wall: datetime,
) -> GivingUp:
    """Return what says which records may be given up; ``wall`` is the time of day (aware) now."""
    return GivingUp(
        box,
        refusals(settings, wall=wall, clock=clock()),
        log,
        on_resume,
        clock,
        after_seconds=settings.delivery.give_up_after_seconds,
        letters_at_once=letters_at_once(settings),
    )


def refusals(settings: Settings, *, wall: datetime, clock: float) -> Refusals:
    """Return the breaker; ``wall`` is the time of day (aware) at ``clock`` seconds of the steady clock."""
    until = settings.linkrunner.accept_refusals_until
    return Refusals(accept_until=None if until is None else clock + (until - wall).total_seconds())


def turns(settings: Settings) -> Turns:
    """Return the rates of topics that have one of their own."""
    topic = settings.erasure_topic
    return Turns({} if topic is None else {topic: settings.erasure.requests_per_second})


def lifecycle_policy(settings: Settings) -> LifecyclePolicy:
    """Return what the settings say about events that the API has no single right answer for."""
    lifecycle = settings.lifecycle
    return LifecyclePolicy(
        partial_refunds=lifecycle.partial_refunds,
        capture_statuses=frozenset(Status(name) for name in lifecycle.capture_statuses),
        wallet_topups=lifecycle.wallet_topups,
        withdrawals=lifecycle.withdrawals,
    )
