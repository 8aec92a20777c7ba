"""confluent-kafka's schema registry client, held to bounds, and what its answers mean.

Looked up in confluent-kafka 2.16 (``schema_registry/_async/schema_registry_client.py``): the client waits
without end unless it has a timeout, keeps every schema for ever, obeys the proxy variables of the
environment, reads answers of any size, and puts whole answers into its errors. None of that is wanted here.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Final, TypeVar

from confluent_kafka.schema_registry import AsyncSchemaRegistryClient, Schema, SchemaReference

# Whichever httpx the client itself was built on: its session has to be one of the same library.
from confluent_kafka.schema_registry.common._httpx_compat import httpx
from confluent_kafka.schema_registry.error import OAuthTokenError, SchemaRegistryError

from consumer.core.avro.inspection import WriterSchema
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.meaning.intents import DeadLetterReason
from consumer.core.settings.kafka_properties import for_registry
from consumer.edges.registry import NoSuchSchema, SchemaKey

T = TypeVar("T")

#: Seconds for one answer, unless the property ``timeout`` says otherwise, and for a schema with all that it
#: refers to.
ANSWER_SECONDS: Final = 5
SCHEMA_SECONDS: Final = 15.0
#: The largest answer. A registry keeps its schemas as Kafka records, which are a megabyte at most.
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
MAX_REFERENCES: Final = 32
MAX_REFERENCE_LEVELS: Final = 8

_NO_SUCH_SCHEMA: Final = (404, 40403)

#: What the registry does, by status, and what helps. Anything else is ``_OTHER``.
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
_OTHER: Final = ("gives an answer that is not a registry's", "check schema_registry.url")


class Forbidden(Unavailable):
    """The registry, or the issuer of its tokens, refuses our credentials."""


class ConfluentClient:
    """Asks the registry at ``url`` (several, separated by commas, are tried in turn), one answer at a time.

    Raises :class:`ValueError`, :class:`TypeError` or :class:`OSError` for ``properties`` that the client does
    not take.
    """

    def __init__(self, url: str, properties: Mapping[str, str]) -> None:
        given = for_registry(url, properties)
        # One try each: the record waits and comes back by itself.
        self._client: Final = AsyncSchemaRegistryClient(
            {"timeout": ANSWER_SECONDS, **given, "max.retries": 0}
        )
        _restrain(self._client)

    async def fetch(self, key: SchemaKey) -> WriterSchema:
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
            raise Unavailable(f"the schema registry has not answered for {SCHEMA_SECONDS:.0f} s") from None
        finally:
            await self._client.clear_caches()  # type: ignore[no-untyped-call]  # the library does not say
        return WriterSchema(_avro(schema), tuple(references.values()))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _collect(self, schema: Schema, known: dict[tuple[str, int], str], *, level: int) -> None:
        """Add to ``known`` what ``schema`` refers to, each schema behind those that it needs itself."""
        for reference in schema.references or []:
            name = _reference(reference)
            if name in known:
                continue
            if level > MAX_REFERENCE_LEVELS or len(known) >= MAX_REFERENCES:
                raise _unusable("refers to too many others")
            try:
                version = await _answer(self._client.get_version(*name, deleted=True))
            except NoSuchSchema:
                raise Unavailable("the schema registry lacks a schema that another refers to") from None
            await self._collect(version.schema, known, level=level + 1)
            known[name] = _avro(version.schema)


async def _answer(asking: Awaitable[T]) -> T:
    """Return what the client gives; raise NoSuchSchema or Unavailable for what it raises."""
    try:
        return await asking
    except Exception as error:  # noqa: BLE001 - a border: the client raises whatever an odd answer leads to
        if (
            isinstance(error, SchemaRegistryError)
            and (error.http_status_code, error.error_code) == _NO_SUCH_SCHEMA
        ):
            problem: Exception = NoSuchSchema()
        else:
            kind = Forbidden if _refuses(error) else Unavailable
            problem = kind(f"the schema registry {_explain(error)}")
    # Raised here and not above: the client's exceptions hold whole answers and may hold credentials.
    raise problem


def _explain(error: Exception) -> str:
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
            what, cure = _OTHER
            return f"{what}; {cure}"


def _refuses(error: Exception) -> bool:
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
            return _FAILING if status in {408, 425, 429} else _OTHER


def _avro(schema: Schema) -> str:
    """Return the text of an Avro schema; raise for another kind, or for what no registry answers."""
    text: object = schema.schema_str
    kind: object = schema.schema_type
    if kind in {"JSON", "PROTOBUF"}:
        raise _unusable(f"is of the type {kind}, not Avro")
    if not isinstance(text, str) or kind not in {"AVRO", None}:
        what, cure = _OTHER
        raise Unavailable(f"the schema registry {what}; {cure}")
    return text


def _reference(reference: SchemaReference) -> tuple[str, int]:
    subject: object = reference.subject
    version: object = reference.version
    if not isinstance(subject, str) or not isinstance(version, int):
        what, cure = _OTHER
        raise Unavailable(f"the schema registry {what}; {cure}")
    return subject, version


def _unusable(what: str) -> Unreadable:
    return Unreadable(DeadLetterReason.UNDECODABLE, f"the schema {what}")


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


def _restrain(client: AsyncSchemaRegistryClient) -> None:
    """Have ``client`` go nowhere but where it is told, and read no more than a schema can be.

    There is no public way to do so: the session, made of the same parts, takes the place of the client's own.
    """
    rest = client._rest_client  # noqa: SLF001 - see above; a test holds it to what is promised here
    rest.session = httpx.AsyncClient(
        verify=rest.verify,
        auth=rest.auth,
        proxy=rest.proxy,
        timeout=rest.timeout,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [_bound]},
        follow_redirects=False,
        trust_env=False,
    )
