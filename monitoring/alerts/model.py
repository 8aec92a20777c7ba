"""What an alert and a recording rule are, and how they become the text that Prometheus reads.

Expressions are PromQL with two holes: ``$selector`` for the conditions that name one release, and
``$threshold`` for the number that an operator may change. Durations stand in them as they are meant; nothing
else knows how long anything takes, so one factor shortens them all for a proof on a live server.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from monitoring.promql import scaled

#: In front of every alert's name.
PREFIX: Final = "LinkrunnerConsumer"

#: What every rule groups by. ``job`` tells two releases in one namespace apart.
BY: Final = "by (namespace, job)"

#: How long an alert that silences its consequences goes on behind its end. They end later, each by its own
#: ``keeps`` and once the backlog is gone: without this, the cure of a cause would be when they ring.
OUTLASTS: Final = "10m"


class Severity(StrEnum):
    """Who hears of an alert."""

    CRITICAL = "critical"
    """Somebody is woken: money is late or lost now, or will be soon."""
    WARNING = "warning"
    """A ticket: it can wait until the morning, and should not wait longer."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """The number in place of ``$threshold``, and what it counts. Seconds are shortened with the durations."""

    value: float
    counts: str

    def scaled(self, scale: float) -> float:
        """Return the value for a proof that runs ``scale`` times as long."""
        return self.value * scale if self.counts == "seconds" else self.value


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording rule: ``expr`` is kept under the name ``record``."""

    record: str
    expr: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert. ``name`` has no prefix.

    It fires once ``expr`` has had a result for ``lasts``, and goes on for ``keeps`` behind the last one.
    ``summary`` is one sentence on what is wrong; ``description`` says what it costs, with the value.
    """

    name: str
    group: str
    severity: Severity
    expr: str
    lasts: str
    summary: str
    description: str
    threshold: Threshold | None = None
    keeps: str = ""

    @property
    def full_name(self) -> str:
        """The name that Prometheus, the chart and the runbook's file have."""
        return PREFIX + self.name


def filled(expr: str, selector: str, threshold: float | None = None, scale: float = 1) -> str:
    """Return ``expr`` with its holes filled and its durations times ``scale``."""
    text = scaled(expr, scale).replace("$selector", selector)
    return text if threshold is None else text.replace("$threshold", f"{threshold:g}")
