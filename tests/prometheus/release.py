"""One release of the service as Prometheus sees it: a namespace with pods, a topic, a simulator, traffic."""

import json
from pathlib import Path
from typing import Final

from tests.prometheus.daemons import LOOPBACK
from tests.prometheus.load import Load, Stream
from tests.support.api import Api
from tests.support.broker import Kafka
from tests.support.service import Config, Service, merged
from tests.support.topics import Topics

KEY: Final = "key-of-the-proof"
PARTITIONS: Final = 3
#: Records per second of the traffic of each release.
RATE: Final = 10.0


class Release:
    """A topic, a group and an API of its own. ``targets`` is the folder that Prometheus discovers pods in.

    ``letters``: whether there is a dead-letter topic. ``over`` goes on top of the configuration. Pods get the
    labels that a PodMonitor gives them. Close it at the end.
    """

    def __init__(
        self, kafka: Kafka, targets: Path, namespace: str, over: Config | None = None, *, letters: bool = True
    ) -> None:
        self.namespace: Final = namespace
        self.topics: Final = Topics(kafka)
        self.folder: Final = targets.parent / namespace
        self.folder.mkdir()
        self.topic: Final = self.topics.create(self.topics.name(namespace), PARTITIONS)
        self.letter_topic: Final = f"{self.topic}.dlq"
        if letters:
            self.create_letter_topic()
        self.key_file: Final = self.folder / "server-key"
        self.key_file.write_text(KEY, encoding="utf-8")
        self.api: Final = Api(self.folder, KEY)
        self._kafka: Final = kafka
        self._over: Final = over or {}
        self._targets: Final = targets / f"{namespace}.json"
        self._pods: Final[dict[str, Service]] = {}
        self._started = 0

    def create_letter_topic(self) -> None:
        """Create the dead-letter topic."""
        self.topics.create(self.letter_topic, 1)

    def start(self, load: Load, pods: int = 1, rate: float = RATE) -> Stream:
        """Start simulator, pods and traffic; return once all pods are ready."""
        self.api.start()
        services = [self.start_pod() for _ in range(pods)]
        for service in services:
            service.wait_ready()
        return load.add(self.topic, rate)

    def start_pod(self) -> Service:
        """Start one more pod and return once it is live."""
        self._started += 1
        name = f"{self.namespace}-{self._started}"
        service = Service(self.folder, name, merged(self._config(), self._over))
        self._pods[name] = service
        self._announce()
        return service.start()

    def end_pod(self, service: Service) -> None:
        """Stop a pod as a rolling update does: SIGTERM, drained, and no target any more."""
        service.stop()
        self.forget_pod(service)

    def forget_pod(self, service: Service) -> None:
        """Take away a pod with all that is left of it, as when its node is gone."""
        service.close()
        del self._pods[service.name]
        self._announce()

    @property
    def pods(self) -> list[Service]:
        """The pods of now, the oldest first."""
        return list(self._pods.values())

    def close(self) -> None:
        """End everything."""
        for service in self.pods:
            service.close()
        self.api.close()

    def _announce(self) -> None:
        groups = [
            {
                "targets": [f"{LOOPBACK}:{service.port}"],
                "labels": {
                    "job": f"{self.namespace}/linkrunner-consumer",
                    "namespace": self.namespace,
                    "pod": name,
                    "container": "linkrunner-consumer",
                    "endpoint": "http",
                },
            }
            for name, service in self._pods.items()
        ]
        fresh = self._targets.with_suffix(".fresh")
        fresh.write_text(json.dumps(groups), encoding="utf-8")
        fresh.replace(self._targets)  # Prometheus never reads half of it

    def _config(self) -> Config:
        return {
            "kafka": {
                "bootstrap_servers": self._kafka.bootstrap_servers,
                "group_id": self.topic,
                "topics": [self.topic],
                "properties": {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500},
            },
            "linkrunner": {
                "base_url": self.api.base_url,
                "server_key_file": str(self.key_file),
                "requests_per_second": 100,
            },
            "currency": {"accept": "any"},
        }
