"""The rates in use: renewed, kept when their file goes wrong, and told."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import pytest

from consumer.core.errors import ConfigurationError
from consumer.core.meaning.rate_files import Parsed, RateFault
from consumer.core.meaning.rates import Growth, RateRows, RateTable, static_rates
from consumer.core.operations.logbook import Event
from consumer.core.operations.status import RatesHealth
from consumer.core.settings.tree import CurrencySettings
from consumer.flow.exchange import Exchange
from tests.support.fakes import FakeLog
from tests.support.rig import reached

A = TypeVar("A")
R = TypeVar("R")
NOW: Final = datetime(2026, 3, 5, 18, tzinfo=UTC)
BROKEN: Final = (RateFault(3, "has no date", "mend it"), RateFault(4, "has no date", "mend it"))


async def aside(function: Callable[[A], R], argument: A) -> R:
    """Call at once."""
    return function(argument)


def dated(newest: date) -> RateTable:
    """Return a table with one day, that is too old after three."""
    rows = RateRows()
    rows.add(newest, "INR", Decimal(95))
    return rows.table("EUR", Growth.DAILY, 3)


class FakeRates:
    """Finds what a test says."""

    def __init__(self) -> None:
        self.found: Parsed | None = None
        self.error: Exception | None = None
        self.seen: list[RateTable] = []

    def look(self, current: RateTable) -> Parsed | None:
        """Return it, once."""
        self.seen.append(current)
        if self.error is not None:
            raise self.error
        found, self.found = self.found, None
        return found


def test_new_rates_are_in_use_and_told() -> None:
    """From the next look on, once."""
    rates, log = FakeRates(), FakeLog()
    exchange = Exchange(rates, dated(date(2026, 3, 1)), aside=aside, log=log, now=lambda: NOW)
    rates.found = newer = dated(date(2026, 3, 4))
    for _ in range(3):
        asyncio.run(exchange.look())
    assert exchange.table is newer
    assert exchange.describe() == RatesHealth(date(2026, 3, 4), 2, None)
    assert rates.seen[1:] == [newer, newer]
    assert log.lines == [(Event.RATES_RELOADED, {})]


def test_what_cant_be_used_leaves_the_old_rates_and_is_told() -> None:
    """With its line and its cure, until a good file is there."""
    rates, log = FakeRates(), FakeLog()
    exchange = Exchange(rates, old := dated(date(2026, 3, 1)), aside=aside, log=log, now=lambda: NOW)
    rates.found = BROKEN
    asyncio.run(exchange.look())
    asyncio.run(exchange.look())
    assert exchange.table is old
    assert exchange.trouble == "has no date (line 3)"
    assert log.lines == [
        (Event.RATES_UNUSABLE, {"error": "the file has no date (line 3)", "cure": "mend it"})
    ]
    rates.found = dated(date(2026, 3, 4))
    asyncio.run(exchange.look())
    assert exchange.trouble is None


@pytest.mark.parametrize("error", [OSError(24, "secret"), ValueError("secret")])
def test_a_look_that_fails_is_told_once_and_looking_goes_on(error: Exception) -> None:
    """As a file that can't be used; its words are not told."""
    rates, log = FakeRates(), FakeLog()
    exchange = Exchange(rates, old := dated(date(2026, 3, 1)), aside=aside, log=log, now=lambda: NOW)
    rates.error = error
    for _ in range(3):
        asyncio.run(exchange.look())
    assert exchange.table is old
    assert exchange.trouble == f"can't be read: {type(error).__name__}"
    ((event, fields),) = log.lines
    assert event is Event.RATES_UNUSABLE
    assert "secret" not in str(fields)
    rates.error, rates.found = None, dated(date(2026, 3, 4))
    asyncio.run(exchange.look())
    assert exchange.describe() == RatesHealth(date(2026, 3, 4), 2, None)


@pytest.mark.parametrize(
    ("newest", "seconds"),
    [
        (date(2026, 3, 5), 3 * 86400 + 6 * 3600),
        (date(2026, 3, 2), 6 * 3600),
        (date(2026, 3, 1), 0),
        (date(2020, 1, 1), 0),
    ],
)
def test_headroom_ends_when_payments_begin_to_wait(newest: date, seconds: float) -> None:
    """With the first moment of the day for which the newest rate is too old."""
    exchange = Exchange(FakeRates(), dated(newest), aside=aside, log=FakeLog(), now=lambda: NOW)
    assert exchange.headroom() == seconds


def test_rates_without_a_date_have_no_headroom() -> None:
    """They are never too old."""
    table = static_rates("EUR", {"INR": Decimal(95)})
    exchange = Exchange(FakeRates(), table, aside=aside, log=FakeLog())
    assert exchange.headroom() is None
    assert exchange.describe() == RatesHealth(None, 2, None)


def test_it_comes_from_the_settings(tmp_path: Path) -> None:
    """With the file's rates; None where nothing is converted; a mistake where the file has gone since."""
    path = tmp_path / "rates.csv"
    path.write_text("Date,INR,\n2026-03-01,95,\n", "utf-8")
    settings = CurrencySettings.model_validate(
        {"reporting": "INR", "rates": {"source": "ecb", "path": str(path)}}
    )
    log = FakeLog()
    exchange = Exchange.from_settings(settings, aside, log)
    assert exchange is not None
    ((event, fields),) = log.lines
    assert event is Event.CONFIGURATION_DOUBTFUL
    assert "spans fewer days than" in str(fields["detail"])
    assert exchange.table.newest == date(2026, 3, 1)
    assert Exchange.from_settings(CurrencySettings(accept=("INR",)), aside, FakeLog()) is None
    path.write_text("Date,INR,\n2026-03-08,96,\n2026-03-01,95,\n", "utf-8")
    Exchange.from_settings(settings, aside, log)
    assert len(log.lines) == 1
    path.unlink()
    with pytest.raises(ConfigurationError, match=r"currency\.rates\.path \(.*rates\.csv\): can't be read"):
        Exchange.from_settings(settings, aside, FakeLog())


def uses(exchange: Exchange, newest: date) -> bool:
    """Tell whether the rates of that day are in use."""
    return exchange.table.newest == newest


def test_it_looks_until_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Again and again, off the event loop."""

    async def scene() -> None:
        rates = FakeRates()
        monkeypatch.setattr("consumer.flow.exchange.LOOK_SECONDS", 0.001)
        exchange = Exchange(rates, dated(date(2026, 3, 1)), aside=asyncio.to_thread, log=FakeLog())
        running = asyncio.create_task(exchange.run())
        for number in (2, 3):
            rates.found = dated(date(2026, 3, number))
            await reached(partial(uses, exchange, date(2026, 3, number)), "they are in use")
        running.cancel()

    asyncio.run(scene())
