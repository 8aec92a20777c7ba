"""Holdings: which holds there are, since when, told once at their beginning and once at their end."""

from collections.abc import Callable, Collection
from typing import Final

from consumer.core.api.verdicts import HoldCause
from consumer.core.operations.cures import ADVICE
from consumer.core.operations.logbook import Event, Log


class Holdings:
    """Compares what holds now with what held at the last look."""

    def __init__(self, clock: Callable[[], float], log: Log) -> None:
        self._clock: Final = clock
        self._log: Final = log
        self._since: Final[dict[HoldCause, float]] = {}

    def look(self, holding: Collection[HoldCause]) -> None:
        """Tell what has begun and what has ended."""
        for cause in sorted(set(holding) - self._since.keys()):
            advice = ADVICE[cause]
            self._log(Event.HOLD_STARTED, cause=cause.value, scope=advice.scope, cure=advice.cure)
            self._since[cause] = self._clock()
        for cause in sorted(self._since.keys() - set(holding)):
            seconds = round(self._clock() - self._since.pop(cause), 1)
            self._log(Event.HOLD_ENDED, cause=cause.value, seconds=seconds)

    def ages(self) -> dict[HoldCause, float]:
        """Return for how many seconds each hold has been seen."""
        return {cause: self._clock() - since for cause, since in self._since.items()}
