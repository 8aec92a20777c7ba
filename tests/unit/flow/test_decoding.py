"""Decoding: a record's bytes become its event, whichever way its schema is named."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from consumer.core.avro import schemas
from consumer.core.avro.codec import Codec, fingerprint
from consumer.core.avro.framing import ApicurioId, ApicurioIdKind, SchemaKey, WireFormat
from consumer.core.avro.inspection import MAX_SCHEMA_BYTES, WriterSchema
from consumer.core.errors import ConfigurationError, Unavailable, Unreadable
from consumer.core.meaning.intents import DeadLetterReason
from consumer.core.operations.status import RegistryHealth
from consumer.core.records import Header, Partition, Record
from consumer.core.settings.tree import DecodingSettings, Settings
from consumer.flow.decoding import Decoder, SchemaFiles, canonical_decoder, read_schema_files
from tests.support.avro import add, canonical, encode, field
from tests.support.events import payment_event

GUID = "89791762-2336-4186-9674-299b90a802e2"
SALE = payment_event()
TODAY = canonical()
NEWER = canonical(add("new", "int"))
BODY = encode(TODAY, SALE)
NEWER_BODY = encode(NEWER, SALE | {"new": 1})
CODEC = Codec(schemas.payment_event())


class KnownSchemas:
    """A registry that knows what a test tells it and is down for all else."""

    def __init__(self, known: Mapping[SchemaKey, WriterSchema]) -> None:
        self._known = known
        self.closed = False

    async def find(self, key: SchemaKey) -> WriterSchema:
        """Return what is known."""
        if key not in self._known:
            raise Unavailable("down")
        return self._known[key]

    def describe(self) -> RegistryHealth:
        """Tell how many are known."""
        return RegistryHealth(reachable=True, trouble=None, known=len(self._known))

    async def close(self) -> None:
        """Remember it."""
        self.closed = True


def record(value: bytes | None, *headers: Header) -> Record:
    """Return a record with this value."""
    return Record(Partition("payments", 0), 5, 1, b"key", value, headers)


def decode(
    wire_format: WireFormat,
    given: Record,
    *,
    files: SchemaFiles | None = None,
    registry: KnownSchemas | None = None,
) -> Mapping[str, object] | None:
    """Decode one record."""
    decoder = Decoder(wire_format, CODEC, files or SchemaFiles(None, ()), registry)
    return asyncio.run(decoder.decode(given))


def single_object(schema: WriterSchema, body: bytes) -> bytes:
    """Return ``body`` in single-object encoding."""
    return b"\xc3\x01" + fingerprint(schema) + body


GLOBAL_9 = ApicurioId(ApicurioIdKind.GLOBAL, 9)
REGISTRY = KnownSchemas({7: TODAY, 8: NEWER, GUID: NEWER, GLOBAL_9: NEWER})
GUID_HEADER = ("__value_schema_id", bytes.fromhex("01" + GUID.replace("-", "")))

WAYS = [
    (WireFormat.AUTO, record(b"\x00\x00\x00\x00\x07" + BODY)),
    (WireFormat.AUTO, record(single_object(TODAY, BODY))),
    (WireFormat.CONFLUENT, record(b"\x00\x00\x00\x00\x08" + NEWER_BODY)),
    (WireFormat.CONFLUENT_HEADER, record(NEWER_BODY, GUID_HEADER)),
    (WireFormat.CONFLUENT_HEADER, record(BODY, ("__value_schema_id", b"\x00\x00\x00\x00\x07"))),
    (WireFormat.APICURIO, record(bytes(8) + b"\x09" + NEWER_BODY)),
    (WireFormat.APICURIO, record(NEWER_BODY, ("apicurio.value.globalId", bytes(7) + b"\x09"))),
    (WireFormat.SINGLE_OBJECT, record(single_object(NEWER, NEWER_BODY))),
    (WireFormat.RAW, record(BODY)),
]


@pytest.mark.parametrize(("wire_format", "given"), WAYS)
def test_every_way_leads_to_the_event(wire_format: WireFormat, given: Record) -> None:
    """However the schema is named, the canonical event comes out."""
    files = SchemaFiles(TODAY, (NEWER,))
    assert decode(wire_format, given, files=files, registry=REGISTRY) == SALE


@pytest.mark.parametrize("wire_format", WireFormat)
def test_no_value_is_a_tombstone(wire_format: WireFormat) -> None:
    """A null value is no event and no error; an empty one is an error."""
    assert decode(wire_format, record(None)) is None
    with pytest.raises(Unreadable):
        decode(wire_format, record(b""), files=SchemaFiles(TODAY, ()))


@pytest.mark.parametrize("text", schemas.bundled())
def test_bundled_schemas_need_no_registry(text: str) -> None:
    """Today's schemas and every released one are known by fingerprint from the start."""
    schema = WriterSchema(text)
    if "UserErasure" in json.loads(text)["name"]:
        with pytest.raises(Unreadable, match="not of the record"):
            decode(WireFormat.AUTO, record(single_object(schema, b"")))
    else:
        assert decode(WireFormat.AUTO, record(single_object(schema, encode(schema, SALE)))) == SALE


