"""What of a record may be shown: types and lengths, unless its owner says otherwise.

The rule is that a value is hidden and not that some are: what is shown is listed. Shown are null, words that
are known beforehand (symbols of a schema's enums, constants of a mapping, our own types and statuses), and
ISO 4217's codes of currencies. A text that is equal to such a word tells nobody anything new.
"""

import base64
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import asdict

from consumer.core.meaning.ecommerce import RESERVED
from consumer.core.meaning.intents import ContentType, PaymentStatus, PaymentType
from consumer.core.meaning.lifecycle import Kind, Status
from consumer.core.meaning.mapping.values import Minor
from consumer.core.meaning.money import Money, is_currency

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

#: What is shown, as JSON writes it.
Shown: TypeAlias = str | int | float | bool | Decimal | Sequence["Shown"] | Mapping[str, "Shown"] | None

#: Levels that are shown of a value: more than any schema has, and than JSON may have; a record of a union
#: takes two, one for its name.
MAX_LEVELS: Final = 64
#: What stands in place of all that is deeper.
DEEPER: Final = "<nested deeper>"

#: Words that stand in our own code.
OUR_WORDS: Final = frozenset(
    {
        *(
            member.value
            for kind in (PaymentType, PaymentStatus, ContentType, Kind, Status)
            for member in kind
        ),
        *RESERVED,
        *("user_id", "payment_id", "amount", "type", "status", "event_data", "id", "quantity", "item_price"),
    }
)


class Mask:
    """Shows values. ``known`` are more words that may be shown; with ``reveal`` everything is."""

    def __init__(self, known: Iterable[str] = (), *, reveal: bool = False) -> None:
        self._known: Final = OUR_WORDS.union(known)
        self.reveals: Final = reveal

    def shown(self, value: object, also: Collection[str] = ()) -> Shown:
        """Return ``value`` as it may be shown, its structure included; ``also`` are words shown this once.

        Whatever ``value`` is, what is returned can be written: its texts have a UTF-8 form, and it is not
        deeper than :data:`MAX_LEVELS`.
        """
        return self._shown(value, also, 0)

    def _shown(self, value: object, also: Collection[str], level: int) -> Shown:
        if level >= MAX_LEVELS and isinstance(value, Mapping | list | tuple):
            return DEEPER
        if isinstance(value, Mapping):
            return {name: self._shown(part, also, level + 1) for name, part in self._named(value)}
        if isinstance(value, tuple) and len(value) == _PAIR and isinstance(value[1], Mapping):
            return {writable(str(value[0])): self._shown(value[1], also, level + 1)}  # beside its name
        if isinstance(value, list | tuple):
            return [self._shown(part, also, level + 1) for part in value]
        return self._single(value, also, level)

    def _single(self, value: object, also: Collection[str], level: int) -> Shown:
        """Return a value of ours, or one without parts."""
        if isinstance(value, Money):
            return f"{self._scalar(value.amount, also)} {value.currency}"
        if isinstance(value, Minor):
            return f"{self._scalar(value.units, also)} minor units"
        if isinstance(value, Enum) or value is None:
            return None if value is None else str(value.value)
        if isinstance(value, Struct):
            return {name: self._shown(part, also, level + 1) for name, part in asdict(value).items()}
        return self._scalar(value, also)

    def _named(self, record: Mapping[object, object]) -> Iterable[tuple[str, object]]:
        """Give the entries, the names of unknown ones hidden: the keys of a map are data."""
        for number, (name, value) in enumerate(record.items(), 1):
            told = str(name)
            hidden = not self.reveals and told not in self._known
            yield (f"<name {number}, {count(len(told), 'character')}>" if hidden else writable(told)), value

    def _scalar(self, value: object, also: Collection[str]) -> Shown:
        if self.reveals:
            return _revealed(value)
        if isinstance(value, str):
            known = value in self._known or value in also or is_currency(value)
            return writable(value) if known else f"<text, {count(len(value), 'character')}>"
        if isinstance(value, bytes):
            return f"<bytes, {len(value)}>"
        return f"<{kind_of(value)}>"


def writable(text: str) -> str:
    r"""Return ``text`` with an escape (``\ud800``) for each half of a character, which UTF-8 lacks."""
    return text.encode("utf-8", "backslashreplace").decode()


def kind_of(value: object) -> str:
    """Return the kind of a single value in a word."""
    return next((told for kind, told in _KINDS if isinstance(value, kind)), "value")


def words_of(definition: object) -> frozenset[str]:
    """Return every text in a tree of frozen values, such as a source of a mapping: its author's words."""
    if isinstance(definition, str):
        return frozenset({definition})
    if is_dataclass(definition) and not isinstance(definition, type):
        return frozenset().union(*map(words_of, _parts(definition).values()))
    if isinstance(definition, tuple):
        return frozenset().union(*map(words_of, definition))
    return frozenset()


def count(number: int, thing: str) -> str:
    """Return ``1 field`` or ``2 fields``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


_PAIR: Final = 2

_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "double"),
    (Decimal, "decimal"),
    (str, "text"),
    (bytes, "bytes"),
    (datetime, "timestamp"),
    (date, "date"),
    (time, "time of day"),
)


def _parts(value: "DataclassInstance") -> Mapping[str, object]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _revealed(value: object) -> Shown:
    if isinstance(value, str):
        return writable(value)
    if value is None or isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date | time) else str(value)
