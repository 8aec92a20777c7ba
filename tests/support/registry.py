"""A real schema registry for tests: Apicurio, which speaks Confluent's API under ``/apis/ccompat/v7``."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

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


def start() -> SchemaRegistry:
    """Give the first registry that this machine has, answering; raises NotHere with every reason."""
    url = os.environ.get("SCHEMA_REGISTRY_URL")
    if url:
        return SchemaRegistry(url)
    _, server = start_first(allowed(MAKERS))
    return SchemaRegistry(f"http://{server.address}{REGISTRY_PATH}", server)
