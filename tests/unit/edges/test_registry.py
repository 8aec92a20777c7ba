"""The registry: what is known stays known, what is not waits, and only the registry's own word condemns."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from aiohttp import web

from consumer.core.avro.framing import SchemaKey
from consumer.core.avro.inspection import WriterSchema
from consumer.core.errors import ConfigurationError, Unavailable, Unreadable
from consumer.core.meaning.intents import DeadLetterReason
from consumer.core.operations.status import RegistryHealth
from consumer.core.settings.tree import SchemaRegistrySettings
from consumer.edges.registry import (
    ASK_AGAIN_SECONDS,
    MAX_KNOWN,
    PATIENCE_SECONDS,
    PAUSE_SECONDS,
    Registry,
)
from consumer.edges.registry.client import MAX_ANSWER_BYTES
from consumer.edges.registry.clients import AnyClient
from tests.support.http_registry import Answer, HttpRegistry, answer, broken, endless, silent

INT = '"int"'
SECRET = "registry-password"


@dataclass
class Clock:
    """Monotonic seconds that a test sets."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


Story = Callable[[HttpRegistry, Registry, Clock], Awaitable[None]]


def play(story: Story, properties: dict[str, str] | None = None) -> None:
    """Run ``story`` with a registry over HTTP, the edge that asks it, and a clock that stands still."""

    async def run() -> None:
        server, clock = HttpRegistry(), Clock()
        async with server.serving() as url:
            settings = SchemaRegistrySettings.model_validate({"url": url, "properties": properties or {}})
            registry = Registry.from_settings(settings, clock)
            assert registry is not None
            try:
                await story(server, registry, clock)
            finally:
                await registry.close()

    asyncio.run(run())


async def unavailable(registry: Registry, key: int | str = 7) -> str:
    """Expect that ``key`` has to wait; return why."""
    with pytest.raises(Unavailable) as caught:
        await registry.find(key)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return str(caught.value)


async def unreadable(registry: Registry, key: int | str = 7) -> tuple[DeadLetterReason, str]:
    """Expect that ``key`` is the record's fault; return the reason and the text."""
    with pytest.raises(Unreadable) as caught:
        await registry.find(key)
    return caught.value.reason, caught.value.detail


def test_a_schema_is_fetched_once() -> None:
    """Many records with one id cost one question, also when they come at once."""

    async def story(server: HttpRegistry, registry: Registry, _: Clock) -> None:
        server.schema(7, INT, schemaType="AVRO", subject="s", version=1)
        assert registry.describe() == RegistryHealth(None, None, 0)
        found = await asyncio.gather(*(registry.find(7) for _ in range(50)))
        assert found == [WriterSchema(INT)] * 50
        assert await registry.find(7) == WriterSchema(INT)
        assert server.asked == ["/schemas/ids/7"]
        assert registry.describe() == RegistryHealth(reachable=True, trouble=None, known=1)

    play(story)


def test_a_schema_is_fetched_by_guid() -> None:
    """The id form that confluent-kafka writes into headers is looked up too."""
    guid = "89791762-2336-4186-9674-299b90a802e2"

    async def story(server: HttpRegistry, registry: Registry, _: Clock) -> None:
        server.answers[f"/schemas/guids/{guid}"] = answer(200, {"schema": INT, "guid": guid})
        assert await registry.find(guid) == WriterSchema(INT)

    play(story)


def test_known_schemas_outlive_the_registry() -> None:
    """While the registry is down, known ids go on and an unknown one waits; nobody has to restart."""

    async def story(server: HttpRegistry, registry: Registry, clock: Clock) -> None:
        server.schema(1, INT)
        await registry.find(1)
        server.answers = {"/schemas/ids/2": answer(503, {"error_code": 50003, "message": "x"})}
        assert "fails (status 503)" in await unavailable(registry, 2)
        assert await registry.find(1) == WriterSchema(INT)
        assert registry.describe().reachable is False
        clock.now += PAUSE_SECONDS
        server.schema(2, INT)
        assert await registry.find(2) == WriterSchema(INT)
        assert registry.describe() == RegistryHealth(reachable=True, trouble=None, known=2)

    play(story)


def test_nobody_listens() -> None:
    """A registry that is not there holds its records; the text says so."""

    async def run() -> None:
        server = HttpRegistry()
        async with server.serving() as url:
            pass
        registry = Registry(AnyClient(url, {}), Clock())
        assert "can't be reached (ConnectError)" in await unavailable(registry)
        await registry.close()

    asyncio.run(run())


