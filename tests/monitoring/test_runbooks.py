"""Every alert has a runbook, and what it names exists: panels, log events, settings, queries, pages."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from consumer.core.api.verdicts import HoldCause
from consumer.core.meaning.intents import DeadLetterReason, SkipReason
from consumer.core.operations.catalogue import CATALOGUE
from consumer.core.operations.logbook import FIELDS, Event
from consumer.core.outcomes import Outcome
from docs.pages.configuration import page as configuration
from monitoring.alerts import ALERTS
from monitoring.alerts.model import Alert
from monitoring.dashboard.rows import ROWS
from tests.monitoring.known import unknown
from tests.support.tools import tool

_FOLDER: Final = Path(__file__).parents[2] / "docs" / "runbooks"
_PAGES: Final = {path.stem: path.read_text("utf-8") for path in sorted(_FOLDER.glob("Linkrunner*.md"))}
_HEADINGS: Final = [
    "What it means",
    "What to look at",
    "What to do",
    "How to see that it is over",
    "What not to do",
]
_PANELS: Final = {f"{row.title} / {panel.title}" for row in ROWS for panel in row.panels}

#: Single words in code that a page may use: whatever the service itself calls by that name.
_OWN_WORDS: Final = {
    *Event,
    *FIELDS,
    *HoldCause,
    *DeadLetterReason,
    *SkipReason,
    *Outcome,
    *(spec.name for spec in CATALOGUE),
    *(value for spec in CATALOGUE for label in spec.labels for value in label.values),
    *(label.name for spec in CATALOGUE for label in spec.labels),
}
#: Words of `/statusz`, of settings' values, of Kafka, of the API and of Kubernetes.
_FOREIGN_WORDS: Final = {
    "namespace", "job",
    "committed", "paused", "earliest", "hold", "omit", "any", "dead_letter", "user_id", "delete", "up",
    "critical", "warning", "OOMKilled", "Read", "Write", "Describe", "__consumer_offsets",
    "KubePodCrashLooping",
}  # fmt: skip

_SETTINGS: Final = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", configuration()))
_SECTIONS: Final = {key.split(".")[0] for key in _SETTINGS}


def _queries(name: str) -> list[str]:
    found: list[str] = re.findall(r"^```promql\n(.+?)\n```$", _PAGES[name], re.MULTILINE | re.DOTALL)
    return found


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_runbook_has_the_same_parts_as_all_others(alert: Alert) -> None:
    """At 3 a.m. nobody wants to learn a new layout; the first lines are those of the alert."""
    text = _PAGES[alert.full_name]
    assert text.startswith(f"# {alert.full_name}\n\n{alert.severity.value}: {alert.summary}.\n\n## ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == _HEADINGS
    assert all(len(part.strip()) > 20 for part in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:])


def test_every_runbook_belongs_to_an_alert() -> None:
    """A page of an alert that is gone would send somebody the wrong way."""
    assert _PAGES.keys() == {alert.full_name for alert in ALERTS}


@pytest.mark.parametrize("name", _PAGES)
def test_panels_exist(name: str) -> None:
    """What is in bold is a panel, by row and title; every page names one at least."""
    named = {" ".join(found.split()) for found in re.findall(r"\*\*([^*]+)\*\*", _PAGES[name])}
    assert named
    assert named - _PANELS == set()


@pytest.mark.parametrize("name", _PAGES)
def test_words_in_code_are_words_of_the_service(name: str) -> None:
    """Log events, reasons, labels and other alerts are called what they are called."""
    prose = re.sub(r"```.*?```", "", _PAGES[name], flags=re.DOTALL)
    words = {code for code in re.findall(r"`(\w+)`", prose) if not code.isdigit()}
    assert words - _OWN_WORDS - _FOREIGN_WORDS - _PAGES.keys() == set()


@pytest.mark.parametrize("name", _PAGES)
def test_settings_exist(name: str) -> None:
    """A setting is named by its whole key, so that it can be found."""
    named = set(re.findall(r"`([a-z_]+\.[a-z_]+)(?:: \w+)?`", _PAGES[name]))
    assert {key for key in named - _SETTINGS if key.split(".")[0] in _SECTIONS} == set()


@pytest.mark.parametrize("name", _PAGES)
def test_queries_ask_for_what_exists(name: str) -> None:
    """Each page has a query to copy, and every metric and label in it is exposed."""
    assert _queries(name)
    assert [one for query in _queries(name) for one in unknown(query)] == []


def test_the_page_of_silent_partitions_asks_what_the_alert_asks() -> None:
    """Its query tells which instance: it is the part of the alert that is not added up yet."""
    (alert,) = [alert for alert in ALERTS if alert.name == "PartitionsSilent"]
    (query,) = _queries(alert.full_name)
    assert f"({query})" in alert.expr.replace("{$selector}", "")


@pytest.mark.parametrize("name", [*_PAGES, "README"])
def test_no_page_sets_offsets_by_hand(name: str) -> None:
    """The first page says so, and a tired reader relies on it."""
    text = " ".join((_FOLDER / f"{name}.md").read_text("utf-8").split())
    assert "--reset-offsets" not in text
    told = re.findall(r"[^.:;]*(?:[Rr]eset|[Ss]et|[Mm]ov)\w* (?:new |the )?offsets[^.:;]*", text)
    assert [one for one in told if not re.search(r"Don't|Nothing on|by moving offsets", one)] == []


@pytest.mark.parametrize("name", _PAGES)
def test_no_page_shortens_retention(name: str) -> None:
    """A number to copy may be less than what the topic keeps now, and then Kafka deletes payments at once."""
    assert re.findall(r"retention\.(?:ms|bytes)=(?!-1\b)\S*", _PAGES[name]) == []


@pytest.mark.parametrize("name", _PAGES)
def test_who_is_told_to_publish_again_is_told_how(name: str) -> None:
    """A payment without its refund, published once more, is revenue that was refunded."""
    prose = " ".join(_PAGES[name].split())
    if re.search(r"[Hh]ave .{0,80}published again|have to be published again", prose):
        assert "its refunds last" in prose or "their refunds published again" in prose
        assert "README.md#publishing-events-again" in prose or "their refunds published again" in prose
    assert "too many do no harm" not in prose


def test_the_logs_are_searched_by_the_names_of_events() -> None:
    """Pages name events of every level: a search for warnings would hide those that tell of the cure."""
    text = (_FOLDER / "README.md").read_text("utf-8")
    assert '"event": "' in text
    assert '"level"' not in text


def test_prometheus_can_read_every_query(tmp_path: Path) -> None:
    """What is copied from a page is an expression that Prometheus takes."""
    every = [query for name in _PAGES for query in _queries(name)]
    rules = [{"record": f"q{number}", "expr": query} for number, query in enumerate(every)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    command = [str(tool("promtool")), "check", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [*_PAGES, "README", "../monitoring"])
def test_links_lead_somewhere(name: str) -> None:
    """A link to a page or a part of it that is not there is found here first."""
    page = _FOLDER / f"{name}.md"
    for target in re.findall(r"\]\(([^)#\s]*(?:#[^)\s]+)?)\)", page.read_text("utf-8")):
        path, _, part = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), target
        if part:
            headings = re.findall(r"^#+ (.+)$", there.read_text("utf-8"), re.MULTILINE)
            assert part in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}, target


def test_alerts_that_the_guide_names_exist() -> None:
    """docs/monitoring.md names alerts with and without prefix."""
    text = (_FOLDER.parent / "monitoring.md").read_text("utf-8")
    names = {alert.name for alert in ALERTS}
    assert set(re.findall(r"`LinkrunnerConsumer(\w+)`", text)) <= names
    listed = text[text.index("**What it protects from**") : text.index("### Inhibition")]
    assert set(re.findall(r"`([A-Z]\w+)`", listed)) <= names


def test_the_guide_tells_every_reasons_owner() -> None:
    """Which dead letters count against the objective is said for each reason."""
    text = (_FOLDER.parent / "monitoring.md").read_text("utf-8")
    table = text[text.index("| reason | whose |") : text.index("A wrong `decoding.wire_format`")]
    assert set(re.findall(r"`(\w+)`", table)) == set(DeadLetterReason)
