"""The schema of the values: what is misspelt or of the wrong type is refused before anything is made."""

import json
from collections.abc import Iterator
from typing import Final

import jsonschema
import pytest

from helm.options import Json, leaves, read
from helm.schema import FORMS
from tests.chart.charts import CHART, CI, HELMS, RefusedError, Values, load, merged, nested, render

SCHEMA: Final[dict[str, Json]] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
OPTIONS: Final = tuple(leaves(read((CHART / "values.yaml").read_text("utf-8"))))
#: What templates judge themselves, with better words (see test_refusals).
TOLD_ELSEWHERE: Final = {"config.kafka", "config.currency"}


def refusal(values: Values, helm: str) -> str:
    """Return what Helm says to ``values``, which it must not take."""
    with pytest.raises(RefusedError) as refused:
        render(values, helm=helm)
    return str(refused.value)


def resolved(schema: dict[str, Json]) -> dict[str, Json]:
    """Return the schema that ``schema`` refers to, or itself."""
    reference = schema.get("$ref")
    definitions = SCHEMA["definitions"]
    if not isinstance(reference, str) or not isinstance(definitions, dict):
        return schema
    found = definitions[reference.removeprefix("#/definitions/")]
    assert isinstance(found, dict)
    return found


def closed(schema: dict[str, Json], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every object that takes no other keys than its own."""
    schema = resolved(schema)
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return
    if schema.get("additionalProperties") is False:
        yield path
    for name, below in properties.items():
        if isinstance(below, dict):
            yield from closed(below, (*path, name))


@pytest.mark.parametrize("helm", HELMS)
def test_every_misspelt_key_is_refused(helm: str) -> None:
    """A key that is none is refused wherever it stands, also in the service's configuration."""
    paths = list(closed(SCHEMA))
    assert ("config", "kafka") in paths
    assert ("keda",) in paths
    values = merged(load("minimal"), *(nested((*path, "mispelt"), 1) for path in paths))
    said = refusal(values, helm)
    missed = [path for path in paths if f"at '{''.join(f'/{key}' for key in path)}': additional" not in said]
    assert missed == []


def test_only_what_others_name_is_open() -> None:
    """Every other map is closed: labels, annotations and parts of Kubernetes are not ours to know."""
    maps = {option.name for option in OPTIONS if isinstance(option.default, dict)}
    parents = {".".join(path) for path in closed(SCHEMA)}
    everything = {".".join(option.path[:length]) for option in OPTIONS for length in range(len(option.path))}
    assert everything - parents == {"global"}
    assert maps - parents == {
        "files", "resources", "podSecurityContext", "securityContext", "serviceAccount.annotations",
        "podMonitor.labels", "podMonitor.annotations", "serviceMonitor.labels", "serviceMonitor.annotations",
        "prometheusRule.labels", "prometheusRule.annotations", "prometheusRule.alertLabels",
        "prometheusRule.alerts", "dashboard.labels", "dashboard.annotations",
        "dashboard.grafanaOperator.instanceSelector", "keda.annotations", "keda.behavior", "nodeSelector",
        "affinity", "dnsConfig", "podLabels", "podAnnotations", "commonLabels", "commonAnnotations",
    }  # fmt: skip


@pytest.mark.parametrize("helm", HELMS)
def test_every_wrong_type_is_refused(helm: str) -> None:
    """A text where a map belongs, or a map where a text belongs, is named with its option."""
    wrong: list[Values] = [
        nested(option.path, "text" if isinstance(option.default, dict | list) else {"a": "map"})
        for option in OPTIONS
    ]
    said = refusal(merged(load("minimal"), *wrong), helm)
    missed = [option.name for option in OPTIONS if f"at '/{'/'.join(option.path)}': " not in said]
    assert missed == []


#: Values of the right type that are wrong all the same.
OUT_OF_RANGE: Final[dict[str, Json]] = {
    "replicaCount": -1,
    "partitions": 0,
    "minReadySeconds": -1,
    "revisionHistoryLimit": -1,
    "terminationGracePeriodSeconds": 0,
    "image.digest": "sha256:short",
    "image.pullPolicy": "Sometimes",
    "image.repository": "",
    "linkrunner.key": "",
    "kafka.sasl.usernameKey": "a/b",
    "kafka.sasl.passwordKey": "a/b",
    "kafka.tls.certificateKey": "tls crt",
    "schemaRegistry.tls.passphraseKey": "a:b",
    "kafka.sasl.existingSecret": "Kafka",
    "linkrunner.existingSecret": "my_secret",
    "existingConfigMap": "a..b",
    "fullnameOverride": "a.b",
    "nameOverride": "Pay",
    "namespaceOverride": "-a",
    "dashboard.namespace": "a.b",
    "serviceAccount.name": "me@example.com",
    "externalSecrets.secretStoreRef.name": "Vault",
    "priorityClassName": "very high",
    "networkPolicy.dnsPorts": [],
    "probes.liveness.terminationGracePeriodSeconds": 0,
    "externalSecrets.secretStoreRef.kind": "Store",
    "podDisruptionBudget.maxUnavailable": 0,
    "probes.liveness.periodSeconds": 0,
    "podMonitor.sampleLimit": -1,
    "missingKinds": "maybe",
    "prometheusRule.runbookBaseUrl": 'https://wiki"',
    "keda.minReplicas": -1,
    "keda.maxReplicas": 0,
    "keda.lagSeconds": 0,
    "keda.kafkaVersion": "latest",
    "networkPolicy.kafka.ports": [0],
    "strategy.maxSurge": -1,
    "strategy.maxUnavailable": "abc",
    "keda.activationLag": -1,
    "dnsPolicy": "Sometimes",
    "progressDeadlineSeconds": 0,
    "files": {"a/b": "", "..": "", "..data": ""},
    "config.linkrunner.max_in_flight": 0,
    "config.log.level": "loud",
    "config.shutdown.drain_seconds": 0.5,
    "config.kafka.start_from": "middle",
    "prometheusRule.alerts.LinkrunnerConsumerStalled.for": "soon",
    "dashboard.grafanaOperator.instanceSelector": {},
}


@pytest.mark.parametrize("helm", HELMS)
def test_values_out_of_range_are_refused(helm: str) -> None:
    """A number, a name or a text that can't be right is named with its option."""
    wrong = [nested(tuple(name.split(".")), value) for name, value in OUT_OF_RANGE.items()]
    values = merged(load("minimal"), *wrong)
    said = refusal(values, helm)
    # Helm merges an empty map into the default; only the schema itself can tell that none is allowed.
    asked = [name for name in OUT_OF_RANGE if OUT_OF_RANGE[name] != {}]
    assert [name for name in asked if f"at '/{name.replace('.', '/')}" not in said] == []


@pytest.mark.parametrize("feature", sorted(CI))
def test_features_fit_the_schema(feature: str) -> None:
    """An editor that knows the schema has nothing against the values files."""
    validator = jsonschema.Draft7Validator(SCHEMA)
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(load(feature))] == []


def test_the_schema_is_one() -> None:
    """It is a valid JSON Schema, draft 7, which both Helms read."""
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_a_parent_chart_may_share_values() -> None:
    """``global`` is for all charts of a release, so names that are not ours are none of our business."""
    assert render(merged(load("minimal"), {"global": {"other": {"chart": 1}}})).objects


def test_every_form_is_of_an_option() -> None:
    """A form whose option is gone, or has another name, would hold nobody to it."""
    assert set(FORMS) <= {option.path[-1] for option in OPTIONS}


def test_every_option_that_names_something_has_a_form() -> None:
    """A new Secret, key or name is held to what Kubernetes takes."""
    formless = [
        option.name
        for option in OPTIONS
        if isinstance(option.default, str)
        and option.path[-1].lower().endswith(("secret", "key", "name", "namespace", "override"))
        and option.path[-1] not in FORMS
    ]
    # an entry of a store, and a scheduler, are called as others like it
    assert {name.rpartition(".")[2] for name in formless} == {"remoteKey", "schedulerName"}
