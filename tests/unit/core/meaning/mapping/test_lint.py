"""Mappings that must not start: each mistake is found, at its line, with its route and a cure."""

from typing import Final

import pytest

from tests.support.mappings import capture_routes, compiled, mapping, mistakes

ROUTE: Final = (
    "{name: %s, when: %s, action: capture, set: {user_id: {path: u}, payment_id: %s, "
    "amount: {path: a, currency: {const: INR}}, status: %s}}"
)
REMOVE: Final = "sources: [{topics: [t], routes: [{name: back, action: remove, set: {%s}}]}]"


def one_route(**fields: str) -> str:
    """Return a mapping with one route that captures everything, with these fields changed."""
    return f"sources: [{{topics: [t], routes: {capture_routes(**fields)}}}]"


def statuses(*routes: tuple[str, str]) -> str:
    """Return a mapping with a capture for each payment_id and status."""
    told = ", ".join(
        ROUTE % (f"r{at}", f"{{path: k, eq: {at}}}", payment_id, status)
        for at, (payment_id, status) in enumerate(routes)
    )
    return f"sources: [{{topics: [t], routes: [{told}]}}]"


CHANGES: Final = "which changes when the event is written once more"

REFUSED: Final = {
    "remove without payment_id": (REMOVE % "", "routes.back", "does not set payment_id"),
    "remove by user": (
        REMOVE % "payment_id: {path: p}, user_id: {path: u}",
        "routes.back.set.user_id",
        "would remove every payment of that user",
    ),
    "remove by user alone": (REMOVE % "user_id: {path: u}", "set.user_id", "would remove every payment"),
    "capture without fields": (
        "sources: [{topics: [t], routes: [{name: paid, action: capture, set: {}}]}]",
        "routes.paid",
        "does not set user_id",
    ),
    "capture without set": (
        "sources: [{topics: [t], routes: [{name: paid, action: capture}]}]",
        "routes.paid",
        "does not set amount",
    ),
    "type from the offset": (
        one_route(type="{path: $offset, as: string}"),
        "paid.set.type",
        f"comes from $offset, {CHANGES}",
    ),
    "id from the offset in a template": (
        one_route(payment_id='{template: "{id}-{$offset}"}'),
        "set.payment_id",
        "comes from $offset",
    ),
    "id from the partition in a coalesce": (
        one_route(payment_id="{coalesce: [{path: id}, {path: $partition, as: string}]}"),
        "set.payment_id",
        "comes from $partition",
    ),
    "order id from the timestamp": (
        one_route(order_id="{path: $timestamp, as: string}"),
        "set.order_id",
        "comes from $timestamp",
    ),
    "a capture by offset": (
        (
            "sources: [{topics: [t], "
            "routes: [{name: paid, when: {path: $offset, gt: 5}, action: capture, set: {}}]}]"
        ),
        "paid.when",
        f"depends on $offset, {CHANGES}",
    ),
    "constant id": (one_route(payment_id="{const: p}"), "set.payment_id", "can be the same for several"),
    "constant id by default": (
        one_route(payment_id="{path: id, default: none}"),
        "set.payment_id",
        "can be the same for several",
    ),
    "initiated shares the id": (
        statuses(("{path: id}", "{const: PAYMENT_INITIATED}"), ("{path: id}", "{const: PAYMENT_COMPLETED}")),
        "routes.r0.set.payment_id",
        "can be the id of the route r1 too",
    ),
    "failed shares the id": (
        statuses(("{path: id}", "{const: PAYMENT_COMPLETED}"), ("{path: id}", "{const: PAYMENT_FAILED}")),
        "routes.r1.set.payment_id",
        "can be the id of the route r0 too",
    ),
    "one route with both": (
        statuses(("{path: id}", "{path: s, map: {a: PAYMENT_COMPLETED, b: PAYMENT_FAILED}}")),
        "routes.r0.set.payment_id",
        "can be the id of a completed payment too",
    ),
    "status as it comes": (
        statuses(("{path: id}", "{path: s}")),
        "routes.r0.set.payment_id",
        "can be the id of a completed payment",
    ),
    "no currency": (one_route(amount="{path: a, as: minor}"), "paid.set.amount", "has no currency"),
    "no such currency": (
        one_route(amount="{path: a, currency: {const: inr}}"),
        "paid.set.amount",
        "no ISO 4217 code",
    ),
    "no such price currency": (
        one_route(
            items="{each: l, id: {path: i}, quantity: {path: q}, unit_price: {path: p, currency: {const: X}}}"
        ),
        "paid.set.items",
        "no ISO 4217 code",
    ),
    "no such type": (one_route(type="{const: RECURING}"), "set.type", "did you mean RECURRING?"),
    "no such type in map": (
        one_route(type="{path: k, map: {a: DEFAULT, b: ONCE}}"),
        "set.type",
        "a value that type has not",
    ),
    "no such type by default": (
        one_route(type="{path: k, map: {a: DEFAULT}, default: NONE}"),
        "set.type",
        "a value that type has not",
    ),
    "no such status": (
        one_route(status="{const: COMPLETED}"),
        "set.status",
        "did you mean PAYMENT_COMPLETED?",
    ),
    "no such content type": (
        one_route(content_type="{const: product}"),
        "set.content_type",
        "did you mean PRODUCT?",
    ),
    "envelope without unwrap": (one_route(order_id="{path: $envelope.id}"), "paid", "unwraps nothing"),
    "amount of a full refund": (
        REMOVE % "payment_id: {path: p}, amount: {path: a, currency: {const: INR}}",
        "set.amount",
        "goes unused",
    ),
    "original amount alone": (
        REMOVE % "payment_id: {path: p}, original_amount: {path: a, currency: {const: INR}}",
        "set.original_amount",
        "has nothing to be compared with",
    ),
    "two routes of one name": (
        (
            "sources: [{topics: [t], "
            "routes: [{name: a, when: {path: x, eq: 1}, action: skip}, "
            "{name: a, action: skip}]}]"
        ),
        "routes.a.name",
        "is a name that another route has",
    ),
    "a name of the metrics": (
        "sources: [{topics: [t], routes: [{name: no_route, action: skip}]}]",
        "routes.no_route.name",
        "that the metrics have",
    ),
    "a dead letter's name": (
        "sources: [{topics: [t], routes: [{name: mapping, action: skip}]}]",
        "mapping.name",
        "the metrics have",
    ),
    "behind a route that takes all": (
        (
            "sources: [{topics: [t], "
            "routes: [{name: a, action: skip}, "
            "{name: b, when: {path: x, eq: 1}, action: skip}]}]"
        ),
        "routes.b",
        "the route a before it takes every event",
    ),
    "behind a route that asks the same": (
        (
            "sources: [{topics: [t], "
            "routes: [{name: a, when: {path: x, eq: 1}, action: skip}, "
            "{name: b, when: {path: x, eq: 1}, action: reject}]}]"
        ),
        "routes.b",
        "the route a before it asks the same",
    ),
    "a topic twice": (
        "sources: [{topics: [t], schema: canonical}, {topics: [t], schema: canonical}]",
        "sources[1].topics",
        "names t, which stands at mapping.yaml:1 already",
    ),
    "a topic twice in one source": (
        "sources: [{topics: [t, t], schema: canonical}]",
        "sources[0].topics",
        "names t, which stands",
    ),
    "no sources": ("sources: []", "sources", "is an empty list"),
    "no routes": ("sources: [{topics: [t], routes: []}]", "routes", "is an empty list"),
    "no topics": ("sources: [{topics: [], schema: canonical}]", "topics", "is an empty list"),
    "neither routes nor schema": ("sources: [{topics: [t]}]", "sources[0]", "lacks routes"),
    "routes of canonical events": (
        "sources: [{topics: [t], schema: canonical, routes: [{name: a, action: skip}]}]",
        "routes",
        "goes unused: canonical events have no routes",
    ),
    "set of a skip": (
        "sources: [{topics: [t], routes: [{name: a, action: skip, set: {payment_id: {path: p}}}]}]",
        "set",
        "goes unused: skip sends nothing",
    ),
    "exponents of a decimal": (
        one_route(amount="{path: a, as: decimal, exponent: 2, currency: {const: INR}}"),
        "set.amount",
        "has exponents and no minor units",
    ),
    "both exponents": (
        one_route(amount="{path: a, as: minor, exponent: 2, exponents: {INR: 2}, currency: {const: INR}}"),
        "set.amount",
        "has both exponent and exponents",
    ),
    "a sum that counts nothing": (
        one_route(amount="{sum: l, of: {path: c}, currency: {const: INR}}"),
        "set.amount",
        "does not say what the number counts",
    ),
    "a default of an amount": (
        one_route(amount="{path: a, as: decimal, default: 0, currency: {const: INR}}"),
        "set.amount",
        "no default",
    ),
    "behind a constant": (
        one_route(order_id="{coalesce: [{const: a}, {path: b}]}"),
        "coalesce",
        "never gets beyond entry 1",
    ),
    "a number for a text": (
        one_route(order_id="{path: $topic, as: decimal}"),
        "set.order_id",
        "gives a number where a text",
    ),
    "a text for a time": (
        one_route(occurred_at="{path: at, as: upper}"),
        "set.occurred_at",
        "gives a text where a time",
    ),
    "converters in the wrong order": (
        one_route(occurred_at="{path: at, as: [upper, epoch_seconds]}"),
        "set.occurred_at",
        "gives a text to the converter epoch_seconds, which takes a number",
    ),
    "minor units of no amount": (
        one_route(order_id="{path: a, as: minor}"),
        "set.order_id",
        "gives minor units where a text",
    ),
    "minor units before a converter": (
        one_route(
            amount="{coalesce: [{path: c, as: minor}, {path: d}], as: decimal, currency: {const: INR}}"
        ),
        "set.amount",
        "can give minor units to the converter decimal, which does not know them",
    ),
    "minor units twice": (
        one_route(amount="{coalesce: [{path: c, as: minor}, {path: d}], as: minor, currency: {const: INR}}"),
        "set.amount",
        "can give minor units to the converter minor, which does not know them",
    ),
    "minor units rounded": (
        one_route(
            amount="{coalesce: [{path: c, as: minor}, {path: d}], as: {decimal: {scale: 2}}, "
            "currency: {const: INR}}"
        ),
        "set.amount",
        "can give minor units to the converter decimal",
    ),
    "minor units deep in a coalesce": (
        one_route(
            amount="{coalesce: [{coalesce: [{path: c, as: minor}, {path: d}]}, {path: e}], as: decimal, "
            "currency: {const: INR}}"
        ),
        "set.amount",
        "can give minor units to the converter decimal",
    ),
    "minor units in a sum": (
        one_route(
            amount="{sum: l, of: {coalesce: [{path: c, as: minor}, {path: d, as: decimal}]}, as: decimal, "
            "currency: {const: INR}}"
        ),
        "set.amount.of",
        "can give minor units where a number is wanted",
    ),
    "minor units as an attribute": (
        one_route(attributes="{a: {coalesce: [{path: c, as: minor}, {path: d}]}}"),
        "set.attributes.a",
        "can give minor units where",
    ),
    "minor units as an exponent": (
        one_route(
            amount="{path: a, as: minor, exponent: {coalesce: [{path: c, as: minor}, {path: d}]}, "
            "currency: {const: INR}}"
        ),
        "set.amount.exponent",
        "can give minor units where a number is wanted",
    ),
    "minor units as a quantity": (
        one_route(items="{each: l, id: {path: i}, quantity: {coalesce: [{path: c, as: minor}, {path: d}]}}"),
        "set.items.quantity",
        "can give minor units where a number is wanted",
    ),
    "minor units in a map": (
        one_route(order_id="{coalesce: [{path: c, as: minor}, {path: d}], map: {'1': a}}"),
        "set.order_id",
        "can look up minor units in map",
    ),
    "minor units in a predicate": (
        (
            "sources: [{topics: [t], routes: [{name: a, "
            "when: {coalesce: [{path: c, as: minor}, {path: d}], gt: 5}, action: skip}]}]"
        ),
        "routes.a.when",
        "can give minor units where",
    ),
    "a constant that does not convert": (
        one_route(occurred_at="{const: yesterday, as: rfc3339}"),
        "set.occurred_at",
        "no time of RFC 3339",
    ),
    "raw without a schema": (
        "sources: [{topics: [t], schema: canonical, decoding: {wire_format: raw}}]",
        "decoding",
        "names no schema",
    ),
    "a schema for registered records": (
        "sources: [{topics: [t], schema: canonical, decoding: {schema: a.avsc}}]",
        "decoding.schema",
        "goes unused",
    ),
}


