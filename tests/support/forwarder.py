"""A TCP forwarder on a known port: a dead address until it is opened, and again once it is closed."""

import socket
import threading
import time
from contextlib import suppress
from typing import Final

from tests.support.waiting import free_port

_CHUNK: Final = 65_536


class Forwarder:
    """Forwards 127.0.0.1:``port`` to ``target`` while it is open; refuses connections before and after.

    ``sent`` has the moments, in monotonic seconds, at which clients have sent something.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target: Final = (host, int(port))
        self.port: Final = free_port()
        self.sent: Final[list[float]] = []
        self._listener: socket.socket | None = None
        self._sockets: Final[set[socket.socket]] = set()
        self._threads: Final[list[threading.Thread]] = []

    @property
    def address(self) -> str:
        """``127.0.0.1:port``."""
        return f"127.0.0.1:{self.port}"

    def open(self) -> None:
        """Accept connections from now on."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._run(self._accept, self._listener)

    def close(self) -> None:
        """Cut every connection and refuse new ones."""
        if self._listener is not None:
            self._shut(self._listener)
        for one in tuple(self._sockets):
            self._shut(one)
        for thread in self._threads:
            thread.join(5)
        self._sockets.clear()
        self._threads.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._sockets.add(client)
                server = socket.create_connection(self._target)
                self._sockets.add(server)
                self._run(self._pump, client, server, self.sent)
                self._run(self._pump, server, client, [])

    def _pump(self, source: socket.socket, sink: socket.socket, moments: list[float]) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                moments.append(time.monotonic())
                sink.sendall(data)
        self._shut(source)
        self._shut(sink)

    def _run(self, work: object, *arguments: object) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    @staticmethod
    def _shut(one: socket.socket) -> None:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
