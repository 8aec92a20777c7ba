"""A mapped source held against an Avro schema of its records: what it reads there must be there, and fit.

An error is what fails with every record of the schema, a warning what can fail with some.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from consumer.core.avro.inspection import WriterSchema
from consumer.core.meaning.mapping.avro_shapes import AvroShapes, NoSchema, Shape, Unknown
from consumer.core.meaning.mapping.language import (
    AvroBytes,
    Debezium,
    Name,
    SourceDefinition,
)
from consumer.core.meaning.mapping.schema_findings import Check, SchemaFinding, Severity
from consumer.core.meaning.mapping.schema_reader import RouteReader, unhandled
from consumer.core.meaning.mapping.sources import Source
from consumer.core.settings.documents import Source as Place


def check_against(
    source: Source, schemas: Sequence[WriterSchema], nested: Mapping[str, WriterSchema] | None = None
) -> tuple[SchemaFinding, ...]:
    """Return what of ``source`` fits the records of none of ``schemas``; nothing where there are none.

    A topic may have records of several schemas, and routes for each: what fits one of them is right. A schema
    that nothing is read of counts only where that is so of all. ``nested`` has the schemas of bytes inside of
    records, by the names of their files.
    """
    if source.definition.canonical or not schemas:
        return ()
    checks = [_checked(source.definition, schema, nested or {}) for schema in schemas]
    first, *others = [check for check in checks if check.read] or checks
    elsewhere = [{_what(each): each.severity for each in check.found} for check in others]
    return tuple(
        SchemaFinding(_least(each.severity, (found[_what(each)] for found in elsewhere)), each.finding)
        for each in dict.fromkeys(first.found)
        if all(_what(each) in found for found in elsewhere)
    )


def _what(found: SchemaFinding) -> tuple[tuple[str, ...], Place, str]:
    """Return what two findings about one thing have in common; what helps may differ."""
    return found.finding.path, found.finding.source, found.finding.what


def _least(severity: Severity, others: Iterable[Severity]) -> Severity:
    return Severity.WARNING if Severity.WARNING in {severity, *others} else severity


def _checked(
    definition: SourceDefinition, schema: WriterSchema, nested: Mapping[str, WriterSchema]
) -> "Check":
    check = Check(definition)
    try:
        outer = AvroShapes(schema)
        shapes, record = _unwrapped(check, outer, nested)
    except NoSchema as bad:
        check.wrong((), definition.place, str(bad), "use an Avro schema")
        return check
    if record is not None:
        for route in definition.routes:
            RouteReader(check, shapes, route, record).route()
        unhandled(check, shapes, record)
    return check


def _unwrapped(
    check: Check, outer: AvroShapes, nested: Mapping[str, WriterSchema]
) -> tuple[AvroShapes, Shape | None]:
    """Return the shape that the routes see; None where it can't be known."""
    unwrap, place = check.definition.unwrap, check.definition.place
    match unwrap:
        case None:
            return outer, outer.root
        case Debezium():
            row = outer.follow(outer.root, (Name("after"),))
            if isinstance(row, Unknown) or isinstance(outer.follow(outer.root, (Name("op"),)), Unknown):
                check.wrong(("unwrap",), place, "finds no op and after in the schema", "leave unwrap out")
                return outer, None
            return outer, Shape(row.branches, nullable=False)
        case AvroBytes(path, type_path, files):
            for each in (path, type_path):
                found = outer.root if each is None else outer.follow(outer.root, each.steps)
                if isinstance(found, Unknown):
                    check.lacks(("unwrap",), place, each or path, found)
            known = {schema.file: nested[schema.file] for _, schema in files if schema.file in nested}
            if len(known) != 1:
                return outer, None
            (inside,) = known.values()
            inner = AvroShapes(inside)
            return inner, inner.root
        case _:
            assert_never(unwrap)
