"""The edge to the API against raw TCP servers: every answer becomes a value, in bounded time and memory."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from consumer.core.api.verdicts import Answer, Fault, FaultKind, Response
from consumer.edges.linkrunner import Linkrunner
from consumer.edges.linkrunner.client import BODY_LIMIT
from tests.support.certificates import certified
from tests.support.raw_server import Behaviour, RawServer, answering
from tests.support.rig import reached
from tests.support.waiting import free_port

KEY: Final = "the-server-key-of-this-test"
BODY: Final = b'{"payment_id":"pay-1"}'
OK: Final = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"
TIMEOUT: Final = 0.5

RESET: Final = Fault(FaultKind.RESET)
BROKEN: Final = Fault(FaultKind.PROTOCOL)
TIMED_OUT: Final = Fault(FaultKind.TIMEOUT)
NOT_SENT: Final = Fault(FaultKind.CONNECT, sent=False)


@asynccontextmanager
async def calling(
    base_url: str, key: Callable[[], str] = lambda: KEY, timeout_seconds: float = 5.0, connections: int = 4
) -> AsyncIterator[Callable[[], Awaitable[Answer]]]:
    """Give a function that makes one call."""
    api = Linkrunner(
        base_url, key, timeout_seconds=timeout_seconds, connections=connections, user_agent="tests/1"
    )
    await api.start()
    try:
        yield lambda: api.send("/capture-payment", BODY)
    finally:
        await api.close()


def ask(behave: Behaviour, *, timeout_seconds: float = 5.0) -> tuple[Answer, RawServer]:
    """Return the answer to one call of a server that behaves so, and the server."""
    server = RawServer(behave)

    async def scene() -> Answer:
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


# ----------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (head("201 Created", "Content-Type: application/json", body=b'{"ok":1}'), Response(201)),
        (head("201 Created", "Content-Type: text/plain", body=b"done"), Response(201)),
        (head("201 Created"), Response(201)),
        (head("200 OK"), Response(200)),
        (head("200 OK", "Content-Type: text/HTML; charset=x", body=b"hi"), Response(200, html=True)),
        (head("200 OK", body=b"\r\n <!doctype html><html>"), Response(200, html=True)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Response(204)),
        (head("202 Accepted"), Response(202)),
        (head("302 Found", "Location: http://127.0.0.1:1/"), Response(302)),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", Response(304)),
        (head("400 Bad Request", body=b'{"msg":"no payment found"}'), Response(400)),
        (head("401 Unauthorized"), Response(401)),
        (head("429 Too Many", "Retry-After: 7"), Response(429, retry_after="7")),
        (
            head("503 Away", "retry-after: Sun, 01 Mar 2026 12:00:00 GMT"),
            Response(503, retry_after="Sun, 01 Mar 2026 12:00:00 GMT"),
        ),
        (head("503 Away", "Retry-After: \xff"), Response(503, retry_after="ÿ")),
        (head("500 Oops", body=b"<html>"), Response(500, html=True)),
        (head("599 Odd"), Response(599)),
        (b"HTTP/1.0 201 Created\r\n\r\n{}", Response(201)),
        (b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", Response(201)),
    ],
)
def test_an_answer_becomes_a_value(text: bytes, answer: Response) -> None:
    """Status, Retry-After and whether it is a web page: nothing else of it leaves the edge."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        writer.close()

    assert ask(behave)[0] == answer


def test_the_request_is_what_the_api_documents() -> None:
    """POST, JSON, the key in its header, the body byte for byte, and no header that nobody asked for."""
    _, server = ask(answering(OK))

    (request,) = server.requests
    first, *lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert first == "POST /capture-payment HTTP/1.1"
    assert request.endswith(b"\r\n\r\n" + BODY)
    assert headers == {
        "host": f"127.0.0.1:{server.port}",
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "tests/1",
        "linkrunner-key": KEY,
        "content-length": str(len(BODY)),
    }


@pytest.mark.parametrize("base", ["/api/v1", "/api/v1/", "/", ""])
def test_the_path_stands_under_the_base(base: str) -> None:
    """A slash more or less in ``base_url`` makes no other address."""

    async def scene() -> bytes:
        async with (
            RawServer(answering(OK)).listening() as server,
            calling(server.url + base) as call,
        ):
            await call()
            return server.requests[0].split(b" ")[1]

    assert asyncio.run(scene()).decode() == base.rstrip("/") + "/capture-payment"


