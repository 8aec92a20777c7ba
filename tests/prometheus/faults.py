"""What goes wrong with a release: each is a context that breaks something and, at its end, mends it."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, TypeAlias

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from consumer import __version__
from consumer.core.avro import schemas
from consumer.lab.samples import Encoder, Sample
from tests.prometheus.load import Maker
from tests.prometheus.registry import Registry
from tests.prometheus.release import KEY, Release
from tests.support.payments import garbage, payment, payment_id, refund
from tests.support.process import ROOT
from tests.support.topics import Outgoing
from tests.support.waiting import eventually

Fault: TypeAlias = Callable[[Release], AbstractContextManager[None]]

_STEP_SECONDS: Final = 30.0
#: More than the service lets a partition's open offsets span (``consumer.core.partitions.intake``).
_SPAN: Final = 11_000
#: Numbers of payments that no traffic reaches.
_MARKED: Final = 900_000
_NEXT_VERSION: Final = "99.0.0"
_SCHEMA_ID: Final = 7
_CONFLUENT: Final = Encoder(b"\x00" + _SCHEMA_ID.to_bytes(4, "big"))


def answering(script: str) -> Fault:
    """Return the fault of an API that misbehaves by a fault script."""

    @contextmanager
    def fault(release: Release) -> Iterator[None]:
        release.api.misbehave(script)
        yield
        release.api.misbehave("")

    return fault


def producing(broken: Maker, share: int = 2, healed: Maker = payment, rate: float | None = None) -> Fault:
    """Return the fault of a producer that makes one in ``share`` of its records by ``broken``.

    Its cure is that all are made by ``healed``, ``rate`` in a second if that is given.
    """

    @contextmanager
    def fault(release: Release) -> Iterator[None]:
        stream = release.stream
        stream.make = lambda number: (broken if number % share == 0 else payment)(number)
        yield
        stream.make = healed
        stream.rate = rate or stream.rate

    return fault


@contextmanager
def key_revoked(release: Release) -> Iterator[None]:
    """Let the API accept another key, and in the end the file hold it."""
    release.api.accept_key("a-new-key")
    yield
    release.key_file.write_text("a-new-key", encoding="utf-8")


@contextmanager
def key_file_emptied(release: Release) -> Iterator[None]:
    """Leave nothing in the key's file, as a secret that was written wrongly does."""
    release.key_file.write_text("", encoding="utf-8")
    yield
    release.key_file.write_text(KEY, encoding="utf-8")


@contextmanager
def topic_deleted(release: Release) -> Iterator[None]:
    """Delete the second topic; in the end create it again."""
    admin = AdminClient({"bootstrap.servers": release.kafka.bootstrap_servers})
    admin.delete_topics([release.second_topic])[release.second_topic].result(_STEP_SECONDS)
    yield
    release.create_second_topic()


@contextmanager
def api_gone(release: Release) -> Iterator[None]:
    """Refuse connections to the API."""
    release.gate.close()
    yield
    release.gate.open()


@contextmanager
def pod_gone(release: Release) -> Iterator[None]:
    """Lose the only pod, and in the end get another one."""
    (pod,) = release.pods
    pod.kill()
    release.forget_pod(pod)
    yield
    release.start_pod()


@contextmanager
def pod_restarting(release: Release) -> Iterator[None]:
    """Let one of the pods end and start again until it is told to stay."""
    pod = release.pods[-1]

    def again() -> None:
        before = release.started_at(pod)
        pod.stop()
        pod.start()
        eventually(lambda: release.started_at(pod) - before, _STEP_SECONDS, "Prometheus sees the new process")

    with _repeating(again):
        yield


@contextmanager
def one_stuck(release: Release) -> Iterator[None]:
    """Fail one payment for ever, with more behind it than its partition may have open."""
    release.api.misbehave(f"503 payment={payment_id(_MARKED)}")
    stuck = payment(_MARKED)
    skipped = [Outgoing(b"skipped", None, 0) for _ in range(_SPAN)]
    release.topics.produce(release.topic, [Outgoing(stuck.key, stuck.value, 0), *skipped])
    yield
    release.api.misbehave("")


@contextmanager
def letters_missing(release: Release) -> Iterator[None]:
    """Produce a record that can't be read where there is no dead-letter topic; in the end create it."""
    poison = garbage("poison")
    release.topics.produce(release.topic, [Outgoing(poison.key, poison.value)])
    yield
    release.create_letter_topic()


@contextmanager
def registry_away(release: Release) -> Iterator[None]:
    """Produce records with a schema id that only the registry knows, which is away until the end."""
    make = release.stream.make
    release.stream.make = lambda number: (
        payment(number, encoder=_CONFLUENT) if number % 5 == 0 else make(number)
    )
    yield
    registry = Registry(release.registry_port, {_SCHEMA_ID: schemas.payment_event()})
    _until(release, "registry", holding=False)
    release.stream.make = make
    registry.close()