SHARED: Final = (
    "{path: id}",
    "{path: id, as: string}",
    "{path: other}",
    '{template: "{id}"}',
    "{coalesce: [{path: id}]}",
    "{path: id, as: trim}",
    "{path: id, as: {regex: '.*'}}",
    '{template: "{id} "}',
    '{coalesce: [{template: "{id}:initiated"}, {path: id}]}',
    "{template: \"{id}:initiated\", as: {regex: '(.*):.*'}}",
    "{coalesce: [{template: \"{id}:initiated\"}], as: {regex: '(.*):.*'}}",
)


@pytest.mark.parametrize("payment_id", SHARED)
def test_no_spelling_hides_an_id_that_completed_payments_have(payment_id: str) -> None:
    """What is not completed has an id that provably is another one, or does not start."""
    text = statuses((payment_id, "{const: PAYMENT_INITIATED}"), ("{path: id}", "{const: PAYMENT_COMPLETED}"))
    (line,) = mistakes(text)
    assert "routes.r0.set.payment_id (mapping.yaml:1): can be the id of the route r1 too" in line
    assert 'write a template such as "{id}:initiated"' in line


@pytest.mark.parametrize(
    "payment_id",
    [
        "{coalesce: [{path: s}, {path: id}]}",
        '{coalesce: [{template: "{id}:{s}"}, {path: id}]}',
        "{template: \"{id}:{s}\", as: {regex: '(.*):.*'}}",
        '{template: "{id}:{t}"}',
        '{template: "{id}:{s}"}',
    ],
)
@pytest.mark.parametrize(
    "status",
    [
        "{path: s, map: {a: PAYMENT_COMPLETED, b: PAYMENT_FAILED}}",
        "{path: s, map: {a: PAYMENT_COMPLETED, c: PAYMENT_COMPLETED, b: PAYMENT_FAILED}}",
        "{path: s, map: {b: PAYMENT_FAILED}, default: PAYMENT_COMPLETED}",
        "{path: s}",
    ],
)
def test_no_path_tells_the_statuses_of_one_route_apart(payment_id: str, status: str) -> None:
    """A payment that goes through two completed states would be two, and no refund would meet its id."""
    (line,) = mistakes(statuses((payment_id, status)))
    assert "can be the id of a completed payment too" in line
    assert line.endswith('; give them a route of their own, with a template such as "{id}:initiated"')


