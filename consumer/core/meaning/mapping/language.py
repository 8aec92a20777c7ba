"""The mapping language as a tree of frozen values: what the YAML file says, and where it says it.

Places are no part of what is compared: two expressions that say the same are equal wherever they stand.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from consumer.core.meaning.mapping.actions import Does
from consumer.core.settings.documents import Plain
from consumer.core.settings.documents import Source as Place

# ------------------------------------------------------------------------------------- paths


class Root(StrEnum):
    """Where a path begins, as it is written; a path without any of these begins at the record."""

    RECORD = ""
    KEY = "$key"
    HEADERS = "$headers"
    TOPIC = "$topic"
    PARTITION = "$partition"
    OFFSET = "$offset"
    TIMESTAMP = "$timestamp"
    NAME = "$name"
    ENVELOPE = "$envelope"


#: What changes when the same event is written to Kafka once more, as a replay of dead letters does.
CHANGING_ROOTS: Final = frozenset({Root.PARTITION, Root.OFFSET, Root.TIMESTAMP})


@dataclass(frozen=True, slots=True)
class Name:
    """``.name``: a field of a record, or a key of a map."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """``[0]``: an entry of a list; ``[-1]`` is the last."""

    index: int


@dataclass(frozen=True, slots=True)
class First:
    """``[name=value]``: the first entry of a list that has this text, number or symbol under this name."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class RecordName:
    """``.$name``: the full name of a record in a union of several."""


PathStep: TypeAlias = Name | Index | First | RecordName


@dataclass(frozen=True, slots=True)
class Path:
    """A way to a value. ``text`` is how it is written."""

    root: Root
    steps: tuple[PathStep, ...]
    text: str = field(compare=False)


# ------------------------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Read:
    """``path``: what stands there, null where nothing does."""

    path: Path


@dataclass(frozen=True, slots=True)
class Const:
    """``const``: always this."""

    value: Plain


@dataclass(frozen=True, slots=True)
class Coalesce:
    """``coalesce``: the first of these that is not null."""

    options: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Template:
    """``template``: texts and paths in turn; null where one of the paths is."""

    parts: tuple[str | Path, ...]
    text: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Sum:
    """``sum``: the numbers of a list added up; ``of`` is read in each entry, None adds the entries."""

    over: "Expression"
    of: "Expression | None"


Origin: TypeAlias = Read | Const | Coalesce | Template | Sum


class Rounding(StrEnum):
    """What ``decimal`` does with digits beyond its scale, where it may drop any."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Simple:
    """A converter that takes no options, by its name in ``converters``."""

    name: str


@dataclass(frozen=True, slots=True)
class Quantise:
    """``decimal`` with so many digits after the point; without ``rounding`` no digit may be lost."""

    scale: int
    rounding: Rounding | None


@dataclass(frozen=True, slots=True)
class Extract:
    """``regex``: what the pattern's group, or all of it, takes of a text; null where it does not match."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Nested:
    """``avro``: bytes that are a record of the schema in this file."""

    file: str
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Step:
    """``path`` as a converter: a step into what ``json`` or ``avro`` gave."""

    path: Path


Conversion: TypeAlias = Simple | Quantise | Extract | Nested | Step


@dataclass(frozen=True, slots=True)
class Expression:
    """A value: where it comes from, through what it goes, what stands for it where it is null.

    ``table`` is ``map``: texts to what they become. ``default`` is for null and for what ``table`` lacks.
    """

    origin: Origin
    conversions: tuple[Conversion, ...]
    table: tuple[tuple[str, Plain], ...] | None
    default: Const | None
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of money. ``currency`` None takes that of the payment's amount.

    ``exponent`` are the digits of minor units, for all currencies; ``exponents`` for some of them. Elsewhere
    ISO 4217 says it.
    """

    value: Expression
    currency: Expression | None
    exponent: Expression | None
    exponents: tuple[tuple[str, int], ...]
    place: Place = field(compare=False)


# -------------------------------------------------------------------------------- predicates


class Operator(StrEnum):
    """How a predicate compares, as it is written."""

    EQ = "eq"
    IN = "in"
    EXISTS = "exists"
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison. ``operand`` is a constant, several of them (``in``), or another field."""

    operator: Operator
    operand: "Plain | tuple[Plain, ...] | Path"


@dataclass(frozen=True, slots=True)
class Test:
    """A value held against all of the comparisons."""

    value: Expression
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class All:
    """All of them."""

    parts: "tuple[Predicate, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of them."""

    parts: "tuple[Predicate, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: "Predicate"


Predicate: TypeAlias = Test | All | AnyOf | Not


# ------------------------------------------------------------------------------------ routes


@dataclass(frozen=True, slots=True)
class Items:
    """``items``: the list, and what each of its entries gives."""

    each: Expression
    fields: "tuple[tuple[str, Expression | Amount], ...]"


@dataclass(frozen=True, slots=True)
class Attributes:
    """``attributes``: names and their values."""

    fields: tuple[tuple[str, Expression], ...]


FieldValue: TypeAlias = Expression | Amount | Items | Attributes


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a route sets."""

    name: str
    value: FieldValue
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Route:
    """Events that ``when`` is true of, all of them where it is None, and what becomes of them."""

    name: str
    when: Predicate | None
    does: Does
    fields: tuple[Field, ...]
    place: Place = field(compare=False)

    def get(self, name: str) -> FieldValue | None:
        """Return what the route sets ``name`` to."""
        return next((each.value for each in self.fields if each.name == name), None)


# ----------------------------------------------------------------------------------- sources


@dataclass(frozen=True, slots=True)
class SourceDecoding:
    """How the records of one source are framed; None is what the configuration says for all.

    ``schema_file`` is for raw records.
    """

    wire_format: str | None
    schema_file: str | None


@dataclass(frozen=True, slots=True)
class Debezium:
    """The row is in ``after``; a delete is skipped like a tombstone."""


@dataclass(frozen=True, slots=True)
class AvroBytes:
    """The event is Avro bytes at ``path``. ``files`` are its schemas by what stands at ``type_path``.

    Without a ``type_path`` there is one file, under the empty name.
    """

    path: Path
    type_path: Path | None
    files: tuple[tuple[str, Nested], ...]


Unwrap: TypeAlias = Debezium | AvroBytes | None


@dataclass(frozen=True, slots=True)
class SourceDefinition:
    """One entry of ``sources``. ``topics`` that begin with ``^`` are regular expressions."""

    topics: tuple[str, ...]
    canonical: bool
    decoding: SourceDecoding | None
    unwrap: Unwrap
    routes: tuple[Route, ...]
    place: Place = field(compare=False)
