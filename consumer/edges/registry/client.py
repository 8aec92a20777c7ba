"""confluent-kafka's schema registry client, held to bounds, and what its answers mean.

Looked up in confluent-kafka 2.16 (``schema_registry/_async/schema_registry_client.py``): the client waits
without end unless it has a timeout, keeps every schema for ever, obeys the proxy variables of the
environment, reads answers of any size, and puts whole answers into its errors. None of that is wanted here.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, TypedDict, TypeVar

from confluent_kafka.schema_registry import AsyncSchemaRegistryClient, Schema, SchemaReference
from confluent_kafka.schema_registry._async.schema_registry_client import _AsyncOAuthClient

# Whichever httpx the client itself was built on: its session has to be one of the same library.
from confluent_kafka.schema_registry.common._httpx_compat import httpx
from confluent_kafka.schema_registry.common._oauthbearer import _AsyncBearerFieldProvider
from confluent_kafka.schema_registry.error import OAuthTokenError, SchemaRegistryError

from consumer.core.avro.inspection import MAX_REFERENCE_LEVELS, MAX_REFERENCES, WriterSchema, unusable
from consumer.core.errors import Unavailable
from consumer.core.settings.kafka_properties import for_registry
from consumer.core.settings.registries import confluent_api
from consumer.edges.registry import NOT_A_REGISTRYS, STRANGE, NoSuchSchema

T = TypeVar("T")

#: Seconds for one answer, unless the property ``timeout`` says otherwise, and for a schema with all that it
#: refers to.
ANSWER_SECONDS: Final = 5
SCHEMA_SECONDS: Final = 15.0
#: Time of a token whose issuer does not tell it.
TOKEN_SECONDS: Final = 60.0
#: The largest answer. A registry keeps its schemas as Kafka records, which are a megabyte at most.
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
SILENT: Final = f"the schema registry has not answered for {SCHEMA_SECONDS:.0f} s"

_NO_SUCH_SCHEMA: Final = (404, 40403)
_NO_SUCH_SUBJECT: Final = (404, 40401)

#: What the registry does, by status, and what helps. Anything else is ``STRANGE``.
_STATUSES: Final[Mapping[int, tuple[str, str]]] = {
    401: ("refuses the credentials", "check schema_registry.properties"),
    403: ("refuses the credentials", "check schema_registry.properties"),
    404: (
        "is not at this address",
        "check schema_registry.url: is the path of its API missing? (Not every registry has GUIDs.)",
    ),
    407: ("is behind a proxy that wants credentials", "check the property proxy"),
}
_CREDENTIALS: Final = frozenset({401, 403, 407})
_REDIRECT: Final = ("sends elsewhere", "set schema_registry.url to where it really is")
_FAILING: Final = ("fails", "it is asked again")


class Forbidden(Unavailable):
    """The registry, or the issuer of its tokens, refuses our credentials."""


class Incomplete(Unavailable):
    """The registry answers, and lacks a part of one schema."""


class ConfluentClient:
    """Asks the registry at ``url`` (several, separated by commas, are tried in turn).

    Questions may overlap. Raises :class:`ValueError`, :class:`TypeError` or :class:`OSError` for
    ``properties`` that the client does not take.
    """

    def __init__(self, url: str, properties: Mapping[str, str]) -> None:
        self._client: Final = restrained(confluent_api(url), properties)

    async def fetch(self, key: int | str) -> WriterSchema:
        """Return the schema ``key`` with all that it refers to.

        Raises :class:`NoSuchSchema` if the registry says so in its own words, :class:`Unreadable`
        (``undecodable``) if it is not Avro or refers to too much, :class:`Unavailable` for all else.
        """
        try:
            async with asyncio.timeout(SCHEMA_SECONDS):
                by_id, by_guid = self._client.get_schema, self._client.get_schema_by_guid
                schema = await _answer(by_id(key) if isinstance(key, int) else by_guid(key))
                references: dict[tuple[str, int], str] = {}
                await self._collect(schema, references, level=1)
        except TimeoutError:
            raise Unavailable(SILENT) from None
        except Forbidden:
            forget_token(self._client)
            raise
        finally:
            await self._client.clear_caches()  # type: ignore[no-untyped-call]  # the library does not say
        return WriterSchema(_avro(schema), tuple(references.values()))

    async def latest(self, subject: str) -> WriterSchema:
        """Return the latest schema of ``subject``, with all that it refers to; raises as :meth:`fetch` does.

        Here :class:`NoSuchSchema` says that there is no such subject.
        """
        try:
            async with asyncio.timeout(SCHEMA_SECONDS):
                latest = await _answer(self._client.get_latest_version(subject), no_such=_NO_SUCH_SUBJECT)
                references: dict[tuple[str, int], str] = {}
                await self._collect(latest.schema, references, level=1)
        except TimeoutError:
            raise Unavailable(SILENT) from None
        finally:
            await self._client.clear_caches()  # type: ignore[no-untyped-call]  # as above
        return WriterSchema(_avro(latest.schema), tuple(references.values()))

    async def close(self) -> None:
        """Close the connections."""
        await close(self._client)

    async def _collect(self, schema: Schema, known: dict[tuple[str, int], str], *, level: int) -> None:
        """Add to ``known`` what ``schema`` refers to, each schema behind those that it needs itself."""
        for reference in schema.references or []:
            name = _reference(reference)
            if name in known:
                continue
            if level > MAX_REFERENCE_LEVELS or len(known) >= MAX_REFERENCES:
                raise unusable("refers to too many others")
            try:
                version = await _answer(self._client.get_version(*name, deleted=True))
            except NoSuchSchema:
                raise Incomplete("the schema registry lacks a schema that another refers to") from None
            await self._collect(version.schema, known, level=level + 1)
            known[name] = _avro(version.schema)


async def _answer(asking: Awaitable[T], no_such: tuple[int, int] = _NO_SUCH_SCHEMA) -> T:
    """Return what the client gives; raise NoSuchSchema or Unavailable for what it raises.

    ``no_such`` are status and error code with which the registry says that it has no such thing.
    """
    try:
        return await asking
    except Exception as error:  # noqa: BLE001 - a border: the client raises whatever an odd answer leads to
        if isinstance(error, SchemaRegistryError) and (error.http_status_code, error.error_code) == no_such:
            problem: Exception = NoSuchSchema()
        else:
            kind = Forbidden if refuses(error) else Unavailable
            problem = kind(f"the schema registry {explain(error)}")
    # Raised here and not above: the client's exceptions hold whole answers and may hold credentials.
    raise problem


def explain(error: Exception) -> str:
    """Say what is wrong in words that hold nothing of the answer."""
    match error:
        case SchemaRegistryError():
            what, cure = _status_meaning(error.http_status_code)
            return f"{what} (status {error.http_status_code}); {cure}"
        case OAuthTokenError():
            return "can't be asked: its token could not be had; check schema_registry.properties"
        case httpx.TimeoutException():
            return "does not answer in time; it is asked again"
        case httpx.TransportError():
            return f"can't be reached ({type(error).__name__}); it is asked again"
        case _TooLarge():
            return f"gives an answer of more than {MAX_ANSWER_BYTES // 1024 // 1024} MiB"
        case _:
            return NOT_A_REGISTRYS


def refuses(error: Exception) -> bool:
    """Tell whether ``error`` is about our credentials."""
    if isinstance(error, SchemaRegistryError):
        return error.http_status_code in _CREDENTIALS
    return isinstance(error, OAuthTokenError)


def _status_meaning(status: int) -> tuple[str, str]:
    if status in _STATUSES:
        return _STATUSES[status]
    match status // 100:
        case 3:
            return _REDIRECT
        case 5:
            return _FAILING
        case _:
            return _FAILING if status in {408, 425, 429} else STRANGE


def _avro(schema: Schema) -> str:
    """Return the text of an Avro schema; raise for another kind, or for what no registry answers."""
    text: object = schema.schema_str
    kind: object = schema.schema_type
    if kind in {"JSON", "PROTOBUF"}:
        raise unusable(f"is of the type {kind}, not Avro")
    if not isinstance(text, str) or kind not in {"AVRO", None}:
        raise Unavailable(f"the schema registry {NOT_A_REGISTRYS}")
    return text


def _reference(reference: SchemaReference) -> tuple[str, int]:
    subject: object = reference.subject
    version: object = reference.version
    if not isinstance(subject, str) or not isinstance(version, int):
        raise Unavailable(f"the schema registry {NOT_A_REGISTRYS}")
    return subject, version


class _TooLarge(Exception):
    """An answer is larger than any schema."""


class _Bounded(httpx.AsyncByteStream):
    """The body of an answer, cut off with :class:`_TooLarge` at the bound."""

    def __init__(self, body: httpx.AsyncByteStream) -> None:
        self._body: Final = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the body piece by piece."""
        size = 0
        async for piece in self._body:
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                raise _TooLarge
            yield piece

    async def aclose(self) -> None:
        """Close the body."""
        await self._body.aclose()


