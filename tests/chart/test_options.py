"""Every option of the chart does something: another value makes another release."""

from collections.abc import Mapping
from typing import Final

import pytest

from consumer.core.settings.keys import KEYS
from helm.options import Json, Option, leaves, read
from tests.chart.charts import CHART, Part, Values, load, merged, nested, render

OPTIONS: Final = tuple(leaves(read((CHART / "values.yaml").read_text("utf-8"))))

#: The feature that an option belongs to, by the beginning of its name; the longest one counts.
FEATURES: Final[Mapping[str, str]] = {
    "": "minimal",
    "partitions": "keda",
    "existingConfigMap": "existing-configmap",
    "kafka.sasl": "kafka-plain",
    "kafka.ca": "kafka-ca",
    "kafka.tls": "kafka-tls-cert-manager",
    "deadLetters.sasl": "dead-letters-user",
    "deadLetters.tls": "dead-letters-certificate",
    "schemaRegistry.basicAuth": "registry-basic",
    "schemaRegistry.ca": "registry-basic",
    "schemaRegistry.bearer": "registry-bearer",
    "schemaRegistry.tls": "registry-bearer",
    "externalSecrets": "external-secrets",
    "podMonitor": "pod-monitor",
    "serviceMonitor": "service-monitor",
    "prometheusRule": "alerts",
    "missingKinds": "pod-monitor",
    "dashboard": "dashboard",
    "dashboard.grafanaOperator": "grafana-operator",
    "keda": "keda",
    "networkPolicy": "network-policy",
}

_PEERS: Final[Json] = [{"podSelector": {"matchLabels": {"app": "sample"}}}]
_TEXTS: Final[Json] = {"sample": "sample"}
_CONTAINERS: Final[Json] = [{"name": "sample", "image": "sample:1"}]

#: A value other than the default, for options whose default does not tell what one could be. The beginning or
#: the end of a name may stand for all that have it.
SAMPLES: Final[Mapping[str, Json]] = {
    "config": {"log": {"level": "debug"}},
    "files": {"sample.avsc": "{}"},
    "filesFrom": [{"configMap": {"name": "sample"}}],
    "partitions": 3,
    "image.digest": "sha256:" + "a" * 64,
    "image.pullPolicy": "Always",
    "image.pullSecrets": ["sample"],
    "externalSecrets.secretStoreRef.kind": "SecretStore",
    "resources": {"limits": {"memory": "1Gi"}},
    "podSecurityContext": {"runAsUser": 1234},
    "securityContext": {"runAsUser": 1234},
    "terminationGracePeriodSeconds": 99,
    "podDisruptionBudget.maxUnavailable": "25%",
    "topologySpreadConstraints": [],
    ".annotations": _TEXTS,
    ".labels": _TEXTS,
    ".relabelings": [{"action": "labeldrop", "regex": "sample"}],
    ".metricRelabelings": [{"action": "labeldrop", "regex": "sample"}],
    "prometheusRule.runbookBaseUrl": "https://sample",
    "prometheusRule.alertLabels": _TEXTS,
    "prometheusRule.alerts": {"LinkrunnerConsumerStalled": {"severity": "sample"}},
    "prometheusRule.extraGroups": [{"name": "sample", "rules": []}],
    "dashboard.grafanaOperator.instanceSelector": {"matchLabels": _TEXTS},
    "missingKinds": "skip",
    "keda.topics": ["sample"],
    "keda.maxReplicas": 5,
    "keda.kafkaVersion": "3.0.0",
    "keda.behavior": {"scaleUp": {"stabilizationWindowSeconds": 1}},
    "keda.extraTriggers": [{"type": "cpu", "metadata": {"value": "60"}}],
    "networkPolicy.metricsFrom": _PEERS,
    "networkPolicy.dnsTo": _PEERS,
    "networkPolicy.dnsPorts": [5353],
    "networkPolicy.extraIngress": [{"from": _PEERS}],
    "networkPolicy.extraEgress": [{"to": _PEERS}],
    ".to": _PEERS,
    ".ports": [1234],
    "nodeSelector": _TEXTS,
    "tolerations": [{"key": "sample"}],
    "affinity": {"nodeAffinity": {}},
    "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["kafka"]}],
    "dnsPolicy": "Default",
    "dnsConfig": {"nameservers": ["10.0.0.2"]},
    "progressDeadlineSeconds": 99,
    "podLabels": _TEXTS,
    "podAnnotations": _TEXTS,
    "extraEnv": [{"name": "SAMPLE", "value": "1"}],
    "extraEnvFrom": [{"configMapRef": {"name": "sample"}}],
    "extraVolumes": [{"name": "sample", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "tmp", "mountPath": "/sample"}],
    "extraContainers": _CONTAINERS,
    "initContainers": _CONTAINERS,
    "extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "sample"}}],
    "commonLabels": _TEXTS,
    "commonAnnotations": _TEXTS,
    "global.imagePullSecrets": ["sample"],
}