TROUBLES: list[tuple[str, Answer, str]] = [
    ("another 404", answer(404, {"error_code": 40401, "message": "Subject not found"}), "(status 404)"),
    ("a 404 of a web server", answer(404, "<html>", "text/html"), "path of its API"),
    ("a 404 with another 40403", answer(404, {"error_code": "40403"}), "(status 404)"),
    ("the code without the status", answer(400, {"error_code": 40403}), "(status 400)"),
    ("wrong credentials", answer(401, {"error_code": 401, "message": SECRET}), "refuses the credentials"),
    ("forbidden", answer(403, "no"), "refuses the credentials"),
    ("too many questions", answer(429, "slow down"), "fails (status 429)"),
    ("a failure", answer(500, {"error_code": 50001}), "fails (status 500)"),
    ("a gateway", answer(502, "<html>", "text/html"), "fails (status 502)"),
    ("a redirect", answer(302, "", Location="/schemas/ids/8"), "sends elsewhere"),
    ("a web page", answer(200, "<html>welcome</html>", "text/html"), "not a registry's"),
    ("no schema", answer(200, {"hello": "world"}), "not a registry's"),
    ("a schema that is an object", answer(200, {"schema": {"type": "int"}}), "not a registry's"),
    ("a type that no registry has", answer(200, {"schema": INT, "schemaType": 7}), "not a registry's"),
    ("references that are none", answer(200, {"schema": INT, "references": 7}), "not a registry's"),
    (
        "a reference to nothing",
        answer(200, {"schema": INT, "references": [{"name": "x"}]}),
        "not a registry's",
    ),
    ("a list", answer(200, []), "not a registry's"),
    ("a text", answer(200, '"schema"'), "not a registry's"),
    ("null", answer(200, "null"), "not a registry's"),
    ("nothing at all", answer(200, ""), "not a registry's"),
    ("no content", answer(204, ""), "not a registry's"),
    ("half an answer", answer(200, '{"schema": "'), "not a registry's"),
    ("an answer without end", endless, "more than 4 MiB"),
    ("no answer", silent, "does not answer in time"),
    ("a closed connection", broken, "can't be reached (RemoteProtocolError)"),
]


@pytest.mark.parametrize(("given", "why"), [row[1:] for row in TROUBLES], ids=[row[0] for row in TROUBLES])
def test_trouble_holds_the_record(given: Answer, why: str) -> None:
    """Whatever is not the registry's own word about this id holds the record, and the text says why."""

    async def story(server: HttpRegistry, registry: Registry, clock: Clock) -> None:
        server.answers["/schemas/ids/7"] = given
        server.schema(8, INT)
        for _ in range(2):
            assert why in await unavailable(registry)
            assert registry.describe().trouble == await unavailable(registry)
            clock.now += 3600
        assert server.asked == ["/schemas/ids/7"] * 2
        assert await registry.find(8) == WriterSchema(INT)

    play(story, {"timeout": "1", "basic.auth.user.info": f"me:{SECRET}"})


def test_a_compressed_answer_is_not_unfolded() -> None:
    """A few bytes that unfold to gigabytes are not read; compression was not asked for."""

    async def story(server: HttpRegistry, registry: Registry, _: Clock) -> None:
        bomb = gzip.compress(json.dumps({"schema": " " * (2 * MAX_ANSWER_BYTES)}).encode())

        async def squeezed(_: web.Request) -> web.StreamResponse:
            return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

        assert len(bomb) < MAX_ANSWER_BYTES
        server.answers["/schemas/ids/7"] = squeezed
        assert "more than 4 MiB" in await unavailable(registry)

    play(story)


def test_one_failure_speaks_for_all() -> None:
    """After a failure nothing is asked for a moment, however many records wait for however many ids."""

    async def story(server: HttpRegistry, registry: Registry, clock: Clock) -> None:
        server.answers = {f"/schemas/ids/{number}": answer(500, "") for number in range(1, 100)}
        for number in range(1, 100):
            await unavailable(registry, number)
        assert len(server.asked) == 1
        clock.now += PAUSE_SECONDS
        await asyncio.gather(*(unavailable(registry, number) for number in range(1, 100)))
        assert len(server.asked) == 2

    play(story)


class Odd:
    """A client that raises what nobody has thought of."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def fetch(self, _: SchemaKey) -> WriterSchema:
        """Raise."""
        raise self._error

    async def close(self) -> None:
        """Do nothing."""


def test_what_nobody_has_thought_of_holds_the_record() -> None:
    """An answer that trips the client must not end the service, and its error may hold the answer."""

    async def run() -> None:
        registry = Registry(Odd(LookupError(SECRET)), Clock())
        told = await unavailable(registry)
        assert "not a registry's" in told
        assert registry.describe() == RegistryHealth(reachable=False, trouble=told, known=0)

    asyncio.run(run())


def test_a_question_that_is_given_up_is_no_answer() -> None:
    """Who is cancelled stays so: that is not the registry's doing."""

    async def run() -> None:
        registry = Registry(Odd(asyncio.CancelledError()), Clock())
        with pytest.raises(asyncio.CancelledError):
            await registry.find(7)
        assert registry.describe() == RegistryHealth(None, None, 0)

    asyncio.run(run())


