"""Templates: ``"{order.number}-{attempt}"``, texts and paths in turn; ``{{`` and ``}}`` are braces."""

import re
from typing import Final

from consumer.core.meaning.mapping.language import Path
from consumer.core.meaning.mapping.paths import BadPath, parse_path

_PART: Final = re.compile(r"(?P<brace>\{\{|\}\})|\{(?P<path>[^{}]*)\}|(?P<text>[^{}]+)")


class BadTemplate(ValueError):
    """A text that is no template; the text of the error says why."""


def parse_template(text: str) -> tuple[str | Path, ...]:
    """Return the parts of a template. Raises :class:`BadTemplate`."""
    parts: list[str | Path] = []
    at = 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None:
            raise BadTemplate("has a brace without its other half")
        at = found.end()
        if found["path"] is not None:
            parts.append(_path(found["path"]))
        else:
            literal = found["brace"][0] if found["brace"] else found["text"]
            parts.append(literal)
    if not any(isinstance(part, Path) for part in parts):
        raise BadTemplate("has no path in braces: it is a constant")
    return tuple(parts)


def _path(text: str) -> Path:
    try:
        return parse_path(text.strip())
    except BadPath as bad:
        raise BadTemplate(f"has in braces what {bad}") from None
