"""The page docs/decoding.md is true: its formats, its limits and its examples are the code's."""

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from consumer.core.avro import framing, inspection, logical, weights
from consumer.core.avro.framing import WireFormat
from consumer.core.settings.registries import apicurio_api
from consumer.core.settings.tree import DecodingSettings, SchemaRegistrySettings
from consumer.edges import registry
from consumer.edges.registry import client

PAGE: Final = (Path(__file__).resolve().parents[2] / "docs" / "decoding.md").read_text("utf-8")
KIB: Final = 1024

#: Each limit of the page, as the code has it.
LIMITS: Final = {
    "schema, with all it refers to": f"{inspection.MAX_SCHEMA_BYTES // KIB} KiB",
    "nesting": f"{inspection.MAX_LEVELS} levels",
    "fields": (
        f"{inspection.MAX_FIELDS}, and {inspection.MAX_FIELDS_UNFOLDED} with named types counted at each use"
    ),
    "branches of all unions": f"{inspection.MAX_BRANCHES}",
    "fixed type": f"{inspection.MAX_FIXED_BYTES // KIB} KiB",
    "number behind a decimal": f"{logical.MAX_DECIMAL_BYTES} bytes",
    "digits behind a decimal's point": f"{logical.MAX_SCALE}",
    "schemas that one refers to": f"{inspection.MAX_REFERENCES}",
    "answer of a registry": f"{client.MAX_ANSWER_BYTES // KIB // KIB} MiB",
    "message": f"{weights.MAX_MESSAGE_BYTES // KIB} KiB",
    "schemas kept of a registry": f"{registry.MAX_KNOWN}",
}


def table(section: str) -> dict[str, str]:
    """Return the first two cells of each row of the table under a heading, without its head."""
    body = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in body.splitlines() if line.startswith("|")]
    return {row[0].strip(): row[1].strip() for row in rows[2:]}


def test_every_wire_format_is_told() -> None:
    """The page has each value of the setting, in its order, and the names of the headers."""
    assert list(table("Wire formats")) == [f"`{wire_format}`" for wire_format in WireFormat]
    for header in (framing.SCHEMA_HEADER, framing.GLOBAL_ID_HEADER, framing.CONTENT_ID_HEADER):
        assert f"`{header}`" in PAGE


def test_every_limit_is_the_codes() -> None:
    """The page has the limits of the code and no others."""
    assert table("Limits") == LIMITS


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("an array of optional texts may take {} kB", '["null", "string"]'),
        ("one of decimals {} kB", '{"type": "bytes", "logicalType": "decimal", "precision": 9}'),
    ],
)
def test_the_example_of_a_smaller_bound_is_the_codes(what: str, kind: str) -> None:
    """What the page says about two arrays is what is worked out for them."""
    schema = inspection.WriterSchema(f'{{"type": "array", "items": {kind}}}')
    assert what.format(inspection.inspect(schema).max_bytes // 1000) in PAGE


def test_every_logical_type_is_told() -> None:
    """Each logical type that is read has its row."""
    told = " ".join(table("Values"))
    for _, name in {*logical.READERS, *logical.NATIVE}:
        assert f"`{name}`" in told


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_every_example_is_taken(text: str, tmp_path: Path) -> None:
    """Each example is settings, and the registry client takes its properties."""
    example = yaml.safe_load(text)
    DecodingSettings.model_validate(example.get("decoding", {}))
    for name, value in example["schema_registry"].get("properties", {}).items():
        if isinstance(value, dict):
            (tmp_path / "secret").write_text("me:secret")
            example["schema_registry"]["properties"][name] = {"file": str(tmp_path / "secret")}
    properties = example["schema_registry"].get("properties", {})
    plain = {name: "me:secret" if isinstance(value, dict) else value for name, value in properties.items()}
    settings = SchemaRegistrySettings.model_validate(example["schema_registry"] | {"properties": plain})
    assert settings.url is not None
    if any(name.startswith("ssl.") for name in plain):
        with pytest.raises(OSError, match="No such file"):
            client.restrained(settings.url, settings.properties)
    else:
        client.restrained(settings.url, settings.properties)
    if example.get("decoding", {}).get("wire_format") == "apicurio":
        assert apicurio_api(settings.url) is not None
