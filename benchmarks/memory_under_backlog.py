"""Peak memory of the service while it drains a backlog, and how fast it does that.

``python -m benchmarks.memory_under_backlog [--events 200000]`` writes the events first and then starts
the service: memory must not grow with lag. Prints the peak of the resident set once after a tenth of the
records and once at the end, and the rate in between start and end.
"""

import argparse
import time
from typing import Final

from benchmarks.bench import bench
from benchmarks.machine import describe
from tests.support.waiting import eventually

DRAIN_SECONDS: Final = 1800.0


def main() -> None:
    """Produce, drain, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=200_000)
    events = parser.parse_args().events
    with bench() as made:
        records = made.produce(events)
        started = time.monotonic()
        with made.service() as service:
            eventually(lambda: made.settled() >= records / 10, DRAIN_SECONDS, "a tenth is settled", every=0.5)
            early_mib = service.peak_rss_mib()
            eventually(lambda: made.settled() >= records, DRAIN_SECONDS, "all is settled", every=0.5)
            seconds = time.monotonic() - started
            peak_mib = service.peak_rss_mib()
            cpu_seconds = service.cpu_seconds()
    print(f"{describe()}; real Kafka and simulator on the same machine\n")
    print("| records | after a tenth, MiB | peak RSS, MiB | records/s | CPU of the service, ms/record |")
    print("|---|---|---|---|---|")
    print(
        f"| {records} | {early_mib:.0f} | {peak_mib:.0f} | {records / seconds:.0f}"
        f" | {1000 * cpu_seconds / records:.2f} |"
    )


if __name__ == "__main__":
    main()
