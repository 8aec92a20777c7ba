"""Could a pod use what others leave of the rate? A discrete-event model of ways to lend it without a store.

Six pods hold a partition each and share 24 calls a second. One of them always has work; the others have
nothing, then all get work at the same moment: a producer came back, a campaign began, midnight. What the
pods can learn of one another is in Kafka: committed offsets and ends, asked for now and then. The pacer is
the real one.
"""

import random
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from consumer.core.api.pacing import Pacer

RATE: Final = 24.0
PODS: Final = 6
#: When the others get work, and when all ends.
WAKE: Final = 61.1
END: Final = 120.0
#: Payments a second for each pod that has little to do.
TRICKLE: Final = 0.05


@dataclass
class Pod:
    """A pod: what it has to do, what it knows of the others, and since when it has work again."""

    number: int
    pacer: Pacer
    arrivals: list[float]
    looked: float
    busy_seen: int = 1
    busy_since: float | None = None
    sent: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)

    def waiting(self, now: float) -> bool:
        """Tell whether it has a call to make."""
        return bool(self.arrivals) and self.arrivals[0] <= now


@dataclass(frozen=True, slots=True)
class Policy:
    """A way to share.

    ``look_seconds`` is how often a pod asks Kafka who has work. ``limit`` gives a pod's calls a second.
    ``hold_back`` is for how many seconds a pod that had nothing to do waits before its first call.
    """

    name: str
    limit: Callable[[Pod], float]
    look_seconds: float = 10.0
    hold_back: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a policy.

    ``hot`` is how many calls a second the busy pod had while the others had none, ``worst`` the most calls of
    all pods in a second, ``delay`` the mean seconds that a payment waited at a pod that has few.
    """

    name: str
    hot: float
    worst: int
    delay: float

    def row(self) -> str:
        """Return the line of a table."""
        return f"| {self.name} | {self.hot:.0f} | {self.worst} | {self.delay:.1f} |"


def own_share(_: Pod) -> float:
    """Return what a pod has of its own."""
    return RATE / PODS


def divided_by_busy(pod: Pod) -> float:
    """Return the rate divided among those that were seen busy, ourselves included."""
    return RATE / max(1, pod.busy_seen)


def lent_to_who_was_busy(pod: Pod) -> float:
    """Return the same for a pod that has been busy for longer than a look, its own share for any other."""
    settled = pod.busy_since is not None and pod.busy_since < pod.looked
    return divided_by_busy(pod) if settled else own_share(pod)


POLICIES: Final = (
    Policy("shares by partitions (ours)", own_share),
    Policy("the rate divided by those seen busy, a look each 10 s", divided_by_busy),
    Policy("the same, a look each second", divided_by_busy, look_seconds=1.0),
    Policy("who returns begins with its own share, a look each 10 s", lent_to_who_was_busy),
    Policy("the same, a look each second", lent_to_who_was_busy, look_seconds=1.0),
    Policy("the same, and who returns waits for two looks of 1 s", lent_to_who_was_busy, 1.0, 2.0),
    Policy("the same, with looks of 10 s", lent_to_who_was_busy, 10.0, 20.0),
)


def play(policy: Policy) -> Result:
    """Return what comes of a policy."""
    rush = _play(policy, [[0.0] * 5000, *([WAKE] * 2000 for _ in range(PODS - 1))])
    trickle = _play(policy, [[0.0] * 5000, *(_trickle(number) for number in range(1, PODS))])
    sent = sorted(moment for pod in rush for moment in pod.sent)
    worst = max(bisect_left(sent, at + 1.0 - 1e-6) - n for n, at in enumerate(sent))
    delays = [delay for pod in trickle[1:] for delay in pod.delays]
    hot = bisect_left(rush[0].sent, WAKE) - bisect_left(rush[0].sent, WAKE / 2)
    return Result(policy.name, hot / (WAKE / 2), worst, sum(delays) / len(delays))


def _trickle(seed: int) -> list[float]:
    dice, now, arrivals = random.Random(seed), 0.0, []
    while now < END:
        now += dice.expovariate(TRICKLE)
        arrivals.append(now)
    return arrivals


def _play(policy: Policy, work: list[list[float]]) -> list[Pod]:
    pods = [
        # They do not look all at the same moment.
        Pod(number, Pacer(0.0), arrivals, -policy.look_seconds * number / PODS)
        for number, arrivals in enumerate(work)
    ]
    now = 0.0
    while now < END:
        now = min(_step(policy, pod, pods, now) for pod in pods)
    return pods


def _step(policy: Policy, pod: Pod, pods: list[Pod], now: float) -> float:
    """Let a pod do what it can do now; return when it has to be asked again."""
    next_look = pod.looked + policy.look_seconds
    if next_look <= now:
        pod.looked, next_look = now, now + policy.look_seconds
        pod.busy_seen = sum(other.waiting(now) or other is pod for other in pods)
    if not pod.waiting(now):
        pod.busy_since = None
        return min(next_look, pod.arrivals[0] if pod.arrivals else END)
    if pod.busy_since is None:
        pod.busy_since = now
    pod.pacer.limit(now, policy.limit(pod))
    begins = pod.busy_since + policy.hold_back if pod.busy_since > 0 else now
    if now < begins:
        return min(next_look, begins)
    if pod.pacer.take(now):
        pod.sent.append(now)
        pod.delays.append(now - pod.arrivals.pop(0))
        return now
    return min(next_look, now + pod.pacer.due(now))
