"""A topic of another platform beside a canonical one: each is read as its source says, to the same ledger."""

import io
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, cast

import fastavro
import pytest
import yaml

from consumer.core.records import Record
from tests.e2e.conftest import NewStage
from tests.support.history import Expected, ExpectedCall, ExpectedSkip, Produced
from tests.support.payments import garbage, payments
from tests.support.service import Service
from tests.support.stage import Stage
from tests.support.topics import Outgoing
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

ORDER: Final = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "number", "type": "long"},
        {"name": "buyer", "type": ["null", "string"]},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["OPEN", "PAID", "REFUNDED"]}},
        {"name": "cents", "type": "long"},
        {"name": "currency", "type": "string"},
    ],
}
ROUTES: Final = [
    {
        "name": "paid",
        "when": {"all": [{"path": "state", "eq": "PAID"}, {"path": "buyer", "exists": True}]},
        "action": "capture",
        "set": {
            "user_id": {"path": "buyer"},
            "payment_id": {"template": "order-{number}"},
            "amount": {"path": "cents", "as": "minor", "currency": {"path": "currency", "as": "upper"}},
        },
    },
    {
        "name": "refunded",
        "when": {"path": "state", "eq": "REFUNDED"},
        "action": "remove",
        "set": {"payment_id": {"template": "order-{number}"}},
    },
    {"name": "guests", "when": {"path": "state", "eq": "PAID"}, "action": "skip"},
]


def order(number: int, state: str, buyer: str | None = "buyer-of-it", cents: int = 4_990) -> Outgoing:
    """Return an order as its platform writes it: raw Avro, keyed by its number."""
    event = {"number": number, "buyer": buyer, "state": state, "cents": cents, "currency": "inr"}
    body = io.BytesIO()
    fastavro.schemaless_writer(body, ORDER, event)
    return Outgoing(str(number).encode(), body.getvalue(), 0)


def captured(number: int, amount: str) -> ExpectedCall:
    """Return the call that a paid order has to become."""
    body: Mapping[str, object] = {
        "user_id": "buyer-of-it",
        "payment_id": f"order-{number}",
        "amount": Decimal(amount),
        "type": "DEFAULT",
        "status": "PAYMENT_COMPLETED",
    }
    return ExpectedCall("/capture-payment", body)


def removed(number: int) -> ExpectedCall:
    """Return the call that a refunded order has to become."""
    return ExpectedCall("/remove-payment", {"payment_id": f"order-{number}"})


def mapped_service(stage: Stage, pattern: str) -> Service:
    """Return the service with a mapping in place of its topic's name."""
    (stage.directory / "order.avsc").write_text(json.dumps(ORDER), encoding="utf-8")
    mapping = {
        "sources": [
            {"topics": [stage.topic], "schema": "canonical"},
            {
                "topics": [pattern],
                "decoding": {"wire_format": "raw", "schema": str(stage.directory / "order.avsc")},
                "routes": ROUTES,
            },
        ]
    }
    file = stage.directory / "mapping.yaml"
    file.write_text(yaml.safe_dump(mapping), encoding="utf-8")
    config = dict(stage.config())
    kafka = cast("Mapping[str, object]", config["kafka"])
    config["kafka"] = {name: value for name, value in kafka.items() if name != "topics"}
    service = Service(stage.directory, "mapped", {**config, "mapping": str(file)})
    stage.services.append(service)
    return service


def produce(stage: Stage, topic: str, orders: Sequence[tuple[Outgoing, Expected]]) -> None:
    """Write orders, and remember what has to become of each."""
    records: list[Record] = stage.topics.produce(topic, [outgoing for outgoing, _ in orders])
    stage.produced.extend(
        Produced(record, expected) for record, (_, expected) in zip(records, orders, strict=True)
    )


def test_mapped_topics_stand_beside_a_canonical_one(new_stage: NewStage) -> None:
    """One that was there, one that appears while it runs: every order and every payment is counted once."""
    stage = new_stage(2)
    base = stage.topics.name("orders")
    there, later = stage.topics.create(f"{base}.eu"), f"{base}.us"
    stage.topics.create(f"{there}.dlq")
    produce(
        stage,
        there,
        [
            (order(1, "OPEN"), ExpectedSkip("no_route")),
            (order(1, "PAID"), captured(1, "49.90")),
            (order(2, "PAID", None), ExpectedSkip("guests")),
            (order(3, "PAID", cents=5), captured(3, "0.05")),
            (order(1, "REFUNDED"), removed(1)),
        ],
    )
    stage.produce([*payments(20, keys=5), garbage("key-0")])
    service = mapped_service(stage, f"^{base}").start().wait_ready()
    settled = "records_settled_total"
    eventually(lambda: service.metrics().total(settled, topic=there) == 5, 30, "the orders are settled")
    assert service.metrics().total(settled, topic=there, reason="guests") == 1
    assert service.metrics().total(settled, topic=there, reason="no_route") == 1

    stage.topics.create(later)
    produce(stage, later, [(order(4, "PAID"), captured(4, "49.90"))])
    stage.produce(payments(20, first=20, keys=5))
    eventually(lambda: service.metrics().total(settled, topic=later) == 1, 40, "the later topic is read")
    stage.wait_settled()
    sources = cast("list[Mapping[str, object]]", service.status()["sources"])
    assert [(source["meaning"], source["topics"]) for source in sources] == [
        ("canonical", [stage.topic]),
        ("routes paid, refunded, guests", [there, later]),
    ]
    assert service.metrics().total("missing_topics") == 0
    assert service.stop() == 0
    stage.judge()
