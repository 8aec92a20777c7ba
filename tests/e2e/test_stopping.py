"""Stops, kills and hand-overs: what is repeated, and that nothing is lost."""

import time

import pytest

from consumer.core.records import Partition
from tests.e2e.conftest import NewStage
from tests.support.ledger import exposed
from tests.support.payments import payment_id, payments
from tests.support.stage import Stage
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

DRAIN_TIMED_OUT = 143


def test_a_stop_in_full_flow_repeats_no_call(new_stage: NewStage) -> None:
    """SIGTERM: calls on the wire are finished and committed, no other is begun, the exit is clean."""
    stage = new_stage(4)
    stage.api.misbehave("delay=60ms")
    stage.produce(payments(400))
    first = stage.service().start()
    stage.wait_requests(60)
    asked = first.term()
    assert first.wait(20) == 0

    made = stage.api.requests()
    assert len(made) < 400
    assert max(request.arrived for request in made) < asked + 1
    stage.service().start()
    stage.wait_settled()
    assert stage.services[-1].stop() == 0
    stage.judge()


def test_a_stop_does_not_wait_for_a_backoff(new_stage: NewStage) -> None:
    """Records that wait for their next try are let go at once, and come again after the start."""
    stage = new_stage(2)
    stage.api.misbehave("503 retry-after=60")
    stage.produce(payments(20))
    first = stage.service().start()
    eventually(lambda: first.metrics().total("retries_total") > 0, 20, "calls are retried")

    asked = first.term()
    assert first.wait(10) == 0
    assert max(request.arrived for request in stage.api.requests()) < asked + 1

    stage.api.misbehave("")
    second = stage.service().start()
    stage.wait_settled()
    assert second.stop() == 0
    stage.judge()


def test_a_stop_repeats_nothing_behind_an_open_record(new_stage: NewStage) -> None:
    """What was delivered behind a record that waits is known after the start, though it is not committed."""
    stage = new_stage(1)
    stage.api.misbehave(f"503 payment={payment_id(10)}")
    stage.produce(payments(40))
    first = stage.service().start()
    stage.wait_requests(39)
    assert first.stop() == 0
    at_the_open_record = {Partition(stage.topic, 0): 10}
    eventually(
        lambda: stage.commits.latest() == at_the_open_record, 5, "the commit stands at the open record"
    )

    stage.api.misbehave("")
    second = stage.service().start()
    stage.wait_settled()
    assert second.stop() == 0
    stage.judge()


def test_a_stop_with_a_call_that_never_ends_says_so(new_stage: NewStage) -> None:
    """The drain has an end: the exit code tells it, and the cut call comes again after the start."""
    stage = new_stage(1)
    stage.api.misbehave("hang first=1")
    stage.produce(payments(10))
    first = stage.service({"shutdown": {"drain_seconds": 2}}).start()
    stage.wait_requests(9)
    asked = first.term()
    assert first.wait(15) == DRAIN_TIMED_OUT
    assert time.monotonic() - asked > 2
    assert "drain_timed_out" in first.log

    second = stage.service().start()
    stage.wait_settled()
    assert second.stop() == 0
    stage.judge()


def test_a_kill_repeats_only_what_was_not_committed(new_stage: NewStage) -> None:
    """SIGKILL: repeated are at most the calls in flight and those that ended since the last commit."""
    stage = new_stage(4)
    stage.api.misbehave("delay=20ms")
    stage.produce(payments(1500))
    first = stage.service({"linkrunner": {"max_in_flight": 8, "requests_per_second": 200}}).start()
    stage.wait_requests(500)
    killed = stage.kill(first)
    may_repeat = 8 + exposed(stage.api.requests(), killed)

    stage.api.misbehave("")
    second = stage.service().start()
    stage.wait_settled()
    assert second.stop() == 0
    stage.judge(repeats_allowed=may_repeat)


def test_two_instances_share_and_hand_over(new_stage: NewStage) -> None:
    """A second instance joins in full flow, the first one leaves in full flow: no repeat, no loss."""
    stage = new_stage(6)
    stage.api.misbehave("delay=30ms")
    slow = {"linkrunner": {"max_in_flight": 4, "requests_per_second": 100}}
    stage.produce(payments(1500))
    first = stage.service(slow).start()
    stage.wait_requests(100)

    second = stage.service(slow).start()
    eventually(lambda: _held(stage) == [3, 3], 30, "each instance holds three partitions")
    before = len(stage.api.requests())
    stage.wait_requests(before + 100)
    assert first.stop() == 0
    eventually(lambda: second.metrics().total("assigned_partitions") == 6, 30, "the second one holds all")
    stage.api.misbehave("")
    stage.wait_settled()
    assert second.stop() == 0

    stage.judge()


def test_an_idle_instance_stops_cleanly(new_stage: NewStage) -> None:
    """A service without anything to do is ready, and stops at once."""
    stage = new_stage(1)
    service = stage.service().start().wait_ready()

    service.term()
    assert service.wait(5) == 0
    stage.judge()


def _held(stage: Stage) -> list[float]:
    return [service.metrics().total("assigned_partitions") for service in stage.services]
