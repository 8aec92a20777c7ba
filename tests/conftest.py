"""Fixtures that tests share: the Kafka of this run, its topics, a schema registry."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import settings

from tests.support import kafka as find
from tests.support import registry as registries
from tests.support.broker import Kafka, Kind, NotHere
from tests.support.no_skips import forbid_skips
from tests.support.registry import SchemaRegistry
from tests.support.topics import Topics

#: No example fails for being slow: that says something of the machine, and speed is measured in benchmarks.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def broker() -> Iterator[Kafka]:
    """Give the Kafka of this run, whatever it is; no test may hurt it."""
    with find.shared_kafka() as kafka:
        yield kafka


@pytest.fixture
def kafka(broker: Kafka, request: pytest.FixtureRequest) -> Kafka:
    """Give the Kafka of this run; a test marked ``kafka`` is skipped, by its name, without a real one."""
    if not broker.real and request.node.get_closest_marker("kafka"):
        pytest.skip(f"{request.node.name} needs a real Kafka: {broker.lacking}")
    return broker


@pytest.fixture
def own_kafka(request: pytest.FixtureRequest) -> Iterator[Kafka]:
    """Give a real Kafka that only this test has, to hurt; the test is skipped, by its name, without one."""
    with ExitStack() as stack:
        try:
            kafka = stack.enter_context(find.own_kafka())
        except NotHere as reason:
            pytest.skip(f"{request.node.name} needs a Kafka of its own: {reason}")
        yield kafka


@pytest.fixture
def topics(kafka: Kafka) -> Topics:
    """Give the topics of this run's Kafka."""
    return Topics(kafka)


@pytest.fixture(scope="session")
def any_registry() -> Iterator[SchemaRegistry | NotHere]:
    """Give a real schema registry, or the reason why there is none; shared, so use subjects of your own."""
    try:
        found = registries.start()
    except NotHere as reason:
        if find.forced() not in {None, Kind.MOCK}:
            raise
        yield reason
        return
    yield found
    found.close()


@pytest.fixture
def registry(any_registry: SchemaRegistry | NotHere, request: pytest.FixtureRequest) -> SchemaRegistry:
    """Give a real schema registry; the test is skipped, by its name, where there is none."""
    if isinstance(any_registry, NotHere):
        pytest.skip(f"{request.node.name} needs a real schema registry: {any_registry}")
    return any_registry


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure in CI."""
    return forbid_skips((yield))
