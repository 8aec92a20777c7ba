"""What pydantic found → findings in plain words, with the place and the cure. Values are never repeated."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from pydantic import ValidationError

from consumer.core.settings.documents import Finding, Node, place
from consumer.core.settings.environment import variable_name
from consumer.core.settings.keys import KEYS, Path, unknown_cure

#: What pydantic knows about an error, by name: the bound, the expected values, our own words.
Context: TypeAlias = Mapping[str, object]


class _Words(NamedTuple):
    what: str
    cure: Callable[[Path, Context], str]


def _fixed(text: str) -> Callable[[Path, Context], str]:
    return lambda _path, _context: text


def _bound(words: str, name: str) -> Callable[[Path, Context], str]:
    return lambda _path, context: words.format(context[name])


def _add(path: Path, _: Context) -> str:
    return f"add it, or set {variable_name(path)}" if path in KEYS else "add it"


def _choice(_: Path, context: Context) -> str:
    return "write one of: " + ", ".join(re.findall(r"'([^']*)'", str(context["expected"])))


#: pydantic's error types that these settings can have.
_WORDS: Final[Mapping[str, _Words]] = {
    "missing": _Words("is not set", _add),
    "extra_forbidden": _Words("is no key that there is", lambda path, _: unknown_cure(path)),
    "model_type": _Words("is a section, and has one value", _fixed("write its keys below it, indented")),
    "string_type": _Words("must be text", _fixed("write one text; numbers and true or false need quotes")),
    "path_type": _Words("must be the path of a file", _fixed("write it as text")),
    "bool_type": _Words("must be true or false", _fixed("write true or false, without quotes")),
    "int_type": _Words("must be a whole number", _fixed("write it in digits, without quotes")),
    "float_type": _Words("must be a number", _fixed("write it in digits, without quotes")),
    "finite_number": _Words("is too large for a number", _fixed("write a smaller one")),
    "tuple_type": _Words("must be a list", _fixed("write it as [first, second]")),
    "literal_error": _Words("has a value that it does not know", _choice),
    "greater_than": _Words("is too small", _bound("write more than {:g}", "gt")),
    "greater_than_equal": _Words("is too small", _bound("write {:g} or more", "ge")),
    "less_than_equal": _Words("is too large", _bound("write {:g} or less", "le")),
}


def findings_of(error: ValidationError, root: Node) -> Iterator[Finding]:
    """Yield what ``error`` tells about the settings in ``root``, in pydantic's order."""
    for entry in error.errors(include_input=False, include_url=False):
        path = tuple(str(part) for part in entry["loc"])
        context: Context = entry.get("ctx", {})
        if entry["type"] == "rule":
            what, cure = str(context["what"]), str(context["cure"])
        else:
            words = _WORDS[entry["type"]]
            what, cure = words.what, words.cure(path, context)
        yield Finding(path, place(root, path), what, cure)
