"""CI allows no skip: with ``CI`` set, a skipped test is a failed one."""

import os

import pytest


def forbid_skips(report: pytest.TestReport) -> pytest.TestReport:
    """Return ``report``, failed if it is a skip and this is CI. An expected failure is no skip."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"CI allows no skip: {why}"
    return report
