"""Two hours of weather in one run: what only shows after a while, leaks and drifts, shows here.

``SIMULATION_LONG_RUNS`` says how many seeds are run, ``SIMULATION_FIRST_SEED`` which is the first.
"""

import os
from typing import Final

import pytest

from tests.simulation.run import simulate
from tests.simulation.test_simulation import again

RUNS: Final = int(os.environ.get("SIMULATION_LONG_RUNS", "1"))
FIRST_SEED: Final = int(os.environ.get("SIMULATION_FIRST_SEED", "0"))
#: Enough for two hours, virtual ones.
SEASONS: Final = 850
TWO_HOURS: Final = 7200.0


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + RUNS))
def test_two_hours_keep_every_promise(seed: int) -> None:
    """After hundreds of storms and strikes the ledger checker finds nothing, and no task is left."""
    run = simulate(seed, seasons=SEASONS)
    assert not run.problems, again(run)
    assert run.trace[-1][0] > TWO_HOURS
