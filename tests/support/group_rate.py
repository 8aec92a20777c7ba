"""One rate for a whole group, played: instances join, leave and die while all of them have work."""

import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple

import pytest

from tests.support.ledger import exposed
from tests.support.payments import payments
from tests.support.service import Service
from tests.support.stage import Stage
from tests.support.waiting import eventually

#: So high that whole calls do not decide, and far below what one instance can do.
LIMIT: Final = 100
STEADY_SECONDS: Final = 8.0
PARTITIONS: Final = 6
IN_FLIGHT: Final = 8

SHARED: Final = {
    "linkrunner": {
        "requests_per_second": LIMIT,
        "rate_scope": "group",
        "max_in_flight": IN_FLIGHT,
        "timeout_seconds": 2,
    },
    # A lease that outlasts a rebalance: calls that had to stop would come back step by step.
    "kafka": {"properties": {"session.timeout.ms": 6000}},
    "log": {"level": "info"},  # what they write for each call would disturb them, and each other
}
ALONE: Final = {"linkrunner": {"requests_per_second": 2000, "rate_scope": "pod"}}


class Played(NamedTuple):
    """The calls of the fullest second, and those in a second of each stretch in which all was shared."""

    busiest: int
    used: Sequence[float]


def play(stage: Stage) -> Played:
    """Let instances come, leave and die, judge the books at the end, and return what the simulator saw."""
    stage.api.misbehave("delay=20ms")
    stage.produce(payments(8000))
    steady = []
    first = stage.service(SHARED).start()
    steady.append(stays_steady([first], [6]))

    second, third = (stage.service(SHARED).start() for _ in range(2))
    steady.append(stays_steady([first, second, third], [2, 2, 2]))

    assert first.stop() == 0
    steady.append(stays_steady([second, third], [3, 3]))

    fourth = stage.service(SHARED).start()
    steady.append(stays_steady([second, third, fourth], [2, 2, 2]))
    stage.kill(second)
    steady.append(stays_steady([third, fourth], [3, 3]))

    for service in (third, fourth):
        assert service.stop() == 0
    calls = arrivals(stage)
    finish(stage)
    used = [(bisect_left(calls, end) - bisect_left(calls, begin)) / (end - begin) for begin, end in steady]
    return Played(busiest_second(calls), used)


def stays_steady(services: Sequence[Service], held: Sequence[int]) -> tuple[float, float]:
    """Wait until these services hold so many partitions each; return from when until when they then did."""
    eventually(lambda: partitions_of(services) == sorted(held), 60, f"{held} partitions are held")
    # A service that has just begun knows its share within a second or two of its first partition.
    eventually(lambda: sum(map(share_of, services)) == pytest.approx(1.0), 10, "all is shared")
    begin = time.monotonic() + 0.5
    time.sleep(STEADY_SECONDS + 0.5)  # no wait for something: this long it is measured
    end = time.monotonic()
    assert partitions_of(services) == sorted(held)
    return begin, end


def partitions_of(services: Sequence[Service]) -> list[float]:
    """Return how many partitions each holds."""
    return sorted(service.metrics().total("assigned_partitions") for service in services)


def share_of(service: Service) -> float:
    """Return the share that the service says it has."""
    pace = service.status()["pace"]
    assert isinstance(pace, dict)
    share = pace["share"]
    assert isinstance(share, float)
    return share


def arrivals(stage: Stage) -> list[float]:
    """Return when the simulator saw calls."""
    return sorted(request.arrived for request in stage.api.requests())


def busiest_second(calls: Sequence[float]) -> int:
    """Return how many calls the fullest second has."""
    return max(bisect_left(calls, call + 1.0) - number for number, call in enumerate(calls))


def finish(stage: Stage) -> None:
    """Let one more service do the rest fast, and judge all that happened."""
    killed = stage.kills[0]
    open_calls = exposed(stage.api.requests(), killed)
    stage.api.misbehave("")
    last = stage.service(ALONE).start()
    stage.wait_settled()
    assert last.stop() == 0
    stage.judge(repeats_allowed=IN_FLIGHT + open_calls)
