"""The project's own commands as processes of their own, as a user would run them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


class Command:
    """``python -m consumer …`` of the package in ``root``; what it writes goes to ``output``, in order."""

    def __init__(self, arguments: Sequence[str], output: Path, root: Path = ROOT) -> None:
        self._arguments: Final = arguments
        self._root: Final = root
        self.output: Final = output
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it. Variables that would configure it are not passed on."""
        with self.output.open("ab") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "consumer", *self._arguments],
                cwd=self._root,
                env=_neutral(os.environ),
                stdout=sink,
                stderr=subprocess.STDOUT,
            )

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def text(self) -> str:
        """All that it has written so far."""
        return self.output.read_text(encoding="utf-8", errors="replace") if self.output.exists() else ""

    def send(self, number: signal.Signals) -> float:
        """Send a signal and return when, on the monotonic clock."""
        assert self._process is not None
        at = time.monotonic()
        self._process.send_signal(number)
        return at

    def wait(self, within: float) -> int:
        """Return its exit code; AssertionError, with the end of its output, if it takes longer."""
        assert self._process is not None
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {within:g} s:\n{self.text[-3000:]}") from None

    def stop(self, within: float = 30.0) -> int:
        """Ask it to stop (SIGTERM) and return its exit code."""
        self.send(signal.SIGTERM)
        return self.wait(within)

    def kill(self) -> float:
        """End it at once (SIGKILL) and return when."""
        at = self.send(signal.SIGKILL)
        self.wait(10)
        return at

    def close(self) -> None:
        """Make sure that nothing of it is left."""
        if self.running:
            self.kill()


def _neutral(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("LINKRUNNER")}
