"""What makes thousands of runs affordable."""

import gc
from collections.abc import Iterator
from typing import Final

import pytest

#: Objects that are made before the collector looks for cycles: a run makes many that are gone by themselves.
_OBJECTS: Final = 50_000


@pytest.fixture(autouse=True, scope="module")
def _collect_seldom() -> Iterator[None]:
    """Spend a seventh less on a run: with Python's own threshold that much goes into looking for cycles."""
    thresholds = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *thresholds[1:])
    yield
    gc.set_threshold(*thresholds)
