"""The log: one line for each event, nothing personal in it, and nobody ever waits for its reader."""

import json
import logging
import os
import pty
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Literal, TypeAlias, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumer.core.operations.logbook import MAX_REPEATS, REPEAT_SECONDS, Event, Log
from consumer.edges.logs import CLOSE_SECONDS, MAX_BACKLOG, MAX_TEXT, Logs, printable

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Style: TypeAlias = Literal["auto", "json", "console"]

CANARY = "user-4711"


class Book:
    """A log into a file, with a clock that stands still until it is moved."""

    def __init__(self, path: Path, level: Level = "info", style: Style = "json") -> None:
        self.path = path
        self.elapsed = 0.0
        self._fd = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        india = timezone(timedelta(hours=5, minutes=30))
        self.log = Logs(
            level,
            style,
            fd=self._fd,
            now=lambda: datetime(2026, 3, 1, 17, 30, 0, 123456, tzinfo=india),
            monotonic=lambda: self.elapsed,
        )

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    @property
    def lines(self) -> list[dict[str, object]]:
        """What was logged, as JSON."""
        return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """Give a JSON log of level info."""
    book = Book(tmp_path / "log")
    yield book
    book.close()


def test_a_line_has_time_level_event_and_fields_in_this_order(book: Book) -> None:
    """Log shippers find UTC with milliseconds, the level, the event, then what it carries."""
    book.log(Event.RECORD_DEAD_LETTERED, topic="t", partition=3, offset=17, reason="refused", status=422)
    assert book.path.read_text("utf-8") == (
        '{"timestamp": "2026-03-01T12:00:00.123Z", "level": "warning", "event": "record_dead_lettered", '
        '"topic": "t", "partition": 3, "offset": 17, "reason": "refused", "status": 422}\n'
    )


def test_fields_that_are_not_on_the_list_are_left_out_and_counted(book: Book) -> None:
    """What the type checker did not stop does not reach the log either."""
    unchecked = cast("Log", book.log)
    unchecked(Event.RECORD_SKIPPED, topic="t", user_id=CANARY)  # type: ignore[call-arg]  # the point
    unchecked(Event.RECORD_DEAD_LETTERED, topic="t", user_id=CANARY, amount=5)  # type: ignore[call-arg]  # same
    assert CANARY not in book.path.read_text("utf-8")
    [line] = book.lines
    assert line["fields_dropped"] == 2
    assert "amount" not in line


@pytest.mark.parametrize("value", [CANARY.encode(), {"id": CANARY}, [CANARY], ValueError(CANARY), object()])
def test_values_that_are_no_text_or_number_are_masked(book: Book, value: object) -> None:
    """An object can't show what it holds."""
    book.log(Event.KAFKA_ERROR, error=cast("str", value))
    assert book.lines[0]["error"] == "***"


@pytest.mark.parametrize(
    ("value", "shown"), [(True, True), (1.5, 1.5), (float("nan"), "nan"), (float("-inf"), "-inf")]
)
def test_numbers_stay_numbers_where_json_has_them(book: Book, value: float, shown: object) -> None:
    """A line is valid JSON whatever was measured."""
    book.log(Event.HOLD_ENDED, seconds=value)
    assert book.lines[0]["seconds"] == shown


def test_fields_without_a_value_are_left_out(book: Book) -> None:
    """None says nothing."""
    book.log(Event.KAFKA_ERROR, error="x", cure=cast("str", None))
    assert "cure" not in book.lines[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 漢", "plain ü 漢"),
        ('a\n{"event": "forged"}', 'a\\n{"event": "forged"}'),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\u2028\x85\r\t\0\x7f", "\\u2028\\x85\\r\\t\\x00\\x7f"),
        ("\ud800", "\\ud800"),
        ("x" * (MAX_TEXT + 1), "x" * (MAX_TEXT - 1) + "…"),
        ("x" * MAX_TEXT, "x" * MAX_TEXT),
    ],
)
def test_control_characters_are_shown_not_obeyed(text: str, shown: str) -> None:
    """No text can end a line, colour a terminal or turn the writing direction."""
    assert printable(text) == shown


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(text=st.text())
@pytest.mark.parametrize("style", ["json", "console"])
def test_any_text_makes_one_printable_line(tmp_path: Path, style: Style, text: str) -> None:
    """Whatever is said, it is one line, in both styles."""
    book = Book(tmp_path / "log", style=style)
    book.log(Event.WAITING, error=text, target=text)
    written = book.path.read_bytes().decode("utf-8")
    book.close()
    assert written.endswith("\n")
    assert written[:-1].isprintable()


