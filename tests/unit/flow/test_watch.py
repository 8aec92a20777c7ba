"""The watch on the topics: what the leaders say is kept while it is fresh; a missing right is told once."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, ParamSpec, TypeVar

import pytest

from consumer.core.operations.checks import Failure, Trouble
from consumer.core.operations.logbook import Event
from consumer.core.records import Partition
from consumer.flow.watch import CONFIG_AGAIN_SECONDS, CONFIG_SECONDS, PACE_SECONDS, STALE_SECONDS, Watch
from tests.simulation.loop import VirtualLoop
from tests.support.fakes import FakeLog

P = ParamSpec("P")
R = TypeVar("R")

HERE: Final = Partition("payments", 0)
FORBIDDEN: Final = Failure(Trouble.FORBIDDEN, "TOPIC_AUTHORIZATION_FAILED")
SILENT: Final = Failure(Trouble.TIMEOUT, "no answer in time")
WEEK: Final = {"retention.ms": "604800000"}


@dataclass
class FakeBrokers:
    """Answers as a test says, and counts how often it is asked."""

    found: dict[Partition, int] = field(default_factory=dict)
    config: Mapping[str, str] | Failure = field(default_factory=lambda: WEEK)
    counts: dict[str, int] = field(default_factory=dict)
    asked_ends: int = 0
    asked_configs: int = 0

    def ends(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Return what is known of these partitions."""
        self.asked_ends += 1
        return {partition: end for partition, end in self.found.items() if partition in partitions}

    def partition_counts(self, topics: Collection[str]) -> Mapping[str, int]:
        """Return what is known of these topics."""
        return {topic: count for topic, count in self.counts.items() if topic in topics}

    def configs(self, topics: Collection[str]) -> Mapping[str, Mapping[str, str] | Failure]:
        """Return the same for each topic."""
        self.asked_configs += 1
        return dict.fromkeys(topics, self.config)


@dataclass
class FakeSubscribed:
    """Reads what a test says."""

    topics: tuple[str, ...] = ("payments",)
    unmatched: tuple[str, ...] = ()
    looks: int = 0

    async def look(self) -> None:
        """Count the looks."""
        self.looks += 1


@dataclass
class FakeCounter:
    """Hears of counts; ``enough`` says whether they are."""

    enough: bool = True
    heard: list[dict[str, int]] = field(default_factory=list)

    def __call__(self, topics: Collection[str], counts: Mapping[str, int]) -> bool:
        """Take note."""
        self.heard.append({topic: counts[topic] for topic in topics if topic in counts})
        return self.enough


@dataclass
class Scene:
    """A watch at work on virtual time."""

    brokers: FakeBrokers
    held: set[Partition]
    log: FakeLog
    watch: Watch
    subscribed: FakeSubscribed
    counted: FakeCounter


