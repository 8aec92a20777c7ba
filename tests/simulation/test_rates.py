"""Rates on virtual time: failing keys, slow calls, outages, silences, rebalances, judged by their calls."""

import asyncio
from collections import Counter
from itertools import count

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consumer.core.api.budget import FIRST_TRIES, PART
from consumer.core.api.pacing import PACE
from consumer.core.api.verdicts import Answer, Fault, FaultKind, Response
from tests.simulation import rates
from tests.simulation.rates import OK, Mood, Stage, Weather, play, play_story

RATE = 25.0
AWAY = Mood(Fault(FaultKind.CONNECT, sent=False), 0.01)
HUNG = Mood(Fault(FaultKind.TIMEOUT), 10.0)
BROKEN = Mood(Response(500))


def failing(*keys: int, mood: Mood = BROKEN, others: Mood | None = None) -> Weather:
    """Return an API that fails for ever for these keys."""
    bad = {str(key) for key in keys}
    return lambda _, name: mood if name.partition("-")[0] in bad else others or Mood()


def down_until(back: float, mood: Mood = AWAY, since: float = 10.0) -> Weather:
    """Return an API that is out of order from ``since`` until ``back``."""
    return lambda now, _: mood if since <= now < back else Mood()


# --- keys that fail for ever ---


@pytest.mark.parametrize("seed", range(2))
def test_one_percent_of_failing_keys_costs_the_others_less_than_five(seed: int) -> None:
    """Five minutes at the limit: the healthy ones get 95 % of it, and no partition is latched."""
    bad = range(0, 1000, 101)
    log = play(failing(*bad), 300.0, lambda stage: stage.produce(9000, keys=1000), seed=seed)

    assert len(bad) == 10
    assert rates.too_fast(log, RATE) == []
    assert log.delivered(60.0, 300.0) >= 240.0 * RATE * PACE * 0.95


@pytest.mark.parametrize(
    ("status", "retry_after"),
    [(500, "0"), (503, "0"), (429, None), (503, "1"), (429, "1")],
    ids=["500-0", "503-0", "429", "503-1", "429-1"],
)
def test_one_percent_of_keys_that_are_told_to_slow_down_costs_the_others_less_than_five(
    status: int, retry_after: str | None
) -> None:
    """What only they hear slows nobody else down, but for the silences, which have a budget."""
    bad = range(0, 1000, 101)
    mood = Mood(Response(status, retry_after=retry_after))
    log = play(failing(*bad, mood=mood), 300.0, lambda stage: stage.produce(8000, keys=1000))

    assert rates.too_fast(log, RATE) == []
    assert rates.too_early(log) == []
    # The first tries of a key are worth as much as any: they slow all down, and the way back takes its time.
    assert log.delivered(200.0, 300.0) >= 100.0 * RATE * PACE * 0.95


def test_a_key_that_asks_for_long_silences_costs_the_others_less_than_five_percent() -> None:
    """Half a minute each time, for ever: kept to the second, and rarely asked for."""
    rate = 2.0
    mood = Mood(Response(503, retry_after="30"))
    log = play(failing(0, mood=mood), 2500.0, lambda stage: stage.produce(6000, keys=100), rate=rate)

    assert rates.too_early(log) == []
    assert len([heard for heard, _ in log.silences if heard >= 200.0]) >= 2
    assert log.delivered(200.0, 2500.0) >= 2300.0 * rate * PACE * 0.95


@pytest.mark.parametrize("status", [403, 404])
def test_a_key_that_a_firewall_refuses_costs_the_others_less_than_five_percent_after_a_minute(
    status: int,
) -> None:
    """It gets what a wrong key or address gets: it stops all once, and is soon as late as any that fails."""
    refused = failing(0, mood=Mood(Response(status)))
    log = play(refused, 240.0, lambda stage: stage.produce(7000, keys=1000))

    assert rates.too_fast(log, RATE) == []
    assert log.delivered(0.0, 60.0) >= 50.0 * RATE * PACE * 0.95
    assert log.delivered(60.0, 240.0) >= 180.0 * RATE * PACE * 0.95
    assert sum(call.status == status and call.at >= 60.0 for call in log.calls) >= 5


