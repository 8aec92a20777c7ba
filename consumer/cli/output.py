"""What the commands share: exit codes, the choice of output, how mistakes are told."""

import json
from collections.abc import Mapping
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from consumer.core.errors import ConfigurationError, ConsumerError, CredentialsError, Mistake


class ExitCode(IntEnum):
    """What a command says to its caller; from 69 on as in BSD's sysexits.h, 143 as after a SIGTERM.

    3 and 4 are ``explain``'s: an event that is skipped, one that becomes a dead letter or can't be read.
    """

    DONE = 0
    USAGE = 2
    SKIPPED = 3
    REJECTED = 4
    DEPENDENCY = 69
    BUG = 70
    CREDENTIALS = 77
    CONFIGURATION = 78
    DRAIN_TIMED_OUT = 143


class Output(StrEnum):
    """For whom a command writes: people or programs."""

    TEXT = "text"
    JSON = "json"


ConfigOption: TypeAlias = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration, a YAML file.")
]
OutputOption: TypeAlias = Annotated[
    Output, typer.Option("--output", "-o", help="Write for people (text) or for programs (json).")
]

_CODES: Final = ((ConfigurationError, ExitCode.CONFIGURATION), (CredentialsError, ExitCode.CREDENTIALS))


def exit_code(error: ConsumerError) -> ExitCode:
    """Return the exit code of a command that ends with ``error``."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.DEPENDENCY)


def describe(mistake: Mistake) -> str:
    """Return ``mistake`` for a terminal; colours are dropped where none are wanted."""
    cure = f"\n    {mistake.cure}" if mistake.cure else ""
    return f"  {typer.style(mistake.where, bold=True)} {mistake.what}{cure}"


def count(number: int, thing: str) -> str:
    """Return ``1 mistake`` or ``2 mistakes``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def tell(error: ConsumerError) -> None:
    """Write on standard error why the command ends."""
    head = typer.style("error:", fg=typer.colors.RED, bold=True)
    if isinstance(error, ConfigurationError):
        typer.echo(f"{head} {count(len(error.mistakes), 'mistake')} in the configuration", err=True)
        for mistake in error.mistakes:
            typer.echo(describe(mistake), err=True)
    else:
        typer.echo(f"{head} {error}", err=True)


def warn(text: str) -> None:
    """Write a warning on standard error."""
    typer.echo(f"{typer.style('warning:', fg=typer.colors.YELLOW, bold=True)} {text}", err=True)


def write_json(value: Mapping[str, object] | list[Mapping[str, object]]) -> None:
    """Write ``value`` on standard output as JSON."""
    typer.echo(json.dumps(value, indent=2))
