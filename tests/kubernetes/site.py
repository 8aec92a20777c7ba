"""The place of a test session in the cluster: a namespace with all that the service needs around it."""

import os
import shlex
import subprocess
import uuid
from pathlib import Path
from typing import Final

import httpx

from consumer.core.avro import schemas
from tests.kubernetes import manifests
from tests.kubernetes.cluster import Cluster, Document, Namespace, own_name
from tests.kubernetes.figures import Figures
from tests.kubernetes.pods import Watch
from tests.kubernetes.programs import succeed
from tests.kubernetes.toolbox import Toolbox
from tests.support.api import ApiView
from tests.support.broker import REGISTRY_PATH
from tests.support.containers import KAFKA_IMAGE, REGISTRY_IMAGE
from tests.support.registry import SchemaRegistry

KEY: Final = "canary-key-of-this-cluster"
START_SECONDS: Final = 180
LOAD_SECONDS: Final = 300.0


class Site:
    """Kafka, a registry, the simulator and a toolbox in a namespace of their own. Close it at the end.

    ``directory`` takes files; ``image`` is the service's, known to the cluster.
    """

    def __init__(self, cluster: Cluster, image: str, directory: Path, figures: Figures) -> None:
        self.cluster: Final = cluster
        self.image: Final = image
        self.directory: Final = directory
        self.figures: Final = figures
        self.namespace: Final = Namespace(cluster, own_name())
        self.warnings: Final = self.namespace.apply(*manifests.stage(self.namespace.name, image, KEY))
        self.watch: Final = Watch(self.namespace)
        self.brokers: Final = f"{self._host(manifests.KAFKA)}:{manifests.KAFKA_PORT}"
        self.registry_url: Final = (
            f"http://{self._host(manifests.REGISTRY)}:{manifests.REGISTRY_PORT}{REGISTRY_PATH}"
        )
        self.api_url: Final = f"http://{self._host(manifests.SIMULATOR)}:{manifests.SIMULATOR_PORT}/api/v1"
        simulator = self.namespace.service_url(manifests.SIMULATOR, manifests.SIMULATOR_PORT)
        self._simulator: Final = httpx.Client(base_url=simulator, timeout=60)
        self.api: Final = ApiView(self._simulator)

    def open(self) -> None:
        """Return once all of it is ready."""
        timeout = f"--timeout={START_SECONDS}s"
        self.namespace.kubectl(
            "wait", "pod", "--all", "--for=condition=Ready", timeout, within=START_SECONDS + 10
        )

    def toolbox(self) -> Toolbox:
        """Return a toolbox of the caller's own, to be closed."""
        errors = self.directory / f"toolbox-{uuid.uuid4().hex[:8]}.log"
        return Toolbox(self.namespace, manifests.TOOLBOX, self.brokers, errors)

    def confluent_prefix(self, topic: str) -> bytes:
        """Register the canonical schema for a topic and return what its records begin with."""
        url = self.namespace.service_url(manifests.REGISTRY, manifests.REGISTRY_PORT)
        registry = SchemaRegistry(url.rstrip("/") + REGISTRY_PATH)
        identity = registry.register(f"{topic}-value", schemas.payment_event())
        return b"\x00" + identity.to_bytes(4, "big")

    def secret(self, name: str, key: str) -> None:
        """Create or change a Secret with a server key."""
        self.namespace.apply(server_key(name, key))

    def close(self) -> None:
        """Delete the namespace with all that is in it."""
        self.watch.end()
        self.namespace.delete()
        self.watch.close()
        self._simulator.close()

    def _host(self, service: str) -> str:
        return manifests.host(self.namespace.name, service)


def server_key(name: str, key: str) -> Document:
    """Return the Secret ``name`` with a server key."""
    text = {"server-key": key}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": text}


def load_images(cluster: Cluster, image: str) -> None:
    """Make local images known to the cluster's nodes, by the command in ``TEST_IMAGE_LOAD``.

    Ours always: a node can't tell that its tag means something newer. Of the public ones those that Docker
    has and no node; the nodes pull the others. Without the variable the cluster has to know all of them.
    """
    command = os.environ.get("TEST_IMAGE_LOAD")
    if not command:
        return
    nodes = cluster.get("/api/v1/nodes")["items"]
    names = {
        name for node in nodes for known in node["status"].get("images", []) for name in known["names"] or ()
    }
    missing = [
        public
        for public in (KAFKA_IMAGE, REGISTRY_IMAGE)
        if not any(name.endswith(public) for name in names) and _is_local(public)
    ]
    succeed([*shlex.split(command), image, *missing], within=LOAD_SECONDS)


def _is_local(image: str) -> bool:
    command = ["docker", "image", "inspect", image]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
