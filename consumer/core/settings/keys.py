"""The keys of the settings tree as data: what environment variables, mistakes and the reference go by."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final, TypeAlias, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from consumer.core.settings.tree import Settings

Path: TypeAlias = tuple[str, ...]


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo, type[BaseModel] | None]]:
    """Yield the key, the field and, for a section, the section of each key of ``model``."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        section = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
        yield field.alias or name, field, section


#: The sections, by key, in the order of the tree.
SECTIONS: Final[Mapping[str, type[BaseModel]]] = {
    key: section for key, _, section in _fields(Settings) if section is not None
}

#: Every key that has a value, with its field, in the order of the tree.
KEYS: Final[Mapping[Path, FieldInfo]] = {
    path: field
    for key, top, section in _fields(Settings)
    for path, field in (
        [((key,), top)] if section is None else [((key, inner), f) for inner, f, _ in _fields(section)]
    )
}


def _nested(field: FieldInfo) -> type[BaseModel] | None:
    """Return the section that the value of a key may be, or None."""
    kinds = get_args(field.annotation)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


#: The keys within a key whose value is a map of its own, with their fields. A variable sets that as a whole.
INNER_KEYS: Final[Mapping[Path, FieldInfo]] = {
    (*path, name): inner
    for path, field in KEYS.items()
    if (section := _nested(field)) is not None
    for name, inner, _ in _fields(section)
}


def suggestion(path: Path) -> Path | None:
    """Return the key or section that ``path``, which is none, was probably meant to be, or None."""
    if len(path) == 1 and (sections := get_close_matches(path[0], SECTIONS, 1)):
        return (sections[0],)
    siblings = {known[-1]: known for known in KEYS if known[:-1] == path[:-1]}
    elsewhere = [known for known in KEYS if known[-1] == path[-1]]
    if near := get_close_matches(path[-1], siblings, 1, 0.8):
        return siblings[near[0]]
    if len(elsewhere) == 1:
        return elsewhere[0]
    if near := get_close_matches(path[-1], siblings, 1):
        return siblings[near[0]]
    return None


def unknown_cure(path: Path) -> str:
    """Return what to do about ``path``, which is no key: the probable one, or those that there are."""
    inner = [known[-1] for known in INNER_KEYS if known[:-1] == path[:-1]]
    if inner:
        near = get_close_matches(path[-1], inner, 1)
        return f"did you mean {near[0]}?" if near else f"{'.'.join(path[:-1])} has: {', '.join(inner)}"
    meant = suggestion(path)
    if meant is not None:
        return f"did you mean {'.'.join(meant)}?"
    if path[0] in SECTIONS and len(path) > 1:
        return f"{path[0]} has: {', '.join(known[1] for known in KEYS if known[0] == path[0] and known[1:])}"
    return f"the sections are: {', '.join(dict.fromkeys(known[0] for known in KEYS))}"
