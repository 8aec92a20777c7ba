"""The service in a container, hardened, against a real Kafka: it delivers, drains and stays small."""

from typing import Final

import pytest

from consumer.core.records import Partition
from tests.image.conftest import NewStage
from tests.image.containers import FOREIGN_USER, ContainedService
from tests.support.image import docker
from tests.support.ledger import is_final
from tests.support.payments import payments
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

CUT_SHORT: Final = 143

#: The limit of the chart, and what of it the service may have resident at its peak.
LIMIT_MIB: Final = 256
MOST_RESIDENT_MIB: Final = 192.0
BACKLOG: Final = 20_000
BACKLOG_SECONDS: Final = 200.0


def test_it_delivers_as_a_foreign_user_over_a_root_that_takes_no_write(
    image: str, new_stage: NewStage
) -> None:
    """An id that the image has never heard of, no capability, nothing to write but /tmp: all is delivered."""
    stage = new_stage(3)
    stage.produce(payments(300))
    service = ContainedService(stage, image, ["--user", FOREIGN_USER])
    service.start().wait_ready()
    stage.wait_settled()
    assert service.stop() == 0
    stage.judge()


def test_docker_stop_drains_in_full_flow(image: str, new_stage: NewStage) -> None:
    """The stop signal reaches the service as first process: exit 0, all answered calls are committed."""
    stage = new_stage(4)
    stage.api.misbehave("delay=60ms")
    stage.produce(payments(400))
    first = ContainedService(stage, image)
    first.start()
    stage.wait_requests(60)
    docker("stop", "--time", "30", first.container.name)
    assert first.wait(5) == 0

    answered = sum(map(is_final, stage.api.requests()))
    assert 60 <= answered < 400
    stage.api.misbehave("")
    second = ContainedService(stage, image)
    second.start()
    stage.wait_settled()
    assert second.stop() == 0
    stage.judge()


def test_a_second_signal_ends_it_at_once(image: str, new_stage: NewStage) -> None:
    """A call that never ends holds the drain up; who can't wait sends the signal again."""
    stage = new_stage(1)
    stage.api.misbehave("hang first=1")
    stage.produce(payments(1))
    service = ContainedService(stage, image, over={"shutdown": {"drain_seconds": 60}})
    service.start()
    eventually(stage.api.requests, 20, "the call is on the wire")
    service.term()
    eventually(lambda: '"stopping"' in service.log, 10, "it is stopping")
    service.term()
    assert service.wait(10) == CUT_SHORT
    assert stage.topics.committed(stage.group, stage.topic) == {Partition(stage.topic, 0): 0}


def test_a_backlog_stays_within_the_memory_limit(image: str, new_stage: NewStage) -> None:
    """Records that wait when it starts are delivered, each once, below the chart's limit without swap."""
    stage = new_stage(6)
    stage.produce(payments(BACKLOG))
    limits = [f"--memory={LIMIT_MIB}m", f"--memory-swap={LIMIT_MIB}m"]
    service = ContainedService(stage, image, limits, {"log": {"level": "info"}})
    service.start()
    stage.wait_settled(BACKLOG_SECONDS)
    peak = service.container.peak_rss_mib()
    assert service.stop() == 0
    assert service.container.state()["OOMKilled"] is False
    print(f"peak resident set: {peak:.0f} MiB of {LIMIT_MIB}")  # noqa: T201 - for the record
    assert peak < MOST_RESIDENT_MIB
    stage.judge()
