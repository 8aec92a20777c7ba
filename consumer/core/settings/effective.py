"""What is in force, for people and programs to read: every key with its value, secrets masked."""

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from consumer.core.settings.keys import KEYS, Path
from consumer.core.settings.tree import Settings

#: A value as JSON has it.
Shown: TypeAlias = "str | int | float | bool | list[Shown] | dict[str, Shown] | None"


def entries(settings: Settings) -> Iterator[tuple[Path, Shown]]:
    """Yield every key with its value, in the order of the tree."""
    tree: dict[str, Shown] = settings.model_dump(mode="json", by_alias=True)
    for path in KEYS:
        value: Shown = tree
        for part in path:
            value = value[part] if isinstance(value, dict) else None
        yield path, value


def effective(settings: Settings) -> Mapping[str, str]:
    """Return the settings by dotted key, each as a text on one line: texts as they are, the rest as JSON."""
    return {
        ".".join(path): value if isinstance(value, str) else json.dumps(value)
        for path, value in entries(settings)
    }
