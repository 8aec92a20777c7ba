"""The whole path, from Kafka to the API and back to the offsets, while nothing is broken."""

import pytest

from consumer.core.avro import schemas
from consumer.core.records import Partition
from consumer.lab.samples import Encoder, Sample, samples
from tests.e2e.conftest import NewStage
from tests.support.history import ExpectedCall, ExpectedSkip
from tests.support.payments import payment, payment_id, payments, refund
from tests.support.registry import SchemaRegistry
from tests.support.service import Config, merged
from tests.support.stage import Stage
from tests.support.waiting import eventually

STORY = 400


def _run_story(stage: Stage, story: list[Sample], config: Config) -> None:
    """Deliver ``story`` with one service and compare every number that can be seen with the expectation."""
    produced = stage.produce(story)
    # Each event is one call: refunds that find nothing are not tried again.
    once = merged(config, {"delivery": {"nothing_to_remove_grace_seconds": 0}})
    service = stage.service(once).start()
    stage.wait_settled()
    metrics = service.metrics()
    assert service.stop() == 0

    stage.judge()
    answered = [request for request in stage.api.requests() if request.fault is None]
    kinds = [type(one.expected) for one in produced]
    assert len(answered) == kinds.count(ExpectedCall) == metrics.total("calls_total")
    assert metrics.total("records_consumed_total") == len(produced)
    assert metrics.total("records_settled_total") == len(produced)
    assert metrics.total("records_settled_total", outcome="skipped") == kinds.count(ExpectedSkip)
    assert metrics.total("records_settled_total", outcome="dead_lettered") == len(stage.letters())
    assert metrics.total("call_duration_seconds_count") == len(answered)


def test_every_kind_of_event_is_delivered(new_stage: NewStage) -> None:
    """A story with all kinds of events and broken records, over six partitions, in single-object encoding."""
    stage = new_stage(6)

    _run_story(stage, list(samples(STORY, seed=1)), {})


@pytest.mark.kafka
def test_every_kind_of_event_is_delivered_through_a_registry(
    new_stage: NewStage, registry: SchemaRegistry
) -> None:
    """The same story in Confluent's framing, its schema fetched from a real registry."""
    stage = new_stage(6)
    schema_id = registry.register(f"{stage.topic}-value", schemas.payment_event())
    encoder = Encoder(b"\x00" + schema_id.to_bytes(4))

    _run_story(
        stage, list(samples(STORY, seed=2, encoder=encoder)), {"schema_registry": {"url": registry.url}}
    )


@pytest.mark.kafka
def test_a_key_stays_in_order_while_others_overtake(new_stage: NewStage) -> None:
    """With slow calls of mixed length, calls of one key never overlap; those of different keys do."""
    stage = new_stage(2)
    stage.api.misbehave("delay=80ms share=40%; delay=5ms share=50%")
    captures = payments(60, keys=6)
    refunds = [refund(number, f"key-{number % 6}") for number in range(0, 60, 3)]
    stage.produce([*captures, *refunds])
    service = stage.service().start()
    stage.wait_settled()
    assert service.stop() == 0

    stage.judge()
    spans = [(r.arrived, r.answered or 0.0) for r in stage.api.requests()]
    assert max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans) > 1


@pytest.mark.kafka
def test_offsets_are_never_ahead_of_answers(new_stage: NewStage) -> None:
    """While one answer is held back, everything behind it is delivered and nothing behind it is committed."""
    stage = new_stage(1)
    stage.api.misbehave(f"delay=4s payment={payment_id(10)}")
    stage.produce(payments(40))
    service = stage.service().start()

    stage.wait_requests(39)
    eventually(lambda: service.metrics().total("records_settled_total") == 39, 10, "39 records are settled")
    partition = Partition(stage.topic, 0)
    eventually(
        lambda: stage.commits.latest().get(partition) == 10, 10, "the commit stands at the open record"
    )
    assert not any(_is_of(r.body, payment_id(10)) and r.answered for r in stage.api.requests())
    stage.wait_settled()
    assert service.stop() == 0

    stage.judge()


@pytest.mark.kafka
def test_a_partition_that_is_added_is_read_soon(new_stage: NewStage) -> None:
    """Its payments wait for seconds, not for the five minutes after which the client would look by itself."""
    stage = new_stage(1)
    service = stage.service().start().wait_ready()
    stage.topics.grow(stage.topic, 2)
    stage.produce(payments(5), partition=1)

    stage.wait_requests(5, within=20)
    assert service.stop() == 0


@pytest.mark.kafka
def test_a_restart_resumes_where_the_last_one_ended(new_stage: NewStage) -> None:
    """What was produced before, between and after two runs is delivered once each."""
    stage = new_stage(3)
    stage.produce(payments(50))
    first = stage.service().start()
    stage.wait_settled()
    assert first.stop() == 0
    stage.produce(payments(50, first=50))

    second = stage.service().start()
    stage.wait_settled()
    stage.produce([payment(200)])
    stage.wait_settled()
    assert second.stop() == 0

    stage.judge()


def _is_of(body: object, name: str) -> bool:
    return isinstance(body, dict) and body["payment_id"] == name
