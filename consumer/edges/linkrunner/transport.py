"""HTTP/1.1 for httpx's types over aiohttp's sockets.

httpx's own transport spends its time in a pure-Python parser and pool: ``benchmarks/http_clients.py`` shows
this one an order of magnitude faster at 32 calls in flight. What it promises beyond httpx's interface:

- a redirect is an answer like any other (following it would hand the key to somebody else);
- no cookies, no proxy from the environment, no decompression, certificates always verified;
- failures come as httpx's own exceptions, and truly tell *not sent* (ConnectError) from *outcome unknown*
  (everything else);
- a request says of itself whether anything of it may have been written (:data:`BEGUN`), for whoever cuts it
  short from outside;
- what arrives on an idle connection is nobody's answer: the next call is made on another one;
- right before the first byte of a request is written, whoever decides that is asked once more.
"""

import select
import ssl
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Final, Self
from weakref import WeakSet

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

#: Seconds that a name's addresses are kept, so that a moved host is found again.
_DNS_SECONDS: Final = 10

#: Seconds that an idle connection is kept.
_IDLE_SECONDS: Final = 30.0

_CHUNK: Final = 16 * 1024

#: The extension of a request that is true from right before its first byte is written.
BEGUN: Final = "begun"

#: The request that the running task makes; a connector is shown aiohttp's own picture of it only.
_MADE: Final[ContextVar[httpx.Request]] = ContextVar("made")


class NotAllowed(httpx.ConnectError):
    """A request that may not be sent any more, now that its connection is there. Nothing of it was sent."""


class Withheld(aiohttp.ClientError):
    """The same, to aiohttp."""


class _Connector(aiohttp.TCPConnector):
    """Gives connections on which the next bytes to come can only be the answer to the next request."""

    def __init__(self, connections: int, allowed: Callable[[], bool]) -> None:
        trust = ssl.create_default_context()
        trust.set_alpn_protocols(["http/1.1"])
        super().__init__(
            ssl=trust, limit=connections, ttl_dns_cache=_DNS_SECONDS, keepalive_timeout=_IDLE_SECONDS
        )
        self._allowed: Final = allowed
        self._used: Final[WeakSet[ResponseHandler]] = WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  (the name is aiohttp's)
    ) -> Connection:
        """Return a connection that is fit for ``req``. Raises :class:`Withheld`."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            assert protocol is not None  # noqa: S101  (only a connection that was given back has none)
            if protocol in self._used and (protocol.should_close or _has_bytes(connection)):
                connection.close()
                continue
            self._used.add(protocol)
            if not self._allowed():
                connection.release()
                raise Withheld
            _MADE.get().extensions[BEGUN] = True
            return connection


def _has_bytes(connection: Connection) -> bool:
    """Tell whether something waits in the socket that the event loop has not read yet, or its end."""
    waiting = select.poll()
    transport = connection.transport
    if transport is not None:
        waiting.register(transport.get_extra_info("socket"), select.POLLIN)
    return bool(waiting.poll(0))


class AiohttpTransport(httpx.AsyncBaseTransport):
    """A pool of at most ``connections`` connections. Must be made and closed on the running loop.

    ``allowed`` says, for every request anew, whether it may still be sent.
    """

    def __init__(self, connections: int, allowed: Callable[[], bool] = lambda: True) -> None:
        connector = _Connector(connections, allowed)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
        )

    async def __aenter__(self) -> Self:
        """Return the transport itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """Close all connections."""
        await self.aclose()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request whose content is in memory; return as soon as the answer's head is read.

        The extension ``timeout`` gives ``connect`` and ``read`` in seconds; to connect begins with looking up
        the name. Raises httpx.TransportError, of which :class:`NotAllowed` is one.
        """
        limits = request.extensions.get("timeout", {})
        made = _MADE.set(request)
        try:
            response = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers.multi_items(),
                data=request.content,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=limits.get("connect"), sock_read=limits.get("read")
                ),
            )
        except (aiohttp.ClientError, OSError) as error:
            raise _translated(error, request) from error
        finally:
            _MADE.reset(made)
        return httpx.Response(
            status_code=response.status,
            headers=response.raw_headers,
            stream=_Body(response, request),
            request=request,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()


class _Body(httpx.AsyncByteStream):
    """The answer's body. Closing it before its end closes the connection, so nothing is read on unseen."""

    def __init__(self, response: aiohttp.ClientResponse, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_chunked(_CHUNK):
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise _translated(error, self._request) from error

    async def aclose(self) -> None:
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


def _translated(error: aiohttp.ClientError | OSError, request: httpx.Request) -> httpx.TransportError:
    name = type(error).__name__
    if isinstance(error, Withheld):
        return NotAllowed(name, request=request)
    if BEGUN not in request.extensions:
        return httpx.ConnectError(name, request=request)
    for ours, theirs in _TRANSLATIONS:
        if isinstance(error, ours):
            return theirs(name, request=request)
    return httpx.ReadError(name, request=request)


#: What fails once a request has begun: the first that fits.
_TRANSLATIONS: Final[tuple[tuple[type[Exception], type[httpx.TransportError]], ...]] = (
    (TimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    (aiohttp.ServerDisconnectedError, httpx.ReadError),
)
