"""Steady traffic: so many records in a second into each of several topics, until told otherwise."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from confluent_kafka import Producer

from consumer.lab.samples import Sample
from tests.support.payments import payment

#: Makes record number n (from 0) of a stream.
Maker: TypeAlias = Callable[[int], Sample]

_TICK_SECONDS: Final = 0.1
_FLUSH_SECONDS: Final = 10.0


@dataclass(slots=True, eq=False)
class Stream:
    """Traffic into one topic; change ``rate`` (records per second) and ``make`` at any time."""

    topic: str
    rate: float
    make: Maker = payment
    _due: float = field(default=0.0, init=False)
    _number: int = field(default=0, init=False)

    def take(self, seconds: float) -> list[Sample]:
        """Return what is due after further ``seconds``."""
        self._due += self.rate * seconds
        count = int(self._due)
        self._due -= count
        first, self._number = self._number, self._number + count
        return [self.make(number) for number in range(first, first + count)]


class Load:
    """Writes the records of all streams, from a thread, until it is closed."""

    def __init__(self, bootstrap_servers: str) -> None:
        # a broker that a test kills is no news; what is not delivered then is not missed either
        self._producer: Final = Producer(
            {"bootstrap.servers": bootstrap_servers, "linger.ms": 5, "log_level": 0}
        )
        self._streams: Final[list[Stream]] = []
        self._stop: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def add(self, stream: Stream) -> None:
        """Begin with a stream."""
        self._streams.append(stream)

    def remove(self, stream: Stream) -> None:
        """End a stream, if it has begun."""
        if stream in self._streams:
            self._streams.remove(stream)

    def close(self) -> None:
        """End all streams."""
        self._stop.set()
        self._thread.join()
        self._producer.flush(_FLUSH_SECONDS)

    def _run(self) -> None:
        last = time.monotonic()
        while not self._stop.wait(_TICK_SECONDS):
            now = time.monotonic()
            for stream in tuple(self._streams):
                for sample in stream.take(now - last):
                    self._producer.produce(stream.topic, sample.value, sample.key)
            self._producer.poll(0)
            last = now
