"""``python -m benchmarks.faults [NAME...]`` plays the table, or the rows named, and prints what it saw.

With ``--record`` a run of the whole table is written to ``docs/faults.json``; ``make docs`` makes the page of
it. Exit code 1 where a row came out otherwise than it says.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.faults.cases import CASES, WARM, Case
from benchmarks.faults.play import TIMEOUT_SECONDS, Outcome, Unexpected, play
from benchmarks.machine import describe
from consumer.lab.embedded import embedded_kafka
from tests.support.broker import Kafka, Kind

RECORD: Final = Path(__file__).parents[2] / "docs" / "faults.json"


def main() -> int:
    """Play, print, record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows to play; all without any")
    parser.add_argument("--record", action="store_true", help="write docs/faults.json")
    options = parser.parse_args()
    chosen = [case for case in CASES if not options.names or case.name in options.names]
    if options.record and options.names:
        parser.error("only a run of all rows is recorded")
    found = {case.name: outcome for case in chosen if (outcome := _played(case)) is not None}
    if options.record and len(found) == len(CASES):
        rows = [_row(case, found[case.name]) for case in CASES]
        document = {"machine": describe(), "timeout_seconds": TIMEOUT_SECONDS, "warm": WARM, "rows": rows}
        RECORD.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0 if len(found) == len(chosen) else 1


def _played(case: Case) -> Outcome | None:
    """Play a row on a Kafka of its own and tell; None where it failed."""
    with TemporaryDirectory() as folder, embedded_kafka() as kafka:
        try:
            outcome = play(case, Kafka(Kind.MOCK, kafka.bootstrap_servers, embedded=kafka), Path(folder))
        except (Unexpected, AssertionError) as error:
            print(f"FAILED  {case.name}: {error}", file=sys.stderr, flush=True)
            return None
    print(
        f"{case.name:20} {outcome.calls:4} calls, back after {outcome.back_seconds:.1f} s, "
        f"all after {outcome.done_seconds:.1f} s, {outcome.letters} dead letters",
        flush=True,
    )
    return outcome


def _row(case: Case, outcome: Outcome) -> dict[str, object]:
    return {
        "name": case.name,
        "group": case.group.value,
        "fault": case.fault,
        "does": case.does,
        "payments": case.records,
        "fault_seconds": case.seconds,
        **{
            key: round(value, 1) if isinstance(value, float) else value
            for key, value in asdict(outcome).items()
        },
    }


if __name__ == "__main__":
    sys.exit(main())
