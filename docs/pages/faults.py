"""``docs/faults.md``, from what a run of ``benchmarks.faults`` has recorded."""

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from docs.pages.markdown import table

RECORD: Final = Path(__file__).parents[1] / "faults.json"

_HEAD: Final = """# Every answer and fault

<!-- Generated from docs/faults.json by `make docs`. -->

What the service makes of each answer of the API and of each way to have none, as seen: the real service as a
process, [the API simulator](simulator.md) as another, Kafka embedded. Ten payments are delivered; then the
fault begins and more payments come; after some seconds it ends. Then the books are compared: every payment is
in the API once, with its exact amount, in order, or in the dead-letter topic, and every offset is committed.

- *Calls* are those for the payments of the fault, every try. A call has {timeout:g} s here ([10 s by
  default](configuration.md)).
- *Back* is the time from the end of the fault to the first good answer, *all* that until the last payment is
  answered: the longest wait of a record that had failed often by then.
- *Lost* and *twice* are what the books say. A row with anything but 0 fails.

What is behind it: [the answers](../README.md#answers-of-the-api), [the holds](holds.md).

"""

_TAIL: Final = """
Measured on {machine}; a whole test run went on beside it.
To play it: `python -m benchmarks.faults`, or with the names of rows behind it (they are in
`benchmarks/faults/cases.py`). To record it anew: `python -m benchmarks.faults --record`, then `make docs`.
"""

_COLUMNS: Final = ("Fault", "What the service does", "Calls", "Back", "All", "Lost", "Twice", "Dead letters")


def page() -> str:
    """Return the page."""
    record = json.loads(RECORD.read_text("utf-8"))
    return (
        _HEAD.format(timeout=record["timeout_seconds"])
        + "\n".join(_tables(record["rows"]))
        + _TAIL.format(machine=record["machine"])
    )


def _tables(rows: list[dict[str, Any]]) -> Iterator[str]:
    for group, members in groupby(rows, key=lambda row: str(row["group"])):
        yield f"## {group}\n\n{table(_COLUMNS, map(_row, members))}"


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        row["fault"],
        row["does"],
        f"{row['calls']} for {row['payments']}",
        f"{row['back_seconds']:.1f} s",
        f"{row['done_seconds']:.1f} s",
        str(row["lost"]),
        str(row["twice"]),
        str(row["letters"]),
    )
