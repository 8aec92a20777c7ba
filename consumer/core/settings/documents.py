"""YAML text → plain values that know the line they stand on.

Only data: no tags of programming languages, no merge keys; plain scalars mean what YAML 1.2's core schema
says (``no`` and ``on`` are text, ``1:30`` is text). Size, depth and the number of values are bounded, also
where aliases multiply them. No text of a mistake repeats what the document holds, which may be a secret;
keys of maps are names and are repeated.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import yaml
from yaml.composer import Composer
from yaml.resolver import Resolver

from consumer.core.errors import Mistake

MAX_CHARACTERS: Final = 256 * 1024
MAX_DEPTH: Final = 16
MAX_VALUES: Final = 5_000
#: More digits than any setting has; int() itself refuses thousands of them.
_MAX_DIGITS: Final = 40
_TAG: Final = "tag:yaml.org,2002:"
#: What escapes can smuggle into a text though no file or library can take it.
_NO_TEXT: Final = re.compile("[\\x00\\ud800-\\udfff]")


class Source(NamedTuple):
    """Where a value stands: a file and a line (from 1), or with line 0 a variable or a file as a whole."""

    name: str
    line: int = 0

    def __str__(self) -> str:
        """Return ``file:line`` or the variable."""
        return f"{self.name}:{self.line}" if self.line else self.name


Plain: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands. ``secret``: it came from a file of its own and must not be shown."""

    source: Source
    value: "Plain | Mapping[str, Node] | tuple[Node, ...]"
    secret: bool = False


Value: TypeAlias = Plain | Mapping[str, Node] | tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake, still apart: the key as a path, where that stands, what is wrong and what helps."""

    path: tuple[str, ...]
    source: Source
    what: str
    cure: str

    def mistake(self) -> Mistake:
        """Return it as it is told to people, with entries of lists as ``[n]``."""
        key = "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in self.path).lstrip(".")
        where = f"{key} ({self.source})" if key else str(self.source)
        return Mistake(
            "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in where),
            self.what,
            self.cure,
        )


class Document(NamedTuple):
    """What was read, and what was wrong on the way.

    A value that can't be used is null in ``root``; ``root`` is None where the text can't be read at all.
    """

    root: Node | None
    findings: tuple[Finding, ...]


def read(text: str, source: Source, path: tuple[str, ...] = (), *, secret: bool = False) -> Document:
    """Return the one document in ``text``; no text at all is null. Never raises.

    ``source`` is a file (``line`` 1: lines are counted) or a variable (``line`` 0). ``path`` is the key that
    the document is the value of, ``secret`` whether its values must not be shown.
    """
    builder = _Builder(source, path, secret)
    try:
        root = builder.build(_compose(text, source, path), path)
    except _UnreadableTextError as error:
        return Document(None, (error.finding,))
    return Document(root, tuple(builder.findings))


class _UnreadableTextError(Exception):
    def __init__(self, finding: Finding) -> None:
        self.finding: Final = finding


def _compose(text: str, source: Source, path: tuple[str, ...]) -> yaml.Node | None:
    whole = Source(source.name)
    if len(text) > MAX_CHARACTERS:
        raise _unreadable(path, whole, f"is longer than {MAX_CHARACTERS} characters", "make it shorter")
    try:
        return _nodes(text)
    except _TooDeepError as error:
        place = _at(source, error.line)
        raise _unreadable(path, place, f"nests deeper than {MAX_DEPTH} levels", "flatten it") from None
    except yaml.MarkedYAMLError as error:
        at = source.line and error.problem_mark
        place = _at(source, at.line + 1) if at else source
        raise _unreadable(path, place, f"is no YAML: {_problem(error)}", _SYNTAX_CURE) from None
    except (yaml.YAMLError, ValueError, OverflowError):
        # PyYAML lets the last two through for numbers in directives and escapes beyond Unicode.
        what = "is no YAML: it has characters that YAML does not allow"
        raise _unreadable(path, whole, what, _SYNTAX_CURE) from None


_SYNTAX_CURE: Final = "check the indentation and put texts with special characters in quotes"


class _TooDeepError(Exception):
    def __init__(self, line: int) -> None:
        self.line: Final = line


def _nodes(text: str) -> yaml.Node | None:
    """Return what PyYAML's own parser makes of ``text``; by libyaml's, five times as fast, where it can.

    The two agree on every text that libyaml takes and that has none of ``_APART``. Whatever it does not take
    is read once more: the errors, their words and their lines are PyYAML's.
    """
    if yaml.__with_libyaml__ and not _APART.search(text):
        with suppress(yaml.YAMLError, ValueError, OverflowError, _TooDeepError):
            root = yaml.compose(text, Loader=_FastLoader)
            if isinstance(root, yaml.CollectionNode):  # the line of an empty document is another
                return root
    return yaml.compose(text, Loader=_Loader)


#: Where libyaml and PyYAML differ: tabs and byte-order marks, the lines of keys behind ``?`` and question
#: marks within lists, empty values behind ``!``. Breaks of lines other than ``\n`` are not worth a thought.
_APART: Final = re.compile("[?!\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff\\ufeff]")


class _Bounded(Composer):
    """Composes nodes. It recurses for each level, so it stops where collections nest too deep."""

    depth = 0
    #: The parser's.
    check_event: Callable[[type[yaml.Event], type[yaml.Event]], bool]
    peek_event: Callable[[], yaml.Event]

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node; raise where it is a collection too deep down."""
        if not self.check_event(yaml.SequenceStartEvent, yaml.MappingStartEvent):
            return super().compose_node(parent, index)
        if self.depth == MAX_DEPTH:
            mark = self.peek_event().start_mark
            raise _TooDeepError(mark.line + 1 if mark else 0)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Core(Resolver):
    """The plain scalars of YAML 1.2's core schema (chapter 10.3.2)."""


