"""The container image of this checkout, built with what this machine has."""

import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Final

from consumer import __version__
from tests.support.broker import NotHere

ROOT: Final = Path(__file__).parents[2]
NAME: Final = "linkrunner-consumer:test"

#: A cold build downloads and compiles all parts.
BUILD_SECONDS: Final = 900.0
DOCKER_SECONDS: Final = 60.0


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
    buildkit = "1" if docker("buildx", "version").returncode == 0 else "0"
    given = ("--tag", name, "--build-arg", f"VERSION={__version__}", *options)
    built = docker(
        "build", *given, str(ROOT), within=BUILD_SECONDS, environment={"DOCKER_BUILDKIT": buildkit}
    )
    assert built.returncode == 0, f"docker build failed:\n{built.stdout[-2000:]}{built.stderr[-2000:]}"


def need_docker() -> None:
    """Raise NotHere unless a Docker daemon answers."""
    try:
        answers = docker("info").returncode == 0
    except FileNotFoundError:
        raise NotHere("there is no docker command") from None
    if not answers:
        raise NotHere("no Docker daemon answers")


def docker(
    *arguments: str, within: float = DOCKER_SECONDS, environment: Mapping[str, str] | None = None
) -> CompletedProcess[str]:
    """Run Docker's command to its end, ``within`` that many seconds, and return what came of it.

    ``environment`` goes on top of this process's own. Raises FileNotFoundError where there is no command.
    """
    command = ["docker", *arguments]
    return subprocess.run(
        command,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
