"""``metrics``: the catalogue of what the service measures."""

import typer

from consumer.cli.output import Output, OutputOption, write_json


def metrics(output: OutputOption = Output.TEXT) -> None:
    """List every metric of the service with its type, labels and meaning."""
    from consumer.core.operations.catalogue import CATALOGUE  # noqa: PLC0415  # so that --help does not wait for it

    if output is Output.JSON:
        write_json(
            [
                {
                    "name": spec.full_name,
                    "type": spec.type.value,
                    "unit": spec.unit,
                    "help": spec.help,
                    "labels": {label.name: list(label.values) for label in spec.labels},
                    "buckets": list(spec.buckets),
                }
                for spec in CATALOGUE
            ]
        )
        return
    for spec in CATALOGUE:
        labels = f"{{{','.join(spec.label_names)}}}" if spec.labels else ""
        typer.echo(f"{typer.style(spec.full_name, bold=True)}{labels} ({spec.type.value})\n    {spec.help}")
