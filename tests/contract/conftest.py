"""Fixtures of the contract tests."""

from collections.abc import Iterator

import pytest

from tests.support.broker import NotHere
from tests.support.secured import SecuredKafka, secured_kafka


@pytest.fixture(scope="session")
def any_guarded() -> Iterator[SecuredKafka | NotHere]:
    """Give a Kafka that asks who you are, or the reason why there is none; shared, so use own topics."""
    try:
        with secured_kafka() as kafka:
            yield kafka
    except NotHere as reason:
        yield reason


@pytest.fixture
def guarded(any_guarded: SecuredKafka | NotHere) -> SecuredKafka:
    """Give a Kafka that asks who you are; skipped where this machine can't start one."""
    if isinstance(any_guarded, NotHere):
        pytest.skip(f"a Kafka with an authoriser needs Kafka's jars: {any_guarded}")
    return any_guarded
