"""The JSON Schema of a mapping file, for editors, made from the tables that the file is read by.

An editor completes and checks by it while somebody writes. It is wider than the language where only the
compiler can judge: paths, patterns and what the lint looks for.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from consumer.core.avro.framing import WireFormat
from consumer.core.meaning.mapping.actions import FIELDS, ITEM_FIELDS, Does, FieldRule, Kind
from consumer.core.meaning.mapping.converters import CONVERTERS, OPTIONED
from consumer.core.meaning.mapping.language import Operator, Rounding
from consumer.core.meaning.mapping.reading import GROUPS, ROUTE_KEYS, ROUTE_NAME, SOURCE_KEYS, TESTED
from consumer.core.meaning.mapping.reading_values import AMOUNT_KEYS, MODIFIERS, ORIGINS
from consumer.core.meaning.mapping.settable import CONTENT_TYPES, PAYMENT_STATUSES, PAYMENT_TYPES
from consumer.core.meaning.money import MAX_FRACTION_DIGITS

Json: TypeAlias = "str | int | bool | Sequence[Json] | Mapping[str, Json] | None"
_Schema: TypeAlias = Mapping[str, Json]

_TEXT: Final[_Schema] = {"type": "string", "minLength": 1}
_SCALAR: Final[_Schema] = {"type": ["string", "number", "boolean"]}
_DIGITS: Final[_Schema] = {"type": "integer", "minimum": 0, "maximum": MAX_FRACTION_DIGITS}


_FORMS: Final = {Kind.AMOUNT: "amount", Kind.ITEMS: "items", Kind.ATTRIBUTES: "attributes"}
_CHOICES: Final[Mapping[Kind, Iterable[str]]] = {
    Kind.TYPE: PAYMENT_TYPES,
    Kind.STATUS: PAYMENT_STATUSES,
    Kind.CONTENT_TYPE: CONTENT_TYPES,
}


def mapping_schema() -> dict[str, Json]:
    """Return the schema (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A mapping of linkrunner-consumer",
        **_map({"sources": _list(_ref("source"))}, ["sources"]),
        "$defs": {
            "path": {**_TEXT, "description": "a way to a value, like customer.id or lines[0].sku"},
            "source": _source(),
            "route": {"oneOf": [_route(does) for does in Does]},
            "predicate": {"oneOf": [*(_group(key) for key in GROUPS), _test()]},
            "expression": _expression({}),
            "amount": _expression(_amount_keys()),
            "list": {"anyOf": [_ref("path"), _ref("expression")]},
            "converter": _converter(),
            "items": _map({"each": _ref("list"), **_fields(ITEM_FIELDS)}, ["each", *_required(ITEM_FIELDS)]),
            "attributes": {"type": "object", "additionalProperties": _ref("expression")},
        },
    }


def _ref(name: str) -> _Schema:
    return {"$ref": f"#/$defs/{name}"}


def _list(entry: _Schema) -> _Schema:
    return {"type": "array", "items": entry, "minItems": 1}


def _map(properties: Mapping[str, Json], required: Iterable[str] = ()) -> _Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _source() -> _Schema:
    one: _Schema = _map({"path": _ref("path"), "schema": _TEXT}, ["path", "schema"])
    several: _Schema = _map(
        {
            "path": _ref("path"),
            "type_path": _ref("path"),
            "schemas": {"type": "object", "additionalProperties": _TEXT, "minProperties": 1},
        },
        ["path", "type_path", "schemas"],
    )
    keys: Mapping[str, Json] = {
        "topics": _list({**_TEXT, "description": "a name, or a regular expression that begins with ^"}),
        "schema": {"const": "canonical"},
        "decoding": _map({"wire_format": {"enum": list(WireFormat)}, "schema": _TEXT}),
        "unwrap": {
            "anyOf": [
                {"enum": ["none", "debezium"]},
                _map({"avro_bytes": {"anyOf": [one, several]}}, ["avro_bytes"]),
            ]
        },
        "routes": _list(_ref("route")),
    }
    return {
        **_map({key: keys[key] for key in SOURCE_KEYS}, ["topics"]),
        "oneOf": [{"required": ["schema"]}, {"required": ["routes"]}],
    }


