"""A consumer group: who owns which partition, and how that changes."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Protocol

from consumer.core.records import Partition
from tests.simulation.world import World


class Notice(Enum):
    """What the group tells a member."""

    ASSIGN = auto()
    REVOKE = auto()
    LOST = auto()


@dataclass(eq=False, slots=True)
class Message:
    """A notice that waits for the member's next poll. ``done`` is set once it was heeded, or can't be."""

    notice: Notice
    partitions: Sequence[Partition] = ()
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Peer(Protocol):
    """A member, as the group knows it. ``expelled`` until it has heard that it was thrown out."""

    expelled: bool

    def post(self, message: Message) -> None:
        """Tell the member something; who is gone can't be waited for."""

    def wake(self) -> None:
        """Let the member look for records."""


class Group:
    """Deals partitions out among the members: takes away first, gives on when that is done.

    A member that is thrown out hears of it before its partitions are given on. One that is cut off does not:
    when its session is over they are others', and what it does then is up to its lease.
    """

    def __init__(self, world: World, partitions: Sequence[Partition]) -> None:
        self._world: Final = world
        self._partitions: Final = partitions
        self._members: Final[list[Peer]] = []
        self._owners: Final[dict[Partition, Peer]] = {}
        self._changed: Final = asyncio.Event()

    async def run(self) -> None:
        """Deal anew after every change."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._world.pause(0.2)
            await self._deal()

    def shuffle(self) -> None:
        """Deal anew for no reason."""
        self._changed.set()

    def join(self, member: Peer) -> None:
        """Take a member in."""
        self._members.append(member)
        self._changed.set()

    def leave(self, member: Peer) -> None:
        """Let a member go, or notice that it is dead."""
        if member in self._members:
            self._members.remove(member)
        self.free([partition for partition, owner in self._owners.items() if owner is member])

    def expel(self, member: Peer) -> None:
        """Throw a member out; it comes back at once."""
        member.expelled = True
        member.post(Message(Notice.LOST))

    def evict(self, member: Peer) -> None:
        """Forget a member that was not heard of for a whole session, and give on what it has."""
        self.leave(member)

    def free(self, partitions: Collection[Partition]) -> None:
        """Note that these partitions are nobody's."""
        for partition in partitions:
            self._owners.pop(partition, None)
        self._changed.set()

    def wake(self) -> None:
        """Let every member look for records."""
        for member in self._members:
            member.wake()

    async def _deal(self) -> None:
        plan = self._plan()
        moving = {p: owner for p, owner in self._owners.items() if plan.get(p) is not owner}
        await self._tell(Notice.REVOKE, moving)
        gifts = {p: m for p, m in plan.items() if p not in self._owners and m in self._members}
        self._owners.update(gifts)
        await self._tell(Notice.ASSIGN, gifts)

    def _plan(self) -> dict[Partition, Peer]:
        """Deal evenly; half of the time an owner keeps what it has, as far as that is even."""
        turns = [m for m in self._members for _ in range(-(-len(self._partitions) // len(self._members)))]
        self._world.dice.shuffle(turns)
        plan: dict[Partition, Peer] = {}
        if self._world.dice.random() < 0.5:
            for partition in self._partitions:
                owner = self._owners.get(partition)
                if owner in turns:
                    turns.remove(owner)
                    plan[partition] = owner
        for partition in self._partitions:
            if turns and partition not in plan:
                plan[partition] = turns.pop()
        return plan

    async def _tell(self, notice: Notice, news: Mapping[Partition, Peer]) -> None:
        """Give every member its part of the news, and wait until all have heeded it."""
        messages = []
        for member in self._members:
            concerned = [p for p in self._partitions if news.get(p) is member]
            if concerned:
                messages.append(Message(notice, concerned))
                member.post(messages[-1])
        for message in messages:
            await message.done.wait()
