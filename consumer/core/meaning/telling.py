"""How a canonical event came to its intent, told in the same shape as a mapping's way.

What is told is what runs: the intent is that of ``lifecycle.interpret``, and the row is the one that the
table has for the event. Nothing here decides anything.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec.structs import fields

from consumer.core.meaning.fields import Fields, InvalidField
from consumer.core.meaning.intents import Action, Capture, Intent, Reject, Remove, Skip
from consumer.core.meaning.lifecycle import LIFECYCLE, Kind, LifecyclePolicy, Row, Status, interpret
from consumer.core.meaning.mapping.trace import FieldTrace, RouteTrace, Step, Trace
from consumer.core.meaning.money import Money, exponent
from consumer.core.settings.documents import Source as Place

#: Where the table stands that every route of this trace is a row of.
TABLE: Final = Place("docs/events.md")

#: The one step that is no value of the event: how many digits the currency has.
_ISO_DIGITS: Final = "digits by ISO 4217"

_AMOUNTS: Final = ("amount", "original_amount", "cumulative_refunded")


def explain(event: Mapping[str, object] | None, policy: LifecyclePolicy) -> Trace:
    """Return what ``event`` means, exactly as :func:`interpret` does, with the row and the fields behind it.

    Pure, and never raises. A route of the trace is a row of the table; ``fields`` are those that the intent
    was made of, None as the value of one that it did not come to.
    """
    intent = interpret(event, policy)
    if event is None:
        return Trace((), (), (), intent)
    row = _row(event)
    routes = () if row is None else (_route(row, event, policy),)
    return Trace((), routes, tuple(_fields(event, intent, row)), intent)


def _row(event: Mapping[str, object]) -> Row | None:
    """Return the row that decides; None where kind or status is none that there is."""
    record = Fields(event)
    try:
        kind = record.choice("kind", Kind.__members__)
        status = Status.UNKNOWN if kind is Kind.UNKNOWN else record.choice("status", Status.__members__)
    except InvalidField:
        return None
    return next(row for row in LIFECYCLE if kind in row.kinds and status in row.statuses)


def _route(row: Row, event: Mapping[str, object], policy: LifecyclePolicy) -> RouteTrace:
    read = [Step(name, event.get(name)) for name in ("kind", "status")]
    settings = [
        Step(f"lifecycle.{setting}", value(policy), ours=True)
        for setting, value in _SETTINGS.items()
        if f"lifecycle.{setting}" in row.told
    ]
    return RouteTrace(row.told, TABLE, matched=True, tests=(*read, *settings))


_SETTINGS: Final[Mapping[str, Callable[[LifecyclePolicy], str]]] = {
    "capture_statuses": lambda policy: ", ".join(sorted(policy.capture_statuses)) or "none",
    "wallet_topups": lambda policy: policy.wallet_topups,
    "withdrawals": lambda policy: policy.withdrawals,
    "partial_refunds": lambda policy: policy.partial_refunds,
}


def _fields(event: Mapping[str, object], intent: Intent, row: Row | None) -> Iterator[FieldTrace]:
    """Yield the fields that were read, as far as the order of reading came."""
    if row is not None and "partial_refunds" in row.told:
        yield from (_field(name, _money(event, name), _amount_of(event, name)) for name in _AMOUNTS)
    match intent:
        case Remove():
            yield _field("payment_id", [Step("payment_id", event.get("payment_id"))], intent.payment_id)
        case Capture():
            yield from (
                _field(name, _steps(event, name), getattr(intent, name))
                for name in (each.name for each in fields(intent))
            )
        case Skip(action=Action.CAPTURE) | Reject(action=Action.CAPTURE):
            names = ("user_id", "payment_id", "amount", "occurred_at")
            yield from (_field(name, _steps(event, name), None) for name in names)
        case Reject(action=Action.REMOVE):
            yield _field("payment_id", _steps(event, "payment_id"), None)
        case Skip() | Reject():
            return


def _field(name: str, steps: list[Step], value: object) -> FieldTrace:
    return FieldTrace(name, TABLE, tuple(steps), value)


def _steps(event: Mapping[str, object], name: str) -> list[Step]:
    """Return what of the event a field of the intent was read from."""
    if name in _AMOUNTS:
        return _money(event, name)
    sources = {"type": ("kind", "category"), "payment_id": _ids(event)}.get(name, (name,))
    return [Step(source, event.get(source)) for source in sources]


def _ids(event: Mapping[str, object]) -> tuple[str, ...]:
    """Return what an id is made of: one that is no revenue's has the attempt in it, else the event."""
    if event.get("kind") == Kind.PAYMENT and event.get("status") != Status.COMPLETED:
        return "payment_id", "status", "attempt_id", "event_id"
    return ("payment_id",)


def _money(event: Mapping[str, object], name: str) -> list[Step]:
    money = event.get(name)
    if not isinstance(money, Mapping):
        return [Step(name, None)]
    digits, currency = money.get("fraction_digits"), money.get("currency")
    known = exponent(currency) if isinstance(currency, str) else None
    return [
        Step(f"{name}.minor_units", money.get("minor_units")),
        Step(f"{name}.currency", currency),
        Step(f"{name}.fraction_digits", digits)
        if digits is not None
        else Step(_ISO_DIGITS, known, ours=True),
    ]


def _amount_of(event: Mapping[str, object], name: str) -> Money | None:
    try:
        return None if event.get(name) is None else Fields(event).money(name)
    except InvalidField:
        return None