@pytest.mark.parametrize(
    "status",
    [
        "{path: s, map: {CAPTURED: PAYMENT_COMPLETED, SETTLED: PAYMENT_COMPLETED}}",
        "{path: s, map: {PAID: PAYMENT_COMPLETED}}",
        "{path: s, map: {PAID: PAYMENT_COMPLETED}, default: PAYMENT_COMPLETED}",
    ],
)
def test_a_completed_payment_is_one_whatever_its_state(status: str) -> None:
    """The API would count one for each state, and a refund by the plain id would meet none of them."""
    (line,) = mistakes(statuses(('{template: "{id}:{s}"}', status)))
    assert "routes.r0.set.payment_id (mapping.yaml:1): has in it what status is from" in line
    assert mistakes(statuses(("{path: id}", status))) == []


CANONICAL: Final = "{topics: [c], schema: canonical}"


def test_canonical_events_have_ids_too() -> None:
    """Their completed payments are captured by payment_id as it is, in the API's one space of ids."""
    started = "{const: PAYMENT_INITIATED}"
    shared = statuses(("{path: id}", started)).replace("sources: [", f"sources: [{CANONICAL}, ")
    (line,) = mistakes(shared)
    assert "sources[1].routes.r0.set.payment_id (mapping.yaml:1): can be the id of a canonical event" in line
    assert line.endswith('; write a template such as "{id}:initiated"')
    apart = statuses(('{template: "{id}:initiated"}', started), ("{path: id}", "{const: PAYMENT_COMPLETED}"))
    assert mistakes(apart.replace("sources: [", f"sources: [{CANONICAL}, ")) == []


