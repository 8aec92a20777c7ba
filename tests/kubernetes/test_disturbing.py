"""What happens to pods: evicted, killed, frozen, short of memory. Payments survive all of it."""

import time

import pytest

from tests.kubernetes.pods import Pod
from tests.kubernetes.scene import Scene
from tests.support.waiting import eventually

#: The first test builds the image, loads it and starts what stands around the service.
pytestmark = pytest.mark.timeout(1200)

CREATED = 201
REFUSED = 429
#: The chart's memory limit and request, and what of the limit the process may use: the rest is a margin.
LIMIT_MIB = 256
REQUEST_MIB = 96
MOST_MIB = 192
BACKLOG = 10_000
#: Calls at the same time in the tests that lose some.
IN_FLIGHT = 8
RATE = 60.0


def test_a_drain_waits_for_the_successor_of_each_pod(scene: Scene) -> None:
    """Two evictions at once: the second is refused until a new pod is ready; no payment is lost or repeated.

    A drain of a node evicts its pods by the same call, again and again until it is granted.
    """
    scene.site.api.misbehave("delay=50ms")
    scene.install({"replicaCount": 2})
    first, second = scene.wait_ready(2)
    scene.books.load(scene.books.payments(6_000, keys=300), RATE)
    scene.books.wait_delivered(int(RATE))

    began = time.monotonic()
    assert scene.site.namespace.evict(first.name) == CREATED
    assert scene.site.namespace.evict(second.name) == REFUSED
    eventually(
        lambda: scene.site.namespace.evict(second.name) == CREATED, 60, "the second eviction is granted", 0.2
    )
    took = time.monotonic() - began
    granted_with = [
        pod for pod in scene.site.watch.now(scene.release.name) if pod.ready and pod.name != second.name
    ]
    assert granted_with
    scene.wait_ready(2, without=(first, second))
    assert scene.site.watch.fewest_ready(scene.release.name, since=began) >= 1

    scene.books.unload()
    scene.books.wait_settled()
    scene.end()
    scene.judge()
    scene.figures.note("drain: second eviction granted after", took, "s")
    scene.figures.note("drain: freshness p99", scene.books.p99(), "s")


def test_a_killed_process_repeats_only_what_was_not_committed(scene: Scene) -> None:
    """SIGKILL: repeated are at most the calls in flight and those that ended since the last commit."""
    limits = {"max_in_flight": IN_FLIGHT, "requests_per_second": 150}
    scene.site.api.misbehave("delay=20ms")
    scene.books.produce(scene.books.payments(2_000, keys=300))
    (pod,) = scene.install_sharing(1, {"config": {"linkrunner": limits}})
    scene.books.wait_delivered(scene.books.delivered() + 300)
    killed = scene.kill(pod)
    began = time.monotonic()
    exposed = scene.books.exposed(killed)

    eventually(
        lambda: [(p.restarts, p.ready) for p in scene.pods()] == [(1, True)], 60, "the container is back"
    )
    scene.figures.note("killed container ready again after", time.monotonic() - began, "s")
    scene.books.wait_settled()
    scene.end()
    scene.judge(repeats_allowed=IN_FLIGHT + exposed)
    scene.figures.note("kill: calls repeated", scene.books.repeats(), "", f"<= {IN_FLIGHT + exposed}")


def test_a_process_that_does_not_move_is_started_again(scene: Scene) -> None:
    """SIGSTOP: the other pod gets its partitions, the liveness probe ends it, and nothing is lost."""
    hasty = {
        "probes": {"liveness": {"periodSeconds": 2, "timeoutSeconds": 1, "failureThreshold": 3}},
        "config": {"linkrunner": {"max_in_flight": IN_FLIGHT}},
    }
    scene.site.api.misbehave("delay=20ms")
    pod = scene.install_sharing(2, hasty)[0]
    scene.books.load(scene.books.payments(6_000, keys=300), RATE)
    scene.books.wait_delivered(2 * int(RATE))
    scene.signal(pod, "SIGSTOP")
    stopped = scene.books.note_kill()
    began = time.monotonic()
    exposed = scene.books.exposed(stopped)

    eventually(lambda: _restarts(scene, pod) == 1, 90, "the container is started again")
    took = time.monotonic() - began
    scene.figures.note("stopped process started again after", took, "s", "< 30 s, the pod's grace")
    assert took < 30  # the probe's own grace counts, because a process that does not move can't drain
    scene.wait_ready(2)
    scene.books.unload()
    scene.books.wait_settled()
    scene.end()
    scene.judge(repeats_allowed=IN_FLIGHT + exposed)


def test_a_backlog_stays_within_the_memory_limit(scene: Scene) -> None:
    """Large records by the thousand wait in Kafka, not in the pod: the chart's own limit holds."""
    note = {"note": "n" * 1_000}
    scene.books.produce(scene.books.payments(BACKLOG, keys=2_000, attributes=note))
    scene.install({"replicaCount": 1, "config": {"linkrunner": {"requests_per_second": 2_000}}})
    (pod,) = scene.wait_ready(1)
    scene.books.wait_settled(within=150)

    memory = scene.memory(pod)
    scene.figures.note("memory peak of the container, backlog", memory.peak, "MiB", f"<= {LIMIT_MIB} MiB")
    scene.figures.note("working set behind a backlog", memory.working_set, "MiB", f"<= {REQUEST_MIB} MiB")
    scene.figures.note("memory peak of the process, backlog", memory.resident, "MiB", f"< {MOST_MIB} MiB")
    (after,) = scene.pods()
    assert (after.name, after.restarts, after.ended) == (pod.name, 0, "")
    assert memory.resident < MOST_MIB
    assert memory.working_set <= REQUEST_MIB


def _restarts(scene: Scene, pod: Pod) -> int:
    return sum(now.restarts for now in scene.pods() if now.name == pod.name)
