"""NOTES.txt: what to do next, and what is allowed but worth a second look."""

from datetime import UTC, datetime
from typing import Final

import pytest

from consumer.core.settings.rules import warnings as service_warnings
from consumer.core.settings.tree import Settings
from helm.options import Json
from tests.chart.charts import CHART, RELEASE, Values, load, merged, nested, render

#: Without a cluster Helm shows no notes. An object of one's own can say what they are made of.
_TEXT: Final = """
apiVersion: v1
kind: ConfigMap
metadata: {name: notes}
data:
  text: {{ include "linkrunner-consumer.notes" . | quote }}
"""


def notes(values: Values) -> str:
    """Return what somebody reads who has installed ``values``."""
    return str(
        render(merged(values, {"extraObjects": [_TEXT]})).one("ConfigMap", "notes").at("data", "text").value
    )


def warnings(values: Values) -> list[str]:
    """Return the warnings in the notes."""
    return [
        line.removeprefix("WARNING: ") for line in notes(values).splitlines() if line.startswith("WARNING: ")
    ]


def change(path: str, value: Json) -> Values:
    """Return ``value`` as the option ``path``."""
    return nested(tuple(path.split(".")), value)


#: A release that has nothing to be warned of.
CALM: Final = merged(
    load("minimal"),
    change("config.linkrunner.requests_per_second", 10),
    change("image.registry", "registry.example.com"),
)

#: What is done, and the beginning of the warning that follows.
WARNED: Final[dict[str, tuple[Values, str]]] = {
    "pods that stay idle": ({"partitions": 1}, "2 pods and 1 partitions: the pods above"),
    "rates above the API's": (
        merged(
            change("config.linkrunner.requests_per_second", 25),
            change("config.linkrunner.rate_scope", "pod"),
        ),
        "2 pods with up to 25 calls a second each (rate_scope: pod): the API's documented limit is 30",
    ),
    "a rate above the API's": (
        change("config.linkrunner.requests_per_second", 31),
        "config.linkrunner.requests_per_second is 31: the API's documented limit is 30 a second for one",
    ),
    "an image from nowhere": (
        change("image.registry", ""),
        "image.registry is empty: nodes that do not have linkrunner-consumer yet pull it from",
    ),
    "no memory request": (change("resources.requests.memory", None), "resources has no request or no limit"),
    "no resources": ({"resources": None}, "resources has no request or no limit"),
    "KEDA to zero": (
        {"keda": {"enabled": True, "minReplicas": 0}, "partitions": 3, "missingKinds": "always"},
        "keda.minReplicas is 0: while no pod runs, nobody measures",
    ),
    "a broker that KEDA can't find": (
        merged(
            {"keda": {"enabled": True}, "partitions": 3, "missingKinds": "always"},
            change("config.kafka.bootstrap_servers", "a.kafka.svc:9092,kafka:9092"),
        ),
        "config.kafka.bootstrap_servers has a name without a namespace",
    ),
    "a secret as a variable": (
        {"extraEnv": [{"name": "PROXY_PASSWORD", "value": "canary"}]},
        "extraEnv has PROXY_PASSWORD as a plain value",
    ),
    "a key in clear": (
        change("config.linkrunner.base_url", "http://simulator:8080/api/v1"),
        "config.linkrunner.base_url is plain http",
    ),
    "calls longer than the drain": (
        merged(
            change("config.linkrunner.timeout_seconds", 20.5),
            nested(("config", "kafka", "properties", "session.timeout.ms"), 45_000),
        ),
        "config.linkrunner.timeout_seconds, 20.5, is longer than config.shutdown.drain_seconds, 20: a",
    ),
    "calls that outlast the session": (
        change("config.linkrunner.timeout_seconds", 10.5),
        "config.linkrunner.timeout_seconds, 10.5, is long beside the 15 s after which the group",
    ),
    "calls that outlast the brokers' session": (
        merged(
            change("config.linkrunner.timeout_seconds", 30),
            change("config.shutdown.drain_seconds", 30),
            nested(("config", "kafka", "properties", "group.protocol"), "consumer"),
        ),
        "config.linkrunner.timeout_seconds, 30, is long beside the 40 s after which the group",
    ),
    "bad records that are let through": (
        change("config.linkrunner.accept_refusals_until", "2026-03-01T12:00:00Z"),
        "config.linkrunner.accept_refusals_until is set: until 2026-03-01T12:00:00Z bad records",
    ),
    "credentials for the registry in clear": (
        merged(
            change("config.schema_registry.url", "https://a,HTTP://b:8081"),
            {"schemaRegistry": {"basicAuth": {"existingSecret": "registry"}}},
        ),
        "config.schema_registry.url is plain http: credentials for the registry travel in clear",
    ),
    "passwords in clear": (
        nested(("config", "kafka", "properties", "security.protocol"), "sasl_plaintext"),
        "security.protocol in config.kafka.properties is sasl_plaintext",
    ),
    "dead letters in clear": (
        nested(("config", "dead_letters", "properties", "security.protocol"), "SASL_PLAINTEXT"),
        "security.protocol in config.dead_letters.properties is sasl_plaintext",
    ),
    "scrapes that are not let in": (
        {"networkPolicy": {"enabled": True}, "podMonitor": {"enabled": True}, "missingKinds": "always"},
        "networkPolicy.metricsFrom is empty: Prometheus is not let in",
    ),
    "a dashboard without runbooks": (
        {"dashboard": {"enabled": True}},
        "prometheusRule.runbookBaseUrl is empty: the links of the dashboard's panels lead nowhere",
    ),
    "a monitor left out": (
        {"podMonitor": {"enabled": True}, "missingKinds": "skip"},
        "podMonitor was left out: the cluster does not know monitoring.coreos.com/v1/PodMonitor",
    ),
    "rules left out": (
        {"prometheusRule": {"enabled": True}, "missingKinds": "skip"},
        "prometheusRule was left out: the cluster does not know monitoring.coreos.com/v1/PrometheusRule",
    ),
    "a dashboard left out": (
        {
            "dashboard": {"enabled": True, "grafanaOperator": {"enabled": True}},
            "prometheusRule": {"runbookBaseUrl": "https://wiki.example.com/runbooks"},
            "missingKinds": "skip",
        },
        "dashboard.grafanaOperator was left out: the cluster does not know grafana.integreatly.org",
    ),
}


