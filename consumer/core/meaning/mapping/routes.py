"""Routes → closures: whether an event takes the route, and the intent that it then becomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from consumer.core.meaning.intents import (
    Action,
    Capture,
    ContentType,
    DeadLetterReason,
    Intent,
    Item,
    PaymentStatus,
    PaymentType,
    Reject,
    Remove,
    RouteName,
    Scalar,
    Skip,
)
from consumer.core.meaning.lifecycle import LifecyclePolicy
from consumer.core.meaning.mapping.actions import ACTIONS, Does
from consumer.core.meaning.mapping.expressions import Toolbox
from consumer.core.meaning.mapping.language import Field, FieldValue, Route
from consumer.core.meaning.mapping.predicates import Decide, compile_predicate
from consumer.core.meaning.mapping.scope import Scope
from consumer.core.meaning.mapping.settable import (
    PAYMENT_STATUSES,
    PAYMENT_TYPES,
    Get,
    amount,
    attributes,
    choice,
    constant,
    content_type_of,
    currency_of,
    identifier,
    items,
    moment,
    optional_text,
    source_of,
)
from consumer.core.meaning.mapping.trace import FieldTrace, Step
from consumer.core.meaning.mapping.values import WrongValue
from consumer.core.meaning.money import Money
from consumer.core.meaning.refunds import Incomparable, is_full, unless_full
from consumer.core.settings.documents import Source as Place

_T = TypeVar("_T")

_PRODUCT: Final[ContentType | None] = ContentType.PRODUCT
_NO_ITEMS: Final[tuple[Item, ...]] = ()
_NO_ATTRIBUTES: Final[Mapping[str, Scalar]] = {}
#: Makes the intent of a record. Raises WrongValue, which then names the field.
Build: TypeAlias = Callable[[object, Scope, LifecyclePolicy], Intent]
#: Told of every field that was set, where somebody looks on.
Told: TypeAlias = Callable[[FieldTrace], None]


@dataclass(frozen=True, slots=True)
class CompiledRoute:
    """One route, ready to run. ``when`` None takes every event."""

    name: str
    place: Place
    when: Decide | None
    build: Build
    action: Action

    def failed(self, wrong: WrongValue, action: Action) -> Reject:
        """Return the dead letter of an event that this route can't deal with."""
        return Reject(DeadLetterReason.MAPPING, f"route {self.name}: {wrong}", action)


def compile_route(
    route: Route, tools: Toolbox, *, converting: bool, told: Told | None = None
) -> CompiledRoute:
    """Return ``route`` as closures. ``converting`` makes a time required; ``told`` hears of each field."""
    when = None if route.when is None else compile_predicate(route.when, tools)
    build = _BUILDERS[route.does](_Setting(route, tools, converting, told))
    return CompiledRoute(route.name, route.place, when, build, ACTIONS[route.does])


@dataclass(frozen=True, slots=True)
class _Setting:
    """The fields of one route, each made into a closure that names it in its errors."""

    route: Route
    tools: Toolbox
    converting: bool
    told: Told | None

    def field(self, name: str, make: Callable[[FieldValue], Get[_T]], otherwise: _T) -> Get[_T]:
        """Return what gives the field ``name``, or ``otherwise`` where the route does not set it."""
        found = next((each for each in self.route.fields if each.name == name), None)
        return constant(otherwise) if found is None else self._named(found, make(found.value))

    def required(self, name: str, make: Callable[[FieldValue], Get[_T]]) -> Get[_T]:
        """Return what gives the field ``name``, which every route of this action sets."""
        found = next(each for each in self.route.fields if each.name == name)
        return self._named(found, make(found.value))

    def _named(self, field: Field, get: Get[_T]) -> Get[_T]:
        name, place, told = field.name, field.place, self.told

        def named(record: object, scope: Scope) -> _T:
            try:
                return get(record, scope)
            except WrongValue as wrong:
                raise WrongValue(f"{name}: {wrong}") from None

        def observed(record: object, scope: Scope) -> _T:
            value: _T | None = None
            try:
                value = named(record, scope)
                return value
            finally:
                if told is not None:
                    told(FieldTrace(name, place, _taken(scope.notes), value))

        return named if told is None else observed


def _taken(notes: list[Step] | None) -> tuple[Step, ...]:
    taken = tuple(notes or ())
    if notes is not None:
        notes.clear()
    return taken


