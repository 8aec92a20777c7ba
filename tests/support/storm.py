"""A storm: three instances deliver while the API fails in drawn ways and instances come and go.

Everything is drawn from one seed: which faults, how long, what happens to which instance. What must come out
is not drawn: the ledger checker judges the whole history at the end.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from consumer.lab.samples import samples
from tests.support.ledger import is_final
from tests.support.service import Config, Service
from tests.support.stage import Stage

INSTANCES: Final = 3
PARTITIONS: Final = 12
MAX_IN_FLIGHT: Final = 16

#: The commit interval, and what a commit itself may take on a busy machine.
UNCOMMITTED_SECONDS: Final = 1.0 + 0.5

#: What the API does wrong, as scripts of the simulator; each is followed by a time without faults.
FAULTS: Final = (
    "503 share=30%",
    "503 retry-after=1",
    "429 retry-after=1 share=20%",
    "429 share=10%",
    "500 share=20%; 500 applied share=20%",
    "502 html share=40%",
    "200 html share=20%",
    "204 share=20%",
    "reset share=15%; reset applied share=15%",
    "garbage share=10%; truncated-body applied share=10%",
    "endless-headers share=3%; endless-body share=3%",
    "hang share=3%",
    "delay=400ms share=50%; slow-body=300ms share=20%",
    "wrong-length share=20%",
    "401",
    "404",
    "redirect",
)

#: What is unlike the shipped configuration: quick enough for a storm of minutes.
CONFIG: Final[Config] = {
    "linkrunner": {"requests_per_second": 300, "max_in_flight": MAX_IN_FLIGHT, "timeout_seconds": 2},
    "log": {"level": "info"},
}


@dataclass(slots=True)
class Storm:
    """One storm on a stage; :meth:`run` it once. ``events`` and ``happened`` tell afterwards what it was.

    ``repeats_allowed`` grows with each kill, by what was in flight and what the last commit can't have had.
    """

    stage: Stage
    seed: int
    say: Callable[[str], None] = lambda _: None
    events: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    repeats_allowed: int = 0
    _dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Take the dice."""
        self._dice = random.Random(self.seed)

    def run(self, seconds: float, rate: int, settle_seconds: float) -> None:
        """Let it blow for ``seconds`` with ``rate`` events in a second, then wait until all is settled.

        Raises AssertionError where it is not settled ``settle_seconds`` later, where an instance did not end
        well, or where the ledger breaks a law.
        """
        instances = [self.stage.service(CONFIG).start() for _ in range(INSTANCES)]
        end = time.monotonic() + seconds
        faults, blows = self._faults(), self._blows(instances)
        next_fault, next_blow = 0.0, time.monotonic() + self._dice.uniform(5, 10)
        while (now := time.monotonic()) < end:
            if now >= next_fault:
                next_fault = now + next(faults)
            if now >= next_blow:
                next(blows)
                next_blow = time.monotonic() + self._dice.uniform(6, 15)
            self._produce(rate)
            time.sleep(max(0.0, now + 1 - time.monotonic()))
        self.stage.api.misbehave("")
        self.say("calm; waiting until everything is settled")
        self.stage.wait_settled(within=settle_seconds)
        for instance in instances:
            assert instance.stop() == 0, instance.log[-3000:]
        self.stage.judge(self.repeats_allowed)

    def _produce(self, count: int) -> None:
        self.happened["batches"] += 1
        batch = list(samples(count, seed=1000 * self.seed + self.happened["batches"]))
        self.stage.produce(batch)
        self.events += len(batch)

    def _faults(self) -> Iterator[float]:
        """Begin a fault or end one; yield for how many seconds this is to last."""
        while True:
            script = self._dice.choice(FAULTS)
            self._note(f"faults: {script}")
            self.stage.api.misbehave(script)
            yield self._dice.uniform(3, 10)
            self.stage.api.misbehave("")
            yield self._dice.uniform(2, 5)

    def _blows(self, instances: list[Service]) -> Iterator[None]:
        """Do something to an instance."""
        while True:
            number = self._dice.randrange(len(instances))
            what = self._dice.choice(("kill", "stop", "freeze"))
            self._note(f"{what}: {instances[number].name}")
            if what == "freeze":
                instances[number].pause()
                time.sleep(1)
                instances[number].resume()
            else:
                self._end(instances[number], killing=what == "kill")
                instances[number] = self.stage.service(CONFIG).start()
            yield

    def _end(self, instance: Service, *, killing: bool) -> None:
        if not killing:
            assert instance.stop() == 0, instance.log[-3000:]
            return
        killed = self.stage.kill(instance)
        self.repeats_allowed += MAX_IN_FLIGHT + sum(
            is_final(request) and (request.answered or 0) > killed - UNCOMMITTED_SECONDS
            for request in self.stage.api.requests()
        )

    def _note(self, what: str) -> None:
        self.happened[what.partition(":")[0]] += 1
        self.say(what)
