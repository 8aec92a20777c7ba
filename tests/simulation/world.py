"""What all parts of a simulated run share: the dice, the weather, the trace, and where trouble strikes."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from tests.support.history import Fence

#: Virtual seconds of one season: in each, storms begin anew and records are produced.
STORMY_SECONDS: Final = 15.0


class Storm(Enum):
    """What can be out of order for a while, for everybody."""

    API_DOWN = auto()
    KEY_WRONG = auto()
    RATE_LIMITED = auto()
    LETTERS_DOWN = auto()
    REGISTRY_DOWN = auto()
    COMMITS_REFUSED = auto()


class Fault(Enum):
    """What can be wrong with us for a while, so that good records look bad."""

    MAPPING_WRONG = auto()
    """Of every process that starts meanwhile, as long as it lives."""
    REGISTRY_WRONG = auto()
    """It knows none of the schemas."""
    API_REFUSES = auto()
    """It takes no payment."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A storm or a fault, and from when until when it lasts."""

    storm: Storm | Fault
    begin: float
    end: float


class World:
    """One run's fate. All of it comes out of ``dice``; nothing may be drawn in the order of a set.

    ``strike`` is called where trouble is due. ``overlaps`` are the moments at which somebody lost a
    partition and left something on the wire; ``fences`` are the times of those who lost theirs unheard.
    Only a ``faulty`` world has faults of ours.
    """

    def __init__(self, seed: int, *, faulty: bool = False, seasons: int = 1) -> None:
        self.dice: Final = random.Random(seed)
        self.trace: Final[list[tuple[float, str]]] = []
        self.overlaps: Final[list[float]] = []
        self.fences: Final[list[Fence]] = []
        self.healed = False
        self.strike: Callable[[], None] = _nothing
        self._noise: Final = self.dice.choice((0.0, 0.3, 1.0, 1.0, 2.0))
        self._calm: Final = self.dice.choice((15, 40, 40, 200))
        self._spells: Final = [
            self._spell(storm, season)
            for season in range(seasons)
            for storm in Storm
            if self.dice.random() < 1 / 3
        ]
        self._steps_to_trouble = self._draw_steps()
        if faulty:
            faults = (fault for fault in Fault if self.dice.random() < 0.6)
            self._spells.extend(self._spell(fault, 0) for fault in faults)

    @property
    def now(self) -> float:
        """Virtual seconds since the run began."""
        return asyncio.get_running_loop().time()

    def note(self, what: str) -> None:
        """Write down what happens, for whoever has to understand a failure."""
        self.trace.append((self.now, what))

    def chance(self, share: float) -> bool:
        """Tell whether a mishap of this probability happens; never once the world is healed."""
        return self.dice.random() < share * self._noise and not self.healed

    def rages(self, storm: Storm | Fault) -> bool:
        """Tell whether a storm or a fault is on."""
        now = self.now
        return not self.healed and any(s.storm is storm and s.begin <= now < s.end for s in self._spells)

    def begins(self, storm: Storm | Fault) -> float | None:
        """Return when a storm or a fault begins, None where it never does."""
        return min((spell.begin for spell in self._spells if spell.storm is storm), default=None)

    async def pause(self, mean: float) -> None:
        """Take some time, or only let others go first. Any trouble may strike meanwhile."""
        self.step()
        if self.dice.random() < 0.25:
            for _ in range(self.dice.randrange(4)):
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(self.dice.expovariate(1 / mean))

    def step(self) -> None:
        """Count a step; at some of them trouble strikes, a few turns of the loop later."""
        self._steps_to_trouble -= 1
        if self._steps_to_trouble == 0:
            self._steps_to_trouble = self._draw_steps()
            self._strike_after(self.dice.randrange(6))

    def _draw_steps(self) -> int:
        return 1 + int(self.dice.expovariate(1 / self._calm))

    def _strike_after(self, turns: int) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self._strike_after, turns - 1)
        elif not self.healed:
            self.strike()

    def _spell(self, storm: Storm | Fault, season: int) -> Spell:
        begin = self.dice.uniform(0, STORMY_SECONDS) + season * STORMY_SECONDS
        return Spell(storm, begin, begin + self.dice.uniform(0.5, 8))


def _nothing() -> None:
    """Do nothing."""
