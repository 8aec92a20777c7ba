"""The sample story: the same each time, complete in its kinds, and honest about what is broken."""

import io
import json
from collections import Counter
from itertools import islice

import fastavro
import pytest

from consumer.core.avro import schemas
from consumer.lab.samples import Encoder, Mishap, Sample, samples, single_object_prefix
from consumer.lab.scenes import SCENES, events
from consumer.lab.story import CURRENCIES, FOREIGN

SCHEMA = fastavro.parse_schema(json.loads(schemas.payment_event()))
PREFIX = single_object_prefix(schemas.payment_event())
STORY = tuple(samples(4_000, seed=1))
EVENTS = tuple(sample.event for sample in STORY if sample.event is not None)


def broken(mishap: Mishap) -> Sample:
    """Return a sample of one kind of mishap."""
    return next(sample for sample in STORY if sample.mishap is mishap)


def test_a_seed_gives_the_same_records_and_another_gives_others() -> None:
    """Keys and bytes depend on the seed alone."""
    one, again, other = ([(s.key, s.value) for s in samples(300, seed)] for seed in (5, 5, 6))
    assert one == again
    assert one != other


def test_a_longer_story_begins_like_a_shorter_one() -> None:
    """The count cuts the story off and changes nothing before."""
    assert list(samples(100, 2)) == list(islice(samples(200, 2), 100))


def test_every_event_can_be_read_back() -> None:
    """The bytes of a good sample are its event, framed as a single object of the canonical schema."""
    for sample in STORY[:300]:
        if sample.event is None or sample.value is None:
            continue
        assert sample.value.startswith(PREFIX)
        read = fastavro.schemaless_reader(io.BytesIO(sample.value[len(PREFIX) :]), SCHEMA, None)
        assert isinstance(read, dict)
        assert {**read, "occurred_at": None} == {**sample.event, "occurred_at": None}


def test_the_frame_is_avros_single_object_encoding() -> None:
    """The fingerprint is CRC-64-AVRO, least byte first: the specification's own example for "int"."""
    assert single_object_prefix('"int"').hex() == "c301" + (0x7275D51A3F395C8F).to_bytes(8, "little").hex()


def test_another_frame_can_be_asked_for() -> None:
    """With Confluent's framing a good value begins with its five bytes."""
    prefix = b"\x00\x00\x00\x00\x07"
    good = [sample for sample in samples(20, 1, Encoder(prefix)) if sample.event is not None]
    assert all((sample.value or b"").startswith(prefix) for sample in good)


def test_the_story_has_every_kind_status_category_and_currency() -> None:
    """Nothing that the schema can say about these is missing in a story of some length."""
    kinds = {field["name"]: field["type"] for field in json.loads(schemas.payment_event())["fields"]}
    for field in ("kind", "status", "category", "content_type"):
        assert {event[field] for event in EVENTS} == set(kinds[field]["symbols"])
    currencies = {event["amount"]["currency"] for event in EVENTS if isinstance(event["amount"], dict)}
    assert currencies >= {*CURRENCIES, FOREIGN, "XQZ", "inr"}


def test_every_scene_is_played() -> None:
    """Each scene of the table has a weight, and a story of some length has every mishap too."""
    assert all(weight > 0 for weight in SCENES.values())
    assert Counter(sample.mishap for sample in STORY).keys() >= set(Mishap)


def test_keys_are_payment_ids() -> None:
    """A record's key is the payment_id of its event, as the schema advises."""
    for sample in STORY:
        if sample.event is not None:
            assert sample.key.decode() == sample.event["payment_id"]


def test_refunds_follow_their_payments() -> None:
    """A payment that is given back was paid before, unless the story says that nobody saw it."""
    paid = {event["payment_id"] for event in EVENTS if event["kind"] == "PAYMENT"}
    given_back = [event["payment_id"] for event in EVENTS if event["original_amount"] is not None]
    assert len(paid.intersection(given_back)) > len(set(given_back)) * 0.9


@pytest.mark.parametrize("mishap", [Mishap.TRUNCATED, Mishap.FRAGMENT])
def test_cut_values_can_not_be_read(mishap: Mishap) -> None:
    """A value that was cut ends before its event does."""
    value = broken(mishap).value or b""
    with pytest.raises(EOFError):
        fastavro.schemaless_reader(io.BytesIO(value[len(PREFIX) :]), SCHEMA, None)


def test_other_mishaps_are_what_they_are_called() -> None:
    """A tombstone has no value, trailing bytes follow a whole event, the others are not in its framing."""
    assert broken(Mishap.TOMBSTONE).value is None
    trailing = io.BytesIO((broken(Mishap.TRAILING_BYTES).value or b"")[len(PREFIX) :])
    fastavro.schemaless_reader(trailing, SCHEMA, None)
    assert trailing.read() == b"\x00"
    for mishap in (Mishap.GARBAGE, Mishap.UNKNOWN_FINGERPRINT, Mishap.OTHER_RECORD):
        assert not (broken(mishap).value or PREFIX).startswith(PREFIX)
    erasure = single_object_prefix(schemas.user_erasure())
    assert (broken(Mishap.OTHER_RECORD).value or b"").startswith(erasure)


def test_no_mishap_can_pass_for_confluent_framing() -> None:
    """A first byte of zero would send the service to a registry that nobody has."""
    assert not any((sample.value or b"x").startswith(b"\x00") for sample in STORY)


def test_the_story_does_not_end() -> None:
    """As many events as anybody asks for."""
    assert sum(1 for _ in islice(events(0), 10_000)) == 10_000
