"""Monitors, rules and dashboard: what Prometheus and Grafana get."""

import json
from collections.abc import Iterator
from typing import Final

import pytest
import yaml

from helm.options import Json
from tests.chart.charts import (
    CHART,
    NAME,
    Part,
    RefusedError,
    Rendered,
    container,
    deployment,
    load,
    merged,
    render,
)

ALERTS: Final[dict[str, dict[str, Json]]] = {
    alert["alert"]: alert
    for alert in yaml.safe_load((CHART / "files" / "alerts.yaml").read_text("utf-8"))["alerts"]
}
RULES: Final[list[dict[str, Json]]] = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text("utf-8"))[
    "rules"
]
DASHBOARD: Final = json.loads((CHART / "files" / "dashboard.json").read_text("utf-8"))


def rules(rendered: Rendered) -> Iterator[Part]:
    """Yield the rules of the release, of all groups."""
    for group in rendered.one("PrometheusRule").at("spec", "groups"):
        yield from group.at("rules")


def alerts(rendered: Rendered) -> dict[str, Part]:
    """Return the alerts of the release by name."""
    return {str(rule.at("alert").value): rule for rule in rules(rendered) if rule.at("alert").value}


def test_every_alert_is_made_as_it_is_written() -> None:
    """Nothing is lost between the file of the alerts and the cluster; only the holes are filled."""
    rendered = render(
        merged(load("minimal"), {"prometheusRule": {"enabled": True}, "missingKinds": "always"})
    )
    made = alerts(rendered)
    assert set(made) == set(ALERTS)
    for name, alert in ALERTS.items():
        rule = made[name]
        filled = str(alert["expr"]).replace("$selector", 'namespace="payments"')
        assert rule.at("expr").value == filled.replace("$threshold", json.dumps(alert.get("threshold")))
        assert rule.at("for").value == alert["for"]
        assert rule.at("keep_firing_for").value == alert.get("keepFiringFor")
        assert rule.at("labels").value == {"severity": alert["severity"]}
        assert rule.at("annotations", "summary").value == alert["summary"]
        assert rule.at("annotations", "runbook").value == f"docs/runbooks/{name}.md"
    recorded = {
        rule.at("record").value: rule.at("expr").value for rule in rules(rendered) if rule.at("record").value
    }
    assert recorded == {
        rule["record"]: str(rule["expr"]).replace("$selector", 'namespace="payments"') for rule in RULES
    }


#: A monitor, and the job that the Prometheus operator then gives to the pods of the release NAME.
JOBS: Final[tuple[tuple[dict[str, Json], str], ...]] = (
    ({"podMonitor": {"enabled": True}}, ', job="payments/NAME"'),
    ({"serviceMonitor": {"enabled": True}}, ', job="NAME-metrics"'),
    ({}, ""),
)


@pytest.mark.parametrize(("monitor", "job"), JOBS)
def test_rules_are_about_their_own_release(monitor: dict[str, Json], job: str) -> None:
    """Two releases in one namespace do not alert on each other where the chart makes their monitors."""
    on = merged(load("minimal"), monitor, {"prometheusRule": {"enabled": True}, "missingKinds": "always"})
    for release in ("pay", "refund"):
        name = f"{release}-linkrunner-consumer"
        rendered = render(on, release=release)
        selector = 'namespace="payments"' + job.replace("NAME", name)
        made = [
            rule.at("expr").value
            for rule in rendered.one("PrometheusRule", name).at("spec", "groups", 0, "rules")
        ]
        assert made == [str(rule["expr"]).replace("$selector", selector) for rule in RULES]
        for kind in ("PodMonitor", "Service"):
            for target in rendered.of(kind):
                assert f'{target.at("metadata", "name").value}"' in job.replace("NAME", name)


def test_no_hole_is_left_in_a_rule() -> None:
    """A ``$selector`` would be a syntax error to Prometheus, and no alert would be there at all."""
    for rule in rules(render(load("alerts"))):
        assert "$selector" not in str(rule.value)
        assert "$threshold" not in str(rule.value)


