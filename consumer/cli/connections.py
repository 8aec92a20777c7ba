"""Everything outside that the service needs, asked side by side; see ``check --connect``."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from consumer import __version__
from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.mapped import MappedCodec
from consumer.core.errors import Unreadable
from consumer.core.operations import http_checks, kafka_checks, mapping_checks
from consumer.core.operations.checks import Check, Failure, Result, Trouble, any_failed
from consumer.core.operations.kafka_checks import TopicState
from consumer.core.partitions.subscription import Choice, Letters, Subscription
from consumer.core.settings.mapped import Configured, decoding_of, held_against
from consumer.core.settings.tree import Settings
from consumer.edges.kafka.clients import consumer_config, is_shared, producer_config
from consumer.edges.kafka.survey import Survey
from consumer.edges.linkrunner import Linkrunner
from consumer.edges.linkrunner.route import route_to

#: Framings whose records name no schema in the registry.
_WITHOUT_REGISTRY: Final = frozenset({"single_object", "raw"})
#: Topics whose schemas are asked for; those of one pattern are much alike.
_MOST_SCHEMAS: Final = 20
_TOO_LATE: Final = Failure(Trouble.TIMEOUT, "the schema registry has not answered in time")
_NO_SUBJECT: Final = Failure(Trouble.MISSING, "the registry has no such subject")
#: Seconds for one answer of the API, whatever calls may take: a check is no payment.
_ANSWER_SECONDS: Final = 10.0
#: Seconds for the schemas of all topics together.
_SCHEMA_SECONDS: Final = 10.0


async def examine(configured: Configured, key: Callable[[], str]) -> list[Check]:
    """Ask brokers, registry and API, and return what each said, in the order of the configuration.

    Nothing is joined, committed, produced or posted. They are asked at the same time, and who does not answer
    is not asked further: a silent one is told after 15 seconds at most. The schemas of the topics come behind
    that, within 10 seconds in all. Each later question to brokers or API that falls silent adds 10 at most.
    """
    settings = configured.settings
    (kafka, topics), registry, api = await asyncio.gather(
        asyncio.to_thread(ask_kafka, configured), ask_registry(settings), ask_api(settings, key)
    )
    fits = [] if any_failed(registry) else await ask_schemas(configured, topics)
    return [*kafka, *registry, *fits, *api]


def ask_kafka(configured: Configured) -> tuple[list[Check], Sequence[str]]:
    """Ask the brokers for topics, group and dead-letter topics, with our rights. Waits, bounded.

    Also returns the topics that are read, as far as they are known.
    """
    settings = configured.settings
    kafka = settings.kafka
    survey = Survey(
        consumer_config(kafka.bootstrap_servers, kafka.group_id, kafka.properties), kafka.properties
    )
    first = kafka_checks.of_brokers(kafka.bootstrap_servers, contact := survey.brokers())
    subscription = Subscription.of(configured.subscription, Letters(settings.dead_letters.topic))
    if isinstance(contact, Failure):
        return [first], subscription.names
    group = kafka_checks.of_group(kafka.group_id, survey.group(kafka.group_id))
    there = survey.names() if subscription.patterns else frozenset()
    topics = dict.fromkeys((*subscription.names, *subscription.matching(there or ())))
    sources = survey.topics(topics) if topics else {}
    checks = [
        kafka_checks.of_pattern(pattern.pattern, subscription, there) for pattern in subscription.patterns
    ]
    checks += [check for topic in topics for check in kafka_checks.of_topic(topic, sources[topic])]
    return [first, *checks, group, *_dead_letters(settings, survey, sources)], tuple(topics)


def _dead_letters(
    settings: Settings, survey: Survey, sources: dict[str, TopicState | Failure]
) -> list[Check]:
    letters, kafka = settings.dead_letters, settings.kafka
    config = producer_config(kafka.bootstrap_servers, kafka.properties, letters.properties)
    checks = []
    if any(is_shared(name) for name in letters.properties):
        # Letters are written by somebody else, or on another way.
        survey = Survey(config, letters.properties)
        first = kafka_checks.of_brokers(
            f"{kafka.bootstrap_servers}, for dead letters", found := survey.brokers()
        )
        checks.append(first)
        if isinstance(found, Failure):
            return checks
    if not sources:
        return checks
    targets = survey.topics(letters.topic_for(topic) for topic in sources)
    for target, state in targets.items():
        missing = isinstance(state, Failure) and state.trouble is Trouble.MISSING
        creation = survey.creation(target) if missing and letters.create else None
        checks.append(kafka_checks.of_dead_letters(target, state, creation=creation, create=letters.create))
    for topic, source in sources.items():
        target = letters.topic_for(topic)
        state = targets[target]
        if not isinstance(source, Failure):
            known = None if isinstance(state, Failure) else state
            most = int(config["message.max.bytes"])
            checks += kafka_checks.of_sizes(topic, source, target, known, most)
    return checks


async def ask_registry(settings: Settings) -> list[Check]:
    """Ask each address of the schema registry, where one is configured."""
    registry = settings.schema_registry
    if registry.url is None:
        return []
    from consumer.edges.registry.reach import reach  # noqa: PLC0415  # 20 MiB, spared without a url

    urls = registry.url.split(",")
    found = await asyncio.gather(*(reach(url, registry.properties) for url in urls))
    others = None in found
    return [
        http_checks.of_registry(url, failure, others=others) for url, failure in zip(urls, found, strict=True)
    ]


async def ask_schemas(configured: Configured, topics: Sequence[str]) -> list[Check]:
    """Hold the mapping against the latest schemas of ``topics`` whose records name them by an id."""
    registry, decoding = configured.settings.schema_registry, configured.settings.decoding
    if registry.url is None or configured.mapping is None:
        return []
    sources = Choice(
        (source.topics, (number, source)) for number, source in enumerate(configured.mapping.sources)
    )
    asked = {
        topic: of
        for topic in topics
        if (of := sources.of(topic)) is not None
        and not of[1].canonical
        and decoding_of(of[1], decoding).wire_format not in _WITHOUT_REGISTRY
    }
    wanted = {topic: mapping_checks.subject_of(topic) for topic in list(asked)[:_MOST_SCHEMAS]}
    found = await latest_schemas(registry.url, registry.properties, wanted.values())
    checks: list[Check] = []
    for topic, subject in wanted.items():
        state = _usable(found[subject])
        if isinstance(state, WriterSchema):
            fits = held_against(*asked[topic], [state], configured.nested_schemas)
            checks += mapping_checks.of_schema(topic, None, *fits)
        else:
            checks += mapping_checks.of_schema(topic, state or _NO_SUBJECT, (), ())
    return [*checks, *mapping_checks.of_rest(len(asked), len(wanted))]


async def latest_schemas(
    url: str, properties: Mapping[str, str], subjects: Iterable[str], *, seconds: float = _SCHEMA_SECONDS
) -> dict[str, WriterSchema | Failure | None]:
    """Return the latest schema of each subject, None where there is no such subject.

    They are asked about at the same time, and all together take ``seconds`` at most.
    """
    from consumer.edges.registry.latest import LatestSchemas  # noqa: PLC0415  # as above

    wanted = tuple(subjects)
    if not wanted:
        return {}
    registry = LatestSchemas(url, properties)
    asked = {subject: asyncio.create_task(registry.of(subject)) for subject in wanted}
    try:
        _, late = await asyncio.wait(asked.values(), timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    finally:
        await registry.close()
    return {subject: _TOO_LATE if task in late else task.result() for subject, task in asked.items()}


def _usable(state: WriterSchema | Failure | None) -> WriterSchema | Failure | None:
    """Return ``state``, or why nothing of that schema could be decoded."""
    if isinstance(state, WriterSchema):
        try:
            MappedCodec().examine(state)
        except Unreadable as unreadable:
            return Failure(Trouble.OTHER, unreadable.detail)
    return state


async def ask_api(settings: Settings, key: Callable[[], str]) -> list[Check]:
    """Go the way to the API, then ask it with GETs: about itself, and about the key where that is open."""
    url = settings.linkrunner.base_url
    way = await route_to(url, datetime.now(UTC))
    checks = [http_checks.of_route(url, way)]
    if isinstance(way, Failure):
        return checks
    api = Linkrunner(
        url,
        key,
        timeout_seconds=_ANSWER_SECONDS,
        connections=1,
        user_agent=f"linkrunner-consumer/{__version__}",
    )
    await api.start()
    try:
        answer = http_checks.of_api(url, await api.look(http_checks.CAPTURE_PATH))
        checks.append(answer)
        if answer.result is not Result.FAILED:
            checks.append(http_checks.of_key(url, await api.look(http_checks.KEY_PATH, "limit=1")))
    finally:
        await api.close()
    return checks
