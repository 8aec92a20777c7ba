"""Finding a Kafka for tests.

In this order: ``KAFKA_BOOTSTRAP_SERVERS``; a container where Docker answers; Kafka's own jars from Maven
Central with the machine's Java; librdkafka's mock cluster, with which everything that needs a real broker is
skipped by name. ``TEST_KAFKA=env|containers|jars|mock`` forces one: then whatever stands in its way is an
error. The schema registry (``registry.py``) is found in the same way.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Final

from consumer.lab.embedded import embedded_kafka
from tests.support import containers, jars
from tests.support.broker import Kafka, Kind, NotHere, Server

#: Makes a server that is not started yet; raises NotHere where this machine can't.
Maker = Callable[[], Server]

MAKERS: Final[Mapping[Kind, Maker]] = {Kind.CONTAINERS: containers.kafka, Kind.JARS: jars.kafka}

#: A process is easier to kill and to bring back with its data than a container, so it comes first here.
MAKERS_TO_HURT: Final[Mapping[Kind, Maker]] = {Kind.JARS: jars.kafka, Kind.CONTAINERS: containers.kafka}


def forced() -> Kind | None:
    """Return the kind that ``TEST_KAFKA`` asks for; raises ValueError for one that does not exist."""
    name = os.environ.get("TEST_KAFKA")
    return Kind(name) if name else None


def start_first(makers: Mapping[Kind, Maker]) -> tuple[Kind, Server]:
    """Start the first server that this machine can run; raises NotHere with all reasons."""
    reasons = []
    for kind, make in makers.items():
        try:
            server = make()
            server.start()
        except NotHere as reason:
            reasons.append(f"{kind}: {reason}")
        else:
            return kind, server
    raise NotHere("; ".join(reasons))


def allowed(makers: Mapping[Kind, Maker]) -> Mapping[Kind, Maker]:
    """Return the makers among which ``TEST_KAFKA`` leaves the choice; raises NotHere for the mock."""
    only = forced()
    if only is Kind.MOCK:
        raise NotHere("TEST_KAFKA=mock")
    return {kind: make for kind, make in makers.items() if only in {None, Kind.ENV, kind}}


@contextmanager
def shared_kafka() -> Iterator[Kafka]:
    """Give the first Kafka that this machine has; raises NotHere where the forced one is not to be had."""
    servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    only = forced()
    if servers and only in {None, Kind.ENV}:
        yield Kafka(Kind.ENV, servers)
        return
    if only is Kind.ENV:
        raise NotHere("TEST_KAFKA=env needs KAFKA_BOOTSTRAP_SERVERS")
    try:
        kind, server = start_first(allowed(MAKERS))
    except NotHere as reason:
        if only not in {None, Kind.MOCK}:
            raise
        with embedded_kafka() as embedded:
            yield Kafka(Kind.MOCK, embedded.bootstrap_servers, embedded=embedded, lacking=str(reason))
        return
    with closing(server):
        yield Kafka(kind, server.address, server)


@contextmanager
def own_kafka() -> Iterator[Kafka]:
    """Give a real Kafka of one test's own, to hurt; raises NotHere where this machine can't start one."""
    if forced() is Kind.MOCK:
        raise NotHere("TEST_KAFKA=mock")
    kind, server = start_first(MAKERS_TO_HURT)
    with closing(server):
        yield Kafka(kind, server.address, server)
