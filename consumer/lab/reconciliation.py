"""Compare what must have become of the sample events with what did: to the last digit, payment by payment."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from consumer.lab.expectation import Expectation, Revenue
from consumer.lab.ledger import EXACT, Outcome, Payment

#: Requests that a correct client never sends: the log may not hold a single one.
_NEVER: Final = (Outcome.MALFORMED, Outcome.UNKNOWN_PATH)


@dataclass(frozen=True, slots=True)
class Observation:
    """What there is after the run.

    ``recorded`` and ``removed`` are the API's ledger, ``outcomes`` the counts of its request log,
    ``dead_letters`` the records of the dead-letter topic by reason, ``skipped`` the service's own count by
    reason, ``offsets`` (committed, end) by partition.
    """

    recorded: Iterable[Payment]
    removed: Iterable[Payment]
    outcomes: Mapping[str, int]
    dead_letters: Mapping[str, int]
    skipped: Mapping[str, int]
    offsets: Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: counts, and exact sums where it is about money."""

    outcome: str
    detail: str
    expected: int
    found: int
    expected_sum: Decimal | None = None
    found_sum: Decimal | None = None

    @property
    def agrees(self) -> bool:
        """Whether both counts and both sums are the same."""
        return self.expected == self.found and self.expected_sum == self.found_sum


@dataclass(frozen=True, slots=True)
class Report:
    """The table, and every difference in a sentence."""

    rows: tuple[Row, ...]
    differences: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether nothing at all differs."""
        return not self.differences


def reconcile(expectation: Expectation, observation: Observation) -> Report:
    """Compare; rows are by outcome, then by currency or reason."""
    recorded = {_key(payment): payment for payment in observation.recorded}
    removed = {_key(payment): payment for payment in observation.removed}
    expected_removed = {_key(revenue): revenue for revenue in expectation.removed}
    ends = {partition: end for partition, (_, end) in observation.offsets.items()}
    committed = {partition: offset for partition, (offset, _) in observation.offsets.items()}
    rows = (
        *_money_rows("captured", expectation.recorded, recorded),
        *_money_rows("removed", expected_removed, removed),
        *_count_rows("skipped", expectation.skipped, observation.skipped),
        *_count_rows("dead letter", expectation.dead_letters, observation.dead_letters),
        *_count_rows("wrong call", {}, {name: observation.outcomes.get(name, 0) for name in _NEVER}),
        Row("committed", "offsets", sum(ends.values()), sum(committed.values())),
    )
    differences = (
        *_payment_differences("captured", expectation.recorded, recorded),
        *_payment_differences("removed", expected_removed, removed),
        *(
            f"partition {number}: committed {committed[number]} of {end}"
            for number, end in ends.items()
            if committed[number] != end
        ),
        *(
            f"{row.outcome} {row.detail}: expected {row.expected}, found {row.found}"
            for row in rows
            if row.outcome in _COUNTED and not row.agrees
        ),
    )
    return Report(rows, differences)


_COUNTED: Final = frozenset({"skipped", "dead letter", "wrong call"})
_Key = tuple[str, str]


def _key(payment: Payment | Revenue) -> _Key:
    """Return what the API deduplicates by."""
    return payment.type, payment.payment_id


def _money_rows(
    outcome: str, expected: Mapping[_Key, Revenue], found: Mapping[_Key, Payment]
) -> Iterator[Row]:
    """Yield a row per currency of the events; what was never expected is in a row of its own.

    The ledger knows a currency only where ``event_data`` names it, so payments are matched first and then
    added up by the currency of their event.
    """
    currency_of = {key: revenue.currency for key, revenue in expected.items()}
    wanted = _by_currency(expected.items(), lambda key: currency_of[key])
    got = _by_currency(found.items(), lambda key: currency_of.get(key, "unexpected"))
    for currency in sorted(wanted.keys() | got.keys()):
        (count, total), (count_found, total_found) = (
            side.get(currency, (0, Decimal(0))) for side in (wanted, got)
        )
        yield Row(outcome, currency, count, count_found, total, total_found)


def _by_currency(
    payments: Iterable[tuple[_Key, Payment | Revenue]], currency: Callable[[_Key], str]
) -> dict[str, tuple[int, Decimal]]:
    """Return count and exact sum by currency."""
    totals: dict[str, tuple[int, Decimal]] = {}
    for key, payment in payments:
        count, total = totals.get(currency(key), (0, Decimal(0)))
        totals[currency(key)] = count + 1, EXACT.add(total, payment.amount)
    return totals


def _count_rows(outcome: str, expected: Mapping[str, int], found: Mapping[str, int]) -> Iterator[Row]:
    """Yield a row per reason that occurs on either side."""
    for reason in sorted(name for name in expected.keys() | found.keys() if _either(name, expected, found)):
        yield Row(outcome, reason, expected.get(reason, 0), found.get(reason, 0))


def _either(name: str, expected: Mapping[str, int], found: Mapping[str, int]) -> bool:
    return bool(expected.get(name, 0) or found.get(name, 0))


def _payment_differences(
    outcome: str, expected: Mapping[_Key, Revenue], found: Mapping[_Key, Payment]
) -> Iterator[str]:
    """Yield what differs, payment by payment. They are made up, so they may be named."""
    for key in sorted(expected.keys() | found.keys()):
        name = f"{outcome} {key[1]!r} ({key[0]})"
        wanted, got = expected.get(key), found.get(key)
        if got is None:
            yield f"{name}: missing"
        elif wanted is None:
            yield f"{name}: unexpected"
        else:
            yield from (f"{name}: {what}" for what in _details(wanted, got))


def _details(wanted: Revenue, got: Payment) -> Iterator[str]:
    """Yield what differs between an event and its record."""
    pairs: Mapping[str, tuple[object, object]] = {
        "amount": (wanted.amount, got.amount),
        "user": (wanted.user_id, got.user_id),
        "status": ("PAYMENT_COMPLETED", got.status),
        "currency in event_data": (wanted.currency if wanted.labelled else None, got.currency),
    }
    for name, (want, have) in pairs.items():
        if want != have:
            yield f"{name} is {have}, expected {want}"
