"""Fixtures of the proof: one Prometheus for all of it, and the incidents played beside one another."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from monitoring.alerts import inhibit_rules
from tests.prometheus.bed import Bed, make_bed
from tests.prometheus.incidents import Incident
from tests.prometheus.proof import Told, play, rules_of
from tests.prometheus.record import RECORDING, write
from tests.support.broker import Kafka

#: So many incidents at the same time; two processors carry them.
AT_ONCE = 6
#: Where everything happens to a release at once (``test_queries.py``).
BUSY = "busy"


@pytest.fixture(scope="session")
def incidents(request: pytest.FixtureRequest) -> list[Incident]:
    """Give the incidents that this run asks for."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    return [call.params["incident"] for call in calls if call and "incident" in call.params]


@pytest.fixture(scope="session")
def bed(broker: Kafka, incidents: list[Incident], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """Give the servers; the tests are skipped without a real Kafka."""
    if not broker.real:
        pytest.skip(f"the proof on Prometheus needs a real Kafka: {broker.lacking}")
    rules = rules_of([BUSY, *(incident.name for incident in incidents)])
    with make_bed(broker, tmp_path_factory.mktemp("proof"), rules, inhibit_rules()) as servers:
        yield servers


@pytest.fixture(scope="session")
def played(bed: Bed, incidents: list[Incident]) -> Iterator[Mapping[str, Future[Told]]]:
    """Give what becomes of each incident, by its name; with ``RECORD_INCIDENTS`` set, write it down."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        futures = {incident.name: pool.submit(play, bed, incident) for incident in incidents}
        yield futures
    finally:
        pool.shutdown(cancel_futures=True)
    if RECORDING:
        write({name: future.result() for name, future in futures.items()})
