"""Refunds that overtake their payments, between partitions of a real topic."""

from dataclasses import replace

import pytest

from consumer.core.records import Partition
from tests.e2e.conftest import NewStage
from tests.support.ledger import REMOVE
from tests.support.payments import payment, payments, refund
from tests.support.waiting import eventually

GRACE = {"delivery": {"nothing_to_remove_grace_seconds": 30}}


@pytest.mark.kafka
def test_a_refund_finds_the_payment_that_it_has_overtaken(new_stage: NewStage) -> None:
    """It waits beside its lane, holds its offset, goes over to the next process, and removes what comes."""
    stage = new_stage(2)
    crossing = stage.produce([refund(1, "lane")], partition=0)
    stage.produced[:] = [replace(each, crosses=True) for each in crossing]
    stage.produce(payments(20, keys=1, first=100), partition=0)
    first = stage.service(GRACE).start()
    stage.wait_requests(22)
    eventually(lambda: first.metrics().total("removes_in_grace") == 1, 10, "the refund waits")
    assert first.status()["removes_in_grace"] == 1
    assert first.stop() == 0
    assert stage.commits.latest()[Partition(stage.topic, 0)] == 0

    second = stage.service(GRACE).start()
    eventually(lambda: second.metrics().total("removes_in_grace") == 1, 30, "it waits in the next process")
    stage.produce([payment(1)], partition=1)
    stage.wait_settled()
    settled = {"action": "remove", "outcome": "delivered"}
    assert second.metrics().total("records_settled_total", **settled) == 1
    assert second.stop() == 0

    assert sum(not path_is_remove(request.path) for request in stage.api.requests()) == 21
    stage.judge()


@pytest.mark.kafka
def test_a_refund_without_a_payment_becomes_a_dead_letter(new_stage: NewStage) -> None:
    """Where that is chosen, and when its grace is over: with its reason, and the API's 400."""
    stage = new_stage(1)
    stage.produce([refund(1)])
    chosen = {"delivery": {"nothing_to_remove": "dead_letter", "nothing_to_remove_grace_seconds": 1}}
    service = stage.service(chosen).start()
    stage.wait_settled()
    settled = {"action": "remove", "outcome": "dead_lettered", "reason": "nothing_to_remove"}
    assert service.metrics().total("records_settled_total", **settled) == 1
    assert service.stop() == 0

    (letter,) = stage.letters()
    headers = dict(letter.headers)
    assert headers["linkrunner.reason"] == b"nothing_to_remove"
    assert headers["linkrunner.status"] == b"400"
    assert len(stage.api.requests()) >= 2


def path_is_remove(path: str) -> bool:
    """Tell whether a request is a removal."""
    return path.endswith(REMOVE)
