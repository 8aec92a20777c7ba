"""The container image of this checkout, built with what this machine has."""

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

from consumer import __version__
from tests.support.broker import NotHere

ROOT: Final = Path(__file__).parents[2]
NAME: Final = "linkrunner-consumer:test"

#: A cold build downloads and compiles all parts.
BUILD_SECONDS: Final = 900.0


@cache
def image() -> str:
    """Return the name of the image: ``TEST_IMAGE`` where that is set, else :data:`NAME`, built now.

    Built once in a process; with Docker's own layer cache a build without changes takes a second or two.
    Raises NotHere where no Docker daemon answers, and AssertionError with the builder's last words.
    """
    given = os.environ.get("TEST_IMAGE")
    if given:
        return given
    need_docker()
    build(NAME)
    return NAME


def build(name: str, *options: str) -> None:
    """Build this checkout as ``name``; ``options`` go to ``docker build``."""
    command = ["docker", "build", "--tag", name, "--build-arg", f"VERSION={__version__}", *options, str(ROOT)]
    built = subprocess.run(
        command,
        env=os.environ | {"DOCKER_BUILDKIT": "1" if _works("buildx", "version") else "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    assert built.returncode == 0, f"docker build failed:\n{built.stdout[-3000:]}"


def need_docker() -> None:
    """Raise NotHere unless a Docker daemon answers."""
    try:
        answers = _works("info")
    except FileNotFoundError:
        raise NotHere("there is no docker command") from None
    if not answers:
        raise NotHere("no Docker daemon answers")


def _works(*arguments: str) -> bool:
    command = ["docker", *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
