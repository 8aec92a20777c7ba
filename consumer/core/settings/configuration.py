"""A tree of values with their places → :class:`Settings`, or all that is wrong with them at once.

Pure: ``consumer.edges.configuration`` reads the files and variables and hands over what they held.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeAlias

from pydantic import ValidationError

from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.nested import NestedAvro
from consumer.core.errors import ConfigurationError
from consumer.core.meaning.mapping import CompiledMapping
from consumer.core.settings.documents import Finding, Node, Source, child, place
from consumer.core.settings.kafka_properties import Role, refusals
from consumer.core.settings.keys import SECTIONS, Path
from consumer.core.settings.mapped import Configured, disagreements
from consumer.core.settings.mistakes import findings_of
from consumer.core.settings.properties import Properties, as_text
from consumer.core.settings.rules import RULES
from consumer.core.settings.tree import Settings

#: A value as pydantic takes it.
Value: TypeAlias = "str | int | float | bool | Properties | list[Value] | dict[str, Value] | None"

#: What takes the place of a required key that is missing or wrong while the rules across keys are asked.
_STAND_INS: Final[Mapping[tuple[str, str], Value]] = {
    ("kafka", "bootstrap_servers"): "stand-in:9092",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a configuration came to: ``settings``, or None and the ``findings`` that are in the way.

    ``properties`` are the pass-through properties as far as they can be read, also beside other mistakes.
    ``root`` knows where each value stands. ``rest`` are the settings, with stand-ins for what has mistakes.
    ``mapping`` is what the mapping came to, where one is named and can be read; ``nested`` has opened the
    nested Avro bytes in it, whose schemas by file are ``nested_schemas``. ``doubtful`` is what keeps nothing
    from starting.
    """

    settings: Settings | None
    findings: tuple[Finding, ...]
    properties: Mapping[Role, Properties]
    root: Node
    rest: Settings
    mapping: CompiledMapping | None = None
    nested: NestedAvro | None = None
    nested_schemas: Mapping[str, WriterSchema] = field(default_factory=dict)
    doubtful: tuple[Finding, ...] = ()

    def with_findings(self, more: Iterable[Finding]) -> "Reading":
        """Return the reading with ``more`` that is wrong; there are settings only while nothing is."""
        findings = (*self.findings, *more)
        return replace(self, findings=findings, settings=None if findings else self.settings)

    def with_doubts(self, more: Iterable[Finding]) -> "Reading":
        """Return the reading with ``more`` that is worth a second look."""
        return replace(self, doubtful=(*self.doubtful, *more))

    def with_mapping(
        self, mapping: CompiledMapping, nested: NestedAvro, schemas: Mapping[str, WriterSchema]
    ) -> "Reading":
        """Return the reading with what its mapping came to, and the ``schemas`` of nested bytes by file."""
        reading = replace(self, mapping=mapping, nested=nested, nested_schemas=schemas)
        reading = reading.with_findings(mapping.findings).with_doubts(mapping.warnings)
        if mapping.mapping is None:
            return reading
        where = partial(place, self.root)
        return reading.with_findings(disagreements(mapping.mapping, self.rest, where))

    def unwrap(self) -> Settings:
        """Return the settings, or raise :class:`ConfigurationError` with all mistakes in their order.

        Those of the configuration come first, then those of the files that it names.
        """
        if self.settings is None:
            own = self.root.source.name
            ordered = sorted(
                self.findings,
                key=lambda finding: (
                    finding.source.line > 0 and finding.source.name != own,
                    not finding.source.line,
                    finding.source.line,
                ),
            )
            raise ConfigurationError([finding.mistake() for finding in ordered])
        return self.settings

    def configured(self) -> Configured:
        """Return all that a process is started with; raises as :meth:`unwrap` does."""
        settings = self.unwrap()
        if self.mapping is None or self.nested is None:
            return Configured(settings)
        return Configured(settings, self.mapping.mapping, self.nested, self.nested_schemas, self.doubts())

    def doubts(self) -> tuple[str, ...]:
        """Return what is allowed but worth a second look in the files that are named, each as a sentence."""
        return tuple(str(finding.mistake()) for finding in self.doubtful)

    def source(self, path: Path) -> Source | None:
        """Return where the value of the key ``path`` was set, or None where it is the default."""
        node = child(self.root, path)
        return node.source if node is not None else None


def override(root: Node, path: Path, value: Node) -> Node:
    """Return ``root`` with ``value`` at the key ``path``; a part of it that is no map is left as it is."""
    children = {} if root.value is None else root.value
    if not isinstance(children, Mapping):
        return root
    head, *rest = path
    below = children.get(head, Node(value.source, None))
    return replace(root, value={**children, head: override(below, tuple(rest), value) if rest else value})


