"""The stage of a demo: Kafka, the API simulator and the real service, for the length of one run."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

import httpx
import yaml

from consumer.core.errors import DependencyError
from consumer.lab.embedded import embedded_kafka
from consumer.lab.expectation import Expectation
from consumer.lab.ledger import Outcome
from consumer.lab.mischief import REFUSALS, mischief, unmet
from consumer.lab.ports import free_port
from consumer.lab.process import Service, service
from consumer.lab.publisher import Publisher
from consumer.lab.reconciliation import Observation
from consumer.lab.samples import Sample, samples
from consumer.lab.simulator import Simulator, serving
from consumer.lab.story import CURRENCIES
from consumer.lab.topic import Onlooker, onlooker

_TOPIC: Final = "payments.events.v1"
_DEAD_LETTERS: Final = f"{_TOPIC}.dlq"
_GROUP: Final = "demo"
_PARTITIONS: Final = 6
_KEYS: Final = ("demo-key-1", "demo-key-2")

#: The embedded Kafka forgets what is more than 5 MiB ago in a partition: stay close to what is committed.
_WINDOW: Final = 20_000
_BATCH: Final = 500
_LOOK_SECONDS: Final = 0.1
_ASK_SECONDS: Final = 0.5
#: Without any progress for so long the demo gives up.
_STALL_SECONDS: Final = 45.0
#: Calls per second without faults: so many that the machine is the limit.
_FAST: Final = 5_000
#: With faults: the least rate, and the least length of a run, so that each fault hits a service at work.
_SLOW: Final = 50
_FAULTY_SECONDS: Final = 10
_FAULTY_TIMEOUT_SECONDS: Final = 1
_TIMEOUT_SECONDS: Final = 10
#: The share of the calls after which the API stops accepting the key, and how long until the file is mended.
_ROTATE_AT: Final = 0.4
_ROTATION_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How many records, which story, and whether the API fails in every way it can."""

    events: int
    seed: int = 0
    faults: bool = False

    def samples(self) -> Iterator[Sample]:
        """Yield the records, the same ones at every call."""
        return samples(self.events, self.seed)

    def expectation(self) -> Expectation:
        """Work out what must become of the records; with faults, some payments are refused for good."""
        if not self.faults:
            return self._expect(frozenset())
        captured = [payment_id for _, payment_id in self._expect(frozenset()).recorded]
        return self._expect(frozenset(captured[: len(REFUSALS)]))

    def _expect(self, refused: frozenset[str]) -> Expectation:
        expectation = Expectation(frozenset(CURRENCIES), refused)
        for sample in self.samples():
            expectation.add(sample)
        return expectation


class Stalled(DependencyError):
    """The service ended by itself, or made no progress any more."""


@dataclass(slots=True)
class KeyRotation:
    """Lets the API refuse the service's key in mid-flow, and mends the key file a little later."""

    api: Simulator
    key_file: Path
    after: int
    _rotated: float | None = None
    _mended: bool = False

    def step(self, now: float) -> None:
        """Do what is due at ``now``, in seconds."""
        if self._mended:
            return
        if self._rotated is None:
            if len(self.api.journal) >= self.after:
                self.api.key, self._rotated = _KEYS[1], now
        elif now - self._rotated >= _ROTATION_SECONDS and self.refused():
            # Renamed into place, as a secret's update is: a reader sees the old key or the new one.
            fresh = self.key_file.with_suffix(".new")
            fresh.write_text(_KEYS[1])
            fresh.rename(self.key_file)
            self._mended = True

    def refused(self) -> bool:
        """Tell whether a call has met the new key."""
        return Outcome.UNAUTHORIZED in self.api.journal.outcomes()


