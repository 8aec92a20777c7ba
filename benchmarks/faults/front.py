"""What stands before the simulator where an answer is broken byte by byte: a server on its own thread."""

import asyncio
import ssl
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Final, TypeVar

import aiohttp

from tests.support.calls import head
from tests.support.raw_server import Behaviour, read_request
from tests.support.waiting import free_port

T = TypeVar("T")


class Front:
    """Relays calls to ``target`` unless ``behave`` answers them. Times and counts are of the moment.

    ``applied``: a call is relayed before ``behave`` answers it in the API's place. ``met`` counts what it has
    answered, ``done`` those of them that the API had done. It is closed at first.
    """

    def __init__(self, target: str) -> None:
        self._target: Final = target
        self.port: Final = free_port()
        self.behave: Behaviour | None = None
        self.applied = False
        self.met = 0
        self.done = 0
        self._tls: ssl.SSLContext | None = None
        self._loop: Final = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._talks: Final[set[asyncio.Task[None]]] = set()
        self._thread: Final = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def open(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        """Listen from now on, with this certificate."""
        self._do(self._open(tls, host))

    def shut(self) -> None:
        """Cut every connection and listen no more."""
        self._do(self._shut())

    def close(self) -> None:
        """End it."""
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _open(self, tls: ssl.SSLContext | None, host: str) -> None:
        self._server = await asyncio.start_server(self._accept, host, self.port, ssl=tls)

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
        talks = set(self._talks)
        for talk in talks:
            talk.cancel()
        if talks:
            await asyncio.wait(talks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = self._loop.create_task(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # The other side goes away whenever it likes: what it saw is what is judged.
            with suppress(OSError, asyncio.IncompleteReadError, aiohttp.ClientError):
                async with aiohttp.ClientSession() as session:
                    while not writer.is_closing():
                        await self._answer(await read_request(reader), session, reader, writer)
        finally:
            writer.transport.abort()

    async def _answer(
        self,
        request: bytes,
        session: aiohttp.ClientSession,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        behave = self.behave
        if behave is None:
            writer.write(await self._relayed(request, session))
            await writer.drain()
            return
        self.met += 1
        if self.applied:
            await self._relayed(request, session)
            self.done += 1
        behaving = asyncio.ensure_future(behave(writer))
        try:
            while not behaving.done() and not reader.at_eof():
                await asyncio.wait({behaving}, timeout=0.01)
        finally:
            behaving.cancel()
            await asyncio.wait({behaving})

    async def _relayed(self, request: bytes, session: aiohttp.ClientSession) -> bytes:
        """Make the call at the target and return its answer."""
        opening, _, body = request.partition(b"\r\n\r\n")
        first, *lines = opening.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        passed = ("linkrunner-key", "content-type")
        headers = dict(line.split(": ", 1) for line in lines if line.lower().split(":")[0] in passed)
        async with session.request(method, self._target + path, data=body, headers=headers) as answer:
            text = await answer.read()
        kind = answer.headers.get("Content-Type", "application/json")
        return head(f"{answer.status} Relayed", f"Content-Type: {kind}", body=text)
