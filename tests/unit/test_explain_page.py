"""``docs/explain.md``: what it says about JSON is what the module says, whose tests try every row."""

import inspect
import re
from pathlib import Path
from typing import Final

from consumer.cli import COMMANDS, explain
from consumer.cli.output import ExitCode
from consumer.core.avro import from_json

PAGE: Final = (Path(__file__).parents[2] / "docs" / "explain.md").read_text("utf-8")


def test_the_table_of_json_is_that_of_the_module() -> None:
    """Row by row, in one wording."""
    told = [line for line in (from_json.__doc__ or "").splitlines() if line.startswith("|")]
    assert len(told) > 5
    assert [line for line in told if line not in PAGE.splitlines()] == []


def test_the_exit_codes_are_those_of_the_command() -> None:
    """A script that goes by the page goes by the code."""
    table = PAGE.split("| exit code |")[1].split("\n\n")[0]
    assert re.findall(r"^\| (\d+) \|", table, flags=re.MULTILINE) == [
        str(code.value) for code in (ExitCode.DONE, ExitCode.SKIPPED, ExitCode.REJECTED)
    ]


def test_the_examples_are_options_that_there_are() -> None:
    """The page and ``--help`` name the same ways to give a record."""
    command = next(command for command in COMMANDS if command.name == "explain")
    options = set(re.findall(r'typer\.Option\(\s*"(--[a-z]+)"', inspect.getsource(explain)))
    assert [option for option in sorted(options) if option not in PAGE] == []
    for option in ("--partition", "--offset", "--avro", "--json", "--schema"):
        assert option in options
        assert any(option in example for example in command.examples)
