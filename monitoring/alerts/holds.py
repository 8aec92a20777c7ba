"""An alert for each hold: something is stopped on purpose, and somebody has to take its cause away."""

from typing import Final

from consumer.core.api.verdicts import HoldCause
from monitoring.alerts.model import BY, OUTLASTS, Alert, Severity

#: Calls of these instances are stopped, most of ten minutes: ``progress`` leaves their lateness to the alerts
#: here, so each of them fires on at least this. Most, so that neither a moment of it hides anything nor a
#: moment without it; and that the instances have time to catch up behind it.
KEY_REFUSED: Final = "avg_over_time(linkrunner_consumer_auth_ok{$selector}[10m]) < 0.5"
ADDRESS_WRONG: Final = (
    f'avg_over_time(linkrunner_consumer_holding{{$selector, cause="{HoldCause.ADDRESS}"}}[10m]) > 0.5'
)
LEASE_OVER: Final = (
    f'avg_over_time(linkrunner_consumer_holding{{$selector, cause="{HoldCause.LEASE}"}}[10m]) > 0.5'
)


def _holding(cause: HoldCause) -> str:
    return f'max {BY} (linkrunner_consumer_holding{{$selector, cause="{cause}"}}) == 1'


def _waiting(cause: HoldCause) -> str:
    """Return where records wait for ``cause``: while they are tried again, the gauge is 0 for a moment."""
    return f'max {BY} (max_over_time(linkrunner_consumer_holding{{$selector, cause="{cause}"}}[2m])) == 1'


_AUTH_REJECTED: Final = Alert(
    name="AuthRejected",
    group="holds",
    severity=Severity.CRITICAL,
    expr=f"count {BY} (linkrunner_consumer_auth_ok{{$selector}} == 0 or {KEY_REFUSED})",
    lasts="1m",
    keeps=OUTLASTS,
    summary="Linkrunner refuses our server key: an instance with it delivers nothing",
    description="Calls of {{ $value }} instances are stopped. Nothing is lost; the payments of their "
    "partitions are late until the key is valid again.",
)

_ADDRESS: Final = Alert(
    name="HoldingAddress",
    group="holds",
    severity=Severity.CRITICAL,
    expr=f'count {BY} (linkrunner_consumer_holding{{$selector, cause="{HoldCause.ADDRESS}"}} == 1'
    f" or {ADDRESS_WRONG})",
    lasts="2m",
    keeps=OUTLASTS,
    summary="What answers at the API's address is not the API: nothing is delivered there",
    description="Calls of {{ $value }} instances are stopped. Nothing is lost; the payments of their "
    "partitions are late until the API answers there.",
)

_REFUSALS: Final = Alert(
    name="HoldingRefusals",
    group="holds",
    severity=Severity.CRITICAL,
    # A topic that goes on with bad records in it is stopped again: the gauge is 0 for a moment.
    expr=_waiting(HoldCause.REFUSALS),
    lasts="5m",
    summary="A topic is stopped: too many of its records would become dead letters",
    description="Its records wait, good ones too, but for one at a time that finds out whether the cause is "
    "gone. Nothing is lost, and few records were set aside.",
)

_DEAD_LETTERS: Final = Alert(
    name="DeadLetterPublishFailing",
    group="holds",
    severity=Severity.CRITICAL,
    expr=_waiting(HoldCause.DEAD_LETTERS),
    lasts="5m",
    summary="Dead letters can't be written: their records and all behind them in order wait",
    description="Offsets stop at such a record. In the end its partition is not read any more.",
)

_REGISTRY: Final = Alert(
    name="HoldingRegistry",
    group="holds",
    severity=Severity.WARNING,
    expr=_waiting(HoldCause.REGISTRY),
    lasts="5m",
    summary="The schema registry does not give a schema: its records wait",
    description="Records with known schema ids are delivered; after a restart no id is known.",
)

_RATES: Final = Alert(
    name="HoldingRates",
    group="holds",
    severity=Severity.WARNING,
    expr=_waiting(HoldCause.RATES),
    lasts="5m",
    summary="Exchange rates are missing: payments that have to be converted wait",
    description="Payments in the reporting currency are delivered, and all refunds.",
)

_LEASE: Final = Alert(
    name="HoldingLease",
    group="holds",
    severity=Severity.CRITICAL,
    expr=f'count {BY} (linkrunner_consumer_holding{{$selector, cause="{HoldCause.LEASE}"}} == 1'
    f" or {LEASE_OVER})",
    lasts="2m",
    keeps=OUTLASTS,
    summary="Kafka confirms nothing: an instance can't prove that it is in its group, and sends nothing",
    description="Calls of {{ $value }} instances are stopped, lest they send what others send by now. "
    "Nothing is lost; the payments of their partitions are late until a commit is confirmed.",
)

_SPAN: Final = Alert(
    name="HoldingSpan",
    group="holds",
    severity=Severity.WARNING,
    expr=_holding(HoldCause.SPAN),
    lasts="5m",
    keeps="5m",
    summary="One stuck payment has stopped the reading of its partition",
    description="New payments of that partition are not read until its oldest open record is settled.",
)

_OUT_OF_RANGE: Final = Alert(
    name="HoldingOutOfRange",
    group="holds",
    severity=Severity.CRITICAL,
    expr=_holding(HoldCause.OUT_OF_RANGE),
    lasts="1m",
    summary="Kafka has deleted records that were not read: payments are lost",
    description="The committed offset of a partition is gone from the log; it waits for your decision.",
)

#: The alert of each cause; a cause without one would be a stop that nobody hears of.
ALERT_OF: Final = {
    HoldCause.CREDENTIALS: _AUTH_REJECTED,
    HoldCause.ADDRESS: _ADDRESS,
    HoldCause.REFUSALS: _REFUSALS,
    HoldCause.DEAD_LETTERS: _DEAD_LETTERS,
    HoldCause.REGISTRY: _REGISTRY,
    HoldCause.RATES: _RATES,
    HoldCause.LEASE: _LEASE,
    HoldCause.SPAN: _SPAN,
    HoldCause.OUT_OF_RANGE: _OUT_OF_RANGE,
}

ALERTS: Final = tuple(ALERT_OF.values())