def test_a_redirect_is_not_followed() -> None:
    """Whoever is named in Location never hears of the call, nor of the key."""

    async def scene() -> None:
        async with RawServer(answering(OK)).listening() as target:
            moved = head("307 Temporary Redirect", f"Location: {target.url}/capture-payment")
            async with (
                RawServer(answering(moved)).listening() as server,
                calling(server.url) as call,
            ):
                assert await call() == Response(307)
            assert target.connections == 0

    asyncio.run(scene())


def test_cookies_are_not_kept() -> None:
    """Calls have nothing to do with one another."""

    async def scene() -> None:
        answer = head("201 Created", "Set-Cookie: session=1; Path=/")
        async with (
            RawServer(answering(answer)).listening() as server,
            calling(server.url) as call,
        ):
            await call()
            await call()
            assert len(server.requests) == 2
            assert b"cookie" not in server.requests[1].lower()

    asyncio.run(scene())


def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key goes to the configured address and nowhere else."""

    async def scene() -> None:
        async with (
            RawServer(answering(OK)).listening() as proxy,
            RawServer(answering(OK)).listening() as server,
        ):
            for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy.url)
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
            async with calling(server.url) as call:
                assert await call() == Response(201)
            assert (proxy.connections, server.connections) == (0, 1)

    asyncio.run(scene())


def test_the_key_is_asked_for_at_each_call() -> None:
    """A rotated key is used by the very next call, also on a connection that is open already."""

    async def scene() -> None:
        keys = iter(["first-key", "second-key"])
        async with (
            RawServer(answering(OK)).listening() as server,
            calling(server.url, lambda: next(keys)) as call,
        ):
            await call()
            await call()
            first, second = server.requests
            assert (b"first-key" in first, b"second-key" in first) == (True, False)
            assert (b"first-key" in second, b"second-key" in second) == (False, True)
            assert server.connections == 1

    asyncio.run(scene())


# ------------------------------------------------------------------------------------- connections


def test_connections_are_kept_and_bounded() -> None:
    """One after the other: one connection. Many at once: as many as allowed, and all are answered."""

    async def scene() -> None:
        async with (
            RawServer(answering(OK)).listening() as server,
            calling(server.url, connections=3) as call,
        ):
            for _ in range(5):
                assert await call() == Response(201)
            assert server.connections == 1
            assert await asyncio.gather(*(call() for _ in range(12))) == [Response(201)] * 12
            assert server.connections <= 3

    asyncio.run(scene())


def test_a_kept_connection_that_dies_under_a_call_is_an_unknown_outcome() -> None:
    """The server hangs up on the second call: told as it is, sent once; the next one works."""

    async def scene() -> None:
        server = RawServer(answering(OK))

        async def hang_up(writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        async with server.listening(), calling(server.url) as call:
            assert await call() == Response(201)
            server.behave = hang_up
            assert await call() == RESET
            assert len(server.requests) == 2
            server.behave = answering(OK)
            assert await call() == Response(201)
            assert server.connections == 2

    asyncio.run(scene())


def test_a_connection_that_died_while_idle_is_not_used() -> None:
    """A server that closes idle connections costs nothing but a new one."""

    async def scene() -> None:
        server = RawServer(answering(OK))

        async def answer_and_leave(writer: asyncio.StreamWriter) -> None:
            writer.write(OK)
            writer.close()

        server.behave = answer_and_leave
        async with server.listening(), calling(server.url) as call:
            assert await call() == Response(201)
            await reached(lambda: server.open == 0, "the server has hung up")
            await asyncio.sleep(0.05)
            assert await call() == Response(201)
            assert server.connections == 2

    asyncio.run(scene())


def test_closing_closes_every_connection() -> None:
    """After the end nothing is left open, and nothing is sent without a start."""

    async def scene() -> None:
        server = RawServer(answering(OK))
        api = Linkrunner(server.url, lambda: KEY, timeout_seconds=5, connections=2, user_agent="t")
        with pytest.raises(RuntimeError):
            await api.send("/capture-payment", BODY)
        await api.close()
        async with server.listening():
            async with calling(server.url) as call:
                await asyncio.gather(call(), call())
            await reached(lambda: server.open == 0, "all connections are closed")

    asyncio.run(scene())


def test_a_cancelled_call_leaves_no_connection() -> None:
    """An answer that comes after all must not be taken for that of the next call."""

    async def scene() -> None:
        server = RawServer(hang)
        async with server.listening(), calling(server.url) as call:
            cut = asyncio.ensure_future(call())
            await reached(lambda: server.requests, "the call has arrived")
            cut.cancel()
            await asyncio.wait({cut})
            assert cut.cancelled()
            await reached(lambda: server.open == 0, "the connection is closed")
            server.behave = answering(OK)
            assert await call() == Response(201)

    asyncio.run(scene())


# -------------------------------------------------------------------------------- what never arrived


def test_a_port_where_nobody_listens_is_not_sent() -> None:
    """Connection refused proves that the API has not seen the call."""

    async def scene() -> Answer:
        async with calling(f"http://127.0.0.1:{free_port()}") as call:
            return await call()

    assert asyncio.run(scene()) == NOT_SENT


def test_a_name_that_nobody_knows_is_not_sent() -> None:
    """A failed look-up, too (RFC 6761 keeps .invalid free of hosts)."""

    async def scene() -> Answer:
        async with calling("http://no-such-host.invalid", timeout_seconds=30.0) as call:
            return await call()

    assert asyncio.run(scene()) == NOT_SENT


def test_a_certificate_that_nobody_trusts_gets_no_call(tmp_path: Path) -> None:
    """The handshake fails before anything is sent."""

    async def scene() -> None:
        server = RawServer(answering(OK))
        async with (
            server.listening(certified(tmp_path).context),
            calling(f"https://127.0.0.1:{server.port}") as call,
        ):
            assert await call() == NOT_SENT
            assert server.requests == []

    asyncio.run(scene())


def test_looking_reads_and_nothing_else() -> None:
    """A look is a GET with the key and no body, at the path and query that are asked for."""

    async def scene() -> None:
        server = RawServer(answering(head("404 Not Found", "Content-Type: application/json", body=b"{}")))
        async with server.listening():
            api = Linkrunner(
                f"{server.url}/v1", lambda: KEY, timeout_seconds=5, connections=1, user_agent="t"
            )
            await api.start()
            assert await api.look("/capture-payment") == Response(404)
            assert await api.look("/reporting/campaigns", "limit=1") == Response(404)
            await api.close()
        lines = [request.split(b"\r\n")[0] for request in server.requests]
        assert lines == [
            b"GET /v1/capture-payment HTTP/1.1",
            b"GET /v1/reporting/campaigns?limit=1 HTTP/1.1",
        ]
        assert all(request.endswith(b"\r\n\r\n") and KEY.encode() in request for request in server.requests)

    asyncio.run(scene())


def test_a_server_without_tls_gets_no_call() -> None:
    """Https to a port that speaks plain text fails before anything is sent."""

    async def scene() -> None:
        server = RawServer(answering(OK))
        async with (
            server.listening(),
            calling(f"https://127.0.0.1:{server.port}", timeout_seconds=2.0) as call,
        ):
            assert await call() == NOT_SENT
            assert server.requests == []

    asyncio.run(scene())


# -------------------------------------------------------------------------------- broken and hostile


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
    """Return the behaviour that begins an answer and cuts the line."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    return behave


