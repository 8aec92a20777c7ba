"""The lease: a proof is good for some seconds from when it was asked for, and never a moment longer."""

from typing import Final

import pytest
from hypothesis import given, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.core.partitions.lease import (
    ATTEMPT_SECONDS,
    FIRST_PROOF_SECONDS,
    LEAST,
    MOST,
    RENEW,
    Lease,
    calls_outlast,
    lease_seconds,
)

SECONDS: Final = 9.0


def proven_lease(at: float = 100.0) -> Lease:
    """Return a lease whose last proof was asked for then."""
    lease = Lease(SECONDS)
    lease.begin(at)
    lease.asked(at)
    lease.proven(at)
    return lease


def test_nothing_is_sent_before_the_first_proof() -> None:
    """Partitions alone are no proof; it is asked for at once."""
    lease = Lease(SECONDS)
    lease.begin(100.0)

    assert not lease.holds(100.0)
    assert lease.due(100.0) == 0.0
    assert lease.age(100.0) is None


def test_a_proof_counts_from_when_it_was_asked_for() -> None:
    """However late the answer comes: the session of the group may have begun to run out right behind it."""
    lease = Lease(SECONDS)
    lease.begin(100.0)
    lease.asked(100.0)
    lease.proven(100.0)  # heard at 107

    assert lease.holds(107.0)
    assert lease.remaining(107.0) == SECONDS - 7
    assert lease.age(107.0) == 7.0
    assert not lease.holds(100.0 + SECONDS)


def test_an_answer_that_comes_behind_the_lease_gives_nothing() -> None:
    """What waited in a socket while the process was frozen is old news; a new proof is asked for at once."""
    lease = Lease(SECONDS)
    lease.begin(100.0)
    lease.asked(100.0)
    lease.proven(100.0)  # heard at 160

    assert not lease.holds(160.0)
    assert lease.due(160.0) == 0.0


def test_an_older_proof_changes_nothing() -> None:
    """Answers may overtake each other."""
    lease = proven_lease(at=105.0)
    lease.proven(103.0)

    assert lease.remaining(105.0) == SECONDS


def test_a_proof_is_renewed_in_time_for_two_more_attempts() -> None:
    """A third of the lease is where it is asked for again, and not before."""
    lease = proven_lease(at=100.0)

    assert lease.due(100.0) == pytest.approx(SECONDS * RENEW)
    assert lease.due(100.0 + SECONDS * RENEW) == pytest.approx(0.0)


def test_attempts_keep_a_distance() -> None:
    """A coordinator that refuses is not asked in a loop."""
    lease = proven_lease(at=100.0)
    lease.asked(150.0)

    assert lease.due(150.0) == ATTEMPT_SECONDS
    assert lease.due(150.0 + ATTEMPT_SECONDS) == 0.0


def test_the_first_proof_has_a_moment_before_it_is_missed() -> None:
    """A start is no alarm; a start without a proof is one."""
    lease = Lease(SECONDS)
    lease.begin(100.0)

    assert not lease.missing(100.0)
    assert not lease.missing(100.0 + FIRST_PROOF_SECONDS - 0.1)
    assert lease.missing(100.0 + FIRST_PROOF_SECONDS)


def test_a_proof_that_has_run_out_is_missed_at_once() -> None:
    """A stop that nobody hears of would be a riddle."""
    lease = proven_lease(at=100.0)

    assert not lease.missing(100.0 + SECONDS - 0.1)
    assert lease.missing(100.0 + SECONDS)


def test_more_partitions_change_nothing() -> None:
    """Partitions that come to a process that has a proof neither prolong nor end it."""
    lease = proven_lease(at=100.0)
    lease.begin(105.0)

    assert lease.remaining(105.0) == SECONDS - 5


def test_the_end_of_a_membership_ends_its_lease() -> None:
    """And what was asked for in it proves nothing of the next one, however it is answered."""
    lease = proven_lease(at=100.0)
    lease.asked(102.0)
    lease.over(103.0)
    lease.proven(102.0)

    assert not lease.holds(103.0)
    lease.begin(104.0)
    lease.asked(104.0)
    lease.proven(104.0)
    assert lease.holds(104.0)


