"""The texts that rates come in → a table, or everything that is wrong with them, by line.

Two kinds. The European Central Bank's reference rates as it publishes them (``eurofxref-hist.csv``,
``eurofxref-hist-90d.csv`` and the single day ``eurofxref.csv``: a column for each currency, units for 1 euro,
``N/A`` where there is none, a comma at the end of each line; source:
https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates/). And a file of one's
own: a line for each rate, ``date,currency,rate``.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

from consumer.core.meaning.money import is_currency
from consumer.core.meaning.rates import MAX_RATE_DIGITS, Conflict, Growth, RateRows, RateTable

#: Most characters of a file: all days since 1999 are below 2 million.
MAX_CHARACTERS: Final = 8 * 1024 * 1024

#: Most rates of a file: 100 currencies for 20 years of working days.
MAX_RATES: Final = 500_000

#: Most mistakes that are told of one file.
MAX_FAULTS: Final = 20

#: What the European Central Bank's rates are against.
ECB_BASE: Final = "EUR"

_COLUMNS: Final = "date,currency,rate"
_RATE: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
#: The single day's file says 14 November 2025.
_LONG_DATE: Final = re.compile(r"([0-9]{1,2}) ([A-Z][a-z]+) ([0-9]{4})", re.ASCII)
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_NONE: Final = frozenset({"", "N/A"})
#: A clock here and one there may be on different days.
_AHEAD: Final = timedelta(days=1)

_ECB_CURE: Final = "download it anew from the European Central Bank, as eurofxref-hist.csv or .zip"
_OWN_CURE: Final = "write lines like 2025-11-14,USD,1.1648 below a first line " + _COLUMNS


class RateFault(NamedTuple):
    """A mistake in a file of rates: its line (from 1; 0: the file as a whole), what is wrong, what helps."""

    line: int
    what: str
    cure: str


Parsed: TypeAlias = RateTable | tuple[RateFault, ...]


@dataclass(slots=True)
class _Reader:
    """Collects rows and faults of one file."""

    latest: date
    cure: str
    faults: list[RateFault] = field(default_factory=list)
    rows: RateRows = field(default_factory=RateRows)

    def fault(self, line: int, what: str) -> None:
        self.faults.append(RateFault(line, what, self.cure))

    def day(self, line: int, text: str) -> date | None:
        day = _date(text)
        if day is None:
            self.fault(line, "has no date in its first field")
        elif day > self.latest:
            self.fault(line, "is dated in the future")
        else:
            return day
        return None

    def rate(self, line: int, text: str, name: str) -> Decimal | None:
        digits = text.replace(".", "").lstrip("0")
        if not _RATE.fullmatch(text):
            self.fault(line, f"has a rate of {name} that is no number in plain digits")
        elif not digits:
            self.fault(line, f"has a rate of {name} that is 0")
        elif len(digits) > MAX_RATE_DIGITS or len(text.partition(".")[2]) > MAX_RATE_DIGITS:
            self.fault(line, f"has a rate of {name} with more than {MAX_RATE_DIGITS} digits")
        else:
            return Decimal(text)
        return None

    @property
    def is_full(self) -> bool:
        return len(self.faults) >= MAX_FAULTS or self.rows.count > MAX_RATES

    def table(self, base: str, growth: Growth, max_age_days: int) -> Parsed:
        if not self.faults and not self.rows.count:
            self.fault(0, "holds no rate")
        if self.rows.count > MAX_RATES:
            self.fault(0, f"holds more than {MAX_RATES} rates")
        if self.faults:
            return tuple(self.faults)
        return self.rows.table(base, growth, max_age_days)


def read_ecb(text: str, *, max_age_days: int, today: date) -> Parsed:
    """Return the European Central Bank's rates in ``text``, or what is wrong with it.

    Columns of currencies that are none any more (ISO 4217 has withdrawn them) are left out: no amount can be
    in them. ``today`` is the UTC date, which no rate is dated behind.
    """
    reader = _Reader(today + _AHEAD, _ECB_CURE)
    if len(text) > MAX_CHARACTERS:
        reader.fault(0, f"is longer than {MAX_CHARACTERS} characters")
        return tuple(reader.faults)
    lines = _lines(text)
    number, header = next(lines, (1, list[str]()))
    names = header[1:-1] if header[-1:] == [""] else header[1:]
    if not header or header[0] != "Date" or not names or not all(map(_is_code, names)):
        reader.fault(number, "is no header of the ECB's rates: Date and the codes of the currencies")
        return tuple(reader.faults)
    if len(set(names)) < len(names):
        reader.fault(number, "names a currency twice")
    seen: dict[date, int] = {}
    for line, fields in lines:
        if reader.is_full:
            break
        if len(fields) == len(header):
            _read_day(reader, line, fields, names, seen)
        else:  # also a last line that is cut off, by its missing comma
            reader.fault(line, f"has {len(fields)} fields, and the header {len(header)}")
    return reader.table(ECB_BASE, Growth.DAILY, max_age_days)


def _read_day(
    reader: _Reader, line: int, fields: Sequence[str], names: Sequence[str], seen: dict[date, int]
) -> None:
    day = reader.day(line, fields[0])
    if day in seen:
        reader.fault(line, f"has the date of line {seen[day]}")
    elif day is not None:
        seen[day] = line
        for name, text in zip(names, fields[1:], strict=False):
            if text in _NONE or not is_currency(name) or name == ECB_BASE:
                continue
            rate = reader.rate(line, text, name)
            if rate is not None:
                reader.rows.add(day, name, rate)


def read_own(text: str, base: str, *, max_age_days: int, today: date) -> Parsed:
    """Return the rates against ``base`` in a file of one's own, or what is wrong with it.

    The first line is ``date,currency,rate``, each further one a rate: 1 unit of the base in the currency.
    Blank lines and lines that begin with ``#`` say nothing. The last line has an end, so that a file that is
    cut off is noticed. ``today`` as for :func:`read_ecb`.
    """
    reader = _Reader(today + _AHEAD, _OWN_CURE)
    if len(text) > MAX_CHARACTERS:
        reader.fault(0, f"is longer than {MAX_CHARACTERS} characters")
        return tuple(reader.faults)
    lines = _lines(text)
    number, header = next(lines, (1, list[str]()))
    if ",".join(header) != _COLUMNS:
        reader.fault(number, f"is not the header {_COLUMNS}")
        return tuple(reader.faults)
    if not text.endswith("\n"):
        reader.fault(text.count("\n") + 1, "has no line end: the file may be cut off there")
    seen: dict[tuple[date, str], int] = {}
    for line, fields in lines:
        if reader.is_full:
            break
        _read_rate(reader, line, fields, base, seen)
    return reader.table(base, Growth.FREE, max_age_days)


def _read_rate(
    reader: _Reader, line: int, fields: Sequence[str], base: str, seen: dict[tuple[date, str], int]
) -> None:
    if len(fields) != len(_COLUMNS.split(",")):
        reader.fault(line, f"has {len(fields)} fields instead of 3")
        return
    day = reader.day(line, fields[0])
    currency, text = fields[1], fields[2]
    if not is_currency(currency):
        reader.fault(line, "has no current ISO 4217 code in upper case in its second field")
        return
    rate = reader.rate(line, text, currency)
    if currency == base:
        reader.fault(line, f"has a rate of {base}, which is the base")
    elif day is not None and rate is not None:
        first = seen.setdefault((day, currency), line)
        if first != line:
            reader.fault(line, f"has the date and the currency of line {first}")
        reader.rows.add(day, currency, rate)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each line that says something, with its number: its fields."""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        content = line.strip()
        if content and not content.startswith("#"):
            yield number, [part.strip() for part in content.split(",")]


