"""The oracle of the lab and the rules of the core, written apart from each other, judge alike."""

import io
import json
from collections import Counter
from typing import cast

import fastavro

from consumer.core.api.calls import NeedsRates, Planned, PlanRules, action, plan
from consumer.core.avro import schemas
from consumer.core.meaning.intents import Reject, Skip
from consumer.core.meaning.lifecycle import LifecyclePolicy, interpret
from consumer.lab.bodies import parse_json
from consumer.lab.expectation import Expectation
from consumer.lab.reconciliation import Observation, reconcile
from consumer.lab.samples import Mishap, Sample, samples
from consumer.lab.simulator import Simulator
from consumer.lab.story import CURRENCIES, Event

ACCEPTED = tuple(CURRENCIES)
PREFIX_BYTES = 10
SCHEMA = fastavro.parse_schema(json.loads(schemas.payment_event()))


def decoded(sample: Sample) -> Event:
    """Return the event as a reader finds it in the bytes."""
    body = io.BytesIO((sample.value or b"")[PREFIX_BYTES:])
    return cast("Event", fastavro.schemaless_reader(body, SCHEMA, None))


def test_core_and_oracle_agree_payment_by_payment() -> None:
    """A story, decoded, interpreted, planned and called, leaves the ledger that was foretold."""
    expectation = Expectation(frozenset(ACCEPTED))
    api = Simulator(key="k")
    skipped: Counter[str] = Counter()
    dead: Counter[str] = Counter()
    story = [sample for sample in samples(3_000, seed=3) if sample.mishap in (None, Mishap.TOMBSTONE)]
    for seq, sample in enumerate(story):
        expectation.add(sample)
        event = None if sample.value is None else decoded(sample)
        planned = plan(interpret(event, LifecyclePolicy()), PlanRules(accept=ACCEPTED))
        match planned:
            case Planned():
                api.handle(action(planned.call), "k", parse_json(planned.body), seq)
            case Skip(reason):
                skipped[reason] += 1
            case Reject(reason):
                dead[reason] += 1
            case NeedsRates():
                raise AssertionError("nothing is converted")
    report = reconcile(
        expectation,
        Observation(api.ledger.payments(), api.ledger.removed, api.journal.outcomes(), dead, skipped, {}),
    )
    assert report.differences == ()
    assert len(expectation.recorded) > 1_000
    assert len(expectation.removed) > 100