async def _bound(answer: httpx.Response) -> None:
    if answer.headers.get("content-encoding", "identity") != "identity":
        # It was asked not to compress, and a megabyte can unfold to a gigabyte.
        raise _TooLarge
    if isinstance(answer.stream, httpx.AsyncByteStream):
        answer.stream = _Bounded(answer.stream)


def restrained(url: str, properties: Mapping[str, str]) -> AsyncSchemaRegistryClient:
    """Return a client that goes nowhere but where it is told, and reads no more than a schema can be.

    There is no public way to have one: sessions made of the same parts take the place of the client's own.
    Raises :class:`ValueError`, :class:`TypeError` or :class:`OSError` for ``properties`` that are not taken.
    """
    # One try each: the record waits and comes back by itself.
    given = {"timeout": ANSWER_SECONDS, **for_registry(url, properties), "max.retries": 0}
    client = AsyncSchemaRegistryClient(given)
    rest = client._rest_client  # noqa: SLF001 - see above; a test holds it to what is promised here
    held: _Held = {
        "proxy": rest.proxy,
        "timeout": rest.timeout,
        "headers": {"Accept-Encoding": "identity"},
        "event_hooks": {"response": [_bound]},
        "follow_redirects": False,
        "trust_env": False,
    }
    rest.session = httpx.AsyncClient(verify=rest.verify, auth=rest.auth, **held)
    if isinstance(rest.bearer_field_provider, _AsyncOAuthClient):
        issuer = rest.bearer_field_provider
        verify = _for_issuer(properties.get("ssl.ca.location"))
        issuer.client = type(issuer.client)(
            client_id=properties["bearer.auth.client.id"],
            client_secret=properties["bearer.auth.client.secret"],
            scope=issuer.client.scope,
            verify=verify,
            **held,
        )
        rest.bearer_field_provider = _Tokens(issuer)
    return client


