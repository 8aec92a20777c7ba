"""All alerts together over a whole release: what is well must be silent, what is gone must not be."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.monitoring.promtool import Series, run_scene
from tests.monitoring.scenes import instance
from tests.support.tools import tool

_NOTHING: Final[Mapping[str, Mapping[str, str]]] = {
    f"{minute}m": {} for minute in (1, 5, 20, 45, 75, 105, 120)
}

#: A partition whose records do not come, from the sixth minute on: lag and age grow, and the end of the two
#: hours that Kafka keeps a record gets nearer. All else of the instance goes on.
_UNREAD: Final = {
    ("lag_records", "invoices"): "0x5 0+10x120",
    ("freshness_seconds", ""): "0x5 0+60x120",
    ("retention_headroom_seconds", "invoices"): "7200x5 7200-60x120",
    ("retention_seconds", "invoices"): "7200x120",
}

#: What is seen, and which alerts fire when, with which value. No other may.
_SCENES: Final[Mapping[str, tuple[Sequence[Series], Mapping[str, Mapping[str, str]]]]] = {
    "no traffic": ([*instance("a", "Vx120"), *instance("b", "Vx120")], _NOTHING),
    "steady traffic": (
        [*instance("a", "V+Gx120", busy=True), *instance("b", "V+Gx120", busy=True)],
        _NOTHING,
    ),
    "restarts in place reset the counters": (
        [*instance("a", "V+Gx40 V+Gx80", busy=True), *instance("b", "V+Gx70 V+Gx50", busy=True)],
        _NOTHING,
    ),
    "a rollout replaces the pods": (
        [
            *instance("a", "V+Gx40 stale", busy=True),
            *instance("b", "V+Gx42 stale", busy=True),
            *instance("c", "_x41 V+Gx80", busy=True),
            *instance("d", "_x43 V+Gx80", busy=True),
        ],
        _NOTHING,
    ),
    "a pod has worked before it is scraped": (
        [*instance("a", "V+Gx120", busy=True), *instance("b", "_x30 W+Gx90", busy=True)],
        # Between, the partitions that it holds have no owner that is known, rightly.
        {"9m": {}, "32m": {}, "45m": {}, "75m": {}, "120m": {}},
    ),
    "nothing is scraped any more": (
        [*instance("a", "V+Gx40 stale", busy=True), *instance("b", "V+Gx40 stale", busy=True)],
        {"40m": {}, "45m": {}, "47m": {"NoConsumers": ""}, "120m": {"NoConsumers": ""}},
    ),
    "a partition is held and not read": (
        [
            *instance("a", "V+Gx120", busy=True, instead={("retention_seconds", "invoices"): "7200x120"}),
            *instance("b", "V+Gx120", busy=True, instead=_UNREAD),
        ],
        {
            "15m": {},
            "30m": {"FreshnessHigh": "24m 0s"},
            "95m": {"FreshnessHigh": "1h 29m 0s"},
            "105m": {"FreshnessHigh": "1h 39m 0s", "RetentionAtRisk": "17.5%"},
            "120m": {"FreshnessHigh": "1h 54m 0s", "RetentionAtRisk": "5%", "RetentionCritical": "5%"},
        },
    ),
}


@pytest.mark.parametrize("name", _SCENES)
def test_only_these_alerts_fire(name: str, tmp_path: Path) -> None:
    """No alert fires over what is normal: idleness, restarts, rollouts; and silence is not taken for it."""
    scene, firing = _SCENES[name]
    told = run_scene(tool("promtool"), scene, firing, tmp_path)
    assert not told, told
