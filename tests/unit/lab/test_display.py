"""What the demo writes: plain lines in a pipe, a table that cuts nothing off, problems in numbers."""

import io
from decimal import Decimal

from rich.console import Console

from consumer.lab.display import Display
from consumer.lab.reconciliation import Report, Row


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


def pipe(clock: Clock | None = None) -> tuple[Display, io.StringIO]:
    """Return a display on a pipe of 80 columns, and what it writes."""
    text = io.StringIO()
    return Display(Console(file=text, width=80), clock or Clock()), text


def test_progress_in_a_pipe_is_a_line_each_second_and_the_last() -> None:
    """News within a second are kept back, the end is always told."""
    clock = Clock()
    display, text = pipe(clock)
    with display.progress(100) as told:
        for now, done in ((0.2, 10), (1.1, 40), (1.5, 60), (1.6, 100), (1.7, 100)):
            clock.now = now
            told(done)
    assert text.getvalue().splitlines() == ["settled 40 of 100", "settled 100 of 100"]


def test_progress_on_a_terminal_is_a_bar() -> None:
    """A terminal gets one bar that ends at the total."""
    text = io.StringIO()
    display = Display(Console(file=text, force_terminal=True, width=80))
    with display.progress(100) as told:
        told(100)
    assert "100/100" in text.getvalue()


def test_the_table_shows_every_digit_and_marks_what_differs() -> None:
    """Sums are written out in full, whatever the width, and a row that differs says NO."""
    display, text = pipe()
    good = Row("captured", "INR", 2, 2, Decimal("12345678901.1250"), Decimal("12345678901.1250"))
    bad = Row("skipped", "status", 3, 2)
    display.report(Report((good, bad), ("skipped status: expected 3, found 2",)))
    lines = text.getvalue().splitlines()
    assert text.getvalue().count("12345678901.1250") == 2
    assert "…" not in text.getvalue()
    assert [line.split()[-1] for line in lines if line.startswith(("captured", "skipped"))] == ["ok", "NO"]
    assert max(map(len, lines)) <= 80


def test_only_so_many_problems_are_shown_and_the_rest_is_counted() -> None:
    """Twenty problems are told in full, the others in a number."""
    display, text = pipe()
    display.problems(tuple(f"problem {number}" for number in range(25)))
    lines = text.getvalue().splitlines()
    assert (len(lines), lines[-1].strip()) == (21, "and 5 more")


def test_text_is_written_as_it_is() -> None:
    """Brackets are no markup, and long lines stay one line."""
    display, text = pipe()
    display.say("[bold]x[/bold] " + "y" * 200)
    assert text.getvalue() == "[bold]x[/bold] " + "y" * 200 + "\n"


def test_faults_are_listed_with_their_counts() -> None:
    """What went wrong on purpose is told in order, and nothing where nothing did."""
    display, text = pipe()
    display.faults({})
    assert text.getvalue() == ""
    display.faults({"reset": 2, "503": 1})
    assert "503 x1, reset x2" in text.getvalue()
