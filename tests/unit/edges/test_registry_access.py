"""Ways to a registry: bearer tokens, OAuth, certificates, several addresses, and Apicurio's own language."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from consumer.core.avro.framing import ApicurioId, ApicurioIdKind, SchemaKey
from consumer.core.avro.inspection import WriterSchema
from consumer.core.errors import Unavailable, Unreadable
from consumer.edges.registry import NoSuchSchema
from consumer.edges.registry.client import Forbidden
from consumer.edges.registry.clients import AnyClient
from tests.support.certificates import certified
from tests.support.http_registry import Answer, HttpRegistry, answer, broken, endless
from tests.support.tokens import Issuer

INT = '"int"'
SECRET = "secret-of-the-client"
GLOBAL = ApicurioId(ApicurioIdKind.GLOBAL, 7)
OWN = "/apis/registry/v2"

Story = Callable[[HttpRegistry, AnyClient], Awaitable[None]]


def play(story: Story, properties: dict[str, str] | None = None, path: str = "") -> None:
    """Run ``story`` with a registry over HTTP and the client that asks it."""

    async def run() -> None:
        server = HttpRegistry()
        async with server.serving() as url:
            client = AnyClient(url + path, properties or {})
            try:
                await story(server, client)
            finally:
                await client.close()

    asyncio.run(run())


async def trouble(client: AnyClient, key: SchemaKey = 7, kind: type[Exception] = Unavailable) -> str:
    """Expect ``kind``; return its text, in which no secret is."""
    with pytest.raises(kind) as caught:
        await client.fetch(key)
    told = f"{caught.value}{caught.value!r}"
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert SECRET not in told
    assert "token-" not in told
    return str(caught.value)


# ---------------------------------------------------------------------------------------------- tokens


def guarded(server: HttpRegistry, *good: str) -> list[str]:
    """Have ``server`` give schemas for these tokens only; return the list that every token goes to."""
    seen: list[str] = []

    async def check(request: web.Request) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        seen.append(token)
        fine = token in good
        body = {"schema": INT} if "/schemas/" in request.path else []
        return await answer(200 if fine else 401, body)(request)

    for number in (7, 8, 9):
        server.answers[f"/schemas/ids/{number}"] = check
    return seen


def test_a_token_of_our_own_is_sent() -> None:
    """A bearer token from the configuration reaches the registry and no text."""

    async def story(server: HttpRegistry, client: AnyClient) -> None:
        seen = guarded(server, SECRET)
        assert await client.fetch(7) == WriterSchema(INT)
        assert seen == [SECRET]
        server.answers["/schemas/ids/8"] = answer(403, {"message": SECRET})
        assert "credentials" in await trouble(client, 8, Forbidden)

    token = {
        "bearer.auth.credentials.source": "STATIC_TOKEN",
        "bearer.auth.token": SECRET,
        "bearer.auth.logical.cluster": "lsrc-1",
    }
    play(story, token)


def oauth(url: str, secret: str = SECRET) -> dict[str, str]:
    """Return the properties for client credentials."""
    return {
        "bearer.auth.credentials.source": "OAUTHBEARER",
        "bearer.auth.issuer.endpoint.url": url,
        "bearer.auth.client.id": "consumer",
        "bearer.auth.client.secret": secret,
        "bearer.auth.scope": "schemas:read",
        "bearer.auth.logical.cluster": "lsrc-1",
    }


def with_issuer(
    story: Callable[[Issuer, HttpRegistry, AnyClient], Awaitable[None]], secret: str = SECRET
) -> None:
    """Run ``story`` with an issuer of tokens, a registry, and a client that has ``secret``."""

    async def run() -> None:
        issuer, server = Issuer("consumer", SECRET), HttpRegistry()
        async with issuer.serving() as tokens, server.serving() as url:
            client = AnyClient(url, oauth(tokens, secret))
            try:
                await story(issuer, server, client)
            finally:
                await client.close()

    asyncio.run(run())


def test_one_token_serves_many_questions() -> None:
    """Client credentials become a token, which is used until its time is nearly over."""

    async def story(issuer: Issuer, server: HttpRegistry, client: AnyClient) -> None:
        seen = guarded(server, "token-1")
        for key in (7, 8, 9):
            assert await client.fetch(key) == WriterSchema(INT)
        assert issuer.asked == [{"grant_type": "client_credentials", "scope": "schemas:read"}]
        assert seen == ["token-1"] * 3

    with_issuer(story)


@pytest.mark.parametrize(("lifetime", "asked"), [(None, 1), (0, 2)], ids=["not told", "over"])
def test_a_token_has_its_time(lifetime: int | None, asked: int) -> None:
    """A token that is over is not used again; one whose time is not told is used for a while."""

    async def story(issuer: Issuer, server: HttpRegistry, client: AnyClient) -> None:
        issuer.lifetime = lifetime
        guarded(server, "token-1", "token-2")
        assert await client.fetch(7) == await client.fetch(8) == WriterSchema(INT)
        assert len(issuer.asked) == asked

    with_issuer(story)


def test_a_token_that_is_refused_is_had_anew() -> None:
    """A registry that no longer takes a token, long before its time is over, is asked with a new one."""

    async def story(issuer: Issuer, server: HttpRegistry, client: AnyClient) -> None:
        guarded(server, "token-1")
        await client.fetch(7)
        guarded(server, "token-2")
        assert "credentials" in await trouble(client, 8, Forbidden)
        assert await client.fetch(8) == WriterSchema(INT)
        assert len(issuer.asked) == 2

    with_issuer(story)


def test_no_token_no_question() -> None:
    """Where the issuer refuses, or is away, the registry is not asked, and the text says why."""

    async def story(issuer: Issuer, server: HttpRegistry, client: AnyClient) -> None:
        assert "token could not be had" in await trouble(client, kind=Forbidden)
        issuer.status = 503
        assert "token could not be had" in await trouble(client)
        assert server.asked == []

    with_issuer(story, secret=f"{SECRET}-of-another")


def test_the_environment_does_not_divert_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret goes to the issuer and to no proxy of the environment."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    async def story(_: Issuer, server: HttpRegistry, client: AnyClient) -> None:
        guarded(server, "token-1")
        assert await client.fetch(7) == WriterSchema(INT)

    with_issuer(story)


def test_an_issuer_of_our_own_is_trusted(tmp_path: Path) -> None:
    """The authority that signs the registry may sign the issuer; nobody else's signature will do."""

    async def run() -> None:
        tls, issuer, server = certified(tmp_path), Issuer("consumer", SECRET), HttpRegistry()
        async with issuer.serving(tls.context) as tokens, server.serving() as url:
            guarded(server, "token-1")
            for properties, trusted in (({}, False), ({"ssl.ca.location": str(tls.file)}, True)):
                client = AnyClient(url, oauth(tokens) | properties)
                if trusted:
                    assert await client.fetch(7) == WriterSchema(INT)
                else:
                    assert "token could not be had" in await trouble(client)
                await client.close()

    asyncio.run(run())