def test_texts_that_completed_ids_have_too_prove_nothing() -> None:
    """Both are "{id}:…", and both parts may be the same."""
    text = statuses(
        ('{template: "{id}:{try}"}', "{const: PAYMENT_INITIATED}"),
        ('{template: "{id}:{attempt}"}', "{const: PAYMENT_COMPLETED}"),
    )
    assert "can be the id of the route r1 too" in mistakes(text)[0]


@pytest.mark.parametrize(
    "payment_id",
    [
        "{coalesce: [{path: nope}, {const: none}], as: trim}",
        "{coalesce: [{path: nope, default: none}], as: trim}",
        "{coalesce: [{path: nope}, {const: bm9uZQ==}], as: base64}",
        "{path: $topic}",
        "{path: $name}",
        "{path: payload.$name}",
        '{template: "{$topic}-{$name}"}',
        "{coalesce: [{path: id}, {path: $topic}]}",
        "{path: id, as: {regex: 'ord'}}",
        "{path: id, as: {regex: '([P])ay.*'}}",
        "{path: id, as: {regex: '((?:.{0})P).*'}}",
        "{path: id, as: {regex: '(ord)-[0-9]+'}}",
        "{path: id, as: [{regex: 'ord-[0-9]+|(?:a)'}, {regex: '(?P<x>ord|sub).*'}, upper]}",
        "{path: id, map: {a: one, b: two}}",
        "{coalesce: [{path: id, as: {regex: 'ord'}}, {path: id}]}",
        "{path: body, as: [json, {path: kind.$name}, trim]}",
    ],
)
@pytest.mark.parametrize("action", ["capture", "remove"])
def test_no_spelling_hides_a_constant_id(payment_id: str, action: str) -> None:
    """An id that several payments have loses all but the first."""
    captured, removed = one_route(payment_id=payment_id), REMOVE % f"payment_id: {payment_id}"
    text = captured if action == "capture" else removed
    (line,) = mistakes(text)
    assert "set.payment_id (mapping.yaml:1): can be the same for several" in line


