"""Fixtures of the container tests: the image, built once, and stages for services in containers of it."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol

import pytest

from tests.image.layers import Layer, own_layers
from tests.support.broker import Kafka, NotHere
from tests.support.image import image as build_image
from tests.support.stage import Stage


class NewStage(Protocol):
    """Makes a stage with that many partitions; the simulator on it answers."""

    def __call__(self, partitions: int) -> Stage:
        """Return the stage."""


@pytest.fixture(scope="session")
def built() -> str | NotHere:
    """Give the name of the image, or the reason why this machine has none."""
    try:
        return build_image()
    except NotHere as reason:
        return reason


@pytest.fixture
def image(built: str | NotHere, request: pytest.FixtureRequest) -> str:
    """Give the name of the image; the test is skipped, by its name, where there is no Docker."""
    if isinstance(built, NotHere):
        pytest.skip(f"{request.node.name} needs Docker: {built}")
    return built


@pytest.fixture(scope="session")
def saved(built: str | NotHere, tmp_path_factory: pytest.TempPathFactory) -> tuple[Layer, ...]:
    """Give what the image adds to its base; empty where there is no image."""
    return () if isinstance(built, NotHere) else own_layers(built, tmp_path_factory.mktemp("image"))


@pytest.fixture
def layers(image: str, saved: tuple[Layer, ...]) -> tuple[Layer, ...]:  # noqa: ARG001 - skips by name without it
    """Give what the image adds to its base, lowest layer first."""
    return saved


@pytest.fixture
def new_stage(image: str, kafka: Kafka, tmp_path: Path) -> Iterator[NewStage]:  # noqa: ARG001 - the same
    """Give a maker of stages on the Kafka of this run; everything on them ends with the test."""
    with ExitStack() as stack:

        def make(partitions: int) -> Stage:
            stage = stack.enter_context(closing(Stage(kafka, tmp_path, partitions)))
            stage.api.start()
            return stage

        yield make
