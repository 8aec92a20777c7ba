"""The report: what probes, scrapes and the status page are told is what is so."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from consumer.core.api.verdicts import HoldCause, Response
from consumer.core.errors import Unavailable, Unreadable
from consumer.core.meaning.intents import DeadLetterReason
from consumer.core.operations.logbook import Event
from consumer.core.operations.status import RatesHealth, RegistryHealth
from consumer.core.records import Partition
from consumer.edges.kafka.statistics import Ends
from consumer.edges.probes.page import page
from consumer.flow.report import STUCK_SECONDS, ErrorBook, Facts, Inputs, Rates, ReadFrom, Report
from tests.support.events import USER
from tests.support.fakes import FakeLog
from tests.support.rig import Rig, payments, produce, reached

HERE, THERE = Partition("payments", 0), Partition("payments", 1)
MAPPING = DeadLetterReason.MAPPING


@dataclass
class FakeGroup:
    """What the source knows of the group."""

    ends: Ends = field(default_factory=lambda: Ends({HERE: 10, THERE: 4}))
    joined: bool = True
    polled_at: float = field(default_factory=time.monotonic)


@dataclass
class FakeTopics:
    """What is known of the topics beside the consumer: ``ends`` win, None in them is not known."""

    ends: dict[Partition, int | None] = field(default_factory=dict)
    seconds: float | None = None
    counts: dict[str, int] = field(default_factory=lambda: {"payments": 2, "refunds": 3})
    names: tuple[str, ...] = ("payments", "refunds", "late")
    unmatched: tuple[str, ...] = ()

    def end(self, partition: Partition, fetched: int | None) -> int | None:
        """Return the end."""
        return self.ends.get(partition, fetched)

    def partitions(self, topic: str) -> int | None:
        """Return the count."""
        return self.counts.get(topic)

    def kept(self, topic: str) -> float | None:
        """Return the retention of every topic."""
        assert topic == "payments"
        return self.seconds


HEALTHY = RegistryHealth(reachable=True, trouble=None, known=3)


@dataclass
class Desk:
    """A rig, and a report on it."""

    rig: Rig
    group: FakeGroup
    topics: FakeTopics
    errors: ErrorBook
    report: Report


def make(rates: Rates | None = None) -> Desk:
    """Return a rig that does not run yet, and a report on it."""
    rig, group, topics = Rig(max_in_flight=3), FakeGroup(), FakeTopics()
    errors = ErrorBook(rig.log)
    report = Report(
        pipeline=rig.pipeline,
        traffic=rig.traffic,
        group=group,
        topics=topics,
        inputs=Inputs(lambda: False, lambda: HEALTHY, rates),
        errors=errors,
        facts=Facts(
            "the-group",
            [ReadFrom(("payments", "late"), "canonical"), ReadFrom(("^ref", "^p"), "paid, refunded")],
            3,
            {"kafka.topics": "payments"},
        ),
    )
    return Desk(rig, group, topics, errors, report)


#: What must stand nowhere: an id, a record's key, a user, an amount.
CANARIES = re.compile(rf"canary-payment|canary-key|{USER}|(?<![\d.])499(?:00|\.00?)?(?![\d.])")


def test_what_waits_is_reported_with_its_reason_and_nobodys_data() -> None:
    """On the wire, in backoff, behind the registry, for a letter, queued: each with why, none with whom."""

    async def scene() -> None:
        desk = make()
        rig = desk.rig
        names = {what: f"canary-payment-{what}" for what in ("wire", "again", "queued", "schema", "letter")}
        rig.api.hold(names["wire"])
        rig.api.always[names["again"]] = Response(503, retry_after=None)
        rig.api.always[names["letter"]] = Response(422)
        rig.decoder.trouble[names["schema"].encode()] = Unavailable("the registry is away")
        rig.box.missing.add("payments")
        for name in names.values():
            rig.source.timestamp_ms = int(time.time() * 1000) - 5000
            key = names["wire"] if name == names["queued"] else name
            produce(rig, HERE, [name], b"canary-key-" + key.encode())
        async with rig.running():
            rig.source.assign(HERE)
            await reached(
                lambda: rig.api.on_wire and rig.pipeline.lanes.parked == 3, "all are where they wait"
            )
            status = desk.report.status()
            assert {each.reason: each.records for each in status.waits} == {
                "503": 1,
                "registry": 1,
                "dead_letters": 1,
            }
            assert all(0 <= each.next_try_seconds <= 30 for each in status.waits)
            assert (status.in_flight, status.awaiting_turn, status.queued, status.parked) == (1, 0, 1, 3)
            oldest = status.partitions[0].oldest
            assert oldest is not None
            assert (oldest.offset, oldest.waits_for, oldest.tries, oldest.next_try_seconds) == (
                0,
                "answer",
                1,
                None,
            )
            assert oldest.age_seconds is not None
            assert 5 <= oldest.age_seconds < 60
            assert status.lease is not None
            assert 0 < status.lease.remaining_seconds <= status.lease.seconds
            for text in (msgspec.json.encode(status).decode(), page(status)):
                assert CANARIES.findall(text) == []

            rig.api.let_go(names["wire"])
            await reached(lambda: rig.source.committed(HERE) == 1, "the first one is done")
            head = desk.report.status().partitions[0].oldest
            assert head is not None
            assert head.offset == 1
            assert head.waits_for in {"503", "worker", "answer", "turn"}

    asyncio.run(scene())


def test_silence_is_reported() -> None:
    """How long the API wants no calls, and that records wait for that."""

    async def scene() -> None:
        desk = make()
        rig = desk.rig
        rig.api.script["pay-0"].append(Response(429, retry_after="60"))
        produce(rig, HERE, payments(1))
        async with rig.running():
            rig.source.assign(HERE)
            await reached(rig.traffic.silence, "the API asks for silence")
            produce(rig, HERE, payments(2, "more"))
            await reached(lambda: rig.pipeline.lanes.parked == 3, "all wait")
            status = desk.report.status()
            assert 50 < status.pace.now.silence <= 66
            assert {each.reason: each.records for each in status.waits} == {"429": 1, "silence": 2}

    asyncio.run(scene())


def test_a_lease_is_reported_while_partitions_are_held() -> None:
    """Without partitions there is nothing to prove; behind its end nothing is left."""

    async def scene() -> None:
        desk = make()
        rig = desk.rig
        assert desk.report.status().lease is None
        async with rig.running():
            rig.source.assign(HERE)
            await reached(rig.traffic.membership.holds, "it is proven")
            rig.source.refuse = 1_000_000
            rig.slept += 1000
            lease = desk.report.status().lease
            assert lease is not None
            assert lease.remaining_seconds == 0
            assert [hold.cause for hold in desk.report.status().holds] == [HoldCause.LEASE]
            assert desk.report.health().ready
            await rig.source.lose(HERE)
            assert desk.report.status().lease is None
            assert desk.report.status().holds == ()

    asyncio.run(scene())


def partition_series(desk: Desk) -> dict[str, set[str]]:
    """Return the names of all series that a scrape shows for each partition."""
    body, _ = desk.rig.metrics.exposition("")
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            if "partition" in sample.labels:
                found.setdefault(sample.labels["partition"], set()).add(sample.name)
    return found


def test_a_service_at_work_is_reported_as_it_is() -> None:
    """One call on the wire, one record parked, the rest queued: gauges, partitions and status agree."""

    async def scene() -> None:
        desk = make()
        rig = desk.rig
        rig.api.hold("slow")
        rig.decoder.trouble[b"bug"] = RuntimeError("a defect")
        produce(rig, HERE, ["done", "slow"])
        produce(rig, HERE, ["waiting"], b"slow")
        produce(rig, HERE, ["bug"])
        async with rig.running():
            rig.source.assign(HERE, THERE)
            await reached(
                lambda: rig.api.on_wire and rig.pipeline.lanes.parked and rig.source.committed(HERE) == 1,
                "one is done, one on the wire, one parked",
            )
            status = desk.report.status()
            assert (status.in_flight, status.max_in_flight, status.queued, status.parked) == (1, 3, 1, 1)
            here, there = status.partitions
            assert (here.position, here.committed, here.open, here.queued) == (4, 1, 3, 2)
            assert (here.lag, there.lag) == (9, 4)
            assert (there.position, there.open, there.queued, there.paused) == (0, 0, 0, "")
            assert (status.group, status.config) == ("the-group", {"kafka.topics": "payments"})
            assert status.registry is HEALTHY
            assert [(source.meaning, source.topics) for source in status.sources] == [
                ("canonical", ("payments", "late")),
                ("paid, refunded", ("refunds",)),
            ]
            gauges = desk.report.gauges()
            assert gauges.lag == {HERE: 9, THERE: 4}
            assert (gauges.assigned_partitions, gauges.topic_partitions, gauges.missing_topics) == (2, 5, 0)
            assert not gauges.key_file_ok
            assert gauges.uncommitted_age[HERE] < 5.0
            rig.api.let_go("slow")

    asyncio.run(scene())


class FakeExchange:
    """Rates whose file is broken."""

    trouble: str | None = "has no date (line 3)"

    def headroom(self) -> float | None:
        """Return an hour."""
        return 3600.0

    def describe(self) -> RatesHealth:
        """Return how they do."""
        return RatesHealth(date(2026, 3, 1), 31, self.trouble)


def test_rates_are_reported_where_something_is_converted() -> None:
    """Gauges and status agree; without conversion there is no headroom and no section."""

    async def scene() -> None:
        desk = make()
        assert desk.report.status().rates is None
        assert (desk.report.gauges().rates_file_ok, desk.report.gauges().rates_headroom) == (True, None)
        desk = make(FakeExchange())
        assert desk.report.status().rates == FakeExchange().describe()
        assert (desk.report.gauges().rates_file_ok, desk.report.gauges().rates_headroom) == (False, 3600.0)
        exchange = FakeExchange()
        exchange.trouble = None
        assert make(exchange).report.gauges().rates_file_ok

    asyncio.run(scene())


def test_lag_that_nobody_knows_is_left_out() -> None:
    """A partition whose end the client has not told is absent, and an end behind us is no negative lag."""

    async def scene() -> None:
        desk = make()
        desk.group.ends = Ends({THERE: -5})
        async with desk.rig.running():
            desk.rig.source.assign(HERE, THERE)
            await reached(lambda: desk.report.gauges().lag == {THERE: 0}, "the start is committed")
            assert [partition.lag for partition in desk.report.status().partitions] == [None, 0]

    asyncio.run(scene())


def test_an_end_that_the_leader_tells_is_worth_more_than_a_fetched_one() -> None:
    """What is paused is not fetched, and its lag grows all the same; an unknown end makes no lag."""

    async def scene() -> None:
        desk = make()
        desk.topics.ends = {HERE: 250, THERE: None}
        async with desk.rig.running():
            desk.rig.source.assign(HERE, THERE)
            await reached(lambda: desk.report.gauges().lag, "the start is committed")
            assert desk.report.gauges().lag == {HERE: 250}

    asyncio.run(scene())


def test_a_topic_that_is_not_there_is_counted() -> None:
    """Its payments come from nowhere, and no other number would show it; what is not known yet is no loss."""
    desk = make()
    desk.topics.counts = {"payments": 2, "refunds": 0}
    gauges = desk.report.gauges()
    assert (gauges.topic_partitions, gauges.missing_topics) == (2, 1)


def test_a_pattern_that_matches_nothing_is_counted_and_told() -> None:
    """Nobody is paged by a service that waits for ever without a word."""
    desk = make()
    desk.topics.names, desk.topics.unmatched, desk.group.joined = (), ("^late", "^later"), False
    assert desk.report.gauges().missing_topics == 2
    health = desk.report.health()
    assert (health.live, health.ready) == (True, False)
    assert "the consumer group is not joined yet: no topic matches a pattern of ours" in health.reasons


def test_the_marker_of_a_transaction_is_no_lag() -> None:
    """Behind the last record of a transaction is an offset that no record will ever have."""

    async def scene() -> None:
        desk = make()
        produce(desk.rig, HERE, payments(2))
        async with desk.rig.running():
            desk.rig.source.assign(HERE)
            await reached(lambda: desk.rig.source.committed(HERE) == 2, "all is committed")
            desk.group.ends = Ends({HERE: 3}, {HERE: 2})
            assert desk.report.gauges().lag == {HERE: 1}
            desk.group.ends = Ends({HERE: 3}, {HERE: 3})
            assert desk.report.gauges().lag == {HERE: 0}

    asyncio.run(scene())


def test_a_revoked_partition_leaves_no_series() -> None:
    """A scrape right after the hand-over shows the partition at its new owner only."""

    async def scene() -> None:
        desk = make()
        desk.topics.seconds = 7200.0
        desk.group.ends = Ends({HERE: 0, THERE: 0})
        desk.rig.metrics.observe(desk.report.gauges)
        async with desk.rig.running():
            desk.rig.source.assign(HERE, THERE)
            await reached(lambda: len(desk.report.gauges().lag) == 2, "both starts are committed")
            assert {partition: len(names) for partition, names in partition_series(desk).items()} == {
                "0": 3,
                "1": 3,
            }
            await desk.rig.source.revoke(THERE)
            assert partition_series(desk).keys() == {"0"}

    asyncio.run(scene())


def test_headroom_shrinks_with_the_oldest_open_record() -> None:
    """Retention less age while a record is open, all of it afterwards; absent where either is not known."""

    async def scene() -> None:
        desk = make()
        desk.rig.source.timestamp_ms = int((time.time() - 3600) * 1000)
        desk.rig.api.hold("pay-0")
        produce(desk.rig, HERE, payments(1))
        desk.group.ends = Ends({HERE: 1})
        async with desk.rig.running():
            desk.rig.source.assign(HERE, THERE)
            await reached(lambda: desk.rig.api.on_wire, "a record is open")
            assert desk.report.gauges().retention_headroom == {}
            desk.topics.seconds = 7200.0
            (left,) = desk.report.gauges().retention_headroom.items()
            assert desk.report.gauges().retention == {"payments": 7200.0}
            assert left[0] == HERE
            assert 3500 < left[1] <= 3600
            here, there = desk.report.status().partitions
            assert here.headroom_seconds == pytest.approx(left[1], abs=5.0)
            assert there.headroom_seconds is None
            desk.rig.api.let_go("pay-0")
            await reached(lambda: desk.rig.source.committed(HERE) == 1, "it is done")
            assert desk.report.gauges().retention_headroom == {HERE: 7200.0}

    asyncio.run(scene())


def test_a_partition_that_is_held_and_not_fetched_gets_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is received, so nothing is open: it is late all the same, and nearer to its deletion."""

    async def scene() -> None:
        desk = make()
        desk.topics.seconds = 7200.0
        desk.group.ends = Ends({HERE: 0, THERE: 4})
        async with desk.rig.running():
            desk.rig.source.assign(HERE, THERE)
            await reached(lambda: len(desk.report.gauges().lag) == 2, "both starts are committed")
            first, begun = desk.report.gauges(), desk.rig.traffic.clock()
            assert first.freshness_seconds < 60
            monkeypatch.setattr(desk.rig.traffic, "clock", lambda: begun + 900)
            later = desk.report.gauges()
            assert 900 <= later.freshness_seconds < 960
            assert later.retention_headroom[HERE] == 7200.0
            assert 6240 < later.retention_headroom[THERE] <= 6300
            desk.group.ends = Ends({HERE: 0, THERE: 0})
            assert desk.report.gauges().freshness_seconds == 0.0

    asyncio.run(scene())


