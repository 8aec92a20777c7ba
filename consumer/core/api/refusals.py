"""The breaker: a burst of dead letters, whatever their reason, is held to be a fault of ours.

A wrong mapping, registry or address drains a topic into its dead letters as surely as a wrong key would. So
each topic is judged by itself, record by record: *good* is one that was delivered, *refused* one that would
become a dead letter. Retries, skips and removals that found nothing say nothing and are not counted, also
where such removals become dead letters.

A topic is *stopped* by a refusal

- where at least ``floor`` records were judged and more than ``most_percent`` % of the last ``window`` were
  refused;
- or where ``in_a_row`` were refused in a row and none was good since the start. A process that starts anew
  knows nothing, so this also bounds the dead letters of each start.

The record that stops a topic is not given up, nor is any other of it until the topic goes on: it does once
``good_probes`` probes in a row were good. Afterwards ``floor_after`` judged records are enough to stop it
again, until ``trusted_after`` were good. The numbers are :class:`Limits`. Time is passed in (seconds of a
steady clock).
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from consumer.core.api.gates import PROBE_PACE
from consumer.core.meaning.intents import DeadLetterReason


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of the breaker: records, but for ``most_percent``."""

    window: int = 200
    """The latest records of a topic by which it is judged."""
    floor: int = 50
    """Judged records below which a share says nothing."""
    floor_after: int = 10
    """The same for a topic that was stopped and goes on, until it is trusted again."""
    trusted_after: int = 200
    """Good records after which a topic that was stopped is as trusted as any other."""
    most_percent: int = 20
    """More refused records than this in a hundred stop a topic."""
    in_a_row: int = 20
    """Refused records in a row that stop a topic of which none was good since the start."""
    good_probes: int = 5
    """Good probes in a row that let a topic go on."""


LIMITS: Final = Limits()


class Ruling(Enum):
    """What becomes of a record that would be a dead letter."""

    GIVE_UP = auto()
    STOPS = auto()
    """It is kept, and its topic is stopped by it."""
    KEEP = auto()
    """It is kept: its topic is stopped."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A stopped topic: since when, of how many judged records so many were refused, each for its reason.

    ``good_probes`` of ``probes_needed`` were good in a row since the last bad one.
    """

    topic: str
    since: float
    judged: int
    reasons: Mapping[DeadLetterReason, int]
    good_probes: int
    probes_needed: int

    @property
    def refused(self) -> int:
        """How many of the judged records were refused."""
        return sum(self.reasons.values())


@dataclass(slots=True)
class _Topic:
    """What is known of one topic. ``since`` is None while it runs; ``last`` has None for a good record.

    ``row`` counts what was refused at the start, and is None once a record was good. ``trust`` counts good
    records since the topic last went on, and is None where it was never stopped or is trusted again.
    """

    limits: Limits
    last: deque[DeadLetterReason | None]
    row: int | None = 0
    trust: int | None = None
    since: float | None = None
    stops: int = 0
    good_probes: int = 0
    probing: bool = False
    next_probe: float = 0.0

    def note_refused(self, reason: DeadLetterReason) -> None:
        self.last.append(reason)
        if self.row is not None:
            self.row += 1

    def note_good(self) -> None:
        self.last.append(None)
        self.row = None
        if self.trust is not None:
            self.trust += 1
            if self.trust >= self.limits.trusted_after:
                self.trust = None

    def too_many(self) -> bool:
        limits = self.limits
        floor = limits.floor if self.trust is None else limits.floor_after
        refused = sum(reason is not None for reason in self.last)
        share = len(self.last) >= floor and refused * 100 > limits.most_percent * len(self.last)
        return share or (self.row is not None and self.row >= limits.in_a_row)

    def go_on(self) -> None:
        """Forget what stopped the topic; the good probes are the first of a new account."""
        self.since = None
        self.last.clear()
        self.trust = 0
        for _ in range(self.limits.good_probes):
            self.note_good()


