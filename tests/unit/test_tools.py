"""``.ci/tools``: programs for tests are built once, and again when another version of them is pinned."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

SCRIPT: Final = Path(__file__).parents[2] / ".ci" / "tools"

#: Go for a test: what it installs is its own name with the version, and it can tell that again.
GO: Final = """#!/usr/bin/env bash
if [ "$1" = install ]; then
  echo "$2" > "$GOBIN/made" && chmod +x "$GOBIN/made"
else
  IFS=@ read -r path version < "$3"
  printf '%s: go1.26.1\\n\\tpath\\t%s\\n\\tmod\\tmodule\\t%s\\th1:x=\\n' "$3" "$path" "$version"
fi
"""


class Checkout:
    """A project that has the script alone, on a machine with a Go that needs no network."""

    def __init__(self, root: Path) -> None:
        self.bin: Final = root / ".cache" / "tools" / "bin"
        self._script: Final = root / ".ci" / "tools"
        self._script.parent.mkdir()
        shutil.copy(SCRIPT, self._script)
        self._path: Final = root / "path"
        self._path.mkdir()
        for name, text in (("go", GO), ("prometheus", ""), ("promtool", "")):
            (self._path / name).write_text(text, "utf-8")
            (self._path / name).chmod(0o755)

    def run(self) -> list[str]:
        """Run the script; return the names of the programs that it has built."""
        environment = {**os.environ, "PATH": f"{self._path}:{os.environ['PATH']}"}
        done = subprocess.run(
            [self._script], env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        return [line.split()[1] for line in done.stdout.splitlines() if line.startswith("building ")]

    def pin(self, old: str, new: str) -> None:
        """Put another version into the script."""
        text = self._script.read_text("utf-8")
        assert text.count(old) == 1
        self._script.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Give such a project."""
    return Checkout(tmp_path)


def test_what_is_there_in_its_version_stays(checkout: Checkout) -> None:
    """The second run builds nothing, and every program has the name that tests call it by."""
    built = checkout.run()
    assert {"helm3", "helm4", "kube-score"} <= set(built)
    assert {path.name for path in checkout.bin.iterdir()} == {*built, "prometheus", "promtool"}
    assert checkout.run() == []


def test_another_version_is_built_in_place_of_the_old(checkout: Checkout) -> None:
    """Who pins another version tests with it, also where the old one was built before."""
    checkout.run()
    pinned = (checkout.bin / "helm3").read_text("utf-8").strip()
    module, _, _ = pinned.partition("@")
    checkout.pin(pinned, f"{module}@v3.99.0")
    assert checkout.run() == ["helm3"]
    assert (checkout.bin / "helm3").read_text("utf-8") == f"{module}@v3.99.0\n"
    assert checkout.run() == []