@pytest.mark.parametrize("case", WARNED)
def test_what_is_worth_a_second_look_is_said(case: str) -> None:
    """One warning, which names the option; and no value that could be a secret."""
    changed, beginning = WARNED[case]
    (warning,) = warnings(merged(CALM, changed))
    assert warning.startswith(beginning)
    assert "canary" not in warning


@pytest.mark.parametrize(
    "values", [change("image.repository", "team/consumer"), change("global.imageRegistry", "r.example.com")]
)
def test_other_ways_to_name_a_registry_are_calm(values: Values) -> None:
    """A registry in the name, or from the parent chart, is one."""
    assert warnings(merged(CALM, change("image.registry", ""), values)) == []


def test_a_calm_release_has_no_warning() -> None:
    """Warnings that always come are not read."""
    assert warnings(CALM) == []


def test_every_warning_of_the_service_is_one_of_the_chart() -> None:
    """Who installs reads before the first pod what its log would say."""
    settings = Settings.model_validate(
        {
            "kafka": {
                "bootstrap_servers": "kafka:9092",
                "topics": ["payments.events.v1"],
                "properties": {"security.protocol": "sasl_plaintext"},
            },
            "schema_registry": {"url": "http://registry:8081", "properties": {"timeout": "5"}},
            "linkrunner": {
                "base_url": "http://simulator/api/v1",
                "requests_per_second": 31,
                "timeout_seconds": 21,
                "accept_refusals_until": "2026-03-01T12:00:00Z",
            },
            "currency": {"accept": ["INR"]},
        }
    )
    config = settings.model_dump(mode="json", by_alias=True, exclude_unset=True)
    config["kafka"]["properties"] = dict(settings.kafka.properties)
    config["schema_registry"]["properties"] = dict(settings.schema_registry.properties)
    told = service_warnings(settings, datetime.now(UTC))
    assert len(told) == 7
    assert len(warnings(merged(CALM, {"config": config}))) == len(told)


