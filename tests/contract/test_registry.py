"""Schemas from a real registry, by each kind of id that its producers write, and what it says of others."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from consumer.core.avro.framing import (
    ApicurioId,
    ApicurioIdKind,
    ByApicurioId,
    ById,
    SchemaKey,
    WireFormat,
    frame,
)
from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.mapped import Decoded, MappedCodec
from consumer.core.errors import Unavailable, Unreadable
from consumer.edges.registry import NoSuchSchema
from consumer.edges.registry.clients import AnyClient
from consumer.edges.registry.reach import reach
from tests.support.avro import text, varint
from tests.support.registry import Own, SchemaRegistry, fresh


def record(name: str, **fields: object) -> dict[str, Any]:
    """Return a record of this name."""
    return {
        "type": "record",
        "name": name,
        "namespace": "shop",
        "fields": [{"name": field, "type": kind} for field, kind in fields.items()],
    }


MONEY = record("Money", minor="long", currency="string")
PAID = record("Paid", id="string", amount="shop.Money")
PAID_BODY = text("p-1") + varint(4_990) + text("INR")
PAID_VALUE = Decoded("shop.Paid", {"id": "p-1", "amount": {"minor": 4_990, "currency": "INR"}})


def asking(url: str, story: Callable[[AnyClient], Awaitable[WriterSchema]]) -> WriterSchema:
    """Run ``story`` with a client of the registry at ``url``."""

    async def run() -> WriterSchema:
        client = AnyClient(url, {})
        try:
            return await story(client)
        finally:
            await client.close()

    return asyncio.run(run())


def fetch(url: str, key: SchemaKey) -> WriterSchema:
    """Return the schema ``key`` of the registry at ``url``."""
    return asking(url, lambda client: client.fetch(key))


def of(kind: str, number: int) -> ApicurioId:
    """Return an id of Apicurio's."""
    return ApicurioId(ApicurioIdKind(kind), number)


@pytest.mark.parametrize("own", [False, True], ids=["ccompat", "registry/v2"])
def test_a_confluent_record_with_references_is_read(registry: SchemaRegistry, own: bool) -> None:
    """What Confluent's serializer writes with references is read, whichever address is configured."""
    url = Own(registry).url if own else registry.url
    money, subject = fresh("money"), fresh("paid")
    referring = Schema(json.dumps(PAID), "AVRO", [SchemaReference("shop.Money", money, 1)])
    with SchemaRegistryClient({"url": registry.url}) as client:
        client.register_schema(money, Schema(json.dumps(MONEY), "AVRO"))
        client.register_schema(f"{subject}-value", referring)
        serializer = AvroSerializer(client, referring, conf={"auto.register.schemas": False})
        value = serializer(PAID_VALUE.value, SerializationContext(subject, MessageField.VALUE))
    framed = frame(value, (), WireFormat.AUTO)
    assert isinstance(framed, ById)
    schema = fetch(url, framed.schema_id)
    assert len(schema.references) == 1
    assert MappedCodec().decode(schema, framed.body) == PAID_VALUE


@pytest.mark.parametrize("own", [False, True], ids=["ccompat", "registry/v2"])
def test_apicurios_own_ids_are_read(registry: SchemaRegistry, own: bool) -> None:
    """A global id of 8 bytes before the value, and both of its kinds in headers, lead to the schema."""
    apicurio = Own(registry)
    url = apicurio.url if own else registry.url
    group, money = fresh("group"), fresh("money")
    apicurio.register("default", money, MONEY)
    refers = {"artifactId": money, "version": "1", "name": "shop.Money"}
    said = apicurio.register(group, fresh("paid"), PAID, refers)
    by_global, by_content = said["globalId"].to_bytes(8), said["contentId"].to_bytes(8)
    for value, headers in (
        (b"\x00" + by_global + PAID_BODY, ()),
        (PAID_BODY, (("apicurio.value.globalId", by_global), ("apicurio.value.encoding", b"BINARY"))),
        (PAID_BODY, (("apicurio.value.contentId", by_content),)),
    ):
        framed = frame(value, headers, WireFormat.APICURIO)
        assert isinstance(framed, ByApicurioId)
        assert MappedCodec().decode(fetch(url, framed.schema_id), framed.body) == PAID_VALUE


