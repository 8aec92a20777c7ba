"""Processes that lose touch with their group: they stop by themselves, and go on by themselves."""

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Final

import pytest

from tests.e2e.conftest import NewStage
from tests.support.forwarder import Forwarder
from tests.support.ledger import is_final
from tests.support.payments import payments
from tests.support.service import Service
from tests.support.stage import Stage
from tests.support.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

SLOW: Final = {"max_in_flight": 4, "requests_per_second": 40, "timeout_seconds": 2}

CLASSIC: Final = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}
#: The brokers decide of its session, and theirs is their default of 45 s.
CONSUMER: Final = {"group.protocol": "consumer"}


@pytest.mark.parametrize("protocol", [CLASSIC, CONSUMER], ids=["classic", "consumer"])
def test_a_frozen_process_sends_nothing_before_it_has_partitions_again(
    new_stage: NewStage, protocol: Mapping[str, object]
) -> None:
    """It wakes up with calls to make, and its partitions are another's, which has made them long ago."""
    stage = new_stage(4)
    stage.api.misbehave("delay=60ms")
    stage.produce(payments(900, keys=90))
    with closing(Forwarder(f"127.0.0.1:{stage.api.port}")) as line:
        line.open()
        frozen = _service(stage, protocol, base_url=f"http://{line.address}/api/v1").start()
        other = _service(stage, protocol).start()
        eventually(lambda: _held(frozen, other) == [2, 2], 60, "each holds two partitions")
        before = len(stage.api.requests())
        stage.wait_requests(before + 100)

        assert frozen.metrics().total("queued") > 10
        hurt = frozen.pause()
        stage.wait_settled(within=150)
        assert other.metrics().total("assigned_partitions") == 4
        woken = frozen.resume()
        again = eventually(lambda: _since(frozen, woken), 90, "it has partitions again")

        stage.produce(payments(100, first=900))
        stage.wait_settled()
        assert [moment for moment in line.sent if woken <= moment < again] == []
        assert any(moment > again for moment in line.sent), "it works again"
        assert frozen.stop() == 0
        assert other.stop() == 0
    stage.judge(repeats_allowed=SLOW["max_in_flight"] + _answered_since(stage, hurt - 1.5, hurt))


@pytest.mark.parametrize(
    "protocol",
    [{"session.timeout.ms": 20_000, "heartbeat.interval.ms": 1000}, CONSUMER],
    ids=["classic", "consumer"],
)
def test_a_silent_broker_stops_all_calls_when_the_lease_is_over(
    new_own_stage: NewStage, protocol: Mapping[str, object]
) -> None:
    """The group may be giving its partitions away. It says so, stays ready, and repeats nothing later."""
    stage = new_own_stage(3)
    assert stage.kafka.server is not None
    stage.produce(payments(1500, keys=60))
    service = _service(stage, protocol, requests_per_second=25).start()
    stage.wait_requests(50)
    assert service.metrics().total("holding", cause="lease") == 0

    stage.kafka.server.pause()
    eventually(lambda: service.metrics().total("holding", cause="lease") == 1, 40, "it holds")
    held = time.monotonic()
    assert service.ready()
    assert service.metrics().total("auth_ok") == 1
    assert service.metrics().total("queued") > 0
    time.sleep(2.0)  # enough for fifty calls
    stage.kafka.server.resume()
    thawed = time.monotonic()
    eventually(lambda: service.metrics().total("holding", cause="lease") == 0, 15, "the hold is over")
    stage.wait_settled(within=120)

    arrivals = [request.arrived for request in stage.api.requests()]
    assert not [moment for moment in arrivals if held < moment < thawed]
    assert [moment for moment in arrivals if moment < thawed + 5], "calls go on at once"
    assert service.when("partitions_lost") == []
    assert service.stop() == 0
    stage.judge()


def _service(stage: Stage, protocol: Mapping[str, object], **linkrunner: object) -> Service:
    """Return a service of the stage with this group protocol, and nothing of the stage's own."""
    config = stage.config()
    kafka = config["kafka"]
    assert isinstance(kafka, Mapping)
    base = {**config, "kafka": {**kafka, "properties": dict(protocol)}}
    return stage.service({"linkrunner": {**SLOW, **linkrunner}}, base)


def _answered_since(stage: Stage, begin: float, end: float) -> int:
    """Count what was answered then: it may not be in a commit."""
    return sum(is_final(r) and begin < (r.answered or 0) < end for r in stage.api.requests())


def _held(*services: Service) -> list[float]:
    return [service.metrics().total("assigned_partitions") for service in services]


def _since(service: Service, moment: float) -> float:
    """Return when it got partitions after ``moment``, 0 if it has not."""
    return next((at for at in service.when("partitions_assigned") if at > moment), 0.0)
