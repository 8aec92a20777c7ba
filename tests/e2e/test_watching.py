"""What operators watch in an outage is so on a real broker: how much waits, and how long it may."""

from collections.abc import Mapping
from typing import cast

import pytest
from confluent_kafka import Producer

from tests.e2e.conftest import NewStage
from tests.support.payments import payments
from tests.support.service import Service
from tests.support.stage import KEY
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

#: Kafka's default.
WEEK = 7 * 24 * 3600
#: More than one partition holds in memory, so that it is paused.
MANY = 600
#: The pace of the questions, twice.
TOLD_WITHIN = 25.0


def partition(service: Service) -> Mapping[str, object]:
    """Return what the status page knows of the one partition."""
    (only,) = cast("list[Mapping[str, object]]", service.status()["partitions"])
    return only


def standing(service: Service) -> tuple[object, object]:
    """Return its lag and its headroom; None is not known, which no metric shows."""
    there = partition(service)
    return there["lag"], there["headroom_seconds"]


def test_lag_and_headroom_are_true_while_nothing_is_fetched(new_stage: NewStage) -> None:
    """The key is refused, the partition paused: lag grows with the topic, headroom shrinks; both recover."""
    stage = new_stage(1)
    stage.api.accept_key("another-key")
    stage.produce(payments(MANY, keys=MANY))
    service = stage.service().start().wait_ready()
    eventually(lambda: partition(service)["paused"] == "full", 30, "the partition is paused")
    stage.produce(payments(300, first=MANY, keys=300))
    eventually(lambda: service.metrics().total("lag_records") == MANY + 300, TOLD_WITHIN, "lag grows")
    headroom = service.metrics().total("retention_headroom_seconds")
    assert WEEK - 120 < headroom < WEEK
    assert standing(service)[0] == MANY + 300
    eventually(
        lambda: service.metrics().total("retention_headroom_seconds") < headroom, 5, "headroom shrinks"
    )

    stage.api.accept_key(KEY)
    stage.wait_settled(within=90)
    eventually(lambda: standing(service) == (0, WEEK), 2 * TOLD_WITHIN, "nothing waits")
    assert service.stop() == 0
    stage.judge()


def test_the_end_of_a_transaction_is_no_lag(new_stage: NewStage) -> None:
    """A producer with transactions leaves a marker behind its last record; nothing waits there."""
    stage = new_stage(1)
    service = stage.service().start().wait_ready()
    producer = Producer(
        {"bootstrap.servers": stage.kafka.bootstrap_servers, "transactional.id": stage.topic, "log_level": 0}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for sample in payments(5):
        producer.produce(stage.topic, key=sample.key, value=sample.value)
    producer.commit_transaction(30)
    eventually(lambda: service.metrics().total("records_settled_total") == 5, 30, "all are settled")
    eventually(lambda: standing(service) == (0, WEEK), 2 * TOLD_WITHIN, "nothing waits")
    assert service.stop() == 0

    # It starts before the marker, with nothing behind it: an idle topic gets no older by that.
    service.start().wait_ready()
    eventually(lambda: standing(service) == (0, WEEK), 2 * TOLD_WITHIN, "nothing waits after a restart")
    assert service.metrics().total("freshness_seconds") == 0
    assert service.stop() == 0


def test_a_topic_that_is_not_there_is_seen(new_stage: NewStage) -> None:
    """It is counted as long as it is missing, also where all that is there is delivered."""
    stage = new_stage(2)
    late = stage.topics.name("late")
    service = stage.service({"kafka": {"topics": [stage.topic, late]}}).start().wait_ready()
    eventually(lambda: service.metrics().total("missing_topics") == 1, TOLD_WITHIN, "one is missing")
    assert service.metrics().total("topic_partitions") == 2

    stage.topics.create(late, 3)
    eventually(lambda: service.metrics().total("missing_topics") == 0, TOLD_WITHIN, "none is missing")
    assert service.metrics().total("topic_partitions") == 5
    assert service.stop() == 0


def test_a_rotation_that_went_wrong_is_seen_before_a_restart_fails_by_it(new_stage: NewStage) -> None:
    """An empty key file changes nothing for the service that runs, and shows; a good one ends that."""
    stage = new_stage(1)
    service = stage.service().start().wait_ready()
    stage.key_file.write_text("", encoding="utf-8")
    eventually(lambda: service.metrics().total("key_file_ok") == 0, 10, "the file is seen to be empty")
    stage.produce(payments(3))
    stage.wait_settled()
    assert service.ready()
    assert "key_unusable" in service.log

    stage.key_file.write_text(KEY, encoding="utf-8")
    eventually(lambda: service.metrics().total("key_file_ok") == 1, 10, "the file is good again")
    assert service.stop() == 0
    stage.judge()
