"""What is wrong with a mapping though its form is right: it would lose, double or mislabel revenue.

Each rule looks at the tree and yields its findings; all of them refuse the start.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from consumer.core.meaning.intents import DeadLetterReason, SkipReason
from consumer.core.meaning.mapping.actions import PURE_FIELDS, Does
from consumer.core.meaning.mapping.judged import Where, outcomes
from consumer.core.meaning.mapping.language import (
    CHANGING_ROOTS,
    Amount,
    Expression,
    Field,
    Items,
    Path,
    Predicate,
    Root,
    Route,
    SourceDefinition,
)
from consumer.core.meaning.mapping.lint_ids import constant_id, ids_by_state, shared_ids
from consumer.core.meaning.mapping.nodes import near
from consumer.core.meaning.mapping.reading import UNREAD
from consumer.core.meaning.mapping.settable import CONTENT_TYPES, PAYMENT_STATUSES, PAYMENT_TYPES
from consumer.core.meaning.mapping.walking import operands, paths, predicate_paths
from consumer.core.meaning.money import is_currency
from consumer.core.outcomes import NO_REASON
from consumer.core.settings.documents import Finding
from consumer.core.settings.documents import Source as Place

_TAKEN_NAMES: Final = frozenset({NO_REASON, *SkipReason, *DeadLetterReason})
_CHOICES: Final = {"type": PAYMENT_TYPES, "status": PAYMENT_STATUSES, "content_type": CONTENT_TYPES}


def lint(sources: Sequence[SourceDefinition], *, converting: bool) -> list[Finding]:
    """Return what is wrong. ``converting``: amounts are converted by the event's time, so it is needed."""
    routes = [
        Where(source, route, ("sources", str(at), "routes", route.name))
        for at, source in enumerate(sources)
        for route in source.routes
    ]
    found = [*_topics(sources), *_names(sources)]
    for where in routes:
        for rule in _ROUTE_RULES:
            found += rule(where)
    found += shared_ids(routes, sources)
    if converting:
        found += [finding for where in routes for finding in _lacks_time(where)]
    return found


def warnings(sources: Sequence[SourceDefinition]) -> list[Finding]:
    """Return what is allowed and seldom meant."""
    return [
        finding
        for at, source in enumerate(sources)
        for route in source.routes
        for finding in _doubts(Where(source, route, ("sources", str(at), "routes", route.name)))
    ]


def _doubts(where: Where) -> Iterator[Finding]:
    for field in where.route.fields:
        if field.name == "occurred_at" and any(path.root is Root.TIMESTAMP for path in paths(field.value)):
            what = "is the time at which Kafka got the record, which a replay changes"
            cure = "read the time of the payment from the event, if it has one"
            yield Finding(where.field(field.name), field.place, what, cure)
    if where.route.does is Does.REMOVE and where.route.get("original_amount") is None:
        what = "counts every refund as a full one"
        cure = "set amount and original_amount where partial refunds happen"
        yield Finding(where.path, where.route.place, what, cure)


# ----------------------------------------------------------------------------------- sources


def _topics(sources: Sequence[SourceDefinition]) -> Iterator[Finding]:
    seen: dict[str, Place] = {}
    for at, source in enumerate(sources):
        for topic in source.topics:
            if topic in seen:
                path = ("sources", str(at), "topics")
                what = f"names {topic}, which stands at {seen[topic]} already"
                yield Finding(path, source.place, what, "read each topic in one source")
            seen.setdefault(topic, source.place)


def _names(sources: Sequence[SourceDefinition]) -> Iterator[Finding]:
    for at, source in enumerate(sources):
        seen: dict[str, Route] = {}
        catches_all: Route | None = None
        for route in source.routes:
            path = ("sources", str(at), "routes", route.name)
            if route.name in seen:
                cure = f"give it a name of its own: another has it at {seen[route.name].place}"
                yield Finding((*path, "name"), route.place, "is a name that another route has", cure)
            if route.name in _TAKEN_NAMES:
                what = "is a name that the metrics have for something else"
                yield Finding((*path, "name"), route.place, what, "give it another one")
            if catches_all is not None:
                what = f"is never reached: the route {catches_all.name} before it takes every event"
                yield Finding(path, route.place, what, "give that one a when, or move it to the end")
            elif route.when != UNREAD and (same := _asking(route.when, seen.values())):
                what = f"is never reached: the route {same.name} before it asks the same"
                yield Finding(path, route.place, what, "join the two, or change one when")
            if route.when is None:
                catches_all = catches_all or route
            seen.setdefault(route.name, route)


