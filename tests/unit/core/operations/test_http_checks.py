"""What API and registry said to ``check --connect``: how each check ends, and whose fault it is."""

from typing import Final

import pytest

from consumer.core.api.verdicts import Answer, Fault, FaultKind, Response
from consumer.core.operations.checks import Check, Failure, Result, Trouble, any_failed, any_refused
from consumer.core.operations.http_checks import Route, of_api, of_key, of_registry, of_route

URL: Final = "https://api.example/v1"
OK, WARNING, FAILED = Result.OK, Result.WARNING, Result.FAILED


@pytest.mark.parametrize(
    ("answer", "result", "words", "credentials"),
    [
        (Response(200), OK, "answers (200)", False),
        (Response(201), OK, "answers (201)", False),
        (Response(200, html=True), FAILED, "is answered by a web page (200)", False),
        (Response(301), FAILED, "sends elsewhere (301)", False),
        (Response(308), FAILED, "sends elsewhere (308)", False),
        (Response(400), OK, "answers (400)", False),
        (Response(401), FAILED, "refuses the key (401)", True),
        (Response(402), FAILED, "wants the account to be settled (402)", True),
        (Response(403), FAILED, "refuses the key or our source address (403)", True),
        (Response(404), OK, "answers (404)", False),
        (Response(404, html=True), OK, "answers (404)", False),
        (Response(405), OK, "answers (405)", False),
        (Response(407), FAILED, "is behind a proxy that wants credentials (407)", True),
        (Response(429), WARNING, "asks for fewer calls (429)", False),
        (Response(500), FAILED, "fails (500)", False),
        (Response(503), FAILED, "fails (503)", False),
        (Response(999), FAILED, "fails (999)", False),
        (Fault(FaultKind.TIMEOUT), FAILED, "does not answer in time", False),
        (Fault(FaultKind.CONNECT, sent=False), FAILED, "can't be connected to", False),
        (Fault(FaultKind.RESET), FAILED, "closes the connection", False),
        (Fault(FaultKind.PROTOCOL), FAILED, "does not answer in HTTP", False),
    ],
)
def test_the_api(answer: Answer, result: Result, words: str, credentials: bool) -> None:
    """A GET that nothing is there for proves that the API answers; a no to the key is told as one."""
    check = of_api(URL, answer)
    assert (check.result, check.answer, check.credentials) == (result, words, credentials)
    assert bool(check.cure) == (result is not OK)


@pytest.mark.parametrize(
    ("answer", "result", "words", "credentials"),
    [
        (Response(200), OK, "is taken (200)", False),
        (Response(422), OK, "is taken (422)", False),
        (Response(401), FAILED, "is refused (401)", True),
        (Response(402), WARNING, "is taken, and the account is suspended (402)", False),
        (Response(200, html=True), OK, "can't be judged (200)", False),
        (Response(403), OK, "can't be judged (403)", False),
        (Response(404), WARNING, "the API has no such page there (404)", False),
        (Response(404, html=True), WARNING, "the API has no such page there (404)", False),
        (Response(405), WARNING, "the API has no such page there (405)", False),
        (Response(429), OK, "can't be judged (429)", False),
        (Response(500), OK, "can't be judged (500)", False),
        (Fault(FaultKind.TIMEOUT), OK, "can't be judged (does not answer in time)", False),
    ],
)
def test_the_key(answer: Answer, result: Result, words: str, credentials: bool) -> None:
    """Only the documented yes and no judge the key; all else says plainly when it will be tried."""
    check = of_key(URL, answer)
    said, _, when = check.answer.partition(": ")
    assert (check.result, said, check.credentials) == (result, words, credentials)
    assert bool(when) == ("judged" in words or "no such page" in words)
    assert bool(check.cure) == (result is not OK)
    if when:
        assert when == "the key is tried with the first payment"


@pytest.mark.parametrize("status", [404, 405])
def test_an_address_without_the_path_of_the_api_is_told(status: int) -> None:
    """Every payment would be answered like this too, so the page that is missing says what to look at."""
    check = of_key("https://api.example", Response(status))
    assert "linkrunner.base_url ends in the API's path" in check.cure
    assert "/api/v1" in check.cure


@pytest.mark.parametrize(
    ("route", "result", "words"),
    [
        (Route(2, None), OK, "connects, without TLS"),
        (Route(1, 90.2), OK, "connects; the certificate is valid for 90 more days"),
        (Route(1, 14.0), OK, "connects; the certificate is valid for 14 more days"),
        (Route(1, 13.9), WARNING, "the certificate is valid for 13 more days"),
        (Route(1, 0.4), WARNING, "the certificate is valid for 0 more days"),
        (Failure(Trouble.UNRESOLVED, "no"), FAILED, "the name of the host is not known: no"),
        (Failure(Trouble.UNREACHABLE, "no"), FAILED, "nothing answers there: no"),
        (Failure(Trouble.TIMEOUT, "no"), FAILED, "nothing answers there in time: no"),
        (Failure(Trouble.TLS, "expired"), FAILED, "the connection can't be made safe: expired"),
    ],
)
def test_the_way(route: Route | Failure, result: Result, words: str) -> None:
    """Each step that can fail has its own words; a certificate near its end is told in time."""
    check = of_route(URL, route)
    assert (check.result, check.answer) == (result, words)
    assert bool(check.cure) == (result is not OK)


@pytest.mark.parametrize(
    ("failure", "others", "result", "credentials"),
    [
        (None, False, OK, False),
        (Failure(Trouble.OTHER, "x"), False, FAILED, False),
        (Failure(Trouble.OTHER, "x"), True, WARNING, False),
        (Failure(Trouble.CREDENTIALS, "x"), False, FAILED, True),
        (Failure(Trouble.CREDENTIALS, "x"), True, FAILED, True),
    ],
)
def test_the_registry(failure: Failure | None, others: bool, result: Result, credentials: bool) -> None:
    """One of several may be away; credentials are the same for all, so a no to them never may."""
    check = of_registry("http://registry", failure, others=others)
    assert (check.result, check.credentials) == (result, credentials)


def test_the_whole_list_has_one_meaning() -> None:
    """Warnings stop nothing; one failure does, and refused credentials are told apart."""
    fine, odd, bad, refused = (
        Check("s", "a", OK, "x"),
        Check("s", "a", WARNING, "x", "c"),
        Check("s", "a", FAILED, "x", "c"),
        Check("s", "a", FAILED, "x", "c", credentials=True),
    )
    assert (any_failed([fine, odd]), any_refused([fine, odd])) == (False, False)
    assert (any_failed([fine, bad]), any_refused([fine, bad])) == (True, False)
    assert (any_failed([bad, refused]), any_refused([bad, refused])) == (True, True)