def test_failing_keys_that_hang_cost_the_others_less_than_five_percent() -> None:
    """Where places are short and not the rate: ten seconds of a place count as what they are."""
    bad, places, seconds = range(0, 500, 101), 8, 0.5
    healthy = Mood(seconds=seconds)
    weather = failing(*bad, mood=HUNG, others=healthy)
    log = play(
        weather, 400.0, lambda stage: stage.produce(7000, keys=500), rate=10_000.0, max_in_flight=places
    )

    # The first tries of a key are worth as much as any, and take their time.
    assert log.delivered(200.0, 400.0) >= 200.0 * places / seconds * 0.95


def test_failing_keys_do_not_starve_while_others_wait() -> None:
    """Each is tried again and again, in 4 % of all calls together."""
    bad = range(0, 1000, 41)
    log = play(failing(*bad), 250.0, lambda stage: stage.produce(8000, keys=1000))

    late = [call for call in log.calls if call.status == 500 and call.at >= 100.0]
    assert len(late) == pytest.approx(150.0 * RATE * PART, rel=0.15)
    found = Counter(call.name for call in late)
    assert len(found) == len(bad)
    assert min(found.values()) >= 2


def test_failing_keys_have_what_nobody_else_needs() -> None:
    """Alone, they are tried as their backoff allows, not as a budget of 4 % of 2 calls a second would."""
    log = play(failing(*range(10)), 600.0, lambda stage: stage.produce(10), rate=2.0)

    # 30 s of full jitter are 15 on average.
    assert len(log.times(300.0, 600.0)) >= 10 * 300 / 15 * 0.7
    assert rates.too_fast(log, 2.0) == []


def test_the_first_three_tries_are_worth_as_much_as_any() -> None:
    """A key that fails twice and then works is done while a crowd waits, not after it."""
    failures: Counter[str] = Counter()

    def weather(_: float, name: str) -> Mood:
        failures[name] += 1
        return BROKEN if name.startswith("7-") and failures[name] < FIRST_TRIES else Mood()

    log = play(weather, 60.0, lambda stage: stage.produce(2000, keys=1000))

    (done,) = (call.at for call in log.calls if call.name == "7-7" and call.status == 201)
    assert done < 10.0


# --- fairness ---


def test_no_partition_waits_more_than_twice_its_share() -> None:
    """A crowd, a hot key, a flood of failures and a few payments: each of the four has its turn."""
    crowd, hot, poison, few = (0, 1, 2, 3)

    def produce(stage: Stage) -> None:
        parts = stage.partitions
        stage.produce(6000, partitions=[parts[crowd]])
        for number in range(3000):
            stage.pods[0].source.produce(parts[hot], b"hot-%d" % number, b"hot")
            stage.pods[0].source.produce(parts[poison], b"poison-%d" % number, b"poison-%d" % number)
            stage.pods[0].source.produce(parts[few], b"few-%d" % number, b"few-%d" % (number % 2))

    def weather(_: float, name: str) -> Mood:
        return BROKEN if name.startswith("poison") else Mood()

    log = play(weather, 120.0, produce)

    since = log.times(60.0)
    healthy = Counter(
        call.name.partition("-")[0] for call in log.calls if call.at >= 60.0 and call.status == 201
    )
    # Three partitions have calls that succeed; the flood has its first tries and its budget beside them.
    share = len(since) / 4
    assert healthy["hot"] >= share / 2
    assert healthy["few"] >= share / 2
    gaps = {
        name: rates.longest_gap(
            [call.at for call in log.calls if call.name.startswith(name) and call.at >= 60.0], 120.0
        )
        for name in ("hot", "few", "poison")
    }
    assert max(gaps.values()) <= 2 * 4 / (RATE * PACE) + 0.1


