"""The schemas that producers write with now, as far as the registry knows: for ``check --connect``."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from consumer.core.avro.inspection import WriterSchema
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.operations.checks import Failure, Trouble
from consumer.edges.registry import NoSuchSchema
from consumer.edges.registry.client import ConfluentClient, Incomplete

#: Seconds for all of them together.
ALL_SECONDS: Final = 10.0
#: Subjects that are asked about at the same time.
AT_ONCE: Final = 5

_TOO_LATE: Final = Failure(Trouble.TIMEOUT, "the schema registry has not answered in time")


async def latest_schemas(
    url: str, properties: Mapping[str, str], subjects: Iterable[str], *, seconds: float = ALL_SECONDS
) -> dict[str, WriterSchema | Failure | None]:
    """Return the latest schema of each subject; None: there is no such subject, or one without a schema.

    Several are asked about at the same time, and all together take ``seconds`` at most. A registry that can't
    be asked is not asked for the subjects that are left: they are left out.
    """
    client = ConfluentClient(url, properties)
    asking = _Asking(client)
    wanted = list(dict.fromkeys(subjects))
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(asking.ask(subject) for subject in wanted))
    except TimeoutError:
        missing = () if asking.away else wanted
        return {**dict.fromkeys(missing, _TOO_LATE), **asking.found}
    finally:
        await client.close()
    return asking.found


class _Asking:
    """What was found so far; ``away``: the registry can't be asked."""

    def __init__(self, client: ConfluentClient) -> None:
        self.found: Final[dict[str, WriterSchema | Failure | None]] = {}
        self.away = False
        self._client: Final = client
        self._turns: Final = asyncio.Semaphore(AT_ONCE)

    async def ask(self, subject: str) -> None:
        async with self._turns:
            if self.away:
                return
            try:
                self.found[subject] = await self._client.latest(subject)
            except NoSuchSchema:
                self.found[subject] = None
            except (Unavailable, Unreadable) as error:
                self.found[subject] = Failure(Trouble.OTHER, str(error))
                self.away |= isinstance(error, Unavailable) and not isinstance(error, Incomplete)
