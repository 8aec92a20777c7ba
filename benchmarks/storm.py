"""Three instances, random faults of the API, kills and stops, and books that must agree to the cent.

``python -m benchmarks.storm [--minutes 10] [--seed 1] [--rate 60]`` tells what happens while it happens, and
ends with a table if the ledger checker finds no broken promise, else with what it found and exit code 1. One
seed draws the same faults and the same blows, each in the same order.
"""

import argparse
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.bench import real_kafka
from benchmarks.machine import describe
from tests.support.ledger import is_final
from tests.support.stage import Stage
from tests.support.storm import INSTANCES, PARTITIONS, Storm

SETTLE_SECONDS: Final = 300.0


def main() -> None:
    """Blow, judge, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=int, default=60, help="events in a second")
    options = parser.parse_args()
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {what}", file=sys.stderr, flush=True)

    with (
        real_kafka() as kafka,
        TemporaryDirectory() as folder,
        closing(Stage(kafka, Path(folder), PARTITIONS)) as stage,
    ):
        stage.api.start()
        storm = Storm(stage, options.seed, say)
        storm.run(60 * options.minutes, options.rate, SETTLE_SECONDS)
        requests = stage.api.requests()
        letters = len(stage.letters())
    answered = sum(map(is_final, requests))
    print(f"{describe()}; {INSTANCES} instances, {PARTITIONS} partitions, seed {options.seed}\n")
    print("| minutes | events | requests | final answers | dead letters | faults | kills | stops | freezes |")
    print("|---|---|---|---|---|---|---|---|---|")
    happened = (storm.happened[what] for what in ("faults", "kill", "stop", "freeze"))
    print(
        f"| {options.minutes:g} | {len(stage.produced)} | {len(requests)} | {answered} | {letters} | "
        f"{' | '.join(map(str, happened))} |"
    )
    print(f"\nThe books agree; repeats allowed for the kills: {storm.repeats_allowed}.")


if __name__ == "__main__":
    main()
