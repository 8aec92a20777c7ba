"""All alerts and recording rules, in the forms that others read: Prometheus rules and the chart's file."""

from collections.abc import Mapping
from itertools import groupby
from typing import Final, TypedDict

from monitoring.alerts import events, holds, objectives, outside, progress
from monitoring.alerts.inhibition import inhibit_rules
from monitoring.alerts.model import Alert, Recording, Severity, filled
from monitoring.promql import shortened

__all__ = ["ALERTS", "RECORDINGS", "Alert", "Recording", "Severity", "chart_values", "inhibit_rules", "rules"]

ALERTS: Final[tuple[Alert, ...]] = (
    *objectives.ALERTS,
    *progress.ALERTS,
    *holds.ALERTS,
    *events.ALERTS,
    *outside.ALERTS,
)
RECORDINGS: Final[tuple[Recording, ...]] = objectives.RECORDINGS


class Group(TypedDict):
    """A group of rules, evaluated one after the other."""

    name: str
    rules: list[dict[str, object]]


class RuleFile(TypedDict):
    """What stands in a rule file of Prometheus."""

    groups: list[Group]


#: Conditions that name one release, for rules outside the chart.
SELECTOR: Final = 'job="linkrunner-consumer"'


def rules(
    scale: float = 1, *, selector: str = SELECTOR, thresholds: Mapping[str, float] | None = None
) -> RuleFile:
    """Return the rules as Prometheus reads them from a file.

    Every duration in it, and every threshold that counts seconds, is ``scale`` times what is meant; with 0.1
    an incident of ten minutes takes one. ``selector`` fills ``$selector``: conditions on ``namespace`` and
    ``job`` only, as recorded series have no other labels. ``thresholds`` replaces thresholds, by the alert's
    full name, and is not scaled.
    """
    given = thresholds or {}
    recorded: list[dict[str, object]] = [
        {"record": one.record, "expr": filled(one.expr, selector, scale=scale)} for one in RECORDINGS
    ]
    groups: list[Group] = [{"name": "linkrunner-consumer-recordings", "rules": recorded}]
    for group, alerts in groupby(ALERTS, key=lambda alert: alert.group):
        rows = [_rule(alert, scale, selector, given.get(alert.full_name)) for alert in alerts]
        groups.append({"name": f"linkrunner-consumer-{group}", "rules": rows})
    return {"groups": groups}


def chart_values() -> dict[str, object]:
    """Return what the chart's ``files/alerts.yaml`` holds; the chart fills the holes and makes the groups."""
    return {
        "rules": [{"record": one.record, "expr": one.expr} for one in RECORDINGS],
        "alerts": [_row(alert) for alert in ALERTS],
    }


def _rule(alert: Alert, scale: float, selector: str, threshold: float | None) -> dict[str, object]:
    if threshold is None and alert.threshold is not None:
        threshold = alert.threshold.scaled(scale)
    rule: dict[str, object] = {
        "alert": alert.full_name,
        "expr": filled(alert.expr, selector, threshold, scale),
        "for": shortened(alert.lasts, scale),
        "labels": {"severity": alert.severity.value},
        "annotations": {"summary": alert.summary, "description": alert.description},
    }
    if alert.keeps:
        rule["keep_firing_for"] = shortened(alert.keeps, scale)
    return rule


def _row(alert: Alert) -> dict[str, object]:
    row: dict[str, object] = {"alert": alert.full_name, "group": alert.group, "expr": alert.expr}
    if alert.threshold is not None:
        row["threshold"] = alert.threshold.value
    row["for"] = alert.lasts
    if alert.keeps:
        row["keepFiringFor"] = alert.keeps
    row |= {
        "severity": alert.severity.value,
        "summary": alert.summary,
        "description": alert.description,
    }
    return row
