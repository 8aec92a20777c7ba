"""What the demo says while it runs: a bar on a terminal, a line each second in a pipe, a table at the end."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from consumer.lab.reconciliation import Report, Row

_LINE_SECONDS: Final = 1.0
_DIFFERENCES_SHOWN: Final = 20


class Display:
    """Writes to ``console``; ``clock`` gives seconds and paces the lines of a pipe."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console: Final = console
        self._clock: Final = clock

    def say(self, text: str) -> None:
        """Write a line as it is."""
        self._console.print(escape(text), highlight=False, soft_wrap=True)

    @contextmanager
    def progress(self, total: int) -> Iterator[Callable[[int], None]]:
        """Yield what is to be told how many of ``total`` records are settled."""
        if self._console.is_terminal:
            columns = (TextColumn("settled"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            with Progress(*columns, console=self._console) as bar:
                task = bar.add_task("settled", total=total)
                yield lambda done: bar.update(task, completed=done)
        else:
            yield self._lines(total)

    def _lines(self, total: int) -> Callable[[int], None]:
        last, before = self._clock(), 0

        def told(done: int) -> None:
            nonlocal last, before
            finished = done == total != before
            if finished or self._clock() - last >= _LINE_SECONDS:
                last, before = self._clock(), done
                self.say(f"settled {done} of {total}")

        return told

    def faults(self, met: Mapping[str, int]) -> None:
        """Write what went wrong with the API on purpose, and how often."""
        if met:
            self.say(
                "The API failed on purpose: " + ", ".join(f"{name} x{met[name]}" for name in sorted(met))
            )

    def report(self, report: Report) -> None:
        """Write the table of a reconciliation."""
        self.say("Reconciliation: what the events say, and what there is")
        # Narrow enough for 80 columns, and nothing is ever cut off: a sum without its end proves nothing.
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
        table.add_column("outcome", overflow="fold")
        table.add_column("currency or reason", overflow="fold")
        for heading in ("expected", "found", "expected sum", "found sum"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("")
        for row in report.rows:
            table.add_row(*_cells(row), style=None if row.agrees else "bold red")
        self._console.print(table)

    def problems(self, problems: tuple[str, ...]) -> None:
        """Write what is wrong, the first twenty of it."""
        for problem in problems[:_DIFFERENCES_SHOWN]:
            self.say(f"  - {problem}")
        if len(problems) > _DIFFERENCES_SHOWN:
            self.say(f"  and {len(problems) - _DIFFERENCES_SHOWN} more")


def _cells(row: Row) -> tuple[str, ...]:
    """Return a row of the table as text."""
    numbers = (str(row.expected), str(row.found), _sum(row.expected_sum), _sum(row.found_sum))
    return row.outcome, row.detail, *numbers, "ok" if row.agrees else "NO"


def _sum(amount: Decimal | None) -> str:
    """Return an exact sum, in full digits; nothing where it is not about money."""
    return "" if amount is None else f"{amount:f}"
