"""A group that shares one rate: processes learn of topics at different moments, and partitions move.

The shares never add up to more than the rate, through any rebalance and while topics come, grow and go; once
all is quiet they add up to all of it.
"""

from collections import defaultdict

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.core.api.shares import SETTLED_SECONDS, Shares
from consumer.core.records import Partition

#: Seconds within which each process looks at the brokers, a slow answer included.
LOOK_SECONDS = 13.0
TOPICS = ["payments", "refunds", "erasures", "chargebacks", "topups"]
PODS = [0, 1, 2]
TINY = 1e-9


class GroupMachine(RuleBasedStateMachine):
    """Three processes; the machine is broker, group coordinator and clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.topics = {"payments": 4}
        self.holders: dict[Partition, int] = {}
        self.pods = {pod: Shares() for pod in PODS}
        self.looked = dict.fromkeys(PODS, self.now)
        self.changed = 0.0
        self.deleted: set[str] = set()
        for pod in PODS:
            self.look(pod)

    @rule(pod=strategies.sampled_from(PODS))
    def look(self, pod: int) -> None:
        """A process asks the brokers what there is."""
        self.looked[pod] = self.now
        self.pods[pod].counted(self.topics, self.topics, self.now)

    @precondition(lambda self: self.now > self.changed + LOOK_SECONDS)
    @rule(pod=strategies.sampled_from(PODS))
    def restart(self, pod: int) -> None:
        """A process ends and starts anew: it holds nothing, and knows nothing before it has looked.

        Not within seconds after a topic has changed: what it then sees first counts for it at once.
        """
        self.revoke([partition for partition, holder in self.holders.items() if holder == pod])
        self.pods[pod] = Shares()
        self.look(pod)

    @rule(pod=strategies.sampled_from(PODS), data=strategies.data())
    def assign(self, pod: int, data: strategies.DataObject) -> None:
        """The group gives a process partitions that nobody holds, whether it knows of them or not."""
        free = [p for p in self.all_partitions() if p not in self.holders]
        given = data.draw(strategies.lists(strategies.sampled_from(free), unique=True)) if free else []
        self.holders.update(dict.fromkeys(given, pod))
        self.tell()

    @precondition(lambda self: self.holders)
    @rule(data=strategies.data())
    def take_back(self, data: strategies.DataObject) -> None:
        """Partitions are on their way from one to another: nobody has them."""
        self.revoke(data.draw(strategies.lists(strategies.sampled_from(sorted(self.holders)), unique=True)))

    @rule(topic=strategies.sampled_from(TOPICS), more=strategies.integers(1, 5))
    def grow(self, topic: str, more: int) -> None:
        """A topic is made, or gets more partitions; none is made anew."""
        if topic in self.deleted:
            return
        self.topics[topic] = self.topics.get(topic, 0) + more
        self.changed = self.now

    @precondition(lambda self: len(self.topics) > 1)
    @rule(data=strategies.data())
    def delete(self, data: strategies.DataObject) -> None:
        """A topic is deleted for good; its partitions are taken back."""
        topic = data.draw(strategies.sampled_from(sorted(self.topics)))
        del self.topics[topic]
        self.deleted.add(topic)
        self.changed = self.now
        self.revoke([partition for partition in self.holders if partition.topic == topic])

    @rule(seconds=strategies.floats(0, 30))
    def wait(self, seconds: float) -> None:
        """Time passes; nobody looks later than promised."""
        until = self.now + seconds
        while (next_look := min(self.looked.values()) + LOOK_SECONDS) < until:
            self.now = next_look
            for pod in PODS:
                if self.looked[pod] + LOOK_SECONDS <= self.now:
                    self.look(pod)
            self.never_too_much()
        self.now = until

    @invariant()
    def never_too_much(self) -> None:
        """All shares together are the rate at most."""
        assert sum(shares.share(self.now) for shares in self.pods.values()) <= 1 + TINY

    def teardown(self) -> None:
        """Let all be held and everybody know: nothing of the rate is left over."""
        for partition in self.all_partitions():
            self.holders.setdefault(partition, partition.number % len(PODS))
        self.tell()
        self.wait(3 * SETTLED_SECONDS)
        assert abs(sum(shares.share(self.now) for shares in self.pods.values()) - 1) < TINY

    def all_partitions(self) -> list[Partition]:
        """Return what there is."""
        return [Partition(topic, number) for topic, count in self.topics.items() for number in range(count)]

    def revoke(self, partitions: list[Partition]) -> None:
        """Let nobody hold them."""
        for partition in partitions:
            del self.holders[partition]
        self.tell()

    def tell(self) -> None:
        """Let each process know what it holds: the group tells it at once."""
        held: dict[int, set[Partition]] = defaultdict(set)
        for partition, pod in self.holders.items():
            held[pod].add(partition)
        for pod, shares in self.pods.items():
            shares.holds(held[pod])


GroupMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestGroup = GroupMachine.TestCase
