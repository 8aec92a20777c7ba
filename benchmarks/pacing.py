"""What order and pace cost a call: the lanes, the choice of the next record, and the leave to send.

``python -m benchmarks.pacing [--rounds 50]`` takes records through lanes, rota and traffic as the pipeline
does it, without decoding and without a network, and tells the processor time of one. *At once*: a call may
leave whenever it asks. *In turn*: 32 calls wait for a rate of 10 000 a second. *Bare wait*: the same tasks
wait for futures that a timer sets, and nothing is decided; that is asyncio's own. The bound is 15 µs for
lanes and leave: at once, and in turn beyond the bare wait.
"""

import argparse
import asyncio
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry

from benchmarks.machine import describe
from consumer.core.api.budget import RetryBudget
from consumer.core.api.pacing import Turns
from consumer.core.api.shares import Allotment
from consumer.core.api.verdicts import Delivered
from consumer.core.operations.logbook import Event, Fields
from consumer.core.partitions.lanes import Lanes, Ticket
from consumer.core.partitions.rota import Rota
from consumer.core.records import Partition, Record
from consumer.edges.metrics import Metrics
from consumer.flow.membership import Membership
from consumer.flow.traffic import Traffic

#: Calls of a round, and calls under way at the same time.
CALLS: Final = 3_000
IN_FLIGHT: Final = 32
#: Microseconds that lanes and pace together may cost a call.
BOUND_US: Final = 15.0
#: Calls a second: with the first nobody ever waits, with the second all do.
ENDLESS: Final = 1e9
BUSY: Final = 10_000.0


#: Of a lease, which is not asked for here.
LEAST_SECONDS: Final = 1.0


def _say_nothing(_event: Event, /, **_fields: Fields) -> None:
    """Log nothing."""


def _traffic(rate: float) -> Traffic:
    return Traffic(
        Allotment(rate, None),
        Metrics(CollectorRegistry()),
        _say_nothing,  # type: ignore[arg-type]  # takes any fields
        lambda: None,
        membership=Membership(LEAST_SECONDS),
    )


def _records(partitions: int) -> list[Record]:
    """Return records of so many partitions, half of them with keys that come again."""
    return [
        Record(Partition("payments", n % partitions), n, 1, b"key-%d" % (n if n % 2 else n % 97), b"value")
        for n in range(CALLS)
    ]


def lanes(partitions: int) -> float:
    """Return the processor seconds for offering, taking and finishing all records."""
    records, traffic = _records(partitions), _traffic(ENDLESS)
    order: Lanes[None] = Lanes()
    rota = Rota(order, RetryBudget(IN_FLIGHT), Turns({}))
    began = time.process_time()
    for record in records:
        order.offer(record, None)
    flights: list[Ticket[None]] = []
    for _ in records:
        ticket = rota.next(time.monotonic(), traffic.way)
        if ticket is None or len(flights) == IN_FLIGHT:
            for ended in flights:
                rota.ended(ended, 0.0)
                order.finish(ended)
            flights.clear()
        if ticket is not None:
            rota.left(ticket, 0.0)
            flights.append(ticket)
    return time.process_time() - began


async def _ask(traffic: Traffic, calls: Sequence[Partition]) -> None:
    for partition in calls:
        began = traffic.clock()
        await traffic.permit(partition, may_send=lambda: True)
        traffic.heard(Delivered(), began)


async def _ask_all(rate: float, partitions: int) -> float:
    traffic = _traffic(rate)
    names = [record.partition for record in _records(partitions)]
    began = time.process_time()
    async with asyncio.TaskGroup() as group:
        for number in range(IN_FLIGHT):
            group.create_task(_ask(traffic, names[number::IN_FLIGHT]))
    return time.process_time() - began


def at_once(partitions: int) -> float:
    """Return the processor seconds for leaves that are given whenever they are asked for."""
    return asyncio.run(_ask_all(ENDLESS, partitions))


def in_turn(partitions: int) -> float:
    """Return the processor seconds for leaves that are waited for."""
    return asyncio.run(_ask_all(BUSY, partitions))


async def _wait_all() -> float:
    loop = asyncio.get_running_loop()
    waiting: deque[asyncio.Future[bool]] = deque()

    def let_go() -> None:
        for _ in range(min(len(waiting), int(BUSY / 1000))):
            waiting.popleft().set_result(True)
        loop.call_later(0.001, let_go)

    async def wait() -> None:
        for _ in range(CALLS // IN_FLIGHT):
            future: asyncio.Future[bool] = loop.create_future()
            waiting.append(future)
            await future

    began = time.process_time()
    let_go()
    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(wait())
    return time.process_time() - began


def bare_wait(_partitions: int) -> float:
    """Return the processor seconds for waiting alone."""
    return asyncio.run(_wait_all())


def _micros(measure: Callable[[int], float], partitions: int, rounds: int) -> tuple[float, float]:
    """Return median and best of the rounds, in microseconds a call."""
    found = [measure(partitions) / CALLS * 1e6 for _ in range(rounds)]
    return statistics.median(found), min(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    print(describe())
    print(f"\nMicroseconds of the processor for each of {CALLS} calls: median and best of {rounds} rounds.\n")
    print("| partitions | lanes | leave at once | leave in turn | bare wait | at once, all | in turn, all |")
    print("|---|---|---|---|---|---|---|")
    for partitions in (1, 12, 100):
        order, free, waited, bare = (
            _micros(measure, partitions, rounds) for measure in (lanes, at_once, in_turn, bare_wait)
        )
        sums = (
            (order[0] + free[0], order[1] + free[1]),
            (order[0] + waited[0] - bare[0], order[1] + waited[1] - bare[1]),
        )
        parts = " | ".join(f"{median:.1f} ({best:.1f})" for median, best in (order, free, waited, bare))
        whole = " | ".join(f"{median:.1f} ({best:.1f}), {_verdict(median)}" for median, best in sums)
        print(f"| {partitions} | {parts} | {whole} |")


def _verdict(micros: float) -> str:
    return "within" if micros <= BOUND_US else "above"


if __name__ == "__main__":
    main()
