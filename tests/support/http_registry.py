"""A schema registry in this process that answers as a test says: real HTTP, nothing behind it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import TypeAlias

from aiohttp import web

Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpRegistry:
    """Answers by path; ``asked`` has every path in order, with its query. What it does not know is a 404."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, Answer] = {}
        self.url = ""

    def schema(self, schema_id: int, text: object, **more: object) -> None:
        """Answer that ``schema_id`` is the Avro schema ``text``."""
        self.answers[f"/schemas/ids/{schema_id}"] = answer(200, {"schema": text, **more})

    def version(self, subject: str, version: int, text: object, **more: object) -> None:
        """Answer that ``version`` of ``subject`` is the Avro schema ``text``."""
        body = {"subject": subject, "version": version, "id": 900, "schema": text, **more}
        self.answers[f"/subjects/{subject}/versions/{version}"] = answer(200, body)

    def missing(self, schema_id: int) -> None:
        """Answer as a registry does that ``schema_id`` is not there."""
        body = {"error_code": 40403, "message": f"Schema {schema_id} not found"}
        self.answers[f"/schemas/ids/{schema_id}"] = answer(404, body)

    @asynccontextmanager
    async def serving(self, tls: SSLContext | None = None) -> AsyncIterator[str]:
        """Answer on a free port of this machine, over ``tls`` if given; gives the address."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self.url
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        known = self.answers.get(request.path, answer(404, "<html>not found</html>", "text/html"))
        return await known(request)


def answer(status: int, body: object, kind: str = "application/json", **headers: str) -> Answer:
    """Return an answer: text as it stands, anything else as JSON."""
    content = body if isinstance(body, str) else json.dumps(body)

    async def give(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=content, content_type=kind, headers=headers)

    return give


async def endless(request: web.Request) -> web.StreamResponse:
    """Answer with a text that never ends."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 65536)
        await asyncio.sleep(0)


async def silent(_: web.Request) -> web.StreamResponse:
    """Do not answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def broken(request: web.Request) -> web.StreamResponse:
    """Close the connection in place of an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()
