"""Fixtures of the end-to-end tests."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.broker import Kafka
from tests.support.stage import Stage


class NewStage(Protocol):
    """Makes the stage of a test: ``letters`` is its dead-letter topic, ``api`` its simulator."""

    def __call__(self, partitions: int, *, letters: bool = True, api: bool = True) -> Stage:
        """Return the stage; what is False is missing on it."""


@pytest.fixture
def new_stage(kafka: Kafka, tmp_path: Path) -> Iterator[NewStage]:
    """Give a maker of stages on the Kafka of this run; everything on them ends with the test."""
    with _stages(kafka, tmp_path) as maker:
        yield maker


@pytest.fixture
def new_own_stage(own_kafka: Kafka, tmp_path: Path) -> Iterator[NewStage]:
    """Give the same on a Kafka that the test may hurt."""
    with _stages(own_kafka, tmp_path) as maker:
        yield maker


@contextmanager
def _stages(kafka: Kafka, directory: Path) -> Iterator[NewStage]:
    with ExitStack() as stack:

        def make(partitions: int, *, letters: bool = True, api: bool = True) -> Stage:
            stage = stack.enter_context(closing(Stage(kafka, directory, partitions, letters=letters)))
            if api:
                stage.api.start()
            return stage

        yield make
