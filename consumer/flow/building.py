"""The parts of the service that its settings describe: nothing is opened or asked by making them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from consumer import __version__
from consumer.core.api.calls import PlanRules
from consumer.core.letters import Sender
from consumer.core.meaning.lifecycle import LifecyclePolicy, Status
from consumer.core.partitions.starts import StartFrom
from consumer.core.settings.tree import Settings
from consumer.edges.kafka.clients import consumer_config, producer_config
from consumer.edges.kafka.dead_letters import DeadLetters
from consumer.edges.kafka.questions import Questions
from consumer.edges.kafka.source import Source
from consumer.flow.delivery import Rules

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


def delivery_rules(settings: Settings) -> Rules:
    """Return what the settings say about single records."""
    return Rules(
        plan=PlanRules(accept=settings.currency.accept, on_invalid=settings.event_data.on_invalid),
        retry_after_cap=settings.linkrunner.retry_after_cap_seconds,
        sender=Sender(settings.kafka.group_id, __version__),
    )


def lifecycle_policy(settings: Settings) -> LifecyclePolicy:
    """Return what the settings say about events that the API has no single right answer for."""
    lifecycle = settings.lifecycle
    return LifecyclePolicy(
        partial_refunds=lifecycle.partial_refunds,
        capture_statuses=frozenset(Status(name) for name in lifecycle.capture_statuses),
        wallet_topups=lifecycle.wallet_topups,
        withdrawals=lifecycle.withdrawals,
    )