def test_a_healthy_service_is_live_and_ready() -> None:
    """Joined, ticking, no hold: nothing to say against it."""

    async def scene() -> None:
        health = make().report.health()
        assert (health.started, health.live, health.ready, health.reasons) == (True, True, True, ())

    asyncio.run(scene())


def _not_joined(desk: Desk) -> None:
    desk.group.joined = False


def _draining(desk: Desk) -> None:
    desk.report.draining = True


def _poll_stuck(desk: Desk) -> None:
    desk.group.polled_at -= STUCK_SECONDS + 1


def _watch_stuck(desk: Desk) -> None:
    desk.rig.pipeline.ticked_at -= STUCK_SECONDS + 1


@pytest.mark.parametrize(
    ("change", "live", "word"),
    [
        (_not_joined, True, "joined"),
        (_draining, True, "stopping"),
        (_poll_stuck, False, "not moved"),
        (_watch_stuck, False, "not moved"),
    ],
)
def test_what_is_wrong_is_said(change: Callable[[Desk], None], *, live: bool, word: str) -> None:
    """Not ready says why; only a loop that does not move makes it not live."""

    async def scene() -> None:
        desk = make()
        change(desk)
        health = desk.report.health()
        assert (health.live, health.ready) == (live, False)
        assert len(health.reasons) == 1
        assert word in health.reasons[0]

    asyncio.run(scene())


