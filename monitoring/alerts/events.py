"""Alerts on what the events are: dead letters, and events whose money is not counted as they mean it."""

from typing import Final

from consumer.core.meaning import ecommerce
from monitoring.alerts.model import BY, Alert, Severity, Threshold

_SETTLED: Final = "linkrunner_consumer_records_settled_total"

#: Reasons why a record's bytes can't be turned into an event.
_UNREADABLE: Final = "undecodable|unknown_schema"
#: Dead letters that ``lifecycle.partial_refunds`` and ``delivery.nothing_to_remove`` ask for: daily business.
_WANTED: Final = "partial_refund|nothing_to_remove"

_UNWANTED: Final = f'outcome="dead_lettered", reason!~"{_WANTED}"'
#: Erasures of users that find nothing have no action: they are no refunds. As a dead letter it is the reason.
_NOTHING: Final = (
    'action="remove", outcome="nothing_to_remove"',
    'action="remove", reason="nothing_to_remove"',
)
_REMOVED: Final = 'action="remove", outcome="delivered"'
_UNKNOWN_KIND: Final = 'outcome="skipped", reason="kind"'

#: Rules that cost a payment its catalogue fields. Prices that do not add up are legal: discounts, shipping.
_COSTLY: Final = "|".join(rule for rule in ecommerce.Rule if rule.severity is ecommerce.Severity.ERROR)

#: Fewer records than this are no burst, whatever their share.
BURST: Final = 20
#: Where this share of an hour is lost, so few records are enough: a quiet topic never has a burst.
_MOST, _FEW = 0.5, 5

_EACH: Final = "by (namespace, job, topic)"


def counted(conditions: str, window: str) -> str:
    """Return how many records with these conditions were settled in ``window``, each series by itself.

    A series that is new counts from 0: ``increase`` does not see what happened before its first scrape. One
    that was only not scraped for a while is not new.
    """
    series = f"{_SETTLED}{{$selector, {conditions}}}"
    return (
        f"(max_over_time({series}[{window}]) unless last_over_time({series}[1h] offset {window})) > 0"
        f" or increase({series}[{window}])"
    )


def _burst(reason: str) -> str:
    """Return where dead letters of ``reason`` (a condition) are a large share of a topic's records.

    Of each topic, as a large one would hide that all of a small one is lost; it stays in the result. Skipped
    records are left out: they are not meant to be sent, and may be most of a topic.
    """
    lost, all_of_them = f'outcome="dead_lettered", {reason}', 'outcome!="skipped"'

    def letters(window: str) -> str:
        return f"sum {_EACH} ({counted(lost, window)})"

    def share(window: str) -> str:
        return f"{letters(window)} / sum {_EACH} ({counted(all_of_them, window)})"

    many = f"{share('10m')} > $threshold and {letters('10m')} > {BURST}"
    most = f"{share('1h')} > {_MOST} and {letters('1h')} >= {_FEW} and {letters('30m')} > 0"
    return f"{many} or {most}"


def _in_six_hours(*conditions: str) -> str:
    """Return how many records of six hours meet one of these conditions."""
    parts = (f"increase({_SETTLED}{{$selector, {each}}}[6h])" for each in conditions)
    return f"sum {BY} ({' or '.join(parts)})"


SHARE: Final = Threshold(0.05, "share of a topic's records, skipped ones left out")

ALERTS: Final = (
    Alert(
        name="DeadLettersFlowing",
        group="events",
        severity=Severity.WARNING,
        expr=f"sum {BY} ({counted(_UNWANTED, '15m')}) > $threshold",
        threshold=Threshold(0, "records in 15 minutes"),
        lasts="0m",
        keeps="15m",
        summary="Payments end in the dead-letter topic",
        description="{{ $value | humanize }} records became dead letters within 15 minutes.",
    ),
    Alert(
        name="DeadLetterBurst",
        group="events",
        severity=Severity.CRITICAL,
        expr=_burst(f'reason!~"{_UNREADABLE}|{_WANTED}"'),
        threshold=SHARE,
        lasts="5m",
        keeps="5m",
        summary="Many payments are read but refused, and end in the dead-letter topic",
        description="{{ $value | humanizePercentage }} of the records of {{ $labels.topic }} are invalid or "
        "refused.",
    ),
    Alert(
        name="DecodeFailuresBurst",
        group="events",
        severity=Severity.CRITICAL,
        expr=_burst(f'reason=~"{_UNREADABLE}"'),
        threshold=SHARE,
        lasts="5m",
        keeps="5m",
        summary="Many records can't be read, and end in the dead-letter topic",
        description="{{ $value | humanizePercentage }} of the records of {{ $labels.topic }} can't be "
        "decoded.",
    ),
    Alert(
        name="UnknownEventKinds",
        group="events",
        severity=Severity.WARNING,
        expr=f"sum {BY} ({counted(_UNKNOWN_KIND, '1h')}) > $threshold",
        threshold=Threshold(0, "records in an hour"),
        lasts="0m",
        summary="A producer sends kinds of events that this version does not know",
        description="{{ $value | humanize }} records were skipped in an hour; their money is not counted.",
    ),
    Alert(
        name="RemovalsFindNothing",
        group="events",
        severity=Severity.WARNING,
        expr=f"{_in_six_hours(*_NOTHING)} / {_in_six_hours(_REMOVED, *_NOTHING)} > $threshold"
        f" and {_in_six_hours(*_NOTHING)} > {BURST}",
        threshold=Threshold(0.5, "share of all removals"),
        lasts="30m",
        summary="Most refunds find no payment to remove: revenue may be counted too high",
        description="{{ $value | humanizePercentage }} of the removals of six hours found nothing.",
    ),
    Alert(
        name="UserErasureBurst",
        group="events",
        severity=Severity.CRITICAL,
        expr=f"sum {BY} (increase(linkrunner_consumer_erasures_total"
        '{$selector, outcome="delivered"}[1h])) > $threshold',
        threshold=Threshold(50, "users in an hour"),
        lasts="0m",
        summary="Many users are erased, and all their payments deleted for good",
        description="{{ $value | humanize }} users were erased within an hour. Nothing brings them back.",
    ),
    Alert(
        name="EventDataInvalid",
        group="events",
        severity=Severity.WARNING,
        expr=f"max {BY} (sum by (namespace, job, rule)"
        f' (rate(linkrunner_consumer_event_data_invalid_total{{$selector, rule=~"{_COSTLY}"}}[1h])))'
        f' / sum {BY} (rate({_SETTLED}{{$selector, action="capture"}}[1h])) > $threshold',
        threshold=Threshold(0.05, "share of all payments"),
        lasts="30m",
        summary="The items of many payments break the rules of Meta's catalogue",
        description="{{ $value | humanizePercentage }} of the payments break one rule.",
    ),
)
