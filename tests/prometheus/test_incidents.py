"""Scripted incidents on the real thing: exactly the right alerts fire, are told, and end with the cure."""

from collections.abc import Mapping
from concurrent.futures import Future

import pytest

from tests.prometheus.incidents import INCIDENTS, Incident
from tests.prometheus.proof import Told

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.name)
def test_exactly_the_right_alerts_fire_and_resolve(
    incident: Incident, played: Mapping[str, Future[Told]]
) -> None:
    """Its alerts are told, its consequences stay silent, no other fires, and the cure ends them all."""
    became = played[incident.name].result()
    assert became.fired - {*incident.may} == {*incident.tells, *incident.silent}
    assert became.told.keys() - {*incident.may} == {*incident.tells}
    assert {*incident.tells} <= became.over.keys()
