"""Environment variables → the keys they set. Names only; the values are YAML and are read elsewhere."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from consumer.core.settings.documents import Finding, Source
from consumer.core.settings.keys import KEYS, SECTIONS, Path, suggestion, unknown_cure

PREFIX: Final = "LINKRUNNER_CONSUMER__"
SERVER_KEY: Final = "LINKRUNNER_SERVER_KEY"
FILE_SUFFIX: Final = "_FILE"


class Variable(NamedTuple):
    """One variable that sets the key ``path``; ``from_file``: its text is the path of a file to read."""

    name: str
    path: Path
    text: str
    from_file: bool


class Variables(NamedTuple):
    """The variables that set keys, and what is wrong with the others."""

    found: tuple[Variable, ...]
    findings: tuple[Finding, ...]


def variable_name(path: Path) -> str:
    """Return the name of the variable that sets the key ``path``."""
    return PREFIX + "__".join(path).upper()


def read_names(environ: Mapping[str, str]) -> Variables:
    """Return the variables in ``environ`` that set keys. An exact key wins over the suffix ``_FILE``."""
    found: dict[Path, Variable] = {}
    findings = []
    for name in sorted(name for name in environ if name.startswith(PREFIX)):
        variable = _variable(name, environ[name])
        if isinstance(variable, Finding):
            findings.append(variable)
        elif variable.path in found:
            findings.append(_set_twice(found[variable.path].name, name))
        else:
            found[variable.path] = variable
    if SERVER_KEY in environ and SERVER_KEY + FILE_SUFFIX in environ:
        findings.append(_set_twice(SERVER_KEY, SERVER_KEY + FILE_SUFFIX))
    return Variables(tuple(found.values()), tuple(findings))


def _set_twice(first: str, second: str) -> Finding:
    return Finding((), Source(second), f"sets what {first} sets too", "unset one of the two")


def _variable(name: str, text: str) -> Variable | Finding:
    path = tuple(name.removeprefix(PREFIX).lower().split("__"))
    if variable_name(path) != name:
        return Finding((), Source(name), "is not in upper case", f"call it {variable_name(path)}")
    if path in KEYS:
        return Variable(name, path, text, from_file=False)
    if name.endswith(FILE_SUFFIX):
        target = (*path[:-1], path[-1].removesuffix(FILE_SUFFIX.lower()))
        if target in KEYS:
            return Variable(name, target, text, from_file=True)
    return Finding((), Source(name), *_unknown(path))


def _unknown(path: Path) -> tuple[str, str]:
    """Return what is wrong with ``path``, which is no key, and what helps."""
    if len(path) == 1 and path[0] in SECTIONS:
        return "names a section, not a key", "set its keys one by one, as in " + variable_name(
            next(known for known in KEYS if known[0] == path[0])
        )
    above = next((known for known in KEYS if path[: len(known)] == known), None)
    if above is not None:
        return f"goes below the key {'.'.join(above)}", f"set all of it as YAML in {variable_name(above)}"
    meant = suggestion(path)
    if meant is not None and meant in KEYS:
        return "sets no key that there is", f"did you mean {variable_name(meant)}?"
    return "sets no key that there is", unknown_cure(path)
