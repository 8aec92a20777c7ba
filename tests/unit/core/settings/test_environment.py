"""Which key a variable sets."""

from typing import Final

import pytest

from consumer.core.settings.documents import Finding
from consumer.core.settings.environment import Variable, read_names, variable_name
from consumer.core.settings.keys import KEYS

P: Final = "LINKRUNNER_CONSUMER__"


def finding(environ: dict[str, str]) -> Finding:
    """Return the only thing that is wrong with ``environ``."""
    (only,) = read_names(environ).findings
    return only


def test_every_key_has_its_variable() -> None:
    """There is no key that can't be set by the environment, alone or from a file."""
    for suffix, from_file in (("", False), ("_FILE", True)):
        environ = {variable_name(path) + suffix: "x" for path in KEYS}
        variables = read_names(environ)
        assert variables.findings == ()
        assert {variable.path for variable in variables.found} == set(KEYS)
        assert {variable.from_file for variable in variables.found} == {from_file}


def test_an_exact_key_wins_over_the_suffix() -> None:
    """``server_key_file`` is a key, not the file of a key ``server_key``."""
    name = f"{P}LINKRUNNER__SERVER_KEY_FILE"
    assert read_names({name: "/a"}).found == (
        Variable(name, ("linkrunner", "server_key_file"), "/a", from_file=False),
    )


def test_other_variables_are_left_alone() -> None:
    """Kubernetes sets variables for services, some of which begin nearly like ours."""
    environ = {
        "LINKRUNNER_CONSUMER_PORT": "tcp://1.2.3.4",
        "LINKRUNNER_CONSUMER_SERVICE_HOST": "x",
        "PATH": "",
    }
    assert read_names(environ) == ((), ())


@pytest.mark.parametrize(
    ("name", "what", "cure"),
    [
        ("KAFKA__GROPU_ID", "no key", f"did you mean {P}KAFKA__GROUP_ID?"),
        ("KAFKA__GROPU_ID_FILE", "no key", f"did you mean {P}KAFKA__GROUP_ID?"),
        ("KAFKA", "names a section", f"{P}KAFKA__BOOTSTRAP_SERVERS"),
        ("KAFKA__PROPERTIES__SASL_PASSWORD", "below the key kafka.properties", f"{P}KAFKA__PROPERTIES"),
        ("HTTP__PORT__X", "below the key http.port", f"{P}HTTP__PORT"),
        ("http__port", "not in upper case", f"{P}HTTP__PORT"),
        ("", "no key", "the sections are"),
        ("__", "no key", ""),
        ("TRACING", "no key", "the sections are"),
    ],
)
def test_a_variable_that_sets_nothing_is_a_mistake(name: str, what: str, cure: str) -> None:
    """A misspelt variable would otherwise be a setting that silently is not made."""
    found = finding({P + name: "canary"})
    assert found.source.name == P + name
    assert what in found.what
    assert cure in found.cure
    assert "canary" not in str(found.mistake())


@pytest.mark.parametrize("name", [f"{P}HTTP__PORT", "LINKRUNNER_SERVER_KEY"])
def test_a_key_and_its_file_can_not_both_be_set(name: str) -> None:
    """Nobody could say which one wins."""
    found = finding({name: "1", f"{name}_FILE": "/a"})
    assert found.source.name == f"{name}_FILE"
    assert name in found.what
