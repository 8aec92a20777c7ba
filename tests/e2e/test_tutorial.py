"""The tutorial on mappings, block by block on a real broker and a real registry: a newcomer's walk works."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from consumer.core.avro.inspection import WriterSchema
from tests.support.avro import encode
from tests.support.broker import Kafka
from tests.support.process import ROOT
from tests.support.registry import SchemaRegistry
from tests.support.topics import Outgoing, Topics

PAGE: Final = (ROOT / "docs" / "tutorial-mapping.md").read_text("utf-8")

#: A block with the line before it, in which a file to be written is named last.
_BLOCK: Final = re.compile(r"(?P<before>[^\n]*)\n\n```(?P<kind>sh|yaml|text)\n(?P<body>.*?)```", re.DOTALL)
_FILE: Final = re.compile(r"`([\w.]+\.yaml)`")

LINE: Final = {
    "type": "record",
    "name": "Line",
    "fields": [
        {"name": "sku", "type": "string"},
        {"name": "pieces", "type": "int"},
        {"name": "cents", "type": "long"},
    ],
}
CUSTOMER: Final = {
    "type": "record",
    "name": "Customer",
    "fields": [{"name": "ref", "type": ["null", "string"]}, {"name": "country", "type": "string"}],
}
STATE: Final = {"type": "enum", "name": "State", "symbols": ["CREATED", "PAID", "REFUNDED", "ABANDONED"]}
SCHEMA: Final = json.dumps(
    {
        "type": "record",
        "name": "Order",
        "namespace": "shop",
        "fields": [
            {"name": "order_no", "type": "long"},
            {"name": "state", "type": STATE},
            {"name": "customer", "type": CUSTOMER},
            {"name": "total_cents", "type": "long"},
            {"name": "currency", "type": "string"},
            {"name": "changed_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "lines", "type": {"type": "array", "items": LINE}},
            {"name": "utm", "type": {"type": "map", "values": "string"}},
        ],
    }
)


@dataclass(frozen=True)
class Block:
    """One block of the page: a file to write, commands to run, or what they have written."""

    kind: str
    file: str | None
    body: str


def blocks() -> list[Block]:
    """Return the blocks of the page in their order."""
    found = []
    for each in _BLOCK.finditer(PAGE):
        files = _FILE.findall(each["before"])
        found.append(Block(each["kind"], files[-1] if files else None, each["body"]))
    return found


def order(state: str, ref: str | None = "user-7") -> dict[str, object]:
    """Return a record of the topic."""
    return {
        "order_no": 42,
        "state": state,
        "customer": {"ref": ref, "country": "DE"},
        "total_cents": 2990,
        "currency": "EUR",
        "changed_at": datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
        "lines": [{"sku": "tea", "pieces": 2, "cents": 1495}],
        "utm": {"campaign": "spring"},
    }


def matches(expected: str, written: str) -> bool:
    """Tell whether ``written`` is what the page says; ``...`` stands there for anything."""
    pattern = "(?s:.*)".join(re.escape(part) for part in expected.split("..."))
    return re.fullmatch(pattern, written) is not None


class Reader:
    """Does what the page says, in a folder of its own."""

    def __init__(self, folder: Path, names: dict[str, str]) -> None:
        """``names`` has what of the page is called otherwise here."""
        self._folder = folder
        self._names = names
        self._file = ""
        shim = folder / "bin" / "linkrunner-consumer"
        shim.parent.mkdir()
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m consumer "$@"\n', encoding="utf-8")
        shim.chmod(0o755)
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LINKRUNNER_")},
            "PATH": f"{shim.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }

    def follow(self, block: Block, written: str) -> str:
        """Write a file, run commands or compare what the last ones wrote; return what was written."""
        body = self._renamed(block.body)
        if block.kind == "text":
            assert matches(body, written), written
            return ""
        assert written == "", f"the page does not show this output: {written}"
        if block.kind == "yaml":
            self._file = block.file or self._file
            (self._folder / self._file).write_text(body, encoding="utf-8")
            return ""
        ended = subprocess.run(
            ("/bin/sh", "-eu", "-c", body),
            cwd=self._folder,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
        return ended.stdout

    def _renamed(self, text: str) -> str:
        for name, here in self._names.items():
            text = text.replace(name, here)
        return text


def test_the_page_has_a_file_for_every_block_and_an_output_for_every_look() -> None:
    """Else a part of it would not be tried."""
    kinds = [block.kind for block in blocks()]
    assert len(kinds) == len(re.findall(r"^```\w+$", PAGE, flags=re.MULTILINE))
    assert kinds.count("sh") == kinds.count("text")


@pytest.mark.kafka
def test_a_newcomer_arrives(kafka: Kafka, topics: Topics, registry: SchemaRegistry, tmp_path: Path) -> None:
    """From an unknown schema to a mapping that passes ``check`` and ``explain``; no group is left behind."""
    topic = topics.create(topics.name("shop.orders"))
    prefix = b"\x00" + registry.register(f"{topic}-value", SCHEMA).to_bytes(4)
    events = [order("CREATED"), order("PAID"), order("REFUNDED"), order("PAID", ref=None)]
    topics.produce(topic, [Outgoing(b"42", prefix + encode(WriterSchema(SCHEMA), event)) for event in events])
    names = {
        "http://localhost:8081": registry.url,
        "localhost:9092": kafka.bootstrap_servers,
        "shop.orders": topic,
    }
    reader, written = Reader(tmp_path, names), ""
    for block in blocks():
        written = reader.follow(block, written)
    assert topics.committed("linkrunner-consumer", topic) == {}
