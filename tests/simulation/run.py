"""One simulated run: a seed becomes records, processes, weather and disasters, and in the end a history."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Final
from zlib import crc32

from consumer.core.api.verdicts import HoldCause
from consumer.core.partitions.lanes import Ordering
from consumer.core.records import Partition
from consumer.lab.samples import Encoder, Sample, samples
from tests.simulation.books import Books
from tests.simulation.broker import Broker
from tests.simulation.group import Group
from tests.simulation.loop import VirtualLoop
from tests.simulation.outside import BY_FAULT, Api, Letters
from tests.simulation.process import LIMITS, Outside, Parts, Process, Setup
from tests.simulation.world import STORMY_SECONDS, Fault, World
from tests.support.history import Expected, ExpectedCall, ExpectedLetter, History, Produced
from tests.support.ledger import canonical, check
from tests.support.model import expected, secrets_of

#: Virtual seconds within which everything is done once the world is healed: a backoff is 30 s at most.
LIVENESS_SECONDS: Final = 45.0
_MAX_PROCESSES: Final = 3


@dataclass(frozen=True, slots=True)
class Run:
    """What a seed became. ``problems`` is empty if every promise was kept."""

    seed: int
    history: History
    problems: Sequence[str]
    trace: Sequence[tuple[float, str]]

    def story(self, lines: int = 400) -> str:
        """Return the last lines of the trace."""
        return "\n".join(f"{when:9.4f} {what}" for when, what in self.trace[-lines:])


def simulate(seed: int, parts: Parts | None = None, *, faulty: bool = False, seasons: int = 1) -> Run:
    """Run ``seed`` from start to end and judge it. The same seed gives the same run.

    In a ``faulty`` one all records are good, and faults of ours make them look bad for a while. ``seasons``
    is how long it lasts, in :data:`~tests.simulation.world.STORMY_SECONDS` each.
    """
    state = random.getstate()
    random.seed(seed)  # the jitter of retries
    try:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(_run(seed, parts or Parts(), faulty=faulty, seasons=seasons))
    finally:
        random.setstate(state)


async def _run(seed: int, parts: Parts, *, faulty: bool, seasons: int) -> Run:
    return await _Simulation(seed, parts, faulty=faulty, seasons=seasons).run()


class _Simulation:
    """A run on its way. Made inside the loop that it runs on."""

    def __init__(self, seed: int, parts: Parts, *, faulty: bool, seasons: int) -> None:
        world, books = World(seed, faulty=faulty, seasons=seasons), Books(faulty)
        dice = world.dice
        partitions = [Partition("payments", number) for number in range(dice.randint(1, 4))]
        broker, group = Broker(world, partitions), Group(world, partitions)
        broker.appended = group.wake
        world.strike = self._strike
        api = Api(world, books, parts.ledger(), refusing=not faulty)
        self._seed: Final = seed
        self._faulty: Final = faulty
        self._stormy_seconds: Final = seasons * STORMY_SECONDS
        self._dice: Final = dice
        self._outside: Final = Outside(world, books, broker, group, api, Letters(world, books))
        self._setup: Final = Setup(
            ordering=dice.choice((Ordering.KEY, Ordering.KEY, Ordering.KEY, Ordering.PARTITION)),
            max_in_flight=dice.choice((1, 3, 8, 32)),
            per_second=dice.choice((8.0, 25.0, 200.0)),
            commit_seconds=dice.choice((0.1, 0.5, 1.0)),
            drain_seconds=dice.choice((0.5, 5.0, 20.0)),
            session_seconds=30.0 if faulty else dice.choice((3.0, 6.0)),
            accepts=not faulty,
            parts=parts,
        )
        found = _distinct_samples(seed, max(1, seasons // 10) * dice.randint(5, 60), dice.randint(1, 12))
        self._samples: Final = [
            (sample, wanted)
            for sample, wanted in found
            if not (faulty and isinstance(wanted, ExpectedLetter))
        ]
        self._processes: Final[list[Process]] = []
        self._problems: Final[list[str]] = []
        self._closing = False

    async def run(self) -> Run:
        """Let it all happen, heal the world, wait until everything is done, and judge."""
        asyncio.get_running_loop().set_exception_handler(self._note_exception)
        group = asyncio.create_task(self._outside.group.run())
        for _ in range(self._dice.randint(1, _MAX_PROCESSES)):
            self._start()
        if (wrong := self._outside.world.begins(Fault.MAPPING_WRONG)) is not None:
            asyncio.get_running_loop().call_later(wrong, self._roll_out)
        await self._produce()
        await asyncio.sleep(self._dice.uniform(0, 5))
        await self._finish()
        group.cancel()
        with suppress(asyncio.CancelledError):
            await group
        for process in self._processes:
            self._problems.extend(process.defects)
        tasks = len(asyncio.all_tasks()) - 1
        if tasks:
            self._problems.append(f"{tasks} tasks are left")
        history = self._history()
        self._problems.extend(str(violation) for violation in check(history))
        return Run(self._seed, history, self._problems, self._outside.world.trace)

    async def _produce(self) -> None:
        """Append the records, now and then a few at once."""
        pace = self._stormy_seconds / len(self._samples)
        for sample, wanted in self._samples:
            if self._dice.random() < 0.6:
                await asyncio.sleep(self._dice.expovariate(1 / pace))
            partitions = self._outside.broker.partitions
            partition = partitions[crc32(sample.key) % len(partitions)]
            key = None if sample.key == _NO_KEY else sample.key
            record = self._outside.broker.append(partition, key, sample.value)
            self._outside.books.add(Produced(record, wanted, BY_FAULT if self._faulty else frozenset()))

    async def _finish(self) -> None:
        """Let everything be well, see that all gets done, and stop what runs."""
        world, broker = self._outside.world, self._outside.broker
        world.healed = True
        world.note("the world is healed")
        for process in self._processes:
            process.heal()
        if any(process.mapping_wrong for process in self._running()):
            self._roll_out()
        if not self._running():
            self._start()
        before = {process.name: len(process.delivered) for process in self._processes}
        try:
            async with asyncio.timeout(LIVENESS_SECONDS):
                while not broker.finished():
                    broker.news.clear()
                    await broker.news.wait()
        except TimeoutError:
            self._problems.append(f"not done {LIVENESS_SECONDS:.0f} s after the world was healed")
        self._closing = True
        for process in self._running():
            self._check_going_on(process, len(process.delivered) - before.get(process.name, 0))
            process.stop()
        for process in self._processes:
            await process.end()

    def _check_going_on(self, process: Process, good: int) -> None:
        """See that a topic goes on once enough was good; what was on the wire at the stop is no probe."""
        enough = LIMITS.good_probes + self._setup.max_in_flight
        if good >= enough and HoldCause.REFUSALS in process.pipeline.holding():
            self._problems.append(f"{process.name} has delivered {good} records and does not go on")

    def _running(self) -> list[Process]:
        return [p for p in self._processes if not (p.dead or p.stopping or p.ended)]

    def _start(self) -> None:
        if len(self._running()) < _MAX_PROCESSES and not self._closing:
            name = f"p{len(self._processes) + 1}"
            self._outside.world.note(f"{name} starts")
            self._processes.append(Process(name, self._outside, self._setup))

    def _roll_out(self) -> None:
        """Replace every process by one with the configuration of now."""
        for process in self._running():
            process.stop()
            self._start()

    def _start_soon(self) -> None:
        asyncio.get_running_loop().call_later(self._dice.uniform(0, 3), self._start)

    def _strike(self) -> None:
        """Let something happen to a process, or to the group; one that is cut off has trouble enough."""
        running = [process for process in self._running() if not process.cut]
        # In a world with faults of ours nothing else is to hide them for long.
        cuts = () if self._faulty else ("cut", "cut", "cut")
        what = self._dice.choice(("crash", "crash", "stop", "expel", "expel", "shuffle", "start", *cuts))
        if what == "shuffle":
            self._outside.group.shuffle()
        elif what == "start" or not running:
            self._start()
        else:
            self._hit(self._dice.choice(running), what)

    def _hit(self, process: Process, what: str) -> None:
        if what == "expel":
            process.expel()
            return
        if what == "cut":
            process.cut_off()
            return
        if what == "crash":
            process.crash()
        else:
            process.stop()
        self._start_soon()

    def _note_exception(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        self._problems.append(f"the loop heard of {context.get('exception') or context['message']!r}")

    def _history(self) -> History:
        outside = self._outside
        return History(
            produced=outside.books.produced,
            requests=outside.api.requests(),
            recorded=outside.api.recorded(),
            dead_letters=outside.letters.written,
            commits=outside.broker.commits,
            ends=outside.broker.ends(),
            texts={process.name: "\n".join(process.log) for process in self._processes},
            secrets=secrets_of(sample for sample, _ in self._samples),
            kills=outside.world.overlaps,
            repeats_allowed=outside.books.excused,
            fences=outside.world.fences,
        )


#: Stands for no key among the samples.
_NO_KEY: Final = b"key-0"


def _distinct_samples(seed: int, number: int, keys: int) -> list[tuple[Sample, Expected]]:
    """Return records of few keys, with what has to become of each.

    All of one payment have the same key. No two are the same call: nobody could tell whose a call is.
    """
    found = []
    seen = set()
    for sample in samples(number, seed, _encoder()):
        wanted = expected(sample)
        if isinstance(wanted, ExpectedCall):
            call = wanted.path, canonical(wanted.body)
            if call in seen:
                continue
            seen.add(call)
        found.append((replace(sample, key=b"key-%d" % (crc32(sample.key) % keys)), wanted))
    return found


@cache
def _encoder() -> Encoder:
    return Encoder()
