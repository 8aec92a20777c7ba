"""What one test's records must become and what came of them, seen from inside the cluster."""

from collections.abc import Mapping, Sequence
from typing import Final

from consumer.core.records import Record
from consumer.lab.samples import Encoder, Sample
from tests.kubernetes.figures import quantile
from tests.kubernetes.site import KEY, Site
from tests.kubernetes.toolbox import Toolbox
from tests.support.history import DeadLetter, ExpectedCall, History, Produced
from tests.support.ledger import check, exposed
from tests.support.model import match_up, secrets_of
from tests.support.payments import payment
from tests.support.topics import Outgoing
from tests.support.waiting import eventually

#: How often the cluster is asked while a test waits: each look costs the API server work.
PACE: Final = 0.25
MOST_TOLD: Final = 40


class Books:
    """The records of ``topic`` and their calls. They begin with a simulator that has forgotten everything."""

    def __init__(self, site: Site, toolbox: Toolbox, topic: str, group: str, partitions: int) -> None:
        self.kills: Final[list[float]] = []
        self._api: Final = site.api
        self._toolbox: Final = toolbox
        self._topic: Final = topic
        self._letters: Final = f"{topic}.dlq"
        self._encoder: Final = Encoder(site.confluent_prefix(topic))
        self._samples: Final[list[Sample]] = []
        self._produced: Final[list[Produced]] = []
        self._loading: Sequence[Sample] = ()
        toolbox.create(topic, partitions)
        toolbox.create(self._letters, 1, {"message.timestamp.type": "LogAppendTime"})
        toolbox.watch(group, topic)
        self._api.misbehave("")
        self._api.accept_key(KEY)
        self._api.forget()

    # ----------------------------------------------------------------------------------- the records

    def payments(self, count: int, keys: int = 0, **fields: object) -> Sequence[Sample]:
        """Return payments that no test had before; with ``keys`` they share that many keys in turn."""
        numbers = range(len(self._samples), len(self._samples) + count)
        return [
            payment(number, f"key-{number % keys}" if keys else None, self._encoder, **fields)
            for number in numbers
        ]

    def produce(self, samples: Sequence[Sample]) -> None:
        """Write samples and return once the broker has them."""
        self._take(samples, self._toolbox.produce(self._topic, _outgoing(samples)))

    def load(self, samples: Sequence[Sample], rate: float) -> None:
        """Begin to write samples, ``rate`` of them a second."""
        self._loading = samples
        self._toolbox.load(self._topic, _outgoing(samples), rate)

    def unload(self) -> int:
        """End the load now and return how many records it has written."""
        written = self._toolbox.unload()
        self._take(self._loading[: len(written)], written)
        return len(written)

    def delivered(self) -> int:
        """Return how many payments the API has recorded."""
        return self._api.outcomes().get("applied", 0)

    def wait_delivered(self, count: int, within: float = 60.0) -> None:
        """Return once ``count`` payments are recorded."""
        eventually(lambda: self.delivered() >= count, within, f"{count} payments are recorded", PACE)

    def wait_settled(self, within: float = 90.0) -> None:
        """Return once everything in the topic is committed."""

        def reached() -> bool:
            ends, committed = self._toolbox.progress(self._topic)
            return {place: end for place, end in ends.items() if end}.items() <= committed.items()

        eventually(reached, within, "everything is committed", PACE)

    # ----------------------------------------------------------------------------------- the verdict

    def note_kill(self) -> float:
        """Note that a process has just been killed, and return when on the simulator's clock."""
        at = self._toolbox.now().monotonic
        self.kills.append(at)
        return at

    def exposed(self, killed: float) -> int:
        """Return how many answers a kill at ``killed`` may have left uncommitted."""
        return exposed(self._api.requests(), killed)

    def repeats(self) -> int:
        """Return how many payments the API was told again."""
        return self._api.outcomes().get("duplicate", 0)

    def p99(self) -> float:
        """Return the 99th percentile of the seconds from a record's timestamp to the API's answer."""
        clock = self._toolbox.now()
        behind = clock.wall - clock.monotonic
        written = {
            produced.expected.body["payment_id"]: (produced.record.timestamp_ms or 0) / 1000
            for produced in self._produced
            if isinstance(produced.expected, ExpectedCall)
        }
        delays = [
            (request.answered or 0) + behind - written[request.body["payment_id"]]
            for request in self._api.requests()
            if request.outcome == "applied" and isinstance(request.body, Mapping)
        ]
        return quantile(delays, 0.99)

    def judge(self, texts: Mapping[str, str], repeats_allowed: int = 0) -> None:
        """Assert, once every pod is gone, that no law was broken; ``texts`` is what the service wrote."""
        violations = check(self._history(texts, repeats_allowed))
        assert not violations, "\n".join(map(str, violations[:MOST_TOLD]))

    def _history(self, texts: Mapping[str, str], repeats_allowed: int) -> History:
        clock = self._toolbox.now()
        behind = clock.wall - clock.monotonic
        letters = self._toolbox.read(self._letters)
        ends, _ = self._toolbox.progress(self._topic)
        return History(
            produced=self._produced,
            requests=self._api.requests(),
            recorded=self._api.recorded(),
            dead_letters=[DeadLetter(r, (r.timestamp_ms or 0) / 1000 - behind) for r in letters],
            commits=self._toolbox.commits(final=True),
            ends=ends,
            texts=texts,
            secrets=secrets_of(self._samples) | {KEY},
            kills=self.kills,
            repeats_allowed=repeats_allowed,
        )

    def _take(self, samples: Sequence[Sample], records: Sequence[Record]) -> None:
        self._samples.extend(samples)
        self._produced.extend(match_up(samples, records))


def _outgoing(samples: Sequence[Sample]) -> Sequence[Outgoing]:
    return [Outgoing(sample.key, sample.value) for sample in samples]
