"""The pipeline while rates are too old: what waits, what goes on, and how it ends."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from consumer.core.api.calls import PlanRules
from consumer.core.api.verdicts import HoldCause
from consumer.core.meaning.rates import Growth, RateRows, RateTable
from consumer.core.operations.logbook import Event
from consumer.core.records import Partition
from consumer.flow import delivery
from tests.support.events import money, payment_event
from tests.support.rig import RULES, Rig, all_committed, payments, produce, reached

HERE = Partition("payments", 0)
WHEN = datetime(2026, 3, 20, 12, tzinfo=UTC)


def rates(*days: int) -> RateTable:
    """Return rates of days in March."""
    rows = RateRows()
    for number in days:
        rows.add(date(2026, 3, number), "USD", Decimal(1))
        rows.add(date(2026, 3, number), "INR", Decimal(88))
    return rows.table("EUR", Growth.DAILY, 3)


class Market:
    """A rig that converts to INR at rates which a test changes."""

    def __init__(self, table: RateTable) -> None:
        self.table = table
        rules = replace(RULES, plan=PlanRules(reporting="INR"), rates=lambda: self.table)
        self.rig = Rig(rules=rules)

    def foreign(self, *names: str, currency: str = "USD") -> None:
        """Append payments in another currency."""
        for name in names:
            event = payment_event(payment_id=name, amount=money(1000, currency), occurred_at=WHEN)
            self.rig.decoder.events[name.encode()] = event
        produce(self.rig, HERE, names)


def test_old_rates_hold_only_what_needs_them_and_new_ones_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Foreign payments wait unsettled, the others and refunds are delivered; then all are, exactly."""
    monkeypatch.setattr(delivery, "_RATES_WAIT", 0.02)

    async def scene() -> None:
        market = Market(rates(10))
        rig = market.rig
        market.foreign("usd-1", "usd-2")
        rig.decoder.events[b"refund"] = payment_event(kind="REFUND", payment_id="old")
        produce(rig, HERE, [*payments(5), "refund"])
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.settled("payments") == 6, "the others are settled")
            await reached(lambda: rig.pipeline.holding() == {HoldCause.RATES}, "the hold is there")
            await reached(lambda: rig.log.told(Event.HOLD_STARTED), "the hold is told")
            assert rig.source.committed(HERE) == 0
            assert rig.box.letters == []
            market.table = rates(10, 19)
            await all_committed(rig, HERE)
            assert rig.pipeline.holding() == frozenset()
            assert rig.box.letters == []
            bodies = [call.body for call in rig.api.calls if "usd-" in call.payment_id]
            assert len(bodies) == 2
            assert all(b'"amount":880.00' in body for body in bodies)
            await reached(lambda: rig.log.told(Event.HOLD_ENDED), "its end is told")
        (hold,) = rig.log.told(Event.HOLD_STARTED)
        assert hold["cause"] == "rates"
        assert "currency.rates.path" in hold["cure"]
        (ended,) = rig.log.told(Event.HOLD_ENDED)
        assert ended["cause"] == "rates"

    asyncio.run(scene())


def test_a_wait_decodes_once_for_each_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rates give the same answer: a long hold costs no decoding and no lines in the log."""
    monkeypatch.setattr(delivery, "_RATES_WAIT", 0.001)

    async def scene() -> None:
        market = Market(rates(10))
        rig = market.rig
        market.foreign("usd-1")
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.looks_at_clock > 200, "it was looked at often")
            assert len(rig.decoder.asked) == 1
            assert len(rig.log.told(Event.RATE_MISSING)) == 1
            market.table = rates(10, 11)
            await reached(lambda: len(rig.decoder.asked) == 2, "the new table is tried")
            assert rig.pipeline.holding() == {HoldCause.RATES}

    asyncio.run(scene())


def test_a_rate_that_can_never_be_had_is_a_dead_letter() -> None:
    """It holds nothing."""

    async def scene() -> None:
        market = Market(rates(19))
        rig = market.rig
        market.foreign("krona", currency="ISK")
        async with rig.running():
            rig.source.assign(HERE)
            await all_committed(rig, HERE)
            ((_, headers),) = rig.box.letters
            assert dict(headers)["linkrunner.reason"] == b"no_rate"
            assert dict(headers)["linkrunner.detail"] == b"the rates do not list ISK"
            labels = {"topic": "payments", "action": "capture", "outcome": "dead_lettered"}
            assert rig.metric("records_settled_total", reason="no_rate", **labels) == 1

    asyncio.run(scene())


def test_full_flow_is_back_within_five_seconds_of_a_new_file() -> None:
    """The second until it is seen, a second to read it, and the wait of a record."""
    from consumer.flow.exchange import LOOK_SECONDS  # noqa: PLC0415  (beside the sum that it is for)

    assert LOOK_SECONDS + 1.0 + delivery._RATES_WAIT <= 5.0