def test_a_stuck_loop_is_told_once() -> None:
    """Probes come every few seconds; the log line comes at the beginning."""

    async def scene() -> None:
        desk = make()
        _poll_stuck(desk)
        desk.report.health()
        desk.report.health()
        assert len(desk.rig.log.told(Event.STUCK)) == 1

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("status", "cause", "auth_ok"),
    [
        (401, HoldCause.CREDENTIALS, False),
        (404, HoldCause.ADDRESS, True),
    ],
)
def test_a_hold_of_all_calls_is_not_ready(status: int, cause: HoldCause, *, auth_ok: bool) -> None:
    """A rollout with a wrong key or address stops at its first pod, which says what to mend."""

    async def scene() -> None:
        desk = make()
        desk.rig.api.answer = Response(status)
        produce(desk.rig, HERE, payments(1))
        async with desk.rig.running():
            desk.rig.source.assign(HERE)
            await reached(lambda: desk.rig.log.told(Event.HOLD_STARTED), "the hold is told")
            health = desk.report.health()
            assert (health.live, health.ready) == (True, False)
            assert cause.value in health.reasons[0]
            gauges = desk.report.gauges()
            assert (gauges.holding, gauges.auth_ok) == (frozenset({cause}), auth_ok)
            (hold,) = desk.report.status().holds
            assert hold.cause is cause
            assert hold.since <= desk.report.status().at
            assert hold.cure

    asyncio.run(scene())


