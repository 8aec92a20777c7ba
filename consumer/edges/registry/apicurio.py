"""Apicurio's own API, which alone knows its global ids.

Looked up in Apicurio Registry 2.6.13, and held to it by ``tests/contract/test_registry.py``: Confluent's API
of the same registry answers 40403 for a global id. A wrong path is a 404 with error code 404 as well, and
differs from a missing schema in its ``name`` only.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Final, TypeAlias
from urllib.parse import quote

from confluent_kafka.schema_registry.common._httpx_compat import httpx
from confluent_kafka.schema_registry.error import SchemaRegistryError

from consumer.core.avro.framing import ApicurioId, ApicurioIdKind
from consumer.core.avro.inspection import MAX_REFERENCE_LEVELS, MAX_REFERENCES, WriterSchema, unusable
from consumer.core.errors import Unavailable
from consumer.edges.registry import NOT_A_REGISTRYS, NoSuchSchema
from consumer.edges.registry.client import (
    SCHEMA_SECONDS,
    SILENT,
    Forbidden,
    close,
    explain,
    forget_token,
    refuses,
    restrained,
)

#: Where ids of each kind are looked up.
_PATHS: Final[Mapping[ApicurioIdKind, str]] = {
    ApicurioIdKind.GLOBAL: "ids/globalIds",
    ApicurioIdKind.CONTENT: "ids/contentIds",
}
#: What an artifact is called that is not there, or that somebody has disabled.
_MISSING: Final = frozenset(
    {"ArtifactNotFoundException", "ContentNotFoundException", "VersionNotFoundException"}
)
_OK: Final = 200
_NOT_FOUND: Final = 404
_RETRIABLE: Final = frozenset({408, 429})
_FAILING: Final = 500
#: What only other kinds of schemas are sent as.
_PROTOBUF: Final = "application/x-protobuf"

#: Group, artifact and version of what a schema refers to.
_Reference: TypeAlias = tuple[str, str, str]


class ApicurioClient:
    """Asks the registry at ``url`` (several, separated by commas, are tried in turn), one answer at a time.

    Raises :class:`ValueError`, :class:`TypeError` or :class:`OSError` for ``properties`` that are not taken.
    """

    def __init__(self, url: str, properties: Mapping[str, str]) -> None:
        self._client: Final = restrained(url, properties)
        self._rest: Final = self._client._rest_client  # noqa: SLF001 - for its session, addresses and tokens

    async def fetch(self, key: ApicurioId) -> WriterSchema:
        """Return the schema ``key`` with all that it refers to.

        Raises :class:`NoSuchSchema` if the registry says so in its own words, :class:`Unreadable`
        (``undecodable``) if it is not Avro or refers to too much, :class:`Unavailable` for all else.
        """
        path = f"{_PATHS[key.kind]}/{key.number}"
        try:
            async with asyncio.timeout(SCHEMA_SECONDS):
                text = await self._schema(path)
                references: dict[_Reference, str] = {}
                await self._collect(path, references, level=1)
        except TimeoutError:
            raise Unavailable(SILENT) from None
        except Forbidden:
            forget_token(self._client)
            raise
        return WriterSchema(text, tuple(references.values()))

    async def close(self) -> None:
        """Close the connections."""
        await close(self._client)

    async def _collect(self, path: str, known: dict[_Reference, str], *, level: int) -> None:
        """Add to ``known`` what the schema at ``path`` refers to, each behind what it needs itself."""
        for reference in _references(await self._get(f"{path}/references")):
            if reference in known:
                continue
            if level > MAX_REFERENCE_LEVELS or len(known) >= MAX_REFERENCES:
                raise unusable("refers to too many others")
            inner = _path(reference)
            try:
                text = await self._schema(inner)
            except NoSuchSchema:
                raise Unavailable("the schema registry lacks a schema that another refers to") from None
            await self._collect(inner, known, level=level + 1)
            known[reference] = text

    async def _schema(self, path: str) -> str:
        """Return the Avro schema at ``path``."""
        answer = await self._get(path)
        if answer.headers.get("content-type", "").startswith(_PROTOBUF):
            raise unusable("is of the type PROTOBUF, not Avro")
        document = _json(answer)
        if isinstance(document, dict) and "type" not in document:
            # Avro and JSON Schema have one; some other service's answer hardly does.
            raise _strange()
        return answer.text

    async def _get(self, path: str) -> httpx.Response:
        """Return the answer for ``path``; raise NoSuchSchema or Unavailable for any but a success."""
        try:
            answer = await self._ask(path)
        except Exception as error:  # noqa: BLE001 - a border: the client raises whatever an odd answer leads to
            kind = Forbidden if refuses(error) else Unavailable
            problem: Exception = kind(f"the schema registry {explain(error)}")
        else:
            if answer.status_code == _OK:
                return answer
            status = SchemaRegistryError(answer.status_code, -1, "")
            kind = Forbidden if refuses(status) else Unavailable
            says_so = answer.status_code == _NOT_FOUND and _says_missing(answer)
            problem = NoSuchSchema() if says_so else kind(f"the schema registry {explain(status)}")
        # Raised here and not above: the client's exceptions may hold credentials.
        raise problem

    async def _ask(self, path: str) -> httpx.Response:
        """Ask each address in turn, until one neither fails nor is away."""
        headers = {"Accept": "*/*"}
        if self._rest.bearer_auth_credentials_source:
            await self._rest.handle_bearer_auth(headers)
        *others, last = self._rest.base_urls
        for url in others:
            try:
                answer = await self._rest.send_http_request(url, path, "GET", headers)
            except httpx.TransportError:
                continue
            if answer.status_code < _FAILING and answer.status_code not in _RETRIABLE:
                return answer
        return await self._rest.send_http_request(last, path, "GET", headers)


def _json(answer: httpx.Response) -> object:
    try:
        document: object = json.loads(answer.text)
    except (ValueError, RecursionError):
        raise _strange() from None
    return document


def _says_missing(answer: httpx.Response) -> bool:
    try:
        document: object = json.loads(answer.text)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("name") in _MISSING


def _references(answer: httpx.Response) -> list[_Reference]:
    """Return what a list of references names; the group is left out where it is the default one."""
    entries = _json(answer)
    if not isinstance(entries, list):
        raise _strange()
    found = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise _strange()
        parts = (entry.get("groupId") or "default", entry.get("artifactId"), entry.get("version"))
        if not all(isinstance(part, str) for part in parts):
            raise _strange()
        found.append((str(parts[0]), str(parts[1]), str(parts[2])))
    return found


def _path(reference: _Reference) -> str:
    try:
        group, artifact, version = (quote(part, safe="") for part in reference)
    except UnicodeEncodeError:
        raise _strange() from None  # JSON can hold half a character, of which there is no UTF-8
    return f"groups/{group}/artifacts/{artifact}/versions/{version}"


def _strange() -> Unavailable:
    return Unavailable(f"the schema registry {NOT_A_REGISTRYS}")
