"""The simulated API over real HTTP: every answer, every fault on the wire, every page of the lab."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from consumer.lab.fault_grammar import parse
from consumer.lab.faults import Kind
from consumer.lab.simulator import Simulator, serving

KEY = "lab-key"
CAPTURE = "/api/v1/capture-payment"
REMOVE = "/api/v1/remove-payment"
WITHIN = 5.0


def body(payment_id: str = "p", amount: str = "499.10") -> str:
    """Return the body of a capture, as text so that the amount's digits stay."""
    return f'{{"user_id": "u", "payment_id": "{payment_id}", "amount": {amount}}}'


@dataclass(frozen=True, slots=True)
class Lab:
    """A running simulator and a client of it."""

    api: Simulator
    origin: str
    http: httpx.AsyncClient

    async def capture(self, content: str | bytes | None = None, key: str = KEY) -> httpx.Response:
        """Send a capture."""
        headers = {"linkrunner-key": key, "content-type": "application/json"}
        return await self.http.post(CAPTURE, content=body() if content is None else content, headers=headers)

    async def remove(self, payment_id: str = "p") -> httpx.Response:
        """Send a removal."""
        return await self.http.post(REMOVE, json={"payment_id": payment_id}, headers={"linkrunner-key": KEY})

    async def raw(self, limit: int = 1_000_000) -> bytes:
        """Send a capture by hand and return what comes back, up to ``limit`` bytes or the end."""
        host, port = self.origin.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = (
            f"POST {CAPTURE} HTTP/1.1\r\nhost: x\r\nlinkrunner-key: {KEY}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body())}\r\n\r\n"
        )
        writer.write(f"{head}{body()}".encode())
        received = b""
        try:
            while len(received) < limit and (piece := await asyncio.wait_for(reader.read(65536), WITHIN)):
                received += piece
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        return received

    async def log(self) -> list[dict[str, Any]]:
        """Return the request log."""
        response = await self.http.get("/ledger/requests")
        return [json.loads(line) for line in response.text.splitlines()]

    async def outcomes(self) -> list[tuple[str | None, int | None]]:
        """Return outcome and status of every request."""
        return [(line["outcome"], line["status"]) for line in await self.log()]


def in_lab(
    story: Callable[[Lab], Awaitable[None]],
    faults: str = "",
    rate: float | None = None,
    *,
    erasures: bool = False,
) -> None:
    """Play ``story`` against a simulator of its own."""

    async def played() -> None:
        api = Simulator(KEY, rate, parse(faults), erasures=erasures)
        async with serving(api) as origin, httpx.AsyncClient(base_url=origin, timeout=WITHIN) as http:
            await story(Lab(api, origin, http))

    asyncio.run(played())


def test_captures_are_recorded_once() -> None:
    """A capture and its repetition both get 201; the ledger has one record with the exact amount."""

    async def story(lab: Lab) -> None:
        assert [(await lab.capture()).status_code for _ in range(2)] == [201, 201]
        ledger = (await lab.http.get("/ledger")).json()
        assert [(record["payment_id"], record["amount"]) for record in ledger["records"]] == [("p", "499.10")]
        assert ledger["totals"][0]["sum"] == "499.10"
        assert await lab.outcomes() == [("applied", 201), ("duplicate", 201)]

    in_lab(story)


def test_a_removal_by_user_is_a_mistake_unless_erasures_are_expected() -> None:
    """By default it is refused and seen; with the option it deletes the user's payments, each of them."""

    async def story(lab: Lab) -> None:
        await lab.capture()
        await lab.capture(body("q"))
        answers = [
            await lab.http.post(REMOVE, json={"user_id": user}, headers={"linkrunner-key": KEY})
            for user in ("another", "u", "u")
        ]
        expected = lab.api.erasures
        assert [answer.status_code for answer in answers] == ([400, 200, 400] if expected else [400] * 3)
        said = ["nothing", "erased", "nothing"] if expected else ["malformed"] * 3
        assert [outcome for outcome, _ in (await lab.outcomes())[2:]] == said
        assert len(list(lab.api.ledger.payments())) == (0 if expected else 2)

    in_lab(story)
    in_lab(story, erasures=True)


