"""Points in time from the forms that events have them in. Exact to the microsecond; finer digits are cut."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final

from consumer.core.meaning.mapping.values import WrongValue, number, text, wanted

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Room for every number that ``values.number`` lets through.
_WIDE: Final = Context(prec=100)
#: RFC 3339, section 5.6; a lower-case t or z is allowed there, and a space for the T.
_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,18}))?(?:([Zz])|([+-]\d\d:\d\d))", re.ASCII
)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def epoch(value: object, per_second: int) -> datetime:
    """Return the moment that is ``value`` parts of a second after the beginning of 1970 in UTC."""
    if isinstance(value, datetime):
        raise WrongValue("is a timestamp already: leave the converter out")
    count = number(value)
    try:
        return _EPOCH + timedelta(microseconds=_microseconds(count, per_second))
    except OverflowError:
        raise WrongValue("is a time outside the years 1 to 9999") from None


def _microseconds(count: int | Decimal, per_second: int) -> int:
    if isinstance(count, int):
        return count * 1_000_000 // per_second
    parts = _WIDE.divide(_WIDE.multiply(count, Decimal(1_000_000)), Decimal(per_second))
    return int(parts.to_integral_value(rounding=ROUND_FLOOR, context=_WIDE))


def rfc3339(value: object) -> datetime:
    """Return the moment that a text like ``2026-11-28T12:30:00.5+05:30`` names; it must have an offset."""
    found = _RFC3339.fullmatch(text(value))
    if found is None:
        raise WrongValue("is a text that is no time of RFC 3339 (2026-11-28T12:30:00Z)")
    day, clock, fraction, _, offset = found.groups()
    try:
        return datetime.fromisoformat(
            f"{day}T{clock}.{(fraction or '0')[:6].ljust(6, '0')}{offset or '+00:00'}"
        )
    except ValueError:
        raise WrongValue("is a text with a date or time that there is not") from None


def day(value: object) -> datetime:
    """Return the beginning of a day in UTC, from an Avro date or a text like ``2026-11-28``."""
    if isinstance(value, datetime):
        raise WrongValue("is a timestamp already: leave the converter out")
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    written = text(value) if isinstance(value, str | bytes) else None
    if written is None:
        raise wanted(value, "a date")
    if not _DATE.fullmatch(written):
        raise WrongValue("is a text that is no date (2026-11-28)")
    try:
        return datetime.fromisoformat(f"{written}T00:00:00+00:00")
    except ValueError:
        raise WrongValue("is a text with a date that there is not") from None
