"""``produce``: sample events for the topic of a configuration."""

import asyncio
import os
from enum import StrEnum
from typing import Annotated

import typer

from consumer.cli.loading import configure
from consumer.cli.output import ConfigOption
from consumer.core.partitions.subscription import is_pattern
from consumer.core.settings.mapped import Configured
from consumer.core.settings.tree import Settings
from consumer.edges.kafka.clients import is_shared
from consumer.lab.publisher import Publisher
from consumer.lab.registration import confluent_prefix
from consumer.lab.samples import Encoder, samples


class Wire(StrEnum):
    """How the sample events are framed."""

    SINGLE_OBJECT = "single_object"
    CONFLUENT = "confluent"


def produce(
    config: ConfigOption,
    events: Annotated[int, typer.Option(min=1, help="How many records to write.")] = 1_000,
    rate: Annotated[float | None, typer.Option(min=0.1, help="Records per second.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Which story to tell: the same seed, the same bytes.")] = 0,
    wire: Annotated[
        Wire, typer.Option(help="confluent needs a schema_registry and registers the schema there.")
    ] = Wire.SINGLE_OBJECT,
) -> None:
    """Write sample events, good and bad, to the first topic that a configuration names for canonical events.

    They are made up; never point this at a topic that somebody reads for real.
    """
    configured = configure(config, os.environ)
    settings, topic = configured.settings, _topic(configured)
    records = samples(events, seed, _encoder(settings, topic, wire))
    shared = {name: value for name, value in settings.kafka.properties.items() if is_shared(name)}
    with Publisher(settings.kafka.bootstrap_servers, shared) as publisher:
        count = asyncio.run(publisher.publish(topic, records, rate))
    typer.echo(f"Wrote {count} records to {topic}; all are acknowledged.")


def _topic(configured: Configured) -> str:
    """Return the first topic that is named and has canonical events."""
    mapping = configured.mapping
    sources = () if mapping is None else (source.topics for source in mapping.sources if source.canonical)
    entries = configured.topics if mapping is None else [entry for entries in sources for entry in entries]
    named = [entry for entry in entries if not is_pattern(entry)]
    if not named:
        raise typer.BadParameter("names no topic with canonical events", param_hint="--config")
    return named[0]


def _encoder(settings: Settings, topic: str, wire: Wire) -> Encoder:
    """Return the encoder for ``wire``, with the schema registered where that is needed."""
    if wire is Wire.SINGLE_OBJECT:
        return Encoder()
    registry = settings.schema_registry
    if registry.url is None:
        raise typer.BadParameter("confluent needs schema_registry.url to be set", param_hint="--wire")
    return Encoder(confluent_prefix(str(registry.url), registry.properties, topic))
