"""Cases for the budgets of the two objectives."""

from typing import Final

from tests.monitoring.promtool import Case, Series, series


def _delivery(delivered: str, refused: str) -> tuple[Series, ...]:
    settled = "records_settled_total"
    return (
        series(settled, delivered, action="capture", outcome="delivered", reason="none"),
        series(settled, refused, action="capture", outcome="dead_lettered", reason="refused"),
        # What a producer does wrong, and what is skipped, is not ours to answer for.
        series(settled, delivered, action="none", outcome="dead_lettered", reason="undecodable"),
        series(settled, delivered, action="none", outcome="skipped", reason="status"),
    )


def _freshness(delivered: str, fresh: str) -> tuple[Series, ...]:
    delay = "delivery_delay_seconds"
    return (
        series(f"{delay}_count", delivered, outcome="delivered"),
        series(f"{delay}_bucket", fresh, outcome="delivered", le="60.0"),
        # A late dead letter is no late payment.
        series(f"{delay}_count", delivered, outcome="dead_lettered"),
        series(f"{delay}_bucket", "0x500", outcome="dead_lettered", le="60.0"),
    )


_DELIVERY_FAST: Final = "DeliveryBudgetBurnFast"
_DELIVERY_SLOW: Final = "DeliveryBudgetBurnSlow"
_FRESHNESS_FAST: Final = "FreshnessBudgetBurnFast"
_FRESHNESS_SLOW: Final = "FreshnessBudgetBurnSlow"

CASES: Final = (
    Case(
        _DELIVERY_FAST,
        "fires",
        _delivery("0+1000x60", "0+20x60"),
        {"2m": None, "10m": "1.961%", "60m": "1.961%"},
    ),
    Case(_DELIVERY_FAST, "fires_over_six_hours", _delivery("0+1000x60", "0+10x60"), {"60m": "0.9901%"}),
    # Ten minutes are too little for the windows of hours, and the windows of minutes soon forget them.
    Case(
        _DELIVERY_FAST,
        "fires_on_a_spike",
        _delivery("0+1000x450", "0x380 200+200x9 2000x60"),
        {"380m": None, "390m": "3.226%", "400m": None},
    ),
    Case(_DELIVERY_FAST, "quiet", _delivery("0+1000x400", "0+5x400"), {"60m": None, "400m": None}),
    Case(
        _DELIVERY_FAST,
        "quiet_where_one_record_is_too_much",
        _delivery("0+1x350", "0+1x350"),
        {"60m": None, "350m": None},
    ),
    Case(
        _DELIVERY_FAST,
        "resolves",
        _delivery("0+1000x120", "0+20x60 1200x60"),
        {"60m": "1.961%", "90m": None},
    ),
    Case(
        _DELIVERY_FAST,
        "reset",
        _delivery("0+1000x29 0+1000x60", "0+20x29 0+20x60"),
        {"35m": "1.961%", "60m": "1.961%"},
    ),
    Case(
        _DELIVERY_FAST,
        "reset_of_healthy_counters",
        _delivery("0+1000x29 0+1000x60", "0x29 0x60"),
        {"30m": None, "60m": None},
    ),
    Case(
        _DELIVERY_SLOW,
        "fires",
        _delivery("0+10000x160", "0+40x160"),
        {"30m": None, "2h": "0.3984%", "26h": "0.3984%"},
        step="10m",
    ),
    Case(
        _DELIVERY_SLOW,
        "fires_over_three_days",
        _delivery("0+10000x450", "0+20x450"),
        {"70h": "0.1996%"},
        step="10m",
    ),
    Case(
        _DELIVERY_SLOW,
        "quiet_where_one_record_is_too_much",
        _delivery("0+1x450", "0+1x450"),
        {"26h": None, "74h": None},
        step="10m",
    ),
    Case(
        _DELIVERY_SLOW, "quiet", _delivery("0+10000x450", "0+5x450"), {"26h": None, "74h": None}, step="10m"
    ),
    Case(
        _DELIVERY_SLOW,
        "resolves",
        _delivery("0+10000x300", "0+40x160 6400x140"),
        {"26h": "0.3984%", "40h": None},
        step="10m",
    ),
    Case(
        _DELIVERY_SLOW,
        "reset",
        _delivery("0+10000x59 0+10000x100", "0+40x59 0+40x100"),
        {"24h": "0.3984%"},
        step="10m",
    ),
    Case(
        _FRESHNESS_FAST,
        "fires",
        _freshness("0+1000x60", "0+800x60"),
        {"2m": None, "10m": "20%", "60m": "20%"},
    ),
    Case(_FRESHNESS_FAST, "fires_over_six_hours", _freshness("0+1000x60", "0+900x60"), {"60m": "10%"}),
    Case(
        _FRESHNESS_FAST,
        "fires_on_a_spike",
        _freshness("0+1000x450", "0+1000x380 380000x10 381000+1000x59"),
        {"380m": None, "391m": "18.33%", "400m": None},
    ),
    Case(_FRESHNESS_FAST, "quiet", _freshness("0+1000x400", "0+950x400"), {"60m": None, "400m": None}),
    Case(
        _FRESHNESS_FAST,
        "quiet_where_one_record_is_too_much",
        _freshness("0 0 1x350", "0x350"),
        {"30m": None, "350m": None},
    ),
    Case(
        _FRESHNESS_FAST,
        "resolves",
        _freshness("0+1000x120", "0+800x60 49000+1000x59"),
        {"60m": "20%", "95m": None},
    ),
    Case(
        _FRESHNESS_FAST,
        "reset",
        _freshness("0+1000x29 0+1000x60", "0+800x29 0+800x60"),
        {"35m": "20%", "60m": "20%"},
    ),
    Case(
        _FRESHNESS_SLOW,
        "fires",
        _freshness("0+10000x160", "0+9600x160"),
        {"30m": None, "2h": "4%", "26h": "4%"},
        step="10m",
    ),
    Case(
        _FRESHNESS_SLOW,
        "fires_over_three_days",
        _freshness("0+10000x450", "0+9800x450"),
        {"70h": "2%"},
        step="10m",
    ),
    Case(
        _FRESHNESS_SLOW,
        "quiet_where_one_record_is_too_much",
        _freshness("0 0 1x450", "0x450"),
        {"5h": None, "26h": None},
        step="10m",
    ),
    Case(
        _FRESHNESS_SLOW,
        "quiet",
        _freshness("0+10000x450", "0+9950x450"),
        {"26h": None, "74h": None},
        step="10m",
    ),
    Case(
        _FRESHNESS_SLOW,
        "resolves",
        _freshness("0+10000x300", "0+9600x160 1546000+10000x139"),
        {"26h": "4%", "40h": None},
        step="10m",
    ),
    Case(
        _FRESHNESS_SLOW,
        "reset",
        _freshness("0+10000x59 0+10000x100", "0+9600x59 0+9600x100"),
        {"24h": "4%"},
        step="10m",
    ),
)