def test_an_unknown_fingerprint_is_an_unknown_schema() -> None:
    """Nobody can be asked for a fingerprint: the record is given up, with that reason."""
    with pytest.raises(Unreadable) as caught:
        decode(WireFormat.AUTO, record(single_object(NEWER, NEWER_BODY)))
    assert caught.value.reason is DeadLetterReason.UNKNOWN_SCHEMA


WAITING = [
    ("no registry is configured", b"\x00\x00\x00\x00\x07", None, "set schema_registry.url"),
    ("no registry gives out 0", b"\x00\x00\x00\x00\x00", REGISTRY, "mend the producer"),
    ("the registry is down", b"\x00\x00\x00\x00\x09", REGISTRY, "down"),
]


@pytest.mark.parametrize(
    ("frame", "registry", "cure"), [row[1:] for row in WAITING], ids=[row[0] for row in WAITING]
)
def test_what_may_be_our_fault_waits(frame: bytes, registry: KnownSchemas | None, cure: str) -> None:
    """A schema that can't be had is no fault of the record, and the text says what helps."""
    with pytest.raises(Unavailable, match=cure):
        decode(WireFormat.AUTO, record(frame + BODY), registry=registry)


def test_the_registry_is_described_and_closed() -> None:
    """The status page sees how the registry does; closing lets go of it."""
    registry = KnownSchemas({7: TODAY})
    decoder = Decoder(WireFormat.AUTO, CODEC, SchemaFiles(None, ()), registry)
    assert decoder.describe_registry() == RegistryHealth(reachable=True, trouble=None, known=1)
    asyncio.run(decoder.close())
    assert registry.closed


def settings(**decoding: object) -> Settings:
    """Return valid settings with these for decoding."""
    return Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": "localhost:9092", "topics": ["payments"]},
            "currency": {"accept": ["INR"]},
            "decoding": decoding,
        }
    )


def test_a_decoder_is_made_from_settings(tmp_path: Path) -> None:
    """The configured files are read; without a registry there is none to describe."""
    raw, more = tmp_path / "raw.avsc", tmp_path / "more.avsc"
    raw.write_text("\ufeff" + NEWER.text, encoding="utf-8")
    more.write_text(TODAY.text, encoding="utf-8")
    decoder = canonical_decoder(settings(wire_format="raw", schema=str(raw), schemas=[str(more)]))

    async def story() -> None:
        assert await decoder.decode(record(NEWER_BODY)) == SALE
        assert decoder.describe_registry() is None
        await decoder.close()

    asyncio.run(story())


def test_a_schema_over_several_files_is_known_by_the_fingerprint_of_the_whole(tmp_path: Path) -> None:
    """The producer has it in one piece; here Money stands in a file of its own."""
    draft = json.loads(NEWER.text)
    amount = field(draft, "amount")
    money, amount["type"] = amount["type"], amount["type"]["name"]
    for name, schema in (("event", draft), ("money", money | {"namespace": draft["namespace"]})):
        (tmp_path / f"{name}.avsc").write_text(json.dumps(schema), encoding="utf-8")
    files = [str(tmp_path / "event.avsc"), str(tmp_path / "money.avsc")]
    decoder = canonical_decoder(settings(wire_format="single_object", schemas=files))
    assert asyncio.run(decoder.decode(record(single_object(NEWER, NEWER_BODY)))) == SALE
    raw = canonical_decoder(settings(wire_format="raw", schema=files[0], schemas=files[1:]))
    assert asyncio.run(raw.decode(record(NEWER_BODY))) == SALE


def test_every_wrong_file_is_told(tmp_path: Path) -> None:
    """All mistakes in schema files come at once, each with its key, its file and a cure."""
    files = {
        "binary.avsc": b"\xff\xfe",
        "text.avsc": b"not JSON",
        "large.avsc": b" " * (MAX_SCHEMA_BYTES + 1),
        "other.avsc": schemas.user_erasure().encode(),
        "good.avsc": TODAY.text.encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    decoding = DecodingSettings.model_validate(
        {
            "wire_format": "raw",
            "schema": str(tmp_path / "missing.avsc"),
            "schemas": [str(tmp_path / name) for name in files],
        }
    )
    with pytest.raises(ConfigurationError) as caught:
        read_schema_files(decoding, CODEC)
    told = [(mistake.where, mistake.what) for mistake in caught.value.mistakes]
    assert told == [
        (
            f"decoding.schema ({tmp_path}/missing.avsc)",
            "names a file that can't be read: No such file or directory",
        ),
        (
            f"decoding.schemas ({tmp_path}/binary.avsc)",
            "names a file that can't be read: it is no text in UTF-8",
        ),
        (
            f"decoding.schemas ({tmp_path}/text.avsc)",
            "names a schema that can't be used: the schema is no JSON",
        ),
        (
            f"decoding.schemas ({tmp_path}/large.avsc)",
            "names a schema that can't be used: the schema is larger than 256 kB",
        ),
        (
            f"decoding.schemas ({tmp_path}/other.avsc)",
            "names a schema that can't be used: the schema is not of the record revenue.v1.PaymentEvent",
        ),
    ]
    assert all(mistake.cure for mistake in caught.value.mistakes)
