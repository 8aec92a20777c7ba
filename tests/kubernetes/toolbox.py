"""The test's side of the toolbox pod: Kafka as it looks from inside the cluster."""

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from consumer.core.records import Partition, Record
from tests.kubernetes import wire
from tests.kubernetes.cluster import Namespace
from tests.support.history import CommitSeen
from tests.support.topics import Outgoing

A = TypeVar("A")


class Toolbox:
    """Talks to ``agent.py`` in a pod through one ``kubectl exec``. Every call waits for its answer.

    ``errors`` is the file for what the agent and kubectl complain about.
    """

    def __init__(self, namespace: Namespace, pod: str, bootstrap_servers: str, errors: Path) -> None:
        self._errors: Final = errors
        where = ("--namespace", namespace.name, "exec", "--stdin", pod, "--container=toolbox")
        command = ("python", "-m", "tests.kubernetes.agent", bootstrap_servers)
        self._process: Final = namespace.cluster.start_kubectl(*where, "--", *command, errors=errors)

    def create(self, topic: str, partitions: int, config: Mapping[str, str] | None = None) -> None:
        """Create a topic and return once it has leaders."""
        self._tell(wire.Create(topic, partitions, config or {}))

    def produce(self, topic: str, records: Sequence[Outgoing]) -> Sequence[Record]:
        """Write records and return them with their coordinates, once all are acknowledged."""
        return self._ask(wire.Produce(topic, records), wire.Written).records

    def load(self, topic: str, records: Sequence[Outgoing], rate: float) -> None:
        """Begin to write records in the background, ``rate`` of them a second."""
        self._tell(wire.Load(topic, records, rate))

    def unload(self) -> Sequence[Record]:
        """End the load and return what it wrote."""
        return self._ask(wire.Unload(), wire.Written).records

    def watch(self, group: str, topic: str) -> None:
        """Begin to look at the commits of a group."""
        self._tell(wire.Watch(group, topic))

    def commits(self, *, final: bool = False) -> Sequence[CommitSeen]:
        """Return the commits seen; ``final`` looks a last time and ends the watch."""
        return self._ask(wire.Commits(final), wire.Seen).commits

    def progress(self, topic: str) -> tuple[Mapping[Partition, int], Mapping[Partition, int]]:
        """Return the ends of a topic, and the newest commits seen."""
        reached = self._ask(wire.Progress(topic), wire.Reached)
        return dict(reached.ends), dict(reached.committed)

    def read(self, topic: str) -> Sequence[Record]:
        """Return all records of a topic."""
        return self._ask(wire.Read(topic), wire.Written).records

    def now(self) -> wire.Now:
        """Return the time on the toolbox's clocks; the simulator, in the same pod, has the same."""
        return self._ask(wire.Clock(), wire.Now)

    def close(self) -> None:
        """End the agent."""
        try:
            self._process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def _ask(self, command: wire.Command, answer: type[A]) -> A:
        return msgspec.json.decode(self._tell(command), type=answer)

    def _tell(self, command: wire.Command) -> bytes:
        """Return the answer's JSON; AssertionError with the agent's last words if it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(msgspec.json.encode(command) + b"\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith(wire.ANSWER):
                return line.removeprefix(wire.ANSWER)
        raise AssertionError(f"the toolbox has ended:\n{self._errors.read_text()[-3000:]}")
