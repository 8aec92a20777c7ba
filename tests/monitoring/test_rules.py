"""The rules as a whole: valid at every scale, in the shape that the chart reads, rightly inhibited."""

import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from monitoring.alerts import ALERTS, RECORDINGS, chart_values, inhibit_rules, rules
from monitoring.alerts.inhibition import INHIBITIONS
from monitoring.alerts.model import Severity
from monitoring.alerts.progress import STOPPED
from monitoring.promql import seconds, selectors
from monitoring.rules import main
from tests.support.tools import tool

_NAMES: Final = [alert.name for alert in ALERTS]
_SEVERITY: Final = {alert.name: alert.severity for alert in ALERTS}


def _by_alert(scale: float = 1, **options: Any) -> dict[str, dict[str, Any]]:
    return {
        str(rule["alert"]): rule
        for group in rules(scale, **options)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }


@pytest.mark.parametrize("scale", [1, 0.1, 1 / 60])
def test_prometheus_takes_the_rules(scale: float, tmp_path: Path) -> None:
    """Expressions, durations and templates are valid, also when a proof shortens them."""
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(rules(scale)), encoding="utf-8")
    done = subprocess.run(
        [str(tool("promtool")), "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"{len(ALERTS) + len(RECORDINGS)} rules found" in done.stdout


@pytest.mark.parametrize("name", _NAMES)
def test_a_scale_shortens_every_duration(name: str) -> None:
    """Ranges and waits shrink together; else a shortened incident would be another one."""
    full = f"LinkrunnerConsumer{name}"
    before, after = _by_alert()[full], _by_alert(0.1)[full]
    for field in ("for", "keep_firing_for"):
        assert seconds(after.get(field, "0s")) == pytest.approx(seconds(before.get(field, "0s")) / 10)
    windows = zip(selectors(before["expr"]), selectors(after["expr"]), strict=True)
    for long, short in windows:
        assert seconds(short.window or "0s") == pytest.approx(seconds(long.window or "0s") / 10)


def test_thresholds_of_time_are_scaled_and_others_are_not() -> None:
    """Ten minutes of age become one; a share stays a share."""
    scaled = _by_alert(0.1)
    assert scaled["LinkrunnerConsumerFreshnessHigh"]["expr"].endswith("> 60")
    assert scaled["LinkrunnerConsumerRateLimited"]["expr"].endswith("> 0.1")


def test_selector_and_thresholds_can_be_chosen() -> None:
    """Nothing of a hole is left, and what is chosen stands in every expression."""
    chosen = _by_alert(selector='job="x"', thresholds={"LinkrunnerConsumerFreshnessHigh": 7})
    assert chosen["LinkrunnerConsumerFreshnessHigh"]["expr"].endswith("> 7")
    texts = [str(rule["expr"]) for group in rules(selector='job="x"')["groups"] for rule in group["rules"]]
    assert not [text for text in texts if "$" in text]
    for text in texts:
        assert all('job="x"' in part for part in re.findall(r"\{[^}]*\}", text)), text


@pytest.mark.parametrize("rule", [*RECORDINGS, *ALERTS], ids=lambda rule: getattr(rule, "record", rule))
def test_every_series_is_of_the_release(rule: Any) -> None:
    """A selector without the release's conditions would alert on the neighbour's pods."""
    assert [one.metric for one in selectors(rule.expr) if one.variables != ("$selector",)] == []


@pytest.mark.parametrize("alert", ALERTS, ids=_NAMES)
def test_alert_is_complete(alert: Any) -> None:
    """The text says what is wrong and what it costs; a threshold stands in the expression that has one."""
    assert alert.summary[0].isupper()
    assert not alert.summary.endswith(".")
    assert alert.description.endswith(".")
    assert ("$threshold" in alert.expr) == (alert.threshold is not None)
    filled = re.sub(r"\{\{ (?:\$value[^}]*|\$labels\.topic )\}\}", "", alert.summary + alert.description)
    assert "$" not in filled


def test_a_prometheus_without_the_operator_gets_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command writes all rules, of the release that is asked for, with runbooks; promtool takes it."""
    selector = 'namespace="shop", job="consumer"'
    assert main(["--selector", selector, "--runbooks", "https://wiki.example.com/runbooks/"]) == 0
    file = tmp_path / "rules.yaml"
    file.write_text(capsys.readouterr().out, encoding="utf-8")
    done = subprocess.run(
        [str(tool("promtool")), "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    written = [rule for group in yaml.safe_load(file.read_text("utf-8"))["groups"] for rule in group["rules"]]
    assert all(f"{{{selector}" in rule["expr"] for rule in written)
    links = [rule["annotations"]["runbook_url"] for rule in written if "alert" in rule]
    assert links == [f"https://wiki.example.com/runbooks/LinkrunnerConsumer{name}.md" for name in _NAMES]


def test_names_are_told_apart() -> None:
    """The chart and the runbooks know alerts by name, and recorded series must not overwrite each other."""
    assert len(set(_NAMES)) == len(_NAMES)
    assert len({one.record for one in RECORDINGS}) == len(RECORDINGS)


def test_chart_gets_the_shape_that_it_reads() -> None:
    """The chart's template fills two holes and knows these fields and no other."""
    values: Any = chart_values()
    assert set(values) == {"rules", "alerts"}
    assert {frozenset(row) for row in values["rules"]} == {frozenset({"record", "expr"})}
    needed = {"alert", "group", "expr", "for", "severity", "summary", "description"}
    for row in values["alerts"]:
        assert needed <= row.keys() <= needed | {"threshold", "keepFiringFor"}
    holes = {
        hole for row in (*values["rules"], *values["alerts"]) for hole in re.findall(r"\$\w+", row["expr"])
    }
    assert holes == {"$selector", "$threshold"}


@pytest.mark.parametrize("rule", INHIBITIONS, ids=lambda rule: rule.sources[0])
def test_a_cause_silences_only_what_is_not_worse(rule: Any) -> None:
    """A ticket must not keep a page from ringing, and no alert silences itself."""
    assert {*rule.sources, *rule.targets} <= set(_NAMES)
    assert not set(rule.sources) & set(rule.targets)
    if Severity.CRITICAL in {_SEVERITY[name] for name in rule.targets}:
        assert {_SEVERITY[name] for name in rule.sources} == {Severity.CRITICAL}


def test_a_cure_does_not_let_the_consequences_ring() -> None:
    """What stops everything outlasts what it silences, with time to catch up."""
    kept = {alert.name: seconds(alert.keeps) if alert.keeps else 0 for alert in ALERTS}
    for causes in INHIBITIONS[:2]:
        assert min(kept[name] for name in causes.sources) >= 2 * max(kept[name] for name in causes.targets)


@pytest.mark.parametrize("cause", ["AuthRejected", "HoldingAddress", "HoldingLease"])
def test_a_stop_of_one_pod_hides_nothing_of_the_others(cause: str) -> None:
    """One new pod with a wrong key fires for the release; what other pods suffer from still rings."""
    silenced = {name for rule in INHIBITIONS if cause in rule.sources for name in rule.targets}
    assert not silenced & {"Stalled", "FreshnessHigh", "PartitionsUnowned", "PartitionsSilent", "VersionSkew"}


@pytest.mark.parametrize(("name", "place"), [("AuthRejected", 0), ("HoldingAddress", 1), ("HoldingLease", 2)])
def test_who_is_left_out_has_a_page(name: str, place: int) -> None:
    """Age and stall leave out instances that another page tells of: it fires on all that leaves them out."""
    page = next(alert for alert in ALERTS if alert.name == name)
    assert re.fullmatch(rf"count by \(namespace, job\) \([^()]+ or {re.escape(STOPPED[place])}\)", page.expr)
    for left_out in ("Stalled", "FreshnessHigh"):
        (expr,) = [alert.expr for alert in ALERTS if alert.name == left_out]
        assert f"unless on (namespace, job, instance) ({' or '.join(STOPPED)})" in expr


def test_losses_are_never_silenced() -> None:
    """Whatever else is wrong: that Kafka deletes payments is always told."""
    silenced = {name for rule in INHIBITIONS for name in rule.targets}
    assert not silenced & {
        "RetentionCritical",
        "HoldingOutOfRange",
        "DeadLetterPublishFailing",
        "DecodeFailuresBurst",
    }


def test_alertmanager_takes_the_inhibition(tmp_path: Path) -> None:
    """The list is put into a configuration as it is, and is valid there."""
    config = {
        "route": {"receiver": "none"},
        "receivers": [{"name": "none"}],
        "inhibit_rules": inhibit_rules(),
    }
    file = tmp_path / "alertmanager.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    done = subprocess.run(
        [str(tool("amtool")), "check-config", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"{len(INHIBITIONS)} inhibit rules" in done.stdout