def forget_token(client: AsyncSchemaRegistryClient) -> None:
    """Have ``client`` ask for a new token before its next question; the one it has was refused."""
    provider = client._rest_client.bearer_field_provider  # noqa: SLF001 - as above
    if isinstance(provider, _Tokens):
        provider.forget()


async def close(client: AsyncSchemaRegistryClient) -> None:
    """Close the connections of ``client``, also those to the issuer of its tokens."""
    await client.aclose()
    provider = client._rest_client.bearer_field_provider  # noqa: SLF001 - as above
    if isinstance(provider, _Tokens):
        await provider.close()


class _Held(TypedDict):
    """What holds a session to its bounds."""

    proxy: str | None
    timeout: float | None
    headers: Mapping[str, str]
    event_hooks: Mapping[str, list[Callable[[httpx.Response], Awaitable[None]]]]
    follow_redirects: bool
    trust_env: bool


def _for_issuer(authority: str | None) -> ssl.SSLContext:
    """Return whom to trust as the issuer of tokens: the registry's authority, and those of everybody.

    The registry is often inside and its issuer outside. It gets no certificate of ours.
    """
    context = httpx.create_ssl_context()
    if authority is not None:
        kind = "capath" if Path(authority).is_dir() else "cafile"
        context.load_verify_locations(**{kind: authority})
    return context


class _Tokens(_AsyncBearerFieldProvider):
    """Tokens of ``issuer``, each used for four fifths of its time.

    The library's own does not take a token whose time is not told, which RFC 6749 allows (5.1), and keeps one
    that the registry refuses.
    """

    def __init__(self, issuer: _AsyncOAuthClient) -> None:
        self._issuer: Final = issuer
        self._good_until = 0.0

    def forget(self) -> None:
        """Use the token no longer."""
        self._good_until = 0.0

    async def close(self) -> None:
        """Close the connections to the issuer."""
        await self._issuer.client.aclose()

    async def get_bearer_fields(self) -> dict[str, str]:
        """Return what the client puts into its questions; raise OAuthTokenError where there is no token."""
        issuer = self._issuer
        if time.monotonic() >= self._good_until:
            await issuer.generate_access_token()
            seconds = issuer.token_object.get("expires_in")
            lifetime = float(seconds) if isinstance(seconds, int | float) else TOKEN_SECONDS
            self._good_until = time.monotonic() + lifetime * issuer.token_expiry_threshold
        fields = {"bearer.auth.token": issuer.token, "bearer.auth.logical.cluster": issuer.logical_cluster}
        if issuer.identity_pool is not None:
            fields["bearer.auth.identity.pool.id"] = issuer.identity_pool
        return fields
