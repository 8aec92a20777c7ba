"""What Alertmanager tells: a real HTTP server that keeps every notification with its time."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tests.prometheus.daemons import LOOPBACK


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert in a notification. ``at`` is monotonic seconds; ``status`` is ``firing`` or ``resolved``."""

    at: float
    alert: str
    status: str
    labels: Mapping[str, str]


class Webhook:
    """The receiver. Close it."""

    def __init__(self) -> None:
        self._notices: Final[list[Notice]] = []
        handler = type("Handler", (_Handler,), {"notices": self._notices})
        self._server: Final = ThreadingHTTPServer((LOOPBACK, 0), handler)
        self._thread: Final = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where Alertmanager sends to."""
        return f"http://{LOOPBACK}:{self._server.server_port}/"

    def notices(self, namespace: str) -> list[Notice]:
        """Return what was told about ``namespace`` so far, in its order."""
        return [notice for notice in tuple(self._notices) if notice.labels.get("namespace") == namespace]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Keeps what is posted."""

    notices: list[Notice]

    def do_POST(self) -> None:
        """Take one notification."""
        at = time.monotonic()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.notices.extend(_notice(at, alert) for alert in body["alerts"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing: what was told is in ``notices``."""


def _notice(at: float, alert: Mapping[str, Any]) -> Notice:
    labels = alert["labels"]
    return Notice(at, labels["alertname"], alert["status"], labels)
