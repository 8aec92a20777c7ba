"""One row's run: a service at work, the fault, its end, and the books."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks.faults.cases import IN_FLIGHT, WARM, Case, Names, Tls
from benchmarks.faults.front import Front
from consumer.lab.samples import Sample
from tests.support.broker import Kafka
from tests.support.certificates import Certified, certified
from tests.support.history import Request
from tests.support.ledger import Law, check, is_final
from tests.support.payments import payments, refund
from tests.support.service import Config, Metrics, Service
from tests.support.stage import Stage
from tests.support.waiting import eventually

PARTITIONS: Final = 2
#: Short, so that a fault of seconds has several.
TIMEOUT_SECONDS: Final = 1.0
#: The name of the API in rows that are about it, where it is at first, and where it moves to.
_NAME: Final = "api.example"
_HOME: Final = "127.0.0.1"
_ELSEWHERE: Final = "127.0.0.2"
#: Longer than the service keeps an address that it has looked up (``consumer/edges/linkrunner``).
_FORGOTTEN_SECONDS: Final = 10.5
_SETTLE_SECONDS: Final = 90.0
_MEET_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a row showed. Seconds are from the end of the fault.

    ``calls`` were made for the payments of the fault, ``back_seconds`` is until the first success, and
    ``done_seconds`` until the last of them is answered for good; ``lost`` payments and those that count
    ``twice`` are what the books say.
    """

    calls: int
    back_seconds: float
    done_seconds: float
    lost: int
    twice: int
    letters: int


class Unexpected(AssertionError):
    """A row came out otherwise than its table says."""


def play(case: Case, kafka: Kafka, folder: Path) -> Outcome:
    """Play a row and return what it showed. Raises :class:`Unexpected`."""
    with ExitStack() as stack:
        stage = stack.enter_context(closing(Stage(kafka, folder, PARTITIONS)))
        stage.api.start()
        front = stack.enter_context(closing(Front(f"http://127.0.0.1:{stage.api.port}")))
        good = stack.enter_context(_trusted(folder)) if case.tls else None
        if case.names:
            _say(folder, _HOME)
            stack.enter_context(_name_server(folder))
        if not case.script:
            front.open(good.context if good else None)
        service = stage.service(_configuration(case, stage, front)).start()
        stage.produce(payments(WARM))
        stage.wait_requests(WARM)
        before = _total(service.metrics(), "calls_total")

        _begin(case, stage, front, folder)
        stage.produce(_records(case))
        seen = _while_it_lasts(case, stage, service, front)
        healed = _end(case, stage, front, good, folder)
        stage.wait_settled(_SETTLE_SECONDS)

        metrics = service.metrics()
        _judge(case, seen, metrics)
        if service.stop() != 0:
            raise Unexpected(f"{case.name}: the service did not stop cleanly")
        stage.produced[:] = [replace(each, faults=case.excuses) for each in stage.produced]
        letters = len(stage.letters())
        # The embedded broker gives a letter the time of its record: the call before seems to come behind it.
        seeming = letters if case.excuses else 0
        violations = check(stage.history(repeats_allowed=front.done + seeming))
        if violations or not case.expect.letters[0] <= letters <= case.expect.letters[1]:
            raise Unexpected(f"{case.name}: {letters} dead letters, {[str(each) for each in violations[:5]]}")
        calls = _total(metrics, "calls_total") - before
        back, done = _times(stage.api.requests(), healed)
        broken = Counter(violation.law for violation in violations)
        return Outcome(int(calls), back, done, broken[Law.L1], broken[Law.L3], letters)


def _records(case: Case) -> Sequence[Sample]:
    if case.refunds:
        return [refund(number) for number in range(WARM, WARM + case.records)]
    return payments(case.records, first=WARM)


@contextmanager
def _trusted(folder: Path) -> Iterator[Certified]:
    """Give a certificate that services started inside the block trust."""
    place = folder / "good"
    place.mkdir()
    good = certified(place)
    with _environment({"SSL_CERT_FILE": str(good.file)}):
        yield good


@contextmanager
def _name_server(folder: Path) -> Iterator[None]:
    """Let services started inside the block look the API's name up in a file (:func:`_say`)."""
    path = [str(Path(__file__).parent / "names"), *filter(None, [os.environ.get("PYTHONPATH")])]
    told = {"FAULT_NAME": _NAME, "FAULT_ADDRESS": str(_addresses(folder))}
    with _environment({"PYTHONPATH": os.pathsep.join(path), **told}):
        yield


def _addresses(folder: Path) -> Path:
    return folder / "addresses"


