"""Reading of YAML nodes that goes on after a mistake, so that one look at a file finds all of them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from typing import Final

from consumer.core.settings.documents import Finding, Node, Plain
from consumer.core.settings.documents import Source as Place

#: How YAML's core schema writes them (chapter 10.3.2). They are read as texts, which nobody means by them.
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


@dataclass(frozen=True, slots=True)
class At:
    """A node, the keys that lead to it, and where its mistakes are collected."""

    node: Node
    path: tuple[str, ...]
    found: list[Finding]

    @property
    def place(self) -> Place:
        """Where the node stands."""
        return self.node.source

    def wrong(self, what: str, cure: str) -> None:
        """Add a mistake of this node."""
        self.found.append(Finding(self.path, self.place, what, cure))

    def renamed(self, name: str) -> "At":
        """Return the same node under another last key: a route is better known by its name."""
        return At(self.node, (*self.path[:-1], name), self.found)

    def map(self, cure: str) -> dict[str, "At"] | None:
        """Return the entries of a map; anything else is a mistake, which ``cure`` mends."""
        if not isinstance(self.node.value, Mapping):
            self.wrong("must be a map", cure)
            return None
        return {name: At(node, (*self.path, name), self.found) for name, node in self.node.value.items()}

    def list(self, cure: str) -> "tuple[At, ...] | None":
        """Return the entries of a list that has any."""
        if not isinstance(self.node.value, tuple):
            self.wrong("must be a list", cure)
            return None
        if not self.node.value:
            self.wrong("is an empty list", cure)
        return tuple(At(node, (*self.path, str(at)), self.found) for at, node in enumerate(self.node.value))

    def form(self, keys: Sequence[str], required: Iterable[str], cure: str) -> dict[str, "At"] | None:
        """Return the entries of a map with these keys; others and missing ones are mistakes."""
        entries = self.map(cure)
        if entries is None:
            return None
        for name in entries.keys() - set(keys):
            entries.pop(name).wrong("is no key that there is here", near(name, keys))
        for name in required:
            if name not in entries:
                self.wrong(f"lacks {name}", cure)
        return entries

    def plain(self) -> Plain:
        """Return a scalar; anything else is a mistake and reads as null."""
        if isinstance(self.node.value, Mapping | tuple):
            self.wrong("must be one value", "write a text, a number, true or false")
            return None
        return self.node.value

    def finite(self) -> Plain:
        """Return a scalar that a record can have and JSON can say; no number that is not finite is one."""
        value = self.plain()
        infinite = isinstance(value, float) and not isfinite(value)
        if infinite or (isinstance(value, str) and _NOT_FINITE.fullmatch(value)):
            self.wrong("is no finite number", "write a number in digits, a text, true or false")
            return None
        return value

    def text(self, cure: str) -> str | None:
        """Return a text that is not blank; anything else is a mistake."""
        value = self.node.value
        if isinstance(value, str) and value.strip():
            return value
        self.wrong("must be a text", cure)
        return None

    def choice(self, choices: Sequence[str]) -> str | None:
        """Return one of these texts; anything else is a mistake."""
        value = self.node.value
        if isinstance(value, str) and value in choices:
            return value
        word = value if isinstance(value, str) else ""
        self.wrong("has a value that it does not know", near(word, choices))
        return None

    def integer(self, least: int, most: int) -> int | None:
        """Return a whole number in these bounds; anything else is a mistake."""
        value = self.node.value
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.wrong(f"is no whole number from {least} to {most}", "write it in digits, without quotes")
        return None


def near(word: str, known: Sequence[str]) -> str:
    """Return what to do about a word that is none of ``known``: the probable one, or all that there are."""
    folded = {name.lower(): name for name in known}
    meant = get_close_matches(word.lower(), folded, 1, 0.5)
    return f"did you mean {folded[meant[0]]}?" if meant else f"there are: {', '.join(known)}"
