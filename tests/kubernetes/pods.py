"""The pods of a namespace as they come and go: what each is now, what it was before, and what it logged."""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from tests.kubernetes.cluster import Document, Namespace

#: The component label of the service's own pods; that of ``helm test`` is none of them.
SERVICE: Final = "consumer"
#: The server ends a watch after so many seconds, and it is begun anew: no longer does closing take.
WATCH_SECONDS: Final = 5
#: What ends a stream from outside: the API server or the proxy closes the connection.
CUT_OFF: Final = (httpx.TransportError, httpx.StreamError)


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod at one moment. ``restarts`` and what follows are those of its first container.

    ``ended`` says how the container ended the last time (``OOMKilled``, ``Error``), empty if it never did,
    and ``code`` with which exit code.
    """

    name: str
    release: str
    component: str
    address: str
    ready: bool
    leaving: bool
    restarts: int
    container: str
    ended: str
    code: int = 0

    @classmethod
    def of(cls, document: Document) -> "Pod":
        """Read the API's document."""
        labels, status = document["metadata"].get("labels", {}), document["status"]
        conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
        container: Document = next(iter(status.get("containerStatuses", [])), {})
        return cls(
            name=document["metadata"]["name"],
            release=labels.get("app.kubernetes.io/instance", ""),
            component=labels.get("app.kubernetes.io/component", ""),
            address=status.get("podIP", ""),
            ready=conditions.get("Ready") == "True",
            leaving="deletionTimestamp" in document["metadata"],
            restarts=container.get("restartCount", 0),
            container=container.get("containerID", "") if "running" in container.get("state", {}) else "",
            ended=_how_ended(container),
            code=_exit_code(container),
        )


@dataclass(frozen=True, slots=True)
class Sight:
    """A pod as it was seen at ``at``, on this process's monotonic clock; ``gone``: for the last time."""

    at: float
    pod: Pod
    gone: bool


class Watch:
    """Follows the pods of a namespace and their logs, in threads. Close it once the namespace is deleted."""

    def __init__(self, namespace: Namespace) -> None:
        self.seen: Final[list[Sight]] = []
        self.logs: Final[dict[str, str]] = {}
        self._http: Final = namespace.cluster.http
        self._path: Final = f"/api/v1/namespaces/{namespace.name}/pods"
        self._now: Final[dict[str, Pod]] = {}
        self._followed: Final[set[str]] = set()
        self._stop: Final = threading.Event()
        self._threads: Final = [threading.Thread(target=self._watch, daemon=True)]
        self._threads[0].start()

    def now(self, release: str) -> Sequence[Pod]:
        """Return the service's pods of a release, those that are leaving too, by name."""
        pods = (pod for pod in tuple(self._now.values()) if pod.release == release)
        return sorted((pod for pod in pods if pod.component == SERVICE), key=lambda pod: pod.name)

    def history(self, release: str, since: float = 0.0) -> Sequence[Sight]:
        """Return every sight of those pods from ``since`` on, in their order."""
        return [
            sight
            for sight in tuple(self.seen)
            if sight.at >= since and sight.pod.release == release and sight.pod.component == SERVICE
        ]

    def fewest_ready(self, release: str, since: float) -> int:
        """Return the smallest number of ready pods that there was at any moment from ``since`` on."""
        ready: dict[str, bool] = {}
        counts = []
        for sight in self.history(release):
            ready[sight.pod.name] = sight.pod.ready and not sight.pod.leaving and not sight.gone
            if sight.at >= since:
                counts.append(sum(ready.values()))
        return min(counts, default=sum(ready.values()))

    def end(self) -> None:
        """Look at no more; what looks already ends by and by."""
        self._stop.set()

    def close(self) -> None:
        """End it."""
        self.end()
        for thread in self._threads:
            thread.join(2 * WATCH_SECONDS)

    def _watch(self) -> None:
        while not self._stop.is_set():
            version = self._list()
            query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": str(WATCH_SECONDS)}
            try:
                with self._http.stream("GET", self._path, params=query, timeout=None) as answer:
                    for line in answer.iter_lines():
                        event = json.loads(line)
                        if event["type"] == "ERROR":
                            break
                        self._note(Pod.of(event["object"]), gone=event["type"] == "DELETED")
            except CUT_OFF:
                self._stop.wait(0.2)

    def _list(self) -> str:
        """Take the state of now, what was missed too, and return its version."""
        listed = self._http.get(self._path).json()
        pods = {pod.name: pod for pod in map(Pod.of, listed["items"])}
        for name, pod in tuple(self._now.items()):
            if name not in pods:
                self._note(pod, gone=True)
        for pod in pods.values():
            self._note(pod, gone=False)
        version: str = listed["metadata"]["resourceVersion"]
        return version

    def _note(self, pod: Pod, *, gone: bool) -> None:
        if gone:
            self._now.pop(pod.name, None)
        elif self._now.get(pod.name) == pod:
            return
        else:
            self._now[pod.name] = pod
        self.seen.append(Sight(time.monotonic(), pod, gone))
        if pod.component == SERVICE and pod.container and pod.container not in self._followed:
            self._followed.add(pod.container)
            thread = threading.Thread(target=self._follow, args=(pod,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _follow(self, pod: Pod) -> None:
        """Keep what a container logs until it ends."""
        try:
            path = f"{self._path}/{pod.name}/log?follow=true"
            with self._http.stream("GET", path, timeout=None) as answer:
                for text in answer.iter_text():
                    self.logs[pod.name] = self.logs.get(pod.name, "") + text
        except CUT_OFF:
            return


def _how_ended(container: Mapping[str, object]) -> str:
    return str(_end(container).get("reason", ""))


def _exit_code(container: Mapping[str, object]) -> int:
    return int(_end(container).get("exitCode", 0))


def _end(container: Mapping[str, object]) -> Document:
    """Return what is told of the last time that a container ended, nothing if it never did."""
    for state in (container.get("lastState", {}), container.get("state", {})):
        assert isinstance(state, Mapping)
        if "terminated" in state:
            ended: Document = state["terminated"]
            return ended
    return {}
