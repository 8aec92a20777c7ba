"""Fixtures of the end-to-end tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.support.broker import Kafka
from tests.support.stage import Stage

#: Makes the stage of a test: ``new_stage(partitions)``, with ``letters=False`` without dead-letter topic.
NewStage: TypeAlias = Callable[..., Stage]


@pytest.fixture
def new_stage(kafka: Kafka, tmp_path: Path) -> Iterator[NewStage]:
    """Give a maker of stages, their simulator running, and end everything on them after the test."""
    with ExitStack() as stack:

        def make(partitions: int, *, letters: bool = True, api: bool = True) -> Stage:
            stage = stack.enter_context(closing(Stage(kafka, tmp_path, partitions, letters=letters)))
            if api:
                stage.api.start()
            return stage

        yield make
