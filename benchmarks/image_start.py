"""Time from ``docker run`` until the service in the container is ready, against a running broker.

``python -m benchmarks.image_start [--runs 5]`` starts a hardened container anew for each run, in a new group.
Beside it stands what Docker itself takes to start a container of the image that does nothing.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.bench import real_kafka
from benchmarks.machine import describe
from tests.image.containers import ContainedService, run
from tests.support.broker import Kafka, NotHere
from tests.support.image import image
from tests.support.stage import Stage
from tests.support.waiting import eventually

READY_SECONDS: Final = 60.0
PARTITIONS: Final = 6


def once(kafka: Kafka, name: str) -> float:
    """Return the seconds of one start until ``/readyz`` says yes."""
    with TemporaryDirectory() as folder, closing(Stage(kafka, Path(folder), PARTITIONS)) as stage:
        stage.api.start()
        service = ContainedService(stage, name, over={"log": {"level": "info"}})
        started = time.monotonic()
        service.container.start()
        eventually(service.ready, READY_SECONDS, "it is ready", every=0.02)
        seconds = time.monotonic() - started
        service.stop()
    return seconds


def nothing(name: str) -> float:
    """Return the seconds that a container takes which ends at once."""
    started = time.monotonic()
    assert run(name, options=("--entrypoint", "true")).returncode == 0
    return time.monotonic() - started


def row(what: str, runs: int, measure: Callable[[], float]) -> str:
    """Measure ``runs`` times and return a line of the table."""
    seconds = [measure() for _ in range(runs)]
    return f"| {what} | {min(seconds):.2f} | {statistics.median(seconds):.2f} | {max(seconds):.2f} |"


def main() -> None:
    """Run, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    try:
        name = image()
    except NotHere as reason:
        raise SystemExit(f"needs Docker: {reason}") from None
    with real_kafka() as kafka:
        ready = row("ready", runs, lambda: once(kafka, name))
    print(f"{describe()}; in the image {run(name, 'version').stdout.strip()}; {runs} runs\n")
    print("| until | fastest, s | median, s | slowest, s |\n|---|---|---|---|")
    print(ready)
    print(row("a container that does nothing has ended", runs, lambda: nothing(name)))


if __name__ == "__main__":
    main()