def test_a_tiny_rate_is_fair_too() -> None:
    """One call in five seconds: a partition with one key is not behind the thirty of another one."""

    def produce(stage: Stage) -> None:
        stage.produce(500, partitions=stage.partitions[:1])
        for number in range(500):
            stage.pods[0].source.produce(stage.partitions[1], b"hot-%d" % number, b"hot")

    log = play(lambda _, __: Mood(), 600.0, produce, rate=0.2, partitions=2)

    hot = [call for call in log.calls if call.name.startswith("hot") and call.at > 100.0]
    assert len(log.times(100.0, 600.0)) >= 500 * 0.2 * PACE - 1
    assert len(hot) >= len(log.times(100.0)) / 4


def test_slow_calls_of_one_partition_do_not_stop_the_others() -> None:
    """Calls that hang for ten seconds fill their share of the places, and the rest goes on."""
    slow = Mood(seconds=10.0)

    def produce(stage: Stage) -> None:
        for number in range(3000):
            for partition in stage.partitions:
                name = b"slow" if partition.number == 0 else b"fast"
                key = b"%s%d-%d" % (name, partition.number, number)
                stage.pods[0].source.produce(partition, key, key)

    log = play(lambda _, name: slow if name.startswith("slow") else Mood(), 60.0, produce)

    fast = [call for call in log.calls if call.name.startswith("fast") and call.at >= 20.0]
    assert len(fast) >= 40.0 * RATE * PACE * 0.9


# --- outages, silences, holds ---


@pytest.mark.parametrize(
    "mood", [AWAY, BROKEN, Mood(Response(503)), HUNG], ids=["away", "500", "503", "hung"]
)
@pytest.mark.parametrize("rate", [5.0, 25.0, 200.0])
def test_after_an_outage_full_flow_is_back_soon_and_without_a_burst(mood: Mood, rate: float) -> None:
    """Five minutes of nothing: few calls meanwhile, few at first, all of the rate after five seconds."""
    back = 310.0
    log = play(down_until(back, mood), back + 26.0, lambda stage: stage.produce(int(rate * 60)), rate=rate)

    assert rates.too_fast(log, rate) == []
    assert rates.stormy(log, rate, 10.0, back) == []
    assert max(rates.by_second(log.times(), back, 10)) <= rate
    assert rates.slow_to_return(log, rate, back + mood.seconds) == []


@pytest.mark.parametrize("status", [429, 503])
def test_nothing_comes_before_retry_after_is_over(status: int) -> None:
    """One answer silences all calls of the process; they come back slowly, and the rate is cut."""
    asked = Mood(Response(status, retry_after="30"))
    log = play(
        lambda now, _: asked if 20.0 <= now < 20.1 else Mood(), 120.0, lambda stage: stage.produce(3000)
    )

    assert log.silences
    assert rates.too_early(log) == []
    assert rates.stormy(log, RATE, 10.0, 50.0) == []
    assert rates.by_second(log.times(), 54.0, 1)[0] <= RATE * 0.7
    assert len(log.times(110.0, 120.0)) >= 10 * RATE * PACE - 1


def test_a_limit_that_is_lower_than_ours_is_found() -> None:
    """An API that takes ten a second where we may send 25: few refusals, and most of the ten is used."""
    taken: list[float] = []

    def weather(now: float, _: str) -> Mood:
        while taken and taken[0] <= now - 1.0:
            taken.pop(0)
        if len(taken) >= 10:
            return Mood(Response(429))
        taken.append(now)
        return Mood()

    log = play(weather, 300.0, lambda stage: stage.produce(9000))

    refused = sum(call.status == 429 and call.at >= 30.0 for call in log.calls)
    assert refused <= len(log.times(30.0)) * 0.05
    assert log.delivered(30.0) >= 270.0 * 10.0 * 0.6


@pytest.mark.parametrize("status", [401, 404])
def test_a_hold_ends_without_a_burst(status: int) -> None:
    """One probe at a time while the key or the address is wrong; full flow five seconds after the cure."""
    back = 70.0
    log = play(down_until(back, Mood(Response(status))), 90.0, lambda stage: stage.produce(2000))

    assert rates.impatient(log, 11.0, back) == []
    assert len(log.times(11.0, back)) >= (back - 11.0) / 2.5
    assert rates.stormy(log, RATE, 10.0, back) == []
    assert rates.slow_to_return(log, RATE, back) == []


