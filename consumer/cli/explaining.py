"""The work of ``explain``: gets the record, has it explained by the service's own parts, and writes it."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, assert_never

import typer

from consumer.cli.explanation import json_of, text_of, tree_of
from consumer.cli.loading import configure
from consumer.cli.output import ExitCode, Output, write_json
from consumer.core.api.calls import NeedsRates, Planned
from consumer.core.avro import from_json
from consumer.core.avro.from_json import NotFitting
from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.mapped import MappedCodec
from consumer.core.errors import Unreadable
from consumer.core.meaning.intents import Reject, Skip
from consumer.core.meaning.masks import Mask, writable
from consumer.core.records import Header, Partition, Record
from consumer.core.settings.mapped import Configured
from consumer.edges.kafka.clients import consumer_config
from consumer.edges.kafka.single import NotRead, read_one
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
    tree = tree_of(explanation, mask)
    typer.echo(json_of(tree) if output is Output.JSON else text_of(tree, masked=not reveal))
    return _code(explanation.outcome)


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


async def _explain(configured: Configured, topic: str, given: Given) -> Explanation:
    decoder = canonical_decoder(configured.settings, None if configured.mapping is None else MappedCodec())
    try:
        explainer = Explainer(configured, decoder)
        if topic == configured.settings.erasure_topic:
            raise NoRecord(
                f"{topic} has requests to erase users, which explain does not show; "
                "docs/erasure.md says how to try them"
            )
        if not explainer.reads(topic):
            known = ", ".join(configured.subscription)
            raise NoRecord(f"nothing reads the topic {topic}; the configuration reads {known}")
        match given:
            case FromKafka():
                return await explainer.explain(_from_kafka(configured, topic, given))
            case FromFile(is_json=True):
                return _from_json(explainer, topic, given)
            case FromFile():
                return await _from_avro(explainer, topic, given)
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


async def _from_avro(explainer: Explainer, topic: str, given: FromFile) -> Explanation:
    record = _record(topic, given, given.content)
    if given.beside.schema is None:
        return await explainer.explain(record)
    return explainer.explain_body(record, _schema(given.beside.schema, explainer))


def _from_json(explainer: Explainer, topic: str, given: FromFile) -> Explanation:
    try:
        value = from_json.parse(given.content.decode("utf-8-sig"))
        own = given.beside.schema
        schema = explainer.schema_of(topic) if own is None else _schema(own, explainer)
        if schema is None:
            return explainer.explain_value(_record(topic, given, b""), value)
        body = None if value is None else from_json.encode(schema, value)
    except UnicodeDecodeError:
        raise NoRecord("the record is no text in UTF-8") from None
    except NotFitting as error:
        raise NoRecord(f"the JSON is no record of the topic: {error}") from None
    except Unreadable as error:
        raise NoRecord(error.detail) from None
    return explainer.explain_body(_record(topic, given, body), schema)


def _schema(content: bytes, explainer: Explainer) -> WriterSchema:
    try:
        return explainer.link(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise NoRecord("the schema is no text in UTF-8") from None
    except Unreadable as error:
        raise NoRecord(error.detail) from None


def _record(topic: str, given: FromFile, value: bytes | None) -> Record:
    beside = given.beside
    return Record(Partition(topic, 0), 0, 0, beside.key, value, beside.headers, beside.timestamp_ms)
