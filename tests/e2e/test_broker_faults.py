"""A broker that dies or freezes in full flow, and comes back."""

import time

import pytest

from tests.e2e.conftest import NewStage
from tests.support.ledger import is_final
from tests.support.payments import payments
from tests.support.stage import Stage
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

SLOW = {"linkrunner": {"max_in_flight": 8, "requests_per_second": 100}}


def test_a_broker_that_dies_and_comes_back_loses_nothing(new_own_stage: NewStage) -> None:
    """Calls go on with what is in memory; later everything is committed, in order, by the same process."""
    stage = new_own_stage(3)
    assert stage.kafka.server is not None
    stage.produce(payments(900, keys=60))
    service = stage.service(SLOW).start()
    stage.wait_requests(150)

    hurt = time.monotonic()
    stage.kafka.server.kill()
    stage.kafka.server.start()
    stage.wait_settled(within=90)

    assert service.stop() == 0
    stage.judge(repeats_allowed=_answered_since(stage, hurt - 1.5))


def test_a_broker_that_freezes_loses_nothing(new_own_stage: NewStage) -> None:
    """Longer than the session: the group forgets the member, which joins again and goes on."""
    stage = new_own_stage(3)
    assert stage.kafka.server is not None
    stage.produce(payments(900, keys=60))
    service = stage.service(SLOW).start()
    stage.wait_requests(150)

    hurt = time.monotonic()
    stage.kafka.server.pause()
    eventually(lambda: "partitions_lost" in service.log, 30, "the member gives up its partitions by itself")
    stage.kafka.server.resume()
    stage.wait_settled(within=90)

    assert service.stop() == 0
    stage.judge(repeats_allowed=_answered_since(stage, hurt - 1.5))


def _answered_since(stage: Stage, moment: float) -> int:
    """Count what may come again: it was answered after the last commit that is sure to have arrived."""
    return sum(is_final(r) and (r.answered or 0) > moment for r in stage.api.requests())
