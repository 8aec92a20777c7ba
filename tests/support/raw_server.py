"""A TCP server of 127.0.0.1 that speaks just as much HTTP as a test wants it to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

#: Answers one request; the connection stays open unless it closes it.
Behaviour: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]

_CLOSING_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.01


def answering(text: bytes) -> Behaviour:
    """Return the behaviour that answers these very bytes."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return behave


class RawServer:
    """Counts connections and keeps requests as they came; ``behave`` answers each of them.

    ``greeting`` is sent on each new connection, asked or not.
    """

    def __init__(self, behave: Behaviour, greeting: bytes = b"") -> None:
        self.behave = behave
        self._greeting = greeting
        self.connections = 0
        self.open = 0
        self.requests: list[bytes] = []
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def listening(
        self, tls: ssl.SSLContext | None = None, *, host: str = "127.0.0.1", port: int = 0
    ) -> AsyncIterator["RawServer"]:
        """Listen inside the block, and cut all connections at its end."""
        talks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talk = asyncio.create_task(self._talk(reader, writer))
            talks.add(talk)
            talk.add_done_callback(talks.discard)

        server = await asyncio.start_server(accept, host, port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for talk in talks:
                talk.cancel()
            if talks:
                await asyncio.wait(set(talks), timeout=_CLOSING_SECONDS)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        writer.write(self._greeting)
        try:
            while not writer.is_closing():
                self.requests.append(await read_request(reader))
                await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side has hung up: what it saw is what the test asks
        finally:
            self.open -= 1
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Behave, until the other side hangs up."""
        behaving = asyncio.ensure_future(self.behave(writer))
        try:
            while not behaving.done() and not reader.at_eof():
                await asyncio.wait({behaving}, timeout=_LOOK_SECONDS)
        finally:
            behaving.cancel()
            await asyncio.wait({behaving})
        if not behaving.cancelled():
            behaving.result()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Read one request with its body; raises IncompleteReadError where there is no more."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
    return head + await reader.readexactly(length)
