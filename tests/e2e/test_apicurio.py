"""Events of a platform that keeps its schemas in Apicurio: from the registry's own ids to the ledger."""

import io
import json
import struct
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import fastavro
import pytest
import yaml

from consumer.core.avro.framing import GLOBAL_ID_HEADER
from consumer.core.records import Header
from tests.e2e.conftest import NewStage
from tests.support.history import ExpectedCall, Produced
from tests.support.payments import payments
from tests.support.process import Command
from tests.support.registry import Own, SchemaRegistry, fresh
from tests.support.service import Config, merged
from tests.support.stage import Stage
from tests.support.topics import Outgoing
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

MONEY: Final[dict[str, Any]] = {
    "type": "record",
    "name": "Money",
    "namespace": "shop",
    "fields": [{"name": "cents", "type": "long"}, {"name": "currency", "type": "string"}],
}
PAID: Final[dict[str, Any]] = {
    "type": "record",
    "name": "Paid",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "buyer", "type": "string"},
        {"name": "total", "type": "shop.Money"},
    ],
}
ROUTES: Final = [
    {
        "name": "paid",
        "action": "capture",
        "set": {
            "user_id": {"path": "buyer"},
            "payment_id": {"path": "id"},
            "amount": {"path": "total.cents", "as": "minor", "currency": {"path": "total.currency"}},
        },
    }
]


def body(number: int) -> bytes:
    """Return a payment as its producer writes it, without any framing."""
    types: dict[str, Any] = {}
    fastavro.parse_schema(MONEY, named_schemas=types)
    schema = fastavro.parse_schema(PAID, named_schemas=types)
    out = io.BytesIO()
    event = {"id": f"p-{number}", "buyer": "u-1", "total": {"cents": 4_990 + number, "currency": "INR"}}
    fastavro.schemaless_writer(out, schema, event)
    return out.getvalue()


def expected(number: int) -> ExpectedCall:
    """Return the call that it has to become."""
    amount = Decimal(4_990 + number) / 100
    told: Mapping[str, object] = {
        "user_id": "u-1",
        "payment_id": f"p-{number}",
        "amount": amount,
        "type": "DEFAULT",
        "status": "PAYMENT_COMPLETED",
    }
    return ExpectedCall("/capture-payment", told)


def mapped(stage: Stage, topic: str, url: str) -> Config:
    """Return the configuration with a mapping for ``topic`` beside canonical events."""
    mapping = {
        "sources": [
            {"topics": [stage.topic], "schema": "canonical"},
            {"topics": [topic], "decoding": {"wire_format": "apicurio"}, "routes": ROUTES},
        ]
    }
    file = stage.directory / "mapping.yaml"
    file.write_text(yaml.safe_dump(mapping), encoding="utf-8")
    config = merged(stage.config(), {"mapping": str(file), "schema_registry": {"url": url}})
    assert isinstance(config["kafka"], dict)
    del config["kafka"]["topics"]
    return config


def told(directory: Path, *arguments: str) -> tuple[int, str]:
    """Run a command and return its exit code and what it wrote."""
    command = Command(arguments, directory / f"{arguments[0]}.txt")
    command.start()
    return command.wait(60), command.text


@pytest.mark.parametrize("own", [False, True], ids=["ccompat", "registry/v2"])
def test_records_with_apicurios_ids_are_delivered(
    new_stage: NewStage, registry: SchemaRegistry, own: bool
) -> None:
    """In a header and before the value, of a schema that refers to another; check and explain know it too."""
    stage, api = new_stage(1), Own(registry)
    topic = stage.topics.create(stage.topics.name("paid"))
    stage.topics.create(f"{topic}.dlq")
    money = fresh("money")
    api.register("default", money, MONEY)
    reference = {"groupId": "default", "artifactId": money, "version": "1", "name": "shop.Money"}
    found = api.register("default", f"{topic}-value", PAID, reference)
    identity = struct.pack(">q", int(found["globalId"]))
    config = mapped(stage, topic, api.url if own else registry.url)

    ways: tuple[tuple[bytes, tuple[Header, ...]], ...] = (
        (b"", ((GLOBAL_ID_HEADER, identity),)),
        (b"\x00" + identity, ()),
    )
    records = stage.topics.produce(
        topic,
        [
            Outgoing(b"%d" % number, before + body(number), 0, headers)
            for number in range(6)
            for before, headers in [ways[number % 2]]
        ],
    )
    stage.produced.extend(Produced(record, expected(number)) for number, record in enumerate(records))
    stage.produce(payments(10))
    service = stage.service_of("apicurio", config).start().wait_ready()
    settled = "records_settled_total"
    eventually(lambda: service.metrics().total(settled, topic=topic) == 6, 60, "the payments are settled")
    assert service.metrics().total(settled, topic=topic, outcome="delivered") == 6
    stage.wait_settled()
    assert service.stop() == 0

    file = stage.directory / "apicurio.yaml"
    code, text = told(stage.directory, "check", "--config", str(file), "--connect")
    assert f"mapping of {topic}: fits" in text
    assert code == 0, text
    where = ("--topic", topic, "--partition", "0", "--offset", "1", "--output", "json")
    code, text = told(stage.directory, "explain", "--config", str(file), *where)
    assert code == 0, text
    assert json.loads(text)["schema"] == "shop.Paid"
    stage.judge()
