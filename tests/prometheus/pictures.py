"""``python -m tests.prometheus.pictures``: the pictures of the dashboard in ``docs/pictures``, drawn anew.

Two releases of three pods run on a real Kafka for a few minutes, as a real Prometheus sees them. One has a
normal day with a rolling restart; the key of the other is revoked. A folder as an argument gets the pictures
instead.
"""

import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consumer.lab.expectation import DeadLetter, fate_of
from consumer.lab.samples import Sample, samples
from monitoring import dashboard
from monitoring.alerts import inhibit_rules
from monitoring.picture.data import Reader
from monitoring.picture.expressions import Span
from monitoring.picture.sheet import draw, step_of
from monitoring.prometheus import Prometheus
from tests.prometheus import faults
from tests.prometheus.bed import Bed, make_bed
from tests.prometheus.proof import rules_of
from tests.prometheus.release import Release, Setting
from tests.support.kafka import shared_kafka
from tests.support.model import ANY_CURRENCY
from tests.support.waiting import eventually

PICTURES: Final = Path(__file__).parents[2] / "docs" / "pictures"

#: An API that takes tens to hundreds of milliseconds, as real ones do.
_API: Final = "delay=40ms share=60%; delay=90ms share=70%; delay=230ms"
#: Records per second: on average, and how much more or less in the course of the run.
_RATE, _WAVE, _WAVE_SECONDS = 18.0, 8.0, 180.0
#: Between a new pod and the end of an old one, as ``minReadySeconds`` does.
_ROLL_SECONDS: Final = 10.0
#: How long the key is refused.
_REFUSED_SECONDS: Final = 90.0
#: What rates are averaged over is four times this, in seconds.
_SMOOTHING: Final = 4.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture: its name, what is seen, of which time (seconds since the epoch), and how many ``rows``."""

    name: str
    caption: str
    namespace: str
    start: float
    end: float
    rows: int | None = None


def main(arguments: Sequence[str]) -> int:
    """Return the exit code."""
    folder = Path(arguments[0]) if arguments else PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="pictures-") as scratch,
        shared_kafka() as kafka,
        make_bed(kafka, Path(scratch), rules_of(["shop", "store"]), inhibit_rules()) as bed,
        ThreadPoolExecutor() as pool,
    ):
        stories = [pool.submit(_normal_day, bed), pool.submit(_key_revoked, bed)]
        for shown in [shown for story in stories for shown in story.result()]:
            _draw(bed.server, shown, folder)
    return 0


def _normal_day(bed: Bed) -> list[Shown]:
    with closing(_release(bed, "shop", seed=1)) as release:
        release.start()
        start = time.time()
        _pass(release, 150)
        for old in release.pods:
            release.start_pod().wait_ready()
            _pass(release, _ROLL_SECONDS)
            release.end_pod(old)
        _pass(release, 90)
        return [Shown("dashboard", "a normal day with a rolling restart", "shop", start, time.time())]


def _key_revoked(bed: Bed) -> list[Shown]:
    with closing(_release(bed, "store", seed=2)) as release:
        release.start()
        start = time.time()
        _pass(release, 120)
        with faults.key_revoked(release):
            _pass(release, _REFUSED_SECONDS)
            worst = time.time()
        return [
            Shown("dashboard-key-revoked", "the API refuses the server key", "store", start, worst, rows=2)
        ]


def _release(bed: Bed, namespace: str, seed: int) -> Release:
    story = _everyday(seed)
    settings = {"linkrunner": {"requests_per_second": 25}}
    setting = Setting(pods=3, partitions=6, make=lambda _: next(story), over=settings)
    return Release(bed, namespace, setting)


def _everyday(seed: int) -> Iterator[Sample]:
    """Yield what a platform sends on a day on which nothing is wrong: no dead letters, no unknown kinds."""
    for sample in samples(1_000_000, seed):
        event = sample.event
        if event and event["kind"] != "UNKNOWN" and not isinstance(fate_of(sample, ANY_CURRENCY), DeadLetter):
            yield sample


def _pass(release: Release, seconds: float) -> None:
    """Let time pass; the traffic comes and goes in a wave."""
    release.api.misbehave(_API)
    until = time.monotonic() + seconds

    def over() -> bool:
        now = time.monotonic()
        release.stream.rate = _RATE + _WAVE * math.sin(now * math.tau / _WAVE_SECONDS)
        return now >= until

    eventually(over, seconds + 60, "the time has passed", every=1.0)


def _draw(server: Prometheus, shown: Shown, folder: Path) -> None:
    span = Span(shown.start, shown.end, step_of(shown.start, shown.end), _SMOOTHING)
    values = {"namespace": shown.namespace, "job": ".+", "instance": ".+"}
    model = json.loads(dashboard.text())
    draw(model, Reader(server, values, span), shown.caption, folder / f"{shown.name}.png", shown.rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
