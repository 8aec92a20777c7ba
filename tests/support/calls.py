"""Calls to a raw server, and the ways in which it answers or does not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from consumer.core.api.verdicts import Answer, Fault, FaultKind
from consumer.edges.linkrunner import Linkrunner
from tests.support.raw_server import Behaviour, RawServer

KEY: Final = "the-server-key-of-this-test"
BODY: Final = b'{"payment_id":"pay-1"}'
OK: Final = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"

#: Seconds: for what has to be waited for. Nothing is measured by it.
TIMEOUT: Final = 0.5

RESET: Final = Fault(FaultKind.RESET)
BROKEN: Final = Fault(FaultKind.PROTOCOL)
TIMED_OUT: Final = Fault(FaultKind.TIMEOUT)
NOT_SENT: Final = Fault(FaultKind.CONNECT, sent=False)


@asynccontextmanager
async def calling(
    base_url: str,
    key: Callable[[], str] = lambda: KEY,
    timeout_seconds: float = 30.0,
    connections: int = 4,
    allowed: Callable[[], bool] = lambda: True,
) -> AsyncIterator[Callable[[], Awaitable[Answer | None]]]:
    """Give a function that makes one call; None: it was not allowed any more."""
    api = Linkrunner(
        base_url,
        key,
        timeout_seconds=timeout_seconds,
        connections=connections,
        user_agent="tests/1",
        allowed=allowed,
    )
    await api.start()
    try:
        yield lambda: api.send("/capture-payment", BODY)
    finally:
        await api.close()


def ask(behave: Behaviour, *, timeout_seconds: float = 30.0) -> tuple[Answer | None, RawServer]:
    """Return the answer to one call of a server that behaves so, and the server."""
    server = RawServer(behave)

    async def scene() -> Answer | None:
        async with (
            server.listening(),
            calling(server.url, timeout_seconds=timeout_seconds) as call,
        ):
            return await call()

    return asyncio.run(scene()), server


def head(status: str, *headers: str, body: bytes = b"") -> bytes:
    """Return an answer with its length."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def hang(_: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


def then_hang(text: bytes) -> Behaviour:
    """Return the behaviour that begins an answer and stops."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await hang(writer)

    return behave


def then_close(text: bytes) -> Behaviour:
    """Return the behaviour that begins an answer and hangs up politely."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        writer.close()

    return behave


def then_reset(text: bytes) -> Behaviour:
    """Return the behaviour that begins an answer and cuts the line, once it was read."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    return behave


class Flood:
    """Sends without end, as fast as it is read or ``every`` so many seconds; ``sent`` counts the bytes."""

    def __init__(self, opening: bytes, drop: bytes, every: float = 0.0) -> None:
        self._opening = opening
        self._drop = drop
        self._every = every
        self.sent = 0

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        """Send until the other side hangs up."""
        writer.write(self._opening)
        while not writer.is_closing():
            writer.write(self._drop)
            self.sent += len(self._drop)
            await writer.drain()
            await asyncio.sleep(self._every)
