"""Which alerts say nothing new while another one fires: Alertmanager's part, which a chart can't install.

A consequence is silenced by its cause only where the cause is at least as severe. What tells of losses
(``RetentionCritical``, ``HoldingOutOfRange``) and of dead letters is never silenced.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from monitoring.alerts.model import PREFIX

#: Causes and consequences concern each other within one release.
EQUAL: Final = ("namespace", "job")


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While one of ``sources`` fires, ``targets`` tell nobody. Names are without prefix."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]


#: What follows where calls are stopped, in one instance or in all.
_OF_NO_CALLS: Final = (
    "FreshnessBudgetBurnFast",
    "FreshnessBudgetBurnSlow",
    "ApiErrorRatioHigh",
    "RateLimited",
    "HoldingSpan",
)

#: ``Stalled`` and ``FreshnessHigh`` leave out by themselves the instances whose calls are stopped: one new
#: pod with a wrong key must not hide that another one stands still.
INHIBITIONS: Final = (
    Inhibition(("AuthRejected", "HoldingAddress", "HoldingLease"), _OF_NO_CALLS),
    Inhibition(
        ("NoConsumers",),
        (
            "Stalled",
            "FreshnessHigh",
            *_OF_NO_CALLS,
            "PartitionsUnowned",
            "PartitionsSilent",
            "VersionSkew",
        ),
    ),
    Inhibition(("DeliveryBudgetBurnFast",), ("DeliveryBudgetBurnSlow",)),
    Inhibition(("FreshnessBudgetBurnFast",), ("FreshnessBudgetBurnSlow",)),
    Inhibition(("RetentionCritical",), ("RetentionAtRisk",)),
    Inhibition(("HoldingRates",), ("RatesRunningOut",)),
    Inhibition(("HoldingLease",), ("CommitFailing",)),
    Inhibition(("HoldingRefusals", "DeadLetterBurst", "DecodeFailuresBurst"), ("DeadLettersFlowing",)),
)


def inhibit_rules() -> list[Mapping[str, object]]:
    """Return the list that stands under ``inhibit_rules`` in Alertmanager's configuration."""
    return [
        {
            "source_matchers": [_named(rule.sources)],
            "target_matchers": [_named(rule.targets)],
            "equal": list(EQUAL),
        }
        for rule in INHIBITIONS
    ]


def _named(names: tuple[str, ...]) -> str:
    return f'alertname=~"{"|".join(PREFIX + name for name in names)}"'
