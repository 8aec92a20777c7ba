"""The schema for editors: it underlines what the compiler would refuse for its form."""

from typing import Final

import pytest
import yaml
from jsonschema import Draft202012Validator

from consumer.core.meaning.mapping import mapping_schema
from tests.support.mappings import capture_routes, mistakes

VALIDATOR: Final = Draft202012Validator(mapping_schema())

ROUTES: Final = "[{name: a, action: skip}]"


def routed(routes: str) -> str:
    """Return a mapping with these routes."""
    return f"{{sources: [{{topics: [t], routes: {routes}}}]}}"


#: Slips of the pen; each is refused by the compiler too.
SLIPS: Final = {
    "an unknown key": "{source: []}",
    "no sources": "{sources: []}",
    "no topics": "{sources: [{schema: canonical}]}",
    "both routes and schema": f"{{sources: [{{topics: [t], schema: canonical, routes: {ROUTES}}}]}}",
    "neither": "{sources: [{topics: [t]}]}",
    "another unwrap": f"{{sources: [{{topics: [t], unwrap: cloudevents, routes: {ROUTES}}}]}}",
    "another format": "{sources: [{topics: [t], schema: canonical, decoding: {wire_format: json}}]}",
    "a name with capitals": routed("[{name: Paid, action: skip}]"),
    "another action": routed("[{name: a, action: drop}]"),
    "set of a skip": routed("[{name: a, action: skip, set: {}}]"),
    "remove by user": routed("[{name: a, action: remove, set: {payment_id: {path: p}, user_id: {path: u}}}]"),
    "two origins": routed(capture_routes(order_id="{path: a, const: b}")),
    "no origin": routed(capture_routes(order_id="{as: trim}")),
    "another converter": routed(capture_routes(order_id="{path: a, as: str}")),
    "another type": routed(capture_routes(type="{const: RECURING}")),
    "currency of a text": routed(capture_routes(order_id="{path: a, currency: {const: INR}}")),
    "another comparison": routed("[{name: a, when: {path: x, equals: 1}, action: skip}]"),
    "no comparison": routed("[{name: a, when: {path: x}, action: skip}]"),
    "a group with more": routed("[{name: a, when: {not: {path: x, eq: 1}, path: x}, action: skip}]"),
    "an item without an id": routed(capture_routes(items="{each: l, quantity: {path: q}}")),
}


@pytest.mark.parametrize("text", SLIPS.values(), ids=SLIPS.keys())
def test_a_slip_is_underlined_and_refused(text: str) -> None:
    """Schema and compiler agree on what is no mapping."""
    assert not VALIDATOR.is_valid(yaml.safe_load(text))
    assert mistakes(text)
