"""Conversion with a file of rates that changes while the service runs: what lacks a rate waits for it."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.conftest import NewStage
from tests.support.history import ExpectedCall, Produced
from tests.support.payments import payment
from tests.support.service import Service
from tests.support.stage import Stage
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

HEAD: Final = "date,currency,rate"
OLD: Final = "2026-02-20,INR,80"
NEW: Final = "2026-02-28,INR,80.5"


def write(file: Path, *lines: str) -> None:
    """Put a new file in the place of the rates, as a job does that keeps them."""
    beside = file.with_suffix(".new")
    beside.write_text("\n".join((HEAD, *lines, "")), encoding="utf-8")
    beside.replace(file)


def converting(stage: Stage, file: Path) -> Service:
    """Return a service that converts to rupees at the rates in ``file``, which may be three days old."""
    rates = {"source": "file", "base": "USD", "path": str(file), "max_age_days": 3}
    return stage.service({"currency": {"accept": None, "reporting": "INR", "rates": rates}})


def produce(stage: Stage, number: int, currency: str, rate: str = "1") -> None:
    """Write a payment of 100 000 and something; it has to arrive in rupees, at ``rate``."""
    sample = payment(
        number, amount={"minor_units": 10_000_001 + number, "currency": currency, "fraction_digits": None}
    )
    (sent,) = stage.produce([sample])
    assert isinstance(sent.expected, ExpectedCall)
    units = Decimal(10_000_001 + number) / 100
    amount = (units * Decimal(rate)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    body = {**sent.expected.body, "amount": amount}
    stage.produced[-1] = Produced(sent.record, replace(sent.expected, body=body))


def test_payments_wait_for_their_rate_and_go_on_with_the_next_file(new_stage: NewStage) -> None:
    """Those that need none go on meanwhile; a rate that was there is not changed by a later file."""
    stage = new_stage(2)
    rates = stage.directory / "rates.csv"
    write(rates, OLD)
    service = converting(stage, rates).start().wait_ready()
    produce(stage, 1, "USD", "80.5")
    eventually(lambda: service.metrics().total("holding", cause="rates") == 1, 30, "the payment waits")
    produce(stage, 2, "INR")
    stage.wait_requests(1)
    assert [request.body for request in stage.api.requests()] == [stage.produced[1].expected.body]  # type: ignore[union-attr]  # a call

    write(rates, OLD, NEW)
    stage.wait_settled()
    eventually(lambda: service.metrics().total("holding", cause="rates") == 0, 30, "nothing waits any more")

    write(rates, OLD, NEW.replace("80.5", "90"))
    eventually(lambda: service.metrics().total("rates_file_ok") == 0, 30, "the changed rate is told")
    produce(stage, 3, "USD", "80.5")
    stage.wait_settled()

    write(rates, OLD, NEW, "2026-03-02,INR,91")
    eventually(lambda: service.metrics().total("rates_file_ok") == 1, 30, "the file is good again")
    produce(stage, 4, "USD", "80.5")
    stage.wait_settled()
    assert service.stop() == 0
    stage.judge()
