"""One test's stage: a topic of its own, the API simulator, services, and the history of what happened."""

import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, KafkaException

from consumer.core.records import Partition, Record
from consumer.lab.samples import Sample
from tests.support.api import Api
from tests.support.broker import Kafka, Kind
from tests.support.history import CommitSeen, DeadLetter, History, Produced, Request
from tests.support.ledger import check, is_final
from tests.support.model import match_up, secrets_of
from tests.support.service import Config, Service, merged
from tests.support.topics import Outgoing, Topics, committed
from tests.support.waiting import eventually

KEY: Final = "canary-key-of-this-test"
SAMPLING_SECONDS: Final = 0.05
MOST_TOLD: Final = 40


class Commits:
    """Reads the committed offsets of a group again and again, from a thread, until it is closed."""

    def __init__(self, topics: Topics, group: str, partitions: Sequence[Partition]) -> None:
        self.seen: Final[list[CommitSeen]] = []
        self._topics: Final = topics
        self._group: Final = group
        self._partitions: Final = partitions
        self._stop: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def latest(self) -> dict[Partition, int]:
        """Return the newest offset seen of each partition."""
        return {commit.partition: commit.offset for commit in tuple(self.seen)}

    def close(self) -> None:
        """Look a last time and end."""
        self._stop.set()
        self._thread.join(60)

    def _watch(self) -> None:
        with closing(self._topics.watcher(self._group)) as watcher:
            while not self._stop.wait(SAMPLING_SECONDS):
                self._look(watcher)
            eventually(lambda: self._look(watcher), 30, "a last look at the commits")

    def _look(self, watcher: Consumer) -> bool:
        try:
            offsets = committed(watcher, self._partitions)
        except KafkaException:  # a coordinator that is only starting, or gone for a moment
            return False
        at = time.monotonic()
        self.seen.extend(CommitSeen(at, partition, offset) for partition, offset in offsets.items())
        return True


class Stage:
    """Everything that one end-to-end test has of its own. Close it at the end."""

    def __init__(self, kafka: Kafka, directory: Path, partitions: int, *, letters: bool = True) -> None:
        self.kafka: Final = kafka
        self.topics: Final = Topics(kafka)
        self.directory: Final = directory
        self.topic: Final = self.topics.create(self.topics.name("payments"), partitions)
        self.group: Final = self.topics.name("group")
        self.letter_topic: Final = f"{self.topic}.dlq"
        if letters:
            self.create_letter_topic()
        self.key_file: Final = directory / "server-key"
        self.key_file.write_text(KEY, encoding="utf-8")
        self.api: Final = Api(directory, KEY)
        self.commits: Final = Commits(self.topics, self.group, self.topics.partitions(self.topic))
        self.services: Final[list[Service]] = []
        self.samples: Final[list[Sample]] = []
        self.produced: Final[list[Produced]] = []
        self.kills: Final[list[float]] = []

    def create_letter_topic(self) -> None:
        """Create the dead-letter topic; its timestamps say when the broker wrote a record."""
        self.topics.create(self.letter_topic, 1, {"message.timestamp.type": "LogAppendTime"})

    def config(self) -> Config:
        """Return the configuration that a service starts from: fast, impatient, and without a limit."""
        # a broker that is not ours may refuse sessions below its default minimum
        session = 6000 if self.kafka.kind is Kind.ENV else 3000
        return {
            "kafka": {
                "bootstrap_servers": self.kafka.bootstrap_servers,
                "group_id": self.group,
                "topics": [self.topic],
                "properties": {"session.timeout.ms": session, "heartbeat.interval.ms": 300},
            },
            "linkrunner": {
                "base_url": self.api.base_url,
                "server_key_file": str(self.key_file),
                "requests_per_second": 2000,
            },
            "delivery": {"nothing_to_remove_grace_seconds": 0.5},
            "currency": {"accept": "any"},
            "log": {"level": "debug", "format": "json"},
        }

    def service(self, over: Config | None = None, base: Config | None = None) -> Service:
        """Return a service, not started; ``over`` goes on top of the configuration, or of ``base``."""
        name = f"service-{len(self.services) + 1}"
        return self.service_of(name, merged(base or self.config(), over or {}))

    def service_of(self, name: str, config: Config) -> Service:
        """Return a service with a whole configuration of its own, in the file ``<name>.yaml``."""
        service = Service(self.directory, name, config)
        self.services.append(service)
        return service

    def produce(self, samples: Sequence[Sample], partition: int | None = None) -> list[Produced]:
        """Write samples, to ``partition`` or where their keys send them; return what must become of them."""
        outgoing = [Outgoing(sample.key, sample.value, partition) for sample in samples]
        produced = match_up(samples, self.topics.produce(self.topic, outgoing))
        self.samples.extend(samples)
        self.produced.extend(produced)
        return produced

    def kill(self, service: Service) -> float:
        """Kill a service and note when."""
        at = service.kill()
        self.kills.append(at)
        return at

    def wait_requests(self, count: int, within: float = 30.0) -> Sequence[Request]:
        """Return the request log once it has ``count`` final answers."""

        def enough() -> Sequence[Request]:
            requests = self.api.requests()
            return requests if sum(map(is_final, requests)) >= count else []

        return eventually(enough, within, f"{count} answered calls")

    def wait_settled(self, within: float = 60.0) -> None:
        """Return once everything that was produced is committed."""
        (ends,) = eventually(self._ends, within, "the brokers tell where the partitions end")
        eventually(lambda: self._reached(ends), within, f"commits up to {sorted(ends.values())}")

    def letters(self) -> list[Record]:
        """Return the dead letters of now."""
        return self.topics.read(self.letter_topic)

    def history(self, repeats_allowed: int = 0) -> History:
        """Return what happened; call it once every service has ended."""
        assert not any(service.running for service in self.services)
        self.commits.close()
        behind = time.time() - time.monotonic()
        return History(
            produced=self.produced,
            requests=self.api.requests(),
            recorded=self.api.recorded(),
            dead_letters=[DeadLetter(r, (r.timestamp_ms or 0) / 1000 - behind) for r in self.letters()],
            commits=self.commits.seen,
            ends=self.topics.end_offsets(self.topic),
            texts=self._texts(),
            secrets=secrets_of(self.samples) | {KEY},
            kills=self.kills,
            repeats_allowed=repeats_allowed,
        )

    def judge(self, repeats_allowed: int = 0) -> None:
        """Assert that no law was broken."""
        violations = check(self.history(repeats_allowed))
        assert not violations, "\n".join(map(str, violations[:MOST_TOLD]))

    def close(self) -> None:
        """End everything."""
        for service in self.services:
            service.close()
        self.commits.close()
        self.api.close()

    def _ends(self) -> Sequence[dict[Partition, int]]:
        try:
            ends = self.topics.end_offsets(self.topic)
        except KafkaException:  # a leader that is only starting
            return ()
        return ({partition: end for partition, end in ends.items() if end},)

    def _reached(self, ends: dict[Partition, int]) -> bool:
        return ends.items() <= self.commits.latest().items()

    def _texts(self) -> dict[str, str]:
        texts = {f"{service.name} log": service.log for service in self.services}
        for service in self.services:
            texts.update({f"{service.name} {name}": text for name, text in service.seen.items()})
        return texts