def test_single_alerts_can_be_changed() -> None:
    """Each change is taken for its alert alone; what is not changed stays."""
    made = alerts(render(load("alerts")))
    stalled, fresh = made["LinkrunnerConsumerStalled"], made["LinkrunnerConsumerFreshnessHigh"]
    assert (stalled.at("for").value, stalled.at("labels", "severity").value) == ("20m", "warning")
    assert str(fresh.at("expr").value).endswith("> 1200")
    assert fresh.at("keep_firing_for").value == "10m"
    assert fresh.at("for").value == ALERTS["LinkrunnerConsumerFreshnessHigh"]["for"]
    assert set(ALERTS) - set(made) == {"LinkrunnerConsumerRateLimited"}
    assert "NoPaymentsAtAll" in made


def test_alerts_know_the_release_and_the_runbook() -> None:
    """The selector, the labels and the links are those of the values."""
    for name, alert in alerts(render(load("alerts"))).items():
        if name == "NoPaymentsAtAll":
            continue
        assert 'namespace="payments", job="payments/linkrunner-consumer"' in str(alert.at("expr").value)
        assert alert.at("labels", "team").value == "payments"
        link = alert.at("annotations", "runbook_url").value
        assert link == f"https://wiki.example.com/runbooks/{name}.md"


@pytest.mark.parametrize(
    ("fewest", "changes", "made"),
    [(1, {}, True), (0, {}, False), (0, {"LinkrunnerConsumerNoConsumers": {"enabled": True}}, True)],
)
def test_no_pods_are_no_alarm_where_they_are_wanted(fewest: int, changes: Json, made: bool) -> None:
    """Scaled to zero on purpose, nobody is paged for it, unless somebody asks for that."""
    on: dict[str, Json] = {"prometheusRule": {"enabled": True, "alerts": changes}}
    values = merged(load("keda"), {"keda": {"minReplicas": fewest}, "missingKinds": "always"}, on)
    names = set(alerts(render(values)))
    assert ("LinkrunnerConsumerNoConsumers" in names) is made
    assert names | {"LinkrunnerConsumerNoConsumers"} == set(ALERTS)


def test_a_group_is_named_once() -> None:
    """Prometheus refuses a file that has a name twice."""
    names = render(load("alerts")).one("PrometheusRule").at("spec", "groups").names()
    assert len(names) == len(set(names))
    assert "payments" in names


@pytest.mark.parametrize(
    ("feature", "kind", "endpoints"),
    [
        ("pod-monitor", "PodMonitor", "podMetricsEndpoints"),
        ("service-monitor", "ServiceMonitor", "endpoints"),
    ],
)
def test_monitors_scrape_the_pods(feature: str, kind: str, endpoints: str) -> None:
    """They find the service by its labels, at the port of that name."""
    rendered = render(load(feature))
    monitor = rendered.one(kind)
    assert monitor.at("metadata", "labels", "release").value == "kube-prometheus-stack"
    selected = deployment(rendered).at("spec", "selector", "matchLabels").value
    assert monitor.at("spec", "selector", "matchLabels").value == selected
    endpoint = monitor.at("spec", endpoints).at(0)
    assert (endpoint.at("port").value, endpoint.at("path").value) == ("http", "/metrics")
    assert (endpoint.at("interval").value, endpoint.at("scrapeTimeout").value) == ("15s", "10s")
    assert monitor.at("spec", "sampleLimit").value == 5000
    assert container(rendered).at("ports").names() == ["http"]


def test_the_service_monitor_has_a_service() -> None:
    """It is headless, shows pods that are not ready, and is found by the monitor."""
    rendered = render(load("service-monitor"))
    service = rendered.one("Service", f"{NAME}-metrics")
    assert service.at("spec", "clusterIP").value == "None"
    assert service.at("spec", "publishNotReadyAddresses").value is True
    assert service.at("spec", "ports").names() == ["http"]
    labels = service.at("metadata", "labels").value
    selected = rendered.one("ServiceMonitor").at("spec", "selector", "matchLabels").value
    assert isinstance(labels, dict)
    assert isinstance(selected, dict)
    assert selected.items() <= labels.items()


