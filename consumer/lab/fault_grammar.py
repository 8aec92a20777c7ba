"""How fault scripts are written: the grammar of ``docs/simulator.md``, as text and as JSON."""

import shlex
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from consumer.lab.faults import TRUTHFUL, Kind, Rule, Script

#: One option of a rule as written: a word, a number, a flag, or several payment ids.
Value: TypeAlias = str | int | float | bool | list[str]

_TIMED: Final = frozenset({Kind.DELAY, Kind.SLOW_BODY})
_LOWEST_STATUS: Final = 200
_HIGHEST_STATUS: Final = 599


class FaultScriptError(ValueError):
    """A script that can't be read; the text names the rule and what is wrong with it."""


def parse(spec: str) -> Script:
    """Read a script in its written form, for example ``"seed=7; 503 share=5%; reset applied first=3"``.

    Raises :class:`FaultScriptError`.
    """
    rules: list[Mapping[str, Value]] = []
    seed = 0
    for words in _split(spec):
        if len(words) == 1 and words[0].startswith("seed="):
            seed = _count("seed", words[0].removeprefix("seed="))
        else:
            rules.append(_options(words))
    return Script(tuple(_rule(options) for options in rules), seed)


def load(document: object) -> Script:
    """Read a script from JSON: the written form as a string, or ``{"seed": 7, "rules": [{"fault": …}]}``.

    The keys of a rule are the words of the written form. Raises :class:`FaultScriptError`.
    """
    if isinstance(document, str):
        return parse(document)
    if not isinstance(document, dict) or not set(document) <= {"seed", "rules"}:
        raise FaultScriptError("a script is a string, or an object with seed and rules")
    rules = document.get("rules", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise FaultScriptError("rules is a list of objects")
    return Script(tuple(_rule(rule) for rule in rules), _count("seed", document.get("seed", 0)))


def _split(spec: str) -> list[list[str]]:
    """Split a spec into rules at ``;`` and rules into words at blanks; quotes protect both."""
    lexer = shlex.shlex(spec, posix=True, punctuation_chars=";")
    lexer.whitespace_split = True
    lexer.commenters = ""
    rules: list[list[str]] = [[]]
    try:
        for word in lexer:
            if set(word) == {";"}:
                rules.append([])
            else:
                rules[-1].append(word)
    except ValueError as error:
        raise FaultScriptError(f"the script can't be split into words: {error}") from None
    return [words for words in rules if words]


def _options(words: list[str]) -> dict[str, Value]:
    """Turn the words of one rule into options; the first is the fault, with its own value if it has one."""
    head, _, value = words[0].partition("=")
    options: dict[str, Value] = {"fault": head}
    if value:
        options[_HEAD_VALUE.get(head, head)] = value
    for word in words[1:]:
        name, given, text = word.partition("=")
        if name in options:
            raise FaultScriptError(f"{words[0]}: {name} is there twice")
        options[name] = text if given else True
    return options


_HEAD_VALUE: Final = {Kind.DELAY.value: "seconds", Kind.SLOW_BODY.value: "seconds"}


def _rule(options: Mapping[str, Value]) -> Rule:
    """Build a rule from its options; raises :class:`FaultScriptError` for unknown ones and wrong values."""
    rest = dict(options)
    fault = str(rest.pop("fault", ""))
    if fault.isdecimal():
        rest.setdefault("status", fault)
        fault = Kind.STATUS.value
    try:
        kind = Kind(fault)
    except ValueError:
        known = ", ".join(kind.value for kind in Kind)
        raise FaultScriptError(f"{fault!r} is no fault; there are: a status, {known}") from None
    arguments: dict[str, object] = {}
    for name, value in rest.items():
        if name not in _OPTIONS:
            raise FaultScriptError(f"{fault}: {name!r} is no option; there are: {', '.join(_OPTIONS)}")
        field, read = _OPTIONS[name]
        arguments[field] = read(name, value)
    _check(kind, arguments)
    return Rule(kind, **arguments)  # type: ignore[arg-type]  # the table below gives each field its own type


def _check(kind: Kind, arguments: Mapping[str, object]) -> None:
    """Refuse a rule that lacks what its kind needs, or has what would mean nothing there."""
    if kind is Kind.STATUS and "status" not in arguments:
        raise FaultScriptError("status needs a number: status=503, or 503 alone")
    if kind in _TIMED and "seconds" not in arguments:
        raise FaultScriptError(f"{kind.value} needs a time: {kind.value}=2s")
    if kind not in _TIMED and "seconds" in arguments:
        raise FaultScriptError(f"{kind.value} has no time of its own; from= and for= are its window")
    if kind in TRUTHFUL and arguments.get("applied"):
        raise FaultScriptError(f"{kind.value} always does what was asked; leave out applied")


def _text(_name: str, value: Value) -> str:
    """Read a text as it is."""
    return str(value)


def _flag(name: str, value: Value) -> bool:
    """Read a word that is there or not."""
    if isinstance(value, bool):
        return value
    raise FaultScriptError(f"{name} takes no value")


def _count(name: str, value: object) -> int:
    """Read a whole number, zero or more."""
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdecimal()):
        raise FaultScriptError(f"{name} is a whole number, zero or more")
    return int(text)


def _status(name: str, value: Value) -> int:
    """Read an HTTP status that ends an exchange."""
    status = _count(name, value)
    if not _LOWEST_STATUS <= status <= _HIGHEST_STATUS:
        raise FaultScriptError(f"{name} is an HTTP status from {_LOWEST_STATUS} to {_HIGHEST_STATUS}")
    return status


def _number(name: str, text: str, meaning: str) -> float:
    """Read a decimal number, zero or more; ``meaning`` says in the error what is expected."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise FaultScriptError(f"{name} is {meaning}")
    return number


def _seconds(name: str, value: Value) -> float:
    """Read a time: ``2``, ``2s`` or ``250ms``."""
    text = str(value)
    scale = 1000 if text.endswith("ms") else 1
    return _number(name, text.removesuffix("ms").removesuffix("s"), "a time like 2s or 250ms") / scale


def _share(name: str, value: Value) -> float:
    """Read a share: ``5%`` or ``0.05``."""
    text = str(value)
    scale = 100 if text.endswith("%") else 1
    share = _number(name, text.removesuffix("%"), "a share like 5% or 0.05") / scale
    if share > 1:
        raise FaultScriptError(f"{name} is at most 100% or 1.0")
    return share


def _payments(name: str, value: Value) -> frozenset[str]:
    """Read payment ids: separated by commas, or a list of them in JSON."""
    ids = value if isinstance(value, list) else str(value).split(",")
    if not ids or not all(str(item).strip() for item in ids):
        raise FaultScriptError(f"{name} is one payment id or more, separated by commas")
    return frozenset(str(item) for item in ids)


def _action(name: str, value: Value) -> str:
    """Read ``capture`` or ``remove``."""
    if value not in ("capture", "remove"):
        raise FaultScriptError(f"{name} is capture or remove")
    return str(value)


#: Words of a rule: the field of :class:`Rule` that they set, and how their value is read.
_OPTIONS: Final[dict[str, tuple[str, Callable[[str, Value], object]]]] = {
    "status": ("status", _status),
    "seconds": ("seconds", _seconds),
    "retry-after": ("retry_after", _text),
    "body": ("body", _text),
    "html": ("html", _flag),
    "applied": ("applied", _flag),
    "first": ("first", _count),
    "after": ("after", _count),
    "share": ("share", _share),
    "payment": ("payments", _payments),
    "action": ("action", _action),
    "from": ("start", _seconds),
    "for": ("length", _seconds),
}
