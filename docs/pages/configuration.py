"""``docs/configuration.md``, from the settings tree and the rules for pass-through properties."""

import json
from collections.abc import Iterator
from typing import Final

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from consumer.core.settings.environment import variable_name
from consumer.core.settings.kafka_properties import (
    BROKER_DECIDES,
    COMMON_RULES,
    CONSUMER_RULES,
    PRODUCER_RULES,
    Rule,
)
from consumer.core.settings.keys import INNER_KEYS, KEYS, SECTIONS, Path
from docs.pages.markdown import code, table

_HEAD: Final = """# Configuration

<!-- Generated from consumer/core/settings/tree.py by `make docs`. -->

One YAML file, named by `--config`; [an example](linkrunner-consumer.example.yaml). Two keys have no default
that would be right: where Kafka is and what is read (`kafka.bootstrap_servers`, `kafka.topics`), and which
currencies are sent (`currency.accept`, or `currency.reporting` to convert).

- `linkrunner-consumer check --config FILE` tells every mistake at once, with its line and its cure. `run`
  refuses to start with the same mistakes (exit code 78).
- `linkrunner-consumer config show --config FILE --sources` shows what is in force and where it was set.
- `linkrunner-consumer config schema` writes the JSON Schema, for editors that complete and check YAML.

Unknown keys are mistakes. Values are plain data: `no` and `on` are texts, not booleans. Paths of files are
relative to the working directory.

## Environment

Every key can be set by the variable at the end of its row below, which wins over the file. The value is YAML:
`LINKRUNNER_CONSUMER__KAFKA__TOPICS='[payments.events.v1]'`. With `_FILE` behind its name, a variable names a
file that holds the value: `LINKRUNNER_CONSUMER__KAFKA__PROPERTIES_FILE=/run/secrets/kafka.yaml`. A name that
is a key as it stands (`..._SERVER_KEY_FILE`) means that key. To set both is a mistake, and so is a variable
that begins with `LINKRUNNER_CONSUMER__` and sets no key.

## The server key

In this order: the file of `linkrunner.server_key_file`, if the file or a variable sets it; the variable
`LINKRUNNER_SERVER_KEY`, or `LINKRUNNER_SERVER_KEY_FILE` with the name of a file; the default file. A file is
read again within a second when it changes, also by a symbolic link as Kubernetes does it; one that is empty
or unusable at that moment leaves the key as it was. Without any key the service does not start (exit code
77).
"""

_PROPERTIES: Final = """
## Pass-through properties

`kafka.properties` takes any property of a librdkafka consumer and `dead_letters.properties` any of a
producer, by librdkafka's names; the dead-letter producer takes over what says how brokers are reached and
trusted (`security.protocol`, `sasl.*`, `ssl.*`, `socket.*` and the like). `schema_registry.properties` goes
to confluent-kafka's `SchemaRegistryClient`. `{file: PATH}` in place of a value reads it from a file, without
the line end. Secrets, and all that comes from a file, print as `***`.

Names and values that the libraries do not know are mistakes that `check` finds too. What would break a
promise is refused:

"""


def page() -> str:
    """Return the page."""
    sections = "".join(_section(name) for name in dict.fromkeys(path[0] for path in KEYS))
    rules = [
        *_rows("both", COMMON_RULES),
        *_rows("`kafka.properties`", CONSUMER_RULES[:-1]),
        *_rows("`kafka.properties` with `group.protocol: consumer`", (BROKER_DECIDES,)),
        *_rows("`dead_letters.properties`", PRODUCER_RULES[:-1]),
    ]
    columns = ("Property", "Values", "In", "It", "Instead")
    return f"{_HEAD}\n## Keys\n{sections}{_PROPERTIES}{table(columns, rules)}"


def _section(name: str) -> str:
    rows = [_row(path, field) for path, field in KEYS.items() if path[0] == name]
    rows += [_row(path, field, variable=False) for path, field in INNER_KEYS.items() if path[0] == name]
    about = f"{(SECTIONS[name].__doc__ or '').strip()}\n\n" if name in SECTIONS else ""
    return f"\n### {code(name)}\n\n{about}{table(('Key', 'Default', 'Values', 'Meaning'), rows)}"


def _row(path: Path, field: FieldInfo, *, variable: bool = True) -> tuple[str, str, str, str]:
    default = "**required**" if field.is_required() else code(_default(field))
    meaning = f"{field.description} {code(variable_name(path))}" if variable else str(field.description)
    return code(".".join(path)), default, _values(field), meaning


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    return json.dumps(TypeAdapter(field.rebuild_annotation()).dump_python(value, mode="json"))


def _values(field: FieldInfo) -> str:
    """Return what may be written, in words, from the JSON Schema of the field."""
    schema = TypeAdapter(field.rebuild_annotation()).json_schema()
    return " or ".join(_words(option) for option in schema.get("anyOf", [schema]))


def _words(schema: dict[str, object]) -> str:
    if isinstance(choices := schema.get("enum"), list):
        return ", ".join(code(str(choice)) for choice in choices)
    if "$ref" in schema:
        return "map"
    if "const" in schema:
        return code(str(schema["const"]))
    kind = str(schema.get("type"))
    if kind == "array":
        items = schema.get("items")
        return f"list of {_words(items) if isinstance(items, dict) else 'values'}"
    names = {"string": "text", "object": "map", "null": "`null`", "boolean": "`true`, `false`"}
    words = "path" if schema.get("format") == "path" else names.get(kind, kind)
    return " ".join((words, *_bounds(schema)))


def _bounds(schema: dict[str, object]) -> Iterator[str]:
    for name, words in (
        ("exclusiveMinimum", "above"),
        ("minimum", "from"),
        ("maximum", "to"),
    ):
        if name in schema:
            yield f"{words} {schema[name]}"


def _rows(where: str, rules: tuple[Rule, ...]) -> Iterator[tuple[str, str, str, str, str]]:
    for rule in rules:
        names = ", ".join(code(name) for name in rule.names.split())
        values = "any"
        if rule.refused:
            values = ", ".join(code(value) for value in rule.refused)
        elif rule.allowed:
            values = f"all but {', '.join(code(value) for value in rule.allowed)}"
        yield names, values, where, rule.what, rule.cure
