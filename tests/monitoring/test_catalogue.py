"""Rules and dashboard ask only for what the service exposes."""

import re
from collections.abc import Iterator
from typing import Final

import pytest

from consumer.core.api.verdicts import HoldCause
from consumer.core.meaning.intents import DeadLetterReason
from consumer.core.operations.catalogue import CATALOGUE, DELAY_BUCKETS
from monitoring.alerts import ALERTS, RECORDINGS
from monitoring.alerts.holds import ALERT_OF
from monitoring.alerts.objectives import DEAD_LETTER_OWNERS, FRESH
from monitoring.dashboard import queries
from monitoring.promql import selectors
from tests.monitoring.known import unknown


def _expressions() -> Iterator[tuple[str, str]]:
    yield from ((alert.name, alert.expr) for alert in ALERTS)
    yield from ((recording.record, recording.expr) for recording in RECORDINGS)
    yield from queries()


_EXPRESSIONS: Final = tuple(_expressions())


@pytest.mark.parametrize(("name", "expression"), _EXPRESSIONS, ids=[name for name, _ in _EXPRESSIONS])
def test_everything_that_is_asked_for_exists(name: str, expression: str) -> None:
    """A metric, a label or a value that is never exposed would make a panel or an alert silent for ever."""
    assert selectors(expression), name
    assert unknown(expression) == []


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("sum(linkrunner_consumer_nonsense)", ["metric linkrunner_consumer_nonsense"]),
        ('linkrunner_consumer_holding{reason="span"}', ["linkrunner_consumer_holding: label reason"]),
        ('linkrunner_consumer_holding{cause="spam"}', ["linkrunner_consumer_holding: cause is never spam"]),
        (
            'linkrunner_consumer_holding{cause=~"span|spam"}',
            ["linkrunner_consumer_holding: cause is never spam"],
        ),
        ("sum by (color) (linkrunner_consumer_holding)", ["label color"]),
    ],
)
def test_what_does_not_exist_is_noticed(expression: str, told: list[str]) -> None:
    """The check above can fail: for each kind of thing that is asked for."""
    assert unknown(expression) == told


def test_every_metric_is_watched() -> None:
    """A metric that neither an alert nor a panel reads is not worth its series."""
    read = {selector.metric for _, expression in _EXPRESSIONS for selector in selectors(expression)}
    names = {re.sub(r"_(?:bucket|count|sum)$", "", metric) for metric in read}
    assert [spec.full_name for spec in CATALOGUE if spec.full_name not in names] == []


def test_every_hold_has_an_alert_of_its_own() -> None:
    """A new cause without an alert would be a stop that nobody hears of."""
    assert set(ALERT_OF) == set(HoldCause)
    assert len({alert.name for alert in ALERT_OF.values()}) == len(HoldCause)


def test_every_dead_letter_reason_has_an_owner() -> None:
    """A new reason has to be somebody's before the delivery objective can count."""
    assert set(DEAD_LETTER_OWNERS) == set(DeadLetterReason)


def test_the_freshness_objective_is_a_bucket() -> None:
    """The share of records within the objective can only be read at a bucket's bound."""
    assert float(FRESH) in DELAY_BUCKETS
