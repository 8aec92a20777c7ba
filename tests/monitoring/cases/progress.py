"""Cases for payments that do not move."""

import re
from typing import Final

from tests.monitoring.promtool import Case, Series, series


def _work(
    settled: str, *, parked: str = "0x60", lag: str = "0x60", instance: str = "a"
) -> tuple[Series, ...]:
    labels = {"action": "capture", "outcome": "delivered", "reason": "none", "topic": "t"}
    return (
        series("records_settled_total", settled, instance=instance, **labels),
        series("queued", "0x60", instance=instance),
        series("parked", parked, instance=instance),
        series("in_flight", "0x60", instance=instance),
        series("lag_records", lag, instance=instance, topic="t", partition="0"),
        series("lag_records", "0x60", instance=instance, topic="t", partition="1"),
    )


def _stopped(
    samples: str, instance: str = "a", *, address: str = "0x60", lease: str = "0x60"
) -> tuple[Series, ...]:
    """Return whether the key of an instance is taken, its address wrong, and its lease over."""
    return (
        series("auth_ok", samples, instance=instance),
        series("holding", address, instance=instance, cause="address"),
        series("holding", lease, instance=instance, cause="lease"),
        series("holding", "1x60", instance=instance, cause="span"),
    )


#: What topics keep, in seconds.
_WEEK, _HOUR = 604_800, 3600


def _near(
    headroom: str, keeps: int = _WEEK, *, topic: str = "t", instance: str = "a", **where: str
) -> tuple[Series, ...]:
    """Return a topic of which one partition has so much time left, and the other all."""
    labels = {"topic": topic, "instance": instance, **where}
    life = headroom if "stale" in headroom or headroom.startswith("_") else f"{keeps}x60"
    kept = re.sub(r"\d+x", f"{keeps}x", life.replace("_x", "_ x")).replace("_ x", "_x")
    return (
        series("lag_records", "9x60", partition="0", **labels),
        series("lag_records", "3x60", partition="1", **labels),
        series("retention_headroom_seconds", headroom, partition="0", **labels),
        series("retention_headroom_seconds", kept, partition="1", **labels),
        series("retention_seconds", kept, **labels),
        series("freshness_seconds", "500000x60", instance=instance),
    )


def _ended(delivered: str, skipped: str) -> tuple[Series, ...]:
    return (
        series("records_settled_total", delivered, action="capture", outcome="delivered", reason="none"),
        series("records_settled_total", skipped, action="capture", outcome="skipped", reason="no_user"),
    )


