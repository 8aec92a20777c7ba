"""The status page: complete, self-contained, and nothing in it is taken for HTML."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from consumer.core.api.pacing import Pace
from consumer.core.api.verdicts import HoldCause
from consumer.core.operations.cures import STOPS_ALL
from consumer.core.operations.status import (
    Health,
    HoldStatus,
    LastError,
    LeaseStatus,
    OldestStatus,
    PaceStatus,
    PartitionStatus,
    RatesHealth,
    RegistryHealth,
    SourceStatus,
    Status,
    StopStatus,
    WaitStatus,
)
from consumer.edges.probes.page import duration, page

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EVIL = "<script>alert('&\"1')</script>"


def status(**changes: object) -> Status:
    """Return a status in trouble, with markup wherever a text can be."""
    fields: dict[str, object] = {
        "version": "1.2.3" + EVIL,
        "group": EVIL,
        "started_at": NOON - timedelta(hours=5, minutes=12, seconds=3),
        "at": NOON,
        "health": Health(started=True, live=True, ready=False, reasons=("key refused " + EVIL,)),
        "in_flight": 3,
        "max_in_flight": 32,
        "queued": 4120,
        "parked": 1,
        "removes_in_grace": 2,
        "rate_limit_per_second": 12.5,
        "freshness_seconds": 73.0,
        "pace": PaceStatus(Pace(25.0, 0.5, 0.2, 0.0), 0.25, 3, 12),
        "sources": (
            SourceStatus((EVIL, "^b"), EVIL, (EVIL,)),
            SourceStatus(("^none",), "canonical", ()),
        ),
        "partitions": (
            PartitionStatus(
                EVIL, 0, 18_211, 18_200, 11, 5, 4, 93_600.0, EVIL, OldestStatus(18_200, 1000.0, "503", 4, 2.5)
            ),
            PartitionStatus("u", 0, 9, 3, 6, 6, 5, oldest=OldestStatus(3, None, EVIL, 0, None)),
            PartitionStatus("t", 1, None, None, None, 0, 0),
        ),
        "holds": (HoldStatus(HoldCause.CREDENTIALS, NOON - timedelta(minutes=3), EVIL, EVIL),),
        "stopped_topics": (
            StopStatus(EVIL, NOON - timedelta(minutes=4), 50, {EVIL: 9, "mapping": 2}, 3, 5, EVIL),
        ),
        "registry": RegistryHealth(reachable=False, trouble=EVIL, known=7),
        "rates": RatesHealth(newest=NOON.date(), currencies=31, trouble=EVIL),
        "awaiting_turn": 2,
        "waits": (WaitStatus("503", 7, 2.5, "the API answered 503"), WaitStatus(EVIL, 1, 0.0, EVIL)),
        "lease": LeaseStatus(9.0, 3.0, 6.0),
        "errors": (LastError(EVIL, EVIL, NOON - timedelta(seconds=5), EVIL, 1234),),
        "config": {"kafka.group_id" + EVIL: EVIL},
    }
    return Status(**{**fields, **changes})  # type: ignore[arg-type]  # a builder for tests


class Checker(HTMLParser):
    """Collects tags and texts, and sees that each tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in {"src", "href"}]
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """See that the innermost tag is closed."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data)


def test_markup_in_values_is_shown_not_obeyed() -> None:
    """No value becomes a tag, wherever it stands."""
    checked = Checker(page(status()))
    assert "script" not in checked.tags
    assert sum(text.count(EVIL) for text in checked.texts) == 24


def test_the_page_needs_nothing_else() -> None:
    """No scripts, no links, nothing to load."""
    text = page(status(group="g"))
    assert not re.search(r"https?:|@import|url\(", text)
    Checker(text)


def test_the_page_says_what_is_wrong_and_what_to_do() -> None:
    """Health with reasons, holds with age and cure, partitions with what is unknown, errors with a count."""
    cure = "Put a valid key into the file."
    holds = (HoldStatus(HoldCause.CREDENTIALS, NOON - timedelta(minutes=3), "all sends", cure),)
    texts = " ".join(Checker(page(status(holds=holds))).texts)
    for shown in (
        "Nothing is sent: Linkrunner refuses the server key.",
        "not ready",
        "key refused",
        "up 5 h 12 min",
        "Linkrunner refuses the server key  (hold credentials) since 3 min ago; stops all sends What to do: "
        + cure,
    ):
        assert shown in texts
    for shown in (
        "3 of 32",
        "4,120",
        "12.5 / s",
        "1 min 13 s",
        "18,211 18,200 11 5 4 1 d 2 h",
        "1,234",
        "5.0 s ago",
        "503: the API answered 503 7 in 2.5 s",
        "Wait for their turn 2",
        "offset 18,200, 16 min 40 s old, 4 tries, waits for 503 (the API answered 503), next try in 2.5 s",
        "3.0 s ago 9.0 s 6.0 s",
    ):
        assert shown in texts
    assert "^none canonical no topic" in texts
    assert "t[1] unknown unknown unknown 0 0 unknown no none" in texts
    assert "Silence 2.5 25.0%: 3 of 12 partitions 50% 20% none asked for" in texts
    assert "Answers Schemas kept Last trouble no 7" in texts


def test_the_page_says_how_long_the_api_asked_for_silence() -> None:
    """No call leaves meanwhile; and whether instances share the rate is said too."""
    silent = PaceStatus(Pace(25.0, 0.5, 0.2, 12.0))
    texts = " ".join(Checker(page(status(pace=silent))).texts)
    assert "Silence 0 all of it: instances share nothing 50% 20% 12.0 s more" in texts


def test_a_stopped_topic_says_what_it_saw_and_how_to_go_on() -> None:
    """Since when, how many of how many and why, how far the probes are, and the way out by hand."""
    stop = StopStatus(
        "orders", NOON - timedelta(minutes=4), 200, {"mapping": 41, "refused": 2}, 3, 5, "set a time"
    )
    texts = " ".join(Checker(page(status(stopped_topics=(stop,)))).texts)
    assert "Stopped topics" in texts
    assert ("orders 4 min ago 43 of the last 200: mapping 41, refused 2 3 of 5 in a row set a time") in texts
    assert "Stopped topics" not in page(status(stopped_topics=()))


def test_a_quiet_service_has_a_page_too() -> None:
    """Empty tables are said to be empty."""
    empty: dict[str, object] = {"partitions": (), "holds": (), "errors": (), "config": {}, "waits": ()}
    nothing = {**empty, "registry": None, "rates": None, "lease": None}
    quiet = status(health=Health(True, True, True), **nothing)
    texts = " ".join(Checker(page(quiet)).texts)
    for shown in (
        "This instance holds no partition",
        "No record waits to be tried again.",
        "Nothing has to be proven.",
        "No partition is assigned.",
        "No errors.",
        "None is configured.",
        "Nothing is converted.",
        "ready",
    ):
        assert shown in texts
    assert "not ready" not in texts


def test_every_hold_has_a_card() -> None:
    """What is the matter, in words, for each cause there is; what stops all calls looks like it."""
    for cause in HoldCause:
        holds = (HoldStatus(cause, NOON, "these", "do that"),)
        text = page(status(holds=holds))
        assert f"(hold {cause.value})" in text
        assert ('<div class="hold bad">' in text) == (cause in STOPS_ALL)


@pytest.mark.parametrize(
    ("lease", "shown"),
    [
        (LeaseStatus(9.0, None, 0.0), "never 9.0 s over: nothing is sent"),
        (LeaseStatus(9.0, 61.0, 0.0), "1 min 1 s ago 9.0 s over: nothing is sent"),
        (LeaseStatus(9.0, 0.2, 8.8), "200 ms ago 9.0 s 8.8 s"),
    ],
)
def test_the_lease_says_what_is_left_of_it(lease: LeaseStatus, shown: str) -> None:
    """And what follows where nothing is."""
    assert shown in " ".join(Checker(page(status(lease=lease))).texts)


def test_states_have_colours_and_words() -> None:
    """Whoever does not see the colour reads the word."""
    good = page(status(freshness_seconds=1.0, holds=(), health=Health(True, True, True), waits=()))
    assert '<dd class="good">1.0 s</dd>' in good
    assert '<dd class="waits">1 min 1 s</dd>' in page(status(freshness_seconds=61.0))
    assert '<dd class="bad">10 min 1 s</dd>' in page(status(freshness_seconds=601.0))
    assert '<td data-name="Paused" class="waits">full: enough is in memory</td>' in page(
        status(partitions=(PartitionStatus("t", 1, 2, 1, 1, 1, 0, paused="full"),))
    )


def test_a_narrow_screen_still_has_the_names_of_columns() -> None:
    """There a row is a card, and each of its values is named."""
    text = page(status())
    assert "@media (max-width" in text
    assert text.count("<td") == text.count("<td data-name=")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 ms"),
        (0.25, "250 ms"),
        (59.94, "59.9 s"),
        (60, "1 min"),
        (73.9, "1 min 13 s"),
        (3600, "1 h"),
        (3605, "1 h 5 s"),
        (90061, "1 d 1 h"),
    ],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    """Two units are enough."""
    assert duration(seconds) == text
