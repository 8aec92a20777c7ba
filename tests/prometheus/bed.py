"""What all releases of a proof share: Kafka, Prometheus, Alertmanager, the receiver, the traffic."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from monitoring.prometheus import Prometheus
from tests.prometheus.daemons import Rules, start_alertmanager, start_prometheus
from tests.prometheus.load import Load
from tests.prometheus.webhook import Webhook
from tests.support.broker import Kafka


@dataclass(frozen=True, slots=True)
class Bed:
    """Running servers; may be used from several threads.

    ``folder`` is for the files of releases, ``server`` asks Prometheus.
    """

    kafka: Kafka
    folder: Path
    server: Prometheus
    webhook: Webhook
    load: Load

    @property
    def targets(self) -> Path:
        """The folder that Prometheus discovers pods in."""
        return self.folder / "targets"


@contextmanager
def make_bed(
    kafka: Kafka, folder: Path, rules: Rules, inhibit: Sequence[Mapping[str, object]] = ()
) -> Iterator[Bed]:
    """Run it inside the block: ``inhibit`` is Alertmanager's list of inhibit rules."""
    with ExitStack() as stack:
        webhook = stack.enter_context(closing(Webhook()))
        alertmanager = stack.enter_context(closing(start_alertmanager(folder, webhook.url, inhibit)))
        prometheus = stack.enter_context(closing(start_prometheus(folder, rules, alertmanager.url)))
        alertmanager.wait_ready()
        prometheus.wait_ready()
        server = stack.enter_context(Prometheus(prometheus.url))
        load = stack.enter_context(closing(Load(kafka.bootstrap_servers)))
        yield Bed(kafka, folder, server, webhook, load)