def test_removals_say_whether_there_was_something() -> None:
    """A removal gets 200 the first time and 400 from then on."""

    async def story(lab: Lab) -> None:
        await lab.capture()
        assert [(await lab.remove()).status_code for _ in range(2)] == [200, 400]
        assert (await lab.outcomes())[1:] == [("removed", 200), ("nothing", 400)]
        ledger = (await lab.http.get("/ledger")).json()
        assert (ledger["records"], [gone["payment_id"] for gone in ledger["removed"]]) == ([], ["p"])

    in_lab(story)


@pytest.mark.parametrize("content", ["{", "", "[]", '{"user_id": "u"}', body(amount='"5"')])
def test_wrong_bodies_are_answered_400_and_kept(content: str) -> None:
    """A malformed body changes nothing and stands in the log."""

    async def story(lab: Lab) -> None:
        assert (await lab.capture(content)).status_code == 400
        assert await lab.outcomes() == [("malformed", 400)]
        assert list(lab.api.ledger.payments()) == []

    in_lab(story)


def test_a_body_of_another_type_is_malformed() -> None:
    """JSON that is not sent as JSON is not taken."""

    async def story(lab: Lab) -> None:
        headers = {"linkrunner-key": KEY, "content-type": "text/plain"}
        assert (await lab.http.post(CAPTURE, content=body(), headers=headers)).status_code == 400
        assert await lab.outcomes() == [("malformed", 400)]

    in_lab(story)


def test_a_body_above_a_megabyte_is_answered_413() -> None:
    """The documented limit of the body holds, whatever is in it."""

    async def story(lab: Lab) -> None:
        assert (await lab.capture(b" " * (1024 * 1024 + 1))).status_code == 413
        assert await lab.outcomes() == [("malformed", 413)]

    in_lab(story)


def test_another_key_is_answered_401_until_it_is_the_key() -> None:
    """A wrong key is refused before the body is judged; the accepted key can be rotated."""

    async def story(lab: Lab) -> None:
        assert (await lab.capture("{", key="other")).status_code == 401
        assert (await lab.http.put("/key", json={"key": "other"})).status_code == 200
        assert (await lab.capture()).status_code == 401
        assert (await lab.capture(key="other")).status_code == 201
        assert [outcome for outcome, _ in await lab.outcomes()] == ["unauthorized", "unauthorized", "applied"]

    in_lab(story)


def test_calls_above_the_rate_are_answered_429() -> None:
    """Two calls a second: the third at once is limited and told to wait whole seconds."""

    async def story(lab: Lab) -> None:
        answers = [await lab.capture() for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 429]
        assert answers[-1].headers["retry-after"] == "1"
        assert (await lab.outcomes())[-1] == ("limited", 429)

    in_lab(story, rate=2)


def test_other_paths_are_logged() -> None:
    """A call to a wrong address is answered 404 and can be seen."""

    async def story(lab: Lab) -> None:
        assert (await lab.http.post("/api/v2/capture-payment", json={"a": 1})).status_code == 404
        (line,) = await lab.log()
        assert (line["path"], line["outcome"], line["body"]) == (
            "/api/v2/capture-payment",
            "unknown_path",
            {"a": 1},
        )

    in_lab(story)


def test_a_key_can_be_tried_without_a_payment() -> None:
    """Reading takes the key of the payments, changes nothing, and is not in the log of calls."""

    async def story(lab: Lab) -> None:
        assert (await lab.http.get(CAPTURE)).status_code == 404
        reports = f"{CAPTURE.removesuffix('capture-payment')}reporting/campaigns?limit=1"
        assert (await lab.http.get(reports, headers={"linkrunner-key": KEY})).status_code == 200
        assert (await lab.http.get(reports, headers={"linkrunner-key": "another"})).status_code == 401
        assert await lab.log() == []

    in_lab(story)


