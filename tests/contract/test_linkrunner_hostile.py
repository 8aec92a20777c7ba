"""The edge to the API against servers that are broken or hostile: bounded, and never taken for a success."""

import asyncio
import gzip
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pytest

from consumer.core.api.verdicts import Again, Answer, Delivered, Response, judge
from consumer.core.meaning.intents import Action
from consumer.edges.linkrunner.client import BODY_LIMIT
from tests.support.calls import (
    BROKEN,
    KEY,
    OK,
    RESET,
    TIMED_OUT,
    TIMEOUT,
    Flood,
    ask,
    calling,
    hang,
    head,
    then_close,
    then_hang,
    then_reset,
)
from tests.support.raw_server import Behaviour, RawServer, answering

MIB: Final = 2**20

#: More than a call ever needs, whatever is sent: its own buffers, and those of both sockets in this process.
MOST_MEMORY: Final = 8 * MIB
#: What may be sent before the other side's hanging up is noticed: the buffers of the machine, mostly.
MOST_SENT: Final = 32 * MIB

CREATED: Final = b"HTTP/1.1 201 Created\r\n"
CHUNKED: Final = CREATED + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Shape:
    """A way to answer, made anew for each use, and what the edge has to make of it."""

    behave: Callable[[], Behaviour]
    answer: Answer


def _shape(behave: Behaviour, answer: Answer) -> Shape:
    return Shape(lambda: behave, answer)


