"""What the values of an Avro type can cost at their worst, per byte on the wire.

A byte can be made to stand for much: an array whose items have 500 fields of null turns two bytes into 20 kB
of memory. So the weight of a schema is worked out once, and from it the largest message that stays within
:data:`MESSAGE_BUDGET`; decoding itself then needs no further checks. Every weight is an upper bound: a value
of ``n`` bytes costs at most ``base + rate * n`` units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

#: The largest message, whatever its schema: room for more than a thousand lines of an order.
MAX_MESSAGE_BYTES: Final = 256 * 1024
#: What one message may cost once decoded, so that it takes no 64 MiB and no tenth of a second. A unit is a
#: byte of memory or, on an ordinary core, a nanosecond and a half, whichever is more. Measured with
#: CPython 3.11 and fastavro 1.13; ``tests/unit/core/avro/test_hostile.py`` holds every kind of value to it.
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

    def times(self, factor: int) -> "Weight":
        """Return the weight of a type whose values cost ``factor`` times as much."""
        return replace(self, base=self.base * factor, rate=self.rate * factor)

    def cost(self, size: int) -> int:
        """Return what a message of ``size`` bytes costs at most, in units of the budget."""
        return self.base + self.rate * size


#: A text of one rare character takes four bytes for each letter; a float takes the time to find its digits.
PRIMITIVES: Final[Mapping[str, Weight]] = {
    "null": Weight(least=0, base=0),
    "boolean": Weight(least=1, base=60),
    "int": Weight(least=1, base=40),
    "long": Weight(least=1, base=40),
    "float": Weight(least=4, base=3_000),
    "double": Weight(least=8, base=40),
    "bytes": Weight(least=1, base=110, rate=1),
    "string": Weight(least=1, base=180, rate=4),
}
ENUM: Final = Weight(least=1, base=120)
#: What a logical type costs on top: all but those that are left as they are.
_LOGICAL: Final = 750
_LOGICALS: Final[Mapping[str, int]] = {"decimal": 950, "big-decimal": 2_000, "date": 450, "uuid": 500}
_FIXED: Final = 40
_CONTAINER: Final = 200
#: A dictionary, and the time that fastavro takes to match its fields with the reader's.
_RECORD: Final = 400
_FIELD: Final = 70
_UNION: Final = 220
_TOLD_UNION: Final = 600
_ITEM: Final = 24
_ENTRY: Final = 200


def weigh_fixed(size: int) -> Weight:
    """Return the weight of a fixed type of ``size`` bytes."""
    return Weight(least=size, base=_FIXED + size)


def weigh_logical(plain: Weight, logical: str) -> Weight:
    """Return the weight of ``logical`` over ``plain``: a date or an id on top of the number or text."""
    return Weight(least=plain.least, base=plain.base + _LOGICALS.get(logical, _LOGICAL), rate=plain.rate)


def weigh_union(branches: Sequence[Weight], *, told: bool) -> Weight:
    """Return the weight of a union of at least one branch: one byte says which.

    ``told``: several branches are records, and the value says which of them it is.
    """
    return Weight(
        least=1 + min(branch.least for branch in branches),
        base=(_TOLD_UNION if told else _UNION) + max(branch.base for branch in branches),
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
