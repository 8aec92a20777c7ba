"""What a mapping reads: a decoded record of any schema, with what Kafka says about it."""

from msgspec import Struct

from consumer.core.records import Header


class MappedEvent(Struct, frozen=True, gc=False):
    """One record. ``value`` is its decoded value, None a tombstone; ``name`` the value's Avro record name.

    Inside ``value`` a record in a union of several records is a pair ``(full name, dict)``; all other
    records are dicts. ``timestamp_ms`` is the record's own, in milliseconds since the epoch.
    """

    value: object
    name: str
    key: bytes | None
    headers: tuple[Header, ...]
    topic: str
    partition: int
    offset: int
    timestamp_ms: int | None
