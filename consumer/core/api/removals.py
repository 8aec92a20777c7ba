"""Removals that found nothing: how long they are waited with, and what ends that.

A refund can overtake its payment between topics or partitions: then the API says 400, "nothing to remove",
and the payment follows. So such a removal is tried again until its *grace* is over. The grace is time by a
clock of its own, which runs only while all of this is so:

- the API answers: time counts between two of its answers with no failure in between (:class:`Answering`);
- no capture of the same payment is unsettled in this process. Which those are is known from the moment a
  record was understood. A record that still waits for that is covered by the next condition;
- this process is caught up: its oldest unsettled record that was not understood was written less than a
  grace ago. What is understood is known to be about another payment, whatever it waits for.

When the time is over, one thing more has to be so: everything is settled here that was written until the
grace after the removal. So a payment that can't be read, or waits in line, is not missed.

A removal never races a capture of its payment: while one is unsettled here, it is not sent, and while it is
on the wire, none begins. What is on the wire stays known until it lands, whoever has its partition by then.
A removal with an unknown outcome may still be on its way: for some seconds more (``lateness``) no capture of
its payment begins in its partition. In other partitions the removal is right to win.

Where removals in their grace fill a partition to half of its bounds (it is *crowded*), waiting to be caught
up could stop it for ever. There it is enough that everything is settled that was written until the grace
after the removal; and a record that has been the oldest of its lane for the length of a grace is left out of
that, because one that is *stuck* must not stop the partitions of others. What waits for a fault of ours is
not stuck but *kept*: many payments may wait so, and their removals wait for them, even if a partition stops.

Time is passed in (seconds of a steady clock). When a record was *written* is on the same clock.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from typing import Final, NamedTuple

from consumer.core.records import Partition, Record

#: Seconds between two tries: behind the first, each twice the one before, and the most.
_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 10.0
#: So many tries in a second all removals together make room for by waiting longer, at most this long.
_TRIES_PER_SECOND: Final = 2.0
_MOST_PATIENT_WAIT: Final = 300.0
#: Seconds of a grace that are not worth another call.
_NEGLIGIBLE: Final = 0.001


class Place(NamedTuple):
    """A record of one assignment."""

    partition: Partition
    epoch: int
    offset: int

    @classmethod
    def of(cls, record: Record) -> "Place":
        """Return where ``record`` is."""
        return cls(record.partition, record.epoch, record.offset)


class Answering:
    """For how many ``seconds`` the API has answered: between answers that no failure lies between."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self.seconds = 0.0
        self._last: float | None = None

    def answered(self, now: float) -> None:
        """Note an answer that settles something, whatever it says."""
        if self._last is not None:
            self.seconds += max(0.0, now - self._last)
        self._last = now

    def failed(self) -> None:
        """Note a call that got no such answer."""
        self._last = None


class Ended(Enum):
    """Why a removal that found nothing is not tried again."""

    NOTHING_FOUND = auto()
    """Its grace is over."""
    ECHO = auto()
    """An earlier try may well have done it."""


class Oldest(NamedTuple):
    """The oldest record of a lane that was not understood: any payment may be in it, or behind it.

    It may stand for one that is known to be there and has not come. ``kept``: the lane waits for something
    that is no matter of its own.
    """

    place: Place
    written: float
    kept: bool = False


@dataclass(slots=True)
class _Removal:
    """One removal in its grace. ``answered`` turns True with its first 400, which may be an ``echo``.

    ``elapsed`` is how far its own clock has run, ``counted`` what the clock of all answers showed then.
    ``over``: it was told that nothing is left of its grace.
    """

    payment_id: str
    written: float
    counted: float
    elapsed: float = 0.0
    running: bool = False
    answered: bool = False
    echo: bool = False
    over: bool = False
    tries: int = 0


