"""Exchange rates by the date of the event: which rate counts, what to wait for, what can never be had.

The rate of an event is the newest one dated *strictly before* its UTC date: that day's own rate appears in
the course of it, so an answer that used it would change with the hour. Every currency has its own series
against one base; from one to another the way leads through the base, exactly, without a rounding between.

======================================================================  ================  ================
no rate of the currency within ``max_age_days`` before the event        DAILY (ECB)       FREE (own file)
======================================================================  ================  ================
the table does not list the currency                                    Never             Never
the event is of the day on which the ECB began, or of one before        Never             Waits
the event is of the first day of the table, or of one before            Waits             Waits
the table ends before the event's eve, the currency goes on until then  Waits             Waits
the table ends before the event's eve, the currency has ended earlier   Never             Waits
the table goes on to the event's eve, and has no day in those           Waits             Waits
the table goes on to the event's eve, and has days in those             Never             Waits
======================================================================  ================  ================

``Waits`` is a rate that somebody can still bring: tomorrow's, or one that was left out. ``Never`` is a
currency or a date that the source does not have and won't get. How a file happens to be cut is no reason for
it: the ECB has every working day since :data:`ECB_BEGINS`, whatever our copy begins with or leaves out. A
source of daily lists (``DAILY``) closes a day once and for all: a list that is there and lacks the currency
(it begins later, or has a gap) will never have it. In a file of one's own (``FREE``) a row can be added for
any day. ``ended``: not listed for more than ``max_age_days`` before the table's end.
Static rates (``STATIC``) have no date and are valid on every day.
"""

from array import array
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from enum import Enum, auto
from typing import Final, NamedTuple, TypeAlias

from consumer.core.meaning.money import Money

#: The day of the first euro foreign exchange reference rates of the European Central Bank. Source:
#: https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates/
ECB_BEGINS: Final = date(1999, 1, 4)

#: Most digits of a rate: those that fit into 64 bits.
MAX_RATE_DIGITS: Final = 18

#: Most digits of an amount before the point, and behind it, that is converted.
MAX_AMOUNT_DIGITS: Final = 60


class Unconvertible(ValueError):
    """An amount that no conversion takes; the text says what about it is wrong, never the amount."""


class Growth(Enum):
    """How the source of a table goes on."""

    STATIC = auto()
    """Not at all: its rates have no date and are valid always."""
    DAILY = auto()
    """By one day at a time, with all currencies of that day; what is past stays as it is."""
    FREE = auto()
    """By any row for any day."""


@dataclass(frozen=True, slots=True)
class Quote:
    """The rate between two currencies for one event: ``source`` units of the one are ``target`` of the other.

    ``dated`` is the date of the older of the two rates, None where neither has one.
    """

    source: Decimal
    target: Decimal
    dated: date | None

    def convert(self, amount: Decimal, exponent: int) -> Decimal:
        """Return ``amount`` at this rate, rounded half-up, once, to ``exponent`` decimal digits.

        Exact up to that rounding. Raises :class:`Unconvertible` for more digits than any amount has.
        """
        if amount.is_finite() and amount:
            _, digits, low = amount.as_tuple()
            # is_finite() says that the exponent is a number
            if amount.adjusted() > MAX_AMOUNT_DIGITS or not _is_small(low) or len(digits) > MAX_AMOUNT_DIGITS:
                raise Unconvertible("has more digits than can be converted")
        elif not amount.is_finite():
            raise Unconvertible("is no number")
        exact = _WIDE.divide(_WIDE.multiply(amount, self.target), self.source)
        return _WIDE.quantize(exact, Decimal((0, (1,), -exponent)))


@dataclass(frozen=True, slots=True)
class Waits:
    """The rate is not there yet. ``detail`` says what is missing: a sentence's end, with no event's data."""

    detail: str


@dataclass(frozen=True, slots=True)
class Never:
    """The source can't supply the rate. ``detail`` says why, as that of :class:`Waits`."""

    detail: str


Found: TypeAlias = Quote | Waits | Never


@dataclass(frozen=True, slots=True)
class Conflict:
    """A new table gives another rate for a day and a currency that had one. Rates are no secret."""

    day: date
    currency: str