def _say(folder: Path, address: str) -> None:
    """Let the name server say this from now on."""
    new = folder / "addresses.new"
    new.write_text(address, encoding="utf-8")
    new.replace(_addresses(folder))


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment inside the block."""
    kept = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _configuration(case: Case, stage: Stage, front: Front) -> Config:
    scheme = "https" if case.tls else "http"
    host = _NAME if case.names else _HOME
    address = stage.api.base_url if case.script else f"{scheme}://{host}:{front.port}/api/v1"
    return {
        "kafka": {"properties": {"session.timeout.ms": 15_000, "heartbeat.interval.ms": 1000}},
        "linkrunner": {
            "base_url": address,
            "timeout_seconds": TIMEOUT_SECONDS,
            "requests_per_second": 100,
            "max_in_flight": IN_FLIGHT,
            # The embedded Kafka describes no topics, by which a group shares its rate.
            "rate_scope": "pod",
            **case.settings,
        },
    }


def _begin(case: Case, stage: Stage, front: Front, folder: Path) -> None:
    if case.script:
        stage.api.misbehave(case.script)
    if case.shape is not None:
        front.applied, front.behave = case.applied, case.shape()
    if case.gone or case.tls:
        front.shut()
    if case.tls:
        front.open(_bad(case.tls, folder).context)
    if case.names:
        _rename(case.names, front, folder)


def _rename(names: Names, front: Front, folder: Path) -> None:
    """Let the name be looked up anew, and something else come of it."""
    match names:
        case Names.MOVED:
            _say(folder, _ELSEWHERE)
            front.shut()
            front.open(host=_ELSEWHERE)
        case Names.UNKNOWN | Names.SILENT:
            _say(folder, names)
            time.sleep(_FORGOTTEN_SECONDS)
            front.shut()
            front.open()


def _bad(tls: Tls, folder: Path) -> Certified:
    """Return a certificate that has to be refused, and is put into a trusted file where that is not why."""
    place = folder / "bad"
    place.mkdir()
    match tls:
        case Tls.UNKNOWN:
            return certified(place)
        case Tls.EXPIRED:
            return certified(place, days=-1)
        case Tls.OTHER_HOST:
            return certified(place, host="127.0.0.2")


def _end(case: Case, stage: Stage, front: Front, good: Certified | None, folder: Path) -> float:
    """End the fault and return when."""
    if case.tls:
        front.shut()
    if case.gone or case.tls:
        front.open(good.context if good else None)
    if case.names in (Names.UNKNOWN, Names.SILENT):
        _say(folder, _HOME)
    front.behave = None
    stage.api.misbehave("")
    return time.monotonic()


def _while_it_lasts(case: Case, stage: Stage, service: Service, front: Front) -> Mapping[str, object]:
    """Wait until the fault was met and has lasted; return what the service says of itself then."""
    eventually(lambda: _met(case, stage, service, front) > 0, _MEET_SECONDS, f"{case.name} is met")
    until = time.monotonic() + case.seconds
    if case.expect.holds:
        eventually(lambda: _holds(service) == {*case.expect.holds}, _MEET_SECONDS, f"{case.name} holds")
    if case.expect.delivered:
        stage.wait_requests(WARM + case.expect.delivered, _MEET_SECONDS)
    while time.monotonic() < until:
        time.sleep(0.1)
    met = _met(case, stage, service, front)
    if case.expect.met is not None and met > case.expect.met:
        raise Unexpected(f"{case.name}: {met:g} calls met it, not {case.expect.met} at most")
    return service.status()


def _met(case: Case, stage: Stage, service: Service, front: Front) -> float:
    """Return how many calls have met the fault so far."""
    if case.script:
        return sum(request.fault is not None for request in stage.api.requests())
    return front.met + service.metrics().total("calls_total", status="connect")


def _holds(service: Service) -> set[str]:
    holds = service.status()["holds"]
    assert isinstance(holds, list)
    return {hold["cause"] for hold in holds}


def _judge(case: Case, seen: Mapping[str, object], metrics: Metrics) -> None:
    """Compare what was seen with the table."""
    holds, health = seen["holds"], seen["health"]
    assert isinstance(holds, list)
    assert isinstance(health, dict)
    told = tuple(hold["cause"] for hold in holds)
    if (told, health["ready"]) != (case.expect.holds, case.expect.ready):
        raise Unexpected(f"{case.name}: holds {told}, ready {health['ready']}")
    retried = metrics.reasons("retries_total", "reason")
    if retried != {*case.expect.retried}:
        raise Unexpected(f"{case.name}: retries for {sorted(retried)}, not for {case.expect.retried}")


def _times(requests: list[Request], healed: float) -> tuple[float, float]:
    """Return the seconds from the end of the fault to the first and to the last good answer."""
    answers = sorted(r.answered for r in requests if is_final(r) and r.answered is not None)
    after = [moment - healed for moment in answers if moment > healed]
    return (after[0], after[-1]) if after else (0.0, 0.0)


def _total(metrics: Metrics, name: str) -> float:
    return metrics.total(name)
