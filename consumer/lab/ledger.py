"""What the simulated API keeps: the payments, by its own rule of deduplication, and a log of every request.

Pure state, no I/O and no clock. Amounts are exact: Decimals inside, strings in JSON.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from enum import StrEnum
from typing import Final

from consumer.lab.bodies import CaptureRequest, EraseRequest, RemoveRequest

#: Enough digits for any sum here; one that would have to be rounded raises instead.
EXACT: Final = Context(prec=100, traps=[Inexact])


class Outcome(StrEnum):
    """What a request did to the ledger. The log has ``fault:<name>`` where a fault kept it away from it."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    REMOVED = "removed"
    ERASED = "erased"
    NOTHING = "nothing"
    MALFORMED = "malformed"
    UNAUTHORIZED = "unauthorized"
    LIMITED = "limited"
    UNKNOWN_PATH = "unknown_path"


@dataclass(frozen=True, slots=True)
class Payment:
    """A recorded payment. ``seq`` is the request that recorded it."""

    seq: int
    type: str
    payment_id: str
    user_id: str
    amount: Decimal
    status: str
    currency: str | None

    def document(self) -> dict[str, object]:
        """Return the payment for JSON, with the amount as a string."""
        return {
            "seq": self.seq,
            "type": self.type,
            "payment_id": self.payment_id,
            "user_id": self.user_id,
            "amount": str(self.amount),
            "status": self.status,
            "currency": self.currency,
        }


@dataclass(frozen=True, slots=True)
class Total:
    """Count and exact sum of the recorded payments that share currency, type and status."""

    currency: str | None
    type: str
    status: str
    count: int
    sum: Decimal

    def document(self) -> dict[str, object]:
        """Return the total for JSON, with the sum as a string."""
        return {
            "currency": self.currency,
            "type": self.type,
            "status": self.status,
            "count": self.count,
            "sum": str(self.sum),
        }


@dataclass(slots=True)
class Ledger:
    """The recorded payments. The first record per (type, payment_id) wins; later ones change nothing.

    A removal deletes the records of a payment_id under every type and frees its deduplication key. What the
    real API does there is not documented; this is the answer that shows the mistake: a capture that
    arrives after its removal comes back to life.
    """

    _payments: dict[str, dict[str, Payment]] = field(default_factory=dict)
    _removed: list[Payment] = field(default_factory=list)

    def capture(self, request: CaptureRequest, seq: int) -> Outcome:
        """Record a payment, unless its type and payment_id are there already."""
        same_id = self._payments.setdefault(request.payment_id, {})
        if request.type in same_id:
            return Outcome.DUPLICATE
        same_id[request.type] = Payment(
            seq,
            request.type,
            request.payment_id,
            request.user_id,
            request.amount,
            request.status,
            request.currency,
        )
        return Outcome.APPLIED

    def remove(self, request: RemoveRequest) -> Outcome:
        """Delete the payment, whatever its type."""
        gone = self._payments.pop(request.payment_id, None)
        if gone is None:
            return Outcome.NOTHING
        self._removed.extend(gone.values())
        return Outcome.REMOVED

    def erase(self, request: EraseRequest) -> Outcome:
        """Delete every payment of the user."""
        gone = [payment for payment in self.payments() if payment.user_id == request.user_id]
        if not gone:
            return Outcome.NOTHING
        for payment in gone:
            del self._payments[payment.payment_id][payment.type]
        self._payments = {name: kept for name, kept in self._payments.items() if kept}
        self._removed.extend(gone)
        return Outcome.ERASED

    def payments(self) -> Iterator[Payment]:
        """Yield what is recorded now."""
        for same_id in self._payments.values():
            yield from same_id.values()

    @property
    def removed(self) -> tuple[Payment, ...]:
        """The payments that were recorded and removed since, in the order of their removal."""
        return tuple(self._removed)

    def totals(self) -> tuple[Total, ...]:
        """Return the recorded payments by currency, type and status, in that order."""
        counts: Counter[tuple[str, str, str]] = Counter()
        sums: dict[tuple[str, str, str], Decimal] = {}
        currencies: dict[str, str | None] = {}
        for payment in self.payments():
            currencies[payment.currency or ""] = payment.currency
            group = (payment.currency or "", payment.type, payment.status)
            counts[group] += 1
            sums[group] = EXACT.add(sums.get(group, Decimal(0)), payment.amount)
        return tuple(
            Total(currencies[group[0]], group[1], group[2], counts[group], sums[group])
            for group in sorted(counts)
        )


@dataclass(slots=True)
class Entry:
    """One request, in the log. Times are monotonic seconds of this machine; None: not (yet) answered.

    ``outcome`` says what became of the ledger, ``fault`` names what went wrong with the answer. ``body`` is
    kept as received; ``readable`` says that it is JSON.
    """

    seq: int
    path: str
    arrived: float
    body: bytes = b""
    readable: bool = False
    outcome: str | None = None
    fault: str | None = None
    status: int | None = None
    answered: float | None = None

    def line(self) -> str:
        """Return the entry as one line of JSON, its body as it came, so that amounts stay exact."""
        head: Mapping[str, object] = {
            "seq": self.seq,
            "arrived": self.arrived,
            "answered": self.answered,
            "path": self.path,
            "status": self.status,
            "outcome": self.outcome,
            "fault": self.fault,
        }
        if self.readable:
            # Inside JSON a line break is only ever white space: in a string it has to be escaped.
            body = self.body.decode("utf-8").replace("\n", " ").replace("\r", " ")
            return f'{json.dumps(head)[:-1]}, "body": {body}, "raw": null}}'
        raw = self.body.decode("utf-8", "backslashreplace")
        return json.dumps({**head, "body": None, "raw": raw})


@dataclass(slots=True)
class Journal:
    """Every request in the order of arrival. Grows by the body and 0.3 KiB per call, and only by calls."""

    _entries: list[Entry] = field(default_factory=list)

    def __len__(self) -> int:
        """Return how many requests have arrived."""
        return len(self._entries)

    def open(self, path: str, now: float) -> Entry:
        """Add the request that has just arrived at ``now`` and return its entry, to be completed."""
        entry = Entry(len(self._entries) + 1, path, now)
        self._entries.append(entry)
        return entry

    def entries(self, since: int = 0) -> Iterator[Entry]:
        """Yield the entries with a ``seq`` above ``since``."""
        for index in range(since, len(self._entries)):
            yield self._entries[index]

    def outcomes(self) -> dict[str, int]:
        """Return how many requests ended how; those that hang still are ``pending``."""
        return dict(Counter(entry.outcome or "pending" for entry in self._entries))

    def faults(self) -> dict[str, int]:
        """Return how many requests met which fault."""
        return dict(Counter(entry.fault for entry in self._entries if entry.fault))


@dataclass(slots=True)
class Bucket:
    """A token bucket: ``rate`` requests per second, as many at once. One for all callers.

    The documented limit is per source address over all paths; behind one address all callers share it, and
    in a lab they all come from one.
    """

    rate: float
    _tokens: float = field(default=-1.0)
    _last: float = 0.0

    def wait(self, now: float) -> float:
        """Take a token and return 0, or return the seconds until the next. ``now`` is monotonic seconds."""
        full = max(1.0, self.rate)
        self._tokens = full if self._tokens < 0 else min(full, self._tokens + (now - self._last) * self.rate)
        self._last = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self.rate
