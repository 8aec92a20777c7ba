"""Cases for alerts as values, and one run of promtool over many of them.

The format of a promtool test file, and how it writes samples (``0+1x10``, ``_``, ``stale``):
https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from monitoring.alerts import ALERTS, rules
from monitoring.alerts.model import PREFIX, Alert
from monitoring.promql import selectors

NAMESPACE: Final = "payments"
JOB: Final = "payments/consumer"
SELECTOR: Final = f'namespace="{NAMESPACE}", job="{JOB}"'

#: What alerts read must be recorded before: promtool takes groups in any order unless told.
_IN_ORDER: Final = [group["name"] for group in rules()["groups"]]

_VALUE: Final = re.compile(r"\{\{ \$value[^}]*\}\}")
_TOPIC: Final = "{{ $labels.topic }}"


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its name with labels, and its samples in promtool's notation."""

    name: str
    samples: str


def series(metric: str, samples: str, **labels: str) -> Series:
    """Return a series of the release under test, from the instance ``a`` unless ``labels`` say otherwise.

    ``metric`` has no prefix, unless it is one of ``process_*``.
    """
    name = metric if metric.startswith("process_") else f"linkrunner_consumer_{metric}"
    where = {"namespace": NAMESPACE, "job": JOB, "instance": "a", **labels}
    conditions = ", ".join(f'{label}="{value}"' for label, value in where.items())
    return Series(f"{name}{{{conditions}}}", samples)


@dataclass(frozen=True, slots=True)
class Case:
    """What an alert does with given series.

    ``expected`` has times (``12m``) with the value as the description shows it, or None where the alert does
    not fire. ``step`` is the time between two samples, and between two evaluations of the rules. ``topic`` is
    the one that the alert names, if it does.
    """

    alert: str
    name: str
    series: Sequence[Series]
    expected: Mapping[str, str | None]
    step: str = "1m"
    topic: str = ""

    @property
    def id(self) -> str:
        """The name of the case, for pytest and for its file."""
        return f"{self.alert}-{self.name}"


def alert_named(name: str) -> Alert:
    """Return the alert with this name, without prefix."""
    return next(alert for alert in ALERTS if alert.name == name)


def run(promtool: Path, cases: Sequence[Case], folder: Path) -> dict[str, str]:
    """Run all cases at once; return what promtool says of each, by its id. Empty: the case passed."""
    for alert in {case.alert for case in cases}:
        _write(folder / f"{alert}.rules", _rules_for(alert))
    for case in cases:
        _write(folder / f"{case.id}.yaml", _test_file(case))
    files = [f"{case.id}.yaml" for case in cases]
    done = subprocess.run(
        [str(promtool), "test", "rules", *files], cwd=folder, capture_output=True, text=True, check=False
    )
    # Each file's name is told on one stream, and in the same order what failed on the other one.
    told = re.split(r"^Unit Testing: +(\S+)\n", done.stdout, flags=re.MULTILINE)[1:]
    failures = iter(done.stderr.split("  FAILED:")[1:])
    verdicts = {
        name.removesuffix(".yaml"): ""
        if text.strip() == "SUCCESS"
        else next(failures, "failed without a word")
        for name, text in zip(told[::2], told[1::2], strict=True)
    }
    return {case.id: verdicts.get(case.id, "promtool did not come to it") for case in cases}


def run_scene(
    promtool: Path, scene: Sequence[Series], firing: Mapping[str, Mapping[str, str]], folder: Path
) -> str:
    """Run all rules over ``scene``; return what promtool says. Empty: at each time just these alerts fire.

    ``firing`` has the alerts of each time with the value that their text shows.
    """
    _write(folder / "all.rules", rules(selector=SELECTOR))
    tests = [
        {
            "eval_time": time,
            "alertname": alert.full_name,
            "exp_alerts": [_as_told(alert, values[alert.name])] if alert.name in values else [],
        }
        for time, values in firing.items()
        for alert in ALERTS
    ]
    inputs = [{"series": one.name, "values": one.samples} for one in scene]
    test = {"interval": "1m", "input_series": inputs, "alert_rule_test": tests}
    head = {"rule_files": ["all.rules"], "group_eval_order": _IN_ORDER, "evaluation_interval": "1m"}
    _write(folder / "scene.yaml", {**head, "tests": [test]})
    command = [str(promtool), "test", "rules", "scene.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr + done.stdout


def _as_told(alert: Alert, value: str, topic: str = "") -> dict[str, object]:
    """Return the alert as it fires with this value and of this topic."""
    labels = {"severity": alert.severity.value, "namespace": NAMESPACE, "job": JOB}
    description = _VALUE.sub(value, alert.description).replace(_TOPIC, topic)
    texts = {"summary": alert.summary, "description": description}
    return {"exp_labels": labels | ({"topic": topic} if topic else {}), "exp_annotations": texts}


def _write(file: Path, content: object) -> None:
    file.write_text(yaml.safe_dump(content), encoding="utf-8")


def _rules_for(name: str) -> dict[str, object]:
    """Return the rules that the alert needs and no other: hundreds of cases are to be quick."""
    alert = alert_named(name)
    read = {selector.metric for selector in selectors(alert.expr)}
    groups = []
    for group in rules(selector=SELECTOR)["groups"]:
        wanted = [
            rule
            for rule in group["rules"]
            if rule.get("alert") == alert.full_name or rule.get("record") in read
        ]
        groups.append({"name": group["name"], "rules": wanted})
    return {"groups": [group for group in groups if group["rules"]]}


def _test_file(case: Case) -> dict[str, object]:
    return {
        "rule_files": [f"{case.alert}.rules"],
        "group_eval_order": _IN_ORDER,
        "evaluation_interval": case.step,
        "tests": [
            {
                "name": case.id,
                "interval": case.step,
                "input_series": [{"series": one.name, "values": one.samples} for one in case.series],
                "alert_rule_test": [
                    {
                        "eval_time": time,
                        "alertname": PREFIX + case.alert,
                        "exp_alerts": [] if value is None else [_fired(case, value)],
                    }
                    for time, value in case.expected.items()
                ],
            }
        ],
    }


def _fired(case: Case, value: str) -> dict[str, object]:
    return _as_told(alert_named(case.alert), value, case.topic)