@pytest.mark.parametrize(
    ("fault", "status", "headers", "text"),
    [
        ("503", 503, {}, '{"msg": "scripted fault", "status": 503}'),
        ("429 retry-after=7", 429, {"retry-after": "7"}, None),
        ("400 body=plain", 400, {}, "plain"),
        ("204", 204, {}, ""),
        ("200 html", 200, {"content-type": "text/html; charset=utf-8"}, None),
        ("redirect", 302, {"location": f"{CAPTURE}/elsewhere"}, None),
    ],
)
def test_false_answers_are_given_and_change_nothing(
    fault: str, status: int, headers: dict[str, str], text: str | None
) -> None:
    """A scripted answer has its status, headers and body, and the ledger never saw the call."""

    async def story(lab: Lab) -> None:
        answer = await lab.capture()
        assert answer.status_code == status
        assert {name: answer.headers[name] for name in headers} == headers
        assert text is None or answer.text == text
        ((outcome, logged),) = await lab.outcomes()
        assert outcome is not None
        assert (outcome.startswith("fault:"), logged) == (True, status)
        assert list(lab.api.ledger.payments()) == []

    in_lab(story, fault)


@pytest.mark.parametrize(("fault", "outcome"), [("reset", "fault:reset"), ("reset applied", "applied")])
def test_a_reset_leaves_the_outcome_open(fault: str, outcome: str) -> None:
    """The connection is cut before or after the call is done, and only the log knows which."""

    async def story(lab: Lab) -> None:
        with pytest.raises(ConnectionResetError):
            await lab.raw()
        assert await lab.outcomes() == [(outcome, None)]
        assert len(list(lab.api.ledger.payments())) == (outcome == "applied")

    in_lab(story, fault)


def test_garbage_is_no_http() -> None:
    """The answer does not begin as HTTP does, and the connection ends."""

    async def story(lab: Lab) -> None:
        assert not (await lab.raw()).startswith(b"HTTP")
        assert await lab.outcomes() == [("fault:garbage", None)]

    in_lab(story, "garbage")


@pytest.mark.parametrize(("fault", "missing"), [("truncated-body", 1000), ("wrong-length", -5)])
def test_a_body_is_not_as_long_as_announced(fault: str, missing: int) -> None:
    """Truncated is shorter than announced, wrong-length longer."""

    async def story(lab: Lab) -> None:
        head, _, content = (await lab.raw()).partition(b"\r\n\r\n")
        announced = int(head.lower().partition(b"content-length:")[2].split()[0])
        assert head.startswith(b"HTTP/1.1 201 ")
        assert announced - len(content) == missing

    in_lab(story, fault)


def test_endless_headers_do_not_end() -> None:
    """A megabyte later the headers are still not over; they stop when the caller goes."""

    async def story(lab: Lab) -> None:
        received = await lab.raw(limit=1_000_000)
        assert len(received) >= 1_000_000
        assert b"\r\n\r\n" not in received

    in_lab(story, "endless-headers")


def test_an_endless_body_does_not_end() -> None:
    """A megabyte later the body is still not over; the status line is as scripted."""

    async def story(lab: Lab) -> None:
        received = await lab.raw(limit=1_000_000)
        assert received.startswith(b"HTTP/1.1 503 ")
        assert len(received) >= 1_000_000

    in_lab(story, "endless-body status=503")


def test_a_hanging_call_is_never_answered() -> None:
    """The caller gives up; the log has the call without an answer, and the next one is served."""

    async def story(lab: Lab) -> None:
        with pytest.raises(httpx.ReadTimeout):
            await lab.http.post(CAPTURE, content=body(), headers={"linkrunner-key": KEY}, timeout=0.2)
        assert (await lab.capture()).status_code == 201
        first, second = await lab.log()
        assert (first["outcome"], first["status"], first["answered"]) == ("fault:hang", None, None)
        assert second["outcome"] == "applied"

    in_lab(story, "hang first=1")