@pytest.mark.parametrize(
    ("level", "events"),
    [
        ("debug", ["record_skipped", "stopping", "waiting", "bug"]),
        ("info", ["stopping", "waiting", "bug"]),
        ("warning", ["waiting", "bug"]),
        ("error", ["bug"]),
    ],
)
def test_the_level_leaves_out_what_matters_less(tmp_path: Path, level: Level, events: list[str]) -> None:
    """Events below the level are not written."""
    book = Book(tmp_path / "log", level)
    for event in (Event.RECORD_SKIPPED, Event.STOPPING, Event.WAITING, Event.BUG):
        book.log(event)
    book.close()
    assert [line["event"] for line in book.lines] == events


def test_repeats_are_left_out_until_the_minute_is_over(book: Book) -> None:
    """A fault that hits every record costs a few lines a minute, each cause and topic for itself."""
    for offset in range(100):
        book.log(Event.RECORD_DEAD_LETTERED, topic="t", offset=offset, reason="refused")
    book.log(Event.RECORD_DEAD_LETTERED, topic="t", reason="undecodable")
    book.log(Event.RECORD_DEAD_LETTERED, topic="other", reason="refused")
    assert len(book.lines) == MAX_REPEATS + 2
    assert not [line for line in book.lines if "suppressed" in line]
    book.elapsed = REPEAT_SECONDS
    book.log(Event.RECORD_DEAD_LETTERED, topic="t", offset=100, reason="refused")
    assert book.lines[-1]["suppressed"] == 100 - MAX_REPEATS


def test_no_other_line_stands_for_an_erasure(book: Book) -> None:
    """What can't be undone is written each time: who asks which records erased a user finds all of them."""
    for offset in range(MAX_REPEATS + 5):
        book.log(Event.USER_ERASED, topic="erasures", partition=0, offset=offset, outcome="delivered")
    assert [line["offset"] for line in book.lines] == list(range(MAX_REPEATS + 5))


def test_debug_is_not_limited(tmp_path: Path) -> None:
    """Who asks for debug wants all of it."""
    book = Book(tmp_path / "log", "debug")
    for offset in range(100):
        book.log(Event.RECORD_SKIPPED, topic="t", offset=offset, reason="kind")
    book.close()
    assert len(book.lines) == 100


def on_terminal(style: Style) -> bytes:
    """Return what a terminal gets."""
    leader, terminal = pty.openpty()
    try:
        Logs(fd=terminal, style=style)(Event.HOLD_STARTED, cause="address")
        return os.read(leader, 10_000)
    finally:
        os.close(terminal)
        os.close(leader)


