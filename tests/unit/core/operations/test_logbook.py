"""The logbook: closed lists that are complete, and repeats that are left out."""

from typing import get_type_hints

from hypothesis import given
from hypothesis import strategies as st

from consumer.core.operations.logbook import ADDED_FIELDS, FIELDS, Event, Fields, Repeats

#: What would name a person or a payment.
PERSONAL = {
    "user_id",
    "payment_id",
    "amount",
    "currency",
    "key",
    "value",
    "payload",
    "headers",
    "body",
    "order_id",
}


def test_each_event_has_a_sentence() -> None:
    """Events are snake case and say in a sentence what they mean."""
    assert all(event.value.replace("_", "").isalpha() and event.value.islower() for event in Event)
    assert all(event.meaning.endswith(".") for event in Event)


def test_the_list_of_fields_is_the_type_of_fields() -> None:
    """What the type checker allows is what the writer lets through, and each field is explained."""
    assert set(get_type_hints(Fields)) == set(FIELDS)
    assert not set(FIELDS) & set(ADDED_FIELDS)


def test_no_field_could_hold_personal_data() -> None:
    """There is no field for ids, amounts, keys or payloads."""
    assert not PERSONAL & (set(FIELDS) | set(ADDED_FIELDS))


def test_repeats_are_left_out_and_counted() -> None:
    """The first few pass, the rest does not, and the next window says how many were left out."""
    repeats = Repeats(limit=2, seconds=60)
    key = ("call_retried", "503")
    assert [repeats.admit(key, now) for now in (0, 1, 2, 59.9)] == [0, 0, None, None]
    assert repeats.admit(("call_retried", "500"), 59.9) == 0
    assert [repeats.admit(key, now) for now in (60, 61, 62)] == [2, 0, None]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 50)), max_size=200))
def test_no_repeat_is_lost_from_the_count(steps: list[tuple[str, float]]) -> None:
    """What passed and what is reported as left out add up to what was said, at the end of a quiet minute."""
    repeats = Repeats(limit=3, seconds=60)
    now, said, told = 0.0, 0, 0
    for key, pause in steps:
        now += pause
        said += 1
        answer = repeats.admit((key,), now)
        told += 0 if answer is None else 1 + answer
    for key in "abc":
        told += repeats.admit((key,), now + 60) or 0
    assert told == said


def test_the_memory_of_repeats_is_bounded() -> None:
    """Causes without end cost no memory without end."""
    repeats = Repeats()
    for number in range(10_000):
        repeats.admit((str(number),), 0)
    assert len(repeats._windows) <= 1000
