"""Pacing: how many calls a second leave this process, smoothly. Time is passed in.

**How the limit is kept.** A pod may start ``r`` calls a second: its share of the limit. It aims at
``p = 0.975 r`` (:data:`PACE`). Two rules decide when a call may leave.

- *Spacing* (:class:`Meter`; the generic cell rate algorithm of ITU-T I.371): one call each ``1/p`` seconds.
  Time in which nobody wanted to call is not kept, beyond 25 ms (:data:`SLACK`): there is no burst after idle
  time. Time in which calls waited and nobody woke to let them go may be made up for, up to half a second
  (:data:`LATE`): a busy event loop, or a container that was out of CPU for a while, loses no rate.
- *The second* (:class:`Second`): what is made up for never adds up. The calls of any second are at most what
  was aimed at in it, and one: ``p + 1 = 0.975 r + 1``.

Over a group whose shares add up to the limit ``R`` that is ``0.975 R`` and one call for each pod: three pods
at 100 a second start at most 100 calls in any second. The API may see a few more where the way there is
uneven: 5 % more would be 50 ms. Where ``R`` is as small as the number of pods, that one call is what counts.

**What it costs.** 97.5 % of the limit is used while there is work. At 10 000 calls a second an event loop
wakes once a millisecond and lets ten go.

What is used of the share changes with what the API says. :class:`Cut` answers 429, :class:`Ramp` leads back
after a silence, a hold or an outage. What only late tries hear (``core.api.budget``) changes nothing
but that a silence is kept: :meth:`Pacer.concerns_all`.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: What part of the share is aimed at.
PACE: Final = 0.975
#: Seconds of unused time that may be made up for in any case, and those in which calls waited.
SLACK: Final = 0.025
LATE: Final = 0.5

#: Seconds without any success, while calls fail, after which nothing is held to get through.
OUTAGE_SECONDS: Final = 5.0
#: Seconds from the first call after a pause to the full rate. With a probe each two seconds before it, full
#: flow is back five seconds after the cure.
RAMP_SECONDS: Final = 2.5
#: The part of the rate with which a ramp begins, and the calls a second that are allowed in any case.
RAMP_LOWEST: Final = 0.1
RAMP_LEAST_PER_SECOND: Final = 0.5
#: The most seconds by which a return is put off at random, so that pods that were silenced together do not
#: come back together.
RETURN_SPREAD: Final = 1.0

#: What a 429 leaves of the rate, and the least that any number of them leaves.
CUT_FACTOR: Final = 0.5
CUT_LEAST: Final = 0.05
#: What each clean window gives back, as a part of the whole.
RISE: Final = 0.05
#: Seconds that the API is taken to count calls in: a limit is one of calls a second.
WINDOW: Final = 1.0

#: Calls: rounding must not make anybody wait for the last billionth of a second.
_NOTHING: Final = 1e-6
#: Seconds: the shortest wait that is worth a timer, and the longest while the rate grows by itself.
_SHORTEST: Final = 1e-6
_LOOK_AGAIN: Final = 0.1


@dataclass(slots=True)
class Meter:
    """What was taken ahead of its time, in calls: below zero where some may be taken at once."""

    owed: float = 0.0

    @property
    def open(self) -> bool:
        """Whether one may be taken."""
        return self.owed <= _NOTHING

    def flow(self, calls: float, credit: float) -> None:
        """Let the time of so many calls go by; no more than ``credit`` of them are kept for later."""
        self.owed = max(self.owed - calls, -credit)

    def take(self, calls: float = 1.0) -> None:
        """Take so many."""
        self.owed += calls

    def wait(self, per_second: float) -> float:
        """Return the seconds until one may be taken at this rate, 0 where it may be now."""
        if self.open:
            return 0.0
        return max(self.owed / per_second, _SHORTEST) if per_second > 0 else math.inf


@dataclass(slots=True)
class _Mark:
    """A moment, all that was aimed at until then, and the rate of the time before it, where it was steady."""

    at: float
    aimed: float
    per_second: float | None


class Second:
    """What was aimed at and what left in the last :data:`WINDOW`, in calls."""

    def __init__(self) -> None:
        #: Ends of times of one rate, the first before the window or the oldest there is.
        self._marks: Final = deque([_Mark(0.0, 0.0, None), _Mark(0.0, 0.0, None)])
        self._left: Final[deque[float]] = deque()

    def flow(self, now: float, calls: float, per_second: float | None) -> None:
        """Note that so many calls were aimed at since the last time, at a steady rate; None: it was none."""
        last = self._marks[-1]
        if per_second is not None and last.per_second == per_second:
            last.at, last.aimed = now, last.aimed + calls
        else:
            self._marks.append(_Mark(now, last.aimed + calls, per_second))
        while self._marks[1].at <= now - WINDOW:
            self._marks.popleft()

    def take(self, now: float) -> None:
        """Note that a call left."""
        self._left.append(now)

    def wait(self, now: float) -> float:
        """Return the seconds until it is worth asking again, 0 where one more call fits in."""
        left, begin = self._left, now - WINDOW
        while left and left[0] <= begin:
            left.popleft()
        before, after = self._marks[0], self._marks[1]
        last = self._marks[-1]
        if last is after and last.per_second is not None and before.at <= begin:
            aimed = last.per_second * WINDOW
        else:
            aimed = last.aimed - self._aimed_until(begin)
        if len(left) <= aimed + _NOTHING:
            return 0.0
        return max(_SHORTEST, min(left[0] - begin, _LOOK_AGAIN))

    def _aimed_until(self, moment: float) -> float:
        """Return what had been aimed at by then; where the rate grew meanwhile, rather too much."""
        before, after = self._marks[0], self._marks[1]
        if moment <= before.at:
            return before.aimed
        return before.aimed + (after.aimed - before.aimed) * (moment - before.at) / (after.at - before.at)


class Steady:
    """A meter of a rate that never changes."""

    def __init__(self, per_second: float, slack: float = SLACK) -> None:
        """``slack`` is the seconds of unused time that may be made up for."""
        self.per_second: Final = per_second
        self._slack: Final = slack
        self._meter: Final = Meter()
        self._at = 0.0

    def due(self, now: float) -> float:
        """Return the seconds until one may be taken, 0 where it may be now. Takes nothing."""
        self._pass(now)
        return self._meter.wait(self.per_second)

    def take(self, now: float) -> None:
        """Take one, due or not."""
        self._pass(now)
        self._meter.take()

    def _pass(self, now: float) -> None:
        if now > self._at:
            self._meter.flow(self.per_second * (now - self._at), self.per_second * self._slack)
            self._at = now


@dataclass(slots=True)
class Ramp:
    """The way back after a pause: ``lowest`` (a part of the rate) at first, all of it later.

    ``begins`` is when the rise of :data:`RAMP_SECONDS` begins: never, while nothing gets through.
    """

    begins: float = -math.inf

    @property
    def down(self) -> bool:
        """Whether nothing gets through."""
        return self.begins == math.inf

    def rising(self, now: float) -> bool:
        """Tell whether the factor grows by itself."""
        return self.begins <= now < self.begins + RAMP_SECONDS

    def factor(self, now: float, lowest: float) -> float:
        """Return what part of the rate may be used now."""
        if now <= self.begins:
            return lowest
        return min(1.0, lowest + (1.0 - lowest) * (now - self.begins) / RAMP_SECONDS)

    def area(self, since: float, until: float, lowest: float) -> float:
        """Return the factor added up over time: seconds at the full rate."""
        if since >= self.begins + RAMP_SECONDS:
            return until - since
        return self._area_at(until, lowest) - self._area_at(since, lowest)

    def _area_at(self, moment: float, lowest: float) -> float:
        """Return the area since the rise began, below zero before that; since 0 where it never does."""
        seconds = moment if self.down else moment - self.begins
        if self.down or seconds <= 0:
            return lowest * seconds
        risen = min(seconds, RAMP_SECONDS)
        return lowest * risen + (1.0 - lowest) * risen**2 / (2 * RAMP_SECONDS) + seconds - risen


@dataclass(slots=True)
class Cut:
    """What is left of the rate after the API said that calls come too fast.

    One cut for each window, however many calls in flight are refused: those that began within a second after
    a cut are counted by the API together with those from before it, and say nothing about the new rate.
    """

    factor: float = 1.0
    _cut_at: float = -math.inf
    _unclean_at: float = -math.inf

    def limited(self, now: float, began: float) -> bool:
        """Note a refusal of a call that ``began`` then; return whether the rate is cut by it."""
        self._unclean_at = now
        if began < self._cut_at + WINDOW:
            return False
        self._cut_at = now
        self.factor = max(CUT_LEAST, self.factor * CUT_FACTOR)
        return True

    def succeeded(self, now: float) -> None:
        """Note a success: it gives back a step for each whole window that was clean.

        Where the rate is tiny there are many between two calls: with one step for each success it would take
        minutes to come back.
        """
        if self.factor < 1.0 and now >= self._unclean_at + WINDOW:
            windows = (now - self._unclean_at) // WINDOW
            self.freeze(now)
            self.factor = min(1.0, self.factor + RISE * windows)

    def freeze(self, now: float) -> None:
        """Let the next clean window begin now."""
        self._unclean_at = max(self._unclean_at, now)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast calls may leave at a moment.

    ``limit`` is the share of the rate in calls a second, ``cut`` what refusals have left of it, ``ramp`` what
    may be used of that on the way back from a pause; ``per_second`` is all of it together. ``silence``: the
    seconds for which the host asked for no call at all, 0 where it did not; no call leaves meanwhile.
    """

    limit: float
    cut: float
    ramp: float
    silence: float

    @property
    def per_second(self) -> float:
        """Calls a second that are allowed now."""
        return 0.0 if self.silence > 0 else self.limit * self.cut * self.ramp


