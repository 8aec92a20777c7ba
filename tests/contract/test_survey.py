"""``check --connect`` on brokers: what is there and allowed is told truly, and asking changes nothing."""

import time

import pytest
from confluent_kafka.admin import AdminClient

from consumer.core.operations.checks import Failure, Trouble
from consumer.core.operations.kafka_checks import READ, WRITE, GroupState, TopicState
from consumer.edges.kafka.survey import Survey
from tests.support.broker import Kafka
from tests.support.secured import PASSWORD, SecuredKafka
from tests.support.topics import Topics
from tests.support.waiting import free_port

pytestmark = pytest.mark.kafka


def asking(servers: str, properties: dict[str, str] | None = None, contact_seconds: float = 10.0) -> Survey:
    """Return a survey of the brokers at ``servers``."""
    given = properties or {}
    return Survey({"bootstrap.servers": servers, **given}, given, contact_seconds=contact_seconds)


def groups(kafka: Kafka) -> set[str]:
    """Return the groups that the cluster knows."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    return {group.group_id for group in admin.list_consumer_groups().result(30).valid}


def test_a_topic_is_described(kafka: Kafka, topics: Topics) -> None:
    """Partitions, rights and configuration are those of the topic; one that is missing is told as that."""
    topic = topics.create(topics.name("described"), 3, {"retention.ms": "7200000"})
    there = asking(kafka.bootstrap_servers)
    assert there.brokers() == 1
    found = there.topics([topic, "no-such-topic", topic])
    state = found[topic]
    assert isinstance(state, TopicState)
    assert (state.partitions, state.leaderless) == (3, 0)
    assert state.operations is not None
    assert state.operations >= {READ, WRITE}
    assert not isinstance(state.config, Failure)
    assert state.config["retention.ms"] == "7200000"
    missing = found["no-such-topic"]
    assert isinstance(missing, Failure)
    assert missing.trouble is Trouble.MISSING


def test_asking_leaves_no_trace(kafka: Kafka, topics: Topics) -> None:
    """No group comes to be, and a topic whose creation was only checked still does not exist."""
    group, topic = topics.name("asked"), topics.name("not-created")
    there = asking(kafka.bootstrap_servers)
    state = there.group(group)
    assert isinstance(state, GroupState)
    assert (state.state, state.members) == ("new", 0)
    assert there.creation(topic) is None
    assert group not in groups(kafka)
    assert isinstance(there.topics([topic])[topic], Failure)


def test_a_topic_that_exists_cant_be_created(kafka: Kafka, topics: Topics) -> None:
    """The broker's own check answers, whatever its reason."""
    topic = topics.create(topics.name("twice"))
    failure = asking(kafka.bootstrap_servers).creation(topic)
    assert failure is not None
    assert "TOPIC_ALREADY_EXISTS" in failure.detail


@pytest.mark.parametrize(
    ("servers", "trouble"),
    [("127.0.0.1:{port}", Trouble.UNREACHABLE), ("no-such-host.invalid:9092", Trouble.UNRESOLVED)],
)
def test_no_broker_there(servers: str, trouble: Trouble) -> None:
    """A wrong port and a wrong name are told apart, in bounded time."""
    began = time.monotonic()
    failure = asking(servers.format(port=free_port()), contact_seconds=1.0).brokers()
    assert isinstance(failure, Failure)
    assert failure.trouble is trouble
    assert "in state" not in failure.detail
    assert time.monotonic() - began < 4


def test_tls_to_a_listener_without_it(kafka: Kafka) -> None:
    """The client's own guess is passed on: it names the cause."""
    failure = asking(kafka.bootstrap_servers, {"security.protocol": "SSL"}, 1.0).brokers()
    assert isinstance(failure, Failure)
    assert "SSL" in failure.detail


def test_refused_credentials_are_told_at_once_and_not_repeated(guarded: SecuredKafka) -> None:
    """A wrong password does not heal by waiting; it is in no text."""
    began = time.monotonic()
    properties = dict(guarded.properties("canary-of-a-wrong-password"))
    failure = asking(guarded.address, properties).brokers()
    assert isinstance(failure, Failure)
    assert failure.trouble is Trouble.CREDENTIALS
    assert "canary" not in failure.detail
    assert time.monotonic() - began < 5


def test_rights_are_told(guarded: SecuredKafka) -> None:
    """What the authoriser allows, and nothing more; what may not be seen is forbidden, not missing."""
    topics = Topics(guarded.open)
    readable, writable, hidden = (topics.create(topics.name(n)) for n in ("read", "write", "hidden"))
    guarded.allow("TOPIC", readable, "READ")
    guarded.allow("TOPIC", writable, "WRITE", "DESCRIBE_CONFIGS")
    guarded.allow("GROUP", "the-group", "READ")
    guarded.allow("GROUP", "watched", "DESCRIBE")
    there = asking(guarded.address, dict(guarded.properties(PASSWORD)))
    assert there.brokers() == 1
    found = there.topics([readable, writable, hidden])
    first, second, third = found.values()
    assert isinstance(first, TopicState)
    assert isinstance(second, TopicState)
    assert isinstance(third, Failure)
    assert first.operations == frozenset({"READ", "DESCRIBE"})
    assert isinstance(first.config, Failure)
    assert first.config.trouble is Trouble.FORBIDDEN
    assert second.operations == frozenset({"WRITE", "DESCRIBE", "DESCRIBE_CONFIGS"})
    assert not isinstance(second.config, Failure)
    assert third.trouble is Trouble.FORBIDDEN
    creation = there.creation("not-for-us")
    assert creation is not None
    assert creation.trouble is Trouble.FORBIDDEN
    joinable, watched, forbidden = (there.group(name) for name in ("the-group", "watched", "others"))
    assert isinstance(joinable, GroupState)
    assert joinable.operations is not None
    assert READ in joinable.operations
    assert isinstance(watched, GroupState)
    assert watched.operations == frozenset({"DESCRIBE"})
    assert isinstance(forbidden, Failure)
    assert forbidden.trouble is Trouble.FORBIDDEN
