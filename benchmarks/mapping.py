"""What a mapping costs, as a ratio to fastavro's bare decode of the same record.

``python -m benchmarks.mapping [--rounds 300]`` decodes an order with three lines as fastavro does by itself,
then decodes it as the service does, finds its route, maps it and builds the body of the call; and the same
for a record that no predicate lets through. Each stage is measured by itself too: together they take longer
than one by one, because they share the processor's caches and what it has learned of their branches. All of
it takes turns in one process, so that what else the machine does hits each alike, and what counts is the
processor's time. The bounds are those of the median on a quiet machine. The best round is the one that others
disturbed least: on a busy machine it tells more.
"""

import argparse
import io
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, cast

import fastavro

from benchmarks.machine import describe
from consumer.core.api.calls import Planned, PlanRules, body, plan
from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.mapped import MappedCodec
from consumer.core.meaning import ecommerce
from consumer.core.meaning.intents import Capture, Skip
from consumer.core.meaning.lifecycle import LifecyclePolicy
from consumer.core.meaning.mapping import MappedEvent, Source, compile_mapping
from consumer.core.settings.documents import Source as Place
from consumer.core.settings.documents import read

RUNS_A_ROUND: Final = 20
ROUTES: Final = 50

#: What is measured.
BARE: Final = "bare decode"
SENT: Final = "decode, route, map, body"
SKIPPED: Final = "decode, skipped by a predicate"

#: What a record that is sent may cost, in microseconds and in bare decodes.
SENT_US: Final = 60.0
SENT_RATIO: Final = 4.0
#: What a record that a predicate skips may cost, in bare decodes.
SKIPPED_RATIO: Final = 1.5
#: What reading and compiling the routes may cost, in milliseconds.
START_MS: Final = 300.0


def _record(name: str, **fields: object) -> dict[str, object]:
    """Return a record schema of these fields and their types."""
    return {
        "type": "record",
        "name": name,
        "fields": [{"name": field, "type": kind} for field, kind in fields.items()],
    }


_MILLIS: Final = {"type": "long", "logicalType": "timestamp-millis"}
_ADDRESS: Final = _record("Address", street="string", city="string", postcode="string", country="string")

#: An order as shops publish it: about twice as many values as a mapping reads of it.
WRITTEN: Final = json.dumps(
    _record(
        "shop.Order",
        id="string",
        version="int",
        status={"type": "enum", "name": "Status", "symbols": ["NEW", "PAID"]},
        customer=_record("Customer", id="string", email=["null", "string"], segment="string"),
        billing=["null", _ADDRESS],
        shipping=["null", "Address"],
        total="long",
        tax="long",
        currency="string",
        created=_MILLIS,
        updated=_MILLIS,
        kind="string",
        number="string",
        channel="string",
        metadata={"type": "map", "values": "string"},
        lines={
            "type": "array",
            "items": _record(
                "Line", sku="string", title="string", quantity="int", cents="long", tax="long", gift="boolean"
            ),
        },
    )
)

SCHEMA: Final = fastavro.parse_schema(json.loads(WRITTEN))
WRITER: Final = WriterSchema(WRITTEN)
CODEC: Final = MappedCodec()

MAPPING: Final = """
sources:
  - topics: [orders]
    routes:
      - name: paid
        when: {all: [{path: status, in: [PAID, CAPTURED]}, {path: total, gt: 0}]}
        action: capture
        set:
          user_id: {coalesce: [{path: metadata.app_user}, {path: customer.id}]}
          payment_id: {path: id}
          amount: {path: total, as: minor, currency: {path: currency, as: upper}}
          type: {path: kind, map: {sub: SUBSCRIPTION_RENEWED}, default: DEFAULT}
          occurred_at: {path: created}
          order_id: {template: "{number}-{id}"}
          items:
            each: lines
            id: {path: sku}
            quantity: {path: quantity}
            unit_price: {path: cents, as: minor}
          attributes: {campaign: {path: metadata.campaign}}
"""

POLICY: Final = LifecyclePolicy()
RULES: Final = PlanRules(accept=("INR",))


def order(status: str) -> bytes:
    """Return the bytes of an order with three lines."""
    home = {"street": "12 MG Road", "city": "Bengaluru", "postcode": "560001", "country": "IN"}
    line = {"title": "Assam tea, 250 g", "quantity": 1, "cents": 14_900, "tax": 745, "gift": False}
    moment = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
    value = {
        "id": "pay_00012345",
        "version": 3,
        "status": status,
        "customer": {"id": "user-0001", "email": None, "segment": "returning"},
        "billing": home,
        "shipping": home,
        "total": 44_700,
        "tax": 2_235,
        "currency": "inr",
        "created": moment,
        "updated": moment,
        "kind": "sub",
        "number": "2026-00017",
        "channel": "android",
        "metadata": {"app_user": "app-user-77", "campaign": "diwali"},
        "lines": [{"sku": f"sku-{n}"} | line for n in range(3)],
    }
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, SCHEMA, value)
    return buffer.getvalue()