def test_a_hold_of_a_part_is_ready() -> None:
    """A partition that is out of range is no reason to take the pod out of service."""

    async def scene() -> None:
        desk = make()
        async with desk.rig.running():
            desk.rig.source.assign(HERE)
            desk.rig.pipeline.out_of_range(HERE)
            assert desk.report.health().ready
            (hold,) = desk.report.status().holds
            assert hold.cause is HoldCause.OUT_OF_RANGE
            assert desk.report.status().partitions[0].paused == "out_of_range"

    asyncio.run(scene())


def test_a_stopped_topic_is_ready_and_told_with_its_reasons() -> None:
    """The hold has its cure; beside it stands what the breaker saw, and how far its probes are."""

    async def scene() -> None:
        desk = make()
        rig = desk.rig
        names = payments(40)
        rig.decoder.trouble.update((n.encode(), Unreadable(MAPPING, "amount")) for n in names)
        produce(rig, HERE, names)
        async with rig.running():
            rig.source.assign(HERE)
            await reached(lambda: rig.refusals.stopped, "the topic is stopped")
            assert desk.report.health().ready
            status = desk.report.status()
            (hold,) = status.holds
            assert hold.cause is HoldCause.REFUSALS
            (stop,) = status.stopped_topics
            assert (stop.topic, stop.judged, stop.reasons) == ("payments", 20, {"mapping": 20})
            assert (stop.good_probes, stop.probes_needed) == (0, 5)
            assert abs((status.at - stop.since).total_seconds()) < 5
            assert "linkrunner.accept_refusals_until" in stop.way_out
            assert desk.report.gauges().holding == {HoldCause.REFUSALS}
            rig.decoder.trouble.clear()
            await reached(lambda: not desk.report.status().holds, "the hold is over")
            assert desk.report.status().stopped_topics == ()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("age", "low", "high"), [(3600.0, 3600.0, 3700.0), (-3600.0, 0.0, 0.0), (None, 0.0, 0.0)]
)
def test_freshness_is_the_age_of_the_oldest_open_record(age: float | None, low: float, high: float) -> None:
    """Seconds since its timestamp; never negative where a producer's clock runs ahead; 0 without one."""

    async def scene() -> None:
        desk = make()
        desk.rig.source.timestamp_ms = None if age is None else int((time.time() - age) * 1000)
        desk.rig.api.hold("pay-0")
        produce(desk.rig, HERE, payments(1))
        desk.group.ends = Ends({HERE: 1})
        async with desk.rig.running():
            desk.rig.source.assign(HERE)
            await reached(lambda: desk.rig.api.on_wire, "a record is open")
            assert low <= desk.report.gauges().freshness_seconds <= high
            desk.rig.api.let_go("pay-0")
            await reached(lambda: desk.rig.source.committed(HERE) == 1, "it is done")
            assert desk.report.gauges().freshness_seconds == 0.0

    asyncio.run(scene())


