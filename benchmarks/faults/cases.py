"""The table: what is wrong, and what has to come of it. A row is data; ``play`` knows no row by name."""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from tests.support.calls import OK, Flood, hang, head, then_close, then_hang, then_reset
from tests.support.payments import payment_id
from tests.support.raw_server import Behaviour, answering

#: Payments that are delivered before the fault begins; the first of the fault has this number.
WARM: Final = 10
#: Calls that the service has in flight at most.
IN_FLIGHT: Final = 16


class Group(StrEnum):
    """The parts of the table, in their order."""

    STATUS = "Answers by their status"
    BROKEN = "Answers that are no answers"
    LATE = "Answers that are late or odd, and true"
    WAY = "No way to the API"


class Tls(StrEnum):
    """The certificate that the API shows while the fault lasts."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    OTHER_HOST = "other host"


class Names(StrEnum):
    """What the name server says of the API while the fault lasts; with the last, the API is elsewhere."""

    UNKNOWN = "unknown"
    SILENT = "silent"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Expect:
    """What has to be seen.

    ``holds`` and ``ready`` are what the service says while the fault lasts. ``retried`` are the reasons of
    ``retries_total``, all of them. ``letters`` is how many dead letters there are, at least and at most.
    ``delivered`` of the payments are delivered while the fault lasts, and no more than ``met`` calls meet it
    (None: any number).
    """

    retried: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    ready: bool = True
    letters: tuple[int, int] = (0, 0)
    delivered: int = 0
    met: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A row. ``does`` is what the service does, for people.

    The fault is a ``script`` of the simulator, a ``shape`` of bytes, a certificate (``tls``), a port where
    nobody listens (``gone``) or what becomes of the API's name (``names``). ``applied``: the API does what it
    is asked before a shape goes wrong. It lasts for ``seconds``, or until a script is through with it.

    ``records`` are produced while it lasts, payments or ``refunds`` of payments that the API does not know;
    for the reasons in ``excuses`` some of them may become dead letters though nothing is wrong with them.
    ``settings`` of the section ``linkrunner`` go on top of those of all rows.
    """

    name: str
    group: Group
    fault: str
    does: str
    expect: Expect
    script: str = ""
    shape: Callable[[], Behaviour] | None = None
    tls: Tls | None = None
    gone: bool = False
    names: Names | None = None
    applied: bool = False
    seconds: float = 2.0
    records: int = 40
    refunds: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)
    excuses: frozenset[str] = frozenset()


_AGAIN: Final = "tries again, with backoff, until it succeeds"
_LETTER: Final = "dead letter, once the broker has acknowledged it"
_SILENCE: Final = "silence for as long as it is asked for"
_REPEATED: Final = "tries again; the API knows the payment and counts it once"


#: Names of RFC 9110 that Python has not always had.
_PHRASES: Final = {413: "Content Too Large", 422: "Unprocessable Content"}


def _phrase(status: int) -> str:
    known = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    return _PHRASES.get(status, known)


def _again(status: int, fault: str = "", script: str = "", reason: str = "", does: str = _AGAIN) -> Case:
    name = _phrase(status)
    return Case(
        name=(script or str(status)).replace(" ", "-"),
        group=Group.STATUS,
        fault=fault or f"{status} {name}".strip(),
        does=does,
        script=script or str(status),
        expect=Expect(retried=(reason or str(status),)),
    )


def _refused(status: int) -> Case:
    return Case(
        name=str(status),
        group=Group.STATUS,
        fault=f"{status} {_phrase(status)}, for three payments",
        does=_LETTER,
        script=f"{status} first=3",
        expect=Expect(letters=(3, 3)),
    )


def _held(status: int, cause: str, script: str = "") -> Case:
    return Case(
        name=script or str(status),
        group=Group.STATUS,
        fault=f"{status} {_phrase(status)}",
        does=f"holds all calls (`{cause}`), one probe each two seconds",
        script=script or str(status),
        expect=Expect(holds=(cause,), ready=False),
    )


def _broken(
    name: str,
    fault: str,
    reason: str,
    *,
    script: str = "",
    shape: Callable[[], Behaviour] | None = None,
    applied: bool = False,
) -> Case:
    does = _REPEATED if applied else _AGAIN
    return Case(name, Group.BROKEN, fault, does, Expect(retried=(reason,)), script, shape, applied=applied)


def _away_until_a_date() -> Behaviour:
    """Return the answer that asks for silence in the other form: for five to six seconds."""
    back = format_datetime(datetime.now(UTC) + timedelta(seconds=6), usegmt=True)
    return answering(head("503 Away", f"Retry-After: {back}"))


