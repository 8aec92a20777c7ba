"""The schemas that producers write with now, as far as the registry knows: for ``check --connect``."""

import asyncio
from collections.abc import Mapping
from typing import Final

from consumer.core.avro.inspection import WriterSchema
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.operations.checks import Failure, Trouble
from consumer.edges.registry import NoSuchSchema
from consumer.edges.registry.client import ConfluentClient, Incomplete

#: Subjects that are asked about at the same time.
AT_ONCE: Final = 5

#: The registry was found not to answer, so it was not asked.
NOT_ASKED: Final = Failure(Trouble.OTHER, "the registry does not answer")


class LatestSchemas:
    """Asks the registry at ``url`` for the latest schema of subjects, for several at the same time."""

    def __init__(self, url: str, properties: Mapping[str, str]) -> None:
        self._client: Final = ConfluentClient(url, properties)
        self._turns: Final = asyncio.Semaphore(AT_ONCE)
        self._away = False

    async def of(self, subject: str) -> WriterSchema | Failure | None:
        """Return the schema, with all that it refers to; None: there is no such subject.

        Once the registry could not be asked it is not asked for what is still waiting.
        """
        async with self._turns:
            if self._away:
                return NOT_ASKED
            try:
                return await self._client.latest(subject)
            except NoSuchSchema:
                return None
            except (Unavailable, Unreadable) as error:
                self._away |= isinstance(error, Unavailable) and not isinstance(error, Incomplete)
                return Failure(Trouble.OTHER, str(error))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
