"""Graces: removes that wait beside their lanes, and how they meet the captures of their payments.

The rules are :class:`~consumer.core.api.removals.Removals`; here they are brought together with the lanes:
what stands aside is found again, woken and ended.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain
from typing import Final

from consumer.core.api.removals import Oldest, Place, Removals
from consumer.core.meaning.intents import Action
from consumer.core.operations.logbook import Event, Log
from consumer.core.outcomes import Outcome, Settled
from consumer.core.partitions.intake import Held
from consumer.core.partitions.lanes import Lanes, Ticket
from consumer.core.records import Partition
from consumer.flow.delivery import Story, removed

#: How a remove ends that a capture of its own lane follows, whatever the policy: as a dead letter that is
#: replayed it would remove what came after it.
_OVERTAKEN: Final = Settled(Action.REMOVE, Outcome.NOTHING_TO_REMOVE, status=400)


class Graces:
    """The removes of this process that stand aside."""

    def __init__(
        self,
        removals: Removals,
        lanes: Lanes[Story],
        settle: Callable[[Ticket[Story], Settled], None],
        log: Log,
    ) -> None:
        """``settle`` ends a record for good."""
        self.removals: Final = removals
        self._lanes: Final = lanes
        self._settle: Final = settle
        self._log: Final = log
        self._aside: Final[dict[Place, Ticket[Story]]] = {}
        self._crowded: frozenset[Partition] = frozenset()

    @property
    def waiting(self) -> int:
        """How many removes stand aside."""
        return len(self._aside)

    def step_aside(self, ticket: Ticket[Story], until: float, *, late: bool) -> None:
        """Let a remove leave its lane until it is tried again; ``late``: it has been tried often."""
        self._lanes.step_aside(ticket, until, late=late)
        if not ticket.released:
            self._aside[Place.of(ticket.record)] = ticket

    def in_the_way(self, ticket: Ticket[Story], now: float) -> bool:
        """Tell whether a remove that this capture has to follow is not done with. Log order wins.

        In one lane a remove must not meet what comes after it: one of the same payment ends before the
        capture begins, with what the API has told already, else with its next answer. In no lane a capture
        begins while such a remove is on the wire, and in one partition none while it may still be acted on.
        """
        in_the_way = False
        capture = Place.of(ticket.record)
        if self._may_be_removed(capture, now):
            return True
        for place in self.removals.overtaken_by(capture):
            remove = self._aside.get(place)
            if remove is None or not remove.shares_lane(ticket):
                continue
            if remove.flying or not self.removals.has_answer(place):
                in_the_way = True
            else:
                self._settle(remove, _OVERTAKEN)
        if in_the_way:
            self._hasten(self.removals.stand_back(capture))
        else:
            self.removals.come_forward(capture)
        return in_the_way

    def may_send(self, ticket: Ticket[Story], now: float) -> bool:
        """Tell whether no call about the payment stands against this one, as things are now.

        That may have changed since it began to wait for its turn.
        """
        payment_id = removed(ticket.story)
        if payment_id is None:
            return not self._may_be_removed(Place.of(ticket.record), now)
        return not self.removals.pending(payment_id)

    def left(self, ticket: Ticket[Story]) -> None:
        """Note that a call leaves now; to be called in the same step as :meth:`may_send`."""
        self.removals.left(Place.of(ticket.record), removed(ticket.story))

    def landed(self, ticket: Ticket[Story]) -> None:
        """Note that nothing of a record is on the wire."""
        self.removals.landed(Place.of(ticket.record))

    def settled(self, ticket: Ticket[Story]) -> None:
        """Let go of a record that is settled, and wake the removes that were held back by it."""
        place = Place.of(ticket.record)
        self._aside.pop(place, None)
        self._hasten(self.removals.settled(place))

    def forget(self, partitions: Collection[Partition]) -> None:
        """Let go of partitions that are given up."""
        self.removals.forget(partitions)
        for place in [place for place in self._aside if place.partition in partitions]:
            del self._aside[place]

    def held(self, partition: Partition, watermark: int, span: int) -> Held:
        """Return what removes that stand aside take of a partition; its ``span``, if they hold that up."""
        aside = self._lanes.aside(partition)
        stopped = any(ticket.record.offset == watermark for ticket in aside)
        size = sum(ticket.size for ticket in aside)
        return Held(0, 0, span if stopped else 0, 0, len(aside), size)

    def look(
        self,
        now: float,
        crowded: frozenset[Partition],
        unread: Iterable[Oldest] = (),
        stopped: Collection[str] = (),
    ) -> None:
        """Let the clocks of the graces run; ``crowded`` are the partitions that removes fill by half.

        ``unread`` stand for what has not come yet of its partition. ``stopped`` topics keep their records.
        """
        lanes = chain(self._not_understood(stopped), unread)
        # Many may be over at the same time: they leave the rate to first tries.
        self._hasten(self.removals.look(now, lanes, crowded), late=True)
        for partition in sorted(crowded - self._crowded):
            count = len(self._lanes.aside(partition))
            self._log(Event.REMOVES_CROWD, topic=partition.topic, partition=partition.number, count=count)
        self._crowded = crowded

    def _may_be_removed(self, capture: Place, now: float) -> bool:
        return self.removals.being_removed(capture) or self.removals.may_be_removed_late(capture, now)

    def _not_understood(self, stopped: Collection[str]) -> Iterator[Oldest]:
        """Yield the oldest record of each lane whose payment is not known; its head or the one behind that.

        Behind the head nothing is understood, because one record of a lane at a time is looked at.
        """
        for head, behind in self._lanes.heads():
            ticket = behind if head.story.understood else head
            if ticket is not None:
                kept = head.record.partition.topic in stopped or not _fails(head)
                yield Oldest(Place.of(ticket.record), ticket.story.written, kept)

    def _hasten(self, places: Collection[Place], *, late: bool = False) -> None:
        for place in places:
            if (remove := self._aside.get(place)) is not None:
                self._lanes.hasten(remove, late=late)


def _fails(ticket: Ticket[Story]) -> bool:
    """Tell whether a record was tried and waits for a reason of its own: no hold, no letter, no turn."""
    story = ticket.story
    return bool(story.waits_for) and ticket.cause is None and story.letter is None
