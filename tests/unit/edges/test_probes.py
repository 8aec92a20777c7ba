"""The HTTP side: health with reasons, metrics by Accept, status as JSON and as a page."""

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import aiohttp
import pytest

from consumer.core.api.pacing import Pace
from consumer.core.errors import ConfigurationError
from consumer.core.operations.status import Health, PaceStatus, PartitionStatus, Status
from consumer.edges.probes import Probes

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WELL = Health(started=True, live=True, ready=True)


def status_of(health: Health) -> Status:
    """Return a status with one partition."""
    return Status(
        version="1.2.3",
        group="g",
        started_at=NOON,
        at=NOON,
        health=health,
        in_flight=1,
        max_in_flight=32,
        queued=2,
        parked=3,
        rate_limit_per_second=25.0,
        freshness_seconds=0.5,
        pace=PaceStatus(Pace(25.0, 1.0, 1.0, 0.0), 0.5, 2, 4),
        partitions=(PartitionStatus("t", 4, 10, None, 7, 3, 2),),
        config={"kafka.group_id": "g"},
    )


class Metrics:
    """Metrics that show which Accept header they were asked with."""

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return the header as body."""
        return accept.encode(), "text/plain; version=0.0.4; charset=utf-8"


class Client:
    """A client of probes that answer with ``health``."""

    def __init__(self, session: aiohttp.ClientSession, probes: Probes) -> None:
        self._session = session
        self.probes = probes
        self.headers: Mapping[str, str] = {}

    async def ask(self, path: str, method: str = "GET", accept: str = "*/*") -> tuple[int, str, str]:
        """Return status, content type and body."""
        url = f"http://127.0.0.1:{self.probes.port}{path}"
        async with self._session.request(method, url, headers={"Accept": accept}) as answer:
            self.headers = answer.headers
            return answer.status, answer.content_type, await answer.text()


def with_probes(act: Callable[[Client], Awaitable[None]], health: Health = WELL) -> None:
    """Run ``act`` against probes on a free port."""

    async def run() -> None:
        probes = Probes("127.0.0.1", 0, Metrics(), lambda: health, lambda: status_of(health))
        await probes.start()
        try:
            async with aiohttp.ClientSession() as session:
                await act(Client(session, probes))
        finally:
            await probes.stop()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "health", "status", "text"),
    [
        ("/livez", WELL, 200, "live\n"),
        ("/readyz", WELL, 200, "ready\n"),
        ("/startupz", WELL, 200, "started\n"),
        ("/readyz", Health(True, True, False, ("no group yet",)), 503, "not ready\n- no group yet\n"),
        ("/livez", Health(True, True, False, ("no group yet",)), 200, "live\n"),
        ("/livez", Health(True, False, True, ("stuck", "so")), 503, "not live\n- stuck\n- so\n"),
        ("/startupz", Health(False, True, False), 503, "not started\n"),
    ],
)
def test_each_probe_answers_for_itself_and_says_why(
    path: str, health: Health, status: int, text: str
) -> None:
    """200 with one word, or 503 with the reasons; one probe does not fail for another's cause."""

    async def act(client: Client) -> None:
        assert await client.ask(path) == (status, "text/plain", text)

    with_probes(act, health)


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/statusz", "/nothing"])
def test_answers_are_not_kept_and_tell_little(path: str) -> None:
    """No answer is cached, none names the interpreter, and no page may load or run anything."""

    async def act(client: Client) -> None:
        await client.ask(path)
        assert client.headers["Cache-Control"] == "no-store"
        assert client.headers["Server"] == "linkrunner-consumer"
        assert client.headers["Content-Security-Policy"].startswith("default-src 'none'")

    with_probes(act)


def test_metrics_are_negotiated() -> None:
    """The Accept header reaches the metrics, whose content type reaches the scraper."""

    async def act(client: Client) -> None:
        answer = await client.ask("/metrics", accept="application/openmetrics-text;version=1.0.0")
        assert answer == (200, "text/plain", "application/openmetrics-text;version=1.0.0")

    with_probes(act)


def test_status_is_json_for_machines() -> None:
    """The whole status, with null for what is not known."""

    async def act(client: Client) -> None:
        code, content_type, body = await client.ask("/statusz")
        assert (code, content_type) == (200, "application/json")
        status = json.loads(body)
        assert status["at"] == "2026-03-01T12:00:00Z"
        assert status["health"] == {"started": True, "live": True, "ready": True, "reasons": []}
        assert status["config"] == {"kafka.group_id": "g"}
        assert status["partitions"][0]["committed"] is None

    with_probes(act)


def test_status_is_a_page_for_browsers() -> None:
    """Who prefers HTML gets the page."""

    async def act(client: Client) -> None:
        code, content_type, body = await client.ask("/statusz", accept="text/html,*/*;q=0.8")
        assert (code, content_type) == (200, "text/html")
        assert body.startswith("<!doctype html>")
        assert "t[4]" in body

    with_probes(act)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz", "/metrics", "/statusz"])
def test_all_is_read_only(path: str) -> None:
    """HEAD has no body; what could change something is refused."""

    async def act(client: Client) -> None:
        code, _, body = await client.ask(path, "HEAD")
        assert (code, body) == (200, "")
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            code, _, _ = await client.ask(path, method)
            assert code == 405

    with_probes(act)


@pytest.mark.parametrize("path", ["/", "/livez/", "/metrics/../secret", "/%2e%2e/etc/passwd"])
def test_nothing_else_is_served(path: str) -> None:
    """Only the five paths exist."""

    async def act(client: Client) -> None:
        code, _, _ = await client.ask(path)
        assert code == 404

    with_probes(act)


def test_requests_are_bounded_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A long header is refused, the next request is served, and there is no access log."""
    caplog.set_level(logging.DEBUG, logger="aiohttp.access")

    async def act(client: Client) -> None:
        code, _, _ = await client.ask("/livez", accept="x" * 5000)
        assert code == 400
        code, _, _ = await client.ask("/livez")
        assert code == 200

    with_probes(act)
    assert [record for record in caplog.records if record.name == "aiohttp.access"] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "203.0.113.7"])
def test_an_address_that_can_not_be_used_is_a_mistake_of_the_configuration(host: str) -> None:
    """A port in use and an address of another machine are told with key and cure; nothing is left open."""

    async def run(port: int) -> None:
        probes = Probes(host, port, Metrics(), lambda: WELL, lambda: status_of(WELL))
        with pytest.raises(ConfigurationError) as trap:
            await probes.start()
        [mistake] = trap.value.mistakes
        assert mistake.where == "http.host, http.port"
        assert f"{host}:{port} can't be listened on" in mistake.what
        await probes.stop()

    with socket.create_server(("127.0.0.1", 0)) as other:
        asyncio.run(run(other.getsockname()[1]))


def test_stop_frees_the_port_and_may_come_twice() -> None:
    """After a stop the port can be taken again at once; a second stop is no error."""

    async def run() -> None:
        probes = Probes("127.0.0.1", 0, Metrics(), lambda: WELL, lambda: status_of(WELL))
        await probes.start()
        port = probes.port
        await probes.stop()
        await probes.stop()
        again = Probes("127.0.0.1", port, Metrics(), lambda: WELL, lambda: status_of(WELL))
        await again.start()
        assert again.port == port
        await again.stop()

    asyncio.run(run())
