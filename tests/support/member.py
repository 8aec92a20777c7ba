"""One member of a consumer group: the real source, and a listener that does what a test says."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

from consumer.core.partitions.offsets import Assigned, Offsets, Positions
from consumer.core.partitions.starts import StartFrom
from consumer.core.records import Partition, Record
from consumer.edges.kafka.clients import consumer_config
from consumer.edges.kafka.source import Source
from tests.support.broker import Kafka
from tests.support.rig import reached

#: Clients that say nothing: what they would say is told through the listener.
SILENT = logging.getLogger("tests.silent")
SILENT.propagate = False
SILENT.addHandler(logging.NullHandler())


class Member:
    """Keeps what it hears. Records are settled as they come while ``settles``; commits are the test's affair.

    ``idle`` is cleared by a test to have calls on the wire, which a hand-over waits for.
    """

    def __init__(
        self,
        kafka: Kafka,
        group: str,
        *topics: str,
        start_from: StartFrom = StartFrom.EARLIEST,
        restart_at_beginning: bool = False,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        self.source = Source(
            consumer_config(
                kafka.bootstrap_servers,
                group,
                {"topic.metadata.refresh.interval.ms": 1000, **(properties or {})},
            ),
            topics,
            start_from=start_from,
            restart_at_beginning=restart_at_beginning,
            drain_seconds=5.0,
            logger=SILENT,
        )
        self.offsets = Offsets()
        self.settles = True
        self.idle = asyncio.Event()
        self.idle.set()
        self.fetches = True
        self.failed = False
        self.asked = 0
        self._awake = asyncio.Event()
        self._awake.set()
        self.records: list[Record] = []
        self.given: list[Assigned] = []
        self.joins = 0
        self.released: list[Partition] = []
        self.lost: list[Partition] = []
        self.beyond: list[Partition] = []
        self.troubles: list[tuple[str, str]] = []

    # --- the listener ---

    def assigned(self, given: Sequence[Assigned]) -> None:
        """Start with partitions."""
        self.joins += 1
        self.given.extend(given)
        for each in given:
            self.offsets.assign(each, 0.0)

    async def release(self, partitions: Collection[Partition], seconds: float) -> Positions:
        """Wait for calls on the wire."""
        assert seconds == 5.0
        self.asked += 1
        await self.idle.wait()
        return self.offsets.committable(partitions)

    def confirmed(self, positions: Positions) -> None:
        """Note what is committed."""
        for partition, position in positions.items():
            self.offsets.committed(partition, position, 0.0)

    def forget(self, partitions: Collection[Partition], *, lost: bool) -> None:
        """Take leave of partitions."""
        (self.lost if lost else self.released).extend(partitions)
        self.offsets.forget(partitions)

    def out_of_range(self, partition: Partition) -> None:
        """Note a partition whose offset is gone."""
        self.beyond.append(partition)

    def trouble(self, event: str, detail: str) -> None:
        """Note what the client says."""
        self.troubles.append((event, detail))

    # --- the test ---

    @property
    def held(self) -> set[Partition]:
        """The partitions that are ours."""
        return set(self.offsets.next_offsets())

    @property
    def values(self) -> list[bytes | None]:
        """The values of all records, in the order of arrival."""
        return [record.value for record in self.records]

    def settle(self, *records: Record) -> None:
        """Settle records."""
        for record in records:
            self.offsets.settle(record, 0.0)

    async def commit(self) -> None:
        """Commit until everything settled is stored."""

        async def once() -> bool:
            positions = self.offsets.committable()
            self.confirmed(await self.source.commit(positions) or {} if positions else {})
            return not self.offsets.committable()

        async with asyncio.timeout(20):
            while not await once():
                pass

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Member"]:
        """Fetch inside the block and close the source at its end, which raises what fetching has raised."""
        await self.source.start(self)
        fetching = asyncio.create_task(self._fetch())
        try:
            yield self
        finally:
            self.idle.set()
            self.fetches = False
            await asyncio.wait({fetching})
            await self.source.close()
        await fetching

    async def has(self, count: int, within: float = 30.0) -> None:
        """Wait until that many records have come."""
        await reached(lambda: len(self.records) >= count, f"{count} records have come", within)

    async def sleeps(self, seconds: float) -> None:
        """Fetch nothing for a time, as a process that hangs."""
        self._awake.clear()
        await asyncio.sleep(seconds)
        self._awake.set()

    async def _fetch(self) -> None:
        while self.fetches:
            await self._awake.wait()
            try:
                records = await self.source.fetch(500)
            except Exception:
                self.failed = True
                raise
            for record in records:
                if self.offsets.receive(record, 0.0):
                    self.records.append(record)
                    if self.settles:
                        self.settle(record)
