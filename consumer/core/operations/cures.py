"""What each hold stops and what ends it, in words for the person who is on call; commands to copy."""

from typing import Final, NamedTuple

from consumer.core.api.verdicts import HoldCause


class Advice(NamedTuple):
    """What a hold stops, and its cure."""

    scope: str
    cure: str


#: How a topic goes on whose bad records are meant to be set aside.
WAY_OUT: Final = (
    "to let them become dead letters, set linkrunner.accept_refusals_until to a time that is soon enough, "
    "and restart"
)

#: What is the matter, as a sentence without its full stop.
MATTER: Final[dict[HoldCause, str]] = {
    HoldCause.CREDENTIALS: "Linkrunner refuses the server key",
    HoldCause.ADDRESS: "what answers at linkrunner.base_url is not the API",
    HoldCause.REFUSALS: "too many records of a topic would become dead letters",
    HoldCause.DEAD_LETTERS: "dead letters can't be written",
    HoldCause.REGISTRY: "the schema registry does not give a schema",
    HoldCause.RATES: "an exchange rate is missing",
    HoldCause.LEASE: "Kafka has not confirmed lately that this instance is in its group",
    HoldCause.SPAN: "a stuck record holds up its partition",
    HoldCause.OUT_OF_RANGE: "Kafka has deleted records that were not read",
}

ADVICE: Final[dict[HoldCause, Advice]] = {
    HoldCause.CREDENTIALS: Advice(
        "all calls", "put a valid server key into the key file; it is read again by itself"
    ),
    HoldCause.ADDRESS: Advice(
        "all calls", "check linkrunner.base_url and what answers there; calls go on once the API itself does"
    ),
    HoldCause.REFUSALS: Advice(
        "all records of the topics concerned, but for one probe at a time",
        "see why so many of their records would be dead letters, and mend the mapping, the registry or what "
        f"writes them; {WAY_OUT}",
    ),
    HoldCause.DEAD_LETTERS: Advice(
        "records that need a dead letter", "create the dead-letter topic or let this service write to it"
    ),
    HoldCause.REGISTRY: Advice(
        "records with unknown schema ids", "bring the schema registry back, or set schema_registry.url"
    ),
    HoldCause.RATES: Advice(
        "payments to convert whose exchange rate is not there yet",
        "put the rates that are missing into the file of currency.rates.path; it is read again by itself",
    ),
    HoldCause.LEASE: Advice(
        "all calls of this process",
        "bring its connection to the group's coordinator back, and see why commits are not confirmed; calls "
        "go on by themselves with the next one that is",
    ),
    HoldCause.SPAN: Advice(
        "intake of the partitions concerned",
        "see what the oldest open record waits for; it goes on by itself",
    ),
    HoldCause.OUT_OF_RANGE: Advice(
        "the partitions concerned",
        "their committed offsets are gone from the log: set new ones, or kafka.on_out_of_range: earliest",
    ),
}

#: Holds that stop every call of the process.
STOPS_ALL: Final = frozenset({HoldCause.CREDENTIALS, HoldCause.ADDRESS, HoldCause.LEASE})

#: Holds that make the service not ready: a rollout with a wrong key or address stops at its first pod.
NOT_READY: Final = frozenset({HoldCause.CREDENTIALS, HoldCause.ADDRESS})


def creating(topic: str) -> str:
    """Return the command that creates a topic, for a person to copy."""
    return f"kafka-topics.sh --bootstrap-server BROKER --create --topic {topic}"


def granting(right: str, resource: str) -> str:
    """Return the command that gives us a right in Kafka; ``resource`` is its option: ``--topic payments``."""
    return (
        "kafka-acls.sh --bootstrap-server BROKER --add --allow-principal User:NAME "
        f"--operation {right} {resource}"
    )
