"""Ports of this machine that nobody uses."""

import socket


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens now; another process could still take it first."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
