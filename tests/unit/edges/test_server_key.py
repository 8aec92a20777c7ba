"""The server key: where it comes from, and how a new one is noticed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from consumer.core.errors import CredentialsError
from consumer.core.settings.tree import DEFAULT_SERVER_KEY_FILE, LinkrunnerSettings
from consumer.edges.server_key import LOOK_SECONDS, ServerKey

NAME: Final = "LINKRUNNER_SERVER_KEY"


@dataclass
class Clock:
    """A clock that stands until it is told."""

    now: float = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def later(self) -> None:
        """Let enough time go by for the next look at the file."""
        self.now += LOOK_SECONDS


def configured(path: Path) -> LinkrunnerSettings:
    """Return settings that name ``path``."""
    return LinkrunnerSettings(server_key_file=path)


def written(path: Path, key: str) -> Path:
    """Write ``key`` into ``path`` and return the path."""
    path.write_text(key, encoding="utf-8")
    return path


def test_a_configured_file_wins_over_the_variables(tmp_path: Path) -> None:
    """What was configured for this service is meant for it."""
    path = written(tmp_path / "key", "from-file")
    assert ServerKey(configured(path), {NAME: "from-variable"}).current() == "from-file"


def test_the_variable_wins_over_the_default_file() -> None:
    """Nobody configured the default file."""
    assert ServerKey(LinkrunnerSettings(), {NAME: " from-variable\n"}).current() == "from-variable"


def test_a_variable_can_name_a_file(tmp_path: Path) -> None:
    """As for every other setting."""
    path = written(tmp_path / "key", "from-file\n")
    assert ServerKey(LinkrunnerSettings(), {f"{NAME}_FILE": str(path)}).current() == "from-file"


@pytest.mark.parametrize("environ", [{}, {NAME: ""}, {NAME: " \n"}, {f"{NAME}_FILE": "/nowhere/key"}])
def test_without_a_key_file_and_variable_are_named(environ: dict[str, str]) -> None:
    """The operator learns both ways to give one."""
    with pytest.raises(CredentialsError) as error:
        ServerKey(LinkrunnerSettings(), environ)
    assert str(DEFAULT_SERVER_KEY_FILE) in str(error.value)
    assert NAME in str(error.value)


def test_a_file_that_is_configured_away_leaves_the_variable() -> None:
    """``server_key_file: null`` means that no file is looked at."""
    settings = LinkrunnerSettings(server_key_file=None)
    assert ServerKey(settings, {NAME: "key"}).current() == "key"
    with pytest.raises(CredentialsError, match="no file is configured"):
        ServerKey(settings, {})


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        ("canary canary", "no HTTP header"),
        ("canary\ncanary", "no HTTP header"),
        ("canary\x7f", "no HTTP header"),
        ("canäry", "no HTTP header"),
        ("canary" * 1_000, "too long"),
    ],
)
def test_what_is_no_key_is_refused_at_the_start(tmp_path: Path, key: str, words: str) -> None:
    """It is told which file is wrong and how, and not what it holds."""
    path = written(tmp_path / "key", key)
    with pytest.raises(CredentialsError, match=words) as error:
        ServerKey(configured(path), {})
    assert str(path) in str(error.value)
    assert "canary" not in str(error.value).replace(str(path), "")


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_file_that_can_not_be_read_is_refused_at_the_start(tmp_path: Path, kind: str) -> None:
    """A mount that is not there, or is one level off."""
    path = tmp_path if kind == "folder" else tmp_path / "key"
    with pytest.raises(CredentialsError, match="can't be read"):
        ServerKey(configured(path), {})


def test_a_new_key_is_noticed_within_a_second(tmp_path: Path) -> None:
    """A rotation needs no restart; the file is not looked at for every call."""
    clock = Clock()
    path = written(tmp_path / "key", "old")
    key = ServerKey(configured(path), {}, clock)
    written(path, "new")
    assert key.current() == "old"
    clock.later()
    assert key.current() == "new"


def test_a_key_of_the_same_length_is_noticed(tmp_path: Path) -> None:
    """Size alone would not tell them apart."""
    clock = Clock()
    path = written(tmp_path / "key", "aaaa")
    key = ServerKey(configured(path), {}, clock)
    written(tmp_path / "next", "bbbb").replace(path)
    clock.later()
    assert key.current() == "bbbb"


def test_a_swapped_link_is_noticed(tmp_path: Path) -> None:
    """Kubernetes renames a link to a folder; the file itself never changes."""
    clock = Clock()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written(tmp_path / name / "key", name)
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "key").symlink_to("data/key")
    key = ServerKey(configured(tmp_path / "key"), {}, clock)
    assert key.current() == "one"
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(tmp_path / "data")
    clock.later()
    assert key.current() == "two"


def test_a_file_in_the_middle_of_a_change_leaves_the_key(tmp_path: Path) -> None:
    """Empty, missing and unusable files are waited out; what follows is taken at once."""
    clock = Clock()
    path = written(tmp_path / "key", "old")
    key = ServerKey(configured(path), {}, clock)
    for content in ("", None, "two words", "half\n\n"):
        if content is None:
            path.unlink()
        else:
            written(path, content)
        clock.later()
        assert key.current() == ("half" if content == "half\n\n" else "old")
        assert (key.trouble is None) == (content == "half\n\n")
    written(path, "whole")
    clock.later()
    assert key.current() == "whole"


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "is empty"), ("canary canary", "no HTTP header takes"), (None, "No such file or directory")],
)
def test_what_is_wrong_with_the_file_is_told(tmp_path: Path, content: str | None, words: str) -> None:
    """A rotation that went wrong is seen before the next start fails by it; the text holds no key."""
    clock = Clock()
    path = written(tmp_path / "key", "canary-old")
    key = ServerKey(configured(path), {}, clock)
    if content is None:
        path.unlink()
    else:
        written(path, content)
    clock.later()
    assert key.current() == "canary-old"
    assert key.trouble is not None
    assert words in key.trouble
    assert str(path) in key.trouble
    assert "canary" not in key.trouble.replace(str(path), "")


def test_a_key_from_a_variable_stays() -> None:
    """There is no file to look at."""
    clock = Clock()
    key = ServerKey(LinkrunnerSettings(), {NAME: "key"}, clock)
    clock.later()
    assert key.current() == "key"


def test_the_key_is_printed_nowhere() -> None:
    """Neither as a text nor as a representation, nor inside another."""
    key = ServerKey(LinkrunnerSettings(), {NAME: "canary"})
    assert f"{key} {key!r} {[key]}".count("ServerKey(***)") == 3
    assert "canary" not in f"{key} {key!r} {[key]}"