class _Series:
    """The rates of one currency by day; 13 bytes for each, as a history has 250 000 of them.

    Filled by :meth:`add` in any order, then put in order once by :meth:`sort`, and never changed again.
    """

    __slots__ = ("days", "exponents", "units")

    def __init__(self) -> None:
        self.days = array("i")
        self.units = array("q")
        self.exponents = array("b")

    def add(self, day: int, rate: Decimal) -> None:
        exponent = int(rate.as_tuple().exponent)
        self.days.append(day)
        self.units.append(int(rate.scaleb(-exponent)))
        self.exponents.append(exponent)

    def sort(self) -> None:
        """Put the days in ascending order; of two rates for one day the one that was added last stays."""
        newest = {day: at for at, day in enumerate(self.days)}
        order = [newest[day] for day in sorted(newest)]
        self.days = array("i", (self.days[at] for at in order))
        self.units = array("q", (self.units[at] for at in order))
        self.exponents = array("b", (self.exponents[at] for at in order))

    @property
    def first(self) -> int:
        return self.days[0]

    @property
    def last(self) -> int:
        return self.days[-1]

    def before(self, day: int) -> tuple[int, Decimal] | None:
        """Return the newest day before ``day`` with its rate."""
        at = bisect_left(self.days, day) - 1
        return (self.days[at], self.rate(at)) if at >= 0 else None

    def extending(self, old: "_Series") -> "_Series | int":
        """Return this series with the days that only ``old`` has, or the first day that it changes."""
        place = {day: at for at, day in enumerate(self.days)}
        kept = []
        for at, day in enumerate(old.days):
            here = place.get(day)
            if here is None:
                kept.append(at)
            elif self.units[here] == old.units[at] and self.exponents[here] == old.exponents[at]:
                continue  # the usual case, without making Decimals
            elif self.rate(here) != old.rate(at):
                return day
        if not kept:
            return self
        merged = _Series()
        for series, places in ((self, range(len(self.days))), (old, kept)):
            for at in places:
                merged.add(series.days[at], series.rate(at))
        merged.sort()
        return merged

    def rate(self, at: int) -> Decimal:
        return Decimal(self.units[at]).scaleb(self.exponents[at])


@dataclass(frozen=True, slots=True)
class RateTable:
    """All rates of one source. Made by :func:`static_rates`, :class:`RateRows` and :meth:`extended_by`.

    ``first`` and ``newest`` are the dates of its first and its last rates, None in a static table.
    """

    base: str
    growth: Growth
    max_age_days: int
    first: date | None
    newest: date | None
    _series: Mapping[str, _Series]
    _static: Mapping[str, Decimal]

    @property
    def currencies(self) -> frozenset[str]:
        """The currencies that it lists, the base among them."""
        return frozenset({self.base, *self._series, *self._static})

    @property
    def is_short(self) -> bool:
        """Whether it spans fewer days than a rate may be old: it is a day or a few, and no history."""
        if self.first is None or self.newest is None:
            return False
        return (self.newest - self.first).days < self.max_age_days

    def find(self, source: str, target: str, day: date) -> Found:
        """Return the rate from ``source`` to ``target`` for an event on the UTC date ``day``.

        What can never be had counts more than what only is to be waited for.
        """
        legs = self._leg(source, day), self._leg(target, day)
        for kind in (Never, Waits):
            for leg in legs:
                if isinstance(leg, kind):
                    return leg
        first, second = (leg for leg in legs if isinstance(leg, _Leg))
        dates = [leg.dated for leg in (first, second) if leg.dated is not None]
        return Quote(first.rate, second.rate, min(dates, default=None))

    def extended_by(self, new: "RateTable") -> "RateTable | Conflict":
        """Return ``new`` with all days that this table has besides, or the first rate that ``new`` changes.

        What was sent with a rate stays explained by it: a changed one is refused. A day that is only missing
        in ``new``, as in a file of the last 90 days, is kept.
        """
        together = dict(new._series)  # noqa: SLF001  (of the same class)
        for currency, series in self._series.items():
            merged = together[currency].extending(series) if currency in together else series
            if isinstance(merged, int):
                return Conflict(date.fromordinal(merged), currency)
            together[currency] = merged
        return _dated(new.base, new.growth, new.max_age_days, together)

    def _leg(self, currency: str, day: date) -> "_Leg | Waits | Never":
        """Return 1 unit of the base in ``currency``; the cases are those of the module's table."""
        if currency == self.base:
            return _Leg(Decimal(1), None)
        if currency in self._static:
            return _Leg(self._static[currency], None)
        series = self._series.get(currency)
        if series is None or self.first is None or self.newest is None:
            return Never(f"the rates do not list {currency}")
        found = series.before(day.toordinal())
        if found is not None and day.toordinal() - found[0] <= self.max_age_days:
            return _Leg(found[1], date.fromordinal(found[0]))
        return self._early(day, self.first) or self._missing(currency, day, self.newest, series)

    def _early(self, day: date, first: date) -> Waits | Never | None:
        """Return what becomes of a day that all rates come too late for; None: not of this one."""
        if self.growth is Growth.DAILY and day <= ECB_BEGINS:
            return Never(f"the European Central Bank has no rates from before {ECB_BEGINS}")
        if day > first:
            return None
        cure = "add older ones"
        if self.growth is Growth.DAILY:
            cure = "put the whole history, eurofxref-hist.zip, in the place of the file"
        return Waits(f"the rates begin on {first}, and the payment needs one from before it: {cure}")

    def _missing(self, currency: str, day: date, newest: date, series: _Series) -> Waits | Never:
        is_open = newest.toordinal() < day.toordinal() - 1
        goes_on = newest.toordinal() - series.last <= self.max_age_days
        if is_open and goes_on:
            last = date.fromordinal(series.last)
            return Waits(
                f"the newest rate of {currency} is of {last}, too old by currency.rates.max_age_days: "
                "put newer rates into the file"
            )
        if self.growth is Growth.FREE:
            return Waits(
                f"the rates have none of {currency} within currency.rates.max_age_days before the payment: "
                "add them"
            )
        if not is_open and not self._has_day_before(day):
            return Waits(
                "the rates have no day within currency.rates.max_age_days before the payment: add the days "
                "that are missing, or raise it where there are none"
            )
        return Never(f"the source gives no rate of {currency} for the days before the payment")

    def _has_day_before(self, day: date) -> bool:
        """Tell whether there are rates of any currency that would be new enough on ``day``."""
        found = (series.before(day.toordinal()) for series in self._series.values())
        return any(one is not None and day.toordinal() - one[0] <= self.max_age_days for one in found)


