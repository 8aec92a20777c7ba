"""What is unreachable at the start is named and waited for: the service lives, and goes on by itself."""

import pytest

from consumer.core.avro import schemas
from consumer.lab.samples import Encoder
from tests.e2e.conftest import NewStage
from tests.support.forwarder import Forwarder
from tests.support.payments import payment, payments
from tests.support.registry import SchemaRegistry
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka


def test_a_broker_that_comes_late_is_waited_for(new_stage: NewStage) -> None:
    """Without a broker the service is live, not ready and says so; with one it starts to deliver."""
    stage = new_stage(1)
    gate = Forwarder(stage.kafka.bootstrap_servers)
    stage.produce(payments(10))
    service = stage.service({"kafka": {"bootstrap_servers": gate.address}}).start()
    eventually(lambda: gate.address in service.log, 20, "the log names the broker's address")
    assert not service.ready()
    assert "group" in service.why_not_ready()

    gate.open()
    service.wait_ready()
    stage.wait_settled()
    assert service.stop() == 0
    gate.close()
    stage.judge()


def test_a_registry_that_comes_late_is_waited_for(new_stage: NewStage, registry: SchemaRegistry) -> None:
    """Records of an unknown schema wait and hold nothing else up; the service stays ready and says why."""
    stage = new_stage(1)
    host, _, path = registry.url.removeprefix("http://").partition("/")
    gate = Forwarder(host)
    schema_id = registry.register(f"{stage.topic}-value", schemas.payment_event())
    framed = Encoder(b"\x00" + schema_id.to_bytes(4))
    stage.produce([payment(0, encoder=framed), *payments(10, first=1), payment(11, encoder=framed)])
    service = stage.service({"schema_registry": {"url": f"http://{gate.address}/{path}"}}).start()
    stage.wait_requests(10)
    eventually(lambda: service.metrics().total("holding", cause="registry") == 1, 20, "it holds")
    assert service.ready()
    assert "registry_unavailable" in service.log

    gate.open()
    stage.wait_settled()
    assert service.stop() == 0
    gate.close()
    assert stage.letters() == []
    stage.judge()


def test_an_api_that_comes_late_is_waited_for(new_stage: NewStage) -> None:
    """Without the API the service is live and ready, and counts the calls that could not connect."""
    stage = new_stage(1, api=False)
    stage.produce(payments(10))
    service = stage.service().start().wait_ready()
    eventually(lambda: service.metrics().total("calls_total", status="connect") > 0, 20, "connecting fails")
    assert service.live()

    stage.api.start()
    stage.wait_settled()
    assert service.stop() == 0
    stage.judge()
