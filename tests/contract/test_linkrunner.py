"""The edge to the API against raw TCP servers: answers, connections, and what never reaches the API."""

import asyncio
import socket
import threading
from pathlib import Path

import pytest

from consumer.core.api.verdicts import Answer, Response
from consumer.edges.linkrunner import Linkrunner, client, transport
from tests.support.calls import (
    BODY,
    BROKEN,
    KEY,
    NOT_SENT,
    OK,
    RESET,
    TIMEOUT,
    ask,
    calling,
    hang,
    head,
    then_close,
)
from tests.support.certificates import certified
from tests.support.raw_server import RawServer, answering
from tests.support.rig import reached
from tests.support.waiting import free_port

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
        (head("201 Created", body=b"\xef\xbb\xbf\n<html>"), Response(201, html=True)),
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
        (head("429 Too Many", "Retry-After: 7", "Retry-After: 9"), Response(429, retry_after="7, 9")),
        (head("401 No", "Retry-After: 7", "Date: then"), Response(401, retry_after="7", date="then")),
        (head("401 No", "Date: then"), Response(401)),
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
            assert await call() == Response(201)
            assert server.connections == 2

    asyncio.run(scene())


@pytest.mark.parametrize("unasked", [OK, OK + OK, b"noise\r\n\r\n", b"\x15\x03\x03"])
def test_what_comes_unasked_is_nobodys_answer(unasked: bytes) -> None:
    """Bytes on an idle connection would be taken for the next call's answer: it is made on another one."""

    async def scene() -> None:
        server = RawServer(answering(OK))
        writers = []

        async def answer(writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            await answering(OK)(writer)

        server.behave = answer
        async with server.listening(), calling(server.url) as call:
            assert await call() == Response(201)
            writers[0].write(unasked)
            await writers[0].drain()
            server.behave = answering(head("503 Away"))
            await asyncio.sleep(0.05)
            assert await call() == Response(503)
            assert server.connections == 2

    asyncio.run(scene())


def test_what_comes_unasked_at_the_last_moment_is_nobodys_answer() -> None:
    """It lies in the socket and the loop has not read it yet: that is looked at, too."""

    async def scene() -> None:
        server = RawServer(answering(OK))
        writers = []

        async def answer(writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            await answering(OK)(writer)

        server.behave = answer
        async with server.listening(), calling(server.url) as call:
            assert await call() == Response(201)
            server.behave = answering(head("503 Away"))
            # Written to the socket at once, and read in the next turn of the loop at the earliest.
            writers[0].write(OK)
            assert await call() == Response(503)
            assert server.connections == 2

    asyncio.run(scene())


@pytest.mark.parametrize("cut", range(1, len(OK)))
def test_a_piece_that_comes_unasked_begins_no_answer(cut: int) -> None:
    """The first part of a good answer before the call, the rest behind it: together they are none."""

    async def scene() -> None:
        server = RawServer(answering(OK))
        writers = []

        async def answer(writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            await answering(OK)(writer)

        server.behave = answer
        async with server.listening(), calling(server.url) as call:
            assert await call() == Response(201)
            writers[0].write(OK[:cut])
            await asyncio.sleep(0)
            server.behave = then_close(OK[cut:])
            assert await call() in (BROKEN, RESET)

    asyncio.run(scene())


def test_what_may_not_be_sent_any_more_is_not_sent() -> None:
    """The question is asked once the connection is there: to connect may have taken seconds."""

    async def scene() -> None:
        server = RawServer(answering(OK))
        allowed = True
        async with server.listening(), calling(server.url, allowed=lambda: allowed) as call:
            assert await call() == Response(201)
            allowed = False
            assert await call() is None
            allowed = True
            assert await call() == Response(201)
            assert len(server.requests) == 2
            assert server.connections == 1

    asyncio.run(scene())


def test_the_question_is_asked_when_a_slow_connection_is_there() -> None:
    """Allowed when the call began, and not any more when it could be written: nothing of it is."""

    async def scene() -> None:
        server = RawServer(answering(OK))
        asked = []

        def allowed() -> bool:
            asked.append(server.connections)
            return False

        async with server.listening(), calling(server.url, allowed=allowed) as call:
            assert await call() is None
            assert len(asked) == 1
            await reached(lambda: server.connections == 1, "a connection was made")
            assert server.requests == []

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

    async def scene() -> Answer | None:
        async with calling(f"http://127.0.0.1:{free_port()}") as call:
            return await call()

    assert asyncio.run(scene()) == NOT_SENT


def test_a_name_that_nobody_knows_is_not_sent() -> None:
    """A failed look-up, too (RFC 6761 keeps .invalid free of hosts)."""

    async def scene() -> Answer | None:
        async with calling("http://no-such-host.invalid", timeout_seconds=30.0) as call:
            return await call()

    assert asyncio.run(scene()) == NOT_SENT


@pytest.mark.parametrize(
    ("timeout_seconds", "share"),
    [(3600.0, TIMEOUT / 3600.0), (TIMEOUT, 2.0)],
    ids=["connecting runs out", "the call runs out"],
)
def test_a_name_server_that_does_not_answer_is_not_sent(
    timeout_seconds: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever time is over first: without an address there is no connection, and nothing was written.

    Whoever waits for another call's look-up has not sent anything either. Once it answers, calls are made.
    """
    real = socket.getaddrinfo
    answers = threading.Event()

    def resolve(host: str | bytes, *rest: object, **more: object) -> object:
        if host not in ("api.example", b"api.example"):
            return real(host, *rest, **more)  # type: ignore[arg-type]  # passed on as they came
        answers.wait()
        return real("127.0.0.1", *rest, **more)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(client, "_CONNECT_SHARE", share)

    async def scene() -> None:
        server = RawServer(answering(OK))
        async with server.listening():
            address = f"http://api.example:{server.port}"
            try:
                async with calling(address, timeout_seconds=timeout_seconds) as call:
                    assert [*await asyncio.gather(call(), call())] == [NOT_SENT, NOT_SENT]
                    assert await call() == NOT_SENT
                    assert server.connections == 0
            finally:
                answers.set()
            monkeypatch.setattr(client, "_CONNECT_SHARE", 0.5)
            async with calling(address) as call:
                assert await call() == Response(201)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("host", "days", "trusted", "answer"),
    [
        ("127.0.0.1", 1.0, True, Response(201)),
        ("127.0.0.1", 1.0, False, NOT_SENT),
        ("127.0.0.1", -1.0, True, NOT_SENT),
        ("127.0.0.2", 1.0, True, NOT_SENT),
    ],
    ids=["good", "signed by itself", "expired", "another host's"],
)
def test_only_a_good_certificate_gets_a_call(
    host: str,
    days: float,
    trusted: bool,
    answer: Answer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the handshake fails before anything is sent."""

    async def scene() -> None:
        server = RawServer(answering(OK))
        tls = certified(tmp_path, days=days, host=host)
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(tls.file))
        async with server.listening(tls.context), calling(f"https://127.0.0.1:{server.port}") as call:
            assert await call() == answer
            assert len(server.requests) == (answer == Response(201))

    asyncio.run(scene())


def test_a_host_that_moves_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new connection asks for the address anew; one that works is kept."""
    real = socket.getaddrinfo
    where = "127.0.0.1"

    def resolve(host: str | bytes, *rest: object, **more: object) -> object:
        asked = where if host in ("api.example", b"api.example") else host
        return real(asked, *rest, **more)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(transport, "_DNS_SECONDS", 0)

    async def scene() -> None:
        nonlocal where
        old, new = RawServer(answering(OK)), RawServer(answering(OK))
        async with (
            old.listening(),
            new.listening(host="127.0.0.2", port=old.port),
            calling(f"http://api.example:{old.port}") as call,
        ):
            assert await call() == Response(201)
            where = "127.0.0.2"
            assert await call() == Response(201)
            assert (len(old.requests), len(new.requests)) == (2, 0)

            async def hang_up(writer: asyncio.StreamWriter) -> None:
                writer.transport.abort()

            old.behave = hang_up
            assert await call() == RESET
            assert await call() == Response(201)
            assert (len(old.requests), len(new.requests)) == (3, 1)

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


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["silent", "in clear"])
def test_a_server_that_does_not_shake_hands_gets_no_call(greeting: bytes) -> None:
    """Https to a port that says nothing, or answers in clear: half of a call's time is enough to see that."""

    async def scene() -> None:
        server = RawServer(answering(OK), greeting)
        async with (
            server.listening(),
            calling(f"https://127.0.0.1:{server.port}", timeout_seconds=TIMEOUT) as call,
        ):
            assert await call() == NOT_SENT
            assert server.requests == []

    asyncio.run(scene())