def parse(root: Node, findings: Iterable[Finding]) -> Reading:
    """Return what the tree ``root`` comes to; ``findings`` were made while it was read."""
    found = list(findings)
    properties: dict[Role, Properties] = {}
    for role in Role:
        properties[role], wrong = _properties(root, (role.value, "properties"))
        found += _not_told_yet(wrong, found)
    tree = _tree(root, properties)
    settings, wrong = _validate(tree, root)
    found += _not_told_yet(wrong, found)
    failed = _failed(found)
    rest = Settings.model_validate(_without(tree, failed))
    found += _across(rest, root, failed)
    for role, given in properties.items():
        found += _refused(root, role, given)
    return Reading(settings, (), properties, root, rest).with_findings(found)


def _properties(root: Node, path: Path) -> tuple[Properties, list[Finding]]:
    """Return the pass-through properties at ``path``, and what is wrong with the others."""
    node = child(root, path)
    if node is None or node.value is None:
        return Properties(), []
    if not isinstance(node.value, Mapping):
        return Properties(), [
            Finding(path, node.source, "must be a map", "write name: value, each on a line")
        ]
    texts = {name: as_text(entry.value) for name, entry in node.value.items()}
    wrong = [
        Finding(
            (*path, name),
            node.value[name].source,
            "is no text, number or boolean",
            "write one, or {file: PATH}",
        )
        for name, text in texts.items()
        if text is None
    ]
    hidden = frozenset(name for name, entry in node.value.items() if entry.secret)
    return Properties({name: text for name, text in texts.items() if text is not None}, hidden), wrong


def _tree(root: Node, properties: Mapping[Role, Properties]) -> dict[str, Value]:
    """Return ``root`` as pydantic takes it: every section there, pass-through properties as read."""
    given = root.value if isinstance(root.value, Mapping) else {}
    tree: dict[str, Value] = {name: {} for name in SECTIONS}
    tree |= {name: plain(node) for name, node in given.items() if not _is_empty_section(name, node)}
    for role, own in properties.items():
        section = tree[role.value]
        if isinstance(section, dict):
            section["properties"] = own
    return tree


def _is_empty_section(name: str, node: Node) -> bool:
    return name in SECTIONS and node.value is None


def plain(node: Node) -> Value:
    """Return a value without the places where its parts stand."""
    value = node.value
    if isinstance(value, Mapping):
        return {name: plain(child) for name, child in value.items()}
    if isinstance(value, tuple):
        return [plain(child) for child in value]
    return value


def _validate(tree: dict[str, Value], root: Node) -> tuple[Settings | None, list[Finding]]:
    if root.value is not None and not isinstance(root.value, Mapping):
        return None, [Finding((), root.source, "has no sections", "write it like the example in the docs")]
    try:
        return Settings.model_validate(tree), []
    except ValidationError as error:
        return None, list(findings_of(error, root))


def _failed(found: Iterable[Finding]) -> set[Path]:
    """Return the keys that something was found about."""
    maps = {(role.value, "properties") for role in Role}
    return {path if path[:2] in maps else path[:2] for path in (finding.path for finding in found) if path}


def _across(rest: Settings, root: Node, failed: set[Path]) -> list[Finding]:
    """Return what is wrong across keys, judged on ``rest``, whose keys nothing was found about."""
    if root.value is not None and not isinstance(root.value, Mapping):
        return []
    return [
        Finding(broken.path, place(root, broken.path), broken.what, broken.cure)
        for rule in RULES
        if not failed.intersection(rule.keys) and not failed.intersection(key[:1] for key in rule.keys)
        for broken in rule.check(rest)
    ]


def _without(tree: dict[str, Value], failed: set[Path]) -> dict[str, Value]:
    """Return ``tree`` without the keys that failed, stand-ins where one of them is required."""
    rest: dict[str, Value] = {}
    for name, value in tree.items():
        if not isinstance(value, dict):
            rest |= {name: value} if (name,) not in failed else {}
        elif (name,) not in failed:
            rest[name] = {key: below for key, below in value.items() if (name, key) not in failed}
    for (section, key), stand_in in _STAND_INS.items():
        keys = rest.setdefault(section, {})
        if isinstance(keys, dict):
            keys.setdefault(key, stand_in)
    return rest


def _refused(root: Node, role: Role, properties: Properties) -> Iterator[Finding]:
    for name, what, cure in refusals(role, properties):
        path = (role.value, "properties", name)
        yield Finding(path, place(root, path), what, cure)


def _not_told_yet(findings: Iterable[Finding], told: Iterable[Finding]) -> list[Finding]:
    """Return the findings about keys that nothing was told about, nor about what holds them."""
    paths = {finding.path for finding in told if finding.path}
    return [
        finding
        for finding in findings
        if not any(finding.path[:length] in paths for length in range(1, len(finding.path) + 1))
    ]
