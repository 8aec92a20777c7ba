"""The process: its exit codes, and what it writes when something is wrong."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from consumer.cli.output import ExitCode, exit_code
from consumer.core.errors import ConfigurationError, ConsumerError, CredentialsError, DependencyError, Mistake

LEAST: Final = "kafka: {bootstrap_servers: 'a:9092', topics: [payments]}\ncurrency: {accept: [INR]}\n"

#: A program that runs the command line with a command whose code has a bug.
BUG: Final = """
import sys
from consumer import cli
from consumer.cli import version

def version_with_a_bug() -> None:
    canary = "canary"
    raise ValueError(canary)

version.version = version_with_a_bug
sys.argv[1:] = ["version"]
cli.main()
"""


def process(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run Python with ``arguments``, with ``environ`` and no settings of the machine."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LINKRUNNER_")}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env={**inherited, "PYTHONPATH": path, **environ},
        timeout=60,
        check=False,
    )


def command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process."""
    return process("-m", "consumer", *arguments, **environ)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError([Mistake("a", "b", "c")]), ExitCode.CONFIGURATION),
        (CredentialsError("no key"), ExitCode.CREDENTIALS),
        (DependencyError("gone"), ExitCode.DEPENDENCY),
        (ConsumerError("something"), ExitCode.DEPENDENCY),
    ],
)
def test_every_error_has_its_code(error: ConsumerError, code: ExitCode) -> None:
    """Supervisors tell by it whom to call."""
    assert exit_code(error) == code


def test_run_tells_the_same_mistakes_as_check(tmp_path: Path) -> None:
    """What one refuses, the other refuses, with the same words and the same code; without a traceback."""
    path = tmp_path / "c.yaml"
    path.write_text(f"{LEAST}tracing: x\ndead_letters: {{properties: {{no.such: 1}}}}\n", encoding="utf-8")
    ran, checked = (command(name, "--config", str(path)) for name in ("run", "check"))
    assert ran.returncode == checked.returncode == 78
    assert ran.stderr.splitlines()[1:] == checked.stdout.splitlines()[1:]
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""


def test_run_without_a_key_names_file_and_variable(tmp_path: Path) -> None:
    """Exit code 77, and both ways to give a key."""
    path = tmp_path / "c.yaml"
    path.write_text(f"{LEAST}linkrunner: {{server_key_file: {tmp_path / 'key'}}}\n", encoding="utf-8")
    ran = command("run", "--config", str(path))
    assert ran.returncode == 77
    assert str(tmp_path / "key") in ran.stderr
    assert "LINKRUNNER_SERVER_KEY" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_bug_is_told_in_one_line_without_data() -> None:
    """Exit code 70, the place in the code, and not the values that it stumbled over."""
    ran = process("-c", BUG)
    assert ran.returncode == 70
    (line,) = ran.stderr.splitlines()
    assert "ValueError" in line
    assert "version_with_a_bug" in line
    assert "canary" not in line


def test_a_pipe_gets_no_colours(tmp_path: Path) -> None:
    """Escape codes would end in files and logs."""
    ran = command("run", "--config", str(tmp_path / "nowhere"))
    assert ran.stderr
    assert "\x1b" not in ran.stdout + ran.stderr


def test_help_loads_no_library_of_the_service() -> None:
    """``--help`` and wrong usage answer at once: the heavy modules stay away."""
    heavy = "{'confluent_kafka', 'aiohttp', 'httpx', 'pydantic', 'fastavro'}"
    ran = process(
        "-c",
        "import sys, atexit\n"
        f"atexit.register(lambda: print('loaded', sorted({heavy} & set(sys.modules))))\n"
        "from consumer.cli import main\n"
        "sys.argv[1:] = ['--help']\n"
        "main()\n",
    )
    assert ran.returncode == 0
    assert ran.stdout.splitlines()[-1] == "loaded []"
    assert "\x1b" not in ran.stdout