@dataclass(slots=True)
class Stage:
    """Everything that runs. Publish and watch with :meth:`play`, then look at what is left behind."""

    plan: Plan
    kafka: str
    origin: str
    api: Simulator
    rotation: KeyRotation | None
    look: Onlooker
    service: Service
    _committed: int = 0
    _settled: int = 0
    _asked: float = 0.0
    _moved: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    async def play(self, told: Callable[[int], None]) -> None:
        """Publish the records and wait until the last is committed; ``told`` hears how many are settled.

        Raises :class:`Stalled`.
        """
        story = self.plan.samples()
        with Publisher(self.kafka, {}) as publisher:
            while self._committed < self.plan.events:
                room = publisher.acknowledged - self._committed <= _WINDOW
                if not room or not await publisher.publish(_TOPIC, islice(story, _BATCH)):
                    await asyncio.sleep(_LOOK_SECONDS)
                await self._watch()
                told(max(self._committed, await self._count_settled()))

    async def _watch(self) -> None:
        """Look how far the service is; raise :class:`Stalled` where it will get no further."""
        now = asyncio.get_running_loop().time()
        committed = sum((await self.look.committed(_TOPIC)).values())
        if committed != self._committed:
            self._committed, self._moved = committed, now
        if self.rotation:
            self.rotation.step(now)
        if self.service.exit_code is not None:
            raise Stalled(f"the service ended by itself with exit code {self.service.exit_code}")
        if now - self._moved > _STALL_SECONDS:
            raise Stalled(f"nothing was committed for {_STALL_SECONDS:g} s; {committed} records were before")

    async def _count_settled(self) -> int:
        """Return how many records are settled, as the service counts them; asked twice a second at most."""
        now = asyncio.get_running_loop().time()
        if now - self._asked >= _ASK_SECONDS:
            self._asked = now
            with suppress(httpx.HTTPError):  # it has not begun to listen, or ends: there is no news then
                self._settled = sum((await self.service.settled()).values())
        return self._settled

    async def observe(self) -> Observation:
        """Look at all that the run has left behind."""
        settled = {}
        with suppress(httpx.HTTPError):  # without metrics every skip is missing, and the report says so
            settled = dict(await self.service.settled())
        ends, committed = await self.look.ends(_TOPIC), await self.look.committed(_TOPIC)
        return Observation(
            recorded=self.api.ledger.payments(),
            removed=self.api.ledger.removed,
            outcomes=self.api.journal.outcomes(),
            dead_letters=await self.look.dead_letters(_DEAD_LETTERS),
            skipped={reason: count for (outcome, reason), count in settled.items() if outcome == "skipped"},
            offsets={number: (committed[number], end) for number, end in ends.items()},
        )

    def problems(self, exit_code: int) -> Iterator[str]:
        """Yield what is wrong beside the accounts; ``exit_code`` is how the service ended on SIGTERM."""
        if exit_code:
            yield f"the service ended with exit code {exit_code} on SIGTERM, not with 0"
        for name in unmet(self.api.script, self.api.journal.faults()):
            yield f"no call met the fault {name}: run more events"
        if self.rotation and not self.rotation.refused():
            yield "no call met the rotation of the key: run more events"


@asynccontextmanager
async def stage(plan: Plan, expectation: Expectation) -> AsyncIterator[Stage]:
    """Build the stage and take it down, whatever happens: no process and no file is left.

    Raises :class:`DependencyError` where Kafka can't be embedded.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="linkrunner-demo-")))
        kafka = stack.enter_context(embedded_kafka())
        for topic in (_TOPIC, _DEAD_LETTERS):
            kafka.create_topic(topic, _PARTITIONS)
        api = Simulator(_KEYS[0])
        if plan.faults:
            api.misbehave(mischief(expectation.calls, sorted(expectation.refused)))
        origin = await stack.enter_async_context(serving(api))
        key_file, config, port = folder / "server-key", folder / "config.yaml", free_port()
        key_file.write_text(_KEYS[0])
        document = configuration(plan, expectation.calls, kafka.bootstrap_servers, origin, key_file, port)
        config.write_text(yaml.safe_dump(document, sort_keys=False))
        look = stack.enter_context(onlooker(kafka.bootstrap_servers, _GROUP, _PARTITIONS))
        metrics = f"http://127.0.0.1:{port}/metrics"
        running = await stack.enter_async_context(service(config, metrics, folder / "service.log"))
        after = int(expectation.calls * _ROTATE_AT)
        rotation = KeyRotation(api, key_file, after) if plan.faults else None
        yield Stage(plan, kafka.bootstrap_servers, origin, api, rotation, look, running)


def configuration(
    plan: Plan, calls: int, kafka: str, origin: str, key_file: Path, port: int
) -> dict[str, object]:
    """Return the service's configuration, as its file has it."""
    slow = min(_FAST, max(_SLOW, calls // _FAULTY_SECONDS))
    return {
        "kafka": {"bootstrap_servers": kafka, "group_id": _GROUP, "topics": [_TOPIC]},
        "linkrunner": {
            "base_url": f"{origin}/api/v1",
            "server_key_file": str(key_file),
            "timeout_seconds": _FAULTY_TIMEOUT_SECONDS if plan.faults else _TIMEOUT_SECONDS,
            "requests_per_second": slow if plan.faults else _FAST,
            "rate_scope": "pod",
        },
        "currency": {"accept": list(CURRENCIES)},
        "http": {"host": "127.0.0.1", "port": port},
        "log": {"format": "json"},
    }
