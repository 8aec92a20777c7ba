"""``check``: every mistake in the configuration, and with ``--connect`` everything outside that it names."""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

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
from consumer.core.operations.checks import Check, Result, any_failed, any_refused

ConnectOption = Annotated[
    bool,
    typer.Option("--connect", help="Also ask brokers, registry and API. Joins no group, writes nothing."),
]


def check(config: ConfigOption, connect: ConnectOption = False, output: OutputOption = Output.TEXT) -> None:
    """Find every mistake in the configuration, each with its line and its cure.

    What `run` would refuse is refused here, and the other way round. With `--connect`, and no mistake, what
    the configuration names is asked: brokers, topics, group, dead-letter topics, schema registry, the API
    and its key. No payment is sent, nothing is joined, committed or written.

    Exit codes: 0 all is well (warnings allowed), 69 something outside can't be reached or is not fit, 77 no
    server key, or credentials are refused, 78 mistakes.
    """
    from consumer.cli.loading import read  # noqa: PLC0415  # so that --help does not wait for the libraries
    from consumer.core.settings import rules  # noqa: PLC0415  # the same
    from consumer.edges.server_key import ServerKey  # noqa: PLC0415  # the same

    warnings: Sequence[str] = ()
    checks: Sequence[Check] | None = None
    error: ConsumerError | None = None
    try:
        reading = read(config, os.environ)
        configured = reading.configured()
        settings = configured.settings
        warnings = (*rules.warnings(settings, datetime.now(UTC)), *reading.doubts())
        key = ServerKey(settings.linkrunner, os.environ)
        if connect:
            from consumer.cli.connections import examine  # noqa: PLC0415  # the same

            checks = asyncio.run(examine(configured, key.current))
    except (ConfigurationError, CredentialsError) as found:
        error = found
    if output is Output.JSON:
        _write(error, warnings, checks)
    else:
        _print(error, warnings, checks or ())
    raise typer.Exit(_code(checks or ()) if error is None else exit_code(error))


def _code(checks: Sequence[Check]) -> ExitCode:
    if any_refused(checks):
        return ExitCode.CREDENTIALS
    return ExitCode.DEPENDENCY if any_failed(checks) else ExitCode.DONE


def _print(error: ConsumerError | None, warnings: Sequence[str], checks: Sequence[Check]) -> None:
    for text in warnings:
        warn(text)
    if isinstance(error, ConfigurationError):
        typer.echo(f"{count(len(error.mistakes), 'mistake')} in the configuration")
        for mistake in error.mistakes:
            typer.echo(describe(mistake))
    elif error is not None:
        typer.echo(str(error))
    else:
        for one in checks:
            typer.echo(_line(one))
        typer.echo(_conclusion(len(warnings), checks))


def _line(one: Check) -> str:
    mark = typer.style(f"{one.result.value:<7}", fg=_COLOURS[one.result], bold=True)
    cure = f"\n        {one.cure}" if one.cure else ""
    return f"{mark} {one.subject}: {one.answer}{cure}"


def _conclusion(warnings: int, checks: Sequence[Check]) -> str:
    failures = sum(1 for one in checks if one.result is Result.FAILED)
    warnings += sum(1 for one in checks if one.result is Result.WARNING)
    told = [
        count(number, thing) for number, thing in ((failures, "failure"), (warnings, "warning")) if number
    ]
    head = "not ok" if failures else "ok"
    return ", with ".join((head, " and ".join(told))) if told else head


def _write(error: ConsumerError | None, warnings: Sequence[str], checks: Sequence[Check] | None) -> None:
    mistakes = error.mistakes if isinstance(error, ConfigurationError) else ()
    answer: dict[str, object] = {
        "ok": error is None and not any_failed(checks or ()),
        "mistakes": [{"where": one.where, "what": one.what, "cure": one.cure} for one in mistakes],
        "credentials": str(error) if isinstance(error, CredentialsError) else None,
        "warnings": list(warnings),
    }
    if checks is not None:
        answer["checks"] = [
            {
                "subject": one.subject,
                "asked": one.asked,
                "result": one.result.value,
                "answer": one.answer,
                "cure": one.cure,
                "credentials": one.credentials,
            }
            for one in checks
        ]
    write_json(answer)


_COLOURS: Final = {
    Result.OK: typer.colors.GREEN,
    Result.WARNING: typer.colors.YELLOW,
    Result.FAILED: typer.colors.RED,
}