def test_a_global_id_is_no_confluent_id(registry: SchemaRegistry) -> None:
    """Two artifacts with one content have one content id, and global ids that only Apicurio's API knows."""
    apicurio = Own(registry)
    schema = record(fresh("R"), a="int")
    first, second = (apicurio.register("default", fresh("twin"), schema) for _ in range(2))
    assert first["contentId"] == second["contentId"]
    assert first["globalId"] != second["globalId"]
    found = [fetch(registry.url, of("global", said["globalId"])) for said in (first, second)]
    assert [json.loads(text) for text, _ in found] == [schema, schema]
    assert json.loads(fetch(registry.url, first["contentId"]).text) == schema


def test_what_is_deleted_is_missing(registry: SchemaRegistry) -> None:
    """An artifact that somebody deleted is told to be missing, in the registry's own words."""
    apicurio, artifact = Own(registry), fresh("gone")
    said = apicurio.register("default", artifact, record("Gone", a="int"))
    key = of("global", said["globalId"])
    fetch(registry.url, key)
    apicurio.delete("default", artifact)
    with pytest.raises(NoSuchSchema):
        fetch(registry.url, key)


def test_a_soft_delete_takes_no_schema_away(registry: SchemaRegistry) -> None:
    """Old records stay readable where a subject was deleted softly; for good is for good."""
    subject = fresh("subject")
    schema_id = registry.register(subject, json.dumps(record(fresh("R"), a="int")))
    httpx.delete(f"{registry.url}/subjects/{subject}", timeout=30).raise_for_status()
    assert "fields" in fetch(registry.url, schema_id).text
    httpx.delete(f"{registry.url}/subjects/{subject}?permanent=true", timeout=30).raise_for_status()
    with pytest.raises(NoSuchSchema):
        fetch(registry.url, schema_id)


def test_a_lost_reference_is_no_fault_of_the_record(registry: SchemaRegistry) -> None:
    """Where a schema is there and one that it needs is not, the record waits."""
    apicurio, money = Own(registry), fresh("money")
    apicurio.register("default", money, MONEY)
    refers = {"groupId": "default", "artifactId": money, "version": "1", "name": "shop.Money"}
    said = apicurio.register("default", fresh("paid"), PAID, refers)
    apicurio.delete("default", money)
    with pytest.raises(Unavailable, match="lacks a schema"):
        asking(registry.url, lambda client: client.fetch(of("global", said["globalId"])))


@pytest.mark.parametrize("key", [2**31 - 1, of("global", 2**63 - 1), of("content", 2**63 - 1)], ids=str)
def test_an_id_that_nobody_has_is_missing(registry: SchemaRegistry, key: SchemaKey) -> None:
    """Each kind of id that was never given out is told to be missing."""
    Own(registry)
    with pytest.raises(NoSuchSchema):
        fetch(registry.url, key)


def test_another_kind_of_schema_is_the_records_fault(registry: SchemaRegistry) -> None:
    """A global id of a schema that is not Avro makes its record undecodable."""
    apicurio = Own(registry)
    answer = httpx.post(
        f"{apicurio.url}/groups/default/artifacts",
        content='syntax = "proto3"; message A { int32 x = 1; }',
        headers={
            "Content-Type": "application/x-protobuf",
            "X-Registry-ArtifactType": "PROTOBUF",
            "X-Registry-ArtifactId": fresh("proto"),
        },
        timeout=30,
    )
    with pytest.raises(Unreadable, match="PROTOBUF"):
        fetch(registry.url, of("global", answer.json()["globalId"]))


@pytest.mark.parametrize("key", [of("global", 1), 1], ids=["apicurio", "confluent"])
def test_a_wrong_path_waits(registry: SchemaRegistry, key: SchemaKey) -> None:
    """The registry's 404 for a path that it does not have is no missing schema."""
    wrong = Own(registry).url.replace("/apis/", "/wrong/apis/")
    with pytest.raises(Unavailable, match="status 404"):
        fetch(wrong, key)


def test_both_addresses_are_reached(registry: SchemaRegistry) -> None:
    """``check --connect`` takes either address for a registry, and a wrong one for none."""
    own = Own(registry).url
    assert asyncio.run(reach(registry.url, {})) is None
    assert asyncio.run(reach(own, {})) is None
    assert asyncio.run(reach(own.replace("/apis/", "/wrong/apis/"), {})) is not None
