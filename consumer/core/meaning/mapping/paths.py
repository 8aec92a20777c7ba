"""Paths: ``customer.id``, ``lines[0].sku``, ``charges[status=paid].id``, ``meta."app.user"``, ``$headers.x``.

A path is read from its text once and becomes a closure. A step that leads nowhere gives null: a missing
field, an index beyond the end, a step into what is no record. Steps see through the pairs that stand for
records in unions.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias, assert_never

from consumer.core.meaning.mapping.events import MappedEvent
from consumer.core.meaning.mapping.language import First, Index, Name, Path, PathStep, RecordName, Root
from consumer.core.meaning.mapping.scope import Scope
from consumer.core.meaning.mapping.values import WrongValue, fields_of

#: Reads a value: the record, or the entry of a list, that paths begin at, and what stands around it.
Evaluate: TypeAlias = Callable[[object, Scope], object]

_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_BARE: Final = r"[A-Za-z0-9_-]+"
_STEP: Final = re.compile(
    rf"""\.(?P<record_name>\$name(?![\w-]))
       | \.(?P<name>{_BARE}|{_QUOTED})
       | \[(?P<index>-?[0-9]{{1,6}})\]
       | \[(?P<key>{_BARE}|{_QUOTED})=(?P<value>[^\]"]+|{_QUOTED})\]""",
    re.VERBOSE,
)
_ROOT: Final = re.compile(r"\$[A-Za-z_]*")
#: Roots with something below them.
_DEEP: Final = frozenset({Root.RECORD, Root.HEADERS, Root.ENVELOPE})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BadPath(ValueError):
    """A text that is no path; the error says why. ``word`` is a root that there is not, if that is why."""

    def __init__(self, what: str, word: str = "") -> None:
        super().__init__(what)
        self.word: Final = word


def parse_path(text: str) -> Path:
    """Return the path that ``text`` writes. Raises :class:`BadPath`."""
    root, rest = _split(text)
    steps: list[PathStep] = []
    at = 0
    while at < len(rest):
        found = _STEP.match(rest, at)
        if found is None:
            raise BadPath("is no path from its " + (f"step {len(steps) + 1} on" if steps else "beginning"))
        steps.append(_step(found))
        at = found.end()
    if RecordName() in steps[:-1]:
        raise BadPath("goes on behind $name, which is a text")
    if root not in _DEEP and steps:
        raise BadPath(f"goes on behind {root}, which has nothing below it")
    if root is Root.HEADERS and not (len(steps) == 1 and isinstance(steps[0], Name)):
        raise BadPath("names no header, or goes on behind one")
    return Path(root, tuple(steps), text)


def _split(text: str) -> tuple[Root, str]:
    """Return the root and the steps, each of which begins with a dot or a bracket."""
    if not text:
        raise BadPath("is empty")
    found = _ROOT.match(text)
    if found is None:
        return Root.RECORD, text if text[0] == "[" else f".{text}"
    if found[0] not in set(Root):
        raise BadPath("begins with a root that there is not", found[0])
    return Root(found[0]), text[found.end() :]


def _step(found: re.Match[str]) -> PathStep:
    if found["record_name"] is not None:
        return RecordName()
    if found["name"] is not None:
        return Name(_unquoted(found["name"]))
    if found["index"] is not None:
        return Index(int(found["index"]))
    return First(_unquoted(found["key"]), _unquoted(found["value"]))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


# --------------------------------------------------------------------------------- closures


def compile_path(path: Path) -> Evaluate:
    """Return what reads ``path``."""
    match path.root:
        case Root.RECORD:
            return walk(path.steps)
        case Root.HEADERS:
            return _header(path.steps)
        case Root.ENVELOPE:
            below = walk(path.steps)
            return lambda _, scope: below(scope.envelope, scope)
        case Root.NAME:
            return lambda _, scope: scope.name
        case Root.KEY | Root.TOPIC | Root.PARTITION | Root.OFFSET | Root.TIMESTAMP:
            read = _ROOTS[path.root]
            return lambda _, scope: read(scope.event)
        case _:
            assert_never(path.root)


def _timestamp(event: MappedEvent) -> object:
    if event.timestamp_ms is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=event.timestamp_ms)
    except OverflowError:
        raise WrongValue("is a timestamp outside the years 1 to 9999") from None


_ROOTS: Final[dict[Root, Callable[[MappedEvent], object]]] = {
    Root.KEY: lambda event: event.key,
    Root.TOPIC: lambda event: event.topic,
    Root.PARTITION: lambda event: event.partition,
    Root.OFFSET: lambda event: event.offset,
    Root.TIMESTAMP: _timestamp,
}


def _header(steps: tuple[PathStep, ...]) -> Evaluate:
    (name,) = (step.name for step in steps if isinstance(step, Name))

    def read(_: object, scope: Scope) -> object:
        """Return the last one of this name, as Kafka's own ``Headers.lastHeader`` does."""
        return next((value for key, value in reversed(scope.event.headers) if key == name), None)

    return read


def walk(steps: tuple[PathStep, ...]) -> Callable[[object, object], object]:
    """Return what follows ``steps`` from its first argument on; the second says nothing to it."""
    names = tuple(step.name for step in steps if isinstance(step, Name))
    if len(names) < len(steps):
        return _walk_any(steps)
    if len(names) == 1:
        return _walk_one(names[0])

    def read(record: object, _: object) -> object:
        value = record
        for name in names:
            if type(value) is dict:
                value = value.get(name)
            elif value is None:
                return None
            else:
                value = _below(value, name)
        return value

    return read


def _walk_one(name: str) -> Callable[[object, object], object]:
    """Return what nearly every path is: it takes the record for a dict, which is found out at no cost."""

    def read(record: object, _: object) -> object:
        try:
            return record.get(name)  # type: ignore[attr-defined]  # of decoded values only a dict has it
        except AttributeError:
            return _below(record, name)

    return read


def _walk_any(steps: tuple[PathStep, ...]) -> Callable[[object, object], object]:
    takes = tuple(_taking(step) for step in steps)

    def read(record: object, _: object) -> object:
        value = record
        for take in takes:
            value = take(value)
        return value

    return read


def _below(value: object, name: str) -> object:
    fields = fields_of(value)
    return None if fields is None else fields.get(name)


def _taking(step: PathStep) -> Callable[[object], object]:
    match step:
        case Name(name):
            return lambda value: _below(value, name)
        case Index(index):
            return lambda value: _entry(value, index)
        case First(name, wanted):
            return lambda value: _first(value, name, wanted)
        case RecordName():
            return lambda value: value[0] if isinstance(value, tuple) and value else None
        case _:
            assert_never(step)


def _entry(value: object, index: int) -> object:
    if not isinstance(value, list) or not -len(value) <= index < len(value):
        return None
    return value[index]


def _first(value: object, name: str, wanted: str) -> object:
    if not isinstance(value, list):
        return None
    return next((entry for entry in value if _reads(_below(entry, name), wanted)), None)


def _reads(value: object, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == str(value).lower()
    return isinstance(value, str | int) and str(value) == wanted
