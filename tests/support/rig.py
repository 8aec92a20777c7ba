"""The flow on a bench: the real pipeline, delivery and traffic, with stand-ins for all outside."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from typing import Final

from prometheus_client import CollectorRegistry

from consumer.core.api.calls import PlanRules
from consumer.core.api.pacing import Turns
from consumer.core.api.refusals import Refusals
from consumer.core.api.removals import Removals
from consumer.core.api.shares import Allotment, Shares
from consumer.core.avro import schemas
from consumer.core.avro.codec import Codec
from consumer.core.avro.framing import WireFormat
from consumer.core.letters import Sender
from consumer.core.meaning.lifecycle import LifecyclePolicy
from consumer.core.operations.catalogue import PREFIX
from consumer.core.partitions.lanes import Ordering
from consumer.core.records import Partition
from consumer.edges.metrics import Metrics
from consumer.flow.decoding import Decoder, SchemaFiles
from consumer.flow.delivery import Delivery, Rules
from consumer.flow.erasing import ByTopic, ErasureDelivery
from consumer.flow.giving_up import LETTERS_AT_ONCE, DeadLetterBox, GivingUp
from consumer.flow.membership import Membership
from consumer.flow.pipeline import Pipeline
from consumer.flow.reading import CanonicalReader
from consumer.flow.traffic import Traffic
from consumer.lab.samples import Encoder
from consumer.lab.story import BEGINNING
from tests.support.fakes import FakeApi, FakeBox, FakeDecoder, FakeLog, FakeSource

RULES: Final = Rules(
    plan=PlanRules(accept=("INR",)),
    retry_after_cap=300.0,
    sender=Sender("the-group", "1.2.3"),
)

#: The topic whose records erase users, where a rig does that.
ERASURES: Final = "erasures"

#: Seconds that a proof of membership is good for.
LEASE_SECONDS: Final = 60.0

#: Seconds after which a call is over, answered or not.
TIMEOUT: Final = 10.0

#: Seconds between probes on the bench: a cure is found quickly.
PROBE_PACE: Final = 0.05


async def reached(condition: Callable[[], object], what: str, within: float = 10.0) -> None:
    """Wait until ``condition`` is true; raises AssertionError, naming ``what``, after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        await asyncio.sleep(0.002)


@dataclass(frozen=True, slots=True)
class Around:
    """What is around a rig: the loop's ``clock``, an ``api``, the ``shares`` of a group (None: it is alone).

    ``wall`` is the clock by which records are dated. ``grace`` is that of removes, in seconds, ``ordering``
    what makes a lane. Tests of the tests give another kind of ``traffic``.
    """

    clock: Callable[[], float] = time.monotonic
    api: FakeApi | None = None
    shares: Shares | None = None
    traffic: type[Traffic] = Traffic
    ordering: Ordering = Ordering.KEY
    wall: Callable[[], float] = time.time
    grace: float = 0.0


@dataclass(frozen=True, slots=True)
class Resigning:
    """``accepts``: no topic is ever stopped for its dead letters. The others are those of ``GivingUp``.

    ``box`` None: letters go to the rig's own stand-in.
    """

    accepts: bool = False
    after: float | None = None
    at_once: int = LETTERS_AT_ONCE
    box: DeadLetterBox | None = None


