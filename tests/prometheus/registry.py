"""A schema registry that knows what a test tells it, on a port that is known before it is there."""

import json
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from tests.prometheus.daemons import LOOPBACK

_PATH: Final = "/schemas/ids/"


class Registry:
    """Answers what schemas have which ids, as Confluent's registry does. Close it."""

    def __init__(self, port: int, known: Mapping[int, str]) -> None:
        handler = type("Handler", (_Handler,), {"known": known})
        self._server: Final = ThreadingHTTPServer((LOOPBACK, port), handler)
        self._thread: Final = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    known: Mapping[int, str]

    def do_GET(self) -> None:
        """Give the schema of an id, or what a registry says to one that it does not know."""
        number = self.path.partition("?")[0].removeprefix(_PATH)
        schema = self.known.get(int(number)) if number.isdigit() else None
        body = {"schema": schema} if schema else {"error_code": 40403, "message": "Schema not found"}
        content = json.dumps(body).encode()
        self.send_response(HTTPStatus.OK if schema else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
