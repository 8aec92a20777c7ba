"""Schemas and bytes from somebody who means harm: whatever they are, a record stays small and quick.

Real time and memory are measured in a process of their own, as CPU time against that of a loop beside it, so
that a busy machine changes neither; a crash or a hang there is a failed test here.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.core.avro import schemas
from consumer.core.avro.codec import Codec
from consumer.core.avro.inspection import WriterSchema, inspect
from consumer.core.avro.mapped import Budget, MappedCodec
from consumer.core.avro.weights import MESSAGE_BUDGET
from consumer.core.errors import Unreadable
from tests.support.avro import add, canonical, encode, text, varint
from tests.support.events import payment_event

MAPPED = MappedCodec()
CANONICAL = Codec(schemas.payment_event())
SALE = encode(canonical(), payment_event())


def record(name: str, /, **fields: object) -> dict[str, Any]:
    """Return a record with these fields."""
    named = [{"name": field, "type": kind} for field, kind in fields.items()]
    return {"type": "record", "name": name, "fields": named}


def logical(kind: str, name: str, **more: object) -> dict[str, Any]:
    """Return a logical type."""
    return {"type": kind, "logicalType": name, **more}


DECIMAL = {"logicalType": "decimal", "precision": 9, "scale": 2}

# ----------------------------------------------------------------------------------------- any schema

PLAIN = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
LOGICAL = [
    logical("bytes", "decimal", precision=38, scale=9),
    logical("bytes", "decimal", precision=1, scale=2),
    logical("bytes", "big-decimal"),
    logical("string", "uuid"),
    logical("int", "date"),
    logical("int", "time-millis"),
    logical("long", "time-micros"),
    *(
        logical("long", f"{local}timestamp-{unit}")
        for local in ("", "local-")
        for unit in ("millis", "micros", "nanos")
    ),
    logical("int", "no-such-type"),
]
#: Types that refer to one another: the fuzzer's records are numbered, and names may be missing or circular.
NAMES = [f"R{number}" for number in range(4)] + ["E0", "F0", "F1"]


def _named(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.lists(inner, max_size=4).map(
        lambda kinds: [{"name": f"f{number}", "type": kind} for number, kind in enumerate(kinds)]
    )
    return st.one_of(
        st.builds(
            lambda name, fields: {"type": "record", "name": name, "fields": fields},
            st.sampled_from(NAMES[:4]),
            fields,
        ),
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda values: {"type": "map", "values": values}, inner),
        st.lists(inner, min_size=1, max_size=4),
    )


LEAVES = st.one_of(
    st.sampled_from(PLAIN),
    st.sampled_from(LOGICAL),
    st.sampled_from(NAMES),
    st.builds(
        lambda symbols: {"type": "enum", "name": "E0", "symbols": symbols},
        st.sampled_from([[], ["A"], ["A", "B"]]),
    ),
    st.builds(
        lambda name, size, more: {"type": "fixed", "name": name, "size": size, **more},
        st.sampled_from(["F0", "F1"]),
        st.sampled_from([1, 8, 12, 16, 65_536]),
        st.sampled_from([{}, DECIMAL, {"logicalType": "uuid"}, {"logicalType": "duration"}]),
    ),
)
SCHEMAS = st.recursive(LEAVES, _named, max_leaves=12)
#: Counts, indexes and lengths that are none, among bytes of every kind.
PIECES = st.one_of(
    st.sampled_from([0, 1, 2, -1, 64, 10**9, 2**31, 2**62, -(2**63), 2**63 - 1]).map(varint),
    st.binary(max_size=8),
    st.sampled_from([b"\xff" * 12, bytes(40), b"\x02" * 40, text("key"), b"\x7f" * 70]),
)
BODIES = st.lists(PIECES, max_size=12).map(b"".join)


@settings(max_examples=400, deadline=2_000)
@given(SCHEMAS, BODIES, st.booleans())
def test_any_schema_with_any_bytes_decodes_or_is_unreadable(kind: object, body: bytes, whole: bool) -> None:
    """Nothing but Unreadable is raised by either codec, nested or not, and nothing hangs on it."""
    schema = WriterSchema(json.dumps(kind if whole else record("Top", it=kind)))
    budget = Budget()
    actions: list[Callable[[], object]] = [
        lambda: MAPPED.decode(schema, body),
        lambda: MAPPED.decode_nested(schema, body, budget),
        lambda: CANONICAL.decode(canonical(add("new", kind)), SALE + body),
    ]
    hanging = []
    for action in actions:
        try:
            action()
        except Unreadable as unreadable:
            hanging.append(unreadable.__context__)
    assert not any(hanging), "an exception that can hold data hangs on it"
    assert 0 <= budget.left <= MESSAGE_BUDGET


@settings(max_examples=200, deadline=2_000)
@given(SCHEMAS, st.integers(0, 300_000))
def test_no_message_costs_more_than_the_budget(kind: object, size: int) -> None:
    """What a schema lets through costs no more than the budget, by the weights; larger is refused unread."""
    schema = WriterSchema(json.dumps(kind))
    with suppress(Unreadable):
        inspected = inspect(schema)
        fits = size <= inspected.max_bytes
        assert not fits or inspected.weight.cost(size) <= MESSAGE_BUDGET
        if not fits:
            with pytest.raises(Unreadable, match=r"larger than the|schema"):
                MAPPED.decode(schema, bytes(size))


# ------------------------------------------------------------------------------------ the worst, for real

FLOODS: dict[str, tuple[object, bytes]] = {
    "int": ("int", b"\x02"),
    "boolean": ("boolean", b"\x01"),
    "float of many digits": ("float", bytes.fromhex("ec4bfe74")),
    "tiny float": ("float", bytes.fromhex("2b1d0300")),
    "empty text": ("string", b"\x00"),
    "empty bytes": ("bytes", b"\x00"),
    "a rare letter": ("string", text("𝄞")),
    "enum": ({"type": "enum", "name": "E", "symbols": ["A"]}, b"\x00"),
    "a byte of fixed": ({"type": "fixed", "name": "F", "size": 1}, b"\x07"),
    "small decimal": (logical("bytes", "decimal", precision=9, scale=2), b"\x02\x07"),
    "large decimal": (logical("bytes", "decimal", precision=99, scale=2), b"\x80\x01" + b"\x7e" * 64),
    "fixed decimal": ({"type": "fixed", "name": "F", "size": 1, **DECIMAL}, b"\x07"),
    "big decimal": (logical("bytes", "big-decimal"), b"\x06\x02\x07\x02"),
    "date": (logical("int", "date"), b"\x02"),
    "time": (logical("long", "time-micros"), b"\x02"),
    "moment": (logical("long", "timestamp-micros"), b"\x02"),
    "uuid": ({"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}, bytes(16)),
    "optional": (["null", "int"], b"\x00"),
    "small record": (record("R", a="boolean"), b"\x01"),
    "one of two records": ([record("R", a="boolean"), record("S", a="boolean")], b"\x02\x01"),
    "one of two empty records": ([record("R"), record("S")], b"\x02"),
    "optional beside records": (["null", "string", record("R"), record("S")], b"\x02\x00"),
    "wide record": (record("W", b="boolean", **{f"n{number}": "null" for number in range(400)}), b"\x01"),
    "wide optional record": (
        record("W", **{f"n{number}": ["null", "int"] for number in range(400)}),
        bytes(400),
    ),
    "empty array": ({"type": "array", "items": "int"}, b"\x00"),
    "empty map": ({"type": "map", "values": "int"}, b"\x00"),
}


#: What stands in one union of a schema costs in all others.
_TOLD = record("T", it=["null", record("R"), record("S")], more={"type": "array", "items": ["null", "int"]})

_ALSO_IN_MAPS = {"int", "empty text", "moment", "optional", "wide record"}


def flood(container: str, kind: object, item: bytes) -> tuple[str, bytes]:
    """Return an array or map of ``kind`` and the most items, or different keys, that it may hold."""
    schema = json.dumps({"type": container, {"array": "items", "map": "values"}[container]: kind})
    room, entries, count = _room(schema) - 12, bytearray(), 0
    while True:
        entry = (
            item
            if container == "array"
            else text(chr(0x100 + count) if count < 50_000 else str(count)) + item
        )
        if len(entries) + len(entry) > room:
            return schema, varint(count) + bytes(entries) + b"\x00"
        entries += entry
        count += 1


def _room(schema: str) -> int:
    """Return the largest message of ``schema`` that the codec takes, as it says itself."""
    with pytest.raises(Unreadable) as caught:
        MAPPED.decode(WriterSchema(schema), bytes(2**20))
    return int("".join(filter(str.isdigit, caught.value.detail)))


#: Runs in a process of its own: says how long a body takes beside a loop, and how large it gets.
MEASURE = """
import json, resource, sys, time, tracemalloc
resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
from consumer.core.avro.inspection import WriterSchema
from consumer.core.avro.mapped import MappedCodec
codec = MappedCodec()
def loop():
    total = 0
    for number in range(400_000):
        total += number & 7