# ---------------------------------------------------------------------------------------- certificates


def test_a_certificate_of_our_own_is_shown(tmp_path: Path) -> None:
    """A registry that wants to know its clients by certificate gets ours; without it, it is not reached."""

    async def run() -> None:
        (tmp_path / "server").mkdir()
        (tmp_path / "client").mkdir()
        tls, ours = certified(tmp_path / "server"), certified(tmp_path / "client")
        tls.context.verify_mode = ssl.CERT_REQUIRED
        tls.context.load_verify_locations(ours.file)
        both = str(tmp_path / "client" / "server.pem")
        trusting = {"ssl.ca.location": str(tls.file)}
        showing = trusting | {"ssl.certificate.location": both, "ssl.key.location": both}
        server = HttpRegistry()
        async with server.serving(tls.context) as url:
            server.schema(7, INT)
            server.answers[f"{OWN}/ids/globalIds/7"] = answer(200, INT)
            server.answers[f"{OWN}/ids/globalIds/7/references"] = answer(200, "[]")
            for properties, shown in ((trusting, False), ({}, False), (showing, True)):
                client, own = AnyClient(url, properties), AnyClient(url + OWN, properties)
                if shown:
                    assert await client.fetch(7) == await own.fetch(GLOBAL) == WriterSchema(INT)
                else:
                    assert "can't be reached" in await trouble(client)
                    assert "can't be reached" in await trouble(own, GLOBAL)
                await client.close()
                await own.close()

    asyncio.run(run())