_Core.yaml_implicit_resolvers = {}  # of its own: the base class's are YAML 1.1

for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Core.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), _first)


class _Loader(_Bounded, _Core, yaml.SafeLoader):  # type: ignore[misc]  # its parser's methods are untyped
    """PyYAML's safe loader within these bounds."""


if yaml.__with_libyaml__:

    class _FastLoader(_Bounded, _Core, yaml.CSafeLoader):
        """The same nodes from libyaml's events. libyaml itself would compose them without a bound."""

        def __init__(self, stream: str) -> None:
            yaml.CSafeLoader.__init__(self, stream)
            Composer.__init__(self)


def _unreadable(path: tuple[str, ...], source: Source, what: str, cure: str) -> _UnreadableTextError:
    return _UnreadableTextError(Finding(path, source, what, cure))


def _at(source: Source, line: int) -> Source:
    return Source(source.name, line if source.line else 0)


#: What the parser quotes: one character, the name of a token in angle brackets, or a part of the document.
_QUOTED: Final = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""")
_HARMLESS: Final = re.compile(r"""'(?:\\?.|<[a-z -]+>)'|"'\"""")


def _problem(error: yaml.MarkedYAMLError) -> str:
    """Return the parser's words without the parts of the document that they quote."""
    text = error.problem or error.context or "it can't be read"
    return _QUOTED.sub(lambda quoted: quoted[0] if _HARMLESS.fullmatch(quoted[0]) else "'...'", text)


class _Builder:
    """Turns PyYAML's nodes into ours, collecting what is wrong with them."""

    def __init__(self, source: Source, path: tuple[str, ...], secret: bool) -> None:
        self.findings: Final[list[Finding]] = []
        self._source: Final = source
        self._path: Final = path
        self._secret: Final = secret
        self._values = 0

    def build(self, node: yaml.Node | None, path: tuple[str, ...]) -> Node:
        if node is None:
            return Node(self._source, None)
        return Node(self._place(node), self._value(node, path), self._secret)

    def _place(self, node: yaml.Node) -> Source:
        return _at(self._source, node.start_mark.line + 1)

    def _value(self, node: yaml.Node, path: tuple[str, ...]) -> Value:
        self._values += 1
        if self._values > MAX_VALUES or len(path) > MAX_DEPTH:
            what = f"has more than {MAX_VALUES} values, or one that holds itself"
            raise _unreadable(self._path, self._place(node), what, "use fewer aliases")
        kind = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return tuple(self.build(entry, (*path, str(at))) for at, entry in enumerate(node.value))
        if isinstance(node, yaml.ScalarNode) and kind in _SCALARS:
            if _NO_TEXT.search(node.value):
                self._find(
                    node, path, "has an escape that is no character", "write it without \\0 and \\ud8.."
                )
                return None
            return _scalar(kind, node.value)
        self._find(node, path, "has a tag", "write the plain value, without anything that starts with '!'")
        return None

    def _mapping(self, node: yaml.MappingNode, path: tuple[str, ...]) -> Mapping[str, Node]:
        entries: dict[str, Node] = {}
        for key, value in node.value:
            name = key.value
            if not isinstance(key, yaml.ScalarNode) or key.tag != _TAG + "str":
                self._find(key, path, "has a key that is no text", "put the key in quotes")
            elif _NO_TEXT.search(name):
                self._find(key, path, "has a key that is no text", "write it without escapes")
            elif name == "<<":
                self._find(key, path, "uses a merge key, which is not supported", "write the keys out")
            elif name in entries:
                first = entries[name].source
                cure = f"keep one of the two, here or at {first}" if first.line else "keep one of the two"
                self._find(key, (*path, name), "is set twice", cure)
            else:
                entries[name] = Node(self._place(key), self._value(value, (*path, name)), self._secret)
        return entries

    def _find(self, node: yaml.Node, path: tuple[str, ...], what: str, cure: str) -> None:
        self.findings.append(Finding(path, self._place(node), what, cure))


def child(root: Node, path: tuple[str, ...]) -> Node | None:
    """Return the value at ``path`` in maps below ``root``, or None where there is none."""
    node = root
    for part in path:
        if not isinstance(node.value, Mapping) or part not in node.value:
            return None
        node = node.value[part]
    return node


def place(root: Node, path: tuple[str, ...]) -> Source:
    """Return where ``path`` stands, or the nearest part above it that stands anywhere.

    Entries of lists are named by their number. A part that is missing stands nowhere, so a key missing in
    the whole document is at the file, without a line.
    """
    node = root
    for part in path:
        children = node.value
        if isinstance(children, Mapping) and part in children:
            node = children[part]
        elif isinstance(children, tuple) and part.isdecimal() and int(part) < len(children):
            node = children[int(part)]
        else:
            break
    return node.source if node is not root else Source(root.source.name)


_SCALARS: Final = frozenset({"str", "null", "bool", "int", "float"})


def _scalar(kind: str, text: str) -> Plain:
    """Return the value of a scalar; a text that is none of its kind (an odd explicit tag) stays a text."""
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind in {"int", "float"} and len(text) <= _MAX_DIGITS:
        try:
            return int(text) if kind == "int" else float(text)
        except ValueError:
            return text
    return text
