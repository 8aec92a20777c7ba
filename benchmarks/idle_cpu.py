"""Share of a core that the service uses while nothing arrives.

``python -m benchmarks.idle_cpu [--seconds 30]`` lets the service settle a few records, so that everything
is warm, waits five seconds and then measures.
"""

import argparse
import time

from benchmarks.bench import bench
from benchmarks.machine import describe
from tests.support.waiting import eventually


def main() -> None:
    """Warm up, wait, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30.0)
    seconds = parser.parse_args().seconds
    with bench() as made:
        records = made.produce(100)
        with made.service() as service:
            eventually(lambda: made.settled() >= records, 120, "all is settled", every=0.5)
            time.sleep(5)
            used, began = service.cpu_seconds(), time.monotonic()
            time.sleep(seconds)
            share = (service.cpu_seconds() - used) / (time.monotonic() - began)
            rss_mib = service.peak_rss_mib()
    print(f"{describe()}; real Kafka, {seconds:g} s without records\n")
    print("| share of a core | peak RSS, MiB |\n|---|---|")
    print(f"| {share:.2%} | {rss_mib:.0f} |")


if __name__ == "__main__":
    main()