def test_a_schema_that_stays_missing_is_the_records_fault() -> None:
    """Only the registry's own 40403, said again and again for ten seconds, makes a schema unknown."""

    async def story(server: HttpRegistry, registry: Registry, clock: Clock) -> None:
        server.missing(7)
        for _ in range(10):
            assert "does not know schema 7" in await unavailable(registry)
            clock.now += 1
        assert await unreadable(registry) == (
            DeadLetterReason.UNKNOWN_SCHEMA,
            "the schema registry has no schema 7",
        )
        assert len(server.asked) == 11
        assert registry.describe().reachable is True
        assert (await unreadable(registry))[0] is DeadLetterReason.UNKNOWN_SCHEMA
        assert len(server.asked) == 11, "the answer is a moment old"

    play(story)


def test_a_schema_that_comes_late_is_found() -> None:
    """A producer may be a moment ahead of the registry, and even a schema given up for lost may come."""

    async def story(server: HttpRegistry, registry: Registry, clock: Clock) -> None:
        server.missing(7)
        server.missing(8)
        await unavailable(registry)
        await unavailable(registry, 8)
        clock.now += 10
        await unreadable(registry)
        server.schema(7, INT)
        server.schema(8, INT)
        assert await registry.find(8) == WriterSchema(INT)
        clock.now += ASK_AGAIN_SECONDS
        assert await registry.find(7) == WriterSchema(INT)

    play(story)


def test_the_ten_seconds_start_anew_after_trouble() -> None:
    """A registry that was something else in between has not said the same for ten seconds."""

    async def story(server: HttpRegistry, registry: Registry, clock: Clock) -> None:
        server.missing(7)
        await unavailable(registry)
        clock.now += 9
        server.answers["/schemas/ids/7"] = answer(500, "")
        await unavailable(registry)
        clock.now += 2
        server.missing(7)
        await unavailable(registry)
        clock.now += 10
        await unreadable(registry)

    play(story)


def test_two_answers_an_hour_apart_are_no_series() -> None:
    """A record that comes back after a long time starts its ten seconds anew."""

    async def story(server: HttpRegistry, registry: Registry, clock: Clock) -> None:
        server.missing(7)
        await unavailable(registry)
        clock.now += 3600
        await unavailable(registry)
        clock.now += 10
        await unreadable(registry)

    play(story)


@pytest.mark.parametrize("kind", ["JSON", "PROTOBUF"])
def test_another_kind_of_schema_is_the_records_fault(kind: str) -> None:
    """A schema that is not Avro never becomes it; it is asked for once."""

    async def story(server: HttpRegistry, registry: Registry, _: Clock) -> None:
        server.schema(7, "{}", schemaType=kind)
        for _attempt in range(2):
            reason, detail = await unreadable(registry)
            assert reason is DeadLetterReason.UNDECODABLE
            assert kind in detail
        assert len(server.asked) == 1

    play(story)


def refers(*names: str) -> list[dict[str, object]]:
    """Return references to version 1 of these subjects."""
    return [{"name": name, "subject": name, "version": 1} for name in names]


def test_references_come_before_what_needs_them() -> None:
    """What a schema refers to is fetched too, once, each behind what it needs itself."""

    async def story(server: HttpRegistry, registry: Registry, _: Clock) -> None:
        server.schema(7, "main", references=refers("b", "a"))
        server.version("a", 1, "A")
        server.version("b", 1, "B", references=refers("a"))
        assert await registry.find(7) == WriterSchema("main", ("A", "B"))
        assert len(server.asked) == 3

    play(story)


def test_a_subject_is_quoted() -> None:
    """A subject from the registry is a name and never a path."""

    async def story(server: HttpRegistry, registry: Registry, _: Clock) -> None:
        server.schema(7, "main", references=refers("../x?y=1#z"))
        server.version("../x?y=1#z", 1, "A")
        assert await registry.find(7) == WriterSchema("main", ("A",))
        assert server.asked[1].startswith("/subjects/..%2Fx%3Fy%3D1%23z/versions/1")

    play(story)


def test_endless_references_are_the_schemas_fault() -> None:
    """More references than any schema has, or deeper ones, make it undecodable, after a bounded effort."""

    async def story(server: HttpRegistry, registry: Registry, _: Clock) -> None:
        for number in range(40):
            server.version(f"deep{number}", 1, INT, references=refers(f"deep{number + 1}"))
            server.version(f"wide{number}", 1, INT)
        server.schema(7, INT, references=refers("deep0"))
        server.schema(8, INT, references=refers(*(f"wide{number}" for number in range(40))))
        for key in (7, 8):
            reason, detail = await unreadable(registry, key)
            assert reason is DeadLetterReason.UNDECODABLE
            assert "too many" in detail
        assert len(server.asked) <= 2 + 8 + 32

    play(story)


