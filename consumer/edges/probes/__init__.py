"""The HTTP side of the service: health, metrics and status. Read only, and answered from memory alone."""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from aiohttp import web

from consumer.core.errors import ConfigurationError, Mistake
from consumer.core.operations.negotiation import preferred
from consumer.core.operations.status import Health, Status
from consumer.edges.probes.page import page

_JSON: Final = "application/json"
_HTML: Final = "text/html"

#: Longer than the usual scrape interval of a minute, so that a scraper keeps its connection.
_KEEPALIVE_SECONDS: Final = 75.0

#: How long :meth:`Probes.stop` waits for answers that are being sent.
_STOP_SECONDS: Final = 1.0

#: Longest request line and header; nothing that asks here needs more.
_MAX_LINE: Final = 4096

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Server": "linkrunner-consumer",
}


class Exposes(Protocol):
    """Whoever can write all metrics in the form that an ``Accept`` header asks for."""

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return the body and its content type."""


class Probes:
    """Serves ``/livez``, ``/readyz``, ``/startupz``, ``/metrics`` and ``/statusz`` on the running loop.

    ``health`` and ``status`` are asked at each request and have to be quick. A loop that is stuck does not
    answer, which is what a liveness probe is for. ``port`` 0 takes a free one.
    """

    def __init__(
        self,
        host: str,
        port: int,
        metrics: Exposes,
        health: Callable[[], Health],
        status: Callable[[], Status],
    ) -> None:
        self._host: Final = host
        self._port: Final = port
        self._metrics: Final = metrics
        self._health: Final = health
        self._status: Final = status
        self._runner: Final = web.AppRunner(
            self._application(),
            access_log=None,
            handle_signals=False,
            keepalive_timeout=_KEEPALIVE_SECONDS,
            lingering_time=0,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            shutdown_timeout=_STOP_SECONDS,
        )

    async def start(self) -> None:
        """Listen. Raises :class:`ConfigurationError` where the address can't be used, and then is stopped."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as problem:
            await self._runner.cleanup()
            address = f"{self._host}:{self._port}"
            raise ConfigurationError([_unusable(address, problem)]) from problem

    async def stop(self) -> None:
        """Stop listening and close all connections; may be called at any time, also twice."""
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port that is listened on. Only between :meth:`start` and :meth:`stop`."""
        port: int = self._runner.addresses[0][1]
        return port

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/livez", self._livez)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/startupz", self._startupz)
        application.router.add_get("/metrics", self._scrape)
        application.router.add_get("/statusz", self._statusz)
        application.on_response_prepare.append(_harden)
        return application

    async def _livez(self, _request: web.Request) -> web.Response:
        health = self._health()
        return _verdict("live", health.live, health.reasons)

    async def _readyz(self, _request: web.Request) -> web.Response:
        health = self._health()
        return _verdict("ready", health.ready, health.reasons)

    async def _startupz(self, _request: web.Request) -> web.Response:
        health = self._health()
        return _verdict("started", health.started, health.reasons)

    async def _scrape(self, request: web.Request) -> web.Response:
        body, content_type = self._metrics.exposition(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _statusz(self, request: web.Request) -> web.Response:
        status = self._status()
        if preferred(request.headers.get("Accept", ""), (_JSON, _HTML)) == _HTML:
            return web.Response(text=page(status), content_type=_HTML)
        body = msgspec.json.format(msgspec.json.encode(status), indent=2)
        return web.Response(body=body, content_type=_JSON)


async def _harden(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _verdict(word: str, yes: bool, reasons: tuple[str, ...]) -> web.Response:
    if yes:
        return web.Response(text=f"{word}\n")
    return web.Response(status=503, text="\n".join((f"not {word}", *(f"- {text}" for text in reasons), "")))


def _unusable(address: str, problem: OSError) -> Mistake:
    what = f"{address} can't be listened on: {problem.strerror or problem}"
    return Mistake("http.host, http.port", what, "choose an address of this machine and a free port")
