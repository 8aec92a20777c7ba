"""Makes the canonical schema known to a registry, as a producer of Confluent-framed records does."""

from collections.abc import Mapping

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError

from consumer.core.avro import schemas
from consumer.core.errors import DependencyError
from consumer.core.settings.kafka_properties import for_registry


def confluent_prefix(url: str, properties: Mapping[str, str], topic: str) -> bytes:
    """Register today's ``PaymentEvent`` for the values of ``topic`` and return the five bytes of its framing.

    Registering what is registered already gives the same id. Raises :class:`DependencyError`.
    """
    client = SchemaRegistryClient(for_registry(url, properties))
    try:
        schema_id = client.register_schema(f"{topic}-value", Schema(schemas.payment_event(), "AVRO"))
    except SchemaRegistryError as error:
        raise DependencyError(f"the registry refused the schema: {error.error_message}") from None
    # The client lets its HTTP library's errors through, and which library that is changes between releases.
    except Exception as error:  # noqa: BLE001 - see above; whatever it is, the registry was not reached
        raise DependencyError(f"the registry does not answer: {type(error).__name__}") from None
    return b"\x00" + schema_id.to_bytes(4, "big")
