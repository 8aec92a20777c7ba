"""The command line: ``linkrunner-consumer COMMAND``.

Each command is a function in a module of its own, named like the command. Only the module of the command
that is called is imported, so that ``--help`` and small commands start quickly; the others are known by the
table :data:`COMMANDS`.
"""

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final

import typer

from consumer.cli.output import ExitCode, exit_code, tell
from consumer.core.errors import ConsumerError
from consumer.core.operations.traces import trace_of


@dataclass(frozen=True, slots=True)
class Command:
    """A command: the module ``consumer.cli.<name>`` has it, as a function or a typer app, under its name."""

    name: str
    help: str
    examples: tuple[str, ...]

    def register(self, app: typer.Typer) -> None:
        """Import the command and add it to ``app``."""
        command = getattr(import_module(f"consumer.cli.{self.name}"), self.name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=self.name, epilog=self._epilog())
        else:
            app.command(self.name, epilog=self._epilog())(command)

    def announce(self, app: typer.Typer) -> None:
        """Add the name and the help of the command to ``app``, and nothing else."""
        app.command(self.name, help=self.help)(_not_loaded)

    def _epilog(self) -> str:
        return "\n\n".join(("Examples:", *(f"linkrunner-consumer {example}" for example in self.examples)))


COMMANDS: Final = (
    Command("run", "Run the service.", ("run --config config.yaml",)),
    Command(
        "check",
        "Find every mistake in the configuration; with --connect, ask everything outside too.",
        (
            "check --config config.yaml",
            "check --config config.yaml --connect",
            "check --config config.yaml --connect --output json",
        ),
    ),
    Command(
        "explain",
        "Explain the call that an event would become, or why it becomes none.",
        (
            "explain --config config.yaml --topic orders --partition 0 --offset 42",
            "explain --config config.yaml --topic orders --json event.json --schema order.avsc",
            "explain --config config.yaml --topic orders --avro event.bin --reveal --output json",
        ),
    ),
    Command(
        "config",
        "Show what is in force, or the JSON Schema of the configuration.",
        ("config show --config config.yaml --sources", "config schema > linkrunner-consumer.schema.json"),
    ),
    Command(
        "demo",
        "Run everything on this machine and reconcile every payment.",
        ("demo", "demo --events 20000", "demo --faults"),
    ),
    Command(
        "simulator",
        "Serve the Linkrunner API as documented, with a ledger and scripted faults.",
        ("simulator --port 8099 --key lab-key", "simulator --faults '503 share=5%'"),
    ),
    Command(
        "produce",
        "Write sample events to a topic.",
        ("produce --config config.yaml --events 1000", "produce --config config.yaml --rate 50"),
    ),
    Command("metrics", "List every metric of the service.", ("metrics", "metrics --output json")),
    Command("version", "Show the version.", ("version", "version --output json")),
)


def application(arguments: Sequence[str]) -> typer.Typer:
    """Return the command line in which the command that ``arguments`` call is loaded."""
    app = typer.Typer(
        name="linkrunner-consumer",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Deliver Avro payment events from Kafka to Linkrunner: in order, counted once, nothing lost.",
        epilog="linkrunner-consumer COMMAND --help shows the options and examples of a command.",
    )
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    for command in COMMANDS:
        if command.name == called:
            command.register(app)
        else:
            command.announce(app)
    return app


def main() -> None:
    """Run the command that the process was called with; the exit code is one of :class:`ExitCode`.

    What the operator can mend is told without a traceback. A bug is told in one line that says where it is,
    without the values that it stumbled over.
    """
    _hear_stops()
    arguments = sys.argv[1:]
    try:
        application(arguments)(arguments, prog_name="linkrunner-consumer")
    except ConsumerError as error:
        tell(error)
        sys.exit(exit_code(error))
    except Exception as error:  # noqa: BLE001  # the border of the process: nothing behind it tells anybody
        typer.echo(f"a bug, please report it: {trace_of(error)}", err=True)
        sys.exit(ExitCode.BUG)


def _hear_stops() -> None:
    """Let SIGTERM end the first process of a container, too, until a command has a handler of its own.

    The kernel keeps a signal without a handler from such a process (pid_namespaces(7)): a stop in the first
    second would be lost, and the container be killed at the end of its grace.
    """
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # as a shell tells it


def _not_loaded() -> None:
    raise AssertionError("this command is listed only; calling it loads it")
