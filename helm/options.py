"""The chart's ``values.yaml`` → its options, each with its default, its text and what a schema adds to it.

The text is the comment directly above a key. In it, a line ``@schema {...}`` is JSON that is added to the
JSON Schema of the option. A line that begins with ``##`` at the left margin begins a part of the README.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import yaml

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_COMMENT: Final = re.compile(r"\s*# ?(?P<text>.*)")
_PART: Final = re.compile(r"## (?P<title>.+)")
_SCHEMA: Final = "@schema "


class UndocumentedError(ValueError):
    """A key of ``values.yaml`` has no text, or one that can't be used."""


@dataclass(frozen=True, slots=True)
class Option:
    """A key of the values.

    ``path`` are the keys that lead to it. ``schema`` is what the file adds to its JSON Schema. ``children``
    are the options below it: a map whose type the schema tells has none, it is one value.
    """

    path: tuple[str, ...]
    part: str
    text: str
    default: Json
    schema: Mapping[str, Json]
    children: tuple["Option", ...] = ()

    @property
    def name(self) -> str:
        """The path as people write it: ``kafka.sasl.existingSecret``."""
        return ".".join(self.path)


def read(text: str) -> tuple[Option, ...]:
    """Return the options of a ``values.yaml`` in their order.

    Raises :class:`UndocumentedError` where a key has no text.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise UndocumentedError("values.yaml is no map")
    return tuple(_options(root, yaml.safe_load(text), text.splitlines(), ()))


def leaves(options: Sequence[Option]) -> Iterator[Option]:
    """Yield the options that have none below them."""
    for option in options:
        if option.children:
            yield from leaves(option.children)
        else:
            yield option


def branches(options: Sequence[Option]) -> Iterator[Option]:
    """Yield the options that have some below them, parents first."""
    for option in options:
        if option.children:
            yield option
            yield from branches(option.children)


def _options(
    node: yaml.MappingNode, values: Mapping[str, Json], lines: Sequence[str], path: tuple[str, ...]
) -> Iterator[Option]:
    for key, below in node.value:
        line = key.start_mark.line
        name = (*path, key.value)
        comment = [text for text in _above(lines, line) if not _PART.match(f"# {text}")]
        schema = "".join(part.removeprefix(_SCHEMA) for part in comment if part.startswith(_SCHEMA))
        text = " ".join(part for part in comment if not part.startswith(_SCHEMA)).strip()
        if not text:
            raise UndocumentedError(f"{'.'.join(name)} (line {line + 1}) has no comment")
        default = values[key.value]
        added: dict[str, Json] = json.loads(schema or "{}")
        children: tuple[Option, ...] = ()
        if isinstance(below, yaml.MappingNode) and isinstance(default, dict) and "type" not in added:
            children = tuple(_options(below, default, lines, name))
        yield Option(name, _part(lines, line), text, default, added, children)


def _above(lines: Sequence[str], line: int) -> list[str]:
    """Return the comment that ends above ``line`` (from 0), without its marks."""
    first = line
    while first > 0 and _COMMENT.fullmatch(lines[first - 1]):
        first -= 1
    return [match["text"] for text in lines[first:line] if (match := _COMMENT.fullmatch(text))]


def _part(lines: Sequence[str], line: int) -> str:
    """Return the title of the part that ``line`` is in; empty before the first."""
    titles = (match["title"] for text in reversed(lines[:line]) if (match := _PART.fullmatch(text)))
    return next(titles, "")
