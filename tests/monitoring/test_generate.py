"""What is shipped is what the modules say."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml

from monitoring import generate
from monitoring.alerts import chart_values, inhibit_rules

_CHART: Final = "helm/linkrunner-consumer/files"


def test_files_are_current() -> None:
    """A change of an alert or a panel is shipped with it: else run python -m monitoring.generate."""
    assert generate.stale(generate.ROOT) == []


def test_files_hold_what_is_written(tmp_path: Path) -> None:
    """The files are read back to the same alerts, inhibitions and dashboard."""
    generate.write(tmp_path)
    files = tmp_path / _CHART
    assert yaml.safe_load((files / "alerts.yaml").read_text("utf-8")) == chart_values()
    inhibition = yaml.safe_load((files / "inhibit_rules.yaml").read_text("utf-8"))
    assert inhibition == {"inhibit_rules": inhibit_rules()}
    assert json.loads((files / "dashboard.json").read_text("utf-8"))["uid"] == "linkrunner-consumer"
    assert generate.stale(tmp_path) == []


@pytest.mark.parametrize("path", generate.TEXTS)
def test_a_file_that_was_changed_by_hand_is_found(path: str, tmp_path: Path) -> None:
    """A change in a generated file would be lost with the next one in the modules."""
    generate.write(tmp_path)
    (tmp_path / path).write_text("mine", encoding="utf-8")
    assert generate.stale(tmp_path) == [path]


#: Prints all files.
_PRINT: Final = "from monitoring.generate import TEXTS\nprint(*(text() for text in TEXTS.values()))"


def test_same_input_gives_the_same_bytes() -> None:
    """A file that changes by itself would be stale at every look: sets have another order in each process."""
    texts = [
        subprocess.run(
            [sys.executable, "-c", _PRINT],
            cwd=generate.ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(generate.ROOT)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert texts[0] == texts[1]
    assert b"Linkrunner consumer" in texts[0]


def test_check_is_content_with_the_files() -> None:
    """The command for CI says yes with exit code 0."""
    assert generate.main(["--check"]) == 0


def test_unknown_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt --check must not write."""
    assert generate.main(["--chek"]) == 2
    assert "usage" in capsys.readouterr().err
