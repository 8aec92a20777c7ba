"""``check``: every mistake in the configuration, without asking anything outside."""

import os
from collections.abc import Sequence

import typer

from consumer.cli.output import (
    ConfigOption,
    ExitCode,
    Output,
    OutputOption,
    count,
    describe,
    exit_code,
    warn,
    write_json,
)
from consumer.core.errors import ConfigurationError, ConsumerError, CredentialsError


def check(config: ConfigOption, output: OutputOption = Output.TEXT) -> None:
    """Find every mistake in the configuration, each with its line and its cure; nothing outside is asked.

    What `run` would refuse is refused here, and the other way round. Exit codes: 0 no mistake, 77 no server
    key, 78 mistakes.
    """
    from consumer.cli.loading import load  # noqa: PLC0415  # so that --help does not wait for the libraries
    from consumer.core.settings import rules  # noqa: PLC0415  # the same
    from consumer.edges.server_key import ServerKey  # noqa: PLC0415  # the same

    warnings: Sequence[str] = ()
    error: ConsumerError | None = None
    try:
        settings = load(config, os.environ)
        warnings = rules.warnings(settings)
        ServerKey(settings.linkrunner, os.environ)
    except (ConfigurationError, CredentialsError) as found:
        error = found
    if output is Output.JSON:
        _write(error, warnings)
    else:
        _print(error, warnings)
    raise typer.Exit(ExitCode.DONE if error is None else exit_code(error))


def _print(error: ConsumerError | None, warnings: Sequence[str]) -> None:
    for text in warnings:
        warn(text)
    if error is None:
        typer.echo("ok" if not warnings else f"ok, with {count(len(warnings), 'warning')}")
    elif isinstance(error, ConfigurationError):
        typer.echo(f"{count(len(error.mistakes), 'mistake')} in the configuration")
        for mistake in error.mistakes:
            typer.echo(describe(mistake))
    else:
        typer.echo(str(error))


def _write(error: ConsumerError | None, warnings: Sequence[str]) -> None:
    mistakes = error.mistakes if isinstance(error, ConfigurationError) else ()
    write_json(
        {
            "ok": error is None,
            "mistakes": [{"where": one.where, "what": one.what, "cure": one.cure} for one in mistakes],
            "credentials": str(error) if isinstance(error, CredentialsError) else None,
            "warnings": list(warnings),
        }
    )
