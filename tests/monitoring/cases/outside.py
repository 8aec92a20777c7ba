"""Cases for the API, for Kafka and for pods."""

from typing import Final

from tests.monitoring.promtool import Case, Series, series


def _calls(good: str, limited: str = "0x60", retried: str = "0x60") -> list[Series]:
    return [
        series("calls_total", good, action="capture", status="201"),
        series("calls_total", limited, action="capture", status="429"),
        series("calls_total", retried, action="remove", status="timeout"),
        series("retries_total", limited, reason="429"),
        series("retries_total", retried, reason="timeout"),
    ]


def _partitions(a: str, b: str) -> list[Series]:
    return [
        series("assigned_partitions", a),
        series("assigned_partitions", b, instance="b"),
        series("topic_partitions", "6x60"),
        # An instance that has only just joined does not know them yet.
        series("topic_partitions", "0x60", instance="b"),
    ]


def _held(assigned: str, instance: str = "a") -> Series:
    return series("assigned_partitions", assigned, instance=instance)


def _known(*lags: str, assigned: str = "3x60", instance: str = "a") -> list[Series]:
    """Return an instance with the lags of some of its partitions."""
    return [
        _held(assigned, instance),
        *(
            series("lag_records", samples, instance=instance, topic="t", partition=f"{number}")
            for number, samples in enumerate(lags)
        ),
    ]


def _rebalances(a: str, b: str) -> list[Series]:
    return [
        series("rebalances_total", a, event="assigned"),
        series("rebalances_total", "0+9x120", event="revoked"),
        series("rebalances_total", b, event="assigned", instance="b"),
    ]


def _started(times: str, build: str = "1x90") -> list[Series]:
    return [
        series("process_start_time_seconds", times),
        series("build_info", build, version="1"),
        series("process_start_time_seconds", "1000x90", instance="b"),
        series("build_info", "1x90", instance="b", version="1"),
        # Another program of this namespace, which dies all the time.
        series("process_start_time_seconds", "0+60x90", instance="foreign"),
    ]


def _missing(samples: str, instance: str = "a") -> Series:
    return series("missing_topics", samples, instance=instance)


def _key_file(samples: str, instance: str = "a") -> Series:
    return series("key_file_ok", samples, instance=instance)


def _rates(name: str, samples: str, instance: str = "a") -> Series:
    return series(f"rates_{name}", samples, instance=instance)