def test_auto_is_coloured_text_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """People get colours, unless they asked for none; json stays json."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert b"\x1b[" in on_terminal("auto")
    assert on_terminal("json").startswith(b'{"timestamp"')
    monkeypatch.setenv("NO_COLOR", "1")
    plain = on_terminal("auto")
    assert b"\x1b[" not in plain
    assert b"hold_started" in plain


@pytest.mark.parametrize(("style", "is_json"), [("auto", True), ("json", True), ("console", False)])
def test_auto_is_json_elsewhere(tmp_path: Path, style: Style, is_json: bool) -> None:
    """A file or a pipe gets JSON; console there has no colours."""
    book = Book(tmp_path / "log", style=style)
    book.log(Event.STOPPED)
    book.close()
    text = book.path.read_text("utf-8")
    assert text.startswith("{") == is_json
    assert "\x1b" not in text


def test_a_reader_that_does_not_read_stops_nobody() -> None:
    """Lines wait up to a bound, then are dropped and counted; once read, whole lines come, in order."""
    reader, writer = os.pipe()
    log = Logs("debug", "json", fd=writer)
    count = 2 * MAX_BACKLOG // 500
    for offset in range(count):
        log(Event.RECORD_SKIPPED, offset=offset, detail="x" * 500)
    assert log.dropped > 0
    with os.fdopen(reader, "rb") as source, ThreadPoolExecutor() as threads:
        text = threads.submit(source.read)
        log.close()
        log(Event.STOPPING)
        os.close(writer)
        *waited, stopping, told = [json.loads(line) for line in text.result(10).splitlines()]
    assert [line["offset"] for line in waited] == list(range(count - log.dropped))
    assert stopping["event"] == "stopping"
    assert (told["event"], told["count"]) == ("log_lines_dropped", log.dropped)


def test_a_reader_that_is_gone_stops_nobody() -> None:
    """A broken pipe and a closed descriptor lose lines and nothing else."""
    reader, writer = os.pipe()
    log = Logs(fd=writer)
    os.close(reader)
    log(Event.STOPPING)
    os.close(writer)
    log(Event.STOPPED)
    log.close()
    assert log.dropped >= 2


def test_close_does_not_wait_for_ever() -> None:
    """With nobody to read what waits, closing ends after its time."""
    reader, writer = os.pipe()
    log = Logs("debug", "json", fd=writer)
    for _ in range(200):
        log(Event.RECORD_SKIPPED, detail="x" * 900)
    before = time.monotonic()
    log.close()
    assert CLOSE_SECONDS * 0.9 <= time.monotonic() - before < CLOSE_SECONDS * 5
    os.close(writer)
    os.close(reader)


def test_warnings_of_libraries_come_in_one_line_without_objects(book: Book) -> None:
    """What asyncio shows of tasks in later lines, and the texts of errors, are left out."""
    with pytest.raises(ValueError, match=CANARY) as trap:
        int(CANARY)
    with book.log:
        logging.getLogger("asyncio").error("Task failed\nfuture: <%s>", CANARY, exc_info=trap.value)
        logging.getLogger("httpx").info("HTTP Request: POST %s", CANARY)
    [failed] = book.lines
    assert (failed["event"], failed["logger"], failed["message"]) == (
        "library_message",
        "asyncio",
        "Task failed",
    )
    assert failed["level"] == "error"
    assert str(failed["trace"]).startswith("ValueError < ")
    assert CANARY not in book.path.read_text("utf-8")


@pytest.mark.parametrize(
    ("level", "events"), [("info", ["warning"]), ("debug", ["debug", "info", "warning"])]
)
def test_librdkafka_is_heard_out_at_debug(tmp_path: Path, level: Level, events: list[str]) -> None:
    """Its warnings always, the rest with level debug."""
    book = Book(tmp_path / "log", level)
    with book.log as log:
        log.librdkafka.debug("CGRPOP")
        log.librdkafka.info("GROUP")
        log.librdkafka.warning("FAIL")
    book.close()
    assert [line["level"] for line in book.lines] == events
    assert {line["logger"] for line in book.lines} == {"librdkafka"}


def test_what_was_taken_is_given_back(book: Book) -> None:
    """After the log is closed, Python's logging is as it was."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers), book.log.librdkafka.level)
    with book.log:
        assert len(root.handlers) == len(before[1]) + 1
    assert (root.level, root.handlers, book.log.librdkafka.level) == before


def test_the_default_is_standard_output_in_utc(capfd: pytest.CaptureFixture[str]) -> None:
    """Without arguments the log goes to standard output, by the real clock."""
    Logs()(Event.STOPPED)
    line = json.loads(capfd.readouterr().out)
    at = datetime.fromisoformat(line["timestamp"])
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
