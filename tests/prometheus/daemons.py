"""Server programs of a test, each a process on a free port of this machine, and their configurations."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import httpx
import yaml

from tests.support.tools import tool
from tests.support.waiting import eventually, free_port

#: Contents of rule files, by the files' names.
Rules: TypeAlias = Mapping[str, Mapping[str, object]]

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0
LOOPBACK: Final = "127.0.0.1"


class Daemon:
    """A running program that serves HTTP at ``url``; all that it writes is in the file ``output``."""

    def __init__(self, command: Sequence[str | Path], output: Path, url: str) -> None:
        self.url: Final = url
        self._output: Final = output
        with output.open("wb") as sink:
            self._process: Final = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT)

    def wait_ready(self) -> None:
        """Return once it answers ``/-/ready``; AssertionError with its output if it ends before."""
        eventually(self._ready, START_SECONDS, f"{self._output.stem} is ready")

    @property
    def text(self) -> str:
        """All that it has written so far."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ready(self) -> bool:
        assert self._process.poll() is None, self.text[-3000:]
        try:
            return httpx.get(f"{self.url}/-/ready", trust_env=False).is_success
        except httpx.TransportError:
            return False


def start_alertmanager(folder: Path, webhook: str, inhibit: Sequence[Mapping[str, object]]) -> Daemon:
    """Start an Alertmanager that tells ``webhook`` every alert at once, but for what ``inhibit`` says.

    Alerts of one name and namespace are one notification.
    """
    config = {
        "route": {
            "receiver": "test",
            "group_by": ["alertname", "namespace"],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "1h",
        },
        "receivers": [{"name": "test", "webhook_configs": [{"url": webhook, "send_resolved": True}]}],
        "inhibit_rules": list(inhibit),
    }
    file = _written(folder / "alertmanager.yaml", config)
    port = free_port()
    command: list[str | Path] = [
        tool("alertmanager"),
        f"--config.file={file}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--cluster.listen-address=",
    ]
    return Daemon(command, folder / "alertmanager.log", f"http://{LOOPBACK}:{port}")


def start_prometheus(folder: Path, rules: Rules, alertmanager: str | None = None) -> Daemon:
    """Start a Prometheus that scrapes and evaluates every second; ``alertmanager`` is an URL.

    It scrapes what the files ``targets/*.json`` in ``folder`` name, at any time.
    """
    (folder / "targets").mkdir()
    (folder / "rules").mkdir()
    for name, content in rules.items():
        _written(folder / "rules" / f"{name}.yaml", content)
    known = (
        {"static_configs": [{"targets": [alertmanager.removeprefix("http://")]}]} if alertmanager else None
    )
    config = {
        "global": {
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "evaluation_interval": "1s",
        },
        "rule_files": ["rules/*.yaml"],
        "alerting": {"alertmanagers": [known] if known else []},
        "scrape_configs": [
            {
                "job_name": "pods",
                "file_sd_configs": [{"files": ["targets/*.json"], "refresh_interval": "1s"}],
            }
        ],
    }
    file = _written(folder / "prometheus.yaml", config)
    port = free_port()
    command: list[str | Path] = [
        tool("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--log.level=warn",
    ]
    return Daemon(command, folder / "prometheus.log", f"http://{LOOPBACK}:{port}")


def _written(file: Path, content: Mapping[str, object]) -> Path:
    file.write_text(yaml.safe_dump(dict(content), sort_keys=False), encoding="utf-8")
    return file
