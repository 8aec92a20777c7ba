"""One test's own things in the cluster: a topic with its books, a group, and a release of the chart."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.kubernetes.books import PACE, Books
from tests.kubernetes.cluster import Document
from tests.kubernetes.pods import Pod
from tests.kubernetes.release import Release, Values
from tests.kubernetes.site import KEY, Site
from tests.support.service import Metrics, merged
from tests.support.waiting import eventually

#: Not a promise: on a machine that is busy, a first start reads the image from a cold disk.
READY_SECONDS: Final = 120.0
GONE_SECONDS: Final = 60.0

#: Finds the service among the processes that a pod shares and sends it a signal.
_SIGNAL: Final = """
import os, pathlib, signal
for status in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    if b"\\0run\\0" in status.read_bytes():
        os.kill(int(status.parent.name), signal.{name})
        print("sent")
"""

#: Prints bytes from where control groups of version 2 or 1 have them: the peak, what is used, and what of
#: that is file pages that nobody needs; then the most that the process itself held, in KiB.
_MEMORY: Final = """
import pathlib, re
def first(*names):
    files = [pathlib.Path("/sys/fs/cgroup", name) for name in names]
    return next(file.read_text() for file in files if file.exists())
print(first("memory.peak", "memory/memory.max_usage_in_bytes"))
print(first("memory.current", "memory/memory.usage_in_bytes"))
print(re.search(r"^(?:total_)?inactive_file (\\d+)", first("memory.stat", "memory/memory.stat"), re.M)[1])
print(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/1/status").read_text())[1])
"""


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB of a pod.

    ``peak`` is the most that its container used, as the limit counts, ``working_set`` what the kubelet counts
    against the request now, ``resident`` the most that its process held.
    """

    peak: float
    working_set: float
    resident: float


class Scene:
    """The stage of one test. Close it at the end: then nothing of it runs any more."""

    def __init__(self, site: Site, helm: Path, directory: Path, partitions: int = 6) -> None:
        number = uuid.uuid4().hex[:6]
        self.site: Final = site
        self.figures: Final = site.figures
        self.topic: Final = f"payments-{number}"
        self.group: Final = f"group-{number}"
        self.secret: Final = f"key-{number}"
        self.release: Final = Release(helm, site.namespace, f"r{number}", directory)
        self.seen: Final[dict[str, str]] = {}
        self._toolbox: Final = site.toolbox()
        self.books: Final = Books(site, self._toolbox, self.topic, self.group, partitions)
        site.secret(self.secret, KEY)

    def values(self, over: Values | None = None) -> Values:
        """Return what a first deployment needs, at a rate for tests; ``over`` goes on top of it."""
        repository, _, tag = self.site.image.rpartition(":")
        base: Values = {
            "image": {"repository": repository, "tag": tag},
            "linkrunner": {"existingSecret": self.secret},
            "config": {
                "kafka": {
                    "bootstrap_servers": self.site.brokers,
                    "group_id": self.group,
                    "topics": [self.topic],
                    # a killed pod's partitions wait for the end of its session
                    "properties": {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500},
                },
                "schema_registry": {"url": self.site.registry_url},
                "linkrunner": {"base_url": self.site.api_url, "requests_per_second": 200},
                "currency": {"accept": ["INR"]},
                "log": {"format": "json"},
            },
        }
        return merged(base, over or {})

    def install(self, over: Values | None = None) -> str:
        """Install the chart and return what Helm wrote; the pods need not be ready yet."""
        return self.release.install(self.values(over)).text

    def upgrade(self, over: Values | None = None) -> None:
        """Change the release to these values; the pods need not be replaced yet."""
        self.release.upgrade(self.values(over))

    def install_sharing(self, pods: int, over: Values | None = None) -> Sequence[Pod]:
        """Install pods whose containers share their processes and return them, ready.

        Only so can a test hurt the service's process: nothing inside can stop or kill the first process of a
        namespace, and this one's first process is the pod's own.
        """
        self.install(merged(over or {}, {"replicaCount": 0}))
        name = self.release.deployment
        change = (
            f'{{"spec": {{"replicas": {pods}, "template": {{"spec": {{"shareProcessNamespace": true}}}}}}}}'
        )
        self.site.namespace.kubectl("patch", "deployment", name, f"--patch={change}")
        return self.wait_ready(pods)

    def document(self) -> Document:
        """Return the deployment."""
        return self.site.namespace.deployment(self.release.deployment)

    # ------------------------------------------------------------------------------------- the pods

    def pods(self) -> Sequence[Pod]:
        """Return the service's pods of now, without those that are leaving."""
        return [pod for pod in self.site.watch.now(self.release.name) if not pod.leaving]

    def wait_ready(
        self, count: int, within: float = READY_SECONDS, without: Sequence[Pod] = ()
    ) -> Sequence[Pod]:
        """Return the pods once there are ``count``, all ready, none leaving and none of ``without``."""
        replaced = {pod.name for pod in without}

        def ready() -> Sequence[Pod]:
            pods = self.site.watch.now(self.release.name)
            settled = all(pod.ready and not pod.leaving and pod.name not in replaced for pod in pods)
            return pods if settled and len(pods) == count else []

        return eventually(ready, within, f"{count} pods are ready, and no others are there")

    def metrics(self, pod: Pod) -> Metrics:
        """Scrape a pod."""
        text = self.site.namespace.ask_pod(pod.name, "metrics").raise_for_status().text
        self.seen[f"metrics of {pod.name}"] = text
        return Metrics(text)

    def status(self, pod: Pod) -> Document:
        """Return what a pod tells about itself."""
        answer = self.site.namespace.ask_pod(pod.name, "statusz").raise_for_status()
        self.seen[f"status of {pod.name}"] = answer.text
        status: Document = answer.json()
        return status

    def why_not_ready(self, pod: Pod) -> str:
        """Return what a pod answers to the probe of its readiness."""
        return self.site.namespace.ask_pod(pod.name, "readyz").text

    def memory(self, pod: Pod) -> Memory:
        """Return what memory a pod has used and uses."""
        peak, used, idle, resident = map(int, self.site.namespace.python(pod.name, _MEMORY).split())
        return Memory(peak / 2**20, (used - idle) / 2**20, resident / 2**10)

    def held(self) -> Sequence[float]:
        """Return how many partitions each pod holds."""
        return [self.metrics(pod).total("assigned_partitions") for pod in self.pods()]

    def kill(self, pod: Pod) -> float:
        """Kill the service's process in a pod without a goodbye and return when, on the simulator's clock."""
        self.signal(pod, "SIGKILL")
        return self.books.note_kill()

    def signal(self, pod: Pod, name: str) -> None:
        """Send a signal to the service's process in a pod that shares its process namespace."""
        assert "sent" in self.site.namespace.python(pod.name, _SIGNAL.format(name=name))

    # -------------------------------------------------------------------------------------- the end

    def end(self) -> None:
        """Look at every pod a last time, uninstall the release and return once its pods are gone."""
        for pod in self.pods():
            if pod.ready:
                self.metrics(pod)
                self.status(pod)
        self._uninstall()

    def judge(self, repeats_allowed: int = 0) -> None:
        """Assert, after the end, that no law was broken."""
        self.books.judge({**self.seen, **self._logs()}, repeats_allowed)

    def evidence(self) -> Sequence[tuple[str, str]]:
        """Return what the cluster and the pods have to say about a failure."""
        logs = [(f"log of {name}", text) for name, text in self._logs().items()]
        return [("the namespace", self.site.namespace.story()), *logs]

    def close(self) -> None:
        """End everything of this test."""
        self._uninstall()
        self._toolbox.close()

    def _uninstall(self) -> None:
        self.release.uninstall()
        eventually(
            lambda: not self.site.watch.now(self.release.name), GONE_SECONDS, "all pods are gone", PACE
        )

    def _logs(self) -> Mapping[str, str]:
        names = {sight.pod.name for sight in self.site.watch.history(self.release.name)}
        return {name: text for name, text in dict(self.site.watch.logs).items() if name in names}