_CREATED: Final = b"HTTP/1.1 201 Created\r\n"
#: A head that announces a body of 1 GB.
_HUGE: Final = _CREATED + b"Content-Length: 1000000000\r\n\r\n"
_BOMB: Final = gzip.compress(bytes(50_000_000), compresslevel=1)

_STATUSES: Final = (
    _again(202, does=f"{_AGAIN}; after a minute without a success: hold `address`"),
    _again(204, does=f"{_AGAIN}; after a minute without a success: hold `address`"),
    _again(
        200,
        "200 with a web page, as a proxy gives it",
        "200 html",
        "html",
        f"{_AGAIN}; after a minute without a success: hold `address`",
    ),
    _held(302, "address", "redirect"),
    _refused(400),
    Case(
        name="400-remove",
        group=Group.STATUS,
        fault="400 on a remove",
        does="tries again until its grace is over, half a second here; then it is settled and counted",
        script="400 action=remove",
        refunds=True,
        expect=Expect(),
    ),
    _held(401, "credentials"),
    _held(402, "credentials"),
    _held(403, "credentials"),
    _held(404, "address"),
    _held(405, "address"),
    _held(407, "credentials"),
    _again(408),
    _refused(409),
    _refused(410),
    _refused(413),
    _refused(415),
    _refused(422),
    Case(
        name="422-for-all",
        group=Group.STATUS,
        fault="422 Unprocessable, for every payment",
        does="dead letters, until too many are: then the topic is held (`refusals`)",
        script="422",
        seconds=4.0,
        records=100,
        excuses=frozenset({"refused"}),
        expect=Expect(holds=("refusals",), letters=(1, 49)),
    ),
    _again(425, "425 Too Early"),
    _again(429, does=f"{_AGAIN}, and sends more slowly for a while"),
    _again(
        429,
        "429 with `Retry-After: 1`",
        "429 retry-after=1",
        "429",
        "silence for as long as it is asked for, then more slowly for a while",
    ),
    _again(500),
    Case(
        name="500-for-one",
        group=Group.STATUS,
        fault="500, for one payment only",
        does="tries that one again, with backoff; all others are delivered meanwhile",
        script=f"500 payment={payment_id(WARM)}",
        expect=Expect(retried=("500",), delivered=39),
    ),
    _again(500, "500, and the API had done it", "500 applied", "500", _REPEATED),
    _again(502, "502 with a web page", "502 html", "502"),
    _again(503),
    _again(503, "503 with `Retry-After: 1`", "503 retry-after=1", "503", _SILENCE),
    Case(
        name="503-retry-date",
        group=Group.STATUS,
        fault="503 with a date in `Retry-After`, some seconds ahead",
        does=_SILENCE,
        shape=_away_until_a_date,
        seconds=4.0,
        expect=Expect(retried=("503",), met=IN_FLIGHT),
    ),
    Case(
        name="503-retry-absurd",
        group=Group.STATUS,
        fault="503 with `Retry-After: 99999999999999999999`",
        does="silence for `linkrunner.retry_after_cap_seconds` at most, 2 s here",
        script="503 retry-after=99999999999999999999",
        settings={"retry_after_cap_seconds": 2},
        expect=Expect(retried=("503",)),
    ),
    _again(504),
    _again(599, "599, which nobody knows"),
)

