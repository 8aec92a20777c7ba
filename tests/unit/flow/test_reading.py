"""Reading: each topic as its source says; what a mapping sees of a record."""

import asyncio
import io
import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Final

import fastavro
import pytest

from consumer.cli.loading import configure
from consumer.core.avro.mapped import Decoded, MappedCodec
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.meaning.intents import (
    Capture,
    DeadLetterReason,
    Intent,
    Remove,
    RouteName,
    Skip,
    SkipReason,
)
from consumer.core.records import Partition, Record
from consumer.flow.building import reader_of, skips_by_topic, sources_read
from consumer.flow.decoding import canonical_decoder
from consumer.flow.reading import mapped_event
from consumer.lab.samples import Encoder
from tests.support.events import payment_event

ORDER: Final = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [{"name": "id", "type": "string"}, {"name": "state", "type": "string"}],
}
CONFIG: Final = """\
    kafka: {bootstrap_servers: 'a:9092'}
    currency: {accept: [INR]}
    mapping: m.yaml
    """
MAPPING: Final = """\
    sources:
      - topics: [canonical.events, ^canonical]
        schema: canonical
      - topics: [orders, '^orders\\.']
        decoding: {wire_format: raw, schema: order.avsc}
        routes:
          - {name: refunds, when: {path: state, eq: REFUNDED}, action: remove, set: {payment_id: {path: id}}}
          - {name: in_tests, when: {path: $headers.test, exists: true}, action: skip}
    """


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(dedent(CONFIG), encoding="utf-8")
    Path("m.yaml").write_text(dedent(MAPPING), encoding="utf-8")
    Path("order.avsc").write_text(json.dumps(ORDER), encoding="utf-8")


def order(state: str) -> bytes:
    """Return an order of another platform, as raw Avro."""
    body = io.BytesIO()
    fastavro.schemaless_writer(body, ORDER, {"id": "o-1", "state": state})
    return body.getvalue()


def read(topic: str, value: bytes | None, headers: Mapping[str, bytes] | None = None) -> Intent:
    """Return what a record means to the sources above."""
    record = Record(
        Partition(topic, 0), 5, 1, b"key", value, tuple((headers or {}).items()), timestamp_ms=1_000
    )
    configured = configure(Path("c.yaml"), {})
    reader = reader_of(configured, canonical_decoder(configured.settings, MappedCodec()))
    return asyncio.run(reader.read(record))


@pytest.mark.parametrize("topic", ["orders", "orders.eu"])
def test_a_mapped_topic_is_read_as_its_source_says(topic: str) -> None:
    """With its own framing and schema; a route's skip has the route's name."""
    assert read(topic, order("REFUNDED")) == Remove("o-1")
    assert read(topic, order("OPEN")) == Skip(SkipReason.NO_ROUTE)
    assert read(topic, order("OPEN"), {"test": b"1"}) == Skip(RouteName("in_tests"))


@pytest.mark.parametrize("topic", ["canonical.events", "canonical.more"])
def test_a_canonical_topic_stands_beside_it(topic: str) -> None:
    """The settings' framing, the lifecycle table."""
    intent = read(topic, Encoder().payment(payment_event()))
    assert isinstance(intent, Capture)


def test_tombstones_mean_the_same_everywhere() -> None:
    """A compacted topic forgets; nobody is paid back for that."""
    assert read("orders", None) == read("canonical.events", None) == Skip(SkipReason.TOMBSTONE)


def test_bytes_that_are_no_order_are_undecodable() -> None:
    """The codec's own word, not the mapping's."""
    with pytest.raises(Unreadable) as error:
        read("orders", b"\xff")
    assert error.value.reason is DeadLetterReason.UNDECODABLE


def test_a_record_of_no_source_waits() -> None:
    """It can't be there; were it, a defect of ours would cost nothing."""
    with pytest.raises(Unavailable, match="no source"):
        read("elsewhere", order("REFUNDED"))


def test_what_is_read_from_where_is_told_to_people() -> None:
    """For the status page, and the series that begin with a topic."""
    configured = configure(Path("c.yaml"), {})
    assert [(source.entries, source.meaning) for source in sources_read(configured)] == [
        (("canonical.events", "^canonical"), "canonical"),
        (("orders", r"^orders\."), "routes refunds, in_tests"),
    ]
    skips = skips_by_topic(configured)
    assert [skips.of(topic) for topic in ("orders.eu", "canonical.more", "x")] == [("in_tests",), (), None]


def test_a_mapping_sees_the_whole_record() -> None:
    """Value and name from the codec, all else from Kafka."""
    record = Record(Partition("t", 3), 7, 1, b"k", b"v", (("h", None),), timestamp_ms=9)
    event = mapped_event(record, Decoded("shop.Order", {"id": 1}))
    assert (event.value, event.name) == ({"id": 1}, "shop.Order")
    assert (event.key, event.headers, event.topic, event.partition, event.offset, event.timestamp_ms) == (
        b"k",
        (("h", None),),
        "t",
        3,
        7,
        9,
    )
    assert (mapped_event(record, None).value, mapped_event(record, None).name) == (None, "")
