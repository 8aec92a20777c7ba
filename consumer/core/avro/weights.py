"""What the values of an Avro type can cost at their worst, per byte on the wire.

A byte can be made to stand for much: an array whose items have 500 fields of null turns two bytes into 20 kB
of memory. So the weight of a schema is worked out once, and from it the largest message that stays within
:data:`MESSAGE_BUDGET`; decoding itself then needs no further checks. Every weight is an upper bound: a value
of ``n`` bytes costs at most ``base + rate * n`` units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

#: The largest message, whatever its schema: room for more than a thousand lines of an order.
MAX_MESSAGE_BYTES: Final = 256 * 1024
#: What one message may cost once decoded. A unit is a byte of memory, or the nanosecond or two that fastavro
#: takes to make it.
MESSAGE_BUDGET: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Weight:
    """What a value of a type costs.

    ``least``: the fewest bytes it takes on the wire. ``base``: units that it costs however small it is.
    ``rate``: further units for each of its bytes. ``levels``: how deep it is nested. ``fields``: how many
    there are in it, those of a named type counted at each use.
    """

    least: int
    base: int
    rate: int = 0
    levels: int = 1
    fields: int = 0

    @property
    def max_bytes(self) -> int:
        """The largest message of this type that stays within the budget, at most MAX_MESSAGE_BYTES."""
        return max(0, min(MAX_MESSAGE_BYTES, (MESSAGE_BUDGET - self.base) // max(1, self.rate)))

    def cost(self, size: int) -> int:
        """Return what a message of ``size`` bytes costs at most, in units of the budget."""
        return self.base + self.rate * size


#: Sizes of CPython 3.11's objects, rounded up. A text of one rare character takes four bytes for each letter.
PRIMITIVES: Final[Mapping[str, Weight]] = {
    "null": Weight(least=0, base=0),
    "boolean": Weight(least=1, base=8),
    "int": Weight(least=1, base=40),
    "long": Weight(least=1, base=40),
    "float": Weight(least=4, base=24),
    "double": Weight(least=8, base=24),
    "bytes": Weight(least=1, base=40, rate=1),
    "string": Weight(least=1, base=80, rate=4),
}
ENUM: Final = Weight(least=1, base=8)
#: What a logical type costs on top; those that are read in Python (``consumer.core.avro.logical``) cost time.
_LOGICAL: Final = 120
_LOGICALS: Final[Mapping[str, int]] = {
    "decimal": 600,
    "big-decimal": 1_500,
    "date": 300,
    "time-millis": 500,
    "time-micros": 500,
    "uuid": 500,
}
_FIXED: Final = 40
_CONTAINER: Final = 200
#: A dictionary, and most of all the time that fastavro takes to match its fields with the reader's.
_RECORD: Final = 600
_FIELD: Final = 40
_ITEM: Final = 24
_ENTRY: Final = 200


def weigh_fixed(size: int) -> Weight:
    """Return the weight of a fixed type of ``size`` bytes."""
    return Weight(least=size, base=_FIXED + size)


def weigh_logical(plain: Weight, logical: str) -> Weight:
    """Return the weight of ``logical`` over ``plain``: a date or an id on top of the number or text."""
    return Weight(least=plain.least, base=plain.base + _LOGICALS.get(logical, _LOGICAL), rate=plain.rate)


def weigh_union(branches: Sequence[Weight]) -> Weight:
    """Return the weight of a union of at least one branch: one byte says which."""
    return Weight(
        least=1 + min(branch.least for branch in branches),
        base=max(branch.base for branch in branches),
        rate=max(branch.rate for branch in branches),
        levels=1 + max(branch.levels for branch in branches),
        fields=sum(branch.fields for branch in branches),
    )


def weigh_record(fields: Sequence[Weight]) -> Weight:
    """Return the weight of a record."""
    return Weight(
        least=sum(field.least for field in fields),
        base=_RECORD + sum(_FIELD + field.base for field in fields),
        rate=max((field.rate for field in fields), default=0),
        levels=1 + max((field.levels for field in fields), default=0),
        fields=sum(1 + field.fields for field in fields),
    )


def weigh_array(item: Weight) -> Weight:
    """Return the weight of an array; an ``item`` takes at least one byte."""
    return _repeated(item.base + _ITEM, item.least, item)


def weigh_map(value: Weight) -> Weight:
    """Return the weight of a map; a key is a text."""
    key = PRIMITIVES["string"]
    widest = Weight(value.least, value.base, max(key.rate, value.rate), value.levels, value.fields)
    return _repeated(key.base + value.base + _ENTRY, key.least + value.least, widest)


def _repeated(base: int, least: int, content: Weight) -> Weight:
    """Return the weight of as many contents as the bytes have room for."""
    each_byte = -(-base // least)
    return Weight(
        least=1,
        base=_CONTAINER,
        rate=content.rate + each_byte,
        levels=1 + content.levels,
        fields=content.fields,
    )
