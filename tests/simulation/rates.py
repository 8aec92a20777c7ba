"""How fast calls leave, on virtual time: the real pipeline, an API with moods, and judges of its request log.

Nothing here waits for real: hours of calls take seconds. What is random comes from a seed.
"""

import asyncio
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from consumer.core.api.budget import RetryBudget
from consumer.core.api.gates import PROBE_PACE
from consumer.core.api.pacing import RAMP_LOWEST
from consumer.core.api.shares import Shares
from consumer.core.api.verdicts import Answer, Response
from consumer.core.partitions.rota import Rota
from consumer.core.records import Partition
from consumer.flow.traffic import Traffic
from tests.simulation.loop import VirtualLoop
from tests.support.fakes import FakeApi, Sent
from tests.support.rig import Around, Rig

TINY: Final = 1e-6
OK: Final = Response(201)
#: Seconds: what a judge wants between two probes, a little less than they are to wait.
LEAST_BETWEEN_PROBES: Final = 1.9


@dataclass(frozen=True, slots=True)
class Call:
    """One call at the API: when it came, for which payment, by whom, and how it was answered."""

    at: float
    name: str
    pod: int
    status: int


@dataclass(frozen=True, slots=True)
class Mood:
    """How the API answers one call: with what, and after how many seconds."""

    answer: Answer = OK
    seconds: float = 0.02


#: Says in what mood the API is at a moment, towards the call about a payment.
Weather = Callable[[float, str], Mood]


@dataclass
class Log:
    """All calls in the order of arrival, and the silences that the API asked for: from when until when."""

    calls: list[Call] = field(default_factory=list)
    silences: list[tuple[float, float]] = field(default_factory=list)

    def times(self, since: float = 0.0, until: float = float("inf")) -> list[float]:
        """Return when calls came."""
        return [call.at for call in self.calls if since <= call.at < until]

    def delivered(self, since: float = 0.0, until: float = float("inf")) -> int:
        """Return how many calls were answered with 201."""
        return sum(call.status == 201 and since <= call.at < until for call in self.calls)