_BROKEN: Final = (
    _broken("reset", "a reset before the answer", "reset", script="reset"),
    _broken("reset-applied", "a reset after the API had done it", "reset", script="reset applied"),
    _broken("hang", "no answer at all", "timeout", script="hang"),
    _broken("hang-applied", "no answer, and the API had done it", "timeout", script="hang applied"),
    _broken("closed", "the connection ends before the answer", "reset", shape=lambda: then_close(b"")),
    _broken(
        "closed-in-head",
        "it ends within the head",
        "reset",
        shape=lambda: then_close(_CREATED + b"Content-Le"),
    ),
    _broken(
        "closed-in-body",
        "it ends within the body, and the API had done it",
        "protocol",
        shape=lambda: then_close(_CREATED + b"Content-Length: 10\r\n\r\n{}"),
        applied=True,
    ),
    _broken(
        "reset-in-body",
        "it is reset within the body, and the API had done it",
        "protocol",
        shape=lambda: then_reset(_CREATED + b"Content-Length: 10\r\n\r\n{}"),
        applied=True,
    ),
    _broken("truncated-body", "a body shorter than announced", "protocol", script="truncated-body"),
    _broken(
        "huge-length",
        "1 GB announced, nothing of it sent, and the API had done it",
        "timeout",
        shape=lambda: then_hang(_HUGE),
        applied=True,
    ),
    _broken("wrong-length", "more bytes than announced", "protocol", script="wrong-length", applied=True),
    _broken("garbage", "bytes that are no HTTP", "protocol", script="garbage"),
    _broken(
        "garbage-chunks",
        "chunks that are none",
        "protocol",
        shape=lambda: answering(_CREATED + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
    ),
    _broken(
        "two-lengths",
        "two different lengths",
        "protocol",
        shape=lambda: then_close(_CREATED + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    ),
    _broken("endless-headers", "headers without end", "protocol", script="endless-headers"),
    _broken(
        "huge-header",
        "one header of 100 kB",
        "protocol",
        shape=lambda: answering(_CREATED + b"X: " + b"x" * 100_000 + b"\r\n\r\n"),
    ),
    _broken(
        "interim-flood",
        "nothing but interim answers, without end",
        "timeout",
        shape=lambda: Flood(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10, every=0.001),
    ),
    _broken(
        "slow-head",
        "a head that drips, without end",
        "timeout",
        shape=lambda: Flood(_CREATED, b"X: y\r\n", every=0.1),
    ),
    _broken(
        "body-without-end",
        "a body whose end never comes",
        "timeout",
        shape=lambda: then_hang(_CREATED + b"\r\n{}"),
    ),
    _broken("endless-body-503", "a body without end, with 503", "503", script="endless-body status=503"),
)

_LATE: Final = (
    Case(
        "endless-body",
        Group.LATE,
        "201 with a body without end",
        "delivered: the status decides; 64 KiB are read and the connection is closed",
        Expect(),
        script="endless-body applied",
    ),
    Case(
        "huge-body",
        Group.LATE,
        "201 with a body of 1 GB",
        "delivered: the status decides; 64 KiB are read and the connection is closed",
        Expect(),
        shape=lambda: Flood(_HUGE, b"x" * 65_536),
        applied=True,
    ),
    Case(
        "gzip-bomb",
        Group.LATE,
        "201 with a compressed body of 50 MB",
        "delivered; nothing is unpacked",
        Expect(),
        shape=lambda: answering(head("201 Created", "Content-Encoding: gzip", body=_BOMB)),
        applied=True,
    ),
    Case(
        "unasked",
        Group.LATE,
        "a second answer that nobody asked for, on an idle connection",
        "delivered; the next call uses another connection",
        Expect(),
        shape=lambda: answering(OK + OK),
        applied=True,
    ),
    Case(
        "slow-body",
        Group.LATE,
        "a body that takes half a second",
        "delivered",
        Expect(),
        script="slow-body=500ms",
    ),
    Case("delay", Group.LATE, "an answer after half a second", "delivered", Expect(), script="delay=500ms"),
    Case(
        "too-late",
        Group.LATE,
        "an answer after the timeout, and the API had done it",
        _REPEATED,
        Expect(retried=("timeout",)),
        script="delay=3s",
        seconds=4.0,
    ),
)

_WAY: Final = (
    Case("refused", Group.WAY, "the port is closed", _AGAIN, Expect(retried=("connect",)), gone=True),
    Case(
        "silent",
        Group.WAY,
        "the port is open and says nothing",
        _AGAIN,
        Expect(retried=("timeout",)),
        shape=lambda: hang,
    ),
    Case(
        "unknown-name",
        Group.WAY,
        "the name is unknown",
        _AGAIN,
        Expect(retried=("connect",)),
        names=Names.UNKNOWN,
    ),
    Case(
        "silent-name-server",
        Group.WAY,
        "the name server does not answer",
        _AGAIN,
        Expect(retried=("connect",)),
        names=Names.SILENT,
        seconds=4.0,
    ),
    Case(
        "moved",
        Group.WAY,
        "the API has moved to another address",
        "tries again, with backoff; the name is looked up anew after 10 s",
        Expect(retried=("connect",), delivered=40),
        names=Names.MOVED,
    ),
    Case(
        "tls-unknown",
        Group.WAY,
        "a certificate that is signed by itself",
        _AGAIN,
        Expect(retried=("connect",)),
        tls=Tls.UNKNOWN,
    ),
    Case(
        "tls-expired",
        Group.WAY,
        "a certificate that has expired",
        _AGAIN,
        Expect(retried=("connect",)),
        tls=Tls.EXPIRED,
    ),
    Case(
        "tls-other-host",
        Group.WAY,
        "the certificate of another host",
        _AGAIN,
        Expect(retried=("connect",)),
        tls=Tls.OTHER_HOST,
    ),
)

CASES: Final = (*_STATUSES, *_BROKEN, *_LATE, *_WAY)
