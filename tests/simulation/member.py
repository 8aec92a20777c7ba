"""What the real source is to the pipeline: records and the group's decisions, with every way to fail."""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import Final, Protocol

from consumer.core.partitions.offsets import Assigned, Position, Positions
from consumer.core.records import Partition, Record
from consumer.edges.kafka.bridge import Listener
from consumer.edges.kafka.source import COMMIT_SECONDS, HANDOVER_SECONDS
from tests.simulation.broker import Broker
from tests.simulation.group import Group, Message, Notice
from tests.simulation.world import Storm, World
from tests.support.history import Fence

#: Seconds that a fetch waits for a first record; longer than in truth, which only saves empty turns.
_IDLE: Final = 1.0
#: Seconds between two heartbeats.
_HEARTBEAT: Final = 1.0
#: Seconds between two tries to store the last positions.
_SLICE: Final = 0.1


class Leaving(Protocol):
    """Hears that a member has left a partition, and whether that went as it should."""

    def __call__(self, partition: Partition, *, clean: bool) -> None:
        """Note it, before anybody else can get the partition."""


class Member:
    """What the real source is to the pipeline: its thread is a lock, its callbacks run inside a fetch."""

    def __init__(
        self, world: World, broker: Broker, group: Group, *, drain_seconds: float, session_seconds: float
    ) -> None:
        self._world: Final = world
        self._broker: Final = broker
        self._group: Final = group
        self._drain_seconds: Final = drain_seconds
        self._session_seconds: Final = session_seconds
        self._thread: Final = asyncio.Lock()
        self._messages: Final[deque[Message]] = deque()
        self._wakeup: Final = asyncio.Event()
        self._positions: Final[dict[Partition, int]] = {}
        self._paused: Final[set[Partition]] = set()
        self._last_batch: list[Record] = []
        self._last_epoch = 0
        self.epochs: Final[dict[Partition, int]] = {}
        self.expelled = False
        self.gone = False
        self.cut = False
        #: Whether its partitions were given away behind its back.
        self.evicted = False
        self._commit_taken = world.now

    def start(self, name: str, listener: Listener, leaving: Leaving) -> None:
        """Join the group; ``name`` is the process's."""
        self._name = name
        self._listener = listener
        self._leaving = leaving
        self._group.join(self)

    # --- what the pipeline calls ---

    async def fetch(self, limit: int) -> list[Record]:
        """Serve the group and return a few records, soon."""
        until = self._world.now + _IDLE
        while True:
            self._wakeup.clear()
            async with self._thread:
                most = min(limit, self._world.dice.randint(1, 8))
                records = [] if self.cut else await self._poll(most)
            if records:
                late = [r for r in self._last_batch if self.epochs.get(r.partition) != r.epoch]
                self._last_batch = records
                # A batch may begin in one assignment and end in the next.
                return [*late, *records]
            try:
                async with asyncio.timeout_at(until):
                    await self._wakeup.wait()
            except TimeoutError:
                return []

    async def commit(self, positions: Positions) -> Positions | None:
        """Store, or refuse, or do either and never answer."""
        if self.cut:
            await asyncio.sleep(COMMIT_SECONDS)
            return None
        async with self._thread:
            ours = self.still_ours(positions)
            lost_answer = self._world.chance(0.03)
            stored = {} if self._refuses() else ours
            self._check()
            if len(stored) > 1 and self._world.chance(0.1):
                stored = dict([min(stored.items())])
            self._broker.store(stored)
            if stored:
                self._commit_taken = self._world.now
        if lost_answer:
            await asyncio.sleep(COMMIT_SECONDS)
            return None
        await self._world.pause(0.02)
        return stored

    async def commit_and_confirm(self, positions: Positions, seconds: float) -> Positions:
        """Store until it is known to be stored, or ``seconds`` are over."""
        async with self._thread:
            return await self._store(positions, seconds)

    async def pause(self, partitions: Collection[Partition]) -> None:
        """Fetch no more from partitions, those that are not ours aside."""
        async with self._thread:
            self._paused.update(partition for partition in partitions if partition in self.epochs)

    async def resume(self, partitions: Collection[Partition]) -> None:
        """Fetch from partitions again."""
        async with self._thread:
            self._paused.difference_update(partitions)
            self._wakeup.set()

    async def close(self) -> None:
        """Heed what waits, hand over what is left, and leave."""
        async with self._thread:
            while self._messages:
                await self._heed(self._messages.popleft())
            if self.epochs:
                await self._heed(Message(Notice.REVOKE, sorted(self.epochs)))
            self.gone = True
            self._group.leave(self)
            self._abandon()

    # --- what happens to it ---

    def post(self, message: Message) -> None:
        """Tell the member something; who is gone can't be waited for."""
        self._messages.append(message)
        self._wakeup.set()
        if self.gone:
            self._abandon()

    def wake(self) -> None:
        """There may be something new to fetch."""
        self._wakeup.set()

    def die(self) -> None:
        """Be gone without a word."""
        self.gone = True
        self._leave(sorted(self.epochs))
        self._abandon()

    def cut_off(self) -> None:
        """Hear nothing of the group any more, nor be heard by it; all else goes on.

        Its session runs from the last thing that the group has heard of it: the last commit that it took, or
        a heartbeat since.
        """
        self.cut = True
        now = self._world.now
        heard = self._world.dice.uniform(max(self._commit_taken, now - _HEARTBEAT), now)
        asyncio.get_running_loop().call_at(heard + self._session_seconds, self._run_out)

    def heal(self) -> None:
        """Reach the group again, and hear what has happened."""
        if self.cut:
            self.cut = False
            if self.evicted:
                self.post(Message(Notice.LOST))

    def _run_out(self) -> None:
        """Be given up by the group, unheard."""
        if not self.cut or self.gone or self._world.now < self._commit_taken + self._session_seconds - 1e-6:
            return
        self._world.note(f"the session of {self._name} is over")
        self._leave(sorted(self.epochs))
        self.expelled = self.evicted = True
        self._world.fences.append(Fence(self._name, self._world.now))
        self._abandon()
        self._group.evict(self)

    def _leave(self, partitions: Sequence[Partition], clean: Collection[Partition] = ()) -> None:
        """Tell the books that partitions were left, unless they were given away before."""
        if not self.evicted:
            for partition in partitions:
                self._leaving(partition, clean=partition in clean)

    def _abandon(self) -> None:
        for message in self._messages:
            message.done.set()
        self._messages.clear()

    # --- on its thread ---

    async def _poll(self, limit: int) -> list[Record]:
        records: list[Record] = []
        while len(records) < limit:
            if self._world.dice.random() < 0.1:
                await self._world.pause(0.01)
            if self._messages:
                await self._heed(self._messages.popleft())
                continue
            record = self._next_record()
            if record is None:
                break
            records.append(record)
        return records

    def _next_record(self) -> Record | None:
        open_ones = [p for p in sorted(self.epochs) if p not in self._paused]
        self._world.dice.shuffle(open_ones)
        for partition in open_ones:
            found = self._broker.following(partition, self._positions[partition])
            if found is not None:
                self._positions[partition] = found.offset + 1
                return Record(
                    partition,
                    found.offset,
                    self.epochs[partition],
                    found.key,
                    found.value,
                    found.headers,
                    found.timestamp_ms,
                )
        return None

    async def _heed(self, message: Message) -> None:
        try:
            match message.notice:
                case Notice.ASSIGN:
                    await self._take_over(message.partitions)
                case Notice.REVOKE:
                    await self._hand_over([p for p in message.partitions if p in self.epochs])
                case Notice.LOST:
                    self._lose()
        finally:
            message.done.set()

    async def _take_over(self, partitions: Sequence[Partition]) -> None:
        self._world.fences[:] = [
            replace(fence, end=self._world.now) if fence.sender == self._name and fence.end == inf else fence
            for fence in self._world.fences
        ]
        await self._world.pause(0.02)
        given = []
        for partition in partitions:
            self._last_epoch += 1
            offset, metadata = self._broker.committed.get(partition, (0, ""))
            self.epochs[partition] = self._last_epoch
            self._positions[partition] = offset
            self._paused.discard(partition)
            fresh = partition not in self._broker.committed
            given.append(Assigned(partition, self._last_epoch, offset, metadata, fresh=fresh))
        self._listener.assigned(given)

    async def _hand_over(self, partitions: Sequence[Partition]) -> None:
        positions: Positions = {}
        # The virtual clock may be short of a timer by the last binary digit.
        overdue = self._world.now + self._drain_seconds - 1e-6
        with suppress(TimeoutError):
            async with asyncio.timeout(self._drain_seconds + 1):
                positions = await self._listener.release(partitions, self._drain_seconds)
        in_time = self._world.now < overdue
        await self._world.pause(0.01)
        stored = await self._store(positions, HANDOVER_SECONDS)
        await self._world.pause(0.01)
        for partition in partitions:
            del self.epochs[partition]
        self._listener.confirmed(stored)
        self._listener.forget(partitions, lost=False)
        kept = [p for p in partitions if in_time and stored.get(p) == positions.get(p)]
        self._leave(partitions, clean=kept)
        if not self.evicted:
            self._group.free(partitions)

    def _lose(self) -> None:
        partitions = sorted(self.epochs)
        self.epochs.clear()
        self._listener.forget(partitions, lost=True)
        self._leave(partitions)
        if self.evicted:
            self._group.join(self)
        else:
            self._group.free(partitions)
        self.expelled = self.evicted = False

    async def _store(self, positions: Positions, seconds: float) -> dict[Partition, Position]:
        until = self._world.now + seconds
        ours = self.still_ours(positions)
        while ours and self._world.now < until:
            self._check()
            if not self._refuses():
                self._broker.store(ours)
                await self._world.pause(0.01)
                if not self._world.chance(0.1):
                    return ours
            await asyncio.sleep(_SLICE)
        return {}

    def _check(self) -> None:
        """Stop here if the process has died."""
        if self.gone:
            raise asyncio.CancelledError

    def _refuses(self) -> bool:
        return (
            self.expelled or self.cut or self._world.rages(Storm.COMMITS_REFUSED) or self._world.chance(0.1)
        )

    def still_ours(self, positions: Positions) -> dict[Partition, Position]:
        """Return what the present assignments may commit."""
        return {p: pos for p, pos in positions.items() if self.epochs.get(p) == pos.epoch}
