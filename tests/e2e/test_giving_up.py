"""A call that fails for too long beside others: what the setting makes of it, in the whole service."""

from dataclasses import replace

import pytest

from tests.e2e.conftest import NewStage
from tests.support.payments import payment, payment_id, payments

pytestmark = pytest.mark.kafka


def test_what_fails_alone_for_too_long_is_set_aside_and_its_key_goes_on(new_stage: NewStage) -> None:
    """One payment always gets a 500. It becomes a dead letter, ``gave_up``; all others are delivered.

    The next payment of its key waits for that and is then sent. Without the setting it would wait for ever.
    """
    stage = new_stage(2)
    stage.api.misbehave(f"500 payment={payment_id(0)}")
    (stuck,) = stage.produce([payment(0, "stuck")])
    stage.produced[:] = [replace(stuck, faults=frozenset({"gave_up"}))]
    stage.produce([payment(1, "stuck"), *payments(120, keys=30, first=2)])
    service = stage.service(
        {
            "delivery": {"give_up_after_seconds": 2},
            # Slow enough that others succeed for longer than that.
            "linkrunner": {"requests_per_second": 20},
        }
    ).start()

    stage.wait_settled()
    assert service.stop() == 0
    (letter,) = stage.letters()
    headers = dict(letter.headers)
    assert headers["linkrunner.reason"] == b"gave_up"
    assert int(headers["linkrunner.attempts"] or b"0") > 1
    tries = [request for request in stage.api.requests() if request.fault]
    assert len(tries) == int(headers["linkrunner.attempts"] or b"0")
    stage.judge()
