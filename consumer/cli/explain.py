"""``explain``: the call that an event would become, or why it becomes none; nothing is sent."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, TypeAlias, TypeVar

import typer

from consumer.cli.output import ConfigOption, Output, OutputOption

T = TypeVar("T")

#: Most bytes of a file with a record: more than any topic takes.
_MAX_BYTES: Final = 16 * 1024 * 1024

TopicOption: TypeAlias = Annotated[
    str,
    typer.Option("--topic", "-t", metavar="TOPIC", help="The topic that the record is from, or would be."),
]
JsonOption: TypeAlias = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="A record as JSON; - reads it from stdin.")
]
AvroOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--avro", metavar="FILE", help="A record's bytes, framed as in Kafka; - reads from stdin."),
]
SchemaOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--schema",
        metavar="FILE",
        help="The Avro schema of the record: of --json, or of --avro without any framing.",
    ),
]
PartitionOption: TypeAlias = Annotated[
    int | None, typer.Option("--partition", "-p", min=0, help="Read the record from Kafka: its partition.")
]
OffsetOption: TypeAlias = Annotated[
    int | None, typer.Option("--offset", min=0, help="Read the record from Kafka: its offset.")
]
KeyOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="TEXT",
        help=r"The key of a record that comes from a file; \\xFF stands for a byte, \\\\ for a backslash.",
    ),
]
HeaderOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="NAME=TEXT", help="A header of such a record; may be repeated."),
]
TimestampOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--timestamp",
        metavar="TIME",
        help="The time that Kafka would have of such a record: 2026-11-28T12:30:00Z, or milliseconds.",
    ),
]
RevealOption: TypeAlias = Annotated[
    bool, typer.Option("--reveal", help="Show the values of the record, which are masked otherwise.")
]


def explain(  # noqa: PLR0913, PLR0917  # each is an option of the command line
    config: ConfigOption,
    topic: TopicOption,
    json: JsonOption = None,
    avro: AvroOption = None,
    schema: SchemaOption = None,
    partition: PartitionOption = None,
    offset: OffsetOption = None,
    key: KeyOption = None,
    header: HeaderOption = None,
    timestamp: TimestampOption = None,
    reveal: RevealOption = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Explain what one record would become, step by step. Nothing is sent, joined, committed or written.

    The record comes from a file (`--json`, or `--avro` with or without its `--schema`) or from the brokers
    (`--partition` and `--offset`). Values of the record are masked: types and lengths are shown, `--reveal`
    shows all.

    Exit codes: 0 it becomes a call, 3 it is skipped, 4 it becomes a dead letter, waits, or can't be read; 2
    wrong usage, 78 mistakes in the configuration.
    """
    if sum(way is not None for way in (json, avro, partition)) != 1 or (partition is None) != (
        offset is None
    ):
        raise typer.BadParameter("give one of --json, --avro, or --partition with --offset")
    if partition is not None and any(option is not None for option in (schema, key, header, timestamp)):
        raise typer.BadParameter("--schema, --key, --header and --timestamp go with --json or --avro")
    from consumer.cli import beside, explaining  # noqa: PLC0415  # so that --help does not wait for the libraries

    given: explaining.Given
    if json is not None or avro is not None:
        own = explaining.Beside(
            schema=None if schema is None else _read(schema),
            key=None if key is None else _taken(beside.any_bytes, key, "--key"),
            headers=tuple(_taken(beside.header, text, "--header") for text in header or ()),
            timestamp_ms=None if timestamp is None else _taken(beside.millis, timestamp, "--timestamp"),
        )
        source = json if json is not None else avro
        content = _read(source) if source is not None else b""
        given = explaining.FromFile(content, is_json=json is not None, beside=own)
    else:
        given = explaining.FromKafka(partition or 0, offset or 0)
    raise typer.Exit(explaining.run(config, topic, given, reveal=reveal, output=output))


def _taken(take: Callable[[str], T], text: str, option: str) -> T:
    """Return what ``take`` makes of ``text``; wrong usage is told with the name of its option."""
    try:
        return take(text)
    except typer.BadParameter as wrong:
        raise typer.BadParameter(wrong.message, param_hint=option) from None


def _read(path: Path) -> bytes:
    """Return what a file or standard input holds."""
    try:
        if str(path) == "-":
            content = typer.get_binary_stream("stdin").read(_MAX_BYTES + 1)
        else:
            with path.open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no such name"
        raise typer.BadParameter(f"{path} can't be read: {why}") from None
    if len(content) > _MAX_BYTES:
        raise typer.BadParameter(f"{path} is larger than {_MAX_BYTES} bytes")
    return content
