"""What does decoding cost on top of fastavro? A payment of three lines, and what is read of it.

Times are of one process on one core, the best of many rounds, so that a busy machine changes them little; the
ratio is what counts.
"""

import io
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Final

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from benchmarks.machine import describe
from consumer.core.avro import schemas
from consumer.core.avro.codec import Codec
from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.mapped import MappedCodec
from tests.support.avro import canonical, encode
from tests.support.events import line, money, payment_event

ROUNDS: Final = 100
CALLS: Final = 500

_CANONICAL: Final = payment_event(
    user_id="user-7", order_id="order-1", items=[line(f"SKU-{n}", 2, money(24_950)) for n in range(3)]
)
#: A payment as somebody else writes it: optional fields, decimals, a moment, a day, lines.
_SHOP: Final = """
{"type": "record", "name": "Paid", "namespace": "shop", "fields": [
  {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
  {"name": "customer", "type": ["null", "string"]},
  {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["OPEN", "PAID"]}},
  {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2}},
  {"name": "currency", "type": "string"},
  {"name": "created", "type": {"type": "long", "logicalType": "timestamp-millis"}},
  {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
    {"name": "sku", "type": "string"},
    {"name": "quantity", "type": "int"},
    {"name": "price", "type": [
      "null", {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2}
    ]}
  ]}}}
]}
"""
_PAID: Final = {
    "id": "6cfb2d3c-5a9b-4b0c-8a53-a2d0a2b0c0de",
    "customer": "user-7",
    "status": "PAID",
    "amount": Decimal("499.00"),
    "currency": "INR",
    "created": datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
    "lines": [{"sku": f"SKU-{n}", "quantity": 2, "price": Decimal("24.95")} for n in range(3)],
}


def best(*actions: Callable[[], object]) -> list[float]:
    """Return the least time that one call of each action took, in microseconds of the processor.

    They take turns, so that what else the machine does falls on all of them.
    """
    least = [float("inf")] * len(actions)
    for _ in range(ROUNDS):
        for place, action in enumerate(actions):
            began = time.process_time()
            for _ in range(CALLS):
                action()
            least[place] = min(least[place], (time.process_time() - began) / CALLS * 1e6)
    return least


def bare(schema: WriterSchema, body: bytes) -> Callable[[], object]:
    """Return fastavro's own decoding of ``body``."""
    parsed = parse_schema(json.loads(schema.text))
    return lambda: schemaless_reader(io.BytesIO(body), parsed, None)


def main() -> None:
    """Measure and print a table."""
    event, paid = canonical(), WriterSchema(_SHOP)
    stream = io.BytesIO()
    schemaless_writer(stream, parse_schema(json.loads(_SHOP)), _PAID)
    bodies: Mapping[str, tuple[WriterSchema, bytes]] = {
        "canonical payment": (event, encode(event, _CANONICAL)),
        "somebody's payment": (paid, stream.getvalue()),
    }
    codec, mapped = Codec(schemas.payment_event()), MappedCodec()
    print(describe())
    print("\n| record | bytes | bare fastavro, µs | mapped, µs | ratio | canonical, µs | ratio |")
    print("|---|---|---|---|---|---|---|")
    for name, (schema, body) in bodies.items():
        actions: list[Callable[[], object]] = [bare(schema, body), partial(mapped.decode, schema, body)]
        if schema is event:
            actions.append(partial(codec.decode, schema, body))
        floor, ours, *read = best(*actions)
        row = f"| {name} | {len(body)} | {floor:.1f} | {ours:.1f} | {ours / floor:.2f} |"
        print(row, *(f"{other:.1f} | {other / floor:.2f} |" for other in read))


if __name__ == "__main__":
    main()
