"""Time from the start of the process to the first call at the API, against a running broker.

``python -m benchmarks.first_call [--runs 5]`` starts the service anew for each run, in a new group and
with records waiting. The brokers that ``tests/support`` starts make a new group without delay; another
one may add its ``group.initial.rebalance.delay.ms``.
"""

import argparse
import statistics
import time
from typing import cast

from benchmarks.bench import bench
from benchmarks.machine import describe
from tests.support.waiting import eventually


def once() -> float:
    """Return the seconds of one run."""
    with bench() as made:
        made.produce(100)
        started = time.monotonic()
        with made.service():
            arrived = eventually(made.first_arrival, 60, "the first call arrives", every=0.5)
    return cast("float", arrived) - started


def main() -> None:
    """Run, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    runs = [once() for _ in range(parser.parse_args().runs)]
    print(f"{describe()}; {len(runs)} runs\n")
    print("| fastest, s | median, s | slowest, s |\n|---|---|---|")
    print(f"| {min(runs):.2f} | {statistics.median(runs):.2f} | {max(runs):.2f} |")


if __name__ == "__main__":
    main()