def test_what_a_configmap_hides_is_no_reason_to_warn() -> None:
    """Rate and timeout are not the chart's to know then, and advice that would be refused is none."""
    values = merged(load("existing-configmap"), change("image.registry", "registry.example.com"))
    assert warnings(merged(values, {"replicaCount": 50})) == []


def test_a_registry_that_may_not_be_let_out_to_is_told() -> None:
    """A policy beside a ConfigMap of one's own can't know whether there is a registry."""
    values = merged(load("existing-configmap"), change("image.registry", "registry.example.com"))
    (warning,) = warnings(merged(values, change("networkPolicy.schemaRegistry.ports", [])))
    assert warning.startswith("networkPolicy.schemaRegistry.ports is empty, and existingConfigMap hides")


@pytest.mark.parametrize(
    ("pods", "rate", "share"), [(2, 25, "15"), (4, 25, "7.5"), (7, 5, "4.2"), (100, 25, "0.3")]
)
def test_the_share_of_a_pod_fits_into_the_limit(pods: int, rate: int, share: str) -> None:
    """Who follows the advice stays below the limit."""
    values = merged(
        CALM,
        {"replicaCount": pods},
        change("config.linkrunner.requests_per_second", rate),
        change("config.linkrunner.rate_scope", "pod"),
    )
    (warning,) = warnings(values)
    assert warning.endswith(f"set config.linkrunner.requests_per_second to {share} or less.")
    assert pods * float(share) <= 30


@pytest.mark.parametrize("pods", [1, 2, 100])
def test_pods_that_share_a_rate_are_no_reason_to_warn(pods: int) -> None:
    """However many there are, together they keep it."""
    values = merged(CALM, {"replicaCount": pods}, change("config.linkrunner.requests_per_second", 30))
    assert warnings(values) == []


def test_notes_say_what_to_do_next() -> None:
    """The commands are those of this release."""
    text = notes(load("minimal"))
    assert "kubectl -n payments rollout status deployment/pay-linkrunner-consumer" in text
    # not with --logs: Helm 3 fails over the logs of a pod that has succeeded and is gone
    assert f"helm test -n payments {RELEASE}\n" in text
    assert "kubectl -n payments logs pay-linkrunner-consumer-check" in text
    assert "port-forward deployment/pay-linkrunner-consumer 8080" in text
    assert "send one payment and compare its amount" in text


def test_notes_name_no_test_that_is_not_there() -> None:
    """A command that can't work is not given."""
    assert "helm test" not in notes(merged(load("minimal"), {"test": {"enabled": False}}))


@pytest.mark.parametrize(
    ("values", "off"),
    [
        ({}, "podMonitor.enabled, prometheusRule.enabled, dashboard.enabled"),
        ({"serviceMonitor": {"enabled": True}}, "prometheusRule.enabled, dashboard.enabled"),
        ({"dashboard": {"enabled": True}}, "podMonitor.enabled, prometheusRule.enabled"),
    ],
)
def test_notes_say_what_is_off(values: Values, off: str) -> None:
    """Nobody has to read the README to learn that there are alerts."""
    assert f"Off, and worth turning on: {off}." in notes(merged(CALM, values, {"missingKinds": "always"}))


def test_what_is_tested_is_what_is_shown() -> None:
    """NOTES.txt is this text and nothing else."""
    shown = (CHART / "templates" / "NOTES.txt").read_text("utf-8")
    assert shown == '{{ include "linkrunner-consumer.notes" . }}\n'


def test_that_users_are_erased_is_said() -> None:
    """Whoever installs it sees which topic deletes payments for good; while it is off nothing is said."""
    assert "users.erasures.v1" in notes(load("erasure"))
    assert "Erasure" not in notes(load("minimal"))
    assert "Erasure" not in notes(merged(load("erasure"), change("config.erasure.enabled", False)))
