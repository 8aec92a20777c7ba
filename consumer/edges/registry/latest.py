"""The schemas that producers write with now, as far as the registry knows: for ``check --connect``."""

from collections.abc import Iterable, Mapping

from consumer.core.avro.inspection import WriterSchema
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.operations.checks import Failure, Trouble
from consumer.edges.registry import NoSuchSchema
from consumer.edges.registry.client import ConfluentClient


async def latest_schemas(
    url: str, properties: Mapping[str, str], subjects: Iterable[str]
) -> dict[str, WriterSchema | Failure | None]:
    """Return the latest schema of each subject; None: there is no such subject, or one without a schema.

    A registry that can't be asked is not asked for the other subjects.
    """
    client = ConfluentClient(url, properties)
    found: dict[str, WriterSchema | Failure | None] = {}
    try:
        for subject in subjects:
            try:
                found[subject] = await client.latest(subject)
            except NoSuchSchema:
                found[subject] = None
            except (Unavailable, Unreadable) as error:
                found[subject] = Failure(Trouble.OTHER, str(error))
                if isinstance(error, Unavailable):
                    break
    finally:
        await client.close()
    return found
