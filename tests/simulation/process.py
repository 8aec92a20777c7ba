"""A process of the service: the real pipeline, delivery and traffic, with a simulated world around them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from math import inf
from typing import Final, Unpack

from prometheus_client import CollectorRegistry

from consumer.core.api.calls import PlanRules
from consumer.core.api.refusals import Limits, Refusals
from consumer.core.api.removals import Removals
from consumer.core.api.shares import Allotment
from consumer.core.letters import Sender
from consumer.core.meaning.lifecycle import LifecyclePolicy
from consumer.core.operations.logbook import Event, Fields
from consumer.core.partitions.intake import Bounds, Intake
from consumer.core.partitions.lanes import Ordering
from consumer.core.partitions.lease import lease_seconds
from consumer.core.records import Partition
from consumer.edges.metrics import Metrics
from consumer.flow.delivery import Delivery, Rules
from consumer.flow.giving_up import GivingUp
from consumer.flow.membership import Membership
from consumer.flow.pipeline import Pipeline
from consumer.flow.reading import CanonicalReader
from consumer.flow.traffic import Traffic
from consumer.lab.ledger import Ledger
from tests.simulation.books import Books, Place
from tests.simulation.broker import Broker
from tests.simulation.group import Group
from tests.simulation.member import Member
from tests.simulation.outside import TIMEOUT, Api, Box, Letters, Line, Registry
from tests.simulation.world import Fault, World

_RULES: Final = Rules(PlanRules(accept="any"), 300.0, Sender("simulated", "0"))
#: So small that a handful of records reaches them.
LIMITS: Final = Limits(
    window=20, floor=8, floor_after=5, trusted_after=12, most_percent=20, in_a_row=4, good_probes=2
)
#: So small that a handful of records fills them; and so large that removes in their grace don't.
SMALL: Final = Bounds(partition_records=8, partition_span=12, records=20)
LARGE: Final = Bounds(partition_records=120, partition_span=300, records=240)


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that a process finds when it starts."""

    world: World
    books: Books
    broker: Broker
    group: Group
    api: Api
    letters: Letters


def _leave_as_it_is(_: Pipeline) -> None:
    """Change nothing."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run is made of; ``fit`` may change a pipeline before it starts.

    The tests of the simulation itself put broken parts in.
    """

    fit: Callable[[Pipeline], None] = _leave_as_it_is
    member: type[Member] = Member
    line: type[Line] = Line
    ledger: type[Ledger] = Ledger


@dataclass(frozen=True, slots=True)
class Setup:
    """The settings of one run's processes; ``accepts``: no topic is ever stopped for its dead letters.

    ``grace`` is that of removes, in seconds, ``bounds`` those of the intake.
    """

    ordering: Ordering
    max_in_flight: int
    per_second: float
    commit_seconds: float
    drain_seconds: float
    session_seconds: float
    grace: float
    bounds: Bounds = SMALL
    accepts: bool = True
    parts: Parts = field(default_factory=Parts)


