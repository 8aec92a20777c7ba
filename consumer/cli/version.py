"""``version``: which version this is, and on what it runs."""

import platform

import typer

from consumer import __version__
from consumer.cli.output import Output, OutputOption, write_json


def version(output: OutputOption = Output.TEXT) -> None:
    """Show the version of the service, of Python and of librdkafka."""
    from confluent_kafka import libversion  # noqa: PLC0415  # so that --help does not wait for it

    librdkafka, _ = libversion()
    if output is Output.JSON:
        write_json(
            {"version": __version__, "python": platform.python_version(), "librdkafka": librdkafka},
        )
    else:
        typer.echo(
            f"linkrunner-consumer {__version__} (Python {platform.python_version()}, librdkafka {librdkafka})"
        )
