"""A topic full of bad records: what the whole service does, on a real broker, and how it ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from consumer.core.api.refusals import LIMITS
from tests.e2e.conftest import NewStage
from tests.support.payments import garbage, payments
from tests.support.service import Service
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

#: So many letters a start may cost, while nothing of a topic is good.
MOST: Final = LIMITS.in_a_row - 1


def stopped(service: Service) -> bool:
    """Tell whether a topic is stopped."""
    return service.metrics().total("holding", cause="refusals") == 1


def test_a_flood_of_poison_costs_few_letters_and_waits_for_a_decision(new_stage: NewStage) -> None:
    """Nineteen for each start, ready all the time; with the time that a person sets, all are set aside."""
    stage = new_stage(2)
    stage.produce([garbage(f"key-{number}") for number in range(80)])
    for start in (1, 2):
        service = stage.service().start()
        eventually(lambda: stopped(service), 30, "the topic is stopped")  # noqa: B023  (called here)
        assert service.ready()
        stops = service.status()["stopped_topics"]
        assert isinstance(stops, list)
        (stop,) = stops
        assert (stop["topic"], stop["reasons"]) == (stage.topic, {"undecodable": LIMITS.in_a_row})
        assert "topic_stopped" in service.log
        assert service.stop() == 0
        assert start <= len(stage.letters()) <= start * MOST
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    service = stage.service({"linkrunner": {"accept_refusals_until": until}}).start()
    stage.wait_settled()
    assert not stopped(service)
    assert service.stop() == 0
    stage.judge()


def test_an_api_that_refuses_everything_costs_few_payments(new_stage: NewStage) -> None:
    """Most are kept and delivered within seconds of the cure, in order, by the same process."""
    stage = new_stage(2)
    stage.api.misbehave("422")
    produced = stage.produce(payments(120, keys=30))
    stage.produced[:] = [replace(one, faults=frozenset({"refused"})) for one in produced]
    service = stage.service().start()
    eventually(lambda: stopped(service), 30, "the topic is stopped")
    eventually(lambda: service.log.count("record_kept") > 10, 30, "probes are refused")

    stage.api.misbehave("")
    stage.wait_settled(within=15)
    eventually(lambda: not stopped(service), 5, "the hold ends")
    assert service.stop() == 0
    assert 0 < len(stage.letters()) <= MOST
    stage.judge()
