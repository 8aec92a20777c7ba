"""Waiting in tests: on a condition, with a deadline, never for luck."""

import threading
import time
from collections.abc import Callable
from socket import AF_INET, SOCK_STREAM, socket
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], within: float, what: str, every: float = 0.05) -> T:
    """Return the first true value of ``condition``, asked every ``every`` seconds.

    Raises AssertionError, naming ``what`` and the last value, once ``within`` seconds are over.
    """
    deadline = time.monotonic() + within
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {within:g} s: {what} (last: {value!r})")
        pause.wait(every)


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens now."""
    with socket(AF_INET, SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
