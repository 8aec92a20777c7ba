"""Writes sample records to Kafka, at a rate, without losing count of what the broker acknowledged."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, Self

from confluent_kafka import KafkaError, Message, Producer

from consumer.core.errors import DependencyError
from consumer.lab.samples import Sample

Config = dict[str, str | int | float | bool]

#: Kept unless the user says otherwise: no record twice, none lost, none overtaken.
_DEFAULTS: Final[Mapping[str, str | int | float | bool]] = {
    "client.id": "linkrunner-consumer-lab",
    "linger.ms": 5,
    # An idle connection that the broker closes is no news.
    "log.connection.close": False,
    "message.timeout.ms": 30_000,
}
_PROMISES: Final[Mapping[str, str | int | float | bool]] = {"enable.idempotence": True, "acks": "all"}
#: Records handed over before the event loop gets a turn.
_BATCH: Final = 100
_PAUSE_SECONDS: Final = 0.01


class Publisher:
    """A producer of samples. ``properties`` are librdkafka's, as in ``kafka.properties``.

    ``acknowledged`` counts what the broker has. Use from one event loop; :meth:`publish` keeps it turning.
    A context: at its end what is not acknowledged yet is given up, and the client is closed.
    """

    def __init__(self, bootstrap_servers: str, properties: Mapping[str, str]) -> None:
        config: Config = {**_DEFAULTS, **properties, **_PROMISES, "bootstrap.servers": bootstrap_servers}
        self._producer: Final = Producer(config)
        self._error: KafkaError | None = None
        self.acknowledged = 0

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the client at once."""
        self._producer.purge()
        self._producer.close()

    async def publish(self, topic: str, records: Iterable[Sample], rate: float | None = None) -> int:
        """Write ``records`` in order, at most ``rate`` per second, and return how many, all acknowledged.

        Raises :class:`DependencyError` once the broker refuses one.
        """
        loop = asyncio.get_running_loop()
        began, count = loop.time(), 0
        for count, sample in enumerate(records, start=1):
            while not self._offer(topic, sample):
                await self._breathe()
            if rate:
                await self._sleep(began + count / rate - loop.time())
            elif count % _BATCH == 0:
                await self._breathe()
        while self.acknowledged < count:
            await self._breathe()
        return count

    def _offer(self, topic: str, sample: Sample) -> bool:
        """Hand a record over; False where the producer's queue is full."""
        try:
            self._producer.produce(topic, sample.value, sample.key, on_delivery=self._delivered)
        except BufferError:
            return False
        return True

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        """Count an acknowledgement, or keep the refusal: an exception would vanish in a callback."""
        if error is None:
            self.acknowledged += 1
        else:
            self._error = error

    async def _breathe(self) -> None:
        """Serve acknowledgements and give the loop a turn."""
        await self._sleep(_PAUSE_SECONDS if self._producer.poll(0) == 0 else 0)

    async def _sleep(self, seconds: float) -> None:
        """Wait, and raise what the broker refused meanwhile."""
        self._producer.poll(0)
        if self._error is not None:
            raise DependencyError(f"the broker refused a record: {self._error.name()}")
        await asyncio.sleep(max(0.0, seconds))
