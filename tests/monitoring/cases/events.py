"""Cases for what the events are."""

from collections.abc import Iterator
from typing import Final

from tests.monitoring.promtool import Case, Series, series


def _settled(
    samples: str,
    outcome: str,
    reason: str = "none",
    action: str = "capture",
    *,
    topic: str = "t",
    instance: str = "a",
) -> Series:
    labels = {"action": action, "outcome": outcome, "reason": reason, "topic": topic, "instance": instance}
    return series("records_settled_total", samples, **labels)


_REFUSED: Final = ("dead_lettered", "refused")


def _letters(delivered: str, reason: str, letters: str) -> list[Series]:
    return [_settled(delivered, "delivered"), _settled(letters, "dead_lettered", reason)]


def _bursts(alert: str, reason: str) -> Iterator[Case]:
    """Yield what both alerts on bursts have to do, with letters of ``reason``."""
    busy = _settled("0+970x120", "delivered", topic="large")
    for each_hour, samples, first in (
        (10, " ".join(str(minute // 6) for minute in range(181)), "50m"),
        (60, "0+1x180", "30m"),
        (1000, "0+17x180", "12m"),
    ):
        # All of one topic is lost, whatever else goes well, and however little comes in.
        lost = [busy, _settled("0x180", "delivered"), _settled(samples, "dead_lettered", reason)]
        yield Case(alert, f"fires_at_{each_hour}_an_hour", lost, {first: "100%", "100m": "100%"}, topic="t")
    yield Case(
        alert,
        "fires_among_skipped_records",
        [*_letters("0+6x60", reason, "0+4x60"), _settled("0+990x60", "skipped", "status", "none")],
        {"20m": "40%"},
        topic="t",
    )
    # All that a pod has done when it is scraped for the first time, and then nothing more comes.
    before = [
        _settled("0+9x60", "delivered"),
        _settled("_x10 30x50", "delivered", instance="b"),
        _settled("_x10 70x50", "dead_lettered", reason, instance="b"),
    ]
    yield Case(
        alert,
        "fires_on_the_first_scrape",
        before,
        {"14m": None, "15m": "36.84%", "18m": "36.84%", "40m": None},
        topic="t",
    )
    yield Case(
        alert, "quiet_with_a_few_of_few", _letters("0x60", reason, "0x9 1x9 2x9 3x9 4x60"), {"60m": None}
    )
    yield Case(
        alert, "quiet_with_half_of_few", _letters("0+1x120", reason, _EACH_OTHER_MINUTE), {"60m": None}
    )
    # The hour before was bad, and half an hour has been good.
    yield Case(
        alert, "resolves_within_the_hour", _letters("0x30 0+1x60", reason, "0+20x30 600x60"), {"66m": None}
    )


#: A record every two minutes.
_EACH_OTHER_MINUTE: Final = " ".join(str(minute // 2) for minute in range(121))


def _removals(found: str, nothing: str) -> list[Series]:
    return [
        _settled(found, "delivered", action="remove"),
        _settled(nothing, "nothing_to_remove", action="remove"),
        _settled("0+1000x400", "delivered"),
        _settled("0+1000x400", "dead_lettered", "refused", action="remove"),
    ]


def _erasures(samples: str, outcome: str = "delivered") -> list[Series]:
    return [series("erasures_total", samples, outcome=outcome, instance="a")]


def _broken(payments: str, rule: str) -> list[Series]:
    return [
        _settled(payments, "delivered"),
        _settled(payments, "skipped", "status", action="none"),
        series("event_data_invalid_total", rule, rule="R1"),
        series("event_data_invalid_total", "0+1x120", rule="R2"),
        # Prices that do not add up to the amount: a discount.
        series("event_data_invalid_total", payments, rule="R4"),
    ]


CASES: Final = (
    *_bursts("DeadLetterBurst", "refused"),
    *_bursts("DecodeFailuresBurst", "undecodable"),
    Case(
        "DeadLettersFlowing",
        "fires_on_the_first_scrape",
        [*_letters("0+100x60", "refused", "0x60"), _settled("_x10 3x60", *_REFUSED, instance="b")],
        {"9m": None, "10m": "3", "24m": "3", "45m": None},
    ),
    Case(
        "DeadLettersFlowing",
        "quiet_after_a_gap_in_the_scrapes",
        _letters("0+100x120", "refused", "3x30 _x30 3x60"),
        {"50m": None, "62m": None, "80m": None},
    ),
    Case(
        "UnknownEventKinds",
        "fires_on_the_first_scrape",
        [_settled("_x10 3x90", "skipped", "kind")],
        {"9m": None, "10m": "3", "60m": "3", "80m": None},
    ),
    Case(
        "DeadLettersFlowing",
        "fires",
        _letters("0+100x60", "invalid_event", "0x9 1x50"),
        {"9m": None, "10m": "1", "20m": "1"},
    ),
    Case("DeadLettersFlowing", "quiet", _letters("0+100x60", "partial_refund", "0+5x60"), {"30m": None}),
    Case(
        "DeadLettersFlowing",
        "quiet_where_refunds_find_nothing",
        _letters("0+100x60", "nothing_to_remove", "0+5x60"),
        {"30m": None},
    ),
    Case(
        "DeadLettersFlowing",
        "resolves",
        _letters("0+100x60", "refused", "0x9 1x50"),
        {"30m": "1", "45m": None},
    ),
    Case(
        "DeadLettersFlowing",
        "reset",
        _letters("0+100x60", "refused", "4x9 5x4 0x50"),
        {"17m": "1", "20m": "1", "45m": None},
    ),
    Case(
        "DeadLetterBurst",
        "fires",
        _letters("0+90x60", "invalid_event", "0+10x60"),
        {"5m": None, "20m": "10%"},
        topic="t",
    ),
    Case("DeadLetterBurst", "quiet", _letters("0+96x60", "refused", "0+4x60"), {"20m": None}),
    Case(
        "DeadLetterBurst",
        "quiet_with_few_records",
        [*_letters("0+1x60", "refused", "0+1x60"), _settled("0+5x60", "dead_lettered", "undecodable")],
        {"20m": None},
    ),
    Case(
        "DeadLetterBurst",
        "quiet_where_another_alert_is_right",
        _letters("0+90x60", "undecodable", "0+10x60"),
        {"20m": None},
    ),
    Case(
        "DeadLetterBurst",
        "quiet_where_it_is_wanted",
        _letters("0+90x60", "partial_refund", "0+10x60"),
        {"20m": None},
    ),
    Case(
        "DeadLetterBurst",
        "resolves",
        _letters("0+90x60", "currency_not_accepted", "0+10x20 200x40"),
        {"20m": "10%", "29m": "5.263%", "40m": None},
        topic="t",
    ),
    Case(
        "DeadLetterBurst",
        "reset",
        _letters("0+90x14 0+90x40", "invalid_event", "0+10x14 0+10x40"),
        {"14m": "10%", "20m": "10%"},
        topic="t",
    ),
    Case(
        "DecodeFailuresBurst",
        "fires",
        _letters("0+90x60", "undecodable", "0+10x60"),
        {"5m": None, "20m": "10%"},
        topic="t",
    ),
    Case(
        "DecodeFailuresBurst",
        "quiet_with_few_records",
        [*_letters("0+1x60", "undecodable", "0+1x60"), _settled("0+5x60", "dead_lettered", "refused")],
        {"20m": None},
    ),
    Case("DecodeFailuresBurst", "quiet", _letters("0+96x60", "unknown_schema", "0+4x60"), {"20m": None}),
    Case(
        "DecodeFailuresBurst",
        "quiet_where_another_alert_is_right",
        _letters("0+90x60", "invalid_event", "0+10x60"),
        {"20m": None},
    ),
    Case(
        "DecodeFailuresBurst",
        "resolves",
        _letters("0+90x60", "unknown_schema", "0+10x20 200x40"),
        {"20m": "10%", "29m": "5.263%", "40m": None},
        topic="t",
    ),
    Case(
        "DecodeFailuresBurst",
        "reset",
        _letters("0+90x14 0+90x40", "undecodable", "0+10x14 0+10x40"),
        {"14m": "10%", "20m": "10%"},
        topic="t",
    ),
    Case("UnknownEventKinds", "fires", [_settled("0x9 3x90", "skipped", "kind")], {"9m": None, "30m": "3"}),
    Case("UnknownEventKinds", "quiet", [_settled("0+9x90", "skipped", "status")], {"30m": None}),
    Case(
        "UnknownEventKinds", "resolves", [_settled("0x9 3x90", "skipped", "kind")], {"60m": "3", "75m": None}
    ),
    Case(
        "UnknownEventKinds",
        "reset",
        [_settled("7x79 0x90", "skipped", "kind")],
        {"79m": None, "80m": None, "145m": None},
    ),
    Case("RemovalsFindNothing", "fires", _removals("0+1x400", "0+2x400"), {"30m": None, "60m": "66.67%"}),
    Case("RemovalsFindNothing", "quiet", _removals("0+2x400", "0+1x400"), {"60m": None, "400m": None}),
    Case(
        "RemovalsFindNothing",
        "fires_on_dead_letters",
        [
            *_removals("0+1x400", "0x400"),
            _settled("0+2x400", "dead_lettered", "nothing_to_remove", action="remove"),
        ],
        {"30m": None, "60m": "66.67%"},
    ),
    Case(
        "RemovalsFindNothing", "quiet_with_few", _removals("0x400", "0 0 5x400"), {"60m": None, "400m": None}
    ),
    Case(
        "RemovalsFindNothing",
        "resolves",
        _removals("0+1x60 60+9x340", "0+2x60 120x340"),
        {"60m": "66.67%", "120m": None},
    ),
    Case(
        "RemovalsFindNothing",
        "reset",
        _removals("0+1x29 0+1x60", "0+2x29 0+2x60"),
        {"80m": "66.67%"},
    ),
    Case(
        "RemovalsFindNothing",
        "quiet_where_erasures_find_nothing",
        [*_removals("0+2x400", "0x400"), _settled("0+9x400", "nothing_to_remove", action="none")],
        {"60m": None, "400m": None},
    ),
    Case("UserErasureBurst", "fires", _erasures("0x9 0+2x200"), {"30m": None, "40m": "60", "150m": "120"}),
    Case(
        "UserErasureBurst",
        "quiet",
        [*_erasures("0x29 20x29 40x100"), *_erasures("0+9x200", "nothing_to_remove")],
        {"60m": None, "120m": None},
    ),
    Case("UserErasureBurst", "resolves", _erasures("0x9 0+9x9 81x200"), {"20m": "81", "100m": None}),
    Case("UserErasureBurst", "reset", _erasures("0+3x29 0+3x30"), {"29m": "87", "50m": "147"}),
    Case("EventDataInvalid", "fires", _broken("0+100x120", "0+6x120"), {"20m": None, "60m": "6%"}),
    Case("EventDataInvalid", "quiet", _broken("0+100x120", "0+4x120"), {"60m": None, "120m": None}),
    Case(
        "EventDataInvalid",
        "resolves",
        _broken("0+100x120", "0+6x60 360x60"),
        {"60m": "6%", "90m": None},
    ),
    Case(
        "EventDataInvalid", "reset", _broken("0+100x29 0+100x90", "0+6x29 0+6x90"), {"60m": "6%", "90m": "6%"}
    ),
)
