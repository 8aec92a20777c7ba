"""A real schema registry for tests: Apicurio, which speaks Confluent's API under ``/apis/ccompat/v7``."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from consumer.core.settings.registries import apicurio_api
from tests.support import containers, jars
from tests.support.broker import REGISTRY_PATH, Kind, Server
from tests.support.kafka import Maker, allowed, start_first

MAKERS: Final[Mapping[Kind, Maker]] = {Kind.CONTAINERS: containers.registry, Kind.JARS: jars.registry}


@dataclass(frozen=True, slots=True)
class SchemaRegistry:
    """A registry that runs; ``url`` is for a client's configuration. ``server`` is None if it is not ours."""

    url: str
    server: Server | None = None

    def register(self, subject: str, schema: str) -> int:
        """Register the Avro ``schema`` (JSON text) under ``subject`` and return its id."""
        answer = httpx.post(
            f"{self.url}/subjects/{subject}/versions",
            json={"schema": schema, "schemaType": "AVRO"},
            timeout=30,
        )
        answer.raise_for_status()
        identity: int = answer.json()["id"]
        return identity

    def close(self) -> None:
        """End it if it is ours."""
        if self.server is not None:
            self.server.close()


def fresh(name: str) -> str:
    """Return a name that nobody else has: the registry is shared."""
    return f"{name}_{uuid4().hex}"


class Own:
    """Apicurio's own API, as a producer or a person uses it."""

    def __init__(self, registry: SchemaRegistry) -> None:
        url = apicurio_api(registry.url)
        if url is None:
            pytest.skip("the registry of SCHEMA_REGISTRY_URL is not Apicurio's")
        self.url = url

    def register(self, group: str, artifact: str, schema: object, *references: object) -> dict[str, Any]:
        """Register a schema as a new version of ``artifact``; return what the registry says of it."""
        answer = httpx.post(
            f"{self.url}/groups/{quote(group, safe='')}/artifacts?ifExists=UPDATE",
            json={"content": json.dumps(schema), "references": list(references)},
            headers={
                "Content-Type": "application/create.extended+json",
                "X-Registry-ArtifactType": "AVRO",
                "X-Registry-ArtifactId": artifact,
            },
            timeout=30,
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def delete(self, group: str, artifact: str) -> None:
        """Delete an artifact with all its versions."""
        httpx.delete(f"{self.url}/groups/{group}/artifacts/{artifact}", timeout=30).raise_for_status()


def start() -> SchemaRegistry:
    """Give the first registry that this machine has, answering; raises NotHere with every reason."""
    url = os.environ.get("SCHEMA_REGISTRY_URL")
    if url:
        return SchemaRegistry(url)
    _, server = start_first(allowed(MAKERS))
    return SchemaRegistry(f"http://{server.address}{REGISTRY_PATH}", server)
