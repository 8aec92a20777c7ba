"""Typed reading of a decoded Avro record: the border between dicts and values.

The decoder has checked the record against its schema, so a wrong type can't occur. Should one occur all the
same, it is the event that is wrong, not this process: every reader raises :class:`InvalidField`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from consumer.core.meaning.intents import Scalar
from consumer.core.meaning.money import InvalidMoney, Money, from_minor_units

_T = TypeVar("_T")


class InvalidField(ValueError):
    """A field has no usable value; the text names the field and what is wrong, never the value."""


def is_blank(text: str) -> bool:
    """Tell whether ``text`` is empty or white space only."""
    return not text or text.isspace()


class Fields:
    """The fields of one decoded record, read by name and type; a missing field reads as null.

    Every method raises :class:`InvalidField` where the value is not of the type that it promises.
    """

    __slots__ = ("_record",)

    def __init__(self, record: Mapping[str, object]) -> None:
        self._record = record

    def text(self, name: str) -> str:
        """Return a string, verbatim; it may be blank."""
        value = self._record.get(name)
        if isinstance(value, str):
            return value
        raise InvalidField(f"{name} is not a string")

    def filled_text(self, name: str) -> str:
        """Return a string, verbatim, that is not blank."""
        value = self.text(name)
        if is_blank(value):
            raise InvalidField(f"{name} is blank")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a string or null."""
        return None if self.is_null(name) else self.text(name)

    def integer(self, name: str) -> int:
        """Return an integer; a boolean is none."""
        value = self._record.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise InvalidField(f"{name} is not an integer")

    def moment(self, name: str) -> datetime:
        """Return a point in time with its offset from UTC."""
        value = self._record.get(name)
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value
        raise InvalidField(f"{name} is not a point in time")

    def choice(self, name: str, choices: Mapping[str, _T]) -> _T:
        """Return what ``choices`` has for the symbol of an enum."""
        symbol = self.text(name)
        if symbol in choices:
            return choices[symbol]
        raise InvalidField(f"{name} is not a symbol of its enum")

    def money(self, name: str) -> Money:
        """Return an exact amount in major units from a ``Money`` record."""
        record = Fields(_record(name, self._record.get(name)))
        digits = None if record.is_null("fraction_digits") else record.integer("fraction_digits")
        try:
            return from_minor_units(record.integer("minor_units"), record.text("currency"), digits)
        except InvalidMoney as wrong:
            raise InvalidField(f"{name} {wrong}") from wrong

    def records(self, name: str) -> tuple["Fields", ...]:
        """Return an array of records, in order; null is an empty one."""
        value = self._record.get(name)
        if value is None:
            return ()
        if isinstance(value, list):
            return tuple([Fields(_record(name, row)) for row in value])
        raise InvalidField(f"{name} is not an array")

    def scalars(self, name: str) -> dict[str, Scalar]:
        """Return a map of scalars; null is an empty one."""
        value = self._record.get(name)
        if value is None:
            return {}
        scalars: dict[str, Scalar] = {}
        for key, scalar in _record(name, value).items():
            if scalar is not None and not isinstance(scalar, bool | int | float | str):
                raise InvalidField(f"{name} has a value that is not a scalar")
            scalars[key] = scalar
        return scalars

    def is_null(self, name: str) -> bool:
        """Tell whether the field is null or missing."""
        return self._record.get(name) is None


def _record(name: str, value: object) -> Mapping[str, object]:
    """Return ``value`` as a mapping with string keys."""
    if not isinstance(value, dict):
        raise InvalidField(f"{name} is not a record")
    for key in value:  # all() would take three times as long, for each line of an order
        if not isinstance(key, str):
            raise InvalidField(f"{name} is not a record")
    return value
