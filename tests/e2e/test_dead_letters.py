"""Records that can never be delivered: where they go, with what, and what happens to the others."""

import pytest

from consumer.core.records import Partition
from tests.e2e.conftest import NewStage
from tests.support.history import DeadLetter
from tests.support.ledger import header
from tests.support.payments import garbage, payment, payment_id, payments, truncated
from tests.support.stage import Stage
from tests.support.topics import Outgoing
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

CONNECT = "__connect.errors."


def test_poison_between_good_records_is_put_aside(new_stage: NewStage) -> None:
    """Poison in every lane neither stops nor delays the records around it, and keeps its bytes."""
    stage = new_stage(1)
    poison = [garbage("key-0"), truncated(900, "key-1"), payment(901, "key-2", user_id=" ")]
    stage.produce([*payments(12, keys=4), *poison, *payments(12, keys=4, first=12)])
    service = stage.service().start()
    stage.wait_settled()
    assert service.stop() == 0

    stage.judge()
    letters = _letters(stage)
    assert [header(letter, "linkrunner.reason") for letter in letters] == [
        "undecodable",
        "undecodable",
        "invalid_event",
    ]
    assert [letter.record.value for letter in letters] == [sample.value for sample in poison]
    assert [header(letter, f"{CONNECT}offset") for letter in letters] == ["12", "13", "14"]


def test_a_dead_letter_says_where_it_comes_from_and_why(new_stage: NewStage) -> None:
    """Key, value and own headers are as they were; behind them stand Connect's headers and all of ours."""
    stage = new_stage(1)
    own = (("trace", b"\x00\xff"), ("empty", None), ("trace", b"again"))
    stage.topics.produce(stage.topic, [Outgoing(b"k", b"no avro", 0, own)])
    service = stage.service().start()
    stage.wait_settled()
    assert service.stop() == 0

    (letter,) = _letters(stage)
    assert (letter.record.key, letter.record.value) == (b"k", b"no avro")
    assert letter.record.headers[:3] == own
    assert {name for name, _ in letter.record.headers[3:]} == {
        f"{CONNECT}topic",
        f"{CONNECT}partition",
        f"{CONNECT}offset",
        f"{CONNECT}connector.name",
        f"{CONNECT}stage",
        f"{CONNECT}class.name",
        f"{CONNECT}exception.message",
        "linkrunner.reason",
        "linkrunner.detail",
        "linkrunner.attempts",
        "linkrunner.failed_at",
        "linkrunner.version",
    }
    assert header(letter, f"{CONNECT}topic") == stage.topic
    assert header(letter, "linkrunner.attempts") == "0"


def test_a_refused_payment_is_put_aside(new_stage: NewStage) -> None:
    """A permanent no of the API to one payment concerns that one only; its status stands in the letter."""
    stage = new_stage(1)
    stage.api.misbehave(f"422 payment={payment_id(3)}")
    stage.produce(payments(10, keys=2))
    service = stage.service().start()
    stage.wait_settled()
    assert service.stop() == 0

    stage.judge()
    (letter,) = _letters(stage)
    assert header(letter, "linkrunner.reason") == "refused"
    assert header(letter, "linkrunner.status") == "422"
    assert header(letter, "linkrunner.attempts") == "1"


def test_a_missing_dead_letter_topic_holds_what_needs_it(new_stage: NewStage) -> None:
    """Poison waits, its offset with it, good records flow, and creating the topic is the whole cure."""
    stage = new_stage(1, letters=False)
    if stage.topics.creates_by_itself():
        pytest.skip("this broker creates the missing topic by itself")
    stage.produce([*payments(5), garbage("poison"), *payments(20, first=5)])
    service = stage.service().start()
    stage.wait_requests(25)
    eventually(lambda: service.metrics().total("holding", cause="dead_letters") == 1, 20, "it holds")
    assert service.ready()
    partition = Partition(stage.topic, 0)
    eventually(lambda: stage.commits.latest().get(partition) == 5, 10, "the commit stands at the poison")
    assert "dead_letter_topic_missing" in service.log

    stage.create_letter_topic()
    stage.wait_settled(within=30)
    eventually(lambda: service.metrics().total("holding") == 0, 5, "the hold ends")
    assert service.stop() == 0
    stage.judge()


def _letters(stage: Stage) -> list[DeadLetter]:
    """Return the dead letters by the offsets that they came from."""
    letters = [DeadLetter(record, 0.0) for record in stage.letters()]
    return sorted(letters, key=lambda letter: int(header(letter, f"{CONNECT}offset")))