# -------------------------------------------------------------------------------------------- Apicurio

MONEY = '{"type": "record", "name": "Money", "fields": []}'
PAID = '{"type": "record", "name": "Paid", "fields": []}'
ARTIFACT = f"{OWN}/groups/default/artifacts/money/versions/1"


def known(server: HttpRegistry, path: str, text: str, *references: object) -> None:
    """Have ``server`` know the schema ``text`` at ``path``, and what it refers to."""
    server.answers[path] = answer(200, text)
    server.answers[f"{path}/references"] = answer(200, list(references))


@pytest.mark.parametrize("path", [OWN, "/apis/ccompat/v7", "/apis/ccompat/v6"])
def test_apicurios_ids_are_asked_for_at_its_own_path(path: str) -> None:
    """Whichever of its addresses is configured, global and content ids are looked up where they are known."""

    async def story(server: HttpRegistry, client: AnyClient) -> None:
        known(server, f"{OWN}/ids/globalIds/7", PAID)
        known(server, f"{OWN}/ids/contentIds/7", MONEY)
        assert await client.fetch(GLOBAL) == WriterSchema(PAID)
        assert await client.fetch(ApicurioId(ApicurioIdKind.CONTENT, 7)) == WriterSchema(MONEY)
        base = path if "ccompat" in path else "/apis/ccompat/v7"
        server.answers[f"{base}/schemas/ids/7"] = answer(200, {"schema": INT})
        assert await client.fetch(7) == WriterSchema(INT)

    play(story, path=path)


def test_what_apicurio_refers_to_comes_first() -> None:
    """References are followed, in their order, each once; a group that is not named is the default one."""

    async def story(server: HttpRegistry, client: AnyClient) -> None:
        shared = {"artifactId": "money", "version": "1", "name": "Money"}
        other = {"groupId": "a/b", "artifactId": "tax", "version": "2.0", "name": "Tax"}
        known(server, f"{OWN}/ids/globalIds/7", PAID, other, shared)
        known(server, ARTIFACT, MONEY)
        known(server, f"{OWN}/groups/a/b/artifacts/tax/versions/2.0", INT, shared)
        assert await client.fetch(GLOBAL) == WriterSchema(PAID, (MONEY, INT))
        assert f"{OWN}/groups/a%2Fb/artifacts/tax/versions/2.0" in server.asked
        assert len(server.asked) == 6

    play(story, path=OWN)


def test_too_many_references_are_the_schemas_fault() -> None:
    """A schema that refers to ever more ends after a bounded effort."""

    async def story(server: HttpRegistry, client: AnyClient) -> None:
        def refers(*names: str) -> list[object]:
            return [{"artifactId": name, "version": "1"} for name in names]

        for number in range(40):
            at = f"{OWN}/groups/default/artifacts"
            known(server, f"{at}/deep{number}/versions/1", INT, *refers(f"deep{number + 1}"))
            known(server, f"{at}/wide{number}/versions/1", INT)
        for names in (["deep0"], [f"wide{number}" for number in range(40)]):
            known(server, f"{OWN}/ids/globalIds/7", PAID, *refers(*names))
            assert "too many" in await trouble(client, GLOBAL, Unreadable)
        assert len(server.asked) <= 2 * (2 + 2 * 33)

    play(story, path=OWN)


@pytest.mark.parametrize("name", ["ArtifactNotFoundException", "ContentNotFoundException"])
def test_only_apicurios_own_word_makes_a_schema_missing(name: str) -> None:
    """Its 404 with the name of what is missing; a reference that is missing is no fault of the record."""

    async def story(server: HttpRegistry, client: AnyClient) -> None:
        missing = answer(404, {"error_code": 404, "name": name})
        server.answers[f"{OWN}/ids/globalIds/7"] = missing
        await trouble(client, GLOBAL, NoSuchSchema)
        known(server, f"{OWN}/ids/globalIds/7", PAID, {"artifactId": "money", "version": "1"})
        server.answers[ARTIFACT] = missing
        assert "lacks a schema" in await trouble(client, GLOBAL)

    play(story, path=OWN)


