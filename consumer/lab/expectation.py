"""What must become of the sample events, worked out from the events alone.

This is the second opinion that a reconciliation needs: it shares no rule with the service. It is written
from the schema's documentation and the documented behaviour of the API, for the default lifecycle
(``partial_refunds: keep``, top-ups captured, withdrawals skipped, no statuses besides COMPLETED) and with
``event_data.on_invalid: omit``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, TypeAlias

from consumer.lab.bodies import TYPES
from consumer.lab.samples import Mishap, Sample
from consumer.lab.story import CURRENCIES, FOREIGN, Event

#: Decimal digits by currency, for all that exist in the samples; any other code is no currency.
_DIGITS: Final[Mapping[str, int]] = {**CURRENCIES, FOREIGN: 2}
_GIVES_BACK: Final = frozenset({"REFUND", "REVERSAL", "CHARGEBACK"})
_MOST_DIGITS: Final = 18

_MISHAPS: Final[Mapping[Mishap, str]] = {
    Mishap.GARBAGE: "undecodable",
    Mishap.FRAGMENT: "undecodable",
    Mishap.TRUNCATED: "undecodable",
    Mishap.TRAILING_BYTES: "undecodable",
    Mishap.OTHER_RECORD: "undecodable",
    Mishap.UNKNOWN_FINGERPRINT: "unknown_schema",
}


@dataclass(frozen=True, slots=True)
class Revenue:
    """A payment that the API has to record. ``labelled``: ``event_data`` names the currency too."""

    payment_id: str
    type: str
    user_id: str
    amount: Decimal
    currency: str
    labelled: bool


@dataclass(frozen=True, slots=True)
class Removal:
    """A payment that the API has to forget."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """An event that is not sent, for ``reason``."""

    reason: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record for the dead-letter topic, for ``reason``."""

    reason: str


Fate: TypeAlias = Revenue | Removal | Skipped | DeadLetter


@dataclass(slots=True)
class Expectation:
    """The sum of all fates, in the order of the records of each payment.

    ``accepted`` are the currencies that the service is told to send, ``refused`` the payments that the API
    is scripted to refuse for good. ``recorded`` is by (type, payment_id); ``calls`` counts events that
    become a call, ``nothing_to_remove`` those removals that find nothing.
    """

    accepted: frozenset[str]
    refused: frozenset[str] = frozenset()
    recorded: dict[tuple[str, str], Revenue] = field(default_factory=dict)
    removed: list[Revenue] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    nothing_to_remove: int = 0

    def add(self, sample: Sample) -> None:
        """Count one record; those of one payment have to come in their order."""
        fate = fate_of(sample, self.accepted)
        match fate:
            case Revenue():
                self._capture(fate)
            case Removal():
                self._remove(fate)
            case Skipped(reason):
                self.skipped[reason] += 1
            case DeadLetter(reason):
                self.dead_letters[reason] += 1

    def _capture(self, revenue: Revenue) -> None:
        """Record revenue once: the API ignores what follows under the same type and id."""
        self.calls += 1
        if revenue.payment_id in self.refused:
            self.dead_letters["refused"] += 1
        else:
            self.recorded.setdefault((revenue.type, revenue.payment_id), revenue)

    def _remove(self, removal: Removal) -> None:
        """Forget the payment under every type."""
        self.calls += 1
        found = [key for kind in TYPES if (key := (kind, removal.payment_id)) in self.recorded]
        self.removed.extend(self.recorded.pop(key) for key in found)
        self.nothing_to_remove += not found


def fate_of(sample: Sample, accepted: frozenset[str]) -> Fate:
    """Return what must become of a record by itself."""
    if sample.mishap is Mishap.TOMBSTONE:
        return Skipped("tombstone")
    if sample.mishap is not None:
        return DeadLetter(_MISHAPS[sample.mishap])
    event = sample.event or {}
    kind = str(event["kind"])
    if kind == "UNKNOWN":
        return Skipped("kind")
    if event["status"] != "COMPLETED":
        return Skipped("status")
    if kind == "WITHDRAWAL":
        return Skipped("withdrawal")
    return _given_back(event) if kind in _GIVES_BACK else _paid(event, kind, accepted)


def _given_back(event: Event) -> Fate:
    """Money left: the payment goes when all of it did."""
    original = event["original_amount"]
    if original is not None:
        given = event["cumulative_refunded"] or event["amount"]
        if _currency(given) != _currency(original):
            return DeadLetter("invalid_event")
        if (_amount(given) or Decimal(0)) < (_amount(original) or Decimal(0)):
            return Skipped("partial_refund")
    payment_id = str(event["payment_id"])
    return Removal(payment_id) if payment_id.strip() else DeadLetter("invalid_event")


def _paid(event: Event, kind: str, accepted: frozenset[str]) -> Fate:
    """Money came: who paid, whether it makes sense, whether it is anything, whether it is accepted."""
    user_id = event["user_id"]
    if user_id is None:
        return Skipped("no_user")
    amount = _amount(event["amount"])
    blank = not str(user_id).strip() or not str(event["payment_id"]).strip()
    if blank or amount is None or amount < 0:
        return DeadLetter("invalid_event")
    if not amount:
        return Skipped("zero_amount")
    currency = _currency(event["amount"])
    if currency not in accepted:
        return DeadLetter("currency_not_accepted")
    category = "DEFAULT" if event["category"] == "UNKNOWN" else str(event["category"])
    payment_type = "WALLET_TOPUP" if kind == "WALLET_TOPUP" else category
    return Revenue(
        str(event["payment_id"]), payment_type, str(user_id), amount, currency, _catalogued(event, currency)
    )


def _catalogued(event: Event, currency: str) -> bool:
    """Tell whether the order's lines are fit for the catalogue; only then are its fields sent."""
    lines = event["items"]
    if not isinstance(lines, Sequence) or not lines:
        return False
    name = "group_id" if event["content_type"] == "PRODUCT_GROUP" else "id"
    return all(
        str(line[name] or "").strip()
        and line["quantity"] >= 1
        and line["unit_price"] is not None
        and _currency(line["unit_price"]) == currency
        and (_amount(line["unit_price"]) or Decimal(0)) >= 0
        for line in lines
    )


def _currency(money: object) -> str:
    return str(money["currency"]) if isinstance(money, Mapping) else ""


def _amount(money: object) -> Decimal | None:
    """Return the exact amount in major units; None where its currency or its digits make no sense."""
    if not isinstance(money, Mapping) or money["currency"] not in _DIGITS:
        return None
    given = money["fraction_digits"]
    digits = _DIGITS[money["currency"]] if given is None else int(given)
    if not 0 <= digits <= _MOST_DIGITS:
        return None
    minor_units: int = money["minor_units"]
    return Decimal(minor_units) / Decimal(10) ** digits