def _route(does: Does) -> _Schema:
    rules = FIELDS[does]
    keys: dict[str, Json] = {
        "name": {"type": "string", "pattern": f"^{ROUTE_NAME.pattern}$"},
        "when": _ref("predicate"),
        "action": {"const": does.value},
    }
    if rules:
        keys["set"] = _map(_fields(rules), _required(rules))
    needed = ["name", "action", *(["set"] if rules else [])]
    return _map({key: keys[key] for key in ROUTE_KEYS if key in keys}, needed)


def _required(rules: Mapping[str, FieldRule]) -> list[str]:
    return [name for name, rule in rules.items() if rule.required]


def _fields(rules: Mapping[str, FieldRule]) -> dict[str, Json]:
    return {name: {**_field(rule.kind), "description": rule.kind.value} for name, rule in rules.items()}


def _field(kind: Kind) -> _Schema:
    if kind in _CHOICES:
        return _choice(_CHOICES[kind])
    return _ref(_FORMS.get(kind, "expression"))


def _choice(choices: Iterable[str]) -> _Schema:
    """Return an expression whose constants are among ``choices``."""
    known: _Schema = {"enum": list(choices)}
    return {
        **_ref("expression"),
        "properties": {
            "const": known,
            "default": known,
            "map": {"type": "object", "additionalProperties": known},
        },
    }


def _origins() -> Mapping[str, Json]:
    meanings: Mapping[str, Json] = {
        "path": _ref("path"),
        "coalesce": _list(_ref("expression")),
        "const": _SCALAR,
        "template": {**_TEXT, "description": "a text with paths in braces"},
        "sum": _ref("list"),
    }
    return {key: meanings[key] for key in ORIGINS}


def _modifiers() -> Mapping[str, Json]:
    meanings: Mapping[str, Json] = {
        "as": {"anyOf": [_ref("converter"), _list(_ref("converter"))]},
        "map": {"type": "object", "additionalProperties": _SCALAR, "minProperties": 1},
        "default": _SCALAR,
    }
    return {key: meanings[key] for key in MODIFIERS}


def _amount_keys() -> Mapping[str, Json]:
    meanings: Mapping[str, Json] = {
        "currency": _ref("expression"),
        "exponent": {"anyOf": [_DIGITS, _ref("expression")]},
        "exponents": {"type": "object", "additionalProperties": _DIGITS},
    }
    return {key: meanings[key] for key in AMOUNT_KEYS}


def _expression(more: Mapping[str, Json]) -> _Schema:
    return {
        **_map({**_origins(), "of": _ref("expression"), **_modifiers(), **more}),
        "oneOf": [{"required": [key]} for key in ORIGINS],
        "dependentRequired": {"of": ["sum"]},
    }


def _converter() -> _Schema:
    options: Mapping[str, Json] = {
        "decimal": _map({"scale": _DIGITS, "rounding": {"enum": list(Rounding)}}, ["scale"]),
        "regex": _TEXT,
        "avro": _TEXT,
        "path": _ref("path"),
    }
    return {
        "oneOf": [
            *({"const": name, "description": each.help} for name, each in CONVERTERS.items()),
            *(
                {**_map({name: options[name]}, [name]), "description": each.help}
                for name, each in OPTIONED.items()
            ),
        ]
    }


def _group(key: str) -> _Schema:
    return _map({key: _ref("predicate") if key == "not" else _list(_ref("predicate"))}, [key])


def _test() -> _Schema:
    other: _Schema = _map({"path": _ref("path")}, ["path"])
    ordered: _Schema = {"anyOf": [{"type": "number"}, other]}
    operands: Mapping[Operator, Json] = {
        Operator.EQ: {"anyOf": [_SCALAR, other]},
        Operator.IN: _list(_SCALAR),
        Operator.EXISTS: {"type": "boolean"},
        Operator.GT: ordered,
        Operator.GE: ordered,
        Operator.LT: ordered,
        Operator.LE: ordered,
        Operator.REGEX: _TEXT,
    }
    origins = {key: value for key, value in _origins().items() if key in TESTED}
    comparisons = {operator.value: operands[operator] for operator in Operator}
    return {
        **_map({**origins, "of": _ref("expression"), "as": _modifiers()["as"], **comparisons}),
        "allOf": [
            {"oneOf": [{"required": [key]} for key in TESTED]},
            {"anyOf": [{"required": [operator.value]} for operator in Operator]},
        ],
    }
