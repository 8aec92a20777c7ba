"""The exchange rates in use: renewed when their file changes, and what of that operators should know."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from typing import Final, Protocol, TypeVar

from consumer.core.errors import ConfigurationError, Mistake
from consumer.core.meaning.rate_files import Parsed, RateFault, doubt
from consumer.core.meaning.rates import RateTable
from consumer.core.operations.logbook import Event, Log
from consumer.core.operations.status import RatesHealth
from consumer.core.settings.tree import CurrencySettings
from consumer.edges.rates import RatesFile

A = TypeVar("A")
R = TypeVar("R")

#: Seconds between two looks at the file.
LOOK_SECONDS: Final = 1.0


class Rates(Protocol):
    """Where rates come from."""

    def look(self, current: RateTable) -> Parsed | None:
        """Return the rates from now on, or what is wrong with the new ones; None: nothing new. It waits."""


class Aside(Protocol):
    """Runs a call that waits on a thread of its own."""

    def __call__(self, function: Callable[[A], R], argument: A, /) -> Awaitable[R]:
        """Return what the call returns."""


class Exchange:
    """Gives the rates of the moment, and renews them while :meth:`run` runs."""

    def __init__(
        self,
        rates: Rates,
        table: RateTable,
        *,
        aside: Aside,
        log: Log,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Begin with ``table``. ``now`` is the time in UTC."""
        self.table = table
        self.trouble: str | None = None
        self._rates: Final = rates
        self._aside: Final = aside
        self._log: Final = log
        self._now: Final = now

    @classmethod
    def from_settings(cls, currency: CurrencySettings, aside: Aside, log: Log) -> "Exchange | None":
        """Return the rates that the settings lead to; None: nothing is converted.

        Raises :class:`ConfigurationError` where there are none that can be used.
        """
        opened = open_rates(currency)
        if opened is None:
            return None
        rates, table = opened
        if (doubtful := doubt(table)) is not None:
            mistake = Mistake(f"currency.rates.path ({rates.path})", told(doubtful), doubtful.cure)
            log(Event.CONFIGURATION_DOUBTFUL, detail=str(mistake))
        return cls(rates, table, aside=aside, log=log)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Look once; tell what is new."""
        try:
            found = await self._aside(self._rates.look, self.table)
        except (OSError, ValueError) as error:
            # Else nobody would look any more, and the rates would grow old with no word of why.
            found = (
                RateFault(0, f"can't be read: {type(error).__name__}", "look at it, and put it there anew"),
            )
            if self.trouble == told(found[0]):
                return
        match found:
            case None:
                return
            case RateTable():
                self.table, self.trouble = found, None
                self._log(Event.RATES_RELOADED)
            case faults:
                self.trouble = told(faults[0])
                self._log(Event.RATES_UNUSABLE, error=f"the file {self.trouble}", cure=faults[0].cure)

    def headroom(self) -> float | None:
        """Return the seconds until the newest rates are too old for a payment of that moment; None: never."""
        newest = self.table.newest
        if newest is None:
            return None
        ends = datetime.combine(newest + timedelta(days=self.table.max_age_days + 1), time(), UTC)
        return max(0.0, (ends - self._now()).total_seconds())

    def describe(self) -> RatesHealth:
        """Return what the status page shows."""
        return RatesHealth(self.table.newest, len(self.table.currencies), self.trouble)


def open_rates(currency: CurrencySettings) -> tuple[RatesFile, RateTable] | None:
    """Return where the rates come from and the first of them; None: nothing is converted.

    Raises :class:`ConfigurationError` where there are none that can be used.
    """
    if currency.reporting is None or currency.rates is None:
        return None
    rates = RatesFile(currency.rates, currency.reporting)
    found = rates.read()
    if isinstance(found, RateTable):
        return rates, found
    raise ConfigurationError(
        [Mistake(f"currency.rates.path ({rates.path})", told(fault), fault.cure) for fault in found]
    )


def told(fault: RateFault) -> str:
    """Return what is wrong with a file of rates, as the end of a sentence that begins with the file."""
    return f"{fault.what} (line {fault.line})" if fault.line else fault.what