async def at_once(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call it here: virtual time has no other threads."""
    return function(*args, **kwargs)


def play(story: Callable[[Scene], Awaitable[None]]) -> None:
    """Run the watch beside ``story``."""

    async def main() -> None:
        brokers, held, log = FakeBrokers(), {HERE}, FakeLog()
        clock = asyncio.get_running_loop().time
        subscribed = FakeSubscribed()
        counted = FakeCounter()
        watch = Watch(
            brokers, subscribed, held=lambda: held, counted=counted, aside=at_once, clock=clock, log=log
        )
        running = asyncio.create_task(watch.run())
        await asyncio.sleep(0)
        await story(Scene(brokers, held, log, watch, subscribed, counted))
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())


def test_until_a_leader_has_told_the_consumer_is_believed() -> None:
    """At the start, and for a partition whose leader never answers, what was fetched is all there is."""

    async def story(scene: Scene) -> None:
        assert (scene.watch.end(HERE, 5), scene.watch.end(HERE, None)) == (5, None)
        await asyncio.sleep(10 * STALE_SECONDS)
        assert scene.watch.end(HERE, 5) == 5

    play(story)


def test_counts_are_passed_on_at_each_look() -> None:
    """Whoever shares the rate by them hears of every change."""

    async def story(scene: Scene) -> None:
        assert scene.counted.heard == [{}]
        scene.brokers.counts["payments"] = 4
        await asyncio.sleep(PACE_SECONDS + 1)
        assert scene.counted.heard == [{}, {"payments": 4}]
        assert scene.log.told(Event.WAITING) == []

    play(story)


def test_as_long_as_calls_wait_for_counts_they_are_asked_for_soon() -> None:
    """Nothing is sent meanwhile, so a second counts, and the log says what is waited for."""

    async def story(scene: Scene) -> None:
        scene.counted.enough = False
        await asyncio.sleep(PACE_SECONDS + 5)
        asked = len(scene.counted.heard)
        assert asked >= 5
        assert scene.log.told(Event.WAITING)[0]["target"] == "kafka"
        scene.counted.enough = True
        await asyncio.sleep(2 * PACE_SECONDS - 1)
        assert len(scene.counted.heard) == asked + 2

    play(story)


def test_the_later_of_both_ends_is_the_end() -> None:
    """The leader is asked every few seconds, the consumer knows at each fetch: neither is always ahead."""

    async def story(scene: Scene) -> None:
        scene.brokers.found[HERE] = 100
        await asyncio.sleep(PACE_SECONDS + 1)
        assert [scene.watch.end(HERE, fetched) for fetched in (None, 40, 120)] == [100, 100, 120]

    play(story)


def test_a_leader_that_falls_silent_makes_the_end_unknown() -> None:
    """What was true a minute ago is not told as if it were true now; an answer ends that."""

    async def story(scene: Scene) -> None:
        scene.brokers.found[HERE] = 100
        await asyncio.sleep(PACE_SECONDS + 1)
        scene.brokers.found.clear()
        await asyncio.sleep(STALE_SECONDS - PACE_SECONDS)
        assert scene.watch.end(HERE, 40) == 100
        await asyncio.sleep(2 * PACE_SECONDS)
        assert scene.watch.end(HERE, 40) is None
        scene.brokers.found[HERE] = 130
        await asyncio.sleep(PACE_SECONDS + 1)
        assert scene.watch.end(HERE, 40) == 130

    play(story)


def test_partitions_of_others_are_forgotten() -> None:
    """A partition that comes back is not judged by what was seen of it long ago."""

    async def story(scene: Scene) -> None:
        scene.brokers.found[HERE] = 100
        await asyncio.sleep(PACE_SECONDS + 1)
        scene.held.clear()
        scene.brokers.found.clear()
        await asyncio.sleep(2 * STALE_SECONDS)
        scene.held.add(HERE)
        assert scene.watch.end(HERE, 7) == 7

    play(story)


def test_counts_of_partitions_are_kept() -> None:
    """Not known, then known; brokers that fall silent take nothing back, a topic that is deleted does."""

    async def story(scene: Scene) -> None:
        assert scene.watch.partitions("payments") is None
        for counts, known in (({"payments": 6}, 6), ({}, 6), ({"payments": 0}, 0), ({"payments": 8}, 8)):
            scene.brokers.counts = counts
            await asyncio.sleep(PACE_SECONDS + 1)
            assert scene.watch.partitions("payments") == known

    play(story)


def test_a_retention_that_changes_is_seen() -> None:
    """Within minutes; until then nothing is asked, as configurations rarely change."""

    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        assert (scene.watch.kept("payments"), scene.watch.kept("others")) == (604_800.0, None)
        scene.brokers.config = {"retention.ms": "60000"}
        await asyncio.sleep(CONFIG_SECONDS / 2)
        assert scene.brokers.asked_configs == 1
        await asyncio.sleep(CONFIG_SECONDS)
        assert scene.watch.kept("payments") == 60.0
        scene.brokers.config = {"retention.ms": "-1"}
        await asyncio.sleep(CONFIG_SECONDS + PACE_SECONDS)
        assert scene.watch.kept("payments") is None

    play(story)


def test_brokers_that_do_not_answer_are_asked_again_and_change_nothing() -> None:
    """An outage is no change of a configuration."""

    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        scene.brokers.config = SILENT
        await asyncio.sleep(CONFIG_SECONDS + PACE_SECONDS)
        asked = scene.brokers.asked_configs
        await asyncio.sleep(CONFIG_AGAIN_SECONDS + PACE_SECONDS)
        assert scene.brokers.asked_configs == asked + 1
        assert scene.watch.kept("payments") == 604_800.0
        assert scene.log.lines == []

    play(story)


def test_a_missing_right_is_told_once_with_its_cure() -> None:
    """And again when it was there in between; what may not be read is not known."""

    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        scene.brokers.config = FORBIDDEN
        await asyncio.sleep(2 * CONFIG_SECONDS)
        (told,) = scene.log.told(Event.RETENTION_UNKNOWN)
        assert told["topic"] == "payments"
        assert told["cure"].endswith("--operation DescribeConfigs --topic payments")
        assert scene.watch.kept("payments") is None
        scene.brokers.config = WEEK
        await asyncio.sleep(CONFIG_SECONDS)
        assert scene.watch.kept("payments") == 604_800.0
        scene.brokers.config = FORBIDDEN
        await asyncio.sleep(2 * CONFIG_SECONDS)
        assert len(scene.log.told(Event.RETENTION_UNKNOWN)) == 2

    play(story)


@pytest.mark.parametrize("seconds", [0.5, 95.0])
def test_the_leaders_are_asked_at_a_steady_pace(seconds: float) -> None:
    """At once, and then every few seconds: nobody is asked more often because nothing is known."""

    async def story(scene: Scene) -> None:
        await asyncio.sleep(seconds)
        assert scene.brokers.asked_ends == 1 + int(seconds // PACE_SECONDS)

    play(story)


def test_topics_are_looked_for_before_each_question() -> None:
    """What is found is asked about in the same turn; its retention does not wait for its own pace."""

    async def story(scene: Scene) -> None:
        scene.brokers.counts = {"payments": 2, "refunds": 3}
        await asyncio.sleep(PACE_SECONDS + 1)
        looks, configs = scene.subscribed.looks, scene.brokers.asked_configs
        scene.subscribed.topics = ("payments", "refunds")
        await asyncio.sleep(PACE_SECONDS)
        assert (scene.subscribed.looks, scene.brokers.asked_configs) == (looks + 1, configs + 1)
        assert (scene.watch.partitions("refunds"), scene.watch.kept("refunds")) == (3, 604_800.0)
        assert scene.watch.names == ("payments", "refunds")

    play(story)


def test_without_a_topic_nothing_is_asked_about_topics() -> None:
    """A pattern that matches nothing yet is no question to a broker."""

    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        asked = scene.brokers.asked_configs
        scene.subscribed.topics, scene.subscribed.unmatched = (), ("^late",)
        await asyncio.sleep(2 * CONFIG_SECONDS)
        assert scene.brokers.asked_configs == asked
        assert scene.watch.unmatched == ("^late",)

    play(story)
