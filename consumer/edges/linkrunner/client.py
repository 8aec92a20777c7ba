"""One call over HTTP, and what came back. Never an exception, never a second try."""

import asyncio
import codecs
from collections.abc import Callable
from typing import Final

import httpx

from consumer.core.api.verdicts import Answer, Fault, FaultKind, Response
from consumer.edges.linkrunner.transport import BEGUN, AiohttpTransport, NotAllowed

#: Bytes of an answer that are looked at; the rest is left unread and the connection closed.
BODY_LIMIT: Final = 64 * 1024

#: Share of a call's time that connecting may take, from the look-up of the name on; the rest is the answer's.
_CONNECT_SHARE: Final = 0.5

_NOT_SENT: Final = Fault(FaultKind.CONNECT, sent=False)


class Linkrunner:
    """The API. :meth:`start` it on the running loop and :meth:`close` it at the end."""

    def __init__(
        self,
        base_url: str,
        key: Callable[[], str],
        *,
        timeout_seconds: float,
        connections: int,
        user_agent: str,
        allowed: Callable[[], bool] = lambda: True,
    ) -> None:
        """Take where the API is and how to get the key, which is asked for at each call.

        ``timeout_seconds`` bounds a whole call, from connecting to the last byte looked at. ``allowed`` is
        asked right before a call's first byte is written: to connect may have taken seconds. Its no is a
        call that was not sent.
        """
        self._base_url: Final = httpx.URL(base_url.rstrip("/"))
        self._key: Final = key
        self._timeout: Final = timeout_seconds
        self._connections: Final = connections
        self._allowed: Final = allowed
        self._headers: Final = {
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": user_agent,
        }
        self._transport: AiohttpTransport | None = None

    async def start(self) -> None:
        """Open the connection pool; nothing is sent."""
        self._transport = AiohttpTransport(self._connections, self._allowed)

    async def close(self) -> None:
        """Close all connections."""
        if self._transport is not None:
            await self._transport.aclose()

    async def send(self, path: str, body: bytes) -> Answer | None:
        """Send a call's JSON body once and say what came back; None where it might not be sent any more.

        Nothing of the answer but its status, its Retry-After (and the Date that goes with one) and whether it
        is a web page leaves this edge.
        """
        try:
            return await self._exchange(self._request("POST", path, body))
        except NotAllowed:
            return None

    async def look(self, path: str, query: str = "") -> Answer:
        """Read from ``path`` with GET, which by HTTP's rules changes nothing, and say what came back."""
        return await self._exchange(self._request("GET", path, b"", query))

    async def _exchange(self, request: httpx.Request) -> Answer:
        if self._transport is None:
            raise RuntimeError("Linkrunner.start was not called")
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._transport.handle_async_request(request)
                try:
                    return await _read(response)
                finally:
                    await response.aclose()
        except NotAllowed:
            raise
        except httpx.ConnectError:
            return _NOT_SENT
        except (TimeoutError, httpx.TimeoutException):
            return Fault(FaultKind.TIMEOUT) if BEGUN in request.extensions else _NOT_SENT
        except httpx.ProtocolError:
            return Fault(FaultKind.PROTOCOL)
        except httpx.TransportError:
            return Fault(FaultKind.RESET)

    def _request(self, method: str, path: str, body: bytes, query: str = "") -> httpx.Request:
        whole = self._base_url.copy_with(path=self._base_url.path.rstrip("/") + path)
        return httpx.Request(
            method,
            whole.copy_with(query=query.encode()) if query else whole,
            headers={**self._headers, "linkrunner-key": self._key()},
            content=body,
            extensions={"timeout": {"connect": self._timeout * _CONNECT_SHARE, "read": self._timeout}},
        )


async def _read(response: httpx.Response) -> Response:
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= BODY_LIMIT:
            break
    retry_after = response.headers.get("retry-after")
    return Response(
        status=response.status_code,
        html=_is_html(response.headers.get("content-type", ""), body),
        retry_after=retry_after,
        date=None if retry_after is None else response.headers.get("date"),
    )


def _is_html(content_type: str, body: bytes) -> bool:
    text = body.removeprefix(codecs.BOM_UTF8).lstrip()
    return "html" in content_type.lower() or text[:1] == b"<"
