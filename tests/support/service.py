"""The real service as a process of its own, configured by a file, seen through its log and its probes."""

import json
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from signal import SIGCONT, SIGSTOP, SIGTERM
from typing import Final, TypeAlias

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.process import ROOT, Command
from tests.support.waiting import eventually, free_port

#: A configuration or a part of one: sections, and settings in them.
Config: TypeAlias = Mapping[str, object]

START_SECONDS: Final = 60.0
READY_SECONDS: Final = 60.0
PREFIX: Final = "linkrunner_consumer_"


class Metrics:
    """One scrape."""

    def __init__(self, text: str) -> None:
        families = text_string_to_metric_families(text)
        self._samples: Final = [sample for family in families for sample in family.samples]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of all series of ``name`` (without prefix) that have ``labels``."""
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == PREFIX + name and labels.items() <= sample.labels.items()
        )

    def reasons(self, name: str, label: str) -> set[str]:
        """Return the values of ``label`` for which a series of ``name`` (without prefix) is above 0."""
        return {s.labels[label] for s in self._samples if s.name == PREFIX + name and s.value > 0}


class Service:
    """``linkrunner-consumer run --config FILE``, the file made from ``config``, probes on a free port.

    ``root`` is where its package lies.
    """

    def __init__(self, directory: Path, name: str, config: Config, root: Path = ROOT) -> None:
        self.port: Final = free_port()
        self.name: Final = name
        file = directory / f"{name}.yaml"
        whole = merged(config, {"http": {"host": "127.0.0.1", "port": self.port}})
        file.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
        self._command = Command(["run", "--config", str(file)], directory / f"{name}.log", root)
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10)
        self.seen: Final[dict[str, str]] = {}

    def start(self) -> "Service":
        """Start it and return once it is live; it need not be ready yet."""
        self._command.start()
        eventually(self.live, START_SECONDS, f"{self.name} is live")
        return self

    def wait_ready(self) -> "Service":
        """Return once it has joined its group; AssertionError with its log if it ends or takes too long."""
        eventually(self.ready, READY_SECONDS, f"{self.name} is ready")
        return self

    def ready(self) -> bool:
        """Tell whether it says that it is ready."""
        return self._asked("/readyz") is not None

    def live(self) -> bool:
        """Tell whether it says that it is live."""
        return self._asked("/livez") is not None

    def why_not_ready(self) -> str:
        """Return what ``/readyz`` says."""
        return self._client.get("/readyz").text

    def metrics(self) -> Metrics:
        """Scrape it."""
        text = self._client.get("/metrics").raise_for_status().text
        self.seen["metrics"] = text
        return Metrics(text)

    def status(self) -> dict[str, object]:
        """Return ``/statusz``."""
        answer = self._client.get("/statusz", headers={"Accept": "application/json"}).raise_for_status()
        self.seen["statusz"] = answer.text
        status: dict[str, object] = answer.json()
        return status

    @property
    def log(self) -> str:
        """All that it has logged so far."""
        return self._command.text

    def when(self, event: str) -> list[float]:
        """Return when it has logged ``event``, in the monotonic seconds of this machine; it must log JSON."""
        behind = time.time() - time.monotonic()
        lines = (json.loads(line) for line in self.log.splitlines() if line.endswith("}"))
        return [
            datetime.fromisoformat(line["timestamp"]).timestamp() - behind
            for line in lines
            if line["event"] == event
        ]

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._command.running

    def term(self) -> float:
        """Send SIGTERM, don't wait, and return when."""
        return self._command.send(SIGTERM)

    def wait(self, within: float) -> int:
        """Return the exit code of a service that was told to stop."""
        return self._command.wait(within)

    def stop(self) -> int:
        """Look at it a last time, stop it, and return its exit code."""
        self.metrics()
        self.status()
        return self._command.stop()

    def kill(self) -> float:
        """Kill it and return when."""
        return self._command.kill()

    def pause(self) -> float:
        """Freeze it and return when: connections stay open, nothing answers."""
        return self._command.send(SIGSTOP)

    def resume(self) -> float:
        """Thaw it and return when."""
        return self._command.send(SIGCONT)

    def close(self) -> None:
        """Make sure that nothing of it is left."""
        self._client.close()
        self._command.close()

    def _asked(self, path: str) -> str | None:
        assert self._command.running, f"{self.name} has ended:\n{self.log[-3000:]}"
        try:
            answer = self._client.get(path)
        except httpx.TransportError:
            return None
        return answer.text if answer.is_success else None


def merged(base: Config, over: Config) -> dict[str, object]:
    """Return ``base`` with ``over`` on top, section by section."""
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[name] = merged(below, value) if both else value  # type: ignore[arg-type]  # both are mappings here
    return result