@pytest.mark.parametrize(
    ("session", "call", "seconds"),
    [
        (15.0, 10.0, 5.0),
        (45.0, 10.0, 27.0),
        (30.0, 10.0, 18.0),
        (6.0, 2.0, 3.6),
        (6.0, 10.0, 2.0),
    ],
)
def test_the_length_follows_the_session(session: float, call: float, seconds: float) -> None:
    """0.6 of it, and less where calls are slow, so that one from its very end is over in time."""
    assert lease_seconds(session, call) == pytest.approx(seconds)


@given(session=strategies.floats(1, 3600), call=strategies.floats(0.1, 120))
def test_calls_are_over_before_a_successor_begins_or_it_is_told(session: float, call: float) -> None:
    """The lease ends well before the session; where calls last longer than the rest, somebody is warned."""
    lease = lease_seconds(session, call)
    assert LEAST * session <= lease <= MOST * session * (1 + 1e-9)
    assert calls_outlast(session, call) == (lease + call > session)
    if call <= session * (1 - LEAST) * (1 - 1e-9):
        assert lease + call <= session * (1 + 1e-9)


class LeaseMachine(RuleBasedStateMachine):
    """A process and its group: commits are asked for, taken, answered late or never, and the group forgets.

    The group gives the partitions away ``session`` seconds after the last commit that it took. Whatever
    happens, the lease is over by then.
    """

    def __init__(self) -> None:
        super().__init__()
        self.session = 15.0
        self.lease = Lease(lease_seconds(self.session, 10.0))
        self.now = 100.0
        self.member = False
        self.taken: float | None = None
        #: Commits on their way: when they were asked for, and whether the group took them.
        self.answers: list[tuple[float, bool]] = []
        self.heard_of_end = True

    @rule(seconds=strategies.floats(0, 20))
    def time_passes(self, seconds: float) -> None:
        """Nothing is heard, or the process is frozen: the clock goes on either way."""
        self.now += seconds
        if self.taken is not None and self.now >= self.taken + self.session:
            self.member = False

    @precondition(lambda self: not self.member and self.heard_of_end)
    @rule()
    def join(self) -> None:
        """The group takes the process in and gives it partitions; its session begins."""
        self.member, self.heard_of_end = True, False
        self.taken = self.now
        self.lease.begin(self.now)

    @rule()
    def ask(self) -> None:
        """A commit is sent; a living member's is taken at once, and its session begins anew."""
        self.lease.asked(self.now)
        if self.member:
            self.taken = self.now
        self.answers.append((self.now, self.member))

    @precondition(lambda self: self.answers)
    @rule(data=strategies.data())
    def answer(self, data: strategies.DataObject) -> None:
        """An answer arrives, in whatever order."""
        asked, taken = self.answers.pop(data.draw(strategies.integers(0, len(self.answers) - 1)))
        if taken:
            self.lease.proven(asked)

    @precondition(lambda self: self.answers)
    @rule()
    def no_answer(self) -> None:
        """An answer gets lost."""
        self.answers.pop()

    @precondition(lambda self: not self.member and not self.heard_of_end)
    @rule()
    def hear_of_the_end(self) -> None:
        """The process learns that it is out, long after that."""
        self.lease.over(self.now)
        self.heard_of_end = True

    @precondition(lambda self: self.member)
    @rule()
    def be_thrown_out(self) -> None:
        """The group ends the membership and says so at once."""
        self.member, self.heard_of_end = False, True
        self.lease.over(self.now)

    @invariant()
    def only_a_member_sends(self) -> None:
        """While the lease holds, no other process can have the partitions."""
        assert self.member or not self.lease.holds(self.now)

    @invariant()
    def a_lease_ends_by_itself(self) -> None:
        """And not later than its length from now."""
        assert self.lease.remaining(self.now) <= self.lease.seconds
        assert not self.lease.holds(self.now + self.lease.remaining(self.now))

    @invariant()
    def it_is_asked_again_in_time(self) -> None:
        """Somebody who asks when it is due keeps the lease, and nobody asks without end."""
        due = self.lease.due(self.now)
        assert due == 0.0 or self.lease.due(self.now + due) == pytest.approx(0.0, abs=1e-6)
        if self.lease.holds(self.now):
            assert due <= max(self.lease.remaining(self.now) - self.lease.seconds / 3, ATTEMPT_SECONDS) + 1e-6


LeaseMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=40)
TestLease = LeaseMachine.TestCase
