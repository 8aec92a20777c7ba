"""Commands in a container without a network: what they print and how they exit."""

import json
import os
import signal
from contextlib import closing
from pathlib import Path
from typing import IO, Final

import pytest
import yaml

from consumer import __version__
from tests.image.containers import CONFIG, HARDENED, KEY_FILE, Container, run
from tests.support.service import Config
from tests.support.waiting import eventually

OK: Final = 0
NO_KEY: Final = 77
MISTAKES: Final = 78
STOPPED: Final = 143

START_SECONDS: Final = 20.0

GOOD: Final[Config] = {
    "kafka": {"bootstrap_servers": "kafka.invalid:9092", "topics": ["payments"]},
    "currency": {"accept": ["INR"]},
}


KEY: Final = "--env=LINKRUNNER_SERVER_KEY=a-key-of-this-test"


def mounted(directory: Path, config: Config) -> list[str]:
    """Return the options that mount ``config`` where the image looks for it."""
    file = directory / "config.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    file.chmod(0o644)
    return [f"--volume={file}:{CONFIG}:ro"]


def test_a_configuration_with_mistakes_is_told_whole(image: str, tmp_path: Path) -> None:
    """Exit 78: every mistake with its place and its cure, and no traceback."""
    wrong: Config = {"kafka": {"topics": [], "topic": "payments"}, "http": {"port": "eighty"}}
    done = run(image, options=mounted(tmp_path, wrong))
    assert done.returncode == MISTAKES, done.stderr
    for name in ("kafka.bootstrap_servers", "kafka.topic", "currency.accept", "http.port", CONFIG):
        assert name in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_configuration_that_is_not_mounted_is_told(image: str) -> None:
    """Exit 78, naming the file that the image looks for when it is told nothing."""
    done = run(image)
    assert done.returncode == MISTAKES
    assert CONFIG in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_key_that_is_not_mounted_is_told(image: str, tmp_path: Path) -> None:
    """Exit 77, naming the file and the variable that could hold it."""
    done = run(image, options=mounted(tmp_path, GOOD))
    assert done.returncode == NO_KEY, done.stderr
    assert KEY_FILE in done.stderr
    assert "LINKRUNNER_SERVER_KEY" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_check_finds_nothing_wrong_with_a_good_configuration(image: str, tmp_path: Path) -> None:
    """Another command takes the place of ``run``: the entry point is the program alone."""
    done = run(image, "check", "--config", CONFIG, options=[*mounted(tmp_path, GOOD), KEY])
    assert done.returncode == OK, done.stdout + done.stderr


@pytest.mark.parametrize("option", ["--user=0:0", "--user=65532:65532", "--user=2147483647:0"])
def test_it_runs_as_any_user(image: str, option: str) -> None:
    """No user needs an entry in a password file, a home or a file of its own."""
    done = run(image, "version", "--output", "json", options=[option])
    assert done.returncode == OK, done.stderr
    assert json.loads(done.stdout)["version"] == __version__


def test_a_stop_during_the_start_is_heard(image: str, tmp_path: Path) -> None:
    """The kernel keeps a signal without a handler from the first process: a pod would wait for its kill."""
    pipe = tmp_path / "config.yaml"
    os.mkfifo(pipe)
    pipe.chmod(0o644)
    options = [*HARDENED, "--network=none", f"--volume={pipe}:{CONFIG}:ro"]
    with closing(Container(image, options, (), tmp_path / "log")) as container:
        container.start()
        (writer,) = eventually(lambda: _writers(pipe), START_SECONDS, "it reads its configuration")
        with writer:
            container.send(signal.SIGTERM)
            assert container.wait(10) == STOPPED


def _writers(pipe: Path) -> list[IO[bytes]]:
    """Return the writing end of ``pipe`` once somebody reads, who then waits until it is closed."""
    try:
        return [os.fdopen(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK), "wb")]
    except OSError:
        return []
