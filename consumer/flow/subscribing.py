"""The topics that are read now: named ones from the start, those of patterns as the brokers tell of them.

Where there are patterns, nothing is subscribed before the first look at the cluster: what was there when the
service began and what appeared later start in different places.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, ParamSpec, Protocol, TypeVar

from consumer.core.operations.logbook import Event, Log
from consumer.core.partitions.subscription import Roll, Subscription

P = ParamSpec("P")
R = TypeVar("R")


class Aside(Protocol):
    """Runs a call that waits on a thread of its own."""

    def __call__(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Return what the call returns."""


class Subscribe(Protocol):
    """Reads topics from now on, and no others."""

    async def __call__(self, topics: Sequence[str], appeared: Collection[str]) -> None:
        """Subscribe; ``appeared`` are those that were not there at first, and start at their beginning."""


class Subscribing:
    """Knows what is subscribed, and sees to it at each :meth:`look`."""

    def __init__(
        self,
        subscription: Subscription,
        *,
        existing: Callable[[], Collection[str] | None],
        subscribe: Subscribe,
        announce: Callable[[Collection[str]], None],
        aside: Aside,
        log: Log,
    ) -> None:
        """``existing`` asks for the names of all topics and waits; None: nobody answers.

        ``announce`` hears of topics before anything of them is read.
        """
        self._roll: Final = Roll(subscription)
        self._existing: Final = existing
        self._subscribe: Final = subscribe
        self._announce: Final = announce
        self._aside: Final = aside
        self._log: Final = log
        self._told: frozenset[str] = frozenset()
        announce(self.topics)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that are read now, those that are named and do not exist included."""
        return self._roll.topics

    @property
    def unmatched(self) -> tuple[str, ...]:
        """The patterns that match no topic, as far as is known."""
        return self._roll.unmatched

    async def look(self) -> None:
        """Ask what topics there are, and change the subscription where patterns match others than before."""
        if not self._roll.subscription.patterns:
            return
        there = await self._aside(self._existing)
        if there is None:
            return
        before = frozenset(self.topics)
        if self._roll.look(there):
            self._announce(frozenset(self.topics).difference(before))
            await self._subscribe(self.topics, self._roll.appeared)
            self._tell(before)
        self._tell_unmatched()

    def _tell(self, before: frozenset[str]) -> None:
        for topic in self.topics:
            if topic not in before:
                self._log(Event.TOPIC_MATCHED, topic=topic)
        for topic in sorted(before.difference(self.topics)):
            self._log(Event.TOPIC_GONE, topic=topic)

    def _tell_unmatched(self) -> None:
        """Say once that a pattern matches nothing, and again after it did in between."""
        for pattern in self.unmatched:
            if pattern not in self._told:
                self._log(Event.PATTERN_UNMATCHED, target=pattern)
        self._told = frozenset(self.unmatched)