class Removals:
    """The removals in their grace, and the captures that may be what they wait for.

    Not thread-safe: one event loop owns it. No payment id leaves it.
    """

    def __init__(self, grace: float = 0.0, lateness: float = 0.0) -> None:
        """``grace`` in seconds; 0 waits for nothing. :attr:`answering` has to hear of every call.

        ``lateness``: for so many seconds a call may be acted on whose outcome is not known.
        """
        self._grace: Final = grace
        self._lateness: Final = lateness
        self.answering: Final = Answering()
        self._removals: Final[dict[Place, _Removal]] = {}
        self._waiting: Final[defaultdict[str, list[Place]]] = defaultdict(list)
        self._captures: Final[dict[Place, str]] = {}
        self._pending: Final[defaultdict[str, set[Place]]] = defaultdict(set)
        #: The calls that were sent and have not landed: captures, and removals with their payments.
        self._captures_on_wire: Final[set[Place]] = set()
        self._removals_on_wire: Final[dict[Place, str]] = {}
        #: Until when a removal of a payment may still be acted on that came from a partition.
        self._late: Final[dict[tuple[Partition, str], float]] = {}
        #: When the oldest record was written, of all and of those that are not stuck.
        self._oldest = self._oldest_moving = inf
        #: What the clock of all answers showed when a record became the oldest of its lane.
        self._stands: dict[Place, float] = {}
        self._horizon = inf
        self._crowded: Collection[Partition] = ()

    @property
    def waiting(self) -> int:
        """How many removals are in their grace."""
        return len(self._removals)

    @property
    def empty(self) -> bool:
        """Whether nothing is known of any record."""
        known = (self._removals, self._waiting, self._captures, self._pending)
        return not any((*known, self._captures_on_wire, self._removals_on_wire))

    # --- what becomes known of records ---

    def capture(self, place: Place, payment_id: str) -> None:
        """Note that the record there is a capture, unsettled until :meth:`settled`."""
        if self._grace > 0:
            self._captures[place] = payment_id
            self._pending[payment_id].add(place)

    def pending(self, payment_id: str) -> bool:
        """Tell whether a removal of this payment must not leave: a capture of it is unsettled."""
        return payment_id in self._pending

    def being_removed(self, place: Place) -> bool:
        """Tell whether the capture there must not leave: a removal of its payment is on the wire."""
        return self._captures.get(place) in self._removals_on_wire.values()

    def unknown(self, place: Place, payment_id: str, now: float) -> None:
        """Note that the outcome of a removal is not known."""
        if self._grace > 0:
            self._late[place.partition, payment_id] = now + self._lateness

    def may_be_removed_late(self, place: Place, now: float) -> bool:
        """Tell whether the capture there has to wait: a removal of its partition may still be acted on."""
        payment_id = self._captures.get(place)
        return payment_id is not None and self._late.get((place.partition, payment_id), -inf) > now

    def left(self, place: Place, removed: str | None) -> None:
        """Note that a call is on the wire, until :meth:`landed`; ``removed`` is the payment it removes."""
        if removed is not None:
            self._removals_on_wire[place] = removed
        elif place in self._captures:
            self._captures_on_wire.add(place)

    def landed(self, place: Place) -> None:
        """Note that nothing of this record is on the wire."""
        self._captures_on_wire.discard(place)
        self._removals_on_wire.pop(place, None)

    def held_back(self, place: Place, payment_id: str, written: float) -> float | None:
        """Return for how many seconds a removal must not be sent, None where it may be.

        Captures of its payment go first; the last of them to settle ends this (:meth:`settled`).
        """
        if not self.pending(payment_id):
            return None
        self._enter(place, payment_id, written)
        return _LONGEST_WAIT

    def found_nothing(self, place: Place, payment_id: str, written: float, *, echo: bool) -> float | Ended:
        """Note a 400; return the seconds until the next try, or why there is none.

        ``echo``: a try before this one had an unknown outcome, so that this may be the echo of its success.
        Unless the removal has had a 400 before, that is believed: no clock is waited for, but the conditions
        of one are.
        """
        if self._grace <= 0:
            return Ended.ECHO if echo else Ended.NOTHING_FOUND
        removal = self._enter(place, payment_id, written)
        if not removal.answered:
            removal.answered = True
            removal.echo = echo
            removal.elapsed = 0.0
            removal.counted = self.answering.seconds
        self._count(place, removal)
        left = self._left(removal)
        removal.over = False
        if removal.running and left <= _NEGLIGIBLE:
            unsettled = self._unsettled_since(place, removal)
            if unsettled <= 0:
                return Ended.ECHO if removal.echo else Ended.NOTHING_FOUND
            left = max(unsettled, _FIRST_WAIT)
        removal.tries += 1
        wait = max(_backoff(removal.tries), min(self.waiting / _TRIES_PER_SECOND, _MOST_PATIENT_WAIT))
        return min(wait, left) if removal.running else wait

    def overtaken_by(self, place: Place) -> list[Place]:
        """Return the removals in their grace that are before the capture at ``place`` in its partition.

        They are of the same payment. Those that are of the same lane too have to end before it begins.
        """
        payment_id = self._captures.get(place)
        if payment_id is None or payment_id not in self._waiting:
            return []
        return [
            other
            for other in self._waiting[payment_id]
            if other.partition == place.partition and other.offset < place.offset
        ]

    def has_answer(self, place: Place) -> bool:
        """Tell whether the removal there has had a 400: that there was nothing to remove is known."""
        return self._removals[place].answered

    def stand_back(self, place: Place) -> list[Place]:
        """Let a capture hold no removal back, as it waits for one itself; return those that are free now.

        It does so again from :meth:`come_forward` on.
        """
        payment_id = self._captures.get(place)
        return [] if payment_id is None else self._no_longer_pending(place, payment_id)

    def come_forward(self, place: Place) -> None:
        """Let a capture hold removals back that had stood back, or does so already."""
        payment_id = self._captures.get(place)
        if payment_id is not None:
            self._pending[payment_id].add(place)

    def settled(self, place: Place) -> list[Place]:
        """Forget a record that is settled; return the removals that no capture holds back any more."""
        self._forget_removal(place)
        payment_id = self._captures.pop(place, None)
        return [] if payment_id is None else self._no_longer_pending(place, payment_id)

    def forget(self, partitions: Collection[Partition]) -> None:
        """Forget what is known of the records of partitions that are given up, but of what is on the wire.

        That is forgotten when it is said to be settled: a capture that is given up may still be recorded.
        """
        for place in [p for p in (*self._removals, *self._captures) if p.partition in partitions]:
            if place not in self._captures_on_wire:
                self.settled(place)

    # --- the clocks ---

    def look(self, now: float, lanes: Iterable[Oldest], crowded: Collection[Partition]) -> list[Place]:
        """Let the clocks run as the state of this process allows; to be called again and again.

        ``lanes`` are the oldest records of all lanes. ``crowded`` are the partitions that removals in their
        grace fill to half of their bounds. Returns the removals whose time is over: it is up to their next
        try. Each is returned once until then.
        """
        for key in [key for key, until in self._late.items() if until <= now]:
            del self._late[key]
        self._look_for_the_oldest(lanes, stuck=bool(crowded))
        self._horizon, self._crowded = now - self._grace, crowded
        over = []
        for place, removal in self._removals.items():
            self._count(place, removal)
            if removal.running and not removal.over and self._left(removal) <= _NEGLIGIBLE:
                removal.over = True
                over.append(place)
        return over

    def _look_for_the_oldest(self, lanes: Iterable[Oldest], *, stuck: bool) -> None:
        """Find when the oldest record was written; ``stuck``: what is stuck matters to somebody."""
        before, self._stands = self._stands, {}
        self._oldest = self._oldest_moving = inf
        for place, written, kept in lanes:
            self._oldest = min(self._oldest, written)
            since = self.answering.seconds
            if stuck and not kept:
                since = self._stands[place] = before.get(place, since)
            if self.answering.seconds - since < self._grace:
                self._oldest_moving = min(self._oldest_moving, written)

    def _enter(self, place: Place, payment_id: str, written: float) -> _Removal:
        removal = self._removals.get(place)
        if removal is None:
            removal = _Removal(payment_id, written, self.answering.seconds)
            self._removals[place] = removal
            self._waiting[payment_id].append(place)
        return removal

    def _forget_removal(self, place: Place) -> None:
        removal = self._removals.pop(place, None)
        if removal is not None:
            others = self._waiting[removal.payment_id]
            others.remove(place)
            if not others:
                del self._waiting[removal.payment_id]

    def _count(self, place: Place, removal: _Removal) -> None:
        """Let a clock run up to now, where it ran and still may."""
        runs = not self.pending(removal.payment_id) and self._caught_up(place, removal)
        if runs and removal.running:
            removal.elapsed += self.answering.seconds - removal.counted
        removal.counted = self.answering.seconds
        removal.running = runs

    def _caught_up(self, place: Place, removal: _Removal) -> bool:
        if self._horizon == inf:
            return False  # nobody has looked yet
        if self._oldest >= self._horizon:
            return True
        return place.partition in self._crowded and self._unsettled_since(place, removal) <= 0

    def _unsettled_since(self, place: Place, removal: _Removal) -> float:
        """Return for how long before the end of a removal's grace nothing that was written is settled yet.

        0 where everything is. A crowded partition does not wait for what is stuck.
        """
        oldest = self._oldest_moving if place.partition in self._crowded else self._oldest
        return max(0.0, removal.written + self._grace_of(removal) - oldest)

    def _no_longer_pending(self, place: Place, payment_id: str) -> list[Place]:
        pending = self._pending[payment_id]
        pending.discard(place)
        if pending:
            return []
        del self._pending[payment_id]
        return list(self._waiting.get(payment_id, ()))

    def _left(self, removal: _Removal) -> float:
        return self._grace_of(removal) - removal.elapsed

    def _grace_of(self, removal: _Removal) -> float:
        return 0.0 if removal.echo else self._grace


def _backoff(tries: int) -> float:
    """Return the seconds to wait behind try number ``tries``, from 1."""
    return min(_FIRST_WAIT * 2.0 ** min(tries - 1, 8), _LONGEST_WAIT)
