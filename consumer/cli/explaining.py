"""The work of ``explain``: gets the record, has it explained by the service's own parts, and writes it."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, assert_never

import typer

from consumer.cli import erasures
from consumer.cli.explanation import json_of, text_of, tree_of
from consumer.cli.loading import configure
from consumer.cli.output import ExitCode, Output, write_json
from consumer.core.api.calls import NeedsRates, Planned
from consumer.core.avro import from_json
from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.leaves import NotFitting
from consumer.core.avro.mapped import MappedCodec
from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import Reject, Skip
from consumer.core.meaning.masks import Mask, writable
from consumer.core.records import Header, Partition, Record
from consumer.core.settings.mapped import Configured
from consumer.core.settings.tree import Settings
from consumer.edges.kafka.clients import consumer_config
from consumer.edges.kafka.single import NotRead, read_one
from consumer.edges.schema_files import shelf_of
from consumer.flow.decoding import canonical_decoder
from consumer.flow.explaining import Explainer, Explanation, Held, Outcome


@dataclass(frozen=True, slots=True)
class Beside:
    """What is given beside the content of a file: the schema of it, a key, headers, the record's time."""

    schema: bytes | None
    key: bytes | None
    headers: tuple[Header, ...]
    timestamp_ms: int | None


@dataclass(frozen=True, slots=True)
class FromFile:
    """A record in a file: JSON, or its bytes."""

    content: bytes
    is_json: bool
    beside: Beside


@dataclass(frozen=True, slots=True)
class FromKafka:
    """A record by its coordinates."""

    partition: int
    offset: int


Given: TypeAlias = FromFile | FromKafka
#: What is explained: a payment event, or a request to erase a user.
Told: TypeAlias = Explanation | erasures.Told


class NoRecord(Exception):
    """There is nothing that could be explained; the text says why, without anything of a record."""


def run(config: Path, topic: str, given: Given, *, reveal: bool, output: Output) -> ExitCode:
    """Explain what was given as a record of ``topic`` and write it; return the exit code.

    Raises :class:`ConfigurationError` with all mistakes of the configuration.
    """
    configured = configure(config, os.environ)
    try:
        explanation = asyncio.run(_explain(configured, topic, given))
    except NoRecord as reason:
        _write_reason(str(reason), output)
        return ExitCode.REJECTED
    mask = Mask(explanation.words, reveal=reveal)
    if isinstance(explanation, Explanation):
        tree, code = tree_of(explanation, mask), _code(explanation.outcome)
    else:
        tree, code = erasures.tree_of(explanation, mask), erasures.code_of(explanation)
    typer.echo(json_of(tree) if output is Output.JSON else text_of(tree, masked=not reveal))
    return code


def _code(outcome: Outcome) -> ExitCode:
    match outcome:
        case Planned():
            return ExitCode.DONE
        case Skip():
            return ExitCode.SKIPPED
        case Reject() | Held() | NeedsRates():
            return ExitCode.REJECTED
        case _:
            assert_never(outcome)


def _write_reason(reason: str, output: Output) -> None:
    reason = writable(reason)  # names of a schema are in it, which may be half characters
    if output is Output.JSON:
        write_json({"outcome": "error", "detail": reason})
    else:
        typer.echo(f"{typer.style('error:', fg=typer.colors.RED, bold=True)} {reason}", err=True)


class Explains(Protocol):
    """Explains the records of a topic; the decoder behind it is closed by whoever made it."""

    def schema_of(self, topic: str, /) -> WriterSchema | None:
        """Return the schema of records of ``topic`` without any framing, None where nothing says it."""

    async def explain(self, record: Record) -> Told:
        """Explain a record as Kafka has it, in its framing."""

    def explain_body(self, record: Record, schema: WriterSchema) -> Told:
        """Explain a record whose value is Avro bytes of ``schema``, without framing."""


async def _explain(configured: Configured, topic: str, given: Given) -> Told:
    settings = configured.settings
    decoder = canonical_decoder(settings, None if configured.mapping is None else MappedCodec())
    try:
        explainer: Explains
        if topic == settings.erasure_topic:
            explainer = erasures.explainer(settings, decoder)
        else:
            explainer = Explainer(configured, decoder)
            if not explainer.reads(topic):
                known = ", ".join(configured.subscription)
                raise NoRecord(f"nothing reads the topic {topic}; the configuration reads {known}")
        match given:
            case FromKafka():
                return await explainer.explain(_from_kafka(configured, topic, given))
            case FromFile():
                own = _schema(given.beside.schema, settings)
                if given.is_json:
                    return _from_json(explainer, topic, given, own)
                record = _record(topic, given, given.content)
                return await explainer.explain(record) if own is None else explainer.explain_body(record, own)
            case _:
                assert_never(given)
    finally:
        await decoder.close()


def _from_kafka(configured: Configured, topic: str, given: FromKafka) -> Record:
    kafka = configured.settings.kafka
    config = consumer_config(kafka.bootstrap_servers, kafka.group_id, kafka.properties)
    found = read_one(config, kafka.properties, Partition(topic, given.partition), given.offset)
    if isinstance(found, NotRead):
        raise NoRecord(found.why)
    return found


def _from_json(explainer: Explains, topic: str, given: FromFile, own: WriterSchema | None) -> Told:
    try:
        value = from_json.parse(given.content.decode("utf-8-sig"))
        schema = explainer.schema_of(topic) if own is None else own
        if schema is None:
            assert isinstance(explainer, Explainer)  # noqa: S101  (requests to erase have a schema)
            return explainer.explain_value(_record(topic, given, b""), value)
        body = None if value is None else from_json.encode(schema, value)
    except UnicodeDecodeError:
        raise NoRecord("the record is no text in UTF-8") from None
    except NotFitting as error:
        raise NoRecord(f"the JSON is no record of the topic: {error}") from None
    except Unreadable as error:
        raise NoRecord(error.detail) from None
    return explainer.explain_body(_record(topic, given, body), schema)


def _schema(content: bytes | None, settings: Settings) -> WriterSchema | None:
    """Return the schema that was given, with what it needs of the files that the configuration names."""
    if content is None:
        return None
    try:
        return shelf_of(settings.decoding.schemas).link(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise NoRecord("the schema is no text in UTF-8") from None
    except Unreadable as error:
        raise NoRecord(error.detail) from None


def _record(topic: str, given: FromFile, value: bytes | None) -> Record:
    beside = given.beside
    return Record(Partition(topic, 0), 0, 0, beside.key, value, beside.headers, beside.timestamp_ms)
