"""How deep JSON from outside may be: as deep as people write it, and not as deep as a machine can."""

from typing import Final

#: Arrays and objects within one another. Whoever walks such a value may recurse.
MAX_LEVELS: Final = 64


def is_too_deep(text: str, value: object) -> bool:
    """Tell whether ``value``, which the JSON ``text`` holds, has more than :data:`MAX_LEVELS` levels."""
    if text.count("[") + text.count("{") <= MAX_LEVELS:
        return False  # as nearly always, and told without a walk
    level = [value]
    for _ in range(MAX_LEVELS + 1):
        level = [part for each in level for part in _parts(each)]
        if not level:
            return False
    return True


def _parts(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
