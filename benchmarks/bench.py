"""What a benchmark stands on: a real Kafka, the API simulator and the service, each a process of its own.

Kafka is ``KAFKA_BOOTSTRAP_SERVERS`` if set, else one that ``tests/support`` starts; without a real one
there is nothing to measure and the benchmark ends. The service comes with the simulator's rate limit off
and its own at the highest value, so that what is measured is the service.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import httpx
import yaml

from tests.support.broker import Kafka, NotHere
from tests.support.kafka import shared_kafka
from tests.support.topics import Topics
from tests.support.waiting import eventually, free_port

PARTITIONS: Final = 6
KEY: Final = "bench-key"
TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")

#: One for all questions: to make one takes as much processor time as the service does for fifty records.
_HTTP: Final = httpx.Client(timeout=30, trust_env=False)


@dataclass(frozen=True, slots=True)
class Process:
    """A running process, as the kernel sees it."""

    pid: int

    def peak_rss_mib(self) -> float:
        """Return the most memory that the process ever had resident, in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text("ascii")
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        assert found
        return int(found[1]) / 1024

    def cpu_seconds(self) -> float:
        """Return the processor time that the process has used, user and system, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Bench:
    """One topic, one group, one simulator. ``origin`` is the simulator's, ``port`` that of the metrics."""

    folder: Path
    topics: Topics
    topic: str
    origin: str
    port: int

    @property
    def config(self) -> Path:
        """The configuration file of the service."""
        return self.folder / "config.yaml"

    def produce(self, events: int) -> int:
        """Write that many sample events and return how many records the topic then holds."""
        command = ["produce", "--config", str(self.config), "--events", str(events)]
        subprocess.run(
            [sys.executable, "-m", "consumer", *command],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return sum(self.topics.end_offsets(self.topic).values())

    @contextmanager
    def service(self) -> Iterator[Process]:
        """Run the service; it has started when this yields, but may not have joined its group yet."""
        with _running(self.folder, "service", "run", "--config", str(self.config)) as process:
            yield process

    def settled(self) -> int:
        """Return how many records the service has settled; 0 while it can't be asked."""
        try:
            text = _HTTP.get(f"http://127.0.0.1:{self.port}/metrics").text
        except httpx.TransportError:
            return 0
        found = re.findall(r"^linkrunner_consumer_records_settled_total\{.*\} (\S+)$", text, re.MULTILINE)
        return int(sum(float(value) for value in found))

    def first_arrival(self) -> float | None:
        """Return when the first call reached the simulator, in monotonic seconds; None: none did yet."""
        lines = _HTTP.get(f"{self.origin}/ledger/requests").text.splitlines()
        return cast("float", json.loads(lines[0])["arrived"]) if lines else None


@contextmanager
def real_kafka() -> Iterator[Kafka]:
    """Give a real Kafka; raises SystemExit, which says what is lacking, where there is none."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started ends at a SIGTERM too
    try:
        with shared_kafka() as kafka:
            if not kafka.real:
                raise SystemExit(f"needs a real Kafka: {kafka.lacking}")
            yield kafka
    except NotHere as reason:
        raise SystemExit(f"needs a real Kafka: {reason}") from None


@contextmanager
def bench(partitions: int = PARTITIONS) -> Iterator[Bench]:
    """Give a bench with an empty topic; everything that it started ends with it, also at a SIGTERM."""
    with (
        tempfile.TemporaryDirectory() as name,
        real_kafka() as kafka,
        _set_up(Path(name), Topics(kafka), kafka.bootstrap_servers, partitions) as made,
    ):
        yield made


@contextmanager
def _set_up(folder: Path, topics: Topics, bootstrap_servers: str, partitions: int) -> Iterator[Bench]:
    topic = topics.create(topics.name("bench"), partitions)
    topics.create(f"{topic}.dlq")
    simulator = free_port()
    made = Bench(folder, topics, topic, f"http://127.0.0.1:{simulator}", free_port())
    (folder / "server-key").write_text(KEY, "utf-8")
    made.config.write_text(yaml.safe_dump(_config(made, bootstrap_servers)), "utf-8")
    with _running(folder, "simulator", "simulator", "--port", str(simulator), "--key", KEY):
        eventually(lambda: _answers(made.origin), 20, "the simulator answers")
        yield made


def _config(made: Bench, bootstrap_servers: str) -> Mapping[str, object]:
    return {
        "kafka": {"bootstrap_servers": bootstrap_servers, "group_id": made.topic, "topics": [made.topic]},
        "currency": {"accept": "any"},
        "linkrunner": {
            "base_url": f"{made.origin}/api/v1",
            "server_key_file": str(made.folder / "server-key"),
            "requests_per_second": 10_000,
        },
        "http": {"host": "127.0.0.1", "port": made.port},
    }


def _answers(origin: str) -> bool:
    try:
        return _HTTP.get(f"{origin}/healthz").is_success
    except httpx.TransportError:
        return False


@contextmanager
def _running(folder: Path, name: str, *command: str) -> Iterator[Process]:
    """Run a command of ours with its output in ``<name>.log``; end it by SIGTERM, after 30 s by force."""
    with (
        (folder / f"{name}.log").open("wb") as log,
        subprocess.Popen([sys.executable, "-m", "consumer", *command], stdout=log, stderr=log) as process,
    ):
        try:
            yield Process(process.pid)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
