"""Faults that are not the records': the service waits or holds, says why, and goes on by itself."""

import time
from itertools import pairwise

import pytest

from tests.e2e.conftest import NewStage
from tests.support.forwarder import Forwarder
from tests.support.payments import payments
from tests.support.service import Service
from tests.support.stage import KEY, Stage
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

#: From the cure of a hold's cause to calls that succeed again.
CURED_WITHIN = 5.0


@pytest.mark.parametrize(
    ("script", "seconds"),
    [
        ("503 for=6s", 6.0),
        ("reset for=3s; 500 applied from=3s for=3s", 6.0),
        ("503 retry-after=2 for=20s", 20.0),
    ],
    ids=["503", "reset-and-lost-answers", "503-for-long"],
)
def test_an_outage_of_the_api_costs_nothing(new_stage: NewStage, script: str, seconds: float) -> None:
    """While the API fails, records wait; then all of them are delivered, and none is dead-lettered."""
    stage = new_stage(3)
    stage.api.misbehave(script)
    began = time.monotonic()
    stage.produce(payments(60, keys=12))
    service = stage.service().start()

    stage.wait_settled(within=seconds + 75)
    assert time.monotonic() - began > seconds
    assert service.ready()
    assert service.stop() == 0
    assert stage.letters() == []
    stage.judge()


def test_an_api_that_is_gone_costs_nothing(new_stage: NewStage) -> None:
    """Refused and cut connections are waited out like any other outage."""
    stage = new_stage(3)
    gate = Forwarder(f"127.0.0.1:{stage.api.port}")
    stage.produce(payments(60, keys=12))
    service = (
        stage.service({"linkrunner": {"base_url": f"http://{gate.address}/api/v1"}}).start().wait_ready()
    )
    eventually(lambda: service.metrics().total("calls_total", status="connect") > 0, 10, "connecting fails")

    gate.open()
    stage.wait_settled()
    gate.close()
    assert service.stop() == 0
    assert stage.letters() == []
    stage.judge()


def test_a_wrong_key_holds_until_the_file_is_right(new_stage: NewStage) -> None:
    """401 stops all calls but probes, says so, dead-letters nothing, and ends with the key in the file."""
    stage = new_stage(3)
    stage.key_file.write_text("an-old-key", encoding="utf-8")
    stage.produce(payments(60))
    service = stage.service().start()
    _wait_for_hold(service, "credentials")
    assert not service.ready()
    assert "credentials" in service.why_not_ready()
    assert service.metrics().total("auth_ok") == 0
    held_at = len(stage.api.requests())
    _let_probes_happen(stage, held_at, probes=2)

    stage.key_file.write_text(KEY, encoding="utf-8")
    _expect_cure(stage, service)

    assert service.metrics().total("auth_ok") == 1
    assert service.stop() == 0
    assert stage.letters() == []
    assert "an-old-key" not in service.log
    stage.judge()


def test_a_wrong_address_holds_until_it_answers(new_stage: NewStage) -> None:
    """404 on everything is our fault and not the records': they wait, and go on when it is gone."""
    stage = new_stage(3)
    stage.api.misbehave("404")
    stage.produce(payments(60))
    service = stage.service().start()
    _wait_for_hold(service, "address")
    assert not service.ready()
    assert "address" in service.why_not_ready()
    assert service.metrics().total("auth_ok") == 1
    _let_probes_happen(stage, len(stage.api.requests()), probes=2)

    stage.api.misbehave("")
    _expect_cure(stage, service)

    assert service.stop() == 0
    assert stage.letters() == []
    stage.judge()


def _wait_for_hold(service: Service, cause: str) -> None:
    eventually(lambda: service.metrics().total("holding", cause=cause) == 1, 20, f"it holds for {cause}")


def _let_probes_happen(stage: Stage, before: int, probes: int) -> None:
    """Wait for ``probes`` further calls, and see that they come one by one, at least a second apart."""
    eventually(lambda: len(stage.api.requests()) >= before + probes, 20, "probes are sent")
    arrivals = [request.arrived for request in stage.api.requests()[before:]]
    assert all(later - earlier > 1 for earlier, later in pairwise(arrivals))


def _expect_cure(stage: Stage, service: Service) -> None:
    """See that calls succeed within the promise, everything is settled and the service is ready."""
    cured = time.monotonic()
    stage.wait_requests(20, within=CURED_WITHIN + 10)
    twentieth = sorted(r.answered for r in stage.api.requests() if r.answered and r.status == 201)[19]
    assert twentieth - cured < CURED_WITHIN
    stage.wait_settled()
    eventually(service.ready, 5, "the service is ready again")
