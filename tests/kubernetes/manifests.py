"""What stands beside the service in its namespace: Kafka, a schema registry, the API simulator, a toolbox.

Every pod keeps to Pod Security "restricted". The simulator and the toolbox share a pod, and so a clock: the
checker compares the times of both.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.kubernetes.cluster import Document
from tests.support.broker import CLUSTER_ID, REGISTRY_PATH, broker_properties
from tests.support.containers import KAFKA_IMAGE, REGISTRY_IMAGE

ROOT: Final = Path(__file__).parents[2]
#: The public images' own users are named, not numbered, and a name can't be proven not to be root.
USER: Final = 1000
#: What the agent imports besides the image's own packages.
SHIPPED: Final = (*(ROOT / "tests" / "support").glob("*.py"), *Path(__file__).parent.glob("*.py"))
AGENT_HOME: Final = "/agent"

#: Nobody kills this broker, and on a busy machine it must not take itself for dead.
_HASTY: Final = {"broker.heartbeat.interval.ms", "broker.session.timeout.ms"}

#: Once these are there they stay, however busy the machine: an outage of them is no part of any test.
_PATIENT: Final = {"periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 60}

KAFKA: Final = "kafka"
REGISTRY: Final = "registry"
SIMULATOR: Final = "simulator"
TOOLBOX: Final = "toolbox"
KAFKA_PORT: Final = 9092
REGISTRY_PORT: Final = 8080
SIMULATOR_PORT: Final = 8099


def stage(namespace: str, image: str, server_key: str) -> Sequence[Document]:
    """Return everything; ``image`` is ours, ``server_key`` what the simulator accepts."""
    return [
        _service(KAFKA, KAFKA_PORT, KAFKA),
        _service(REGISTRY, REGISTRY_PORT, REGISTRY),
        _service(SIMULATOR, SIMULATOR_PORT, TOOLBOX),
        _shipped(),
        _pod(KAFKA, [_kafka(namespace)]),
        _pod(REGISTRY, [_registry()]),
        _pod(TOOLBOX, [_simulator(image, server_key), _toolbox(image)], [_agent_volume()]),
    ]


def host(namespace: str, service: str) -> str:
    """Return the name by which every pod of the cluster finds a service."""
    return f"{service}.{namespace}.svc"


def _service(name: str, port: int, app: str) -> Document:
    spec = {"selector": {"app": app}, "ports": [{"port": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def _pod(
    name: str, containers: Sequence[Mapping[str, Any]], volumes: Sequence[Mapping[str, Any]] = ()
) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "automountServiceAccountToken": False,
            # variables such as KAFKA_PORT would be taken for properties of the broker
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{**_COMMON, **container} for container in containers],
            "volumes": volumes,
        },
    }


_COMMON: Final = {
    "imagePullPolicy": "IfNotPresent",
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}


def _kafka(namespace: str) -> Document:
    advertised = f"{host(namespace, KAFKA)}:{KAFKA_PORT}"
    data = "/tmp/kafka-data"  # noqa: S108 - inside the container
    properties = broker_properties(f"0.0.0.0:{KAFKA_PORT}", advertised, "localhost:9093", data)
    variables = {
        f"KAFKA_{name.replace('.', '_').upper()}": value
        for name, value in properties.items()
        if name not in _HASTY
    }
    variables |= {"CLUSTER_ID": CLUSTER_ID, "KAFKA_HEAP_OPTS": "-Xmx400m"}
    return {
        "name": KAFKA,
        "image": KAFKA_IMAGE,
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "readinessProbe": {**_PATIENT, "tcpSocket": {"port": KAFKA_PORT}},
    }


def _registry() -> Document:
    path = f"{REGISTRY_PATH}/subjects"
    return {
        "name": REGISTRY,
        "image": REGISTRY_IMAGE,
        "readinessProbe": {**_PATIENT, "httpGet": {"path": path, "port": REGISTRY_PORT}},
    }


def _simulator(image: str, server_key: str) -> Document:
    return {
        "name": SIMULATOR,
        "image": image,
        "args": ["simulator", "--host=0.0.0.0", f"--port={SIMULATOR_PORT}", f"--key={server_key}"],
        "readinessProbe": {**_PATIENT, "httpGet": {"path": "/healthz", "port": SIMULATOR_PORT}},
    }


def _toolbox(image: str) -> Document:
    return {
        "name": TOOLBOX,
        "image": image,
        "command": ["python", "-c", "import signal; signal.pause()"],
        "env": [
            {"name": "PYTHONPATH", "value": AGENT_HOME},
            {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"},
        ],
        "volumeMounts": [{"name": "agent", "mountPath": AGENT_HOME, "readOnly": True}],
    }


def _shipped() -> Document:
    texts = {_key(file): file.read_text(encoding="utf-8") for file in SHIPPED}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "agent"}, "data": texts}


def _agent_volume() -> Document:
    items = [{"key": _key(file), "path": file.relative_to(ROOT).as_posix()} for file in SHIPPED]
    return {"name": "agent", "configMap": {"name": "agent", "items": items}}


def _key(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).parts)