def source(text: str) -> Source:
    """Return the first source of a mapping without mistakes."""
    root = read(text, Place("mapping.yaml", 1)).root
    assert root is not None
    compiled = compile_mapping(root)
    assert compiled.mapping is not None, [str(finding.mistake()) for finding in compiled.findings]
    return compiled.mapping.sources[0]


def bare(content: bytes) -> object:
    """Return the record as fastavro gives it."""
    return fastavro.schemaless_reader(io.BytesIO(content), SCHEMA, None)


def opened(content: bytes) -> MappedEvent:
    """Return the record as the service decodes it."""
    decoded = CODEC.decode(WRITER, content)
    return MappedEvent(decoded.value, decoded.name, None, (), "orders", 0, 7, 1)


def meaning(mapped: Source, content: bytes) -> object:
    """Return the call that the record becomes, or why there is none."""
    return plan(mapped.interpret(opened(content), POLICY), RULES)


def stages(mapped: Source, sent: bytes, skipped: bytes) -> Mapping[str, Callable[[], object]]:
    """Return each part of the way by itself; the last two are parts of the one before."""
    event, other = opened(sent), opened(skipped)
    capture = mapped.interpret(event, POLICY)
    assert isinstance(capture, Capture)
    planned = plan(capture, RULES)
    assert isinstance(planned, Planned)
    return {
        "decode": lambda: opened(sent),
        "route": lambda: mapped.interpret(other, POLICY),
        "route and map": lambda: mapped.interpret(event, POLICY),
        "plan": lambda: plan(capture, RULES),
        "plan: event_data": lambda: ecommerce.build(capture),
        "plan: body": lambda: body(planned.call),
    }


def timed(works: Mapping[str, Callable[[], object]], rounds: int) -> Mapping[str, list[float]]:
    """Return the microseconds that each work took, a figure for each round; they take turns."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            began = time.process_time_ns()
            for _ in range(RUNS_A_ROUND):
                work()
            times[name].append((time.process_time_ns() - began) / RUNS_A_ROUND / 1_000)
    return times


def start_up() -> list[float]:
    """Return the milliseconds that it took to read and compile a mapping of many routes, five times."""
    route = MAPPING[MAPPING.index("      - name") :]
    routes = "".join(
        route.replace("name: paid", f"name: paid_{n}").replace("PAID", f"PAID_{n}") for n in range(ROUTES)
    )
    text = MAPPING[: MAPPING.index("      - name")] + routes
    times = []
    for _ in range(5):
        began = time.process_time()
        source(text)
        times.append(1_000 * (time.process_time() - began))
    return times


def verdict(what: str, times: Sequence[float], bound: float, unit: str, whole: Sequence[float] = ()) -> str:
    """Return a row of the table of bounds: times, or with ``whole`` their ratio to those."""
    row = f"| {what} | {bound:g}{unit} |"
    for taken in (statistics.median, min):
        figure = taken(times) / (taken(whole) if whole else 1)
        row += f" {figure:.2f}{unit}, {'within' if figure <= bound else 'above'} |"
    return row


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=300)
    rounds = cast("int", parser.parse_args().rounds)
    mapped, sent, skipped = source(MAPPING), order("PAID"), order("NEW")
    assert isinstance(meaning(mapped, sent), Planned)
    assert isinstance(meaning(mapped, skipped), Skip)
    spent = timed(
        {
            BARE: lambda: bare(sent),
            SENT: lambda: meaning(mapped, sent),
            SKIPPED: lambda: meaning(mapped, skipped),
            **stages(mapped, sent, skipped),
        },
        rounds,
    )
    least = spent[BARE]
    print(f"{describe()}; {rounds} rounds of {RUNS_A_ROUND}\n")
    print("| what | median, µs | ratio | best, µs | ratio |\n|---|---|---|---|---|")
    for name, times in spent.items():
        median, best = statistics.median(times), min(times)
        ratios = median / statistics.median(least), best / min(least)
        print(f"| {name} | {median:.1f} | {ratios[0]:.2f} | {best:.1f} | {ratios[1]:.2f} |")
    print("\n| what | bound | median | best |\n|---|---|---|---|")
    print(verdict(SENT, spent[SENT], SENT_US, " µs"))
    print(verdict(f"{SENT}, to the bare decode", spent[SENT], SENT_RATIO, "", least))
    print(verdict(f"{SKIPPED}, to the bare decode", spent[SKIPPED], SKIPPED_RATIO, "", least))
    print(verdict(f"reading and compiling {ROUTES} routes", start_up(), START_MS, " ms"))


if __name__ == "__main__":
    main()
