"""The breaker against a plain account that keeps everything and counts it anew each time."""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consumer.core.api.refusals import Refusals, Ruling
from consumer.core.meaning.intents import DeadLetterReason

TOPICS = ["payments", "refunds"]
PACE = 2.0
NOBODY = strategies.just(None)
SOME = strategies.integers(1, 60)


@dataclass
class Account:
    """One topic, by the book: ``judged`` since the start or since it last went on, True for a good record.

    ``went_on`` tells the two apart. ``reasons`` stand beside the bad ones. ``probes`` are those since the
    topic was stopped, None while it runs.
    """

    judged: list[bool] = field(default_factory=list)
    reasons: list[DeadLetterReason | None] = field(default_factory=list)
    went_on: bool = False
    probes: list[bool] | None = None
    letters_before_any_good: int = 0
    ever_good: bool = False

    def judge(self, reason: DeadLetterReason | None) -> None:
        """Enter a record; no reason: it was good."""
        self.judged.append(reason is None)
        self.reasons.append(reason)
        self.ever_good = self.ever_good or reason is None

    @property
    def too_many(self) -> bool:
        """What the rules say, word by word."""
        trusted = not self.went_on or self.judged.count(True) >= 200
        last = self.judged[-200:]
        enough = len(last) >= (50 if trusted else 10)
        share = enough and last.count(False) / len(last) > 0.20
        never = not self.ever_good and len(self.judged) >= 20
        return share or never

    def probe(self, *, good: bool) -> None:
        """Enter a probe; five good ones in a row let the topic go on, as the first of a new account."""
        assert self.probes is not None
        self.probes.append(good)
        if len(self.probes) >= 5 and all(self.probes[-5:]):
            self.judged, self.reasons = [True] * 5, [None] * 5
            self.went_on, self.probes, self.ever_good = True, None, True


class RefusalsMachine(RuleBasedStateMachine):
    """Topics that get better and worse, probes, late results, and time."""

    @initialize(until=strategies.none() | strategies.floats(0, 30))
    def begin(self, until: float | None) -> None:
        """A process starts; perhaps its operator accepts everything for a while."""
        self.until = until
        self.refusals = Refusals(accept_until=until, pace=PACE)
        self.now = 0.0
        self.accounts = {topic: Account() for topic in TOPICS}

    @rule(
        topic=strategies.sampled_from(TOPICS),
        count=SOME,
        reason=NOBODY | NOBODY | strategies.sampled_from(DeadLetterReason),
    )
    def judge(self, topic: str, count: int, reason: DeadLetterReason | None) -> None:
        """Records end; those of a stopped topic are late."""
        for _ in range(count):
            if reason is None:
                assert self.refusals.delivered(topic, probe=False) is None
                if self.accounts[topic].probes is None:
                    self.accounts[topic].judge(None)
            else:
                self.refuse(topic, reason)

    def refuse(self, topic: str, reason: DeadLetterReason) -> None:
        """Let one record be refused, and compare what becomes of it."""
        account = self.accounts[topic]
        ruling = self.refusals.refused(topic, reason, self.now, probe=False)
        if reason is DeadLetterReason.NOTHING_TO_REMOVE:
            assert ruling is Ruling.GIVE_UP, "a removal that found nothing says nothing"
            return
        if account.probes is not None:
            assert ruling is Ruling.KEEP
            return
        if self.until is not None and self.now < self.until:
            assert ruling is Ruling.GIVE_UP, "the operator wants all of them, and holds nothing against it"
            return
        account.judge(reason)
        stops = account.too_many
        assert ruling is (Ruling.STOPS if stops else Ruling.GIVE_UP)
        if stops:
            account.probes = []
        elif not account.ever_good:
            account.letters_before_any_good += 1

    @rule(topic=strategies.sampled_from(TOPICS), good=strategies.lists(strategies.booleans(), max_size=8))
    def mixed(self, topic: str, good: list[bool]) -> None:
        """Good and bad ones in turn."""
        for each in good:
            self.judge(topic, 1, None if each else DeadLetterReason.MAPPING)

    @rule(seconds=strategies.floats(0, 5))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @rule(
        ends=strategies.lists(strategies.sampled_from(["good", "good", "good", "bad", "else"]), max_size=9),
        takes=strategies.floats(0, 1),
    )
    def probe(self, ends: list[str], takes: float) -> None:
        """Each topic of which a probe is due sends one, again and again while the last one settled."""
        for topic in list(self.refusals.due(self.now)):
            for end in ends:
                if topic not in self.refusals.due(self.now):
                    break
                self.fly(topic, end, takes)

    def fly(self, topic: str, end: str, takes: float) -> None:
        """Send one probe. ``else``: it was settled in a way that says nothing, as a skip is."""
        self.refusals.probe_started(topic)
        assert topic not in self.refusals.due(self.now + 1000)
        self.now += takes
        if end == "good":
            over = self.refusals.delivered(topic, probe=True)
            self.accounts[topic].probe(good=True)
            assert (over is not None) is (self.accounts[topic].probes is None)
        elif end == "bad":
            ruling = self.refusals.refused(topic, DeadLetterReason.REFUSED, self.now, probe=True)
            assert ruling is Ruling.KEEP
            self.accounts[topic].probe(good=False)
        self.refusals.probe_ended(topic, self.now, settled=end != "bad")

    # --- what always holds ---

    @invariant()
    def the_same_topics_are_stopped(self) -> None:
        """Those of which the book says so, and no others; each says what it saw."""
        stopped = {topic for topic, account in self.accounts.items() if account.probes is not None}
        assert self.refusals.stopped == stopped
        for topic in TOPICS:
            stop, account = self.refusals.stop(topic), self.accounts[topic]
            assert (stop is not None) is (topic in stopped)
            if stop is not None:
                last = account.reasons[-200:]
                assert stop.reasons == Counter(reason for reason in last if reason is not None)
                assert stop.judged == len(last)

    @invariant()
    def a_start_writes_nineteen_letters_at_most(self) -> None:
        """While nothing was good, those aside that the operator wants."""
        assert all(account.letters_before_any_good <= 19 for account in self.accounts.values())

    @invariant()
    def a_stopped_topic_is_always_probed_in_the_end(self) -> None:
        """Between probes, each stopped topic has one due within the pace."""
        due = set(self.refusals.due(self.now + PACE))
        assert due == self.refusals.stopped


RefusalsMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestRefusals = RefusalsMachine.TestCase
