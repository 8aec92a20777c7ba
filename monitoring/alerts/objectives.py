"""The two objectives, and the alerts on how fast their budgets are used up.

Delivery: of the events that could be delivered, 99.9 % are. Freshness: of what is delivered, 99 % is
delivered within 60 s of the record's own timestamp. A burn rate of 1 uses up the budget of 30 days in 30
days; each alert asks for two windows, so that it begins when enough is lost and ends soon after the cause is
gone.
Source of windows and factors: https://sre.google/workbook/alerting-on-slos/ (chapter 5, table 5-8).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from consumer.core.meaning.intents import DeadLetterReason
from monitoring.alerts.model import BY, Alert, Recording, Severity, Threshold


class Owner(StrEnum):
    """Who has to change something so that such records are dead letters no more."""

    OURS = "ours"
    """The event may be fine: the API refused our call or always failed at it, we lack schema or rate, our
    mapping does not fit."""
    PRODUCER = "producer"
    """Whoever wrote it: the bytes or the event make no sense."""
    CHOSEN = "chosen"
    """The configuration says so: nothing has failed."""


#: The delivery objective counts only what is ours: nobody here can keep a promise about what others write.
DEAD_LETTER_OWNERS: Final = {
    DeadLetterReason.UNDECODABLE: Owner.PRODUCER,
    DeadLetterReason.UNKNOWN_SCHEMA: Owner.OURS,
    DeadLetterReason.INVALID_EVENT: Owner.PRODUCER,
    DeadLetterReason.MAPPING: Owner.OURS,
    DeadLetterReason.REJECTED: Owner.CHOSEN,
    DeadLetterReason.REFUSED: Owner.OURS,
    DeadLetterReason.NO_RATE: Owner.OURS,
    DeadLetterReason.CURRENCY_NOT_ACCEPTED: Owner.CHOSEN,
    DeadLetterReason.TOO_OLD: Owner.CHOSEN,
    DeadLetterReason.GAVE_UP: Owner.OURS,
    DeadLetterReason.PARTIAL_REFUND: Owner.CHOSEN,
}

_SETTLED: Final = "linkrunner_consumer_records_settled_total"
_DELAY: Final = "linkrunner_consumer_delivery_delay_seconds"


def reasons(*owners: Owner) -> str:
    """Return the dead-letter reasons of ``owners`` as a regular expression."""
    return "|".join(sorted(reason for reason, owner in DEAD_LETTER_OWNERS.items() if owner in owners))


#: Conditions for records that count against the delivery objective, and for those that count for it.
FAILED: Final = f'outcome="dead_lettered", reason=~"{reasons(Owner.OURS)}"'
DELIVERED: Final = 'outcome=~"delivered|nothing_to_remove"'


@dataclass(frozen=True, slots=True)
class Objective:
    """A promise about a share. ``budget`` is the share that may fail, ``noun`` what fails, in a rule's name.

    ``bad`` and ``all`` are PromQL with ``WINDOW`` in place of a range: the part and the whole, per second.
    """

    name: str
    noun: str
    budget: float
    bad: str
    all: str

    def record(self, window: str) -> str:
        """Return the name under which the failed share of ``window`` is kept."""
        return f"namespace_job:linkrunner_consumer_{self.noun}:ratio_rate{window}"


DELIVERY: Final = Objective(
    name="Delivery",
    noun="undelivered",
    budget=0.001,
    bad=f"sum {BY} (rate({_SETTLED}{{$selector, {FAILED}}}[WINDOW]))",
    all=f"(sum {BY} (rate({_SETTLED}{{$selector, {DELIVERED}}}[WINDOW]))"
    f" + sum {BY} (rate({_SETTLED}{{$selector, {FAILED}}}[WINDOW])))",
)

#: A bucket of the histogram has this upper bound: ``le`` as the service writes it.
FRESH: Final = "60.0"

FRESHNESS: Final = Objective(
    name="Freshness",
    noun="late",
    budget=0.01,
    bad=f'(sum {BY} (rate({_DELAY}_count{{$selector, outcome="delivered"}}[WINDOW]))'
    f' - sum {BY} (rate({_DELAY}_bucket{{$selector, outcome="delivered", le="{FRESH}"}}[WINDOW])))',
    all=f'sum {BY} (rate({_DELAY}_count{{$selector, outcome="delivered"}}[WINDOW]))',
)

OBJECTIVES: Final = (DELIVERY, FRESHNESS)


@dataclass(frozen=True, slots=True)
class Burn:
    """``factor`` times the allowed rate of failure, over a long window and still over a short one."""

    factor: float
    long: str
    short: str


_FAST: Final = (Burn(14.4, "1h", "5m"), Burn(6, "6h", "30m"))
_SLOW: Final = (Burn(3, "1d", "2h"), Burn(1, "3d", "6h"))
_WINDOWS: Final = tuple(
    dict.fromkeys(window for burn in (*_FAST, *_SLOW) for window in (burn.short, burn.long))
)


def _burning(objective: Objective, burn: Burn) -> str:
    """Return where the budget burns.

    A share says something only where one failed record alone is less than the budget: with fewer records than
    that in the long window, the alerts on single records and on age have to do.
    """
    count = objective.all.replace("WINDOW", burn.long).replace("rate(", "increase(")
    limit = f"{burn.factor:g} * $threshold"
    return (
        f"({objective.record(burn.long)}{{$selector}} > {limit}"
        f" and {objective.record(burn.short)}{{$selector}} > {limit}"
        f" and {count} > 1 / $threshold)"
    )


def _alerts(objective: Objective, fast: str, slow: str) -> Iterator[Alert]:
    threshold = Threshold(objective.budget, f"allowed share of {objective.noun} records")
    description = f"{{{{ $value | humanizePercentage }}}} of the records are {objective.noun}: "
    yield Alert(
        name=f"{objective.name}BudgetBurnFast",
        group="objectives",
        severity=Severity.CRITICAL,
        expr=" or ".join(_burning(objective, burn) for burn in _FAST),
        threshold=threshold,
        lasts="2m",
        summary=fast,
        description=f"{description}at this rate the budget of 30 days is gone in less than 5 days, the "
        "sooner the larger the share.",
    )
    yield Alert(
        name=f"{objective.name}BudgetBurnSlow",
        group="objectives",
        severity=Severity.WARNING,
        expr=" or ".join(_burning(objective, burn) for burn in _SLOW),
        threshold=threshold,
        lasts="1h",
        summary=slow,
        description=f"{description}more than the objective allows over days.",
    )


#: The failed share of both objectives over every window that an alert asks for.
RECORDINGS: Final = tuple(
    Recording(objective.record(window), f"{objective.bad} / {objective.all}".replace("WINDOW", window))
    for objective in OBJECTIVES
    for window in _WINDOWS
)

ALERTS: Final = (
    *_alerts(
        DELIVERY,
        "Payments are refused for good, many more than the objective allows",
        "Payments are refused for good, more than the objective allows",
    ),
    *_alerts(
        FRESHNESS,
        "Payments are delivered late, many more than the objective allows",
        "Payments are delivered late, more than the objective allows",
    ),
)