class Rig:
    """One service without edges. Make it on the running loop."""

    def __init__(
        self,
        *,
        max_in_flight: int = 4,
        rate: float = 100_000.0,
        commit_seconds: float = 0.01,
        erasures_per_second: float | None = None,
        rules: Rules = RULES,
        giving_up: Resigning = Resigning(),
        before: "Rig | None" = None,
        around: Around = Around(),
    ) -> None:
        """``erasures_per_second`` None: users are not erased, whatever is in the topic :data:`ERASURES`.

        ``before`` is the process that ran before this one, on the same Kafka; ``around`` what differs from a
        service on the real clock.
        """
        self.registry = CollectorRegistry()
        self.log = FakeLog()
        self.decoder = FakeDecoder()
        self.api = around.api or FakeApi()
        self.box: FakeBox = FakeBox() if before is None else before.box
        self.source: FakeSource = FakeSource() if before is None else before.source
        self.looks_at_clock = self.looks_at_membership = 0
        #: Seconds in which the machine was asleep: only the membership's clock has counted them.
        self.slept = 0.0
        self._seconds = around.clock
        self.metrics = metrics = Metrics(self.registry)
        turns = Turns({} if erasures_per_second is None else {ERASURES: erasures_per_second})
        self.traffic = around.traffic(
            Allotment(rate, around.shares),
            metrics,
            self.log,
            self._wake,
            self._clock,
            membership=Membership(LEASE_SECONDS, self._membership_clock),
            turns=turns,
        )
        self.traffic.gate.pace = PROBE_PACE
        self.traffic.removals = Removals(around.grace, TIMEOUT)
        self.refusals = Refusals(accept_until=inf if giving_up.accepts else None, pace=PROBE_PACE)
        self.giving_up = GivingUp(
            giving_up.box or self.box,
            self.refusals,
            self.log,
            self._wake,
            self._clock,
            after_seconds=giving_up.after,
            letters_at_once=giving_up.at_once,
        )
        delivery = Delivery(
            reader=CanonicalReader(self.decoder, LifecyclePolicy()),
            api=self.api,
            traffic=self.traffic,
            giving_up=self.giving_up,
            rules=rules,
            metrics=metrics,
            log=self.log,
            clock=self._clock,
        )
        erasures = ErasureDelivery(
            decoder=erasure_decoder(),
            api=self.api,
            traffic=self.traffic,
            giving_up=self.giving_up,
            rules=RULES.calls,
            metrics=metrics,
            log=self.log,
            clock=self._clock,
        )
        self.pipeline = Pipeline(
            source=self.source,
            delivery=delivery if erasures_per_second is None else ByTopic(delivery, {ERASURES: erasures}),
            traffic=self.traffic,
            metrics=metrics,
            log=self.log,
            ordering=around.ordering,
            max_in_flight=max_in_flight,
            commit_seconds=commit_seconds,
        )
        self.source.listener = self.pipeline
        vars(self.pipeline)["_wall"] = around.wall

    def _wake(self) -> None:
        self.pipeline.wake()

    def _clock(self) -> float:
        self.looks_at_clock += 1
        return self._seconds()

    def _membership_clock(self) -> float:
        self.looks_at_membership += 1
        return self._seconds() + self.slept

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the pipeline inside the block; what still runs at its end is drained at once."""
        task = asyncio.create_task(self.pipeline.run())
        try:
            yield
            if not task.done():
                await self.pipeline.drain(0.0)
            await task
        finally:
            task.cancel()
            await asyncio.wait({task})

    def metric(self, name: str, **labels: str) -> float:
        """Return the value of a series without its prefix; 0 where it does not exist."""
        return self.registry.get_sample_value(PREFIX + name, labels) or 0.0

    def settled(self, topic: str) -> float:
        """Return how many records of a topic were settled, in whatever way."""
        return sum(
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == f"{PREFIX}records_settled_total" and sample.labels["topic"] == topic
        )

    def accounted_for(self, *partitions: Partition) -> bool:
        """Tell whether each record that was consumed is settled, released or open, and counted once."""
        topics = {partition.topic for partition in partitions}
        for topic in topics:
            consumed = self.metric("records_consumed_total", topic=topic)
            released = self.metric("records_released_total", topic=topic)
            open_now = sum(self.pipeline.offsets.unsettled(p) for p in partitions if p.topic == topic)
            if consumed != self.settled(topic) + released + open_now:
                return False
        return True


def erasure_decoder() -> Decoder[Mapping[str, object]]:
    """Return a decoder of erasures that knows the bundled schemas and no registry."""
    return Decoder(WireFormat.AUTO, Codec(schemas.user_erasure()), SchemaFiles(None, ()), None)


def erasure(user: str) -> bytes:
    """Return the record that asks to erase a user."""
    return Encoder().erasure({"event_id": f"erase-{user}", "user_id": user, "requested_at": BEGINNING})


def payments(count: int, name: str = "pay") -> list[str]:
    """Return payment ids."""
    return [f"{name}-{number}" for number in range(count)]


def produce(rig: Rig, partition: Partition, names: Iterable[str], key: bytes | None = None) -> None:
    """Append one completed payment for each name; each has a lane of its own unless a key is given."""
    for name in names:
        rig.source.produce(partition, name.encode(), key)


async def all_committed(rig: Rig, *partitions: Partition) -> None:
    """Wait until everything of the partitions is committed."""
    source = rig.source
    await reached(
        lambda: all(source.committed(p) == source.end(p) for p in partitions), "everything is committed"
    )
