"""How the simulator misbehaves on the wire: each fault's bytes, past the HTTP server where need be."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from consumer.lab.faults import Kind, Rule

#: Told the status just before it goes out; None where no status is ever sent.
Note = Callable[[int | None], None]

_PAGE: Final = "<!doctype html><html><head><title>Gateway</title></head><body>Please sign in.</body></html>"
_GARBAGE: Final = b"\x16\x03\x01 this is no HTTP \x00\xff\r\n\r\n"
_CHUNK: Final = 16 * 1024
_BUFFERED: Final = 256 * 1024
_PAUSE_SECONDS: Final = 0.005
_SLOW_STEPS: Final = 10
_MISSING_BYTES: Final = 1000
_SPARE_BYTES: Final = 5


def say(status: int, message: str, retry_after: int | None = None) -> web.Response:
    """Return an answer in the API's own shape; the body's ``status`` repeats the code."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return web.json_response({"msg": message, "status": status, "data": None}, status=status, headers=headers)


def page(rule: Rule) -> web.Response:
    """Return the answer that ``rule`` puts in place of the true one."""
    headers = {} if rule.retry_after is None else {"Retry-After": rule.retry_after}
    if rule.html:
        body = rule.body or _PAGE
        return web.Response(status=rule.status, text=body, content_type="text/html", headers=headers)
    if rule.status in {204, 304}:
        return web.Response(status=rule.status, headers=headers)
    text = json.dumps({"msg": "scripted fault", "status": rule.status}) if rule.body is None else rule.body
    return web.Response(status=rule.status, text=text, content_type="application/json", headers=headers)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call to be answered badly. ``truth`` is the true answer where the kind of ``rule`` is truthful.

    ``note`` is to be called with the status just before the answer is on the wire.
    """

    request: web.Request
    rule: Rule
    truth: web.Response
    note: Note


async def answer_badly(exchange: Exchange) -> web.StreamResponse:
    """Answer as the rule says. What is endless ends when the caller goes away: the server cancels it then."""
    return await _WAYS[exchange.rule.kind](exchange)


async def _status(exchange: Exchange) -> web.Response:
    """Answer with the scripted status and body."""
    exchange.note(exchange.rule.status)
    return page(exchange.rule)


async def _redirect(exchange: Exchange) -> web.Response:
    """Point elsewhere on this server, where a caller that follows is seen."""
    exchange.note(302)
    return web.Response(status=302, headers={"Location": f"{exchange.request.path}/elsewhere"})


async def _delay(exchange: Exchange) -> web.Response:
    """Tell the truth, late."""
    await asyncio.sleep(exchange.rule.seconds)
    exchange.note(exchange.truth.status)
    return exchange.truth


async def _hang(_exchange: Exchange) -> web.Response:
    """Never answer."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nothing completes that future")


async def _reset(exchange: Exchange) -> web.Response:
    """Cut the connection with a TCP reset instead of an answer."""
    exchange.note(None)
    transport = exchange.request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        # Lingering for zero seconds makes the close a reset, with what was sent thrown away.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


async def _garbage(exchange: Exchange) -> web.Response:
    """Answer with bytes that are no HTTP."""
    exchange.note(None)
    return _raw(exchange.request, _GARBAGE)


async def _truncated(exchange: Exchange) -> web.Response:
    """Announce a longer body than is sent before the connection closes."""
    answer = page(exchange.rule)
    exchange.note(answer.status)
    return _raw(exchange.request, _sized(answer, _MISSING_BYTES))


async def _wrong_length(exchange: Exchange) -> web.Response:
    """Tell the truth, and announce a shorter body than is sent: bytes are left over behind the answer."""
    exchange.note(exchange.truth.status)
    return _raw(exchange.request, _sized(exchange.truth, -_SPARE_BYTES))


def _sized(answer: web.Response, error: int) -> bytes:
    """Return the answer as bytes whose Content-Length is wrong by ``error``."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    head = f"{_head(answer.status)}Content-Length: {max(0, len(body) + error)}\r\n\r\n"
    return head.encode() + body


def _head(status: int) -> str:
    """Return the first lines of an answer that is written by hand."""
    return f"HTTP/1.1 {status} Scripted\r\nContent-Type: application/json\r\n"


def _raw(request: web.Request, data: bytes) -> web.Response:
    """Send ``data`` as it is and close. What the server would send after it finds the connection closed."""
    if request.transport is not None:
        request.transport.write(data)
        request.transport.close()
    return web.Response()


async def _endless_headers(exchange: Exchange) -> web.Response:
    """Send headers without end."""
    return await _pour(exchange, _head(exchange.rule.status), b"x-filler: " + b"f" * _CHUNK + b"\r\n")


async def _endless_body(exchange: Exchange) -> web.Response:
    """Send a body without end."""
    head = f"{_head(exchange.rule.status)}Connection: close\r\n\r\n"
    return await _pour(exchange, head, b" " * _CHUNK)


async def _pour(exchange: Exchange, head: str, piece: bytes) -> web.Response:
    """Send ``head`` and then ``piece`` again and again, until the caller goes away."""
    exchange.note(exchange.rule.status)
    data = head.encode()
    async for transport in _open_transport(exchange.request):
        transport.write(data)
        data = piece
    return web.Response()


async def _open_transport(request: web.Request) -> AsyncIterator[asyncio.Transport]:
    """Yield the connection each time it can take more, as long as it is open."""
    while (transport := request.transport) is not None and not transport.is_closing():
        if transport.get_write_buffer_size() < _BUFFERED:
            yield transport
        await asyncio.sleep(_PAUSE_SECONDS)


async def _slow_body(exchange: Exchange) -> web.StreamResponse:
    """Tell the truth, its body in small steps spread over the rule's seconds."""
    truth = exchange.truth
    exchange.note(truth.status)
    body = truth.body if isinstance(truth.body, bytes) else b""
    response = web.StreamResponse(status=truth.status, headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(exchange.request)
    step = max(1, -(-len(body) // _SLOW_STEPS))
    for begin in range(0, len(body), step):
        await asyncio.sleep(exchange.rule.seconds / _SLOW_STEPS)
        await response.write(body[begin : begin + step])
    await response.write_eof()
    return response


#: How each kind of fault is done.
_WAYS: Final[dict[Kind, Callable[[Exchange], Awaitable[web.StreamResponse]]]] = {
    Kind.STATUS: _status,
    Kind.HANG: _hang,
    Kind.RESET: _reset,
    Kind.GARBAGE: _garbage,
    Kind.TRUNCATED_BODY: _truncated,
    Kind.ENDLESS_HEADERS: _endless_headers,
    Kind.ENDLESS_BODY: _endless_body,
    Kind.REDIRECT: _redirect,
    Kind.DELAY: _delay,
    Kind.SLOW_BODY: _slow_body,
    Kind.WRONG_LENGTH: _wrong_length,
}
