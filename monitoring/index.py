"""``docs/runbooks/README.md``: how every runbook begins, and the list of all alerts."""

from monitoring.alerts import ALERTS
from monitoring.alerts.model import Alert

_HEAD = """# Runbooks

<!-- Written by `python -m monitoring.generate`. -->

One page for each alert: what it means for the money, where to look, what to do, how to see that it is over,
what not to do. An alert links to its page; panels of the dashboard link to the alerts that they explain.

A `critical` alert wakes somebody: money is late or lost now, or soon will be. A `warning` is a ticket for the
morning. Each has the labels `namespace` and `job` of the release that it is about; add them to the queries of
the pages.

## Before anything else

**Payments wait in Kafka and are not lost while it keeps them.** Most holds end by themselves once their cause
is gone. Nothing on these pages sets offsets by hand, and neither should you.

```
kubectl -n NAMESPACE get pods -o wide -l app.kubernetes.io/name=linkrunner-consumer
kubectl -n NAMESPACE logs -l app.kubernetes.io/name=linkrunner-consumer --prefix --tail=-1 --since=30m \\
  | grep -E '"event": "(EVENT|EVENT)"'    # the events that the page names; some have level info
kubectl -n NAMESPACE port-forward POD 8080    # then open /statusz and /readyz on localhost:8080
kubectl -n NAMESPACE exec POD -- linkrunner-consumer \\
  check --connect --config /etc/linkrunner-consumer/config.yaml
```

- Tables of the dashboard and results of queries name `pod`; where they have `instance` alone, its address is
  in the column `IP` of `get pods -o wide`.
- `/statusz` shows what one instance does: holds with their cures, partitions and why they are paused, the
  last errors, the configuration in force.
- `check --connect` asks brokers, registry and API with our rights, and says what to mend. It writes nothing.
- [Log events](../logs.md), [metrics](../metrics.md), [what is watched and why](../monitoring.md).
- To stop all deliveries and keep everything in Kafka: scale to 0. Where KEDA scales, annotate its
  ScaledObject with `autoscaling.keda.sh/paused-replicas: "0"` instead. `LinkrunnerConsumerNoConsumers` fires
  then, rightly.

## Publishing events again

What was skipped, set aside or lost is delivered only if its source publishes it once more, to the same topic.

1. Mend the cause first, or the same happens again.
2. For each payment publish **all** its events, from the lost one on: what was lost and everything that came
   after it, in the same order, refunds last, with the same key.
3. A payment without its refund brings back revenue that was refunded meanwhile: its removal found nothing
   then, or came before. So compare what is to be published with the refunds since then.
4. A payment that is counted already is counted once. Whether the API remembers the id of a payment that was
   removed is not known: do not publish such a payment without its refund.

## All alerts

"""


def page() -> str:
    """Return the page."""
    rows = ("alert", "severity", "says", "after", "threshold"), ("---",) * 5, *map(_row, ALERTS)
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(alert: Alert) -> tuple[str, ...]:
    threshold = f"{alert.threshold.value:g} ({alert.threshold.counts})" if alert.threshold else ""
    link = f"[{alert.full_name}]({alert.full_name}.md)"
    return link, alert.severity.value, alert.summary, alert.lasts, threshold
