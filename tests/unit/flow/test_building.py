"""Building: what the settings say becomes what the parts are told."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from consumer import __version__
from consumer.core.api.calls import PlanRules
from consumer.core.api.refusals import LIMITS, Ruling
from consumer.core.api.verdicts import Again, Delivered
from consumer.core.letters import Letter, Sender, Stage
from consumer.core.meaning.intents import DeadLetterReason
from consumer.core.meaning.lifecycle import LifecyclePolicy, Status
from consumer.core.meaning.rates import RateTable
from consumer.core.records import Partition, Record
from consumer.core.settings.tree import Settings
from consumer.flow.building import (
    allotment,
    delivery_rules,
    giving_up,
    letters_at_once,
    lifecycle_policy,
    refusals,
    turns,
)
from consumer.flow.delivery import CallRules, Rules
from tests.support.fakes import FakeBox, FakeLog

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def settings(**linkrunner: object) -> Settings:
    """Return settings with these of the API."""
    return of({"linkrunner": linkrunner})


def of(sections: Mapping[str, Mapping[str, object]]) -> Settings:
    """Return settings with these sections."""
    return Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": "a:9092", "topics": ["payments"], "group_id": "revenue"},
            "currency": {"accept": ["INR"]},
            **sections,
        }
    )


@pytest.mark.parametrize(
    ("until", "accepted_for"),
    [
        (None, 0.0),
        ("2026-03-01T11:59:59Z", 0.0),
        ("2026-03-01T12:00:00Z", 0.0),
        ("2026-03-01T12:01:00Z", 60.0),
        ("2026-03-01T17:31:00+05:30", 60.0),
    ],
)
def test_bad_records_are_accepted_until_the_time_that_is_set(until: str | None, accepted_for: float) -> None:
    """By the steady clock, from the start on; a time that has passed has no effect."""
    breaker = refusals(settings(accept_refusals_until=until), wall=NOON, clock=5_000.0)

    def refuse(count: int, now: float) -> list[Ruling]:
        reason = DeadLetterReason.MAPPING
        return [breaker.refused("payments", reason, now, probe=False) for _ in range(count)]

    if accepted_for:
        assert set(refuse(LIMITS.in_a_row, 5_000.0 + accepted_for - 0.1)) == {Ruling.GIVE_UP}
    assert refuse(LIMITS.in_a_row, 5_000.0 + accepted_for)[-1] is Ruling.STOPS


@pytest.mark.parametrize(("max_in_flight", "letters"), [(1, 1), (2, 1), (4, 2), (32, 8), (1024, 8)])
def test_letters_leave_half_of_the_places_to_calls(max_in_flight: int, letters: int) -> None:
    """Brokers of dead letters that do not answer must not stop what needs none."""
    assert letters_at_once(settings(max_in_flight=max_in_flight)) == letters


def no_rates() -> RateTable | None:
    """Stand in for the rates of the moment."""
    return None


def test_what_is_set_about_records_is_what_their_story_is_told_by() -> None:
    """Every setting of it, none of them at its default; what concerns every call is part of it."""
    sender = Sender("revenue", __version__)
    rules = delivery_rules(
        of(
            {
                "linkrunner": {"retry_after_cap_seconds": 12.5},
                "delivery": {"nothing_to_remove": "dead_letter", "max_event_age_seconds": 90},
                "event_data": {"on_invalid": "dead_letter"},
                "currency": {"accept": ["EUR", "USD"], "reporting": "EUR"},
            }
        ),
        no_rates,
    )

    assert rules == Rules(
        plan=PlanRules(
            accept=("EUR", "USD"),
            on_invalid="dead_letter",
            reporting="EUR",
            max_event_age=timedelta(seconds=90),
        ),
        retry_after_cap=12.5,
        sender=sender,
        rates=no_rates,
        nothing_to_remove="dead_letter",
    )
    assert rules.calls == CallRules(retry_after_cap=12.5, sender=sender)


def test_what_is_not_set_about_records_is_the_documented_default() -> None:
    """Five minutes of a Retry-After, no age that is too old, refunds that find nothing settled."""
    rules = delivery_rules(of({}), no_rates)

    assert rules.plan == PlanRules(accept=("INR",), on_invalid="omit", reporting=None, max_event_age=None)
    assert (rules.retry_after_cap, rules.nothing_to_remove) == (300.0, "settle")


def test_what_is_set_about_the_lifecycle_is_the_policy() -> None:
    """Every setting of it, none of them at its default."""
    lifecycle = {
        "partial_refunds": "dead_letter",
        "capture_statuses": ["FAILED", "INITIATED"],
        "wallet_topups": "skip",
        "withdrawals": "capture",
    }
    assert lifecycle_policy(of({"lifecycle": lifecycle})) == LifecyclePolicy(
        partial_refunds="dead_letter",
        capture_statuses=frozenset({Status.FAILED, Status.INITIATED}),
        wallet_topups="skip",
        withdrawals="capture",
    )


def test_a_pod_that_has_the_rate_for_itself_has_all_of_it_at_once() -> None:
    """Whatever it holds, and whoever else calls."""
    ours = allotment(settings(requests_per_second=12, rate_scope="pod"))

    assert ours.shares is None
    assert ours.share(0.0) == 1.0
    assert ours.pacer().pace(0.0).limit == 12


def test_a_group_shares_the_rate_by_partitions() -> None:
    """Nothing until they are known, then the part of it that is held."""
    ours = allotment(settings(requests_per_second=12, rate_scope="group"))
    assert ours.shares is not None
    assert ours.share(0.0) == 0.0
    assert ours.pacer().pace(0.0).limit == 0.0

    ours.shares.counted(["payments"], {"payments": 4}, 0.0)
    ours.shares.holds([Partition("payments", 0)])

    assert ours.per_second == 12
    assert ours.share(0.0) == 0.25


def test_only_erasures_have_a_rate_of_their_own() -> None:
    """One start, and the next is due by the rate that is set; payments never rest."""
    erasure = {"enabled": True, "topic": "erasures", "requests_per_second": 0.5}
    meters = turns(of({"erasure": erasure}))
    for topic in ("erasures", "payments"):
        meters.started(topic, 100.0)

    assert meters.resting(101.9) == {"erasures"}
    assert not meters.resting(102.0)
    meters = turns(of({"erasure": erasure | {"enabled": False}}))
    meters.started("erasures", 100.0)
    assert not meters.resting(100.0)


@pytest.mark.parametrize("after_seconds", [None, 2.0, 30.0])
def test_a_call_is_given_up_after_the_time_that_is_set(after_seconds: float | None) -> None:
    """It fails beside others that succeed, each second; where nothing is set, for ever."""
    now = 0.0
    patience = giving_up(
        of({"delivery": {"give_up_after_seconds": after_seconds}}),
        FakeBox(),
        FakeLog(),
        lambda: None,
        lambda: now,
        wall=NOON,
    )
    failing, other = (Record(Partition("payments", 0), offset, 1, None, b"") for offset in (0, 1))

    def given_up_at(second: float) -> bool:
        nonlocal now
        now = second
        patience.heard(other, Delivered(), first=True, probe=False, stopped=False)
        patience.heard(failing, Again("500"), first=False, probe=False, stopped=False)
        return patience.out_of_patience(0.0, Again("500"))

    first = next((second for second in range(600) if given_up_at(second)), None)
    assert first == after_seconds


@pytest.mark.parametrize(("max_in_flight", "accepted"), [(2, False), (8, True)])
def test_the_breaker_and_the_letters_at_once_are_those_that_are_set(
    max_in_flight: int, accepted: bool
) -> None:
    """A letter too many waits, and bad records are accepted until the time that is set."""
    until = "2026-03-01T12:01:00Z" if accepted else None
    box = FakeBox()
    resigning = giving_up(
        settings(max_in_flight=max_in_flight, accept_refusals_until=until),
        box,
        FakeLog(),
        lambda: None,
        lambda: 5_000.0,
        wall=NOON,
    )
    record = Record(Partition("payments", 0), 0, 1, None, b"")
    letter = Letter(DeadLetterReason.MAPPING, "for a test", Stage.MEANING)

    async def scene() -> bool:
        box.open.clear()
        writing = asyncio.ensure_future(resigning.put(record, []))
        await asyncio.sleep(0)
        busy = resigning.busy
        box.open.set()
        await writing
        return busy

    assert asyncio.run(scene()) is (max_in_flight == 2)
    allowed = [resigning.allows(record, letter, probe=False, allowed_at=None) for _ in range(50)]
    assert all(allowed) is accepted
