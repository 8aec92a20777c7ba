"""Gates: one probe at a time while shut, and no belief in what began before the last change."""

from consumer.core.api.gates import DOUBT_LIMIT, PROBE_PACE, Doubt, Gate, Pass
from consumer.core.api.verdicts import HoldCause

CAUSE = HoldCause.CREDENTIALS


def shut_gate(at: float = 100.0) -> Gate:
    """Return a gate that was shut then."""
    gate = Gate()
    gate.shut_for(CAUSE, at)
    return gate


def test_an_open_gate_lets_everybody_pass() -> None:
    """While nothing is wrong there are no probes and nothing to wait for."""
    gate = Gate()

    assert [gate.ask(0.0), gate.ask(0.0)] == [Pass.FREE, Pass.FREE]
    assert not gate.shut
    assert gate.next_probe() is None


def test_a_shut_gate_lets_one_probe_pass_at_a_time() -> None:
    """Nobody passes before the pace is over, then one, and nobody beside it however long it takes."""
    gate = shut_gate(at=100.0)
    due = 100.0 + PROBE_PACE

    assert gate.next_probe() == due
    assert gate.ask(due - 0.001) is Pass.SHUT
    assert gate.ask(due) is Pass.PROBE
    assert gate.ask(due + 1000.0) is Pass.SHUT
    assert gate.next_probe() is None


def test_a_probe_that_failed_is_followed_at_the_pace() -> None:
    """A real try that failed spends the pace; the gate stays shut."""
    gate = shut_gate()
    gate.ask(110.0)

    gate.probe_ended(111.0, tried=True)

    assert gate.ask(111.0) is Pass.SHUT
    assert gate.ask(111.0 + PROBE_PACE) is Pass.PROBE


def test_no_probe_passes_before_what_the_host_asked_for() -> None:
    """Not by the pace, not because a probe tried nothing, not after the gate opened and shut again."""
    gate = shut_gate(at=100.0)
    gate.postpone(130.0)
    gate.postpone(120.0)
    assert gate.next_probe() == 130.0
    assert gate.ask(129.9) is Pass.SHUT

    gate.probe_ended(110.0, tried=False)
    assert gate.ask(129.9) is Pass.SHUT
    gate.open(111.0)
    gate.shut_for(CAUSE, 112.0)
    assert gate.ask(129.9) is Pass.SHUT
    assert gate.ask(130.0) is Pass.PROBE


def test_a_probe_that_tried_nothing_is_followed_at_once() -> None:
    """A record that needed no call (a skip) must not cost the next one its turn."""
    gate = shut_gate()
    gate.ask(110.0)

    gate.probe_ended(111.0, tried=False)

    assert gate.ask(111.0) is Pass.PROBE


def test_opening_ends_everything() -> None:
    """The cause is told once, and a gate that is shut again has no probe left over from before."""
    gate = shut_gate()
    gate.ask(110.0)

    assert gate.open(111.0) is CAUSE
    assert gate.open(111.5) is None
    assert gate.ask(112.0) is Pass.FREE
    gate.shut_for(CAUSE, 120.0)
    assert gate.ask(120.0 + PROBE_PACE) is Pass.PROBE


def test_only_a_new_cause_is_news() -> None:
    """The same fault again changes nothing, least of all when the next probe is due."""
    gate = Gate()

    assert gate.shut_for(CAUSE, 100.0)
    assert not gate.shut_for(CAUSE, 101.0)
    assert gate.shut_for(HoldCause.ADDRESS, 101.0)
    assert gate.cause is HoldCause.ADDRESS
    assert gate.since == 100.0
    assert gate.next_probe() == 100.0 + PROBE_PACE


def test_what_began_before_the_last_change_proves_nothing() -> None:
    """An old success does not open a shut gate, and an old failure does not shut an opened one."""
    gate = Gate()
    assert gate.trusts(0.0)

    gate.shut_for(CAUSE, 100.0)
    assert not gate.trusts(99.9)
    assert gate.trusts(102.0)

    gate.open(104.0)
    assert not gate.trusts(102.0)
    assert gate.trusts(104.0)


def test_doubt_grows_to_a_hold_only_without_a_real_answer() -> None:
    """Over a minute of nothing but doubtful answers makes the address wrong; a real answer resets it."""
    doubt = Doubt()

    assert not doubt.doubtful(0.0)
    assert not doubt.doubtful(DOUBT_LIMIT)
    assert doubt.doubtful(DOUBT_LIMIT + 0.1)
    doubt.answered()
    assert not doubt.doubtful(DOUBT_LIMIT + 0.2)
    assert not doubt.doubtful(2 * DOUBT_LIMIT)
    assert doubt.doubtful(2 * DOUBT_LIMIT + 0.3)