def _asking(when: Predicate | None, routes: Iterable[Route]) -> Route | None:
    """Return the route that has this very predicate."""
    return next(
        (each for each in routes if each.when == when and _booleans(each.when) == _booleans(when)), None
    )


def _booleans(when: Predicate | None) -> list[bool]:
    """Tell of each constant whether it is a boolean: for events true is not 1, for Python it is."""
    return [isinstance(each, bool) for each in operands(when)]


# ------------------------------------------------------------------------------------ routes


def _impure(where: Where) -> Iterator[Finding]:
    """Find what a replay would change: the API counts once by ids and types, and an amount is revenue."""
    for field in where.route.fields:
        if field.name in PURE_FIELDS:
            for root in sorted({path.root for path in paths(field.value)} & CHANGING_ROOTS):
                what = f"comes from {root}, which changes when the event is written once more"
                yield Finding(where.field(field.name), field.place, what, "read it from the event itself")
    if where.route.does in {Does.CAPTURE, Does.REMOVE}:
        for root in sorted({path.root for path in predicate_paths(where.route.when)} & CHANGING_ROOTS):
            what = f"depends on {root}, which changes when the event is written once more"
            cure = f"put a route that skips before it, which may ask for {root}"
            yield Finding((*where.path, "when"), where.route.place, what, cure)


def _unknown_values(where: Where) -> Iterator[Finding]:
    for field in where.route.fields:
        choices = _CHOICES.get(field.name)
        if choices is None or not isinstance(field.value, Expression):
            continue
        for value in outcomes(field.value)[0]:
            if value not in choices:
                cure = near(value if isinstance(value, str) else "", list(choices))
                yield Finding(
                    where.field(field.name),
                    field.place,
                    f"can become a value that {field.name} has not",
                    cure,
                )


def _currencies(where: Where) -> Iterator[Finding]:
    given = where.route.get("amount")
    inherits = where.route.does is Does.REMOVE and isinstance(given, Amount) and given.currency is not None
    for field in where.route.fields:
        for amount in _amounts(field):
            if amount.currency is None:
                if isinstance(field.value, Amount) and not (inherits and field.name != "amount"):
                    cure = "add currency: {path: …} or currency: {const: INR}"
                    yield Finding(where.field(field.name), field.place, "has no currency", cure)
                continue
            for code in outcomes(amount.currency)[0]:
                if not (isinstance(code, str) and is_currency(code)):
                    what = "can be in a currency that is no ISO 4217 code in upper case"
                    yield Finding(where.field(field.name), amount.place, what, "write one like INR")


def _amounts(field: Field) -> Iterator[Amount]:
    match field.value:
        case Amount():
            yield field.value
        case Items():
            yield from (value for _, value in field.value.fields if isinstance(value, Amount))
        case _:
            return


def _envelopes(where: Where) -> Iterator[Finding]:
    if where.source.unwrap is not None:
        return
    used: list[Path] = list(predicate_paths(where.route.when))
    for field in where.route.fields:
        used += paths(field.value)
    if any(path.root is Root.ENVELOPE for path in used):
        what = "reads $envelope, and the source unwraps nothing"
        yield Finding(where.path, where.route.place, what, "leave $envelope out, or say unwrap")


def _refunds(where: Where) -> Iterator[Finding]:
    """Partial refunds need the whole to be compared with."""
    route = where.route
    if route.does is not Does.REMOVE:
        return
    parts = [field for field in route.fields if field.name in {"amount", "cumulative_refunded"}]
    original = next((field for field in route.fields if field.name == "original_amount"), None)
    if original is None:
        for field in parts:
            what = "goes unused: without original_amount every refund is a full one"
            yield Finding(where.field(field.name), field.place, what, "add original_amount, or leave it out")
    elif not parts:
        what = "has nothing to be compared with"
        yield Finding(
            where.field("original_amount"), original.place, what, "add amount or cumulative_refunded"
        )


def _lacks_time(where: Where) -> Iterator[Finding]:
    if where.route.does is Does.CAPTURE and where.route.get("occurred_at") is None:
        what = "is missing, and amounts are converted by the rate of its day"
        yield Finding(
            where.field("occurred_at"), where.route.place, what, "set it, or unset currency.reporting"
        )


_ROUTE_RULES: Final[tuple[Callable[[Where], Iterable[Finding]], ...]] = (
    _impure,
    constant_id,
    ids_by_state,
    _unknown_values,
    _currencies,
    _envelopes,
    _refunds,
)
