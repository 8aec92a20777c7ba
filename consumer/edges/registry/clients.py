"""One client for every kind of id: Confluent's and Apicurio's, each asked for where it is served."""

from collections.abc import Mapping
from typing import Final

from consumer.core.avro.framing import ApicurioId, SchemaKey
from consumer.core.avro.inspection import WriterSchema
from consumer.core.errors import Unavailable
from consumer.core.settings.registries import apicurio_api
from consumer.edges.registry.apicurio import ApicurioClient
from consumer.edges.registry.client import ConfluentClient

_NOT_APICURIO: Final = (
    "the record names a schema in Apicurio's registry, and schema_registry.url is not its address; let it "
    "end in /apis/registry/v2"
)


class AnyClient:
    """Asks the registry at ``url``, of either path of an Apicurio, in the language of the id.

    Raises :class:`ValueError`, :class:`TypeError` or :class:`OSError` for ``properties`` that are not taken.
    """

    def __init__(self, url: str, properties: Mapping[str, str]) -> None:
        self._confluent: Final = ConfluentClient(url, properties)
        own = apicurio_api(url)
        self._apicurio: Final = None if own is None else ApicurioClient(own, properties)

    async def fetch(self, key: SchemaKey) -> WriterSchema:
        """Return the schema ``key`` with all that it refers to; raises as the client for its kind does."""
        if not isinstance(key, ApicurioId):
            return await self._confluent.fetch(key)
        if self._apicurio is None:
            raise Unavailable(_NOT_APICURIO)
        return await self._apicurio.fetch(key)

    async def close(self) -> None:
        """Close the connections."""
        await self._confluent.close()
        if self._apicurio is not None:
            await self._apicurio.close()
