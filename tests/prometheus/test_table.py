"""The table of incidents: whole, and what the page shows of it."""

import json

from docs.pages import incidents
from monitoring.alerts import ALERTS
from tests.prometheus.incidents import INCIDENTS, NOT_PLAYED
from tests.prometheus.record import FILE, names_of


def test_every_alert_has_an_incident() -> None:
    """An alert that nobody has seen fire may never do so; the exceptions have their reasons."""
    seen = {name for incident in INCIDENTS for name in names_of(incident)}
    assert {alert.name for alert in ALERTS} - seen == set(NOT_PLAYED)


def test_incidents_name_alerts_that_exist() -> None:
    """A name that no alert has would be waited for in vain, or excuse nothing."""
    known = {alert.name for alert in ALERTS}
    assert {name for one in INCIDENTS for name in (*names_of(one), *one.may)} <= known


def test_the_record_has_the_rows_of_the_table() -> None:
    """The page is about the incidents of now; else record it anew. Its times may differ from run to run."""
    recorded = json.loads(FILE.read_text("utf-8"))["incidents"]
    rows = [
        (one["name"], one["fault"], one["cure"], [row["alert"] for row in one["alerts"]]) for one in recorded
    ]
    assert rows == [(one.name, one.fault, one.cure, names_of(one)) for one in INCIDENTS]


def test_the_page_shows_every_alert_of_the_record() -> None:
    """Whoever reads the page finds each alert with its times and its runbook."""
    text = incidents.page()
    for incident in INCIDENTS:
        assert f"| {incident.fault} | {incident.cure} |" in text
        assert all(f"[{name}](runbooks/LinkrunnerConsumer{name}.md)" in text for name in names_of(incident))
