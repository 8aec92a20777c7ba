"""Letters: the record's own headers untouched, and ours behind them."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.letters import DETAIL_LIMIT, Letter, Sender, Stage, copies, headers
from consumer.core.meaning.intents import Action, DeadLetterReason
from consumer.core.records import Header, Partition, Record

RECORD = Record(Partition("payments", 3), 42, 1, b"k", b"v", (("trace", b"\xff\x00"), ("trace", None)))
LETTER = Letter(DeadLetterReason.REFUSED, "refused for good", Stage.CALL, Action.CAPTURE, 422)
SENDER = Sender("the-group", "1.2.3")
AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


def written(letter: Letter = LETTER, record: Record = RECORD) -> list[Header]:
    """Return the headers of a letter after two attempts."""
    return headers(record, letter, SENDER, attempts=2, failed_at=AT)


def test_our_headers_stand_behind_the_records_own() -> None:
    """All names, all values as UTF-8 text, and the originals byte for byte in front."""
    assert written() == [
        ("trace", b"\xff\x00"),
        ("trace", None),
        ("__connect.errors.topic", b"payments"),
        ("__connect.errors.partition", b"3"),
        ("__connect.errors.offset", b"42"),
        ("__connect.errors.connector.name", b"the-group"),
        ("__connect.errors.stage", b"TASK_PUT"),
        ("__connect.errors.class.name", b"consumer.flow.delivery.Delivery"),
        ("__connect.errors.exception.message", b"refused for good"),
        ("linkrunner.reason", b"refused"),
        ("linkrunner.detail", b"refused for good"),
        ("linkrunner.attempts", b"2"),
        ("linkrunner.failed_at", b"2026-03-01T12:30:15.123+00:00"),
        ("linkrunner.version", b"1.2.3"),
        ("linkrunner.status", b"422"),
    ]


@pytest.mark.parametrize(
    ("stage", "text"),
    [(Stage.DECODE, b"VALUE_CONVERTER"), (Stage.MEANING, b"TRANSFORMATION"), (Stage.CALL, b"TASK_PUT")],
)
def test_a_status_is_there_only_where_an_answer_refused(stage: Stage, text: bytes) -> None:
    """A record that never became a call has no status; its stage is named in Connect's words."""
    ours = dict(written(replace(LETTER, stage=stage, status=None)))

    assert "linkrunner.status" not in ours
    assert ours["__connect.errors.stage"] == text


def test_letters_of_letters_keep_the_first_reason() -> None:
    """A replayed dead letter that fails again has both sets of headers, the older one in front."""
    first = written()
    second = written(replace(LETTER, detail="again"), replace(RECORD, headers=tuple(first)))

    assert second[: len(first)] == first
    assert [value for name, value in second if name == "linkrunner.detail"] == [b"refused for good", b"again"]


@given(st.text(st.characters(), max_size=2 * DETAIL_LIMIT))
def test_any_detail_becomes_a_short_text(detail: str) -> None:
    """A detail may quote names of a hostile schema; the letter is written all the same."""
    value = dict(written(replace(LETTER, detail=detail)))["linkrunner.detail"]

    assert value is not None
    assert len(value.decode()) <= DETAIL_LIMIT


def test_a_detail_without_utf_8_form_does_not_stop_the_letter() -> None:
    """JSON schemas can name a field with half a surrogate pair."""
    assert dict(written(replace(LETTER, detail="field \ud800")))["linkrunner.detail"] == b"field ?"


LARGE = replace(RECORD, value=b"v" * 1_000_000, key=b"k" * 300_000, timestamp_ms=1_772_368_200_123)


def digest(part: bytes) -> dict[str, object]:
    """Return what stands for a part that is left out."""
    return {"bytes": len(part), "sha256": sha256(part).hexdigest()}


def test_a_letter_is_the_whole_record_wherever_that_fits() -> None:
    """The first copy has all of it, and no mark of a pointer."""
    told = written(record=LARGE)

    first = next(copies(LARGE, told))

    assert (first.record, first.headers, first.left_out) == (LARGE, told, "")


def test_a_pointer_says_where_the_record_is_and_what_is_left_out() -> None:
    """First the value alone is left out; then key and own headers too. Our headers are always there."""
    told = written(record=LARGE)
    place = {"topic": "payments", "partition": 3, "offset": 42, "timestamp_ms": 1_772_368_200_123}

    _, without_value, bare = copies(LARGE, told)

    value = digest(LARGE.value or b"")
    assert without_value.record.key == LARGE.key
    assert json.loads(without_value.record.value or b"") == place | {"left_out": {"value": value}}
    assert without_value.headers == [*told, ("linkrunner.pointer", b"value")]
    rest = {"value": value, "key": digest(LARGE.key or b""), "headers": digest(b"trace\xff\x00trace")}
    assert json.loads(bare.record.value or b"") == place | {"left_out": rest}
    assert bare.record.key is None
    assert bare.headers == [*told[2:], ("linkrunner.pointer", b"value, key, headers")]
    assert len(bare.record.value or b"") < 1_000


def test_a_null_is_no_part_that_is_left_out() -> None:
    """A tombstone with a huge key: there is no value to tell of."""
    large = replace(LARGE, value=None)

    *_, bare = copies(large, written(record=large))

    assert json.loads(bare.record.value or b"")["left_out"]["value"] is None