def test_the_error_book_remembers_the_latest_of_each_cause() -> None:
    """Trouble is kept with its count, the newest first, each cause by itself; the rest is only logged."""
    log = FakeLog()
    book = ErrorBook(log)

    book(Event.STARTING, version="1")
    book(Event.HOLD_STARTED, cause="credentials", cure="replace the key")
    book(Event.COMMIT_FAILED, result="timeout")
    book(Event.CALL_RETRIED, topic="t", partition=0, offset=7, reason="500")
    book(Event.HOLD_STARTED, cause="span")
    book(Event.CALL_RETRIED, topic="t", partition=0, offset=7, reason="timeout")
    book(Event.CALL_RETRIED, topic="t", partition=0, offset=7, reason="500")
    book(Event.KAFKA_ERROR, error="_TRANSPORT")

    assert [(entry.event, entry.cause, entry.text, entry.count) for entry in book.entries()] == [
        ("kafka_error", "", "_TRANSPORT", 1),
        ("call_retried", "500", Event.CALL_RETRIED.meaning, 2),
        ("call_retried", "timeout", Event.CALL_RETRIED.meaning, 1),
        ("hold_started", "span", Event.HOLD_STARTED.meaning, 1),
        ("commit_failed", "timeout", Event.COMMIT_FAILED.meaning, 1),
        ("hold_started", "credentials", "replace the key", 1),
    ]
    assert len(log.lines) == 8


def test_the_error_book_does_not_grow() -> None:
    """Targets may be many: the causes that were not seen for longest are forgotten."""
    book = ErrorBook(FakeLog())
    for number in range(1000):
        book(Event.PATTERN_UNMATCHED, target=f"^topic{number}")
    entries = book.entries()
    assert (len(entries), entries[0].cause) == (100, "^topic999")
