"""What is explained is what runs: the same record, through the explainer and through the service's reader."""

import asyncio
import re
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings

from consumer.cli.loading import configure
from consumer.core.api.calls import plan
from consumer.core.avro.codec import fingerprint
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.meaning.intents import Reject
from consumer.core.records import Partition, Record
from consumer.core.settings.mapped import Configured
from consumer.flow.building import delivery_rules, reader_of
from consumer.flow.decoding import canonical_decoder
from consumer.flow.explaining import Explainer, Held, Outcome
from tests.support.avro import canonical, encode
from tests.support.events import ANY_EVENT, Event, payment_event

#: A mapping of a schema that a test has anyway: our own, read as if it were somebody else's.
MAPPING: Final = """\
sources:
  - topics: [mapped]
    routes:
      - name: paid
        when: {all: [{path: kind, in: [PAYMENT, WALLET_TOPUP]}, {path: amount.minor_units, gt: 0}]}
        action: capture
        set:
          user_id: {coalesce: [{path: user_id}, {path: order_id}]}
          payment_id: {path: payment_id}
          amount: {path: amount.minor_units, as: minor, currency: {path: amount.currency, as: upper}}
          type: {path: category, map: {ONE_TIME: ONE_TIME}, default: DEFAULT}
          occurred_at: {path: occurred_at}
          items: {each: items, id: {path: id}, quantity: {path: quantity}}
      - name: refunded
        when: {path: kind, eq: REFUND}
        action: remove
        set:
          payment_id: {path: payment_id}
          amount: {path: amount.minor_units, as: minor, currency: {path: amount.currency}}
          original_amount: {path: original_amount.minor_units, as: minor}
      - {name: unknown, when: {path: kind, eq: UNKNOWN}, action: reject}
      - {name: rest, when: {not: {path: status, eq: FAILED}}, action: skip}
  - topics: [canonical]
    schema: canonical
"""
CONFIG: Final = "kafka: {bootstrap_servers: 'a:9092'}\nmapping: m.yaml\ncurrency: {accept: [INR, USD]}\n"
PREFIX: Final = b"\xc3\x01" + fingerprint(canonical())


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configured:
    """Give a configuration with a mapped and a canonical topic."""
    monkeypatch.chdir(tmp_path)
    Path("m.yaml").write_text(MAPPING, encoding="utf-8")
    Path("c.yaml").write_text(CONFIG, encoding="utf-8")
    return configure(Path("c.yaml"), {})


def record(topic: str, value: bytes | None) -> Record:
    """Return a record of ``topic``."""
    return Record(Partition(topic, 1), 5, 1, b"key", value, (("h", b"x"),), 1_772_368_200_000)


def explained(configured: Configured, given_record: Record) -> Outcome:
    """Return what the explainer comes to."""
    return asyncio.run(
        Explainer(configured, canonical_decoder(configured.settings)).explain(given_record)
    ).outcome


def ran(configured: Configured, given_record: Record) -> Outcome:
    """Return what the service comes to."""
    reader = reader_of(configured, canonical_decoder(configured.settings))
    try:
        intent = asyncio.run(reader.read(given_record))
    except Unreadable as error:
        return Reject(error.reason, error.detail)
    except Unavailable as error:
        return Held(str(error))
    return plan(intent, delivery_rules(configured.settings, lambda: None).plan)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
    deadline=None,  # each builds the parts of the service anew
)
@given(event=ANY_EVENT)
@pytest.mark.parametrize("topic", ["mapped", "canonical"])
def test_explained_and_run_agree(configured: Configured, topic: str, event: Event) -> None:
    """For every event that the schema lets through, to the bytes of the call."""
    it = record(topic, PREFIX + encode(canonical(), event))
    assert explained(configured, it) == ran(configured, it)


@pytest.mark.parametrize("topic", ["mapped", "canonical"])
@pytest.mark.parametrize(
    "value", [None, b"", b"\x00\x00\x00\x00\x07x", b"\xc3\x01" + bytes(8), PREFIX, PREFIX + b"\xff" * 40]
)
def test_they_agree_on_what_is_no_event(configured: Configured, topic: str, value: bytes | None) -> None:
    """A tombstone, no framing, a registry that there is not, an unknown schema, a broken body."""
    it = record(topic, value)
    assert explained(configured, it) == ran(configured, it)


def test_every_route_has_been_tried(configured: Configured) -> None:
    """The mapping above decides in all of its ways; else the agreement would say little."""
    kinds = {"PAYMENT": "paid", "REFUND": "refunded", "UNKNOWN": "unknown", "REVERSAL": "rest"}
    for kind, name in kinds.items():
        it = record("mapped", PREFIX + encode(canonical(), payment_event(kind=kind)))
        explainer = Explainer(configured, canonical_decoder(configured.settings))
        trace = asyncio.run(explainer.explain(it)).trace
        assert trace is not None
        assert [route.name for route in trace.routes if route.matched] == [name]
    assert set(re.findall(r"name: (\w+)", MAPPING)) == set(kinds.values())
