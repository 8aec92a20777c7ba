"""The API simulator, here or elsewhere, and what it knows in the checker's terms."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

import httpx

from tests.support.history import Recorded, Request
from tests.support.process import Command
from tests.support.waiting import eventually, free_port

START_SECONDS: Final = 60.0


class ApiView:
    """A simulator that runs somewhere; ``client`` reaches its root."""

    def __init__(self, client: httpx.Client) -> None:
        self._client: Final = client

    def misbehave(self, script: str) -> None:
        """Replace its fault script (``docs/simulator.md``); an empty one ends all faults."""
        self._client.put("faults", content=json.dumps(script)).raise_for_status()

    def accept_key(self, key: str) -> None:
        """Let it accept only ``key`` from now on."""
        self._client.put("key", json={"key": key}).raise_for_status()

    def forget(self) -> None:
        """Let it forget all payments and requests; key and faults stay, and the script begins anew."""
        self._client.post("ledger/reset").raise_for_status()

    def outcomes(self) -> Mapping[str, int]:
        """Return how many requests ended in which way: cheap enough to poll."""
        found: Mapping[str, int] = self._client.get("ledger/summary").raise_for_status().json()["outcomes"]
        return found

    def requests(self) -> list[Request]:
        """Return its log of requests in the order of arrival, numbers exact."""
        text = self._client.get("ledger/requests").raise_for_status().text
        return [_request(json.loads(line, parse_float=Decimal)) for line in text.splitlines()]

    def recorded(self) -> list[Recorded]:
        """Return the payments that it holds now."""
        records = self._client.get("ledger").raise_for_status().json()["records"]
        return [
            Recorded(r["type"], r["payment_id"], r["user_id"], Decimal(r["amount"]), r["currency"])
            for r in records
        ]


class Api(ApiView):
    """``linkrunner-consumer simulator`` as a process, on a port that is known before it starts."""

    def __init__(self, directory: Path, key: str, *options: str) -> None:
        """Take more ``options`` of the command."""
        self.port: Final = free_port()
        super().__init__(httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30))
        arguments = ["simulator", "--port", str(self.port), "--key", key, *options]
        self._command = Command(arguments, directory / "simulator.log")

    @property
    def base_url(self) -> str:
        """What ``linkrunner.base_url`` is set to."""
        return f"http://127.0.0.1:{self.port}/api/v1"

    def start(self) -> None:
        """Start it and return once it answers."""
        self._command.start()
        eventually(self._answers, START_SECONDS, "the simulator answers")

    def close(self) -> None:
        """End it."""
        self._client.close()
        self._command.close()

    def _answers(self) -> bool:
        assert self._command.running, self._command.text
        try:
            return self._client.get("healthz").is_success
        except httpx.TransportError:
            return False


def _request(line: dict[str, object]) -> Request:
    seq, arrived, answered, status = (line[name] for name in ("seq", "arrived", "answered", "status"))
    outcome, fault = line["outcome"], line["fault"]
    return Request(
        seq=int(str(seq)),
        path=str(line["path"]),
        body=line["body"],
        arrived=float(str(arrived)),
        answered=None if answered is None else float(str(answered)),
        status=None if status is None else int(str(status)),
        outcome=None if outcome is None else str(outcome),
        fault=None if fault is None else str(fault),
    )
