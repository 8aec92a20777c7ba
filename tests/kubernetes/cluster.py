"""A Kubernetes cluster as these tests see it: kubectl, and the API through one ``kubectl proxy``.

The proxy knows every way to log in that a kubeconfig can name, and saves the start of a program for each
look. Nothing listens but on 127.0.0.1.
"""

import json
import re
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx

from tests.kubernetes.programs import Done, run, succeed

#: An object of the API as JSON has it.
Document: TypeAlias = Mapping[str, Any]

#: Pod Security: refuse what is not "restricted", and say so at every object that would make such a pod.
RESTRICTED: Final[Mapping[str, str]] = {
    f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")
}
#: What the names of our namespaces begin with, so that somebody who finds one knows where it came from.
PREFIX: Final = "linkrunner-consumer-test"
GONE_SECONDS: Final = 90.0


class Cluster:
    """The cluster of ``KUBECONFIG``. Close it at the end."""

    def __init__(self, kubectl: Path) -> None:
        self._kubectl: Final = str(kubectl)
        self._proxy: Final = subprocess.Popen(
            [self._kubectl, "proxy", "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._proxy.stdout is not None
        line = self._proxy.stdout.readline()
        found = re.search(r"127\.0\.0\.1:\d+", line)
        assert found, f"kubectl proxy did not start: {line}"
        self.origin: Final = f"http://{found.group()}"
        self.http: Final = httpx.Client(base_url=self.origin, timeout=30)

    def kubectl(self, *arguments: str, given: str = "", within: float = 60.0) -> str:
        """Run kubectl and return its output; AssertionError with what it said if it fails."""
        return succeed([self._kubectl, *arguments], given=given, within=within).output

    def try_kubectl(self, *arguments: str, given: str = "", within: float = 60.0) -> Done:
        """Run kubectl and return how it ended."""
        return run([self._kubectl, *arguments], given=given, within=within)

    def start_kubectl(self, *arguments: str, errors: Path) -> subprocess.Popen[bytes]:
        """Start kubectl with pipes to its input and output; the caller ends it."""
        with errors.open("ab") as sink:
            return subprocess.Popen(
                [self._kubectl, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink
            )

    def get(self, path: str, **query: str) -> Document:
        """Return what the API has at ``path``; AssertionError with its answer if that is no success."""
        answer = self.http.get(path, params=query)
        assert answer.is_success, f"GET {path}: {answer.status_code} {answer.text[:500]}"
        document: Document = answer.json()
        return document

    def kinds(self, *, namespaced: bool) -> Sequence[str]:
        """Return every kind of object that can be listed, as ``kubectl get`` names it."""
        listed = self.kubectl(
            "api-resources", "--verbs=list", f"--namespaced={str(namespaced).lower()}", "--output=name"
        )
        return [kind for kind in listed.split() if not kind.startswith(("events", "componentstatuses"))]

    def objects(self, namespace: str | None) -> set[str]:
        """Return ``kind/name`` of all that is in a namespace, or outside all of them; no events."""
        place = ["--namespace", namespace] if namespace else []
        kinds = ",".join(self.kinds(namespaced=namespace is not None))
        return set(self.kubectl("get", kinds, *place, "--output=name", "--ignore-not-found").split())

    def close(self) -> None:
        """End the proxy."""
        self.http.close()
        self._proxy.terminate()
        self._proxy.communicate(timeout=10)


def own_name() -> str:
    """Return a name that no other namespace has."""
    return f"{PREFIX}-{uuid.uuid4().hex[:8]}"


class Namespace:
    """A namespace of its own that enforces Pod Security "restricted". Delete it at the end."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster: Final = cluster
        self.name: Final = name
        self._core: Final = f"/api/v1/namespaces/{name}"
        self.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}}
        )

    def apply(self, *documents: Document) -> str:
        """Create or change objects and return what kubectl wrote, warnings too."""
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        done = self.cluster.try_kubectl(
            "--namespace", self.name, "apply", "--server-side", "--filename=-", given=given
        )
        assert done.code == 0, done.text
        return done.text

    def would_take(self, *documents: Document) -> Done:
        """Return what the server has to say to objects without making them: refusals, and warnings."""
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        command = ("apply", "--server-side", "--dry-run=server", "--filename=-")
        return self.cluster.try_kubectl("--namespace", self.name, *command, given=given)

    def kubectl(self, *arguments: str, given: str = "", within: float = 60.0) -> str:
        """Run kubectl in this namespace."""
        return self.cluster.kubectl("--namespace", self.name, *arguments, given=given, within=within)

    def python(self, pod: str, script: str, *, container: str = "") -> str:
        """Run a Python script inside a container and return what it printed."""
        where = ["--container", container] if container else []
        return self.kubectl("exec", "--stdin", pod, *where, "--", "python", "-", given=script)

    def deployment(self, name: str) -> Document:
        """Return a deployment."""
        return self.cluster.get(f"/apis/apps/v1/namespaces/{self.name}/deployments/{name}")

    def service_url(self, service: str, port: int) -> str:
        """Return where the API's proxy shows a service, with a slash at the end."""
        return f"{self.cluster.origin}{self._core}/services/{service}:{port}/proxy/"

    def ask_pod(self, pod: str, path: str, port: int = 8080) -> httpx.Response:
        """GET ``path`` of a pod through the API's proxy, as JSON where there is a choice."""
        url = f"{self._core}/pods/{pod}:{port}/proxy/{path}"
        return self.cluster.http.get(url, headers={"Accept": "application/json, text/plain"})

    def evict(self, pod: str) -> int:
        """Ask for a pod's eviction, as a drain does, and return the status: 201, or 429 if it is refused."""
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        return self.cluster.http.post(f"{self._core}/pods/{pod}/eviction", json=eviction).status_code

    def story(self) -> str:
        """Return what somebody needs who looks for the cause of a failure."""
        parts = (
            ("get", "all", "--output=wide"),
            ("get", "events", "--sort-by=.lastTimestamp"),
            ("describe", "pods"),
        )
        looks = [self.cluster.try_kubectl("--namespace", self.name, *part).text for part in parts]
        return "\n".join(looks)

    def delete(self) -> None:
        """Delete it with all that is in it, and return once it is gone."""
        with suppress(AssertionError):  # a pod that does not end in time must not hide the test's own failure
            self.cluster.kubectl("delete", "namespace", self.name, "--ignore-not-found", within=GONE_SECONDS)