@pytest.mark.parametrize("feature", ["minimal", "pod-monitor", "alerts"])
def test_there_is_no_service_without_a_service_monitor(feature: str) -> None:
    """Nothing routes to these pods."""
    assert render(load(feature)).of("Service") == []


def test_the_dashboard_arrives_as_it_is() -> None:
    """Not a brace of it is taken for a template's, and the sidecar finds it."""
    rendered = render(load("dashboard"))
    made = rendered.one("ConfigMap", f"{NAME}-dashboard")
    assert made.at("metadata", "namespace").value == "monitoring"
    data = made.at("data").value
    assert isinstance(data, dict)
    (text,) = data.values()
    assert json.loads(str(text)) == DASHBOARD
    assert made.at("metadata", "labels", "dashboards").value == "yes"
    assert made.at("metadata", "labels", "grafana_dashboard").value == "1"
    assert made.at("metadata", "annotations", "grafana_folder").value == "Payments"


def test_the_dashboards_panels_link_to_the_runbooks() -> None:
    """The dashboard knows where they are as the alerts do, and its links end in the alert's file."""
    address = "https://wiki.example.com/runbooks"
    rendered = render({**load("dashboard"), "prometheusRule": {"runbookBaseUrl": address}})
    data = rendered.one("ConfigMap", f"{NAME}-dashboard").at("data").value
    assert isinstance(data, dict)
    (text,) = data.values()
    variables = {one["name"]: one for one in json.loads(str(text))["templating"]["list"]}
    assert variables["runbooks"]["query"] == f"{address}/"


def test_the_file_can_be_imported_by_hand() -> None:
    """The address of the runbooks is empty in it, and nothing else that the chart would fill by mistake."""
    (variable,) = [one for one in DASHBOARD["templating"]["list"] if one["name"] == "runbooks"]
    assert variable["query"] == ""
    assert json.dumps(DASHBOARD).count('"query": ""') == 1


def test_the_grafana_operator_takes_the_same_dashboard() -> None:
    """Its object names the ConfigMap and the key that are there."""
    rendered = render(load("grafana-operator"))
    reference = rendered.one("GrafanaDashboard", f"{NAME}-dashboard").at("spec", "configMapRef")
    made = rendered.one("ConfigMap", str(reference.at("name").value))
    assert made.at("data", str(reference.at("key").value)).value


#: What is asked of whom: a feature, the kind it needs, and whether it can be left out.
KINDS: Final = (
    ("pod-monitor", "monitoring.coreos.com/v1/PodMonitor", True),
    ("service-monitor", "monitoring.coreos.com/v1/ServiceMonitor", True),
    ("alerts", "monitoring.coreos.com/v1/PrometheusRule", True),
    ("grafana-operator", "grafana.integreatly.org/v1beta1/GrafanaDashboard", True),
    ("keda", "keda.sh/v1alpha1/ScaledObject", False),
    ("external-secrets", "external-secrets.io/v1/ExternalSecret", False),
)


@pytest.mark.parametrize(("feature", "api", "optional"), KINDS)
def test_a_kind_that_is_missing_is_told(feature: str, api: str, optional: bool) -> None:
    """It is refused, left out on demand where only monitoring is lost, and made where it is known."""
    kind = api.rpartition("/")[2]
    ask = merged(load(feature), {"missingKinds": "fail"})
    with pytest.raises(RefusedError, match=f"the cluster does not know, {api}"):
        render(ask)
    assert render(ask, apis=(api,)).of(kind)
    skip = merged(load(feature), {"missingKinds": "skip"})
    if optional:
        assert render(skip).of(kind) == []
        assert render(skip, apis=(api,)).of(kind)
    else:
        with pytest.raises(RefusedError, match=f"the cluster does not know, {api}"):
            render(skip)