@pytest.mark.parametrize(
    "user_id",
    [
        "{const: me}",
        "{path: $topic}",
        '{template: "{$topic}-{$name}"}',
        "{path: u, as: {regex: '(user)-.*'}}",
        "{path: status, map: {PAID: u1}}",
        "{path: status, map: {PAID: u1, SETTLED: u2}, default: u3}",
        "{coalesce: [{path: status, map: {PAID: u1}}, {const: u2}]}",
        "{coalesce: [{path: u, as: {regex: '(user)-.*'}}, {path: $topic}]}",
        "{path: body, as: [json, {path: kind.$name}]}",
    ],
)
def test_no_user_is_everybody(user_id: str) -> None:
    """Nothing of the event says whose payment it is."""
    (line,) = mistakes(one_route(user_id=user_id))
    assert "set.user_id (mapping.yaml:1): can be the same for several events" in line


def test_a_user_may_have_a_constant_to_fall_back_on() -> None:
    """Guests may be one user."""
    assert mistakes(one_route(user_id="{path: u, default: guest}")) == []
    assert mistakes(one_route(user_id="{coalesce: [{path: u}, {path: status, map: {PAID: u1}}]}")) == []


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"type": "{coalesce: [{path: k}, {const: bogus}], as: trim}"}, "a value that type has not"),
        ({"type": "{coalesce: [{path: k, default: default}], as: trim}"}, "a value that type has not"),
        (
            {"amount": "{path: a, as: minor, currency: {coalesce: [{path: c}, {const: XX}], as: upper}}"},
            "no ISO 4217 code",
        ),
    ],
)
def test_no_converter_hides_a_constant(fields: dict[str, str], what: str) -> None:
    """It is judged by what it is behind them."""
    assert what in mistakes(one_route(**fields))[0]


