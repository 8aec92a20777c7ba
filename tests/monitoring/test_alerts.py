"""Every alert fires, stays quiet and resolves as its cases say: in Prometheus' own test program."""

from collections.abc import Mapping

import pytest

from monitoring.alerts import ALERTS
from tests.monitoring.cases import CASES, REQUIRED
from tests.monitoring.promtool import Case, run
from tests.support.tools import tool


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Give what promtool says of each case: one run for all of them."""
    return run(tool("promtool"), CASES, tmp_path_factory.mktemp("cases"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_alert_does_what_its_case_says(case: Case, verdicts: Mapping[str, str]) -> None:
    """The alert has fired, with this text, at exactly the times that the case names."""
    assert not verdicts[case.id], verdicts[case.id]


@pytest.mark.parametrize("name", [alert.name for alert in ALERTS])
def test_no_alert_lacks_a_case(name: str) -> None:
    """Of every alert it is known when it fires, when it does not, that it ends, and what a restart does."""
    assert {case.name for case in CASES if case.alert == name} >= REQUIRED