class Process:
    """One process, from its start to its end by a stop or a crash.

    ``log`` has its lines, ``defects`` what a process must never show. ``mapping_wrong``: it was started
    with a mapping that fits nothing.
    """

    def __init__(self, name: str, outside: Outside, setup: Setup) -> None:
        self.name: Final = name
        self.wire: Final[list[Place]] = []
        self.delivered: Final[set[Place]] = set()
        self.mapping_wrong: Final = outside.world.rages(Fault.MAPPING_WRONG)
        self.log: Final[list[str]] = []
        self.defects: Final[list[str]] = []
        self.dead = False
        self.stopping = False
        self._drained = True
        self._outside: Final = outside
        self._setup: Final = setup
        self._stop: Final = asyncio.Event()
        clock = asyncio.get_running_loop().time
        membership = Membership(lease_seconds(setup.session_seconds, TIMEOUT), clock)
        traffic = Traffic(
            Allotment(setup.per_second, None),
            _metrics(),
            self._write,
            self._wake,
            clock,
            membership=membership,
        )
        traffic.removals = Removals(setup.grace, TIMEOUT)
        refusals = Refusals(accept_until=inf if setup.accepts else None, limits=LIMITS)
        giving_up = GivingUp(Box(outside.letters, self), refusals, self._write, self._wake, clock)
        self._member: Final = setup.parts.member(
            outside.world,
            outside.broker,
            outside.group,
            drain_seconds=setup.drain_seconds,
            session_seconds=setup.session_seconds,
        )
        registry = Registry(outside.world, mapping_wrong=self.mapping_wrong)
        self.pipeline: Final = Pipeline(
            source=self._member,
            delivery=Delivery(
                reader=CanonicalReader(registry, LifecyclePolicy()),
                api=setup.parts.line(outside.api, self),
                traffic=traffic,
                giving_up=giving_up,
                rules=_RULES,
                metrics=_metrics(),
                log=self._write,
                clock=clock,
            ),
            traffic=traffic,
            metrics=_metrics(),
            log=self._write,
            ordering=setup.ordering,
            max_in_flight=setup.max_in_flight,
            commit_seconds=setup.commit_seconds,
        )
        vars(self.pipeline)["_intake"] = Intake(setup.bounds)
        vars(self.pipeline)["_wall"] = clock
        self.pipeline.unread = self._unread
        setup.parts.fit(self.pipeline)
        self._task: Final = asyncio.create_task(self._live(), name=name)

    @property
    def ended(self) -> bool:
        """Whether nothing of the process is left."""
        return self._task.done()

    def check(self) -> None:
        """Stop here if the process has died: what is left of its tasks can do no more.

        A living one is within its bounds, and its lanes and offsets agree.
        """
        if self.dead:
            raise asyncio.CancelledError
        if len(self.wire) > self._setup.max_in_flight:
            self.defects.append(f"{self.name} has {len(self.wire)} calls and letters on the wire")
        lanes, offsets = self.pipeline.lanes, self.pipeline.offsets
        for partition in offsets.next_offsets():
            held, unsettled = lanes.load(partition).records, offsets.unsettled(partition)
            # A partition that is being handed over has left the lanes already.
            if held not in (0, unsettled):
                self.defects.append(
                    f"{self.name} lanes hold {held} of {partition}, {unsettled} are unsettled"
                )

    def _unread(self, partition: Partition) -> bool:
        position = self.pipeline.offsets.position(partition)
        return position is not None and self._outside.broker.following(partition, position) is not None

    def stop(self) -> None:
        """Tell the process to stop, as SIGTERM does."""
        self._outside.world.note(f"{self.name} is told to stop")
        self.stopping = True
        self._stop.set()

    def expel(self) -> None:
        """Let the group throw the process out."""
        self._outside.world.note(f"{self.name} is thrown out of the group")
        self._outside.group.expel(self._member)

    @property
    def cut(self) -> bool:
        """Whether the process reaches the API and not its group."""
        return self._member.cut

    def cut_off(self) -> None:
        """Let the process lose touch with its group, for a while that may be longer than its session."""
        self._outside.world.note(f"{self.name} is cut off")
        self._member.cut_off()
        asyncio.get_running_loop().call_later(self._outside.world.dice.uniform(1, 20), self.heal)

    def heal(self) -> None:
        """Let the process reach its group again."""
        if self._member.cut:
            self._outside.world.note(f"{self.name} reaches its group again")
            self._member.heal()

    def crash(self) -> None:
        """End the process at once, as SIGKILL does; the group notices after a while."""
        self._outside.world.note(f"{self.name} crashes")
        self.dead = True
        self._member.die()
        self._task.cancel()
        asyncio.get_running_loop().call_later(
            self._outside.world.dice.uniform(0, 2), self._outside.group.leave, self._member
        )

    async def end(self) -> None:
        """Wait for the end; whatever the process fell over becomes a defect.

        So does more than a burst of bad records may cost.
        """
        (result,) = await asyncio.gather(self._task, return_exceptions=True)
        if isinstance(result, Exception):
            self.defects.append(f"{self.name} fell over: {result!r}")
        if not (self.dead or self.pipeline.graces.removals.empty):
            self.defects.append(f"{self.name} ended and still knows of removals or captures")
        if self.wire:
            self.defects.append(f"{self.name} ended with calls on the wire: {self.wire}")
        set_aside, most = len(self._outside.letters.by_process[self.name]), self._most_letters()
        if not self._setup.accepts and set_aside > most:
            self.defects.append(f"{self.name} has set {set_aside} records aside, {most} are the most")

    def _most_letters(self) -> int:
        """Return how many good records the process may have set aside, by what it has heard and told."""
        resumed = sum(line.startswith(Event.TOPIC_RESUMED.value) for line in self.log)
        if not resumed and not self.delivered:
            return LIMITS.in_a_row - 1
        return LIMITS.floor * (1 + resumed) + len(self.delivered) * LIMITS.most_percent // 100

    async def _live(self) -> None:
        self._member.start(self.name, self.pipeline, self._left)
        working = asyncio.create_task(self.pipeline.run())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                self._drained = await self.pipeline.drain(self._setup.drain_seconds)
            await working
            await self._member.close()
        finally:
            working.cancel()
            stopping.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    def _left(self, partition: Partition, *, clean: bool) -> None:
        outside = self._outside
        clean = clean and self._drained
        outside.world.note(f"{self.name} has left {partition}{'' if clean else ', not clean'}")
        committed = outside.broker.committed.get(partition, (0, ""))
        if outside.books.left(partition, committed, self.wire, clean=clean):
            outside.world.overlaps.append(outside.world.now)

    def _write(self, event: Event, **fields: Unpack[Fields]) -> None:
        line = f"{event.value} {fields}"
        self.log.append(line)
        self._outside.world.note(f"{self.name} {line}")
        if event is Event.BUG:
            self.defects.append(f"{self.name} {line}")

    def _wake(self) -> None:
        self.pipeline.wake()


@cache
def _metrics() -> Metrics:
    """One for all processes of all runs: it takes longer to make than a run."""
    return Metrics(CollectorRegistry())