CASES: Final = (
    Case("Stalled", "fires", _work("7x60", parked="5x60"), {"10m": None, "15m": "1", "60m": "1"}),
    Case("Stalled", "fires_on_lag_alone", _work("7x60", lag="500x60"), {"15m": "1"}),
    Case(
        "Stalled",
        "fires_for_one_of_two",
        (*_work("7x60", parked="5x60"), *_work("0+9x60", parked="5x60", instance="b")),
        {"15m": "1"},
    ),
    Case("Stalled", "quiet", _work("0+1x60", parked="5x60", lag="5000x60"), {"15m": None, "60m": None}),
    Case("Stalled", "fires_on_little_lag", _work("7x60", lag="2x60"), {"15m": "1"}),
    # A partition that is not read, with ten records an hour.
    Case(
        "Stalled",
        "fires_at_10_an_hour",
        _work("7x60", lag=" ".join(str(minute // 6) for minute in range(61))),
        {"12m": None, "25m": "1"},
    ),
    Case(
        "Stalled",
        "quiet_where_the_key_is_refused",
        (*_work("7x60", parked="5x60"), *_stopped("0x60")),
        {"15m": None, "60m": None},
    ),
    Case(
        "Stalled",
        "quiet_where_the_address_is_wrong",
        (*_work("7x60", parked="5x60"), *_stopped("1x60", address="1x60")),
        {"15m": None, "60m": None},
    ),
    Case(
        "Stalled",
        "quiet_where_the_lease_is_over",
        (*_work("7x60", parked="5x60"), *_stopped("1x60", lease="1x60")),
        {"15m": None, "60m": None},
    ),
    Case(
        "Stalled",
        "fires_for_a_pod_whose_key_is_taken",
        (
            *_work("7x60", parked="5x60"),
            *_stopped("1x60"),
            *_work("7x60", parked="5x60", instance="b"),
            *_stopped("0x60", "b"),
        ),
        {"15m": "1"},
    ),
    # One refused call now and then is no reason.
    Case(
        "Stalled",
        "fires_where_the_key_is_refused_for_a_moment",
        (*_work("7x60", parked="5x60"), *_stopped("1x4 0 1x8 0 1x8 0 1x40")),
        {"15m": "1", "30m": "1"},
    ),
    # The end of a transaction takes an offset too: an idle partition keeps a lag of one.
    Case("Stalled", "quiet_on_marks_of_transactions", _work("7x60", lag="1x60"), {"60m": None}),
    Case(
        "Stalled",
        "resolves",
        _work("7x20 8+1x40", parked="5x60"),
        {"20m": "1", "24m": "1", "30m": None},
    ),
    Case("Stalled", "reset", _work("0+9x14 0+9x40", parked="5x60"), {"15m": None, "20m": None, "40m": None}),
    Case(
        "FreshnessHigh",
        "fires",
        [series("freshness_seconds", "0+60x30"), series("freshness_seconds", "1x30", instance="b")],
        {"15m": None, "20m": "20m 0s"},
    ),
    Case(
        "FreshnessHigh",
        "quiet_where_the_key_is_refused",
        (series("freshness_seconds", "0+60x60"), *_stopped("0x40 1x20")),
        # Ten minutes to catch up once the key is taken.
        {"20m": None, "49m": None, "52m": "52m 0s"},
    ),
    Case(
        "FreshnessHigh",
        "fires_for_a_pod_whose_key_is_taken",
        (
            series("freshness_seconds", "0+60x60"),
            *_stopped("1x60"),
            series("freshness_seconds", "0+90x60", instance="b"),
            *_stopped("0x60", "b"),
        ),
        {"20m": "20m 0s"},
    ),
    Case("FreshnessHigh", "quiet", [series("freshness_seconds", "0+60x9 0+60x9 599x20")], {"38m": None}),
    Case(
        "FreshnessHigh",
        "resolves",
        [series("freshness_seconds", "900x20 0x20")],
        {"10m": "15m 0s", "22m": "15m 0s", "30m": None},
    ),
    Case(
        "FreshnessHigh",
        "reset",
        [
            series("freshness_seconds", "900x10 stale"),
            series("freshness_seconds", "_x11 20x30", instance="b"),
        ],
        {"10m": "15m 0s", "20m": None},
    ),
    Case("RetentionAtRisk", "fires", _near("120960x60"), {"4m": None, "10m": "20%"}),
    # A topic that keeps an hour has never more than that left.
    Case("RetentionAtRisk", "quiet", _near("3000x60", _HOUR), {"10m": None, "60m": None}),
    Case("RetentionAtRisk", "fires_on_short_retention", _near("720x60", _HOUR), {"10m": "20%"}),
    Case("RetentionAtRisk", "quiet_with_days_left", _near("160000x60"), {"10m": None}),
    # Nothing waits, or nothing is known of it.
    Case("RetentionAtRisk", "quiet_where_nothing_waits", _near("3600x60", _HOUR), {"10m": None, "60m": None}),
    Case("RetentionAtRisk", "quiet_where_nothing_is_kept", _near("0x60", 0), {"10m": None}),
    Case("RetentionAtRisk", "resolves", _near("120960x15 600000x30"), {"10m": "20%", "20m": None}),
    Case(
        "RetentionAtRisk",
        "reset",
        (*_near("120960x15 stale"), *_near("_x14 120960x30", instance="b")),
        {"10m": "20%", "20m": "20%"},
    ),
    # A topic that keeps an hour is fresh, and another one that keeps a week is late.
    Case(
        "RetentionCritical",
        "quiet_where_another_topic_is_late",
        (*_near("3590x60", _HOUR, topic="short"), *_near("204800x60")[:5]),
        {"10m": None, "60m": None},
    ),
    Case(
        "RetentionCritical",
        "quiet_where_another_instance_is_late",
        (*_near("3000x60", _HOUR, topic="short"), *_near("204800x60", instance="b")),
        {"10m": None, "60m": None},
    ),
    Case(
        "RetentionCritical",
        "fires_for_the_topic_that_is_late",
        (*_near("3590x60", _HOUR, topic="short"), *_near("30240x60")[:5]),
        {"10m": "5%"},
    ),
    # An address that two pods have had, one after the other, is two series for a while.
    Case(
        "RetentionCritical",
        "fires_beside_a_pod_of_the_same_address",
        (*_near("30240x60", pod="old")[:5], *_near("590000x60", pod="new")[:5]),
        {"10m": "5%"},
    ),
    Case("RetentionCritical", "fires", _near("30240x60"), {"4m": None, "10m": "5%"}),
    Case("RetentionCritical", "quiet", _near("70000x60"), {"10m": None}),
    Case("RetentionCritical", "quiet_on_short_retention", _near("3000x60", _HOUR), {"10m": None}),
    Case("RetentionCritical", "resolves", _near("30240x15 80000x30"), {"10m": "5%", "20m": None}),
    Case(
        "RetentionCritical",
        "reset",
        (*_near("30240x15 stale"), *_near("_x14 30240x30", instance="b")),
        {"10m": "5%", "20m": "5%"},
    ),
    Case("NothingDelivered", "fires", _ended("7x120", "0+5x120"), {"40m": None, "90m": "300"}),
    Case(
        "NothingDelivered",
        "fires_though_users_are_erased",
        (
            *_ended("7x120", "0+5x120"),
            series("records_settled_total", "0+1x120", action="none", outcome="delivered", reason="none"),
        ),
        {"40m": None, "90m": "300"},
    ),
    Case("NothingDelivered", "quiet", _ended("0+1x120", "0+50x120"), {"90m": None}),
    Case("NothingDelivered", "quiet_with_few_records", _ended("7x120", "0+1x120"), {"90m": None}),
    Case(
        "NothingDelivered",
        "resolves",
        _ended("7x90 8+5x30", "0+5x120"),
        {"90m": "300", "95m": None},
    ),
    Case("NothingDelivered", "reset", _ended("7x30 0x90", "0+5x30 0+5x90"), {"90m": "295", "95m": "300"}),
)
