"""From ``helm install`` to ``helm uninstall``: ready soon, tested from inside, and nothing left behind."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.cluster import Namespace, own_name
from tests.kubernetes.conftest import NewScene
from tests.kubernetes.release import Release
from tests.kubernetes.scene import Scene
from tests.kubernetes.site import KEY, Site, server_key
from tests.support.tools import tool
from tests.support.waiting import eventually

#: The first test builds the image, loads it and starts what stands around the service.
pytestmark = pytest.mark.timeout(1200)

#: What Pod Security says of an object whose pods it will refuse.
WOULD_VIOLATE = "would violate PodSecurity"

#: Exit codes of the command.
DEPENDENCY = 69
CREDENTIALS = 77

#: The fewest objects that a release is: account, configuration, deployment, replica set, two pods, budget.
MADE = 7


@pytest.fixture
def empty(site: Site) -> Iterator[Namespace]:
    """Give a namespace in which nothing is."""
    namespace = Namespace(site.cluster, own_name())
    yield namespace
    namespace.delete()


@pytest.mark.parametrize("program", ["helm3", "helm4"])
def test_an_install_is_ready_soon_and_delivers(new_scene: NewScene, program: str) -> None:
    """From ``helm install`` with what has no default to two ready pods takes seconds; then payments flow."""
    scene = new_scene(tool(program))
    scene.books.produce(scene.books.payments(60, keys=12))
    began = time.monotonic()
    said = scene.install()
    scene.wait_ready(2)
    took = time.monotonic() - began

    assert WOULD_VIOLATE not in said
    scene.books.wait_settled()
    scene.end()
    scene.judge()
    scene.figures.note(f"{program} install to 2 pods ready", took, "s", "< 20 s")
    assert took < 20


@pytest.mark.parametrize("program", ["helm3", "helm4"])
def test_helm_test_tells_whether_all_around_can_be_reached(new_scene: NewScene, program: str) -> None:
    """``helm test`` asks brokers, registry and API from inside: with the right addresses it succeeds."""
    scene = new_scene(tool(program))
    scene.install({"replicaCount": 1})
    scene.wait_ready(1)
    began = time.monotonic()
    done = scene.release.test()
    assert done.code == 0, done.text
    scene.figures.note(f"{program} test", time.monotonic() - began, "s")
    assert scene.books.delivered() == 0


def test_helm_test_fails_with_a_wrong_broker(scene: Scene) -> None:
    """A broker that is not there makes it fail, and its pod stays and names the address."""
    nowhere = "kafka.nowhere.svc:9092"
    scene.install({"replicaCount": 1, "config": {"kafka": {"bootstrap_servers": nowhere}}})
    done = scene.release.test()
    assert done.code != 0
    assert nowhere in scene.site.namespace.kubectl("logs", f"{scene.release.deployment}-check")


def test_helm_test_fails_with_a_key_that_is_refused(scene: Scene) -> None:
    """The credentials are really tried: exit 77, and the check says whose they are, never what they are."""
    scene.site.secret(scene.secret, "a-key-that-nobody-issued")
    scene.install({"replicaCount": 1})
    done = scene.release.test()
    assert done.code != 0
    log, code = _ended_check(scene)
    assert code == CREDENTIALS
    assert f"key for {scene.site.api_url}" in log
    assert "a-key-that-nobody-issued" not in log


def test_helm_test_fails_without_a_dead_letter_topic(scene: Scene) -> None:
    """What the first bad record would find out is told at the install, with the command that helps."""
    nowhere = f"{scene.topic}.nowhere"
    scene.install({"replicaCount": 1, "config": {"dead_letters": {"topic": nowhere}}})
    done = scene.release.test()
    assert done.code != 0
    log, code = _ended_check(scene)
    assert code == DEPENDENCY
    assert f"--create --topic {nowhere}" in log


def test_a_pod_without_its_secret_says_what_is_missing_and_heals(scene: Scene) -> None:
    """Exit 77 with the file and the variable in the log; once the Secret is made, the pod gets ready."""
    later = f"{scene.secret}-later"
    scene.install({"replicaCount": 1, "linkrunner": {"existingSecret": later}})
    refused = eventually(lambda: [pod for pod in scene.pods() if pod.code], 60, "the container has ended")[0]
    assert refused.code == CREDENTIALS
    logs = eventually(lambda: scene.site.namespace.kubectl("logs", refused.name), 10, "it has a log")
    assert "server-key" in logs
    assert "LINKRUNNER_SERVER_KEY" in logs

    scene.site.secret(later, KEY)
    scene.wait_ready(1, within=180)
    scene.site.namespace.kubectl("delete", "secret", later)


def _ended_check(scene: Scene) -> tuple[str, int]:
    """Return the log of the pod of ``helm test``, and its exit code."""
    name = f"{scene.release.deployment}-check"
    path = "--output=jsonpath={.status.containerStatuses[0].state.terminated.exitCode}"
    return scene.site.namespace.kubectl("logs", name), int(
        scene.site.namespace.kubectl("get", "pod", name, path)
    )


def test_an_uninstall_leaves_nothing(scene: Scene, empty: Namespace, tmp_path: Path) -> None:
    """Of all kinds that the cluster knows, no object is there that was not before, nor outside namespaces."""
    empty.apply(server_key("key", KEY))
    cluster, release = empty.cluster, Release(tool("helm3"), empty, "leaves-nothing", tmp_path)
    before = cluster.objects(empty.name)
    release.install(scene.values({"linkrunner": {"existingSecret": "key"}, "minReadySeconds": 0}))
    empty.kubectl("rollout", "status", f"deployment/{release.deployment}", "--timeout=60s", within=70)
    assert release.test().code == 0
    assert len(cluster.objects(empty.name) - before) >= MADE

    release.uninstall()
    eventually(lambda: cluster.objects(empty.name) == before, 60, "all of the release is gone", 1)
    assert {name for name in cluster.objects(None) if release.name in name} == set()
