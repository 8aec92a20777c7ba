"""Asking a schema registry for a sign of life, in the very way that schemas are asked for."""

from collections.abc import Mapping
from typing import Final

from consumer.core.avro.framing import ApicurioId, ApicurioIdKind
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.operations.checks import Failure, Trouble
from consumer.core.settings.registries import apicurio_api
from consumer.edges.registry import NoSuchSchema
from consumer.edges.registry.client import Forbidden
from consumer.edges.registry.clients import AnyClient

#: The largest numbers that a schema may have: registries count from 1.
_HARDLY_THERE: Final = 2**31 - 1
_HARDLY_IN_APICURIO: Final = ApicurioId(ApicurioIdKind.GLOBAL, 2**63 - 1)


async def reach(url: str, properties: Mapping[str, str]) -> Failure | None:
    """Ask the registry at ``url`` for a schema that it hardly has; None where it answers as itself.

    Its own "no such schema" proves address, credentials and the right to read schemas. An address of
    Apicurio's own API is asked in its language.
    """
    client = AnyClient(url, properties)
    try:
        await client.fetch(_HARDLY_IN_APICURIO if url == apicurio_api(url) else _HARDLY_THERE)
    except (NoSuchSchema, Unreadable):
        return None
    except Forbidden as error:
        return Failure(Trouble.CREDENTIALS, str(error))
    except Unavailable as error:
        return Failure(Trouble.OTHER, str(error))
    finally:
        await client.close()
    return None
