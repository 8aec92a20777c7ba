"""Mappings and events for tests: compiled from their text, told in plain words."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from consumer.core.meaning.intents import Capture, Intent, Reject, Remove, Skip
from consumer.core.meaning.lifecycle import LifecyclePolicy
from consumer.core.meaning.mapping import (
    CompiledMapping,
    MappedEvent,
    Source,
    compile_mapping,
    read_mapping,
)
from consumer.core.meaning.mapping import Mapping as CompiledSources
from consumer.core.meaning.money import Money
from consumer.core.records import Header
from consumer.core.settings.documents import Source as Place
from consumer.core.settings.documents import read

POLICY: Final = LifecyclePolicy()


def compiled(text: str, *, converting: bool = False) -> CompiledMapping:
    """Return what the YAML ``text`` compiles to."""
    document = read(text, Place("mapping.yaml", 1))
    assert document.root is not None, document.findings
    assert document.findings == ()
    return compile_mapping(read_mapping(document.root), converting=converting)


def mistakes(text: str, *, converting: bool = False) -> list[str]:
    """Return all that is wrong with a mapping, a line for each mistake."""
    return [str(finding.mistake()) for finding in compiled(text, converting=converting).findings]


def mapping(text: str, *, converting: bool = False) -> CompiledSources:
    """Return a mapping without mistakes."""
    result = compiled(text, converting=converting)
    assert result.mapping is not None, [str(finding.mistake()) for finding in result.findings]
    return result.mapping


def source(text: str, *, converting: bool = False) -> Source:
    """Return the first source of a mapping without mistakes."""
    return mapping(text, converting=converting).sources[0]


def routes(text: str, *, converting: bool = False) -> Source:
    """Return a source with these routes, a YAML list in flow style."""
    return source(f"sources: [{{topics: [t], routes: {text}}}]", converting=converting)


def capturing(**fields: str) -> Source:
    """Return a source that captures everything, with these fields instead of the usual ones."""
    return routes(capture_routes(**fields))


def capture_routes(**fields: str) -> str:
    """Return one route that captures everything, in flow style."""
    usual = {
        "user_id": "{path: user}",
        "payment_id": "{path: id}",
        "amount": "{path: total, as: decimal, currency: {const: INR}}",
    }
    told = ", ".join(f"{name}: {value}" for name, value in (usual | fields).items())
    return f"[{{name: paid, action: capture, set: {{{told}}}}}]"


def event(
    value: object,
    *,
    name: str = "shop.Order",
    key: bytes | None = None,
    headers: tuple[Header, ...] = (),
    offset: int = 7,
    timestamp_ms: int | None = 1_795_869_000_000,
) -> MappedEvent:
    """Return a record that was read from Kafka."""
    return MappedEvent(value, name, key, headers, "topic", 0, offset, timestamp_ms)


def order(**fields: object) -> MappedEvent:
    """Return an event that the usual capture takes, with these fields changed."""
    return event({"user": "u", "id": "p-1", "total": 1} | fields)


def told(intent: Intent) -> dict[str, object]:
    """Return an intent as JSON would tell it, without what is at its default."""
    match intent:
        case Capture():
            return {"capture": _capture(intent)}
        case Remove():
            return {"remove": {"payment_id": intent.payment_id}}
        case Skip():
            return {"skip": str(intent.reason)}
        case Reject():
            return {"reject": str(intent.reason), "detail": intent.detail}


def _capture(capture: Capture) -> Mapping[str, object]:
    fields: dict[str, object] = {
        "user_id": capture.user_id,
        "payment_id": capture.payment_id,
        "amount": _money(capture.amount),
        "type": str(capture.type),
        "status": str(capture.status),
        "occurred_at": None if capture.occurred_at is None else capture.occurred_at.isoformat(),
        "order_id": capture.order_id,
        "items": [
            {
                name: value
                for name, value in (
                    ("id", item.id),
                    ("group_id", item.group_id),
                    ("quantity", item.quantity),
                    ("unit_price", _money(item.unit_price)),
                )
                if value is not None
            }
            for item in capture.items
        ],
        "content_type": None if capture.content_type is None else capture.content_type.name,
        "attributes": dict(capture.attributes),
    }
    return {name: value for name, value in fields.items() if _DEFAULTS.get(name, ()) != value}


_DEFAULTS: Final[Mapping[str, object]] = {
    "type": "DEFAULT",
    "status": "PAYMENT_COMPLETED",
    "occurred_at": None,
    "order_id": None,
    "items": [],
    "content_type": "PRODUCT",
    "attributes": {},
}


def _money(money: Money | None) -> str | None:
    return None if money is None else f"{exact(money.amount)} {money.currency}"


def exact(number: Decimal) -> str:
    """Return all digits of a number, without an exponent."""
    return format(number, "f")
