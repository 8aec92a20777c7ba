"""``config show`` and ``config schema``: what is in force, and what may be set."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, TypeAlias

import typer

from consumer.cli.output import ConfigOption, Output, OutputOption, write_json

_Path: TypeAlias = tuple[str, ...]

config = typer.Typer(
    no_args_is_help=True,
    help="Show what is in force, secrets masked, or the JSON Schema of the configuration.",
)


@config.command(
    epilog="Example: linkrunner-consumer config show --config config.yaml --sources",
)
def show(
    config: ConfigOption,
    output: OutputOption = Output.TEXT,
    sources: Annotated[bool, typer.Option("--sources", help="Say where each value was set.")] = False,
) -> None:
    """Show every key with the value that is in force; secrets are `***`."""
    from consumer.cli.loading import read  # noqa: PLC0415  # so that --help does not wait for the libraries
    from consumer.core.settings.effective import Shown, entries  # noqa: PLC0415  # the same

    reading = read(config, os.environ)
    values = list(entries(reading.unwrap()))
    origins = {path: str(reading.source(path) or "default") for path, _ in values} if sources else {}
    if output is Output.TEXT:
        typer.echo("\n".join(_yaml(values, origins)))
        return
    tree: dict[str, Shown] = {}
    for path, value in values:
        section = tree.setdefault(path[0], {}) if len(path) > 1 else tree
        if isinstance(section, dict):
            section[path[-1]] = value
    by_key = {".".join(path): origin for path, origin in origins.items()}
    write_json({"values": tree, "sources": by_key} if sources else tree)


def _yaml(values: Sequence[tuple[_Path, object]], origins: Mapping[_Path, str]) -> Iterator[str]:
    """Yield the lines of a YAML document with ``values``, which stand there as JSON, a part of YAML."""
    section = ""
    for path, value in values:
        if len(path) > 1 and path[0] != section:
            section = path[0]
            yield f"{section}:"
        indent = "  " if len(path) > 1 else ""
        origin = f"  # {origins[path]}" if path in origins else ""
        yield f"{indent}{path[-1]}: {json.dumps(value, ensure_ascii=False)}{origin}"


@config.command(epilog="Example: linkrunner-consumer config schema > linkrunner-consumer.schema.json")
def schema(
    mapping: Annotated[bool, typer.Option("--mapping", help="That of mapping files instead.")] = False,
) -> None:
    """Write the JSON Schema of the configuration file, for editors that complete and check YAML."""
    if mapping:
        from consumer.core.meaning.mapping import mapping_schema  # noqa: PLC0415  # the same

        write_json(mapping_schema())
        return
    from consumer.core.settings.tree import Settings  # noqa: PLC0415  # the same

    tree = Settings.model_json_schema(by_alias=True)
    write_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **tree})