class MoodyApi(FakeApi):
    """Answers as the weather is."""

    def __init__(self, log: Log, weather: Weather, pod: int) -> None:
        super().__init__()
        self._log: Final = log
        self._weather: Final = weather
        self._pod: Final = pod

    async def send(self, path: str, body: bytes) -> Answer:
        """Take a call."""
        now = asyncio.get_running_loop().time
        name = Sent(path, body).payment_id
        mood = self._weather(now(), name)
        status = mood.answer.status if isinstance(mood.answer, Response) else 0
        self._log.calls.append(Call(now(), name, self._pod, status))
        await asyncio.sleep(mood.seconds)
        if isinstance(mood.answer, Response) and (mood.answer.retry_after or "").isdigit():
            self._log.silences.append((now(), now() + float(mood.answer.retry_after or 0)))
        return mood.answer


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service is made of. The tests of the judges put broken parts in."""

    traffic: type[Traffic] = Traffic
    budget: type[RetryBudget] = RetryBudget
    fit: Callable[[Traffic], None] = lambda _: None


class Stage:
    """Some pods of one group and their API. Make it on the running loop."""

    def __init__(
        self,
        weather: Weather,
        *,
        rate: float = 25.0,
        max_in_flight: int = 32,
        pods: int = 1,
        partitions: int = 4,
        parts: Parts | None = None,
    ) -> None:
        parts = parts or Parts()
        self.log: Final = Log()
        self.partitions: Final = [Partition("payments", number) for number in range(partitions)]
        self.shares: Final = [Shares() if pods > 1 else None for _ in range(pods)]
        self.rate: Final = rate
        self.clock: Final = asyncio.get_running_loop().time
        self.pods: Final = [
            Rig(
                rate=rate,
                max_in_flight=max_in_flight,
                commit_seconds=5.0,
                around=Around(self.clock, MoodyApi(self.log, weather, pod), shares, parts.traffic),
            )
            for pod, shares in enumerate(self.shares)
        ]
        for rig in self.pods:
            rig.traffic.gate.pace = PROBE_PACE
            rig.source.poll_seconds = 0.25
            parts.fit(rig.traffic)
            rota = Rota(rig.pipeline.lanes, parts.budget(max_in_flight), rig.traffic.turns)
            vars(rig.pipeline)["_rota"] = rota
            rig.traffic.counted(["payments"], {"payments": partitions})

    def produce(self, count: int, keys: int = 0, partitions: Iterable[Partition] = ()) -> None:
        """Write so many payments, evenly over all partitions or these, each named ``<key>-<number>``.

        So many ``keys`` take turns; 0: each has its own.
        """
        chosen = list(partitions) or self.partitions
        for number in range(count):
            key = number % keys if keys else number
            partition = chosen[key % len(chosen)]
            for rig in self.pods:
                rig.source.produce(partition, f"{key}-{number}".encode(), b"%d" % key)

    async def run(self, story: Callable[["Stage"], Awaitable[None]]) -> None:
        """Let all pods work while ``story`` is told. A single one has all partitions from the start."""
        async with AsyncExitStack() as stack:
            for rig in self.pods:
                await stack.enter_async_context(rig.running())
            if len(self.pods) == 1:
                self.pods[0].source.assign(*self.partitions)
            await story(self)


def play(
    weather: Weather,
    seconds: float,
    produce: Callable[[Stage], None],
    *,
    rate: float = 25.0,
    max_in_flight: int = 32,
    partitions: int = 4,
    parts: Parts | None = None,
    seed: int = 0,
) -> Log:
    """Return what one pod sends in so many seconds."""

    async def story(stage: Stage) -> None:
        produce(stage)
        await asyncio.sleep(seconds)

    return play_story(
        lambda: Stage(weather, rate=rate, max_in_flight=max_in_flight, partitions=partitions, parts=parts),
        story,
        seed=seed,
    )


def play_story(make: Callable[[], Stage], story: Callable[[Stage], Awaitable[None]], *, seed: int = 0) -> Log:
    """Return what the pods of a stage send while a story is told."""

    async def main() -> Log:
        stage = make()
        await stage.run(story)
        return stage.log

    state = random.getstate()
    random.seed(seed)  # the jitter of retries and returns
    try:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(main())
    finally:
        random.setstate(state)


# --- judges ---


def busiest_second(times: Sequence[float]) -> int:
    """Return how many calls the fullest second has."""
    return max((bisect_left(times, at + 1.0 - TINY) - n for n, at in enumerate(times)), default=0)


def by_second(times: Sequence[float], begin: float, seconds: int) -> list[int]:
    """Return how many calls each of so many seconds from ``begin`` on has."""
    marks = [bisect_left(times, begin + second) for second in range(seconds + 1)]
    return [later - earlier for earlier, later in pairwise(marks)]


def too_fast(log: Log, rate: float, pods: int = 1) -> list[str]:
    """Say where a second has more calls than the rate, and one for each pod."""
    most = busiest_second(log.times())
    return [f"{most} calls in a second at {rate:g}"] if most > rate + pods else []


def too_early(log: Log) -> list[str]:
    """Say which calls came after the API had asked for silence and before that was over."""
    return [
        f"a call at {call.at:.2f}, silence until {until:.2f}"
        for call in log.calls
        for heard, until in log.silences
        if heard + TINY < call.at < until - TINY
    ]


def stormy(log: Log, rate: float, down: float, back: float) -> list[str]:
    """Say where an outage from ``down`` until ``back`` meets more than a few calls, or ends in a burst."""
    meanwhile = busiest_second(log.times(down + 12.0, back))
    first = busiest_second(log.times(back, back + 1.5))
    found = []
    if meanwhile > max(rate * RAMP_LOWEST, 1.0) + 1:
        found.append(f"{meanwhile} calls in a second of the outage")
    if first > rate * 0.5 + 1:
        found.append(f"{first} calls in the first second after it")
    return found


def impatient(log: Log, since: float, until: float) -> list[str]:
    """Say which probes of a hold that lasts from ``since`` until then come sooner than they may."""
    return [
        f"{later - earlier:.2f} s between two probes at {later:.2f}"
        for earlier, later in pairwise(log.times(since, until))
        if later - earlier < LEAST_BETWEEN_PROBES
    ]


def slow_to_return(log: Log, rate: float, back: float) -> list[str]:
    """Say where full flow is not back five seconds after ``back``."""
    after = len(log.times(back + 5.0, back + 15.0)) / 10.0
    return [f"{after:.1f} calls a second from 5 s on"] if after < rate * 0.95 else []


def tries(log: Log, since: float = 0.0) -> Counter[str]:
    """Return how often each payment was tried."""
    return Counter(call.name for call in log.calls if call.at >= since)


def longest_gap(times: Sequence[float], until: float) -> float:
    """Return the longest time without one of these calls, up to ``until``."""
    return max(later - earlier for earlier, later in pairwise([*times, until]))
