"""The state of the service in one sentence, for whoever opens the status page at night."""

from enum import StrEnum
from typing import Final, NamedTuple

from consumer.core.operations.cures import MATTER, STOPS_ALL
from consumer.core.operations.status import Status

#: Seconds: the objective for a payment (docs/monitoring.md), and when somebody is woken.
LATE: Final = 60.0
FAR_TOO_LATE: Final = 600.0


class Tone(StrEnum):
    """How the state is to be taken; also the name of its colour on the page."""

    GOOD = "good"
    """There is nothing to do."""
    WAITS = "waits"
    """Something waits. It may go on by itself."""
    BAD = "bad"
    """Nothing moves until somebody does something."""


class Headline(NamedTuple):
    """One sentence, and how it is to be taken."""

    tone: Tone
    text: str


def headline(status: Status) -> Headline:
    """Return the most important thing there is to say."""
    stops = [hold.cause for hold in status.holds if hold.cause in STOPS_ALL]
    if not status.health.live:
        return Headline(Tone.BAD, "A loop of this service is stuck; it has to be restarted.")
    if stops:
        return Headline(Tone.BAD, f"Nothing is sent: {' and '.join(MATTER[cause] for cause in stops)}.")
    if status.holds:
        matters = " and ".join(MATTER[hold.cause] for hold in status.holds)
        return Headline(Tone.WAITS, f"Calls go on, but something waits: {matters}.")
    if not status.health.ready:
        return Headline(Tone.WAITS, f"Not ready: {'; '.join(status.health.reasons)}.")
    return _of_the_flow(status)


def _of_the_flow(status: Status) -> Headline:
    """Return how deliveries go, where nothing stops them on purpose."""
    if status.pace.now.silence > 0:
        return Headline(Tone.WAITS, "The API has asked for silence; calls go on by themselves.")
    if not status.partitions:
        return Headline(Tone.GOOD, "This instance holds no partition, so it has nothing to do.")
    if status.freshness_seconds > FAR_TOO_LATE:
        return Headline(Tone.BAD, "Payments are far too late.")
    if status.freshness_seconds > LATE:
        return Headline(Tone.WAITS, "Payments are delivered late.")
    if all(each.lag == 0 and each.open == 0 for each in status.partitions):
        return Headline(Tone.GOOD, "All payments are delivered.")
    return Headline(Tone.GOOD, "Payments are being delivered.")