#: What is cut short, or no HTTP. The call was sent; nothing says how it ended.
BROKEN_OFF: Final[Mapping[str, Shape]] = {
    "closed before the answer": _shape(then_close(b""), RESET),
    "reset before the answer": _shape(then_reset(b""), RESET),
    "closed in the status line": _shape(then_close(b"HTTP/1.1 201 Cr"), RESET),
    "closed in the head": _shape(then_close(CREATED + b"Content-Le"), RESET),
    "reset in the head": _shape(then_reset(CREATED + b"Content-Le"), RESET),
    "closed behind the head": _shape(then_close(CREATED + b"Content-Length: 10\r\n\r\n"), BROKEN),
    "reset behind the head": _shape(then_reset(CREATED + b"Content-Length: 10\r\n\r\n"), BROKEN),
    "a body that is too short": _shape(then_close(CREATED + b"Content-Length: 10\r\n\r\n{}"), BROKEN),
    "reset in the body": _shape(then_reset(CREATED + b"Content-Length: 10\r\n\r\n{}"), BROKEN),
    "closed in a chunk": _shape(then_close(CHUNKED + b"5\r\n{}"), BROKEN),
    "closed between chunks": _shape(then_close(CHUNKED + b"2\r\n{}\r\n"), BROKEN),
    "closed in the trailers": _shape(then_close(CHUNKED + b"2\r\n{}\r\n0\r\nX: y\r\n"), BROKEN),
    "garbage for a chunk": _shape(answering(CHUNKED + b"zz\r\n{}\r\n"), BROKEN),
    "a chunk of minus two": _shape(answering(CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n"), BROKEN),
    "a chunk longer than it says": _shape(answering(CHUNKED + b"2\r\n{}{}{}\r\n0\r\n\r\n"), BROKEN),
    "another protocol": _shape(then_close(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), BROKEN),
    "HTTP/0.9": _shape(then_close(b"<html>hello</html>\r\n\r\n"), BROKEN),
    "noise": _shape(then_close(b"\x00\xff\x16\x03" * 100), BROKEN),
    "no status": _shape(then_close(b"HTTP/1.1 abc Created\r\n\r\n"), BROKEN),
    "a status of four digits": _shape(then_close(b"HTTP/1.1 2010 Created\r\n\r\n"), BROKEN),
    "no length": _shape(then_close(CREATED + b"Content-Length: ten\r\n\r\n"), BROKEN),
    "a length of minus one": _shape(then_close(CREATED + b"Content-Length: -1\r\n\r\n"), BROKEN),
    "two lengths": _shape(then_close(CREATED + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), BROKEN),
    "a length beside chunks": _shape(
        then_close(CREATED + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"), BROKEN
    ),
    "a huge status line": _shape(answering(b"HTTP/1.1 201 " + b"x" * 100_000 + b"\r\n\r\n"), BROKEN),
    "a huge header": _shape(answering(CREATED + b"X: " + b"x" * 100_000 + b"\r\n\r\n"), BROKEN),
    "a thousand headers": _shape(answering(CREATED + b"X: y\r\n" * 1000 + b"\r\n"), BROKEN),
    "a zero in a header": _shape(answering(CREATED + b"X: \x00\r\nContent-Length: 0\r\n\r\n"), BROKEN),
    "a header without a colon": _shape(answering(CREATED + b"nonsense\r\nContent-Length: 0\r\n\r\n"), BROKEN),
}

#: What would go on for ever, and ends with the time of the call. Nothing is kept of it meanwhile.
ENDLESS: Final[Mapping[str, Shape]] = {
    "no answer": _shape(hang, TIMED_OUT),
    "half a status line": _shape(then_hang(b"HTTP/1.1 2"), TIMED_OUT),
    "half a body": _shape(then_hang(CREATED + b"Content-Length: 10\r\n\r\n{}"), TIMED_OUT),
    "a body without an end": _shape(then_hang(CREATED + b"\r\n{}"), TIMED_OUT),
    "chunks without an end": _shape(then_hang(CHUNKED + b"2\r\n{}\r\n"), TIMED_OUT),
    "only a 100": _shape(then_hang(b"HTTP/1.1 100 Continue\r\n\r\n"), TIMED_OUT),
    "a body that drips": Shape(
        lambda: Flood(CREATED + b"Content-Length: 9999\r\n\r\n", b"x", every=0.01), TIMED_OUT
    ),
    "a head that drips": Shape(lambda: Flood(CREATED, b"X: y\r\n", every=0.02), TIMED_OUT),
    "a status line that drips": Shape(lambda: Flood(b"HTTP/1.1 201 ", b"x", every=0.02), TIMED_OUT),
    "interim answers that drip": Shape(
        lambda: Flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n", every=0.01), TIMED_OUT
    ),
    "a flood of interim answers": Shape(
        lambda: Flood(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10), TIMED_OUT
    ),
    "a chunk's extension without an end": Shape(lambda: Flood(CHUNKED + b"2;x=", b"x" * 4096), TIMED_OUT),
}

#: What comes as fast as it is read, and passes a bound.
FLOODS: Final[Mapping[str, Shape]] = {
    "a head without an end": Shape(lambda: Flood(CREATED, b"X-Name: value\r\n" * 100), BROKEN),
    "a status line without an end": Shape(lambda: Flood(b"HTTP/1.1 201 ", b"x" * 4096), BROKEN),
    "a header without an end": Shape(lambda: Flood(CREATED + b"X: ", b"x" * 4096), BROKEN),
    "trailers without an end": Shape(lambda: Flood(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n" * 500), BROKEN),
}

NO_ANSWERS: Final = {**BROKEN_OFF, **ENDLESS, **FLOODS}


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_what_is_no_answer_is_an_unknown_outcome(name: str) -> None:
    """The API may have done it. It is told as it is, the connection is closed, and no memory fills up."""
    shape = NO_ANSWERS[name]
    behave = shape.behave()
    tracemalloc.start()
    try:
        answer, server = ask(behave, timeout_seconds=TIMEOUT if shape.answer == TIMED_OUT else 30.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert answer == shape.answer
    assert server.open == 0
    assert len(server.requests) == 1
    assert peak < MOST_MEMORY
    if name in FLOODS:
        assert isinstance(behave, Flood)
        assert behave.sent < MOST_SENT


@pytest.mark.parametrize("name", NO_ANSWERS)
@pytest.mark.parametrize("action", Action)
def test_an_unknown_outcome_settles_nothing(name: str, action: Action) -> None:
    """By the table it is tried again, as something that may have been done."""
    verdict = judge(action, NO_ANSWERS[name].answer, now=datetime.now(UTC), retry_after_cap=300)

    assert isinstance(verdict, Again)
    assert verdict.unknown


#: Answers with a status that are odd in some other way.
ODD: Final[Mapping[str, tuple[bytes, Answer]]] = {
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", Response(204)),
    "a page instead": (
        head("200 OK", "Content-Type: text/html", body=b"<p>log in</p>"),
        Response(200, html=True),
    ),
    "a page with a mark before it": (head("200 OK", body=b"\xef\xbb\xbf<p>"), Response(200, html=True)),
    "a status that does not exist": (head("999 What"), Response(999)),
    "partial content": (head("206 Partial Content", body=b"{"), Response(206)),
    "another way": (head("301 Moved", "Location: https://elsewhere.example/"), Response(301)),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("action", Action)
def test_an_odd_answer_settles_nothing(name: str, action: Action) -> None:
    """Only 200 and 201 do, and only where no web page comes with them."""
    text, expected = ODD[name]

    answer, _ = ask(then_close(text))

    assert answer == expected
    assert not isinstance(judge(action, answer, now=datetime.now(UTC), retry_after_cap=300), Delivered)


@pytest.mark.parametrize(
    "opening",
    [CREATED + b"\r\n", CREATED + b"Content-Length: 1073741824\r\n\r\n"],
    ids=["without a length", "of a gigabyte"],
)
def test_an_endless_body_is_judged_by_its_status(opening: bytes) -> None:
    """The rest is left unread and the connection closed: a few buffers' worth was sent, no more."""
    flood = Flood(opening, b"x" * 4096)
    tracemalloc.start()
    try:
        answer, server = ask(flood)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert answer == Response(201)
    assert BODY_LIMIT <= flood.sent < MOST_SENT
    assert peak < MOST_MEMORY
    assert server.open == 0


def test_an_interim_answer_is_passed_over() -> None:
    """A 100 or 103 before the answer is not the answer."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"
    assert ask(answering(interim + OK))[0] == Response(201)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_a_compressed_answer_is_not_unpacked(encoding: str) -> None:
    """Nobody asked for it. A bomb of 100 MB stays the 100 KB that it is."""
    bomb = gzip.compress(bytes(100_000_000), compresslevel=1)
    assert len(bomb) > BODY_LIMIT
    text = head("201 Created", f"Content-Encoding: {encoding}", body=bomb)
    tracemalloc.start()
    try:
        answer, _ = ask(answering(text))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert answer == Response(201)
    assert peak < MOST_MEMORY


def test_a_reset_behind_the_work_is_an_unknown_outcome() -> None:
    """The server has read all of the call and done it before it cut the line: nobody here can know."""
    answer, server = ask(then_reset(b""))

    assert answer == RESET
    assert server.requests[0].endswith(b'{"payment_id":"pay-1"}')


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