class _Leg(NamedTuple):
    rate: Decimal
    dated: date | None


def static_rates(base: str, rates: Mapping[str, Decimal]) -> RateTable:
    """Return a table of ``rates`` that are valid on every day: 1 unit of ``base`` in each currency."""
    return RateTable(base, Growth.STATIC, 0, None, None, {}, dict(rates))


class RateRows:
    """The rows of a source while it is read, in any order; of two for a day and currency the last counts."""

    def __init__(self) -> None:
        self._series: Final[dict[str, _Series]] = {}
        self.count = 0

    def add(self, day: date, currency: str, rate: Decimal) -> None:
        """Note that 1 unit of the base is ``rate`` units of ``currency``.

        It is above 0 and has at most :data:`MAX_RATE_DIGITS` digits.
        """
        if currency not in self._series:
            self._series[currency] = _Series()
        self._series[currency].add(day.toordinal(), rate)
        self.count += 1

    def table(self, base: str, growth: Growth, max_age_days: int) -> RateTable:
        """Return the table of these rows, one at least; nothing may be added any more.

        ``max_age_days`` is how many days before an event its rate may be dated at most.
        """
        for series in self._series.values():
            series.sort()
        return _dated(base, growth, max_age_days, self._series)


def _dated(base: str, growth: Growth, max_age_days: int, series: Mapping[str, _Series]) -> RateTable:
    first = date.fromordinal(min(one.first for one in series.values()))
    newest = date.fromordinal(max(one.last for one in series.values()))
    return RateTable(base, growth, max_age_days, first, newest, series, {})


def converted(money: Money, quote: Quote, target: str, exponent: int) -> Money:
    """Return ``money`` in ``target``, whose ISO 4217 exponent is ``exponent``. Raises Unconvertible."""
    return Money(quote.convert(money.amount, exponent), target)


def _is_small(exponent: int | str) -> bool:
    return isinstance(exponent, int) and exponent >= -MAX_AMOUNT_DIGITS


#: Products are exact in it, and a quotient that is no tie is far enough from one: an amount has at most 60
#: digits on either side of the point, a rate 18, so 2 * 60 + 2 * 18 and some more would do.
_WIDE: Final = Context(prec=300, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero, Overflow])