class Pacer:
    """Decides when calls may leave. First tries and retries pay alike; there is no burst after idle time."""

    def __init__(self, per_second: float) -> None:
        """``per_second`` is the share of this process, as :meth:`limit` sets it; 0 lets nothing leave."""
        self._limit = per_second
        self._meter: Final = Meter()
        self._second: Final = Second()
        self._wanted_since: float | None = None
        #: Calls a second that are aimed at; None while that changes by itself, or may have changed.
        self._steady: float | None = None
        self._ramp: Final = Ramp()
        self._cut: Final = Cut()
        self._at = 0.0
        self._silent_until = 0.0
        self._failing_since: float | None = None
        self._succeeded_at = -math.inf
        #: Whether a call that was no late try succeeded since one was last told to slow down.
        self.others_succeed = False

    # --- leaving ---

    def wanted(self, now: float, *, wanted: bool) -> None:
        """Note that calls wait from now on, or that none does any more."""
        if wanted is (self._wanted_since is None):
            self._pass(now)
            self._wanted_since = now if wanted else None

    def take(self, now: float) -> bool:
        """Let one call leave now, and return True; False where none may."""
        if self.due(now) > 0:
            return False
        self.left(now)
        return True

    def left(self, now: float) -> None:
        """Note that a call leaves now, which was due."""
        self._meter.owed += 1.0
        self._second.take(now)

    def due(self, now: float) -> float:
        """Return the seconds until it is worth asking again, 0 where a call may leave now. Takes nothing.

        Infinite where nothing may leave until :meth:`limit` says otherwise.
        """
        if now > self._at:
            self._pass(now)
        if self._limit <= 0:
            return math.inf
        if now < self._silent_until:
            return self._silent_until - now
        if self._meter.owed <= _NOTHING:
            return self._second.wait(now)
        wait = self._meter.wait(self._aim(now))
        return min(wait, _LOOK_AGAIN) if self._ramp.rising(now) else wait

    def pace(self, now: float) -> Pace:
        """Return how fast calls may leave now."""
        return Pace(self._limit, self._cut.factor, self._ramp.factor(now, self._lowest()), self.silence(now))

    def silence(self, now: float) -> float:
        """Return for how many seconds more the host asked for silence, 0 where it did not."""
        return max(0.0, self._silent_until - now)

    @property
    def down(self) -> bool:
        """Whether nothing gets through, as far as is known: an outage, or a hold."""
        return self._ramp.down

    # --- what changes the rate ---

    def limit(self, now: float, per_second: float) -> None:
        """Take another share. What was taken stays taken, so that changes can't add up to a burst."""
        self._change(now)
        self._limit = per_second

    def concerns_all(self, *, late: bool) -> bool:
        """Note that a call is told to slow down; return whether that says anything about all calls.

        What holds for all, first tries hear too. So a ``late`` one speaks of its own record alone where a
        call that was none has succeeded since anybody was last told so.
        """
        alone, self.others_succeed = late and self.others_succeed, False
        return not alone

    def stop(self, now: float, seconds: float, jitter: float = 0.0, *, rise: bool = True) -> float:
        """Let no call leave for ``seconds``, the host's wish; a longer stop wins over a shorter one.

        Return the seconds of silence that it adds. ``jitter`` in [0, 1) puts the return off a little, never
        forward. Behind it the rate rises step by step, or is there at once where it is not to ``rise``.
        """
        self._change(now)
        before = max(self._silent_until, now)
        self._silent_until = max(before, now + seconds + jitter * min(seconds, RETURN_SPREAD))
        if rise:
            self._rise_from(self._silent_until)
        return self._silent_until - before

    def limited(self, now: float, began: float) -> bool:
        """Note that the API refused a call as one too many; return whether the rate is cut by it."""
        self._change(now)
        return self._cut.limited(now, began)

    def failed(self, now: float, began: float) -> float:
        """Note that a call that ``began`` then failed; return for how many seconds nothing gets through.

        From :data:`OUTAGE_SECONDS` on only the lowest rate is left, until something gets through.
        """
        if self._failing_since is None:
            self._failing_since = max(began, self._succeeded_at)
        seconds = now - self._failing_since
        if seconds >= OUTAGE_SECONDS:
            self.hold(now)
        return seconds

    def come_back(self, now: float) -> None:
        """Let the rate rise anew from now on: all calls were stopped for a reason that is not the API's."""
        self._change(now)
        self._rise_from(now)

    def hold(self, now: float) -> None:
        """Leave only the lowest rate, until something gets through."""
        self._change(now)
        self._ramp.begins = math.inf

    def succeeded(self, now: float, *, late: bool = False) -> bool:
        """Note that a call got through, ``late`` or not; return whether none did before.

        Then all may come back.
        """
        self.others_succeed = self.others_succeed or not late
        self._failing_since, self._succeeded_at = None, now
        if self._ramp.down:
            self._change(now)
            self._ramp.begins = max(now, self._silent_until)
            self._cut.freeze(now)
            return True
        if self._cut.factor < 1.0:
            self._change(now)
            self._cut.succeeded(now)
        return False

    # --- inside ---

    def _rise_from(self, moment: float) -> None:
        self._cut.freeze(moment)
        if not self._ramp.down:
            self._ramp.begins = max(self._ramp.begins, moment)

    def _cut_limit(self) -> float:
        return self._limit * self._cut.factor

    def _lowest(self) -> float:
        limit = self._cut_limit()
        return 1.0 if limit <= RAMP_LEAST_PER_SECOND else max(RAMP_LOWEST, RAMP_LEAST_PER_SECOND / limit)

    def _aim(self, now: float) -> float:
        return self._cut_limit() * PACE * self._ramp.factor(now, self._lowest())

    def _pass(self, now: float) -> None:
        if now <= self._at:
            return
        steady = self._steady
        if steady is None:
            calls = self._cut_limit() * PACE * self._ramp.area(self._at, now, self._lowest())
            aim = self._aim(now)
            if self._at >= self._ramp.begins + RAMP_SECONDS:
                self._steady = aim
        else:
            calls, aim = steady * (now - self._at), steady
        waited = 0.0 if self._wanted_since is None else now - self._wanted_since
        self._meter.flow(calls, aim * max(SLACK, min(waited, LATE)))
        self._second.flow(now, calls, steady)
        self._at = now

    def _change(self, now: float) -> None:
        """Let the time until now go by at the rate that was; another one may follow."""
        self._pass(now)
        self._steady = None


_NO_TOPICS: Final[frozenset[str]] = frozenset()


class Turns:
    """Topics whose records are started at a rate of their own, however many there are to start.

    What is not due is not started at all: it neither waits in a place that others could use, nor runs late
    and then all at once. Every start counts, that of a later try too.
    """

    def __init__(self, per_second: Mapping[str, float]) -> None:
        """Take the rate of each such topic; all others have none."""
        self._meters: Final = {topic: Steady(rate) for topic, rate in per_second.items()}

    def resting(self, now: float) -> frozenset[str]:
        """Return the topics none of whose records may start now."""
        if not self._meters:
            return _NO_TOPICS
        return frozenset(topic for topic, meter in self._meters.items() if meter.due(now) > 0)

    def started(self, topic: str, now: float) -> None:
        """Note that a record of ``topic`` was started."""
        if topic in self._meters:
            self._meters[topic].take(now)

    def next_turn(self, now: float) -> float | None:
        """Return when the next resting topic is due, None where none rests."""
        return min((now + left for m in self._meters.values() if (left := m.due(now)) > 0), default=None)