def _capture(setting: _Setting) -> Build:
    tools = setting.tools
    user_id = setting.required("user_id", lambda value: identifier(value, tools))
    payment_id = setting.required("payment_id", lambda value: identifier(value, tools))
    paid = setting.required("amount", lambda value: _payment(value, tools))
    kind = setting.field("type", lambda value: choice(value, PAYMENT_TYPES, tools), PaymentType.DEFAULT)
    status = setting.field(
        "status", lambda value: choice(value, PAYMENT_STATUSES, tools), PaymentStatus.COMPLETED
    )
    occurred_at = setting.field(
        "occurred_at", lambda value: moment(value, tools, required=setting.converting), None
    )
    order_id = setting.field("order_id", lambda value: optional_text(value, tools), None)
    lines = setting.field("items", lambda value: items(value, tools), _NO_ITEMS)
    content_type = setting.field("content_type", lambda value: content_type_of(value, tools), _PRODUCT)
    free = setting.field("attributes", lambda value: attributes(value, tools), _NO_ATTRIBUTES)

    def build(record: object, scope: Scope, _: LifecyclePolicy) -> Intent:
        """Read the amount before the items, which take its currency."""
        return Capture(
            user_id=user_id(record, scope),
            payment_id=payment_id(record, scope),
            amount=paid(record, scope),
            type=kind(record, scope),
            status=status(record, scope),
            occurred_at=occurred_at(record, scope),
            order_id=order_id(record, scope),
            items=lines(record, scope),
            content_type=content_type(record, scope),
            attributes=free(record, scope),
        )

    return build


def _payment(value: FieldValue, tools: Toolbox) -> Get[Money]:
    """Return what gives the amount of a payment: not null, not negative, and the items have its currency."""
    get = _not_null(value, tools)

    def checked(record: object, scope: Scope) -> Money:
        money = get(record, scope)
        if money.amount < 0:
            raise WrongValue("is negative")
        scope.currency = money.currency
        return money

    return checked


def _not_null(value: FieldValue, tools: Toolbox) -> Get[Money]:
    get = amount(value, tools)

    def there(record: object, scope: Scope) -> Money:
        money = get(record, scope)
        if money is None:
            raise WrongValue(f"{source_of(value)} is null")
        return money

    return there


def _part(value: FieldValue, tools: Toolbox) -> Get[Money | None]:
    """Return what gives the amount of a refund; the others have its currency, even where it is null."""
    get, currency = amount(value, tools), currency_of(value, tools)

    def part(record: object, scope: Scope) -> Money | None:
        money = get(record, scope)
        scope.currency = currency(record, scope) if money is None else money.currency
        return money

    return part


def _remove(setting: _Setting) -> Build:
    tools = setting.tools
    payment_id = setting.required("payment_id", lambda value: identifier(value, tools))
    if setting.route.get("original_amount") is None:
        return lambda record, scope, _: Remove(payment_id(record, scope))
    given_back = setting.field("amount", lambda value: _part(value, tools), None)
    original = setting.required("original_amount", lambda value: _not_null(value, tools))
    cumulative = setting.field("cumulative_refunded", lambda value: amount(value, tools), None)

    def build(record: object, scope: Scope, policy: LifecyclePolicy) -> Intent:
        removed = Remove(payment_id(record, scope))
        part, whole = given_back(record, scope), original(record, scope)
        total = cumulative(record, scope)
        name, refunded = ("amount", part) if total is None else ("cumulative_refunded", total)
        if refunded is None:
            raise WrongValue("amount and cumulative_refunded: are null")
        try:
            return unless_full(is_full(refunded, whole), policy.partial_refunds) or removed
        except Incomparable as wrong:
            raise WrongValue(f"{name}: {wrong}") from None

    return build


def _skip(setting: _Setting) -> Build:
    skip = Skip(RouteName(setting.route.name))
    return lambda _, __, ___: skip


def _reject(setting: _Setting) -> Build:
    reject = Reject(DeadLetterReason.REJECTED, f"route {setting.route.name} rejects it")
    return lambda _, __, ___: reject


_BUILDERS: Final[dict[Does, Callable[[_Setting], Build]]] = {
    Does.CAPTURE: _capture,
    Does.REMOVE: _remove,
    Does.SKIP: _skip,
    Does.REJECT: _reject,
}