STRANGE: list[tuple[str, Answer, type[Exception], str]] = [
    (
        "a path that is not there",
        answer(404, {"error_code": 404, "name": "NotFoundException"}),
        Unavailable,
        "status 404",
    ),
    ("a 404 of a web server", answer(404, "<html>", "text/html"), Unavailable, "status 404"),
    ("a 404 that is a list", answer(404, []), Unavailable, "status 404"),
    ("a page", answer(200, "<html>", "text/html"), Unavailable, "not a registry's"),
    ("nothing", answer(200, ""), Unavailable, "not a registry's"),
    ("another service's answer", answer(200, {"status": "ok"}), Unavailable, "not a registry's"),
    ("deep JSON", answer(200, "[" * 100_000), Unavailable, "not a registry's"),
    ("no permission", answer(403, {"message": SECRET}), Forbidden, "credentials"),
    ("no credentials", answer(401, SECRET), Forbidden, "credentials"),
    ("trouble", answer(500, SECRET), Unavailable, "status 500"),
    ("too many questions", answer(429, ""), Unavailable, "status 429"),
    ("elsewhere", answer(307, "", Location="/elsewhere"), Unavailable, "sends elsewhere"),
    ("no end", endless, Unavailable, "more than 4 MiB"),
    ("no answer", broken, Unavailable, "can't be reached"),
    ("another kind of schema", answer(200, "syntax", "application/x-protobuf"), Unreadable, "PROTOBUF"),
]


@pytest.mark.parametrize(
    ("given", "kind", "why"), [row[1:] for row in STRANGE], ids=[row[0] for row in STRANGE]
)
def test_what_apicurio_never_answers_waits(given: Answer, kind: type[Exception], why: str) -> None:
    """Whatever else comes is not believed, told in words that hold nothing of it, and asked for again."""

    async def story(server: HttpRegistry, client: AnyClient) -> None:
        known(server, f"{OWN}/ids/globalIds/7", PAID)
        server.answers[f"{OWN}/ids/globalIds/7"] = given
        assert why in await trouble(client, GLOBAL, kind)

    play(story, path=OWN)


@pytest.mark.parametrize(
    "body",
    [
        *("{}", "[7]", '[{"artifactId": 7, "version": "1"}]', '[{"version": "1"}]'),
        *(
            json.dumps([{"groupId": "g", "artifactId": "a", "version": "1"} | {part: "\ud800"}])
            for part in ("groupId", "artifactId", "version")
        ),
    ],
)
def test_strange_references_wait(body: str) -> None:
    """A list of references that is none is no fault of the record."""

    async def story(server: HttpRegistry, client: AnyClient) -> None:
        known(server, f"{OWN}/ids/globalIds/7", PAID)
        server.answers[f"{OWN}/ids/globalIds/7/references"] = answer(200, body)
        assert "not a registry's" in await trouble(client, GLOBAL)

    play(story, path=OWN)


def test_another_registry_has_no_such_ids() -> None:
    """At an address that is not Apicurio's nothing is asked; the text says what to write."""

    async def story(server: HttpRegistry, client: AnyClient) -> None:
        assert "/apis/registry/v2" in await trouble(client, GLOBAL)
        assert server.asked == []

    play(story)


def test_of_several_apicurios_the_next_is_asked() -> None:
    """One that is away or fails is passed over; the last one's answer counts. Tokens go to each."""

    async def run() -> None:
        gone, failing, here = HttpRegistry(), HttpRegistry(), HttpRegistry()
        async with gone.serving() as first:
            pass
        async with failing.serving() as second, here.serving() as third:
            failing.answers[f"{OWN}/ids/globalIds/7"] = answer(503, "")
            known(failing, f"{OWN}/ids/globalIds/8", INT)
            known(here, f"{OWN}/ids/globalIds/7", json.dumps("string"))
            known(failing, f"{OWN}/ids/globalIds/7/references", "[]")
            client = AnyClient(",".join(url + OWN for url in (first, second, third)), {})
            assert await client.fetch(GLOBAL) == WriterSchema('"string"')
            assert await client.fetch(ApicurioId(ApicurioIdKind.GLOBAL, 8)) == WriterSchema(INT)
            await client.close()

    asyncio.run(run())