def test_a_missing_reference_is_no_fault_of_the_record() -> None:
    """A registry that lacks what it refers to is not in order: the record waits."""

    async def story(server: HttpRegistry, registry: Registry, clock: Clock) -> None:
        server.schema(7, INT, references=refers("a"))
        server.answers["/subjects/a/versions/1"] = answer(404, {"error_code": 40403})
        for _ in range(3):
            assert "lacks a schema" in await unavailable(registry)
            clock.now += 20

    play(story)


def test_a_redirect_is_not_followed() -> None:
    """The credentials go nowhere but where the configuration says."""

    async def story(server: HttpRegistry, registry: Registry, _: Clock) -> None:
        server.answers["/schemas/ids/7"] = answer(307, "", Location=f"{server.url}/elsewhere")
        await unavailable(registry)
        assert server.asked == ["/schemas/ids/7"]

    play(story)


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxy variables do not divert the questions: a proxy is set in the configuration or not at all."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    async def story(server: HttpRegistry, registry: Registry, _: Clock) -> None:
        server.schema(7, INT)
        assert await registry.find(7) == WriterSchema(INT)

    play(story)


def test_credentials_are_sent_and_never_told() -> None:
    """Basic credentials reach the registry; a registry that repeats them does not get them into a text."""

    async def story(server: HttpRegistry, registry: Registry, _: Clock) -> None:
        seen = []

        async def repeat(request: web.Request) -> web.StreamResponse:
            seen.append(request.headers["Authorization"])
            return await answer(401, {"error_code": 40101, "message": SECRET})(request)

        server.answers["/schemas/ids/7"] = repeat
        assert SECRET not in await unavailable(registry)
        assert seen == ["Basic bWU6cmVnaXN0cnktcGFzc3dvcmQ="]
        assert SECRET not in repr(registry.describe())

    play(story, {"basic.auth.user.info": f"me:{SECRET}"})


def test_a_second_address_helps_the_first() -> None:
    """Of several addresses the next is asked where one does not answer."""

    async def run() -> None:
        gone, here = HttpRegistry(), HttpRegistry()
        async with gone.serving() as first:
            pass
        async with here.serving() as second:
            here.schema(7, INT)
            registry = Registry(AnyClient(f"{first},{second}", {}), Clock())
            assert await registry.find(7) == WriterSchema(INT)
            await registry.close()

    asyncio.run(run())


def test_what_is_kept_is_bounded() -> None:
    """The schema that was not used for longest goes first."""

    async def story(server: HttpRegistry, registry: Registry, _: Clock) -> None:
        for number in range(1, MAX_KNOWN + 2):
            server.schema(number, INT)
            await registry.find(number)
            await registry.find(1)
        assert registry.describe().known == MAX_KNOWN
        server.asked.clear()
        await registry.find(1)
        await registry.find(2)
        assert server.asked == ["/schemas/ids/2"]

    play(story)


def test_no_address_no_registry() -> None:
    """Without ``schema_registry.url`` there is nothing to ask."""
    assert Registry.from_settings(SchemaRegistrySettings(), Clock()) is None


@pytest.mark.parametrize(
    ("properties", "what"),
    [
        ({"no.such.property": "x"}, "Unrecognized properties: no.such.property"),
        ({"basic.auth.user.info": SECRET}, "username"),
        ({"ssl.ca.location": "no-such-file.pem"}, "No such file"),
        ({"bearer.auth.credentials.source": "STATIC_TOKEN", "bearer.auth.token": SECRET}, "logical.cluster"),
    ],
)
def test_properties_that_the_client_does_not_take(properties: dict[str, str], what: str) -> None:
    """They are a mistake in the configuration, told without the values."""
    given = {"url": "http://localhost:8081", "properties": properties}
    with pytest.raises(ConfigurationError, match=what) as caught:
        Registry.from_settings(SchemaRegistrySettings.model_validate(given), Clock())
    assert SECRET not in str(caught.value)


def test_a_slow_registry_does_not_keep_others_waiting() -> None:
    """While one question goes unanswered, other records hear soon, and then at once, that they must wait."""

    async def story(server: HttpRegistry, registry: Registry, clock: Clock) -> None:
        server.answers["/schemas/ids/7"] = silent
        asking = asyncio.create_task(unavailable(registry, 7))
        await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE_SECONDS * 4):
            assert "has not answered" in await unavailable(registry, 8)
        clock.now += PATIENCE_SECONDS + 0.1
        async with asyncio.timeout(PATIENCE_SECONDS / 2):
            assert "has not answered" in await unavailable(registry, 9)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    play(story)