@pytest.mark.parametrize("status", [302, 403, 404])
def test_no_probe_comes_before_retry_after_is_over(status: int) -> None:
    """A hold whose answers ask for half a minute of silence is probed each half a minute."""
    asked = Mood(Response(status, retry_after="30"))
    log = play(down_until(100.0, asked), 160.0, lambda stage: stage.produce(3000))

    assert rates.too_early(log) == []
    assert 2 <= len(log.times(12.0, 100.0)) <= 3
    assert len(log.times(140.0, 160.0)) >= 20 * RATE * PACE - 1


def test_records_that_failed_in_an_outage_are_not_late_after_it() -> None:
    """The oldest records come first when the API is back, not after everything that came since."""
    log = play(down_until(100.0), 140.0, lambda stage: stage.produce(2000, keys=2000), seed=1)

    tried = {call.name for call in log.calls if 10.0 <= call.at < 100.0}
    done = {call.name: call.at for call in log.calls if call.status == 201 and call.at >= 100.0}
    assert tried <= done.keys()
    assert max(done[name] for name in tried) <= 100.0 + 5.0 + len(tried) / (RATE * PACE)


# --- a group ---


async def hand_over(stage: Stage, giver: int, taker: int, *numbers: int) -> None:
    """Move partitions from one pod to another, as a rebalance does."""
    parts = [stage.partitions[number] for number in numbers]
    stage.pods[taker].source.stored.update(stage.pods[giver].source.stored)
    await stage.pods[giver].source.revoke(*parts)
    stage.pods[taker].source.stored.update(stage.pods[giver].source.stored)
    stage.pods[taker].source.assign(*parts)


@pytest.mark.parametrize("seed", range(3))
def test_a_group_keeps_its_rate_through_rebalances(seed: int) -> None:
    """Three pods, partitions that wander and are lost: never above the rate, nearly all of it used."""
    rate = 100.0

    async def story(stage: Stage) -> None:
        stage.produce(12_000)
        stage.pods[0].source.assign(*stage.partitions)
        await asyncio.sleep(10.0)
        await hand_over(stage, 0, 1, 2, 3)
        await hand_over(stage, 0, 2, 4, 5)
        await asyncio.sleep(10.0)
        await hand_over(stage, 1, 2, 2)
        await asyncio.sleep(5.0)
        await hand_over(stage, 2, 0, 2, 4, 5)
        await asyncio.sleep(10.0)
        await stage.pods[1].source.lose(stage.partitions[3])
        await asyncio.sleep(3.0)
        stage.pods[0].source.assign(stage.partitions[3])
        await asyncio.sleep(10.0)

    def weather(_: float, __: str) -> Mood:
        return Mood(seconds=0.05)

    log = play_story(lambda: Stage(weather, rate=rate, pods=3, partitions=6), story, seed=seed)

    assert rates.too_fast(log, rate, pods=3) == []
    for begin, end in ((2.0, 10.0), (11.0, 20.0), (26.0, 35.0), (39.0, 48.0)):
        assert len(log.times(begin, end)) >= (end - begin) * rate * 0.95
    assert {call.pod for call in log.calls} == {0, 1, 2}


@pytest.mark.parametrize("pods", [3, 6])
def test_a_group_at_the_default_rate_has_one_call_more_for_each_pod_at_most(pods: int) -> None:
    """Few calls for each: what is whole of a call that is not adds up, to the number of pods at most."""

    async def story(stage: Stage) -> None:
        stage.produce(1500)
        for number, partition in enumerate(stage.partitions):
            stage.pods[number % pods].source.assign(partition)
            await asyncio.sleep(0.1)
        await asyncio.sleep(15.0)
        for number in range(6):
            await hand_over(stage, number % pods, (number + 1) % pods, number)
            await asyncio.sleep(1.0)
        await asyncio.sleep(10.0)

    log = play_story(lambda: Stage(lambda _, __: Mood(), pods=pods, partitions=6), story)

    assert rates.too_fast(log, RATE, pods) == []
    assert len(log.times(2.0, 15.0)) >= 13.0 * RATE * 0.93
    assert {call.pod for call in log.calls} == set(range(pods))


