"""The judges of rates see what they are for: with one broken part, the one that is there for it says so."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from consumer.core.api.budget import RetryBudget
from consumer.core.api.gates import Gate
from consumer.core.api.outliers import Standing
from consumer.core.api.pacing import PACE, Meter, Ramp, Second
from consumer.core.api.verdicts import Again, Fault, FaultKind, Response, Verdict
from consumer.flow.traffic import Traffic
from tests.simulation import rates
from tests.simulation.rates import Log, Mood, Parts, Stage, Weather, play

RATE = 25.0
BACK = 100.0


class BoundlessBudget(RetryBudget):
    """Lets late tries start like any other."""

    def wait(self, now: float, per_second: float) -> float | None:
        """Return that it is due."""
        super().wait(now, per_second)
        return 0.0


class LenientBudget(RetryBudget):
    """Does not count the silences that late tries bring on."""

    def silenced(self, now: float, seconds: float) -> None:
        """Note nothing."""


class CredulousTraffic(Traffic):
    """Takes what one key hears again and again for what holds for all."""

    def heard(self, verdict: Verdict, began: float, *, late: bool = False) -> bool:  # noqa: ARG002  (that is the fault)
        """Take it from a first try."""
        return super().heard(verdict, began)


class DeafTraffic(Traffic):
    """Hears Retry-After for the call alone that was told."""

    def _slow_down(self, verdict: Again, now: float, began: float, *, late: bool) -> None:
        if verdict.limited and self.pacer.concerns_all(late=late):
            self.pacer.limited(now, began)


class AccusingTraffic(Traffic):
    """Holds what one record gets to be said of all, however often others succeed."""

    def stands(self, standing: Standing | None, began: float) -> Standing | None:
        """Return that nothing is known of it."""
        super().stands(standing, began)
        return Standing.SUSPECT


class SteepRamp(Ramp):
    """Comes back with all of the rate at once, and never slows down."""

    def factor(self, now: float, lowest: float) -> float:
        """Return all of it."""
        return max(1.0, super().factor(now, lowest))

    def area(self, since: float, until: float, lowest: float) -> float:
        """Return all of it."""
        return max(until - since, super().area(since, until, lowest))


class ShortRamp(Ramp):
    """Slows down in an outage, and comes back at once."""

    def factor(self, now: float, lowest: float) -> float:
        """Return all or the least."""
        return lowest if now < self.begins else 1.0

    def area(self, since: float, until: float, lowest: float) -> float:
        """Return the same over time."""
        return (until - since) * self.factor(since, lowest)


@dataclass(slots=True)
class HoardingMeter(Meter):
    """Keeps idle time for later."""

    def flow(self, calls: float, credit: float) -> None:
        """Let time go by, and keep all of it."""
        Meter.flow(self, calls, max(credit, math.inf))


class ImpatientGate(Gate):
    """Lets the next probe pass as soon as the last one has failed."""

    def probe_ended(self, now: float, *, tried: bool) -> None:  # noqa: ARG002  (that is the fault)
        """Note that nothing was tried."""
        Gate.probe_ended(self, now, tried=False)


def without_patience(traffic: Traffic) -> None:
    """Give a gate away that knows no pause."""
    vars(traffic)["gate"] = ImpatientGate()


def with_ramp(ramp: type[Ramp]) -> Callable[[Traffic], None]:
    """Return what gives a pacer another ramp."""

    def fit(traffic: Traffic) -> None:
        vars(traffic.pacer)["_ramp"] = ramp()

    return fit


class BlindSecond(Second):
    """Does not look at the last second."""

    def wait(self, now: float) -> float:
        """Return that one more call fits in."""
        return min(0.0, super().wait(now))


def hoard(traffic: Traffic) -> None:
    """Let a pacer keep idle time, and not look at the last second."""
    vars(traffic.pacer).update(_meter=HoardingMeter(), _second=BlindSecond())


def outage(parts: Parts) -> Log:
    """Let the API be away for a while."""
    away = Mood(Fault(FaultKind.CONNECT, sent=False), 0.01)
    weather: Weather = lambda now, _: away if 10.0 <= now < BACK else Mood()  # noqa: E731  (named for its type)
    return play(weather, BACK + 20.0, lambda stage: stage.produce(2000), parts=parts)


def hold(parts: Parts) -> Log:
    """Let the API refuse the key for a while."""
    no = Mood(Response(401))
    weather: Weather = lambda now, _: no if 10.0 <= now < BACK else Mood()  # noqa: E731  (named for its type)
    return play(weather, BACK, lambda stage: stage.produce(2000), parts=parts)


def failing_keys(parts: Parts) -> Log:
    """Let so many keys fail for ever that there would be more late tries than there is rate."""

    def weather(_: float, name: str) -> Mood:
        return Mood(Response(500)) if name.startswith("bad") else Mood()

    def produce(stage: Stage) -> None:
        for number in range(400):
            name = b"bad-%d" % number
            stage.pods[0].source.produce(stage.partitions[number % 4], name, name)
        stage.produce(4000, keys=1000)

    return play(weather, 120.0, produce, parts=parts)


def told_to_slow_down(retry_after: str | None) -> Callable[[Parts], Log]:
    """Return the scene in which one key of a hundred hears for ever that calls come too fast."""

    def weather(_: float, name: str) -> Mood:
        return Mood(Response(429, retry_after=retry_after)) if name.startswith("0-") else Mood()

    return lambda parts: play(weather, 120.0, lambda stage: stage.produce(4000, keys=100), parts=parts)


def refused_key(parts: Parts) -> Log:
    """Let a firewall refuse the first key for ever, and take all others."""
    refused = Mood(Response(403))
    weather: Weather = lambda _, name: refused if name.startswith("0-") else Mood()  # noqa: E731  (as above)
    return play(weather, 90.0, lambda stage: stage.produce(3000, keys=1000), parts=parts)


def silence(parts: Parts) -> Log:
    """Let the API ask for thirty seconds of silence."""
    asked = Mood(Response(429, retry_after="30"))
    return play(
        lambda now, _: asked if 20.0 <= now < 20.05 else Mood(),
        70.0,
        lambda stage: stage.produce(2000),
        parts=parts,
    )


def costly(log: Log) -> list[str]:
    """Say where keys that fail for ever cost the others more than five per cent, beside their first tries."""
    late = sum(count - 3 for count in rates.tries(log).values() if count > 3)
    return [f"{late} of {len(log.calls)} calls were late"] if late > len(log.calls) * 0.05 else []


def slowed_down(log: Log) -> list[str]:
    """Say where one key costs the others more than five per cent."""
    delivered = log.delivered(40.0, 120.0) / 80.0
    return [f"{delivered:.1f} delivered a second"] if delivered < RATE * PACE * 0.95 else []


def stands_for_all(log: Log) -> list[str]:
    """Say where one refused key costs the others more than five per cent once it is known."""
    part = log.delivered(30.0, 90.0) / (60.0 * RATE * PACE)
    return [f"{part:.0%} of the calls that there were room for"] if part < 0.95 else []


def returns_in_a_burst(log: Log) -> list[str]:
    """Say where the end of an outage is a burst."""
    return [found for found in rates.stormy(log, RATE, 10.0, BACK) if "after" in found]


def probes_in_a_storm(log: Log) -> list[str]:
    """Say where the probes of a hold do not wait."""
    return rates.impatient(log, 11.0, BACK)


def not_slowed_down(log: Log) -> list[str]:
    """Say where an outage meets more than a few calls."""
    return [found for found in rates.stormy(log, RATE, 10.0, BACK) if "of the outage" in found]


def too_fast(log: Log) -> list[str]:
    """Say where a second has more calls than the rate."""
    return rates.too_fast(log, RATE)


Scene = Callable[[Parts], Log]
Judge = Callable[[Log], list[str]]
FAULTS = [
    pytest.param(failing_keys, costly, Parts(budget=BoundlessBudget), id="retries-without-a-budget"),
    pytest.param(
        told_to_slow_down(None), slowed_down, Parts(traffic=CredulousTraffic), id="one-key-slows-all-down"
    ),
    pytest.param(
        told_to_slow_down("1"), slowed_down, Parts(budget=LenientBudget), id="silences-without-a-budget"
    ),
    pytest.param(silence, rates.too_early, Parts(traffic=DeafTraffic), id="retry-after-for-one-call-only"),
    pytest.param(hold, probes_in_a_storm, Parts(fit=without_patience), id="a-storm-of-probes"),
    pytest.param(outage, not_slowed_down, Parts(fit=with_ramp(SteepRamp)), id="an-outage-at-full-rate"),
    pytest.param(outage, returns_in_a_burst, Parts(fit=with_ramp(ShortRamp)), id="a-return-in-a-burst"),
    pytest.param(refused_key, stands_for_all, Parts(traffic=AccusingTraffic), id="one-refused-key-for-all"),
    pytest.param(silence, too_fast, Parts(fit=hoard), id="idle-time-is-kept"),
]


@pytest.mark.parametrize(("scene", "judge", "parts"), FAULTS)
def test_a_broken_part_is_seen(scene: Scene, judge: Judge, parts: Parts) -> None:
    """The judge that is there for it has something to say, and nothing where the part is whole."""
    assert judge(scene(parts))
    assert judge(scene(Parts())) == []
