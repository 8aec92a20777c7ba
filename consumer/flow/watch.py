"""What the consumer does not tell of its topics: ends, counts of partitions, and how long records are kept.

The client learns the end of a partition when it fetches from it, so the lag of a paused one would stand still
just when it matters; and it knows only the topics that it holds partitions of, so nobody would see those that
nobody holds. Here the brokers are asked, beside the consumer and off the event loop.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from consumer.core.operations.checks import Failure, Trouble
from consumer.core.operations.cures import granting
from consumer.core.operations.logbook import Event, Log
from consumer.core.partitions.distances import kept_seconds
from consumer.core.records import Partition
from consumer.flow.subscribing import Aside

#: Seconds between two questions for ends and counts.
PACE_SECONDS: Final = 10.0
#: Seconds until it is asked again how many partitions there are, while calls wait to know it.
UNKNOWN_SECONDS: Final = 1.0
#: Seconds after which an end that can't be had again counts as not known.
STALE_SECONDS: Final = 60.0
#: Seconds between two looks at the configuration of topics: while all of it is known, and while it is not.
CONFIG_SECONDS: Final = 300.0
CONFIG_AGAIN_SECONDS: Final = 30.0


_UNCOUNTED: Final = "calls wait until the partitions of all topics are counted: the rate is shared by them"


class Brokers(Protocol):
    """Whom to ask; the calls wait, for seconds at most, and never raise."""

    def ends(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Return the offset behind the last record of each partition whose leader answers."""

    def partition_counts(self, topics: Collection[str]) -> Mapping[str, int]:
        """Return how many partitions the topics have, 0 where there is none; some may be left out."""

    def configs(self, topics: Collection[str]) -> Mapping[str, Mapping[str, str] | Failure]:
        """Return the configuration of each topic, or why it can't be had."""


class Subscribed(Protocol):
    """Which topics are read, and the look for more of them."""

    @property
    def topics(self) -> Sequence[str]:
        """The topics that are read now, whether they exist or not."""

    @property
    def unmatched(self) -> Sequence[str]:
        """The patterns that match no topic, as far as is known."""

    async def look(self) -> None:
        """Ask what topics there are, and read what is wanted of them."""


class _Seen(NamedTuple):
    end: int
    at: float


class Watch:
    """Asks again and again, while :meth:`run` runs, and keeps the answers."""

    def __init__(
        self,
        brokers: Brokers,
        subscribed: Subscribed,
        *,
        held: Callable[[], Collection[Partition]],
        counted: Callable[[Collection[str], Mapping[str, int]], bool],
        aside: Aside,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        """``held`` gives the partitions that are ours; ``clock`` the seconds of a steady clock.

        ``counted`` hears of the topics that are read and of what is known of their numbers of partitions, and
        returns whether that is enough for calls to leave.
        """
        self._brokers: Final = brokers
        self._subscribed: Final = subscribed
        self._held: Final = held
        self._counted: Final = counted
        self._aside: Final = aside
        self._clock: Final = clock
        self._log: Final = log
        self._seen: dict[Partition, _Seen] = {}
        self._counts: Final[dict[str, int]] = {}
        self._kept: Final[dict[str, float | None]] = {}
        self._told: Final[dict[str, str]] = {}
        self._configs_due = clock()
        self._configs_of: Sequence[str] = ()

    @property
    def names(self) -> Sequence[str]:
        """The topics that are read now, whether they exist or not."""
        return self._subscribed.topics

    @property
    def unmatched(self) -> Sequence[str]:
        """The patterns that match no topic, as far as is known."""
        return self._subscribed.unmatched

    def end(self, partition: Partition, fetched: int | None) -> int | None:
        """Return where a partition ends, None where that is not known.

        ``fetched`` is the end that the consumer knows; it stands still while nothing is fetched.
        """
        seen = self._seen.get(partition)
        if seen is None:
            return fetched
        if self._clock() - seen.at > STALE_SECONDS:
            return None
        return max(seen.end, fetched or 0)

    def partitions(self, topic: str) -> int | None:
        """Return how many partitions a topic has, 0 where there is no such topic; None: not known yet."""
        return self._counts.get(topic)

    def kept(self, topic: str) -> float | None:
        """Return for how many seconds a topic keeps a record; None: for ever, or not known."""
        return self._kept.get(topic)

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self._subscribed.look()
            await self._look_at_ends()
            known = True
            if topics := tuple(self._subscribed.topics):
                self._counts.update(await self._aside(self._brokers.partition_counts, topics))
                known = self._counted(topics, self._counts)
                if self._clock() >= self._configs_due or topics != self._configs_of:
                    await self._look_at_configs(topics)
            if not known:
                self._log(Event.WAITING, target="kafka", detail=_UNCOUNTED)
            await asyncio.sleep(PACE_SECONDS if known else UNKNOWN_SECONDS)

    async def _look_at_ends(self) -> None:
        held = tuple(self._held())
        known = {partition: seen for partition in held if (seen := self._seen.get(partition)) is not None}
        found = await self._aside(self._brokers.ends, held)
        now = self._clock()
        self._seen = known | {partition: _Seen(end, now) for partition, end in found.items()}

    async def _look_at_configs(self, topics: Sequence[str]) -> None:
        found = await self._aside(self._brokers.configs, topics)
        self._configs_of = topics
        for topic, config in found.items():
            if isinstance(config, Failure):
                self._not_told(topic, config)
            else:
                self._kept[topic] = kept_seconds(config)
                self._told.pop(topic, None)
        all_known = not any(isinstance(config, Failure) for config in found.values())
        self._configs_due = self._clock() + (CONFIG_SECONDS if all_known else CONFIG_AGAIN_SECONDS)

    def _not_told(self, topic: str, failure: Failure) -> None:
        """Say once that a right is missing. What was known stays: an outage changes no configuration."""
        if failure.trouble is not Trouble.FORBIDDEN:
            return
        self._kept.pop(topic, None)
        if self._told.get(topic) != failure.detail:
            self._told[topic] = failure.detail
            self._log(
                Event.RETENTION_UNKNOWN,
                topic=topic,
                error=failure.detail,
                cure=granting("DescribeConfigs", f"--topic {topic}"),
            )
