"""CI allows no skip: the hook that makes it so."""

from typing import Literal

import pytest

from tests.support.no_skips import forbid_skips


def _report(outcome: Literal["passed", "failed", "skipped"]) -> pytest.TestReport:
    why = ("test_a.py", 1, "Skipped: no broker")
    return pytest.TestReport("test_a", ("test_a.py", 1, "test_a"), {}, outcome, why, "setup")


def test_a_skip_is_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """With CI set, a skip fails and still says why it was skipped."""
    monkeypatch.setenv("CI", "true")

    report = forbid_skips(_report("skipped"))

    assert report.failed
    assert "no broker" in str(report.longrepr)


def test_a_skip_is_a_skip_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a developer's machine a missing broker costs nothing."""
    monkeypatch.delenv("CI", raising=False)

    assert forbid_skips(_report("skipped")).skipped


def test_an_expected_failure_is_no_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    """An xfail is reported as skipped, and stays one in CI."""
    monkeypatch.setenv("CI", "true")
    report = _report("skipped")
    report.wasxfail = "known"

    assert forbid_skips(report).skipped


@pytest.mark.parametrize("outcome", ["passed", "failed"])
def test_other_outcomes_stay(monkeypatch: pytest.MonkeyPatch, outcome: Literal["passed", "failed"]) -> None:
    """What ran is left alone."""
    monkeypatch.setenv("CI", "true")

    assert forbid_skips(_report(outcome)).outcome == outcome