def test_constants_that_converters_mend_start() -> None:
    """They are judged by what they become."""
    currency = "{coalesce: [{path: c}, {const: inr}], as: upper}"
    fields = {
        "type": "{coalesce: [{path: k}, {const: default}], as: upper}",
        "amount": f"{{path: a, as: minor, currency: {currency}}}",
    }
    assert mistakes(one_route(**fields)) == []


@pytest.mark.parametrize("root", ["$offset", "$partition"])
@pytest.mark.parametrize(
    "fields",
    [
        {"amount": "{path: ROOT, as: minor, currency: {const: INR}}"},
        {"amount": "{path: a, as: minor, currency: {path: ROOT, as: string}}"},
        {"amount": "{path: a, as: minor, currency: {const: INR}, exponent: {path: ROOT}}"},
        {"items": "{each: l, id: {path: i}, quantity: {path: ROOT}}"},
        {"items": "{each: l, id: {path: i}, quantity: {path: q}, unit_price: {path: ROOT, as: minor}}"},
        {"content_type": "{path: ROOT, as: string, map: {'1': PRODUCT}}"},
    ],
)
def test_nothing_that_is_counted_comes_from_where_a_record_lies(fields: dict[str, str], root: str) -> None:
    """A replay would change the revenue."""
    found = mistakes(one_route(**{name: value.replace("ROOT", root) for name, value in fields.items()}))
    assert any(f"comes from {root}, {CHANGES}" in line for line in found), found


def test_no_amount_comes_from_the_time_of_the_record() -> None:
    """As a text it would pass for minor units."""
    amount = "{path: $timestamp, as: [string, {regex: '([0-9]+).*'}, minor], currency: {const: INR}}"
    (line,) = mistakes(one_route(amount=amount))
    assert f"set.amount (mapping.yaml:1): comes from $timestamp, {CHANGES}" in line


@pytest.mark.parametrize("name", ["amount", "original_amount", "cumulative_refunded"])
def test_nothing_that_decides_on_a_refund_comes_from_where_a_record_lies(name: str) -> None:
    """A replay would change whether it is a full one."""
    amounts = {"amount": "a", "original_amount": "o", "cumulative_refunded": "c"} | {name: "$offset"}
    told = ", ".join(
        f"{each}: {{path: {path}, as: minor, currency: {{const: INR}}}}" for each, path in amounts.items()
    )
    (line,) = mistakes(REMOVE % f"payment_id: {{path: p}}, {told}")
    assert f"set.{name} (mapping.yaml:1): comes from $offset, {CHANGES}" in line


@pytest.mark.parametrize(("text", "where", "what"), REFUSED.values(), ids=REFUSED.keys())
def test_what_must_not_start_does_not(text: str, where: str, what: str) -> None:
    """The mistake is told with its key, its line and a cure, and there is no mapping."""
    assert compiled(text).mapping is None
    found = [line for line in mistakes(text) if what in line]
    assert found, mistakes(text)
    assert f"{where} (mapping.yaml:1): " in found[0]
    assert found[0].partition("; ")[2]


