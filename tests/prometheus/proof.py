"""Playing one incident on a real Prometheus, and what came of it."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Final

from monitoring.alerts import rules
from monitoring.alerts.model import PREFIX
from tests.prometheus.bed import Bed
from tests.prometheus.daemons import Rules
from tests.prometheus.incidents import Incident
from tests.prometheus.release import Release
from tests.support import kafka
from tests.support.waiting import eventually

#: All durations of the rules are shortened to this share of what is shipped: a minute takes two seconds.
SCALE: Final = 1 / 30

CALM_SECONDS: Final = 90.0
FIRE_SECONDS: Final = 240.0
RESOLVE_SECONDS: Final = 240.0
_LOOK_EVERY: Final = 0.25

#: A process takes a second of processor time to start: many at once would all be slow.
_STARTING: Final = threading.Semaphore(2)


@dataclass(frozen=True, slots=True)
class Told:
    """What an incident led to; alerts without their prefix.

    ``fired`` fired in Prometheus at any time. ``told`` is when people heard of an alert, in seconds since the
    fault; ``over`` when they heard that it is over, in seconds since the cure.
    """

    fired: frozenset[str]
    told: Mapping[str, float]
    over: Mapping[str, float]


def rules_of(namespaces: Iterable[str]) -> Rules:
    """Return a rule file for each namespace, as if the chart were installed in each."""
    return {name: rules(SCALE, selector=f'namespace="{name}"') for name in namespaces}


def play(bed: Bed, incident: Incident) -> Told:
    """Play ``incident``, from a calm release to a calm release.

    Raises AssertionError if an alert of it does not come, or does not go.
    """
    with _release(bed, incident) as release:
        looking = _Looking(bed, incident)
        eventually(looking.calm, CALM_SECONDS, f"{incident.name} delivers and has no alert", _LOOK_EVERY)
        looking.began = time.monotonic()
        with incident.story(release):
            eventually(looking.all_told, FIRE_SECONDS, f"all alerts of {incident.name}", _LOOK_EVERY)
            cured = time.monotonic()
        eventually(looking.all_over, RESOLVE_SECONDS, f"the end of {incident.name}", _LOOK_EVERY)
        told = looking.heard("firing")
        return Told(
            fired=looking.fired(),
            told={name: at - looking.began for name, at in told.items()},
            over={name: at - cured for name, at in looking.heard("resolved").items() if name in told},
        )


class _Looking:
    """Looks at an incident through Prometheus, and through what Alertmanager tells since it ``began``."""

    def __init__(self, bed: Bed, incident: Incident) -> None:
        self.began = 0.0
        self._bed: Final = bed
        self._incident: Final = incident
        self._condition: Final = f'namespace="{incident.name}"'

    def calm(self) -> bool:
        """Tell whether records are delivered and no alert is even pending."""
        flow = self._bed.server.query(
            'sum(rate(linkrunner_consumer_records_settled_total{outcome="delivered", '
            f"{self._condition}}}[5s])) > 0"
        )
        return bool(flow) and not self._active({"pending", "firing"})

    def all_told(self) -> bool:
        """Tell whether all fire that have to, and people have heard of it, once the fault has lasted."""
        incident = self._incident
        if time.monotonic() < self.began + incident.lasts:
            return False
        return {*incident.tells, *incident.silent} <= self._active({"firing"}) and {
            *incident.tells
        } <= self.heard("firing").keys()

    def all_over(self) -> bool:
        """Tell whether nothing fires that had to, and people know it of all that they have heard of."""
        wanted = {*self._incident.tells, *self._incident.silent}
        heard = wanted & self.heard("firing").keys()
        return not (wanted & self._active({"firing"})) and heard <= self.heard("resolved").keys()

    def heard(self, status: str) -> dict[str, float]:
        """Return when people heard that an alert is ``firing``, first, or ``resolved``, last."""
        notices = [
            notice
            for notice in self._bed.webhook.notices(self._incident.name)
            if notice.status == status and notice.at >= self.began
        ]
        if status == "firing":
            notices.reverse()  # of several in a dictionary, the last one counts
        return {notice.alert.removeprefix(PREFIX): notice.at for notice in notices}

    def fired(self) -> frozenset[str]:
        """Return the alerts that fired at any time since it began."""
        window = round(time.monotonic() - self.began)
        firing = f'ALERTS{{alertstate="firing", {self._condition}}}'
        found = self._bed.server.query(f"count by (alertname) (max_over_time({firing}[{window}s]))")
        return frozenset(series.labels["alertname"].removeprefix(PREFIX) for series in found)

    def _active(self, states: set[str]) -> set[str]:
        return {
            alert.name.removeprefix(PREFIX)
            for alert in self._bed.server.alerts()
            if alert.state in states and alert.labels.get("namespace") == self._incident.name
        }


@contextmanager
def _release(bed: Bed, incident: Incident) -> Iterator[Release]:
    with ExitStack() as stack:
        own = stack.enter_context(kafka.own_kafka()) if incident.own_broker else None
        release = stack.enter_context(closing(Release(bed, incident.name, incident.setting, own)))
        with _STARTING:
            release.start()
        yield release
