"""Everything at once: random faults of the API, instances that come and go, and books that must agree."""

import pytest

from tests.e2e.conftest import NewStage
from tests.support.storm import PARTITIONS, Storm

pytestmark = pytest.mark.kafka


@pytest.mark.timeout(300)
def test_the_books_agree_after_a_storm(new_stage: NewStage) -> None:
    """A minute of it; ``python -m benchmarks.storm`` blows for as long as one likes."""
    storm = Storm(new_stage(PARTITIONS), seed=1, say=print)

    storm.run(seconds=60, rate=60, settle_seconds=120)

    assert storm.happened["kill"] + storm.happened["stop"] + storm.happened["freeze"] >= 3
    assert storm.happened["faults"] >= 4
