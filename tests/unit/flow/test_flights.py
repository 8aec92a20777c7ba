"""Flights: every end is heard exactly once, and only what is on the wire is waited for."""

import asyncio

from consumer.core.meaning.intents import Action
from consumer.core.outcomes import Outcome, Settled
from consumer.core.partitions.lanes import Lanes, Ticket
from consumer.core.records import Partition, Record
from consumer.flow.delivery import Step, Stopped, Story
from consumer.flow.flights import Flights
from tests.support.rig import reached

HERE, THERE = Partition("payments", 0), Partition("payments", 1)
DONE = Settled(Action.CAPTURE, Outcome.DELIVERED)


class Airport:
    """Lanes and flights, and a note of every landing."""

    def __init__(self) -> None:
        self.landed: list[tuple[Partition, Step, bool]] = []
        self.lanes: Lanes[Story] = Lanes()
        self.flights = Flights(self._land)
        self.go = asyncio.Event()
        self.begun = 0

    def _land(self, ticket: Ticket[Story], step: Step, *, probe: bool) -> None:
        self.landed.append((ticket.record.partition, step, probe))

    def start(self, partition: Partition, *, probe: bool = False) -> Ticket[Story]:
        """Start a flight that ends with ``go``."""
        record = Record(partition, 0, 1, b"key", b"value")
        self.lanes.offer(record, Story(record))
        ticket = self.lanes.take(0.0)
        assert ticket is not None
        self.flights.add(ticket, asyncio.get_running_loop().create_task(self._fly()), probe=probe)
        return ticket

    async def _fly(self) -> Step:
        self.begun += 1
        await self.go.wait()
        return DONE


def test_an_end_is_heard_once() -> None:
    """A flight lands with its step, and is counted until then."""

    async def scene() -> None:
        airport = Airport()
        airport.start(HERE, probe=True)
        assert (len(airport.flights), airport.flights.of(HERE), airport.flights.of(THERE)) == (1, 1, 0)

        airport.go.set()
        await reached(lambda: airport.landed, "the flight has landed")

        assert airport.landed == [(HERE, DONE, True)]
        assert len(airport.flights) == 0

    asyncio.run(scene())


def test_a_flight_that_is_called_off_before_its_first_step_lands_all_the_same() -> None:
    """A task that is cancelled before it begins runs no line of its own; its lane must not wait for ever."""

    async def scene() -> None:
        airport = Airport()
        airport.start(HERE)
        airport.lanes.drop([HERE])

        await asyncio.wait(airport.flights.call_off([HERE]))

        assert airport.begun == 0
        assert airport.landed == [(HERE, Stopped(), False)]

    asyncio.run(scene())


def test_only_released_flights_of_the_partition_are_called_off() -> None:
    """A neighbour's flight goes on; so does one that is on the wire, which the caller waits for."""

    async def scene() -> None:
        airport = Airport()
        on_wire = airport.start(HERE)
        on_wire.story.on_wire = True
        airport.start(THERE)
        airport.lanes.drop([HERE])

        ending = airport.flights.call_off([HERE, THERE])
        assert len(ending) == 1
        assert airport.flights.of(HERE) == 0, "a released flight is no longer the partition's"
        airport.go.set()
        await asyncio.wait(ending)

        assert airport.landed[0] == (HERE, DONE, False)

    asyncio.run(scene())


def test_what_is_abandoned_tells_whether_it_was_on_the_wire() -> None:
    """The end of a drain cancels everything, and knows whether a call was cut off."""

    async def scene(*, on_wire: bool) -> bool:
        airport = Airport()
        airport.start(HERE).story.on_wire = on_wire
        airport.lanes.drop([HERE])
        ending = airport.flights.call_off([HERE])
        told = airport.flights.abandon()
        await asyncio.wait(ending)
        assert airport.landed == [(HERE, Stopped(), False)]
        return told

    assert asyncio.run(scene(on_wire=True))
    assert not asyncio.run(scene(on_wire=False))