# --- whatever happens ---

ANSWERS: list[Answer] = [
    OK,
    Response(429),
    Response(429, retry_after="1"),
    Response(503, retry_after="3"),
    Response(500),
    Response(401),
    Response(403, retry_after="4"),
    Response(422),
    Fault(FaultKind.CONNECT, sent=False),
    Fault(FaultKind.TIMEOUT),
]
#: Seconds, with the dice. One that only a late try heard has to be paid for before the next late try.
LONGEST_SILENCE = 5.0
LIMITED = Mood(Response(429), 0.01)
MOODS = st.builds(Mood, st.sampled_from(ANSWERS), st.sampled_from([0.01, 0.2, 3.0]))


@settings(max_examples=40, deadline=None)
@given(
    spells=st.lists(st.tuples(st.floats(0.1, 12.0), st.lists(MOODS, min_size=1, max_size=3)), max_size=8),
    rate=st.sampled_from([0.5, 5.0, 25.0, 400.0]),
    places=st.sampled_from([1, 4, 32]),
    seed=st.integers(0, 2**16),
)
@example(spells=[(8.0, [LIMITED]), (12.0, [Mood()]), (9.0, [LIMITED])], rate=0.5, places=1, seed=0)
def test_in_any_weather_the_rate_is_kept_and_all_gets_done(
    spells: list[tuple[float, list[Mood]]], rate: float, places: int, seed: int
) -> None:
    """No second above the rate, no call in a silence, and when all is well again everything is delivered."""
    ends = [sum(seconds for seconds, _ in spells[: number + 1]) for number in range(len(spells))]
    turn = count()

    def weather(now: float, _: str) -> Mood:
        for end, (_seconds, moods) in zip(ends, spells, strict=True):
            if now < end:
                return moods[next(turn) % len(moods)]
        return Mood()

    log = play(
        weather,
        max(ends, default=0.0) + 60.0 + LONGEST_SILENCE / PART + 2 * 30 / min(rate, 10.0),
        lambda stage: stage.produce(30, keys=10),
        rate=rate,
        max_in_flight=places,
        seed=seed,
    )

    assert rates.too_fast(log, rate) == []
    assert rates.too_early(log) == []
    assert {call.name for call in log.calls if call.status in {201, 422}} == {
        f"{number % 10}-{number}" for number in range(30)
    }


MOVES = st.lists(st.tuples(st.floats(0.0, 6.0), st.integers(0, 3), st.integers(0, 5)), max_size=12)


@settings(max_examples=15, deadline=None)
@given(
    pods=st.integers(2, 4),
    moves=MOVES,
    spells=st.lists(st.tuples(st.floats(0.1, 8.0), MOODS), max_size=5),
    rate=st.sampled_from([5.0, 25.0]),
    seed=st.integers(0, 2**16),
)
def test_in_any_weather_a_group_keeps_its_rate_through_any_rebalance(
    pods: int, moves: list[tuple[float, int, int]], spells: list[tuple[float, Mood]], rate: float, seed: int
) -> None:
    """Partitions move at any moment: no second has more than the limit and one call for each pod."""
    ends = [sum(seconds for seconds, _ in spells[: number + 1]) for number in range(len(spells))]

    def weather(now: float, _: str) -> Mood:
        return next((mood for end, (_, mood) in zip(ends, spells, strict=True) if now < end), Mood())

    async def story(stage: Stage) -> None:
        stage.produce(int(rate * 10))
        holders = {number: number % pods for number in range(6)}
        for number, pod in holders.items():
            stage.pods[pod].source.assign(stage.partitions[number])
        for seconds, to, number in moves:
            await asyncio.sleep(seconds)
            giver, taker = holders[number], to % pods
            if giver != taker:
                await hand_over(stage, giver, taker, number)
                holders[number] = taker
        await asyncio.sleep(5.0)

    log = play_story(lambda: Stage(weather, rate=rate, pods=pods, partitions=6), story, seed=seed)

    assert rates.too_fast(log, rate, pods) == []
