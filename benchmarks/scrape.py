"""Time, size and number of series of one scrape of ``/metrics``, by the number of partitions held.

``python -m benchmarks.scrape [--scrapes 100]`` starts a service for each number of partitions, lets it settle
records of all of them, and scrapes it as Prometheus does, in its format and over a kept connection. The time
is from the request to the last byte, CPU the processor time of the service for one scrape.
"""

import argparse
import statistics
import time
from typing import Final

import httpx

from benchmarks.bench import bench
from benchmarks.machine import describe
from tests.support.waiting import eventually

COUNTS: Final = (1, 12, 100)
RECORDS_EACH: Final = 20
#: What Prometheus asks for.
ACCEPT: Final = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


def measured(partitions: int, scrapes: int) -> str:
    """Return a row of the table for a service that holds ``partitions``."""
    with bench(partitions) as made:
        records = made.produce(RECORDS_EACH * partitions)
        with (
            made.service() as service,
            httpx.Client(headers={"Accept": ACCEPT}, trust_env=False, timeout=30) as client,
        ):
            eventually(lambda: made.settled() >= records, 300, "all is settled", every=0.5)
            url = f"http://127.0.0.1:{made.port}/metrics"
            known = "retention_headroom_seconds{"
            eventually(lambda: client.get(url).text.count(known) == partitions, 90, "all is known", every=0.5)
            times, text, used = [], "", service.cpu_seconds()
            for _ in range(scrapes):
                began = time.perf_counter()
                text = client.get(url).text
                times.append(1000 * (time.perf_counter() - began))
            cpu = 1000 * (service.cpu_seconds() - used) / scrapes
    series = sum(1 for line in text.splitlines() if not line.startswith("#"))
    slow = sorted(times)[int(0.99 * (len(times) - 1))]
    figures = f"{statistics.median(times):.1f} | {slow:.1f} | {cpu:.1f}"
    return f"| {partitions} | {series} | {len(text) / 1000:.0f} | {figures} |"


def main() -> None:
    """Measure each and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scrapes", type=int, default=100)
    scrapes = parser.parse_args().scrapes
    print(f"{describe()}; real Kafka, {scrapes} scrapes each\n")
    print("| partitions | series | size, kB | median, ms | p99, ms | CPU, ms |\n|---|---|---|---|---|---|")
    for partitions in COUNTS:
        print(measured(partitions, scrapes), flush=True)


if __name__ == "__main__":
    main()
