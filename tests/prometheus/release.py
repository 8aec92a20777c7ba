"""One release of the service as Prometheus sees it: a namespace with pods, a topic, an API, traffic."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.prometheus.bed import Bed
from tests.prometheus.daemons import LOOPBACK
from tests.prometheus.load import Load, Maker, Stream
from tests.support.api import Api
from tests.support.broker import Kafka
from tests.support.forwarder import Forwarder
from tests.support.payments import payment
from tests.support.process import ROOT
from tests.support.service import Config, Service, merged
from tests.support.topics import Topics
from tests.support.waiting import free_port

KEY: Final = "key-of-the-proof"
#: Records per second of the traffic of a release, if nothing else is said.
RATE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What is special about a release.

    ``pods`` is how many there are; ``letters`` whether the dead-letter topic exists, ``second_topic`` whether
    another topic without traffic is read too. ``rate`` (records per second) and ``make`` are the traffic's.
    ``over`` goes on top of the configuration.
    """

    pods: int = 1
    partitions: int = 3
    letters: bool = True
    second_topic: bool = False
    rate: float = RATE
    make: Maker = payment
    over: Config = field(default_factory=dict)
    topic_properties: Mapping[str, str] = field(default_factory=dict)


class Release:
    """A topic, a group and an API of its own, on ``kafka`` if it is given. Close it at the end.

    The API is behind ``gate``; nothing listens on ``registry_port``, where the schema registry is configured.
    """

    def __init__(
        self, bed: Bed, namespace: str, setting: Setting | None = None, kafka: Kafka | None = None
    ) -> None:
        self.namespace: Final = namespace
        self.setting: Final = setting or Setting()
        self.kafka: Final = kafka or bed.kafka
        self.topics: Final = Topics(self.kafka)
        self.folder: Final = bed.folder / namespace
        self.folder.mkdir()
        self.topic: Final = self.topics.create(
            self.topics.name(namespace), self.setting.partitions, self.setting.topic_properties
        )
        self.second_topic: Final = f"{self.topic}.second"
        if self.setting.second_topic:
            self.create_second_topic()
        if self.setting.letters:
            self.create_letter_topic()
        self.key_file: Final = self.folder / "server-key"
        self.key_file.write_text(KEY, encoding="utf-8")
        self.api: Final = Api(self.folder, KEY)
        self.gate: Final = Forwarder(f"{LOOPBACK}:{self.api.port}")
        self.registry_port: Final = free_port()
        self.stream: Final = Stream(self.topic, self.setting.rate, self.setting.make)
        self._server: Final = bed.server
        self._own_load: Final = kafka is not None
        self._load: Final = Load(self.kafka.bootstrap_servers) if kafka else bed.load
        self._targets: Final = bed.targets / f"{namespace}.json"
        self._pods: Final[dict[str, Service]] = {}
        self._started = 0

    def create_letter_topic(self) -> None:
        """Create the dead-letter topic."""
        self.topics.create(f"{self.topic}.dlq", 1)

    def create_second_topic(self) -> None:
        """Create the topic without traffic."""
        self.topics.create(self.second_topic, 1)

    def start(self) -> None:
        """Start API and pods and, once all pods are ready, the traffic."""
        self.api.start()
        self.gate.open()
        for service in [self.start_pod() for _ in range(self.setting.pods)]:
            service.wait_ready()
        self._load.add(self.stream)

    def start_pod(self, over: Config | None = None, root: Path = ROOT) -> Service:
        """Start one more pod and return once it is live.

        ``over`` goes on top of its configuration; ``root`` is where its package lies.
        """
        self._started += 1
        name = f"{self.namespace}-{self._started}"
        config = merged(merged(self._config(), self.setting.over), over or {})
        service = Service(self.folder, name, config, root)
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

    def started_at(self, service: Service) -> float:
        """Return when the process of a pod started, as Prometheus saw it last."""
        return self._seen(f'last_over_time(process_start_time_seconds{{pod="{service.name}"}}[1h])')

    def assigned(self) -> float:
        """Return how many partitions the pods have together, as Prometheus saw it last."""
        return self._seen(f'sum(linkrunner_consumer_assigned_partitions{{namespace="{self.namespace}"}})')

    @property
    def pods(self) -> list[Service]:
        """The pods of now, the oldest first."""
        return list(self._pods.values())

    def close(self) -> None:
        """End everything."""
        self._load.remove(self.stream)
        if self._own_load:
            self._load.close()
        self._targets.unlink(missing_ok=True)
        for service in self.pods:
            service.close()
        self.gate.close()
        self.api.close()

    def _seen(self, expression: str) -> float:
        return sum(series.last for series in self._server.query(expression))

    def _announce(self) -> None:
        """Tell Prometheus the pods, with the labels that a PodMonitor gives them."""
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
                "bootstrap_servers": self.kafka.bootstrap_servers,
                "group_id": self.topic,
                "topics": [self.topic, *([self.second_topic] if self.setting.second_topic else [])],
                "properties": {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500},
            },
            "schema_registry": {"url": f"http://{LOOPBACK}:{self.registry_port}"},
            "linkrunner": {
                "base_url": f"http://{self.gate.address}/api/v1",
                "server_key_file": str(self.key_file),
                "requests_per_second": 100,
            },
            "currency": {"accept": "any"},
        }