#: A rebalance every five minutes.
_SLOWLY: Final = " ".join(str(minute // 5) for minute in range(121))

_CRASHES: Final = "1000x4 1300x4 1600x4 1900x75"
_OLD: Final = {"version": "1.0.0", "instance": "a"}
_NEW: Final = {"version": "1.1.0", "instance": "b"}

CASES: Final = (
    Case("ApiErrorRatioHigh", "fires", _calls("0+80x60", retried="0+20x60"), {"10m": None, "20m": "20%"}),
    Case("ApiErrorRatioHigh", "quiet", _calls("0+95x60", retried="0+5x60"), {"20m": None, "60m": None}),
    Case("ApiErrorRatioHigh", "quiet_on_429", _calls("0+50x60", limited="0+50x60"), {"20m": None}),
    Case("ApiErrorRatioHigh", "quiet_on_one_failure", _calls("7x60", retried="0x5 1x60"), {"20m": None}),
    Case(
        "ApiErrorRatioHigh",
        "resolves",
        _calls("0+80x60", retried="0+20x20 400x40"),
        {"20m": "20%", "26m": "13.04%", "35m": None},
    ),
    Case(
        "ApiErrorRatioHigh",
        "reset",
        _calls("0+80x14 0+80x40", retried="0+20x14 0+20x40"),
        {"14m": "20%", "30m": "20%"},
    ),
    Case("RateLimited", "fires", _calls("0+80x60", limited="0+20x60"), {"15m": None, "20m": "20%"}),
    Case("RateLimited", "quiet", _calls("0+95x60", limited="0+5x60", retried="0+50x60"), {"20m": None}),
    Case(
        "RateLimited",
        "resolves",
        _calls("0+80x60", limited="0+20x20 400x40"),
        {"20m": "20%", "26m": "13.04%", "35m": None},
    ),
    Case(
        "RateLimited",
        "reset",
        _calls("0+80x18 0+80x40", limited="0+20x18 0+20x40"),
        {"18m": "20%", "30m": "20%"},
    ),
    Case("NoConsumers", "fires", [], {"4m": None, "10m": ""}),
    Case("NoConsumers", "fires_without_partitions", _partitions("0x60", "0x60"), {"4m": None, "10m": ""}),
    Case("NoConsumers", "quiet", _partitions("6x60", "0x60"), {"10m": None, "60m": None}),
    Case(
        "NoConsumers", "resolves", _partitions("_x10 3x50", "_x10 3x50"), {"9m": "", "19m": "", "20m": None}
    ),
    Case(
        "NoConsumers",
        "reset",
        _partitions("3x10 stale", "3x10 stale _x3 3x40"),
        {"12m": None, "14m": None, "30m": None},
    ),
    Case("PartitionsUnowned", "fires", _partitions("3x60", "2x60"), {"9m": None, "12m": "1"}),
    Case("PartitionsUnowned", "quiet", _partitions("3x60", "3x5 0x4 3x60"), {"8m": None, "15m": None}),
    Case("PartitionsUnowned", "resolves", _partitions("3x60", "2x20 3x40"), {"20m": "1", "21m": None}),
    Case(
        "PartitionsUnowned",
        "reset",
        _partitions("3x60", "3x10 stale _x4 3x60"),
        {"12m": None, "15m": None, "30m": None},
    ),
    Case(
        "PartitionsUnowned",
        "fires_where_pods_know_different_numbers",
        [
            series("assigned_partitions", "1x60"),
            series("assigned_partitions", "1x60", instance="b"),
            series("topic_partitions", "1x60"),
            series("topic_partitions", "3x60", instance="b"),
        ],
        {"9m": None, "12m": "1"},
    ),
    Case("PartitionsSilent", "fires", _known("1x60"), {"9m": None, "10m": "2", "60m": "2"}),
    Case("PartitionsSilent", "fires_where_nothing_is_known", _known("_x60"), {"12m": "3"}),
    Case(
        "PartitionsSilent",
        "fires_beside_others",
        # One that has just given a partition away is asked for it a last time.
        [*_known("1x60"), *_known("1x60", "1x60", "1x60", assigned="2x60", instance="b")],
        {"12m": "2"},
    ),
    Case("PartitionsSilent", "quiet", _known("1x60", "1x60", "_x5 1x50"), {"4m": None, "20m": None}),
    Case("PartitionsSilent", "quiet_without_partitions", [_held("0x60")], {"20m": None}),
    Case("PartitionsSilent", "resolves", _known("0x60", "0x60", "_x20 7x40"), {"19m": "1", "20m": None}),
    Case(
        "PartitionsSilent",
        "reset",
        [
            _held("3x20 stale"),
            *_known("_x21 1x30", "_x21 1x30", "_x21 1x30", assigned="_x21 3x30", instance="b"),
        ],
        {"19m": "3", "22m": None, "40m": None},
    ),
    Case("TopicsMissing", "fires", [_missing("1x30"), _missing("0x30", "b")], {"9m": None, "10m": "1"}),
    Case("TopicsMissing", "quiet", [_missing("0 1x8 0x30")], {"9m": None, "12m": None}),
    Case("TopicsMissing", "resolves", [_missing("1x20 0x10")], {"20m": "1", "21m": None}),
    Case(
        "TopicsMissing",
        "reset",
        [_missing("1x20 stale"), _missing("_x20 0x10", "b")],
        {"20m": "1", "21m": None},
    ),
    Case("RebalanceStorm", "fires", _rebalances("0+1x120", "0+1x120"), {"20m": None, "60m": "15"}),
    Case("RebalanceStorm", "fires_across_restarts", _rebalances("0+1x49 0+1x60", "0+1x120"), {"60m": "14.5"}),
    Case("RebalanceStorm", "quiet_on_a_few", _rebalances(_SLOWLY, _SLOWLY), {"60m": None, "120m": None}),
    # A rollout: each of six changes reaches everyone twice, and then it is over.
    Case("RebalanceStorm", "quiet", _rebalances("0x9 0+1x12 12x90", "0x9 0+1x12 12x90"), {"45m": None}),
    Case(
        "RebalanceStorm",
        "resolves",
        _rebalances("0+1x60 60x60", "0+1x60 60x60"),
        {"60m": "15", "80m": None},
    ),
    Case("RebalanceStorm", "reset", _rebalances("3x29 0x60", "4x29 0x60"), {"30m": None, "60m": None}),
    Case(
        "CommitFailing",
        "fires",
        [series("uncommitted_age_seconds", "0+60x30", topic="t", partition="0")],
        {"8m": None, "15m": "15m 0s"},
    ),
    Case(
        "CommitFailing",
        "quiet",
        [series("uncommitted_age_seconds", "60 1 170 2 60 0 300 0x30", topic="t", partition="0")],
        {"6m": None, "10m": None},
    ),
    Case(
        "CommitFailing",
        "resolves",
        [series("uncommitted_age_seconds", "300x20 0x10", topic="t", partition="0")],
        {"20m": "5m 0s", "21m": None},
    ),
    Case(
        "CommitFailing",
        "reset",
        [
            series("uncommitted_age_seconds", "300x20 stale", topic="t", partition="0"),
            series("uncommitted_age_seconds", "_x20 0x20", topic="t", partition="0", instance="b"),
        ],
        {"20m": "5m 0s", "21m": None},
    ),
    Case("Restarting", "fires", _started(_CRASHES), {"14m": None, "16m": "3"}),
    Case("Restarting", "fires_while_it_is_down", _started(_CRASHES, "1x4 stale _x3 1x5 stale"), {"16m": "3"}),
    Case("Restarting", "quiet", _started("1000x30 1300x60"), {"31m": None, "60m": None}),
    Case("Restarting", "resolves", _started(_CRASHES), {"45m": "3", "75m": None}),
    # New pods are new instances: a rollout is no crash.
    Case(
        "Restarting",
        "reset",
        [
            series("process_start_time_seconds", f"_x{10 * n} {1000 + n}x10 stale", instance=f"pod-{n}")
            for n in range(6)
        ]
        + [series("build_info", "1x90", instance=f"pod-{n}", version="1") for n in range(6)],
        {"30m": None, "60m": None},
    ),
    Case("KeyFileUnusable", "fires", [_key_file("0x30"), _key_file("1x30", "b")], {"4m": None, "5m": ""}),
    Case("KeyFileUnusable", "quiet", [_key_file("1 0x3 1x30")], {"4m": None, "6m": None}),
    Case("KeyFileUnusable", "resolves", [_key_file("0x20 1x10")], {"20m": "", "21m": None}),
    Case(
        "KeyFileUnusable",
        "reset",
        [_key_file("0x20 stale"), _key_file("_x20 1x9", "b")],
        {"20m": "", "21m": None},
    ),
    Case(
        "RatesRunningOut",
        "fires",
        [_rates("headroom_seconds", "90000-600x90"), _rates("headroom_seconds", "432000x90", "b")],
        {"20m": None, "26m": "20h 40m 0s"},
    ),
    Case("RatesRunningOut", "quiet", [_rates("headroom_seconds", "86400x60")], {"30m": None, "60m": None}),
    Case(
        "RatesRunningOut",
        "resolves",
        [_rates("headroom_seconds", "3600x30 500000x30")],
        {"30m": "1h 0m 0s", "31m": None},
    ),
    Case(
        "RatesRunningOut",
        "reset",
        [_rates("headroom_seconds", "3600x30 stale"), _rates("headroom_seconds", "_x30 500000x9", "b")],
        {"30m": "1h 0m 0s", "31m": None},
    ),
    Case(
        "RatesFileUnusable",
        "fires",
        [_rates("file_ok", "0x30"), _rates("file_ok", "1x30", "b")],
        {"4m": None, "5m": ""},
    ),
    Case("RatesFileUnusable", "quiet", [_rates("file_ok", "1 0x3 1x30")], {"4m": None, "6m": None}),
    Case("RatesFileUnusable", "resolves", [_rates("file_ok", "0x20 1x10")], {"20m": "", "21m": None}),
    Case(
        "RatesFileUnusable",
        "reset",
        [_rates("file_ok", "0x20 stale"), _rates("file_ok", "_x20 1x9", "b")],
        {"20m": "", "21m": None},
    ),
    Case(
        "VersionSkew",
        "fires",
        [series("build_info", "1x120", **_OLD), series("build_info", "1x120", **_NEW)],
        {"59m": None, "61m": "2"},
    ),
    Case(
        "VersionSkew",
        "fires_though_a_scrape_fails",
        [series("build_info", "1x30 stale 1x88", **_OLD), series("build_info", "1x120", **_NEW)],
        {"59m": None, "61m": "2"},
    ),
    Case(
        "VersionSkew",
        "quiet",
        [
            series("build_info", "1x120", **_OLD),
            series("build_info", "1x120", **(_NEW | {"version": "1.0.0"})),
        ],
        {"90m": None},
    ),
    Case(
        "VersionSkew",
        "resolves",
        [series("build_info", "1x80 stale", **_OLD), series("build_info", "1x120", **_NEW)],
        {"80m": "2", "84m": "2", "86m": None},
    ),
    Case(
        "VersionSkew",
        "reset",
        [series("build_info", "1x30 stale", **_OLD), series("build_info", "_x20 1x90", **_NEW)],
        {"25m": None, "90m": None},
    ),
)