@pytest.mark.parametrize(
    ("behave", "answer"),
    [
        (then_close(b""), RESET),
        (then_reset(b""), RESET),
        (then_close(b"HTTP/1.1 201 Cr"), RESET),
        (then_close(b"HTTP/1.1 201 Created\r\nContent-Le"), RESET),
        (then_close(b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n{}"), BROKEN),
        (then_reset(b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n{}"), BROKEN),
        (then_close(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}"), BROKEN),
        (answering(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"), BROKEN),
        (then_close(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), BROKEN),
        (then_close(b"\x00\xff\x16\x03" * 100), BROKEN),
        (then_close(b"HTTP/1.1 abc Created\r\n\r\n"), BROKEN),
        (then_close(b"HTTP/1.1 201 Created\r\nContent-Length: ten\r\n\r\n"), BROKEN),
        (then_close(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), BROKEN),
        (answering(b"HTTP/1.1 201 " + b"x" * 100_000 + b"\r\n\r\n"), BROKEN),
        (answering(b"HTTP/1.1 201 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"), BROKEN),
    ],
    ids=[
        "closed before the answer",
        "reset before the answer",
        "closed in the status line",
        "closed in the head",
        "closed in the body",
        "reset in the body",
        "closed in a chunk",
        "no chunk",
        "another protocol",
        "noise",
        "no status",
        "no length",
        "two lengths",
        "huge status line",
        "huge header",
    ],
)
def test_what_is_no_answer_is_an_unknown_outcome(behave: Behaviour, answer: Fault) -> None:
    """The API may have done it: the call was sent, and nothing that came back says how it ended."""
    assert ask(behave)[0] == answer


@pytest.mark.parametrize(
    "behave",
    [
        hang,
        then_hang(b"HTTP/1.1 2"),
        then_hang(b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n{}"),
        then_hang(b"HTTP/1.1 201 Created\r\n\r\n{}"),
        then_hang(b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["no answer", "half a status line", "half a body", "a body without an end", "only a 100"],
)
def test_what_never_ends_ends_with_the_timeout(behave: Behaviour) -> None:
    """The whole call has one budget, and the connection goes with it."""
    began = time.monotonic()
    answer, server = ask(behave, timeout_seconds=TIMEOUT)

    assert answer == TIMED_OUT
    assert TIMEOUT <= time.monotonic() - began < TIMEOUT + 3.0
    assert server.open == 0


def dripping(opening: bytes, drop: bytes, every: float) -> Behaviour:
    """Return the behaviour that goes on and on, a little at a time."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(opening)
        while not writer.is_closing():
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(every)

    return behave


@pytest.mark.parametrize(
    "behave",
    [
        dripping(b"HTTP/1.1 201 Created\r\nContent-Length: 9999\r\n\r\n", b"x", 0.01),
        dripping(b"HTTP/1.1 201 Created\r\n", b"X: y\r\n", 0.02),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01),
    ],
    ids=["body", "head", "interim answers"],
)
def test_an_answer_that_drips_ends_with_the_timeout(behave: Behaviour) -> None:
    """No byte that comes in time prolongs the call."""
    began = time.monotonic()

    assert ask(behave, timeout_seconds=TIMEOUT)[0] == TIMED_OUT
    assert time.monotonic() - began < TIMEOUT + 3.0


class Flood:
    """Sends as fast as it is read, and counts."""

    def __init__(self, opening: bytes, drop: bytes) -> None:
        self._opening = opening
        self._drop = drop
        self.sent = 0

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        """Send until the other side hangs up."""
        writer.write(self._opening)
        while not writer.is_closing():
            writer.write(self._drop)
            self.sent += len(self._drop)
            await writer.drain()


def test_an_endless_body_is_judged_by_its_status() -> None:
    """The rest is left unread and the connection closed: a few buffers' worth was sent, no more."""
    flood = Flood(b"HTTP/1.1 201 Created\r\n\r\n", b"x" * 4096)
    began = time.monotonic()

    answer, server = ask(flood, timeout_seconds=10.0)

    assert answer == Response(201)
    assert time.monotonic() - began < 8.0
    assert BODY_LIMIT <= flood.sent < 32 * 2**20
    assert server.open == 0


def test_an_endless_head_is_refused() -> None:
    """A head has a bound; whoever passes it is no API."""
    flood = Flood(b"HTTP/1.1 201 Created\r\n", b"X-Name: value\r\n" * 100)

    answer, _ = ask(flood, timeout_seconds=10.0)

    assert answer == BROKEN
    assert flood.sent < 32 * 2**20


def test_a_flood_of_interim_answers_ends_with_the_timeout() -> None:
    """They are passed over, one by one, until the budget is spent; nothing is kept of them."""
    flood = Flood(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10)

    answer, server = ask(flood, timeout_seconds=TIMEOUT)

    assert answer == TIMED_OUT
    assert server.open == 0


def test_an_interim_answer_is_passed_over() -> None:
    """A 100 or 103 before the answer is not the answer."""
    assert ask(answering(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OK))[
        0
    ] == Response(201)


def test_a_compressed_answer_is_not_unpacked() -> None:
    """Nobody asked for it. A bomb of 100 MB stays the 100 KB that it is."""
    bomb = gzip.compress(bytes(100_000_000), compresslevel=1)
    assert len(bomb) > BODY_LIMIT
    began = time.process_time()

    answer, _ = ask(answering(head("201 Created", "Content-Encoding: gzip", body=bomb)))

    assert answer == Response(201)
    assert time.process_time() - began < 1.0


def test_surplus_bytes_are_not_the_next_answer() -> None:
    """What comes behind the announced length belongs to no call: it must not settle the next one."""

    async def scene() -> None:
        server = RawServer(answering(head("500 Oops") + OK))
        async with server.listening(), calling(server.url) as call:
            assert await call() == Response(500)
            server.behave = answering(head("401 Unauthorized"))
            assert await call() == Response(401)

    asyncio.run(scene())


@pytest.mark.parametrize(
    "behave",
    [answering(OK), then_close(b""), then_close(b"noise\r\n\r\n"), hang],
    ids=["ok", "reset", "noise", "hang"],
)
def test_the_key_is_in_no_log(behave: Behaviour, caplog: pytest.LogCaptureFixture) -> None:
    """However a call ends, the libraries below say nothing of its headers or its body."""
    with caplog.at_level("DEBUG"):
        ask(behave, timeout_seconds=TIMEOUT)

    assert KEY not in caplog.text
    assert "pay-1" not in caplog.text
