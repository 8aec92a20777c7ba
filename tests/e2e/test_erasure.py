"""Erasing users on a real broker: from a topic of its own, only where it is switched on, and nothing else."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from consumer.lab.samples import Encoder
from tests.e2e.conftest import NewStage
from tests.support.api import Api
from tests.support.payments import payment
from tests.support.service import Config, Service
from tests.support.stage import KEY, Stage
from tests.support.topics import Outgoing
from tests.support.waiting import eventually

USERS: Final = ("user-to-keep", "user-to-erase", "another-to-keep")
FORGOTTEN: Final = USERS[1]
STRANGER: Final = "user-without-payments"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """Give an API that lets a removal name a user, as the real one does."""
    with closing(Api(tmp_path, KEY, "--erasures")) as simulator:
        simulator.start()
        yield simulator


def request(user: str) -> Outgoing:
    """Return the record that asks to erase a user."""
    event = {"event_id": f"erase-{user}", "user_id": user, "requested_at": datetime(2026, 3, 2, tzinfo=UTC)}
    return Outgoing(user.encode(), Encoder().erasure(event))


def topic_of_erasures(stage: Stage) -> str:
    """Create a topic for erasures and its dead letters, and return its name."""
    topic = stage.topics.create(stage.topics.name("erasures"))
    stage.topics.create(f"{topic}.dlq")
    return topic


def config(api: Api, **erasure: object) -> Config:
    """Return what is special here."""
    return {"linkrunner": {"base_url": api.base_url}, "erasure": erasure}


def committed(stage: Stage, topic: str) -> int:
    """Return how many records of a topic the group has committed."""
    return sum(stage.topics.committed(stage.group, topic).values())


def pay(stage: Stage) -> Sequence[object]:
    """Produce four payments of each user."""
    return stage.produce([payment(number, user_id=USERS[number % 3]) for number in range(12)])


def users(api: Api) -> Counter[str]:
    """Return how many payments the API holds of each user."""
    return Counter(recorded.user_id for recorded in api.recorded())


def seen(service: Service) -> str:
    """Return all that the service has shown of itself."""
    return "\n".join((service.log, *service.seen.values()))


@pytest.mark.kafka
def test_a_user_is_erased_and_nobody_else(new_stage: NewStage, api: Api) -> None:
    """Payments go on; what is no request is set aside; all is counted and logged without a name."""
    stage = new_stage(2, api=False)
    topic = topic_of_erasures(stage)
    service = stage.service(config(api, enabled=True, topic=topic, requests_per_second=50)).start()
    pay(stage)
    eventually(lambda: users(api) == dict.fromkeys(USERS, 4), 60, "all payments are there")
    a_payment = payment(99, user_id=USERS[0])
    asked = [request(FORGOTTEN), Outgoing(a_payment.key, a_payment.value), request(STRANGER), request(" ")]
    stage.topics.produce(topic, [*asked, Outgoing(b"key", b"garbage"), Outgoing(b"key", None)])

    eventually(lambda: committed(stage, topic) == 6, 60, "all requests are committed")
    metrics = service.metrics()
    assert service.stop() == 0

    assert users(api) == {USERS[0]: 4, USERS[2]: 4}
    removals = [call.body for call in api.requests() if call.path.endswith("/remove-payment")]
    assert removals == [{"user_id": FORGOTTEN}, {"user_id": STRANGER}]
    assert api.outcomes() == {"applied": 12, "erased": 1, "nothing": 1}
    letters = stage.topics.read(f"{topic}.dlq")
    reasons = Counter(dict(letter.headers)["linkrunner.reason"] for letter in letters)
    assert reasons == {b"undecodable": 2, b"invalid_event": 1}
    outcomes = ("delivered", "nothing_to_remove", "dead_lettered", "skipped")
    assert [metrics.total("erasures_total", outcome=each) for each in outcomes] == [1, 1, 3, 1]
    assert metrics.total("records_settled_total", topic=topic) == 6
    assert metrics.total("records_settled_total", topic=topic, action="remove") == 0
    lines = [json.loads(line) for line in service.log.splitlines()]
    erased = [line["offset"] for line in lines if line["event"] == "user_erased"]
    assert erased == [0, 2]
    assert not [name for name in (*USERS, STRANGER) if name in seen(service)]


@pytest.mark.kafka
def test_while_it_is_off_nobody_is_erased(new_stage: NewStage, api: Api) -> None:
    """The topic is not read, whatever is in it; a request among payments is set aside."""
    stage = new_stage(1, api=False)
    topic = topic_of_erasures(stage)
    service = stage.service(config(api, topic=topic)).start()
    stage.topics.produce(topic, [request(FORGOTTEN)])
    pay(stage)
    stage.topics.produce(stage.topic, [request(FORGOTTEN)])

    stage.wait_settled()
    assert service.metrics().total("erasures_total") == 0
    assert service.stop() == 0

    assert users(api) == dict.fromkeys(USERS, 4)
    assert not [call for call in api.requests() if call.path.endswith("/remove-payment")]
    assert [dict(letter.headers)["linkrunner.reason"] for letter in stage.letters()] == [b"undecodable"]
    assert stage.topics.committed(stage.group, topic) == {}