class Refusals:
    """Judges the topics of this process. Not thread-safe: one event loop owns it."""

    def __init__(
        self, *, accept_until: float | None = None, pace: float = PROBE_PACE, limits: Limits = LIMITS
    ) -> None:
        """Nothing is stopped before ``accept_until``, and no refusal until then counts later.

        ``pace`` are the seconds behind a bad probe.
        """
        self._limits: Final = limits
        self._accept_until: Final = accept_until
        self.pace = pace
        self._topics: Final[dict[str, _Topic]] = {}
        self._stopped: frozenset[str] = frozenset()

    @property
    def stopped(self) -> frozenset[str]:
        """The topics none of whose records may start but as probes."""
        return self._stopped

    def refused(self, topic: str, reason: DeadLetterReason, now: float, *, probe: bool) -> Ruling:
        """Judge a record that would become a dead letter; return what becomes of it."""
        if reason is DeadLetterReason.NOTHING_TO_REMOVE:
            return Ruling.GIVE_UP
        state = self._state(topic)
        if state.since is not None:
            if probe:
                state.good_probes = 0
            return Ruling.KEEP
        if self._accepts(now):
            return Ruling.GIVE_UP  # and not noted: what was wanted is not held against the topic later
        state.note_refused(reason)
        if not state.too_many():
            return Ruling.GIVE_UP
        state.since = now
        state.stops += 1
        state.good_probes = 0
        state.next_probe = now + self.pace
        self._note_stopped()
        return Ruling.STOPS

    def delivered(self, topic: str, *, probe: bool) -> Stop | None:
        """Judge a record that was delivered; return the stop that is over because of it.

        A late success that is no probe began before the stop, and says nothing about now.
        """
        state = self._state(topic)
        if state.since is None:
            state.note_good()
            return None
        if not probe:
            return None
        state.good_probes += 1
        if state.good_probes < self._limits.good_probes:
            return None
        over = self.stop(topic)
        state.go_on()
        self._note_stopped()
        return over

    def due(self, now: float) -> Iterator[str]:
        """Yield the stopped topics of which a probe may start now."""
        for topic in sorted(self._stopped):
            state = self._topics[topic]
            if not state.probing and state.next_probe <= now:
                yield topic

    def next_due(self, now: float) -> float | None:
        """Return when the next probe may start that may not start yet; None where time alone brings none."""
        states = (self._topics[topic] for topic in self._stopped)
        return min(
            (state.next_probe for state in states if not state.probing and state.next_probe > now),
            default=None,
        )

    def probe_started(self, topic: str) -> None:
        """Note that a probe is on its way. It must end with :meth:`probe_ended`."""
        self._state(topic).probing = True

    def probe_ended(self, topic: str, now: float, *, settled: bool) -> None:
        """Note the end of a probe. One that ``settled`` is followed at once, whatever it says."""
        state = self._state(topic)
        state.probing = False
        state.next_probe = now if settled else now + self.pace

    def times_stopped(self, topic: str) -> int:
        """Return how often a topic was stopped; what was judged before the last time is out of date."""
        state = self._topics.get(topic)
        return 0 if state is None else state.stops

    def stop(self, topic: str) -> Stop | None:
        """Return why a topic is stopped, None where it is not."""
        state = self._topics.get(topic)
        if state is None or state.since is None:
            return None
        reasons = Counter(reason for reason in state.last if reason is not None)
        needed = self._limits.good_probes
        return Stop(topic, state.since, len(state.last), reasons, state.good_probes, needed)

    def _accepts(self, now: float) -> bool:
        return self._accept_until is not None and now < self._accept_until

    def _state(self, topic: str) -> _Topic:
        state = self._topics.get(topic)
        if state is None:
            state = self._topics[topic] = _Topic(self._limits, deque(maxlen=self._limits.window))
        return state

    def _note_stopped(self) -> None:
        self._stopped = frozenset(t for t, state in self._topics.items() if state.since is not None)
