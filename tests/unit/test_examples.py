"""The mappings in ``examples/``: each is without a finding, fits its schemas, and means what it says."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from consumer.cli.loading import read
from consumer.core.api.calls import NeedsRates, Planned, path, plan
from consumer.core.avro import from_json
from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.mapped import MappedCodec
from consumer.core.meaning.intents import Reject, Skip
from consumer.core.meaning.mapping import MappedEvent, SchemaFinding, Severity, Source, check_against
from consumer.core.partitions.subscription import Choice
from consumer.core.settings.mapped import Configured
from consumer.flow.building import delivery_rules, lifecycle_policy

ROOT: Final = Path(__file__).parents[2] / "examples"
NAMES: Final = sorted(folder.name for folder in ROOT.iterdir() if folder.is_dir())
CODEC: Final = MappedCodec()


#: Routes whose removes count as full ones, of which ``check`` warns: cancellations and lost disputes are, and
#: the refunds among them come from schemas that do not say what the whole was, as their mappings say.
FULL: Final[Mapping[str, list[str]]] = {
    "avro-in-envelope": ["refunded"],
    "billing-transactions": ["given_back"],
    "charges-epoch-seconds": ["dispute_lost"],
    "debezium-outbox": ["cancelled"],
    "decimal-bytes": ["cancelled"],
    "ecommerce-tracking": ["refund"],
    "minor-units-mixed": ["given_back"],
    "retracted-rows": ["lost"],
    "topic-per-event": ["refunded"],
}


@dataclass(frozen=True)
class Sample:
    """A record, and what is said about it."""

    example: str
    name: str
    told: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The record, as JSON."""
        return (ROOT / self.example / "samples" / f"{self.name}.json").read_text("utf-8")

    @property
    def schema(self) -> WriterSchema:
        """The schema that it is written with."""
        return WriterSchema((ROOT / self.example / self.told["schema"]).read_text("utf-8"))


def samples() -> Iterator[Sample]:
    """Give every sample of every example."""
    for example in NAMES:
        expected = json.loads((ROOT / example / "expected.json").read_text("utf-8"))
        yield from (Sample(example, name, told) for name, told in expected.items())


SAMPLES: Final = list(samples())


@pytest.fixture
def configured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Configured:
    """Give the configuration of an example, read in its folder."""
    example = request.param if isinstance(request.param, str) else request.param.example
    monkeypatch.chdir(ROOT / example)
    return read(Path("../config.yaml"), {}).configured()


def source_of(configured: Configured, topic: str) -> Source:
    """Return the source that reads ``topic``."""
    assert configured.mapping is not None
    source = Choice((each.topics, each) for each in configured.mapping.sources).of(topic)
    assert source is not None, f"no source reads {topic}"
    return source


def became(sample: Sample, configured: Configured) -> dict[str, object]:
    """Return what a sample becomes on its way through Avro: encoded, decoded, mapped and planned."""
    decoded = CODEC.decode(sample.schema, from_json.encode(sample.schema, from_json.parse(sample.text)))
    headers = tuple((name, text.encode()) for name, text in sample.told.get("headers", {}).items())
    topic = sample.told["topic"]
    key = sample.told.get("key", "").encode() or None
    event = MappedEvent(decoded.value, decoded.name, key, headers, topic, 0, 5, 1_772_368_200_000)
    configured.nested.begin()
    policy = lifecycle_policy(configured.settings)
    source = source_of(configured, topic)
    intent = source.interpret(event, policy)
    assert source.explain(event, policy).intent == intent
    outcome = plan(intent, delivery_rules(configured.settings, lambda: None).plan)
    match outcome:
        case Planned():
            return {f"POST {path(outcome.call)}": digits(outcome.body)}
        case Skip():
            return {"skip": str(outcome.reason)}
        case Reject():
            return {"dead_letter": outcome.reason.value}
        case NeedsRates():
            return {"held": "rates"}


def digits(text: str | bytes) -> object:
    """Return parsed JSON in which numbers are exact."""
    return from_json.parse(text if isinstance(text, str) else text.decode())


@pytest.mark.parametrize(
    ("configured", "sample"),
    [(sample, sample) for sample in SAMPLES],
    indirect=["configured"],
    ids=[f"{sample.example}-{sample.name}" for sample in SAMPLES],
)
def test_each_sample_becomes_what_is_said(configured: Configured, sample: Sample) -> None:
    """To the last digit of its amount; nothing more and nothing less in the body."""
    expected = digits(json.dumps(sample.told["becomes"]))
    assert became(sample, configured) == expected


@pytest.mark.parametrize("configured", NAMES, indirect=True)
def test_each_mapping_is_without_a_finding(configured: Configured, request: pytest.FixtureRequest) -> None:
    """No mistake (it would not be configured), no warning but of full refunds, and it fits its schemas."""
    example = request.node.callspec.params["configured"]
    reading = read(Path("../config.yaml"), {})
    doubts = reading.doubts()
    assert all("counts every refund as a full one" in doubt for doubt in doubts), doubts
    assert [doubt.partition(" ")[0].rpartition(".")[2] for doubt in doubts] == FULL[example]
    texts = {file.name: WriterSchema(file.read_text("utf-8")) for file in (ROOT / example).glob("*.avsc")}
    pairs = {(sample.told["topic"], sample.told["schema"]) for sample in SAMPLES if sample.example == example}
    for topic, schema in sorted(pairs):
        found = check_against(source_of(configured, topic), [texts[schema]], texts)
        # What may be null by the schema and never is in this route, no schema says.
        assert [each for each in found if not _may_be_null(each)] == []


def _may_be_null(found: SchemaFinding) -> bool:
    return found.severity is Severity.WARNING and "can be null by the schema" in found.finding.what


@pytest.mark.parametrize("example", NAMES)
def test_every_sample_is_told_about_and_every_schema_is_used(example: str) -> None:
    """Nothing lies in the folder that no test looks at."""
    folder, told = ROOT / example, [sample for sample in SAMPLES if sample.example == example]
    assert {file.stem for file in (folder / "samples").iterdir()} == {sample.name for sample in told}
    used = {sample.told["schema"] for sample in told}
    mapping = (folder / "mapping.yaml").read_text("utf-8")
    assert [file.name for file in folder.glob("*.avsc") if file.name not in used | set(mapping.split())] == []


@pytest.mark.parametrize(
    "sample", [sample for sample in SAMPLES if "nested" in sample.told], ids=lambda sample: sample.name
)
def test_bytes_inside_of_samples_are_the_record_that_is_said(sample: Sample) -> None:
    """They stand there in base64, which nobody can read."""
    for field, inner in sample.told["nested"].items():
        schema = WriterSchema((ROOT / sample.example / inner["schema"]).read_text("utf-8"))
        body = from_json.encode(schema, from_json.parse(json.dumps(inner["record"])))
        assert json.loads(sample.text)[field] == base64.b64encode(body).decode()


def test_the_page_names_every_example() -> None:
    """A line for each folder."""
    page = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in NAMES if f"]({name}/mapping.yaml)" not in page] == []
    assert len(NAMES) >= 8
