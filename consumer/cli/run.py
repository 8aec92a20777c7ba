"""``run``: the service."""

import os

import typer

from consumer.cli.output import ConfigOption


def run(config: ConfigOption) -> None:
    """Run the service until SIGTERM or SIGINT, which drain it.

    A broker, registry or API that is away is waited for. Exit codes: 0 drained, 69 something outside failed
    for good, 70 a bug, 77 no server key, 78 mistakes in the configuration, 143 the drain timed out.
    """
    from consumer.cli.loading import configure  # noqa: PLC0415  # so that --help does not wait for the libraries

    configured = configure(config, os.environ)
    from consumer.flow import service  # noqa: PLC0415  # after the mistakes: it takes longer to load

    raise typer.Exit(service.run(configured, os.environ))
