"""Schemas of the kinds that others bring: from the definitions in their own Go modules, made strict.

A definition says which fields there are, and an API server drops the others in silence; here they are
mistakes. The modules are downloaded once into Go's own cache; nothing of them is in this project.
"""

import functools
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from helm.options import Json

_OPERATOR: Final = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
_OPERATOR_FOLDER: Final = "example/prometheus-operator-crd/monitoring.coreos.com"
_KEDA: Final = "github.com/kedacore/keda/v2@v2.20.2"
_SECRETS: Final = "github.com/external-secrets/external-secrets@v1.3.2"

#: Module and file of each kind that the chart makes.
SOURCES: Final[Mapping[str, tuple[str, str]]] = {
    "monitoring.coreos.com/v1/PodMonitor": (_OPERATOR, f"{_OPERATOR_FOLDER}_podmonitors.yaml"),
    "monitoring.coreos.com/v1/ServiceMonitor": (_OPERATOR, f"{_OPERATOR_FOLDER}_servicemonitors.yaml"),
    "monitoring.coreos.com/v1/PrometheusRule": (_OPERATOR, f"{_OPERATOR_FOLDER}_prometheusrules.yaml"),
    "keda.sh/v1alpha1/ScaledObject": (_KEDA, "config/crd/bases/keda.sh_scaledobjects.yaml"),
    "keda.sh/v1alpha1/TriggerAuthentication": (_KEDA, "config/crd/bases/keda.sh_triggerauthentications.yaml"),
    "external-secrets.io/v1/ExternalSecret": (
        _SECRETS,
        "config/crds/bases/external-secrets.io_externalsecrets.yaml",
    ),
}

#: The Grafana operator has no module that can be downloaded everywhere. These are the fields that the chart
#: uses, by hand from its API reference (GrafanaDashboard, grafana.integreatly.org/v1beta1).
_BY_HAND: Final[Mapping[str, dict[str, Json]]] = {
    "grafana.integreatly.org/v1beta1/GrafanaDashboard": {
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object",
                "required": ["instanceSelector"],
                "properties": {
                    "instanceSelector": {
                        "type": "object",
                        "properties": {
                            "matchLabels": {"type": "object", "additionalProperties": {"type": "string"}},
                            "matchExpressions": {"type": "array", "items": {"type": "object"}},
                        },
                    },
                    "allowCrossNamespaceImport": {"type": "boolean"},
                    "folder": {"type": "string"},
                    "configMapRef": {
                        "type": "object",
                        "required": ["key"],
                        "properties": {"key": {"type": "string"}, "name": {"type": "string"}},
                    },
                },
            }
        },
    }
}

#: What the API server adds to the fields of every kind.
_COMMON: Final[Mapping[str, Json]] = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"type": "object"},
}


def kinds() -> list[str]:
    """Return the kinds of this page as ``group/version/Kind``."""
    return [*SOURCES, *_BY_HAND]


def definition(kind: str) -> dict[str, Any]:
    """Return the CustomResourceDefinition of ``kind``, for a cluster; skip the test where it can't be had.

    It is the one of the kind's makers, or made of the schema here where that is by hand.
    """
    if kind in SOURCES:
        module, name = SOURCES[kind]
        made: dict[str, Any] = yaml.load((_module(module) / name).read_text("utf-8"), yaml.CSafeLoader)
        return made
    group, version, name = kind.split("/")
    plural = f"{name.lower()}s"
    schema = {"openAPIV3Schema": _BY_HAND[kind]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": name, "plural": plural, "singular": name.lower()},
            "versions": [{"name": version, "served": True, "storage": True, "schema": schema}],
        },
    }


def complaints(thing: Mapping[str, Json]) -> list[str]:
    """Return what the definition of its kind has against ``thing``; skip the test where it can't be had."""
    validator = _validator(f"{thing['apiVersion']}/{thing['kind']}")
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(thing)]


@functools.cache
def _validator(kind: str) -> jsonschema.protocols.Validator:
    schema = strict(_BY_HAND[kind] if kind in _BY_HAND else _definition(kind))
    properties = schema.get("properties")
    if isinstance(properties, dict):
        properties.update(_COMMON)
    return jsonschema.Draft7Validator(schema)


def _definition(kind: str) -> dict[str, Json]:
    """Return the schema of ``kind`` as its definition has it."""
    version = kind.split("/")[1]
    (schema,) = (
        served["schema"]["openAPIV3Schema"]
        for served in definition(kind)["spec"]["versions"]
        if served["name"] == version
    )
    found: dict[str, Json] = schema
    return found


@functools.cache
def _module(module: str) -> Path:
    """Return the folder of a Go module; the test is skipped where Go is missing."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("the definitions of custom kinds are in Go modules, and go is not here")
    command = [go, "mod", "download", "-json", module]
    # Out of the project, so that no go.mod above it has a say.
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True, timeout=240)
    return Path(json.loads(done.stdout)["Dir"])


def strict(schema: dict[str, Json]) -> dict[str, Json]:
    """Return an OpenAPI v3 schema of a definition as JSON Schema in which unknown fields are mistakes."""
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    result = dict(schema)
    # Not below allOf and the like: rules about fields stand there that the schema around them knows.
    for key in ("items", "additionalProperties"):
        below = schema.get(key)
        if isinstance(below, dict):
            result[key] = strict(below)
    properties = schema.get("properties")
    if isinstance(properties, dict):
        result["properties"] = {
            name: strict(below) for name, below in properties.items() if isinstance(below, dict)
        }
        if "additionalProperties" not in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            result["additionalProperties"] = False
    if schema.get("nullable") and isinstance(result.get("type"), str):
        result["type"] = [result["type"], "null"]
    return result