def _is_code(name: str) -> bool:
    return re.fullmatch("[A-Z]{3}", name) is not None


def _date(text: str) -> date | None:
    try:
        if _ISO_DATE.fullmatch(text):
            return date.fromisoformat(text)
        long = _LONG_DATE.fullmatch(text)
        if long is not None and long[2] in _MONTHS:
            return date(int(long[3]), _MONTHS.index(long[2]) + 1, int(long[1]))
    except ValueError:
        return None
    return None


def replacing(current: RateTable, new: Parsed, reporting: str) -> Parsed:
    """Return the table that takes the place of ``current`` once its file holds ``new``, or why none does.

    Refused is a file with mistakes, one without ``reporting``, and one that changes a rate that was there.
    """
    new = usable(new, reporting)
    if not isinstance(new, RateTable):
        return new
    table = current.extended_by(new)
    if isinstance(table, Conflict):
        what = f"changes the rate of {table.currency} of {table.day}, by which payments may have been sent"
        return (RateFault(0, what, "put the old rate back, or restart with the new one on purpose"),)
    return table


def doubt(table: RateTable) -> RateFault | None:
    """Return what is worth a second look in a table that can be used."""
    if not table.is_short:
        return None
    what = "spans fewer days than currency.rates.max_age_days: payments from before its first day wait"
    return RateFault(0, what, "add the older days, with source: ecb by the whole history, eurofxref-hist.zip")


def usable(parsed: Parsed, reporting: str) -> Parsed:
    """Return ``parsed``, or what is wrong where it does not lead to the currency ``reporting``."""
    if isinstance(parsed, RateTable) and reporting not in parsed.currencies:
        what = f"has no rate of {reporting}, which is currency.reporting"
        return (RateFault(0, what, "use rates that list it, or report in a currency that they list"),)
    return parsed
