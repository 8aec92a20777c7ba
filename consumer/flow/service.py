"""The running service: built here, started, told to stop, drained, closed.

The only module that knows every part. How a stop goes, with one deadline for all of it:

1. the first SIGTERM or SIGINT makes the service not ready and starts the watchdog;
2. nothing new is taken; what waits is dropped; calls on the wire are waited for, ``shutdown.drain_seconds``;
3. what settled is committed and read back;
4. the group is left, the clients are closed, the probes last.

A second signal, or the watchdog, ends the process at once: then records come again, none is lost.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from typing import Final

from prometheus_client import CollectorRegistry

from consumer import __version__
from consumer.core.api.removals import Removals
from consumer.core.avro.mapped import MappedCodec
from consumer.core.errors import ConsumerError, DependencyError, Unavailable
from consumer.core.meaning.rates import RateTable
from consumer.core.operations.cures import creating
from consumer.core.operations.logbook import Event, Log
from consumer.core.operations.traces import trace_of
from consumer.core.partitions.lanes import Ordering
from consumer.core.partitions.subscription import Letters, Subscription
from consumer.core.settings.effective import effective
from consumer.core.settings.mapped import Configured
from consumer.core.settings.rules import warnings
from consumer.edges.linkrunner import Linkrunner
from consumer.edges.logs import Logs
from consumer.edges.metrics import Metrics
from consumer.edges.probes import Probes
from consumer.edges.server_key import ServerKey
from consumer.flow.building import (
    allotment,
    delivery_rules,
    erasure_decoder,
    giving_up,
    kafka_parts,
    membership_of,
    reader_of,
    skips_by_topic,
    sources_read,
    turns,
)
from consumer.flow.decoding import canonical_decoder
from consumer.flow.delivery import Delivery
from consumer.flow.erasing import ByTopic, ErasureDelivery
from consumer.flow.exchange import Exchange
from consumer.flow.pipeline import LAST_COMMIT_SECONDS, Pipeline, Teller
from consumer.flow.report import ErrorBook, Facts, Inputs, Report
from consumer.flow.rotation import Rotation
from consumer.flow.subscribing import Subscribing
from consumer.flow.traffic import Traffic
from consumer.flow.watch import Watch

#: Exit codes of the service itself; the command has more (see ``consumer.cli``).
EXIT_OK: Final = 0
EXIT_BUG: Final = 70
EXIT_DRAIN_TIMED_OUT: Final = 143

#: Seconds that committing and closing may take behind the drain; the chart's grace period has one more.
CLOSING_SECONDS: Final = LAST_COMMIT_SECONDS + 4

#: Seconds between two tries to find out whether the dead-letter topics are there.
_ASK_AGAIN_SECONDS: Final = 5.0


def run(configured: Configured, environ: Mapping[str, str]) -> int:
    """Run the service until it is told to stop; return the exit code.

    Raises :class:`ConsumerError` for what the operator has to mend: a missing key, an address that can't be
    listened on, a Kafka client that is beyond repair.
    """
    settings = configured.settings
    key = ServerKey(settings.linkrunner, environ)
    with Logs(settings.log.level, settings.log.format) as logs:
        try:
            return asyncio.run(Service(configured, key, logs).run())
        except BaseExceptionGroup as group:
            known = _first_known(group)
            if isinstance(known, DependencyError):
                logs(Event.KAFKA_FATAL, error=str(known))
            if known is not None:
                raise known from group
            logs(Event.BUG, error=type(group).__name__, trace=trace_of(group))
            return EXIT_BUG


class Service:
    """All parts of one process, and their life."""

    def __init__(self, configured: Configured, key: ServerKey, logs: Logs) -> None:
        """Build the parts; nothing is opened yet."""
        settings = configured.settings
        self._settings: Final = settings
        self._doubts: Final = configured.doubts
        self._skips: Final = skips_by_topic(configured)
        self._log: Final = ErrorBook(logs)
        self._metrics: Final = Metrics(CollectorRegistry())
        membership = membership_of(settings)
        self._traffic: Final = Traffic(
            allotment(settings),
            self._metrics,
            self._log,
            self._wake,
            membership=membership,
            address=settings.linkrunner.base_url,
            turns=turns(settings),
        )
        self._traffic.removals = Removals(
            settings.delivery.nothing_to_remove_grace_seconds, settings.linkrunner.timeout_seconds
        )
        rotation = Rotation(key, self._log)
        self._api: Final = Linkrunner(
            settings.linkrunner.base_url,
            rotation.current,
            timeout_seconds=settings.linkrunner.timeout_seconds,
            connections=settings.linkrunner.max_in_flight,
            user_agent=f"linkrunner-consumer/{__version__}",
            allowed=membership.holds,
        )
        subscription = Subscription.of(configured.subscription, Letters(settings.dead_letters.topic))
        kafka = kafka_parts(settings, subscription.at_once, logs.librdkafka)
        self._box: Final = kafka.box
        self._giving_up: Final = giving_up(
            settings,
            self._box,
            self._log,
            self._wake,
            self._traffic.clock,
            wall=datetime.now(UTC),
        )
        self._source: Final = kafka.source
        self._decoder: Final = canonical_decoder(
            settings, None if configured.mapping is None else MappedCodec()
        )
        self._exchange: Final = Exchange.from_settings(settings.currency, asyncio.to_thread, self._log)
        self._pipeline: Final = Pipeline(
            source=self._source,
            delivery=self._teller(configured),
            traffic=self._traffic,
            metrics=self._metrics,
            log=self._log,
            ordering=Ordering(settings.ordering),
            max_in_flight=settings.linkrunner.max_in_flight,
            commit_seconds=settings.commit.interval_seconds,
        )
        self._subscribing: Final = Subscribing(
            subscription,
            existing=kafka.questions.topics,
            subscribe=self._source.subscribe,
            announce=self._announce,
            aside=asyncio.to_thread,
            log=self._log,
        )
        self._watch: Final = Watch(
            kafka.questions,
            self._subscribing,
            held=self._pipeline.offsets.next_offsets,
            counted=self._traffic.counted,
            aside=asyncio.to_thread,
            clock=self._traffic.clock,
            log=self._log,
        )
        self._report: Final = Report(
            pipeline=self._pipeline,
            traffic=self._traffic,
            group=self._source,
            topics=self._watch,
            inputs=Inputs(rotation.file_ok, self._decoder.describe_registry, self._exchange),
            errors=self._log,
            facts=Facts(
                settings.kafka.group_id,
                sources_read(configured),
                settings.linkrunner.max_in_flight,
                effective(settings),
            ),
        )
        self._watchdog: threading.Timer | None = None
        self._metrics.observe(self._report.gauges)
        self._pipeline.unread = self._report.unread

    def _teller(self, configured: Configured) -> Teller:
        """Return who tells the records' stories; only where erasure is enabled does anybody tell of that."""
        settings = configured.settings
        rules = delivery_rules(settings, self._rates)
        payments = Delivery(
            reader=reader_of(configured, self._decoder),
            api=self._api,
            traffic=self._traffic,
            giving_up=self._giving_up,
            rules=rules,
            metrics=self._metrics,
            log=self._log,
        )
        if (topic := settings.erasure_topic) is None:
            return payments
        erasures = ErasureDelivery(
            decoder=erasure_decoder(settings, self._decoder),
            api=self._api,
            traffic=self._traffic,
            giving_up=self._giving_up,
            rules=rules.calls,
            metrics=self._metrics,
            log=self._log,
        )
        return ByTopic(payments, {topic: erasures})

    async def run(self) -> int:
        """Open everything, work until a signal, close everything; return the exit code."""
        stop = asyncio.Event()
        self._log(Event.STARTING, version=__version__, group=self._settings.kafka.group_id)
        for sentence in (*warnings(self._settings, datetime.now(UTC)), *self._doubts):
            self._log(Event.CONFIGURATION_DOUBTFUL, detail=sentence)
        if (topic := self._settings.erasure_topic) is not None:
            self._log(Event.ERASURE_ENABLED, topic=topic)
        with _signals(stop, self._log):
            async with AsyncExitStack() as closing:
                await self._open(closing)
                drained = await self._work(stop)
            self._log(Event.STOPPED)
        return EXIT_OK if drained else EXIT_DRAIN_TIMED_OUT

    async def _open(self, closing: AsyncExitStack) -> None:
        """Open the parts in this order; they close in the opposite one."""
        http = self._settings.http
        probes = Probes(http.host, http.port, self._metrics, self._report.health, self._report.status)
        await probes.start()
        closing.push_async_callback(probes.stop)
        self._log(Event.LISTENING, address=f"{http.host}:{probes.port}")
        closing.push_async_callback(self._decoder.close)
        await self._api.start()
        closing.push_async_callback(self._api.close)
        await self._box.start()
        closing.push_async_callback(self._box.close)
        await self._source.start(self._pipeline)
        closing.push_async_callback(self._source.close)

    async def _work(self, stop: asyncio.Event) -> bool:
        working = asyncio.create_task(self._pipeline.run())
        asking = asyncio.create_task(self._ask_for_dead_letter_topics())
        watching = asyncio.create_task(self._watch.run())
        trading = [] if self._exchange is None else [asyncio.create_task(self._exchange.run())]
        stopping = asyncio.create_task(stop.wait())
        endless = (working, watching, *trading)
        try:
            await asyncio.wait({*endless, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in endless:
                if task.done():
                    await task  # raises what has ended it
            self._start_watchdog()
            # What waits on a thread of its own holds up the end of the process: nothing new of that.
            for task in (watching, *trading):
                task.cancel()
            self._report.draining = True
            self._source.interrupt()
            drained = await self._pipeline.drain(self._settings.shutdown.drain_seconds)
            if not drained:
                self._log(Event.DRAIN_TIMED_OUT)
            await working
            return drained
        finally:
            self._start_watchdog()
            for each in (*endless, asking, stopping):
                each.cancel()

    async def _ask_for_dead_letter_topics(self) -> None:
        prepared: frozenset[str] = frozenset()
        while True:
            topics = frozenset(self._subscribing.topics)
            if topics - prepared and await self._prepare_dead_letters(topics - prepared):
                prepared |= topics
            await asyncio.sleep(_ASK_AGAIN_SECONDS)

    async def _prepare_dead_letters(self, topics: Collection[str]) -> bool:
        """Say which dead-letter topics of ``topics`` are missing; return whether nothing is left to do."""
        try:
            missing = await self._box.prepare(topics)
        except Unavailable:
            self._log(Event.WAITING, target="kafka", address=self._settings.kafka.bootstrap_servers)
            return False
        for topic in missing:
            self._log(Event.DEAD_LETTER_TOPIC_MISSING, topic=topic, cure=creating(topic))
        return not (missing and self._settings.dead_letters.create)

    def _rates(self) -> RateTable | None:
        return None if self._exchange is None else self._exchange.table

    def _start_watchdog(self) -> None:
        if self._watchdog is None:
            seconds = self._settings.shutdown.drain_seconds + CLOSING_SECONDS
            self._watchdog = threading.Timer(seconds, _exit_now)
            self._watchdog.daemon = True
            self._watchdog.start()

    def _announce(self, topics: Collection[str]) -> None:
        """Let the series of topics begin, before anything of them is read."""
        self._metrics.watch_topics(topics)
        for topic in topics:
            self._metrics.watch_skips(topic, self._skips.of(topic) or ())

    def _wake(self) -> None:
        self._pipeline.wake()


@contextmanager
def _signals(stop: asyncio.Event, log: Log) -> Iterator[None]:
    """Let the first SIGTERM or SIGINT set ``stop`` and the second one end the process."""
    loop = asyncio.get_running_loop()

    def heard(number: signal.Signals) -> None:
        if stop.is_set():
            _exit_now()
        log(Event.STOPPING, signal=number.name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, heard, number)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _exit_now() -> None:
    # Not sys.exit: a client that hangs in its close would hang this too.
    os._exit(EXIT_DRAIN_TIMED_OUT)


def _first_known(group: BaseExceptionGroup[BaseException]) -> ConsumerError | None:
    for error in group.exceptions:
        if isinstance(error, ConsumerError):
            return error
        if isinstance(error, BaseExceptionGroup) and (found := _first_known(error)) is not None:
            return found
    return None
