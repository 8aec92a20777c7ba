"""The README's own example: its mapping starts, and ``explain`` writes what stands there."""

import json
import re
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from consumer.cli import application

README: Final = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
SECTION: Final = README.split("## Your own events\n")[1].split("\n## ")[0]
SCHEMA: Final = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "status", "type": "string"},
        {"name": "customer", "type": "string"},
        {"name": "cents", "type": "long"},
        {"name": "currency", "type": "string"},
        {"name": "metadata", "type": {"type": "map", "values": "string"}},
    ],
}
RECORD: Final = {
    "id": 42, "status": "PAID", "customer": "user-7", "cents": 49900, "currency": "inr", "metadata": {},
}  # fmt: skip
CONFIG: Final = "kafka: {bootstrap_servers: 'a:9092'}\nmapping: mapping.yaml\ncurrency: {accept: [INR]}\n"


def block(kind: str) -> str:
    """Return the first block of a kind in the section."""
    fenced = SECTION.split("```")[1::2]
    return next(body.removeprefix(f"{kind}\n") for body in fenced if body.startswith(f"{kind}\n"))


def test_the_example_is_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line by line, but for the parts that ``...`` stands for."""
    monkeypatch.chdir(tmp_path)
    files = {
        "config.yaml": CONFIG,
        "mapping.yaml": block("yaml"),
        "s.avsc": json.dumps(SCHEMA),
        "r.json": json.dumps(RECORD),
    }
    for name, text in files.items():
        Path(name).write_text(text, encoding="utf-8")
    command = [
        "explain",
        "--config",
        "config.yaml",
        "--topic",
        "orders",
        "--json",
        "r.json",
        "--schema",
        "s.avsc",
    ]
    ended = CliRunner().invoke(application(command), command)
    assert ended.exit_code == 0, ended.output
    shown = block("").partition("\n")[2]  # without the command
    pattern = "(?s:.*)".join(re.escape(part) for part in shown.split("..."))
    assert re.fullmatch(pattern, ended.stdout), ended.stdout
