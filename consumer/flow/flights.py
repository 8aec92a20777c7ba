"""Flights: the records that are being worked on, one task each, and how they are called off.

A flight is on the wire while something of it was sent and not answered. Only that is ever waited for; a
flight that merely waits for its turn or for a schema is cancelled at once.
"""

import asyncio
from collections.abc import Collection
from typing import Final, Protocol

from consumer.core.partitions.lanes import Ticket
from consumer.core.records import Partition
from consumer.flow.delivery import Step, Stopped, Story


class Landing(Protocol):
    """Hears the end of every flight, exactly once."""

    def __call__(self, ticket: Ticket[Story], step: Step, *, probe: bool) -> None:
        """Take the record back."""


class Flights:
    """All flights of this process."""

    def __init__(self, land: Landing) -> None:
        """Take who hears of the end of a flight."""
        self._land: Final = land
        self._tasks: Final[dict[Ticket[Story], asyncio.Task[Step]]] = {}

    def __len__(self) -> int:
        """Return how many flights there are."""
        return len(self._tasks)

    @property
    def on_wire(self) -> int:
        """How many flights have sent something that is not answered."""
        return sum(ticket.story.on_wire for ticket in self._tasks)

    def partitions(self) -> set[Partition]:
        """Return the partitions that have flights, those that are not ours any more included."""
        return {ticket.record.partition for ticket in self._tasks}

    def of(self, partition: Partition) -> int:
        """Return how many flights a partition has, those of an earlier assignment aside."""
        return sum(not t.released and t.record.partition == partition for t in self._tasks)

    def add(self, ticket: Ticket[Story], task: asyncio.Task[Step], *, probe: bool) -> None:
        """Take charge of a flight that was just started."""
        self._tasks[ticket] = task
        # Not a `finally` in the work: a task that is cancelled before its first step never gets there.
        task.add_done_callback(lambda done: self._ended(ticket, done, probe=probe))

    def call_off(self, partitions: Collection[Partition]) -> list[asyncio.Task[Step]]:
        """Cancel the released flights of partitions that are not on the wire; return all released ones."""
        concerned = [
            (ticket, task)
            for ticket, task in self._tasks.items()
            if ticket.released and ticket.record.partition in partitions
        ]
        for ticket, task in concerned:
            if not ticket.story.on_wire:
                task.cancel()
        return [task for _, task in concerned]

    def abandon(self) -> bool:
        """Cancel whatever is left; return whether anything was still on the wire."""
        on_wire = any(ticket.story.on_wire for ticket in self._tasks)
        for task in self._tasks.values():
            task.cancel()
        return on_wire

    def _ended(self, ticket: Ticket[Story], task: asyncio.Task[Step], *, probe: bool) -> None:
        del self._tasks[ticket]
        self._land(ticket, Stopped() if task.cancelled() else task.result(), probe=probe)
