"""What the API and the schema registry said to ``check --connect``, and what it means.

Nothing that is asked here can write a payment: all requests are GETs. The documentation of the API has one
for reading, ``GET /reporting/campaigns``, which takes the same key and answers 401 to a wrong one; a server
that lacks it (a stand-in, a proxy, an address without the path of the API) leaves the key unjudged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from consumer.core.api.verdicts import Answer, Fault, FaultKind, Response
from consumer.core.operations.checks import Check, Failure, Result, Trouble, doubtful, failed, ok

#: Where payments go; a GET there is answered by routing alone.
CAPTURE_PATH: Final = "/capture-payment"
#: Documented, reads only, and takes the key of the payments.
KEY_PATH: Final = "/reporting/campaigns"
#: With less than this many days left, a certificate is worth a look.
CERTIFICATE_DAYS: Final = 14.0

_ADDRESS: Final = "check linkrunner.base_url, and what lies between (network policy, firewall, proxy)"
_REGISTRY: Final = "check schema_registry.url, schema_registry.properties, and what lies between"
_PATH: Final = (
    "check that linkrunner.base_url ends in the API's path, as https://api.linkrunner.io/api/v1 does; "
    "only a stand-in may lack the page"
)
_LATER: Final = "the key is tried with the first payment"
_KEY: Final = "put a valid server key into the key file; it is read again by itself"


@dataclass(frozen=True, slots=True)
class Route:
    """The way to the API: how many addresses its host has, and the days left to its certificate (https)."""

    addresses: int
    certificate_days: float | None


def of_route(url: str, route: Route | Failure) -> Check:
    """Judge name, connection and certificate of the API at ``url``."""
    subject, asked = f"way to {url}", "resolve the name, connect, check the certificate"
    if isinstance(route, Failure):
        words, cure = _ROUTE.get(route.trouble, _ROUTE[Trouble.UNREACHABLE])
        return failed(subject, asked, f"{words}: {route.detail}", cure)
    if route.certificate_days is None:
        return ok(subject, asked, "connects, without TLS")
    days = f"the certificate is valid for {int(route.certificate_days)} more days"
    if route.certificate_days < CERTIFICATE_DAYS:
        return doubtful(subject, asked, days, "whoever runs the server should renew it")
    return ok(subject, asked, f"connects; {days}")


def of_api(url: str, answer: Answer) -> Check:
    """Judge what the API said to a GET of the path that payments are sent to."""
    subject, asked = f"API {url}", f"GET {CAPTURE_PATH} with the key; nothing is written"
    if isinstance(answer, Fault):
        return failed(subject, asked, _FAULTS[answer.kind], _ADDRESS)
    page = answer.html and answer.status < _CLIENT_ERROR
    says = _PAGE if page else _SAYS.get(answer.status) or _SAYS_BY_CLASS.get(answer.status // 100, _FAILS)
    text = f"{says.words} ({answer.status})"
    return Check(subject, asked, says.result, text, says.cure, credentials=says.credentials)


def of_key(url: str, answer: Answer) -> Check:
    """Judge the key by what the API said to a GET of the documented path that only reads."""
    subject, asked = f"key for {url}", f"GET {KEY_PATH} with the key; nothing is written"
    match answer:
        case Response(401):
            return failed(subject, asked, "is refused (401)", _KEY, credentials=True)
        case Response(402):
            cure = "settle the account with Linkrunner"
            return doubtful(subject, asked, "is taken, and the account is suspended (402)", cure)
        case Response(200, html=False) | Response(422, html=False):
            return ok(subject, asked, f"is taken ({answer.status})")
        case Response(404 | 405 as status):
            # A wrong path is answered like this for the payments too, and each of them would be held.
            return doubtful(subject, asked, f"the API has no such page there ({status}): {_LATER}", _PATH)
        case Response(status):
            return ok(subject, asked, f"can't be judged ({status}): {_LATER}")
        case Fault(kind):
            return ok(subject, asked, f"can't be judged ({_FAULTS[kind]}): {_LATER}")


def of_registry(url: str, failure: Failure | None, *, others: bool) -> Check:
    """Judge the schema registry at ``url``; with ``others`` that do answer, its failure stops nothing."""
    subject, asked = f"schema registry {url}", "ask for a schema that it hardly has"
    if failure is None:
        return ok(subject, asked, "answers as a registry does")
    if failure.trouble is Trouble.CREDENTIALS:
        return failed(subject, asked, failure.detail, _REGISTRY, credentials=True)
    judged = doubtful if others else failed
    return judged(subject, asked, failure.detail, _REGISTRY)


class _Says(NamedTuple):
    """What an answer means: how the check ends, in which words, and what helps."""

    result: Result
    words: str
    cure: str = ""
    credentials: bool = False


_CLIENT_ERROR: Final = 400
_ANSWERS: Final = _Says(Result.OK, "answers")
_FAILS: Final = _Says(Result.FAILED, "fails", "the service waits until it does not; try again")
_PAGE: Final = _Says(
    Result.FAILED, "is answered by a web page", "check linkrunner.base_url: this is not the API"
)
_ELSEWHERE: Final = _Says(
    Result.FAILED,
    "sends elsewhere",
    "set linkrunner.base_url to where the API really is: following would hand out the key",
)
_NO_KEY: Final = _Says(Result.FAILED, "refuses the key", _KEY, credentials=True)
_SAYS: Final[Mapping[int, _Says]] = {
    401: _NO_KEY,
    402: _Says(
        Result.FAILED, "wants the account to be settled", "settle it with Linkrunner", credentials=True
    ),
    403: _Says(Result.FAILED, "refuses the key or our source address", _KEY, credentials=True),
    407: _Says(Result.FAILED, "is behind a proxy that wants credentials", _ADDRESS, credentials=True),
    429: _Says(Result.WARNING, "asks for fewer calls", "try again in a minute"),
}
_SAYS_BY_CLASS: Final[Mapping[int, _Says]] = {
    2: _ANSWERS,
    3: _ELSEWHERE,
    4: _ANSWERS,
}
_FAULTS: Final[Mapping[FaultKind, str]] = {
    FaultKind.TIMEOUT: "does not answer in time",
    FaultKind.CONNECT: "can't be connected to",
    FaultKind.RESET: "closes the connection",
    FaultKind.PROTOCOL: "does not answer in HTTP",
}
_ROUTE: Final[Mapping[Trouble, tuple[str, str]]] = {
    Trouble.UNRESOLVED: (
        "the name of the host is not known",
        "check linkrunner.base_url, and the DNS of this machine or pod",
    ),
    Trouble.UNREACHABLE: ("nothing answers there", _ADDRESS),
    Trouble.TIMEOUT: ("nothing answers there in time", _ADDRESS),
    Trouble.TLS: (
        "the connection can't be made safe",
        "check linkrunner.base_url; if a proxy opens TLS on the way, name its authority in SSL_CERT_FILE",
    ),
}
