"""The commands for trying things out, as processes: simulator, produce, demo."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition

from consumer.lab.embedded import embedded_kafka
from tests.support.waiting import eventually

COMMAND = (sys.executable, "-m", "consumer")
PARTITIONS = 6


def hear_ctrl_c() -> None:
    """Let a Ctrl-C be heard also where a shell has started the tests in its background, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command; whatever is left of it at the end of the block is killed."""
    process = subprocess.Popen(
        (*COMMAND, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=hear_ctrl_c,  # noqa: PLW1509  (no other thread runs here that could hold a lock)
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    """Return the first line that a process writes."""
    assert process.stdout is not None
    return process.stdout.readline()


def children(pid: int) -> list[int]:
    """Return the ids of the processes that ``pid`` has started and that still run."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def test_the_simulator_serves_until_it_is_told_to_stop() -> None:
    """It names its address once it takes calls, fails as scripted, and ends with 0 on SIGTERM."""
    with running("simulator", "--port", "0", "--key", "k", "--faults", "503 first=1") as process:
        origin = re.findall(r"http://[\d.:]+", first_line(process))[0]
        body = {"user_id": "u", "payment_id": "p", "amount": 1}
        with httpx.Client(base_url=f"{origin}/api/v1", headers={"linkrunner-key": "k"}) as client:
            answers = [client.post("/capture-payment", json=body).status_code for _ in range(2)]
        assert answers == [503, 201]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("simulator", "--faults", "explode"), 2, "is no fault"),
        (("simulator", "--host", "192.0.2.1"), 69, "can't listen on 192.0.2.1"),
        (("produce", "--config", "missing.yaml"), 78, "missing.yaml"),
        (("demo", "--faults", "--events", "10"), 2, "at least"),
    ],
)
def test_what_can_not_be_done_is_told(arguments: tuple[str, ...], code: int, text: str) -> None:
    """A mistake ends a command with its exit code and a sentence, without a traceback."""
    ended = subprocess.run((*COMMAND, *arguments), capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == code
    assert text in ended.stderr
    assert "Traceback" not in ended.stderr


def test_produce_fills_the_topic_of_a_configuration(tmp_path: Path) -> None:
    """So many records as asked for are in the topic, over all its partitions."""
    with embedded_kafka() as kafka:
        kafka.create_topic("payments", PARTITIONS)
        config = tmp_path / "config.yaml"
        config.write_text(
            f"kafka: {{bootstrap_servers: '{kafka.bootstrap_servers}', topics: [payments]}}\n"
            "currency: {accept: any}\n"
        )
        arguments = (*COMMAND, "produce", "--config", str(config), "--events", "300")
        ended = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "300 records to payments" in ended.stdout
        consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "g", "log_level": 0})
        marks = [consumer.get_watermark_offsets(TopicPartition("payments", n)) for n in range(PARTITIONS)]
        consumer.close()
        assert sum(high for _, high in marks) == 300
        assert all(high for _, high in marks)


@pytest.mark.parametrize("arguments", [(), ("--faults",)])
def test_the_demo_reconciles(arguments: tuple[str, ...]) -> None:
    """The real service delivers every payment of a story once, also where the API fails in every way."""
    command = (*COMMAND, "demo", "--events", "600", "--seed", "4", *arguments)
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "each once and to the last digit" in ended.stdout
    assert " NO\n" not in ended.stdout
    assert ended.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_behind(number: signal.Signals) -> None:
    """Ctrl-C or SIGTERM in mid-flow ends the demo and the service that it had started."""
    with running("demo", "--events", "20000") as process:
        started = eventually(lambda: children(process.pid), 60, "the service is started")
        process.send_signal(number)
        assert process.wait(30) != 0
        assert [child for child in started if Path(f"/proc/{child}").exists()] == []