@pytest.mark.parametrize("fault", ["delay=300ms", "slow-body=300ms"])
def test_a_late_answer_is_the_truth(fault: str) -> None:
    """The call is done at once, and the true answer comes no earlier than scripted."""

    async def story(lab: Lab) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await lab.capture()
        assert loop.time() - began >= 0.3
        assert (answer.status_code, answer.json()["msg"]) == (201, "Success")
        (line,) = await lab.log()
        assert (line["outcome"], line["fault"]) == ("applied", fault.partition("=")[0])

    in_lab(story, fault)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_fault_can_be_done(kind: Kind) -> None:
    """No kind is without a way to do it, and none keeps the simulator from serving the next call."""
    needs = {Kind.STATUS: "=500", Kind.DELAY: "=1ms", Kind.SLOW_BODY: "=1ms"}

    async def story(lab: Lab) -> None:
        with suppress(httpx.TransportError, TimeoutError):
            async with asyncio.timeout(0.3):
                await lab.capture()
        assert (await lab.capture()).status_code == 201
        assert list((await lab.http.get("/ledger/summary")).json()["faults"].values()) == [1]

    in_lab(story, f"{kind.value}{needs.get(kind, '')} first=1")


def test_faults_are_replaced_over_http() -> None:
    """A new script, as text or as an object, takes the place of the old one; a broken one changes nothing."""

    async def story(lab: Lab) -> None:
        assert (await lab.capture()).status_code == 500
        assert (await lab.http.put("/faults", json="502 first=1")).json() == {"ok": True, "rules": 1}
        assert (await lab.capture()).status_code == 502
        refused = await lab.http.put("/faults", json={"rules": [{"fault": "explode"}]})
        assert (refused.status_code, "explode" in refused.text) == (400, True)
        assert (await lab.http.put("/faults", content=b"{")).status_code == 400
        assert (await lab.capture()).status_code == 201
        assert (await lab.http.put("/faults", json={"rules": [{"fault": "504"}]})).status_code == 200
        assert (await lab.capture()).status_code == 504

    in_lab(story, "500")


@pytest.mark.parametrize("content", [b"{", b"{}", b'{"key": ""}', b'{"key": 5}', b"[]"])
def test_a_key_that_is_none_is_refused(content: bytes) -> None:
    """Only a non-empty string becomes the key."""

    async def story(lab: Lab) -> None:
        assert (await lab.http.put("/key", content=content)).status_code == 400
        assert (await lab.capture()).status_code == 201

    in_lab(story)


def test_a_reset_of_the_ledger_forgets_everything_but_key_and_script() -> None:
    """Afterwards there are no payments and no requests, and the script begins anew."""

    async def story(lab: Lab) -> None:
        assert [(await lab.capture()).status_code for _ in range(2)] == [503, 201]
        assert (await lab.http.post("/ledger/reset")).status_code == 200
        assert (await lab.http.get("/ledger")).json()["records"] == []
        assert await lab.log() == []
        assert (await lab.capture()).status_code == 503

    in_lab(story, "503 first=1")


def test_the_log_is_in_order_and_can_be_continued() -> None:
    """Requests have consecutive numbers and rising times; ``since`` gives only later ones."""

    async def story(lab: Lab) -> None:
        for number in range(3):
            await lab.capture(body(str(number)))
        lines = await lab.log()
        assert [line["seq"] for line in lines] == [1, 2, 3]
        assert all(line["arrived"] <= line["answered"] for line in lines)
        assert [line["body"]["payment_id"] for line in lines] == ["0", "1", "2"]
        rest = (await lab.http.get("/ledger/requests", params={"since": "2"})).text.splitlines()
        assert [json.loads(line)["seq"] for line in rest] == [3]
        assert (await lab.http.get("/ledger/requests", params={"since": "x"})).status_code == 400

    in_lab(story)


def test_it_says_that_it_is_up() -> None:
    """The health page answers 200 and is no call."""

    async def story(lab: Lab) -> None:
        assert (await lab.http.get("/healthz")).status_code == 200
        assert await lab.log() == []

    in_lab(story)