@contextmanager
def records_deleted(release: Release) -> Iterator[None]:
    """Delete what a pod has not read, while it is frozen; in the end tell the pods to go on behind it."""
    pod = release.pods[-1]
    pod.pause()
    ends = release.topics.end_offsets(release.topic)
    eventually(
        lambda: all(end > ends[p] for p, end in release.topics.end_offsets(release.topic).items()),
        _STEP_SECONDS,
        "records that nobody has read",
    )
    admin = AdminClient({"bootstrap.servers": release.kafka.bootstrap_servers})
    positions = [
        TopicPartition(p.topic, p.number, end) for p, end in release.topics.end_offsets(release.topic).items()
    ]
    for deleted in admin.delete_records(positions).values():
        deleted.result(_STEP_SECONDS)
    pod.resume()
    yield
    old = release.pods
    for service in [release.start_pod({"kafka": {"on_out_of_range": "earliest"}}) for _ in old]:
        service.wait_ready()
    for service in old:
        release.end_pod(service)


@contextmanager
def partitions_taken(release: Release) -> Iterator[None]:
    """Let a stranger join the group and keep partitions, without doing anything about them."""
    with _stranger(release):
        yield


@contextmanager
def group_restless(release: Release) -> Iterator[None]:
    """Let a stranger join the group and leave it, again and again."""

    def again() -> None:
        with _stranger(release):
            pass
        every = release.setting.partitions
        eventually(lambda: release.assigned() == every, _STEP_SECONDS, "Prometheus sees all given back")

    with _repeating(again):
        yield


@contextmanager
def rollout_stuck(release: Release) -> Iterator[None]:
    """Start a second pod of another version; in the end take the old one away."""
    (old,) = release.pods
    root = release.folder / "next"
    for package in ("consumer", "schemas"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    file = root / "consumer" / "__init__.py"
    file.write_text(file.read_text("utf-8").replace(__version__, _NEXT_VERSION), encoding="utf-8")
    release.start_pod(root=root).wait_ready()
    yield
    release.end_pod(old)


@contextmanager
def broker_frozen(release: Release) -> Iterator[None]:
    """Freeze the broker, which must be the release's own; in the end thaw it."""
    assert release.kafka.server is not None
    release.kafka.server.pause()
    yield
    release.kafka.server.resume()


@contextmanager
def broker_gone(release: Release) -> Iterator[None]:
    """Kill the broker, which must be the release's own; in the end start it again."""
    assert release.kafka.server is not None
    release.kafka.server.kill()
    yield
    release.kafka.server.start()


def unknown_kind(number: int) -> Sample:
    """Return an event of a kind that the schema does not know."""
    return payment(number, kind="UNKNOWN")


def broken_items(number: int) -> Sample:
    """Return a payment whose items have no prices."""
    return payment(number, items=[{"id": "a", "group_id": None, "quantity": 1, "unit_price": None}])


def skipped(number: int) -> Sample:
    """Return an event that is skipped: a payment that has only begun."""
    return payment(number, status="INITIATED")


def lone_refund(number: int) -> Sample:
    """Return a refund of a payment that never was."""
    return refund(_MARKED + number)


def paid_and_refunded(number: int) -> Sample:
    """Return a payment, or the refund of the payment before, in the same lane."""
    return refund(number - 1) if number % 2 else payment(number)


@contextmanager
def _stranger(release: Release) -> Iterator[None]:
    """Be in the release's group inside the block, with one partition at least."""
    member = Consumer(
        {
            "bootstrap.servers": release.kafka.bootstrap_servers,
            "group.id": release.topic,
            "enable.auto.commit": False,
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": 6000,
            "log_level": 0,
        }
    )
    joined = threading.Event()
    member.subscribe([release.topic], on_assign=lambda _, given: joined.set() if given else None)
    try:
        with _repeating(lambda: member.poll(0.1)):
            assert joined.wait(_STEP_SECONDS), "the stranger was given no partition"
            yield
    finally:
        member.close()


@contextmanager
def _repeating(action: Callable[[], object]) -> Iterator[None]:
    """Do ``action`` again and again inside the block, from a thread; what it raises is raised at the end."""
    over = threading.Event()
    raised: list[BaseException] = []

    def run() -> None:
        try:
            while not over.is_set():
                action()
        except BaseException as error:  # noqa: BLE001  # nothing is lost: it is raised below
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if raised:
        raise raised[0]


def _until(release: Release, cause: str, *, holding: bool) -> None:
    def so() -> bool:
        return all((pod.metrics().total("holding", cause=cause) > 0) is holding for pod in release.pods)

    eventually(so, _STEP_SECONDS, f"{release.namespace} is {'' if holding else 'not '}holding for {cause}")
