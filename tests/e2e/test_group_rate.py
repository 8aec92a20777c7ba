"""One rate for a whole group: instances come, go and die, and the simulator's request log is the judge."""

from typing import Final

import pytest

from tests.e2e.conftest import NewStage
from tests.support.group_rate import LIMIT, PARTITIONS, play

pytestmark = pytest.mark.kafka

#: What any second may have.
MOST: Final = LIMIT * 1.05


def test_a_group_keeps_one_rate_through_join_leave_and_kill(new_stage: NewStage) -> None:
    """Never more than the limit and 5 % in any second, and the books agree.

    How much of it is used depends on the machine: ``python -m benchmarks.group_rate`` measures that.
    """
    assert play(new_stage(PARTITIONS)).busiest <= MOST