ALLOWED: Final = {
    "minor units or a decimal": one_route(
        amount="{coalesce: [{path: c, as: minor}, {path: d, as: decimal}], exponent: 2, "
        "currency: {const: INR}}"
    ),
    "a sum of minor units": one_route(
        amount="{coalesce: [{sum: l, of: {path: c}, as: minor}, {path: d, as: decimal}], "
        "currency: {const: INR}}"
    ),
    "an id of its own": statuses(
        ('{template: "{id}:failed:{attempt}"}', "{const: PAYMENT_FAILED}"),
        ("{path: id}", "{const: PAYMENT_COMPLETED}"),
    ),
    "a text of its own, in capitals": statuses(
        ('{template: "{id}:failed", as: upper}', "{const: PAYMENT_FAILED}"),
        ('{template: "{id}:{attempt}"}', "{const: PAYMENT_COMPLETED}"),
    ),
    "a text of its own in every option": statuses(
        (
            '{coalesce: [{template: "{id}:failed"}, {template: "{ref}:failed"}]}',
            "{const: PAYMENT_FAILED}",
        ),
        ("{path: id}", "{const: PAYMENT_COMPLETED}"),
    ),
    "a pattern that takes of the event": one_route(payment_id="{path: id, as: {regex: 'ord-([a-z]+)'}}"),
    "a pattern with letters to choose from": one_route(payment_id="{path: id, as: {regex: '[a-f]{8}'}}"),
    "only failures": statuses(("{path: id}", "{const: PAYMENT_FAILED}")),
    "a skip by offset": "sources: [{topics: [t], "
    "routes: [{name: old, when: {path: $offset, lt: 5}, action: skip}]}]",
    "a number and a boolean": "sources: [{topics: [t], "
    "routes: [{name: a, when: {path: x, eq: 1}, action: skip}, "
    "{name: b, when: {path: x, eq: true}, action: skip}]}]",
    "a list of numbers and one of booleans": "sources: [{topics: [t], "
    "routes: [{name: a, when: {not: {path: x, in: [0, 2]}}, action: skip}, "
    "{name: b, when: {not: {path: x, in: [false, 2]}}, action: skip}]}]",
    "numbers and booleans to fall back on": "sources: [{topics: [t], "
    "routes: [{name: a, when: {coalesce: [{path: x, map: {'1': 1}, default: 0}], eq: 1}, action: skip}, "
    "{name: b, when: {coalesce: [{path: x, map: {'1': true}, default: 0}], eq: 1}, action: skip}, "
    "{name: c, when: {coalesce: [{path: x, map: {'1': 1}, default: false}], eq: 1}, action: skip}, "
    "{name: d, when: {coalesce: [{path: x}, {const: 1}], eq: 1}, action: skip}, "
    "{name: e, when: {coalesce: [{path: x}, {const: true}], eq: 1}, action: skip}]}]",
    "one name in two sources": "sources: [{topics: [t], "
    "routes: [{name: a, action: skip}]}, {topics: [s], routes: [{name: a, action: skip}]}]",
    "envelope behind unwrap": "sources: [{topics: [t], "
    "unwrap: debezium, routes: [{name: a, when: {path: $envelope.x, eq: 1}, action: skip}]}]",
}