def sample(option: Option, values: Values) -> Json:
    """Return a value for ``option`` that is neither its default nor, for a switch, as in ``values``."""
    for name, value in SAMPLES.items():
        if option.name == name or (name.startswith(".") and option.name.endswith(name)):
            return value
    match option.default:
        case bool():
            set_there = Part(dict(values)).at(*option.path).value
            return not (option.default if set_there is None else set_there)
        case int():
            return option.default + 1
        case str():
            return "sample"
        case _:
            raise AssertionError(f"{option.name} needs a sample: write one into SAMPLES")


def surroundings(option: Option) -> Values:
    """Return values in which ``option`` matters."""
    fitting = [name for name in FEATURES if not name or f"{option.name}.".startswith(f"{name}.")]
    values = load(FEATURES[max(fitting, key=len)])
    if option.path[-1] == "remoteKey":  # it stands in the place of existingSecret
        store = nested(("externalSecrets", "secretStoreRef", "name"), "vault")
        without = nested((*option.path[:-1], "existingSecret"), "")
        taken = nested(option.path, "taken")
        return merged(values, store, without, taken, {"missingKinds": "always"})
    return values


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_option_does_something(option: Option) -> None:
    """No option is dead: with another value, something else is installed."""
    values = surroundings(option)
    changed = merged(values, nested(option.path, sample(option, values)))
    assert changed != values
    assert render(changed).objects != render(values).objects


@pytest.mark.parametrize("feature", sorted(set(FEATURES.values())))
def test_an_option_without_a_value_breaks_nothing(feature: str) -> None:
    """Who comments out all that stands below an option leaves a null: it is like nothing at all."""
    values = load(feature)
    empty = [
        nested(option.path, None)
        for option in OPTIONS
        if isinstance(option.default, dict | list) and Part(dict(values)).at(*option.path).value is None
    ]
    assert len(empty) > 10
    rendered = render(merged(values, *empty))
    assert "<nil>" not in rendered.text
    assert rendered.kinds() == render(values).kinds()


def test_every_sample_is_of_an_option() -> None:
    """A sample whose option is gone would hide that nothing is tested by it."""
    names = [option.name for option in OPTIONS]
    unused = [
        name for name in SAMPLES if name not in names and not any(other.endswith(name) for other in names)
    ]
    assert unused == []


def test_a_feature_sets_every_key_of_the_service() -> None:
    """The values file of all settings has them all, so that each is known to pass through the chart."""
    set_there = load("every-setting")["config"]
    assert isinstance(set_there, dict)
    paths = {
        (section, key) if isinstance(keys, dict) else (section,)
        for section, keys in set_there.items()
        for key in (keys if isinstance(keys, dict) else [""])
    }
    # The chart writes the first; the second, in place of kafka.topics, has a feature of its own.
    apart = {("linkrunner", "server_key_file"), ("mapping",)}
    assert {path for path in KEYS if path not in apart} == paths
