"""What operators do with a release: configure it anew, restart it, scale it, give it another key."""

import time
from collections.abc import Sequence

import pytest

from tests.kubernetes.pods import Pod
from tests.kubernetes.scene import Scene
from tests.support.waiting import eventually

#: The first test builds the image, loads it and starts what stands around the service.
pytestmark = pytest.mark.timeout(1200)

#: Records a second while a release changes, so many that every pod always has calls on the wire.
RATE = 60.0
#: More records than any of these tests takes time for.
ENOUGH = 12_000
KEYS = 300
#: What the API takes for an answer: a change always meets calls that are under way.
SLOW = "delay=50ms"


def _under_load(scene: Scene, pods: int, **over: object) -> Sequence[Pod]:
    """Install ``pods`` pods and return them once payments flow through all of them."""
    scene.site.api.misbehave(SLOW)
    scene.install({"replicaCount": pods, **over})
    ready = scene.wait_ready(pods)
    scene.books.load(scene.books.payments(ENOUGH, keys=KEYS), RATE)
    scene.books.wait_delivered(3 * int(RATE))
    return ready


def _settle(scene: Scene) -> None:
    """End the load, wait until all of it is committed, take the release away and judge: nothing repeated."""
    scene.books.unload()
    scene.books.wait_settled()
    scene.end()
    scene.judge()


def test_a_rolling_restart_under_load_repeats_and_loses_nothing(scene: Scene) -> None:
    """Three pods are replaced one by one as the chart has it; each payment is told once and in seconds."""
    old = _under_load(scene, 3)
    began = time.monotonic()
    scene.site.namespace.kubectl("rollout", "restart", f"deployment/{scene.release.deployment}")
    scene.wait_ready(3, within=150, without=old)
    took = time.monotonic() - began
    assert scene.site.watch.fewest_ready(scene.release.name, since=began) >= 3
    scene.books.wait_delivered(scene.books.delivered() + 2 * int(RATE))
    _settle(scene)

    scene.figures.note("rolling restart of 3 pods", took, "s")
    scene.figures.note("rolling restart: calls repeated", scene.books.repeats(), "", "0")
    scene.figures.note("rolling restart: freshness p99", scene.books.p99(), "s", "< 15 s")
    assert scene.books.p99() < 15


def test_scaling_up_and_down_under_load_repeats_and_loses_nothing(scene: Scene) -> None:
    """From one pod to three and back: the partitions spread and come together, each payment told once."""
    _under_load(scene, 1)
    scene.upgrade({"replicaCount": 3})
    scene.wait_ready(3)
    eventually(lambda: sorted(scene.held()) == [2, 2, 2], 30, "each pod holds two partitions")
    scene.books.wait_delivered(scene.books.delivered() + 2 * int(RATE))

    scene.upgrade({"replicaCount": 1})
    scene.wait_ready(1)
    eventually(lambda: scene.held() == [6], 30, "one pod holds all partitions")
    scene.books.wait_delivered(scene.books.delivered() + 2 * int(RATE))
    _settle(scene)

    scene.figures.note("scaling 1, 3, 1: calls repeated", scene.books.repeats(), "", "0")
    scene.figures.note("scaling 1, 3, 1: freshness p99", scene.books.p99(), "s")


def test_a_changed_configuration_replaces_the_pods_and_nothing_else_does(scene: Scene) -> None:
    """The file is read at the start only, so a change of it has to start pods anew; no change must not."""
    scene.install({"minReadySeconds": 0})
    old = scene.wait_ready(2)
    generation = scene.document()["metadata"]["generation"]
    scene.upgrade({"minReadySeconds": 0})
    assert scene.document()["metadata"]["generation"] == generation

    scene.upgrade({"minReadySeconds": 0, "config": {"linkrunner": {"requests_per_second": 123}}})
    new = scene.wait_ready(2, without=old)
    assert {scene.status(pod)["config"]["linkrunner.requests_per_second"] for pod in new} == {"123.0"}


def test_a_rotated_key_is_used_without_a_restart(scene: Scene) -> None:
    """The Secret changes, the kubelet follows, the service reads the file again: same pods, nothing lost."""
    pods = _under_load(scene, 2)
    scene.site.api.accept_key("the-next-key-of-this-cluster")
    eventually(lambda: scene.site.api.outcomes().get("unauthorized"), 20, "the old key is refused")
    began = time.monotonic()
    scene.site.secret(scene.secret, "the-next-key-of-this-cluster")
    _hurry_the_kubelet(scene, pods)

    before = scene.books.delivered()
    scene.books.wait_delivered(before + 2 * int(RATE), within=150)
    eventually(lambda: all(scene.metrics(pod).total("auth_ok") == 1 for pod in pods), 30, "every key is good")
    scene.figures.note("rotated Secret to payments flowing", time.monotonic() - began, "s")
    now = scene.wait_ready(2)
    assert [(pod.name, pod.restarts) for pod in now] == [(pod.name, 0) for pod in pods]
    _settle(scene)


def test_a_wrong_key_stops_the_roll_out_at_its_first_pod(scene: Scene) -> None:
    """The new pod is never ready for long enough, the old ones deliver on, and rolling back heals."""
    old = _under_load(scene, 2)
    began = time.monotonic()
    scene.site.secret(f"{scene.secret}-wrong", "a-key-that-nobody-issued")
    scene.upgrade({"linkrunner": {"existingSecret": f"{scene.secret}-wrong"}})
    new = eventually(lambda: _strangers(scene, old), 60, "a new pod has come")[0]
    eventually(lambda: "credentials" in scene.why_not_ready(new), 60, "the new pod holds its calls")
    before, refused = scene.books.delivered(), scene.site.api.outcomes().get("unauthorized", 0)
    # its probes are two seconds apart: by then a pod that were good would long have counted as ready
    eventually(
        lambda: scene.site.api.outcomes()["unauthorized"] >= refused + 8, 60, "eight probes are refused"
    )

    status = scene.document()["status"]
    assert (status["replicas"], status["updatedReplicas"], status["readyReplicas"]) == (3, 1, 2)
    assert [pod.name for pod in scene.pods() if pod.ready] == [pod.name for pod in old]
    assert scene.books.delivered() > before + RATE

    scene.release.rollback()
    scene.wait_ready(2)
    assert [pod.name for pod in scene.pods()] == [pod.name for pod in old]
    assert scene.site.watch.fewest_ready(scene.release.name, since=began) >= 2
    _settle(scene)


def _strangers(scene: Scene, known: Sequence[Pod]) -> Sequence[Pod]:
    """Return the pods that run and are not among ``known``."""
    names = {pod.name for pod in known}
    return [pod for pod in scene.pods() if pod.name not in names and pod.container]


def _hurry_the_kubelet(scene: Scene, pods: Sequence[Pod]) -> None:
    """Touch the pods: the kubelet looks at their volumes now and not only within its next minute or so."""
    names = [pod.name for pod in pods]
    scene.site.namespace.kubectl("annotate", "pods", *names, "touched=yes")
