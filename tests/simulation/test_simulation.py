"""The real pipeline keeps its promises in any weather, whatever becomes of its processes.

Each seed is one run: some partitions and keys, one to three processes that are stopped, killed, thrown out
of the group and started again at any step, and an API, a dead-letter topic, a registry and a group that fail
in every way. Then all is well, everything has to get done, and the ledger checker judges the history.

``SIMULATION_RUNS`` says how many seeds are run, ``SIMULATION_FIRST_SEED`` which is the first.
"""

import os
import subprocess
import sys
from hashlib import sha256
from typing import Final

import pytest

from consumer.core.operations.logbook import Event
from tests.simulation.outside import BY_FAULT
from tests.simulation.run import Run, simulate
from tests.support.history import ExpectedCall
from tests.support.ledger import REMOVE

RUNS: Final = int(os.environ.get("SIMULATION_RUNS", "300"))
FIRST_SEED: Final = int(os.environ.get("SIMULATION_FIRST_SEED", "0"))


def again(run: Run) -> str:
    """Return what is wrong with a run, its last steps, and how to see it again."""
    return "\n".join(
        [
            run.story(),
            *run.problems,
            f"again: SIMULATION_FIRST_SEED={run.seed} SIMULATION_RUNS=1 make test ARGS=tests/simulation",
        ]
    )


def fingerprint(seed: int) -> str:
    """Return a digest of everything that happened in a run."""
    run = simulate(seed)
    return sha256(repr((run.trace, run.history.requests, run.history.commits)).encode()).hexdigest()


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + RUNS))
def test_a_run_keeps_every_promise(seed: int) -> None:
    """Whatever happens, the ledger checker finds nothing, no task is left and no defect was logged."""
    run = simulate(seed)
    assert not run.problems, again(run)


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + RUNS))
def test_our_faults_cost_no_more_than_they_may(seed: int) -> None:
    """A wrong mapping or registry, an API that refuses all: few are set aside, and all goes on by itself."""
    run = simulate(seed, faulty=True)
    assert not run.problems, again(run)


def test_a_seed_is_the_same_run_everywhere() -> None:
    """A seed that failed on one machine fails on another: order in sets and hashes plays no part."""
    script = "from tests.simulation.test_simulation import fingerprint as f; print(*map(f, range(5)))"
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1


def test_the_faulty_runs_are_worth_something() -> None:
    """Among a few dozen seeds, topics are stopped for each fault of ours, and go on, many times."""
    runs = [simulate(seed, faulty=True) for seed in range(60)]
    reasons = {
        dict(letter.record.headers)["linkrunner.reason"]
        for run in runs
        for letter in run.history.dead_letters
    }
    assert reasons == {reason.encode() for reason in BY_FAULT}
    for what in (Event.TOPIC_STOPPED, Event.TOPIC_RESUMED, Event.RECORD_KEPT):
        assert sum(any(what in line for _, line in run.trace) for run in runs) >= 8, what


def test_the_runs_are_worth_something() -> None:
    """Among a few dozen seeds, all that can go wrong does go wrong, several times."""
    runs = [simulate(seed) for seed in range(40)]
    faults = {request.fault for run in runs for request in run.history.requests}
    assert {"reset-after", "timeout-after", "500-after", "connect", "html", "401", "429-later"} <= faults
    for what in (
        "crashes",
        "is told to stop",
        "is thrown out",
        "is cut off",
        "the session of",
        "'cause': 'lease'",
        "not clean",
        Event.DEAD_LETTER_FAILED,
        Event.REGISTRY_UNAVAILABLE,
        Event.COMMIT_FAILED,
        Event.HOLD_STARTED,
        Event.PARTITION_PAUSED,
        Event.RECORD_SKIPPED,
        Event.RECORD_DEAD_LETTERED,
        Event.REMOVE_WAITS,
        Event.REMOVES_CROWD,
    ):
        assert sum(what in line for run in runs for _, line in run.trace) >= 3, what


def test_refunds_cross_their_payments() -> None:
    """Among a few dozen seeds, removals find their payment late, and payments end the wait of their lane."""
    late = overtaken = 0
    for run in (simulate(seed) for seed in range(60)):
        recorded = {payment.payment_id for payment in run.history.recorded}
        for produced in run.history.produced:
            expected = produced.expected
            if not isinstance(expected, ExpectedCall) or expected.path != REMOVE:
                continue
            answers = [r.status for r in run.history.requests if r.body == expected.body and r.fault is None]
            late += produced.crosses and 200 in answers[1:] and answers[0] == 400
            payment_id = expected.body["payment_id"]
            overtaken += not produced.crosses and set(answers) == {400} and payment_id in recorded
    assert late >= 10
    assert overtaken >= 10
