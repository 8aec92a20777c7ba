"""A storm: three instances deliver while the API fails in drawn ways and instances come and go.

Drawn from one seed: the faults in their order and how long each lasts; the blows in theirs, which instance
each meets and how long it is quiet behind it. Which calls they meet is the machine's doing. What must come
out is not drawn: the ledger checker judges the whole history at the end.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from consumer.lab.samples import samples
from tests.support.ledger import exposed
from tests.support.service import Config, Service
from tests.support.stage import Stage

INSTANCES: Final = 3
PARTITIONS: Final = 12
MAX_IN_FLIGHT: Final = 16

#: What may become of an instance.
BLOWS: Final = ("kill", "stop", "freeze")

#: What the API does wrong, as scripts of the simulator; each is followed by a time without faults. None says
#: 201 of what was not done, and none leaves open what a caller has to make of it: the books could not tell.
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
    "endless-headers share=3%; endless-body status=503 share=3%",
    "hang share=3%",
    "delay=400ms share=50%; slow-body=300ms share=20%",
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
    """One storm on a stage; :meth:`run` it once. ``happened`` tells afterwards what it was.

    ``repeats_allowed`` grows with each kill, by what was in flight and what the last commit can't have had.
    """

    stage: Stage
    seed: int
    say: Callable[[str], None]
    happened: Counter[str] = field(default_factory=Counter)
    repeats_allowed: int = 0

    def run(self, seconds: float, rate: int, settle_seconds: float) -> None:
        """Let it blow for ``seconds`` with ``rate`` events in a second, then wait until all is settled.

        Raises AssertionError where it is not settled ``settle_seconds`` later, where an instance did not end
        well, or where the ledger breaks a law.
        """
        instances = [self.stage.service(CONFIG).start() for _ in range(INSTANCES)]
        faults, blows = self._faults(), self._blows(instances)
        next_fault = next_blow = began = time.monotonic()
        for batch in count(1):
            now = time.monotonic()
            if now >= began + seconds:
                break
            if now >= next_fault:
                next_fault = now + next(faults)
            if now >= next_blow:
                quiet = next(blows)
                next_blow = time.monotonic() + quiet
            self.stage.produce(list(samples(rate, seed=1000 * self.seed + batch)))
            time.sleep(max(0.0, now + 1 - time.monotonic()))
        self.stage.api.misbehave("")
        self.say("calm; waiting until everything is settled")
        self.stage.wait_settled(within=settle_seconds)
        for instance in instances:
            self._stop(instance)
        self.stage.judge(self.repeats_allowed)

    def _faults(self) -> Iterator[float]:
        """Begin a fault or end one; yield for how many seconds this is to last."""
        dice = random.Random(f"faults {self.seed}")
        while True:
            script = dice.choice(FAULTS)
            self._note(f"faults: {script}")
            self.stage.api.misbehave(script)
            yield dice.uniform(3, 10)
            self.stage.api.misbehave("")
            yield dice.uniform(2, 5)

    def _blows(self, instances: list[Service]) -> Iterator[float]:
        """Do something to an instance; yield for how many seconds none is to be hit. The first is a wait."""
        dice = random.Random(f"blows {self.seed}")
        yield dice.uniform(5, 10)
        while True:
            number = dice.randrange(len(instances))
            what = dice.choice(BLOWS)
            self._note(f"{what}: {instances[number].name}")
            instances[number] = self._hit(what, instances[number])
            yield dice.uniform(6, 15)

    def _hit(self, what: str, instance: Service) -> Service:
        """Do it, and return the instance that is there afterwards."""
        if what == "freeze":
            instance.pause()
            time.sleep(1)
            instance.resume()
            return instance
        if what == "kill":
            killed = self.stage.kill(instance)
            self.repeats_allowed += MAX_IN_FLIGHT + exposed(self.stage.api.requests(), killed)
        else:
            self._stop(instance)
        return self.stage.service(CONFIG).start()

    def _stop(self, instance: Service) -> None:
        assert instance.stop() == 0, instance.log[-3000:]

    def _note(self, what: str) -> None:
        self.happened[what.partition(":")[0]] += 1
        self.say(what)
