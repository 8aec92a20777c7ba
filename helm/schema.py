"""The chart's ``values.schema.json``: from its options, and for ``config`` from the service's own schema.

JSON Schema draft-07, which Helm 3 and 4 read. Every object is closed, so a misspelt key is refused. Open are
only those that hold names of others: labels, parts of Kubernetes objects, and ``global``, which charts share.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from consumer.core.settings.tree import Settings
from helm.options import Json, Option, UndocumentedError

#: Keys of ``config`` whose mistakes the templates tell, with what to write: a schema has no words of its own.
TOLD_BY_TEMPLATES: Final = (
    ("kafka", "bootstrap_servers"),
    ("kafka", "topics"),
    ("schema_registry", "url"),
    ("currency", "accept"),
)

_DURATION: Final[dict[str, Json]] = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h|d|w))+$"}

#: Changes to an alert, in ``prometheusRule.alerts``.
_ALERT: Final[Json] = {
    "type": "object",
    "additionalProperties": False,
    "description": "Changes to an alert; what is not set stays as it is.",
    "properties": {
        "enabled": {"type": "boolean", "description": "Make it."},
        "for": {**_DURATION, "description": "How long its condition has to last."},
        "keepFiringFor": {**_DURATION, "description": "How long it goes on when the condition is over."},
        "severity": {"type": "string", "minLength": 1, "description": "Its label of that name."},
        "threshold": {"type": "number", "description": "The number that its condition compares with."},
    },
}

#: A name that Kubernetes takes for most kinds of objects, a key of a Secret, and a name without dots; each
#: may be empty, which means that nothing is named.
_NAME: Final[dict[str, Json]] = {
    "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$",
    "maxLength": 253,
}
_KEY: Final[dict[str, Json]] = {"pattern": r"^([-._a-zA-Z0-9]+)?$", "maxLength": 253}
_LABEL: Final[dict[str, Json]] = {"pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$"}

#: What texts have to look like, by the last part of their option. Else Kubernetes refuses them when a release
#: has begun, or a pod waits for ever.
FORMS: Final[Mapping[str, dict[str, Json]]] = {
    "certificateKey": _KEY,
    "existingConfigMap": _NAME,
    "existingSecret": _NAME,
    "fullnameOverride": _LABEL,
    "key": _KEY,
    "name": _NAME,
    "nameOverride": _LABEL,
    "namespace": _LABEL,
    "namespaceOverride": _LABEL,
    "passphraseKey": _KEY,
    "passwordKey": _KEY,
    "priorityClassName": _NAME,
    "privateKeyKey": _KEY,
    "runtimeClassName": _NAME,
    "usernameKey": _KEY,
}

_TYPES: Final[Mapping[type, str]] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
}


def schema(options: Sequence[Option]) -> dict[str, Json]:
    """Return the JSON Schema of the values."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of linkrunner-consumer",
        **_map(options),
        "definitions": {"Alert": _ALERT, **_settings()},
    }


def _map(options: Sequence[Option]) -> dict[str, Json]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {option.path[-1]: _option(option) for option in options},
    }


def _option(option: Option) -> dict[str, Json]:
    own = {**FORMS.get(option.path[-1], {}), **option.schema}
    if "$ref" in own:
        return own  # draft-07 ignores what stands beside it
    if option.children:
        return {**_map(option.children), "description": option.text, **own}
    if isinstance(option.default, dict) and not {"type", "additionalProperties"}.intersection(own):
        raise UndocumentedError(f"{option.name} is a map: an @schema has to say what may stand in it")
    if isinstance(option.default, list) and "items" not in own:
        raise UndocumentedError(f"{option.name} is a list: an @schema has to say what its items are")
    kind = "object" if isinstance(option.default, dict) else _TYPES.get(type(option.default))
    return {**({"type": kind} if kind else {}), "description": option.text, "default": option.default, **own}


def _settings() -> dict[str, Json]:
    """Return the service's own schema as definitions; nothing is required, because templates ask for it."""
    tree = Settings.model_json_schema(by_alias=True, ref_template="#/definitions/{model}")
    definitions: dict[str, dict[str, Json]] = tree.pop("$defs")
    definitions["Settings"] = tree
    for definition in definitions.values():
        definition.pop("required", None)
    for section, key in TOLD_BY_TEMPLATES:
        name = tree["properties"][section]["$ref"].rpartition("/")[2]
        properties = definitions[name]["properties"]
        if isinstance(properties, dict):
            properties[key] = {"description": _description(properties[key])}
    return {name: _plain(definition) for name, definition in sorted(definitions.items())}


def _description(value: Json) -> Json:
    return value["description"] if isinstance(value, dict) else None


def _plain(value: Json, *, names: bool = False) -> Json:
    """Return ``value`` without the titles that repeat a key; ``names``: its keys are names, not keywords."""
    if isinstance(value, list):
        return [_plain(below) for below in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _plain(below, names=key == "properties" and not names)
        for key, below in value.items()
        if names or key != "title"
    }