def taken(action):
    began = time.process_time()
    action()
    return time.process_time() - began
for line in sys.stdin:
    name, schema, body = json.loads(line)
    act = lambda: codec.decode(WriterSchema(schema), bytes.fromhex(body))
    act()
    pairs = [(taken(act), taken(loop)) for _ in range(3)]
    tracemalloc.start()
    act()
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    loops = min(mine for mine, _ in pairs) / min(theirs for _, theirs in pairs)
    print(json.dumps([name, loops, peak]), flush=True)
"""
#: What the loop above takes on an ordinary core; a tenth of a second is so many loops.
LOOP_SECONDS = 0.02
MOST_SECONDS, MOST_MIB = 0.1, 64


def test_the_worst_messages_take_no_tenth_of_a_second() -> None:
    """The largest message of each kind of value takes less than 100 ms of an ordinary core, and 64 MiB."""
    told = json.dumps(_TOLD)
    count = _room(told) - 8
    floods = [("optional in another union", told, b"\x00" + varint(count) + bytes(count + 1))]
    floods += [
        (f"{container} of {name}", *flood(container, kind, item))
        for name, (kind, item) in FLOODS.items()
        for container in ("array", "map")
        if container == "array" or name in _ALSO_IN_MAPS
    ]
    lines = "".join(json.dumps([name, schema, body.hex()]) + "\n" for name, schema, body in floods)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        input=lines,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        cwd=Path(__file__).parents[4],
    )
    assert done.returncode == 0, done.stderr[-2000:]
    measured = [json.loads(line) for line in done.stdout.splitlines()]
    assert [name for name, _, _ in measured] == [name for name, _, _ in floods]
    too_slow = [
        (name, loops * LOOP_SECONDS) for name, loops, _ in measured if loops * LOOP_SECONDS > MOST_SECONDS
    ]
    too_large = [(name, mib) for name, _, mib in measured if mib > MOST_MIB]
    assert not too_slow
    assert not too_large