@pytest.mark.parametrize("text", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_is_right_starts(text: str) -> None:
    """The lint refuses nothing that is safe."""
    assert mistakes(text) == []


def test_a_time_is_needed_while_converting() -> None:
    """Without conversion nothing needs the time of the event; with it every capture does."""
    assert mistakes(one_route()) == []
    (line,) = mistakes(one_route(), converting=True)
    assert "paid.set.occurred_at (mapping.yaml:1): is missing, and amounts are converted" in line
    assert mistakes(one_route(occurred_at="{path: at, as: rfc3339}"), converting=True) == []


def test_a_broken_time_is_not_missing() -> None:
    """What is wrong already is told once."""
    (line,) = mistakes(one_route(occurred_at="{path: at, as: rfc339}"), converting=True)
    assert "is no converter; did you mean rfc3339?" in line


def test_the_time_of_the_record_is_a_warning() -> None:
    """It is allowed, and seldom meant."""
    result = compiled(one_route(occurred_at="{path: $timestamp}"))
    assert result.mapping is not None
    assert "is the time at which Kafka got the record" in str(result.warnings[0].mistake())


def test_a_remove_without_amounts_is_a_warning() -> None:
    """A refund of a part would take away the whole revenue; where there is none, it is allowed."""
    result = compiled(REMOVE % "payment_id: {path: p}")
    assert result.mapping is not None
    (warning,) = [str(each.mistake()) for each in result.warnings]
    assert warning == (
        "sources[0].routes.back (mapping.yaml:1): counts every refund as a full one; "
        "set amount and original_amount where partial refunds happen"
    )
    amounts = "amount: {path: a, as: minor, currency: {const: INR}}, original_amount: {path: o, as: minor}"
    assert compiled(REMOVE % f"payment_id: {{path: p}}, {amounts}").warnings == ()


TEN: Final = """\
surces: 1
sources:
  - topics: [orders, "bad topic"]
    routes:
      - name: paid
        when: {path: status, eqq: PAID}
        action: capture
        set:
          user_id: {pth: user}
          payment_id: {path: id, as: strng}
          amount: {path: amount, as: minor}
          tpye: {const: DEFAULT}
          order_id: {path: a..b}
      - name: refunded
        when: {path: status, regex: '(a+)+'}
        action: remove
        set: {user_id: {path: user}}
"""


def test_ten_mistakes_are_ten_lines() -> None:
    """One start tells all of them, in the order of the file, each with its line."""
    found = mistakes(TEN)
    lines = [int(line.partition("mapping.yaml:")[2].partition(")")[0]) for line in found]
    assert lines == sorted(lines)
    assert set(lines) == {1, 3, 6, 9, 10, 11, 12, 13, 14, 15, 17}
    cures = {
        "did you mean sources?",
        "did you mean eq?",
        "did you mean path?",
        "did you mean string?",
        "did you mean type?",
    }
    assert {line.rpartition("; ")[2] for line in found} >= cures


def test_names_of_routes_that_skip_are_known_beforehand() -> None:
    """They become values of a label, whose series start at 0."""
    text = (
        "sources: [{topics: [t], "
        "routes: [{name: a, when: {path: x, eq: 1}, action: skip}, "
        "{name: b, action: reject}]}]"
    )
    assert mapping(text).route_names == ("a",)


@pytest.mark.parametrize("number", [".nan", "-.inf", ".INF", "1e999", "!!float nan", "!!float -inf"])
@pytest.mark.parametrize("operand", ["eq: NUMBER", "in: [1, NUMBER]", "gt: NUMBER", "le: NUMBER"])
def test_no_operand_is_a_number_that_is_not_finite(operand: str, number: str) -> None:
    """No record has one that could be equal, and each that is finite is less than infinite."""
    test = operand.replace("NUMBER", number)
    (mistake,) = mistakes(
        f"sources: [{{topics: [t], routes: [{{name: a, when: {{path: x, {test}}}, action: skip}}]}}]"
    )
    assert "is no finite number" in mistake


@pytest.mark.parametrize("number", [".nan", "1e999"])
@pytest.mark.parametrize(
    "value", ["{const: NUMBER}", "{path: x, default: NUMBER}", "{path: x, map: {a: NUMBER}}"]
)
def test_no_constant_is_a_number_that_is_not_finite(value: str, number: str) -> None:
    """JSON can't say it."""
    attributes = f"{{a: {value.replace('NUMBER', number)}}}"
    mistake, *_ = mistakes(f"sources: [{{topics: [t], routes: {capture_routes(attributes=attributes)}}}]")
    assert "is no finite number" in mistake


def test_numbers_that_are_finite_and_texts_are_operands() -> None:
    """As before."""
    for value in ("1e300", "-0.5", "nan", "'.'", "inf"):
        when = f"{{path: x, eq: {value}}}"
        assert not mistakes(f"sources: [{{topics: [t], routes: [{{name: a, when: {when}, action: skip}}]}}]")
