"""``docs/incidents.md``, from what a run of the incidents on a real Prometheus has recorded."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from docs.pages.markdown import code, table

RECORD: Final = Path(__file__).parents[1] / "incidents.json"

_HEAD: Final = """# Incidents

<!-- Generated from docs/incidents.json by `make docs`. -->

What the alerts do when something breaks, as seen on a real Prometheus and Alertmanager, which scrape the
real service under load, on a real Kafka. `tests/prometheus` plays each incident: a release of its own is
broken while it delivers, people hear of it, it is mended, and they hear that it is over. An incident passes
only if exactly its alerts fire, and those that are only its consequences tell nobody.

All durations of the rules are shortened to 1/{factor} for this, with a scrape each second in place of one
each 30 s. *Fires* is the time from the fault to the notification, *ends* that from the cure to the
notification that it is over, as measured; in brackets what that means with the durations that are shipped.
Waits that are the service's own (backoff, probes, the group's sessions) are not shortened, so what is shipped
is a little quicker than the brackets say.

"""

_TAIL: Final = """
Alerts that no incident here ends; `promtool` proves them, by a clock of its own (`tests/monitoring`):

{not_played}
To record it anew: `RECORD_INCIDENTS=1 make test ARGS=tests/prometheus`, then `make docs`.
"""


def page() -> str:
    """Return the page."""
    record = json.loads(RECORD.read_text("utf-8"))
    columns = ("Fault", "Cure", "Alert", "Severity", "Fires", "Ends")
    factor = round(1 / record["scale"])
    rows = [row for incident in record["incidents"] for row in _rows(incident, factor)]
    not_played = "".join(f"- {code(name)}: {reason}.\n" for name, reason in record["not_played"].items())
    return _HEAD.format(factor=factor) + table(columns, rows) + _TAIL.format(not_played=not_played)


def _rows(incident: dict[str, Any], factor: int) -> Iterator[tuple[str, ...]]:
    fault, cure = incident["fault"], incident["cure"]
    for alert in incident["alerts"]:
        link = f"[{alert['alert']}](runbooks/LinkrunnerConsumer{alert['alert']}.md)"
        if alert["silent"]:
            times = ("kept back", "")
        else:
            times = (_time(alert["told_seconds"], factor), _time(alert["over_seconds"], factor))
        yield fault, cure, link, alert["severity"], *times
        fault = cure = ""


def _time(seconds: float, factor: int) -> str:
    shipped = seconds * factor / 60
    return f"{seconds:.0f} s ({shipped:.0f} min)"
