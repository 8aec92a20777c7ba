"""What the incidents led to, written down for ``docs/incidents.md``."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from monitoring.alerts import ALERTS
from tests.prometheus.incidents import INCIDENTS, NOT_PLAYED, Incident
from tests.prometheus.proof import SCALE, Told

#: Whether this run is to be written down.
RECORDING: Final = bool(os.environ.get("RECORD_INCIDENTS"))
FILE: Final = Path(__file__).parents[2] / "docs" / "incidents.json"

_SEVERITY: Final = {alert.name: alert.severity.value for alert in ALERTS}


def write(played: Mapping[str, Told]) -> None:
    """Write the record of a run of all incidents; KeyError where one is missing."""
    record = {
        "scale": SCALE,
        "incidents": [
            {
                "name": incident.name,
                "fault": incident.fault,
                "cure": incident.cure,
                "alerts": [_row(incident, name, played[incident.name]) for name in names_of(incident)],
            }
            for incident in INCIDENTS
        ],
        "not_played": dict(NOT_PLAYED),
    }
    FILE.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def names_of(incident: Incident) -> list[str]:
    """Return the alerts that an incident must lead to, those that are told first."""
    return [*incident.tells, *incident.silent]


def _row(incident: Incident, name: str, told: Told) -> dict[str, Any]:
    silent = name in incident.silent
    return {
        "alert": name,
        "severity": _SEVERITY[name],
        "silent": silent,
        "told_seconds": None if silent else round(told.told[name], 1),
        "over_seconds": None if silent else round(told.over[name], 1),
    }
