"""Running kubectl, helm and the like, with a deadline and an error that shows what they said."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Done:
    """A program that has ended: its exit code and what it wrote."""

    code: int
    output: str
    errors: str

    @property
    def text(self) -> str:
        """Both streams, one after the other."""
        return self.output + self.errors


def run(
    command: Sequence[str],
    *,
    given: str = "",
    environment: Mapping[str, str] | None = None,
    within: float = SECONDS,
) -> Done:
    """Run ``command`` with ``given`` as its input and return how it ended, whatever the exit code.

    ``environment`` goes on top of this process's. Raises AssertionError after ``within`` seconds.
    """
    try:
        ended = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            input=given,
            env={**os.environ, **(environment or {})},
            timeout=within,
        )
    except subprocess.TimeoutExpired as late:
        raise AssertionError(
            f"still running after {within:g} s: {' '.join(command)}\n{late.stderr!r}"
        ) from None
    return Done(ended.returncode, ended.stdout, ended.stderr)


def succeed(
    command: Sequence[str],
    *,
    given: str = "",
    environment: Mapping[str, str] | None = None,
    within: float = SECONDS,
) -> Done:
    """Do the same, and raise AssertionError with what it wrote if it fails."""
    done = run(command, given=given, environment=environment, within=within)
    assert done.code == 0, f"{' '.join(command)} ended with {done.code}:\n{done.text}"
    return done
