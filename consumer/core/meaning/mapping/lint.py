"""What is wrong with a mapping though its form is right: it would lose, double or mislabel revenue.

Each rule looks at the tree and yields its findings; all of them refuse the start.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from consumer.core.meaning.intents import DeadLetterReason, PaymentStatus, SkipReason
from consumer.core.meaning.mapping.actions import PURE_FIELDS, Does
from consumer.core.meaning.mapping.expressions import Toolbox, compile_expression
from consumer.core.meaning.mapping.language import (
    CHANGING_ROOTS,
    Amount,
    Coalesce,
    Const,
    Expression,
    Extract,
    Field,
    Items,
    Name,
    Nested,
    Path,
    Predicate,
    Read,
    RecordName,
    Root,
    Route,
    Simple,
    SourceDefinition,
    Step,
    Template,
)
from consumer.core.meaning.mapping.nodes import near
from consumer.core.meaning.mapping.reading import UNREAD
from consumer.core.meaning.mapping.scope import NOWHERE
from consumer.core.meaning.mapping.settable import CONTENT_TYPES, PAYMENT_STATUSES, PAYMENT_TYPES
from consumer.core.meaning.mapping.values import WrongValue
from consumer.core.meaning.mapping.walking import expressions, own_paths, paths, predicate_paths
from consumer.core.meaning.money import is_currency
from consumer.core.outcomes import NO_REASON
from consumer.core.patterns import takes_constants
from consumer.core.settings.documents import Finding, Plain
from consumer.core.settings.documents import Source as Place

_TAKEN_NAMES: Final = frozenset({NO_REASON, *SkipReason, *DeadLetterReason})
_CHOICES: Final = {"type": PAYMENT_TYPES, "status": PAYMENT_STATUSES, "content_type": CONTENT_TYPES}


class _Where(NamedTuple):
    """A source or a route of it, and the keys that lead there."""

    source: SourceDefinition
    route: Route
    path: tuple[str, ...]

    def field(self, name: str) -> tuple[str, ...]:
        return (*self.path, "set", name)


def lint(sources: Sequence[SourceDefinition], *, converting: bool) -> list[Finding]:
    """Return what is wrong. ``converting``: amounts are converted by the event's time, so it is needed."""
    routes = [
        _Where(source, route, ("sources", str(at), "routes", route.name))
        for at, source in enumerate(sources)
        for route in source.routes
    ]
    found = [*_topics(sources), *_names(sources)]
    for where in routes:
        for rule in _ROUTE_RULES:
            found += rule(where)
    found += _shared_ids(routes, sources)
    if converting:
        found += [finding for where in routes for finding in _lacks_time(where)]
    return found


def warnings(sources: Sequence[SourceDefinition]) -> list[Finding]:
    """Return what is allowed and seldom meant."""
    return [
        finding
        for at, source in enumerate(sources)
        for route in source.routes
        for finding in _doubts(_Where(source, route, ("sources", str(at), "routes", route.name)))
    ]


def _doubts(where: _Where) -> Iterator[Finding]:
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
    return next((each for each in routes if each.when == when), None)


# ------------------------------------------------------------------------------------ routes


def _impure(where: _Where) -> Iterator[Finding]:
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


def _constant_id(where: _Where) -> Iterator[Finding]:
    """Find ids that several payments or users would share, however the constant in them is written."""
    for field in where.route.fields:
        if field.name not in {"payment_id", "user_id"} or not isinstance(field.value, Expression):
            continue
        of_payment = field.name == "payment_id"
        if of_payment and any(_is_constant(each) for each in expressions(field.value)):
            what = "can be the same for several payments, and the API keeps only the first of an id"
            yield Finding(where.field(field.name), field.place, what, "read it from the event, no constants")
        elif not _identifies(field.value, everywhere=of_payment):
            what = "can be the same for several events: nothing of the event is in it"
            cure = "read it from the event, not from $topic or $name"
            yield Finding(where.field(field.name), field.place, what, cure)


def _is_constant(expression: Expression) -> bool:
    """Tell whether an expression, or a part of one, is a constant or has one to fall back on."""
    return (
        isinstance(expression.origin, Const)
        or expression.table is not None
        or expression.default is not None
        or _takes_constants(expression)
    )


def _takes_constants(expression: Expression) -> bool:
    """Tell whether a pattern leaves nothing of the event but letters that stand in the pattern."""
    return any(isinstance(each, Extract) and takes_constants(each.pattern) for each in expression.conversions)


def _gives_a_name(expression: Expression) -> bool:
    """Tell whether a step into a text or bytes leads to the name of a record's type."""
    last = next((each for each in reversed(expression.conversions) if not isinstance(each, Simple)), None)
    return isinstance(last, Step) and _names_a_type(last.path)


def _identifies(expression: Expression, *, everywhere: bool) -> bool:
    """Tell whether something of the event itself is in the value; ``everywhere``: whichever option it is."""
    if everywhere and isinstance(expression.origin, Coalesce):
        return all(_identifies(option, everywhere=True) for option in expression.origin.options)
    if _takes_constants(expression) or _gives_a_name(expression):
        return False
    return any(_is_of_event(path) for path in paths(expression))


def _is_of_event(path: Path) -> bool:
    """Tell whether a path leads to what events differ in; what changes by itself has a rule of its own."""
    return path.root not in {Root.TOPIC, Root.NAME} and not _names_a_type(path)


def _names_a_type(path: Path) -> bool:
    return bool(path.steps) and isinstance(path.steps[-1], RecordName)


def _unknown_values(where: _Where) -> Iterator[Finding]:
    for field in where.route.fields:
        choices = _CHOICES.get(field.name)
        if choices is None or not isinstance(field.value, Expression):
            continue
        for value in _outcomes(field.value)[0]:
            if value not in choices:
                cure = near(value if isinstance(value, str) else "", list(choices))
                yield Finding(
                    where.field(field.name),
                    field.place,
                    f"can become a value that {field.name} has not",
                    cure,
                )


def _currencies(where: _Where) -> Iterator[Finding]:
    given = where.route.get("amount")
    inherits = where.route.does is Does.REMOVE and isinstance(given, Amount) and given.currency is not None
    for field in where.route.fields:
        for amount in _amounts(field):
            if amount.currency is None:
                if isinstance(field.value, Amount) and not (inherits and field.name != "amount"):
                    cure = "add currency: {path: …} or currency: {const: INR}"
                    yield Finding(where.field(field.name), field.place, "has no currency", cure)
                continue
            for code in _outcomes(amount.currency)[0]:
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


def _envelopes(where: _Where) -> Iterator[Finding]:
    if where.source.unwrap is not None:
        return
    used: list[Path] = list(predicate_paths(where.route.when))
    for field in where.route.fields:
        used += paths(field.value)
    if any(path.root is Root.ENVELOPE for path in used):
        what = "reads $envelope, and the source unwraps nothing"
        yield Finding(where.path, where.route.place, what, "leave $envelope out, or say unwrap")


def _refunds(where: _Where) -> Iterator[Finding]:
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


def _lacks_time(where: _Where) -> Iterator[Finding]:
    if where.route.does is Does.CAPTURE and where.route.get("occurred_at") is None:
        what = "is missing, and amounts are converted by the rate of its day"
        yield Finding(
            where.field("occurred_at"), where.route.place, what, "set it, or unset currency.reporting"
        )


_ROUTE_RULES: Final[tuple[Callable[[_Where], Iterable[Finding]], ...]] = (
    _impure,
    _constant_id,
    _unknown_values,
    _currencies,
    _envelopes,
    _refunds,
)


# ---------------------------------------------------------------------------- ids and statuses


#: What becomes of a completed payment in a canonical event: it is captured by its payment_id, as it is.
_CANONICAL: Final = Route(
    "canonical",
    None,
    Does.CAPTURE,
    (
        Field(
            "payment_id",
            Expression(
                Read(Path(Root.RECORD, (Name("payment_id"),), "payment_id")), (), None, None, Place("")
            ),
            Place(""),
        ),
    ),
    Place(""),
)


def _shared_ids(routes: Sequence[_Where], sources: Sequence[SourceDefinition]) -> Iterator[Finding]:
    """Find what could take the revenue's id: the API keeps only the first record of one.

    Two spellings of one id can't be told from two ids, so what is not completed has to differ provably.
    """
    captures = [where for where in routes if where.route.does is Does.CAPTURE]
    completed = [where for where in captures if PaymentStatus.COMPLETED in _statuses(where.route)]
    completed += [_Where(source, _CANONICAL, ()) for source in sources if source.canonical]
    for where in captures:
        if not _statuses(where.route) - {PaymentStatus.COMPLETED}:
            continue
        shared = next((each for each in completed if not _is_apart(where.route, each.route)), None)
        if shared is not None:
            canonical = shared.route is _CANONICAL
            whose = "a completed payment" if shared is where else f"the route {shared.route.name}"
            whose = "a canonical event's payment" if canonical else whose
            what = f"can be the id of {whose} too: the API would keep the first and lose the revenue"
            cure = 'write a template such as "{id}:initiated"'
            cure += "" if canonical else ", or one with the path in it that status is from"
            place = next(field.place for field in where.route.fields if field.name == "payment_id")
            yield Finding(where.field("payment_id"), place, what, cure)


def _statuses(route: Route) -> set[PaymentStatus]:
    """Return the statuses that captures of a route can have."""
    value = route.get("status")
    if not isinstance(value, Expression):
        return {PaymentStatus.COMPLETED}
    constants, reads = _outcomes(value)
    if reads:
        return set(PaymentStatus)
    return {
        PAYMENT_STATUSES[each] for each in constants if isinstance(each, str) and each in PAYMENT_STATUSES
    }


def _is_apart(other: Route, completed: Route) -> bool:
    """Tell whether ids of ``other``, where it is not completed, differ from those of completed payments.

    They do by a text that the others' templates have not, or by what the status is made of.
    """
    mine, theirs = other.get("payment_id"), completed.get("payment_id")
    if not isinstance(mine, Expression) or not isinstance(theirs, Expression):
        return True  # Told already: it is missing, or could not be read.
    taken = {text for each in expressions(theirs) for text in _texts(each)}
    options = list(_options(mine))
    if all(_keeps_texts(each) and not taken.issuperset(_texts(each[-1])) for each in options):
        return True
    status = other.get("status")
    if mine != theirs or status != completed.get("status") or not isinstance(status, Expression):
        return False
    made_of = set(paths(status))
    return bool(made_of) and all(
        _keeps_all(each) and made_of.issubset(own_paths(each[-1])) for each in options
    )


def _options(expression: Expression) -> Iterator[tuple[Expression, ...]]:
    """Yield what an expression can come to, each behind the expressions that it is an option of."""
    if isinstance(expression.origin, Coalesce):
        for option in expression.origin.options:
            yield from ((expression, *inner) for inner in _options(option))
    else:
        yield (expression,)


def _texts(expression: Expression) -> set[str]:
    """Return the texts of a template, as far as no converter that keeps them changes them."""
    if not isinstance(expression.origin, Template):
        return set()
    joined = [""]
    for part in expression.origin.parts:
        if isinstance(part, str):
            joined[-1] += part
        else:
            joined.append("")
    return {text.strip().lower() for text in joined} - {""}


def _keeps_texts(option: Iterable[Expression]) -> bool:
    """Tell whether the texts of a template are still in what becomes of it, but for case and blanks."""
    return _goes_through(option, {"string", "trim", "lower", "upper"})


def _keeps_all(option: Iterable[Expression]) -> bool:
    """Tell whether two values that differ still differ in the end."""
    return _goes_through(option, {"string"})


def _goes_through(option: Iterable[Expression], harmless: AbstractSet[str]) -> bool:
    return all(
        each.table is None
        and each.default is None
        and all(isinstance(step, Simple) and step.name in harmless for step in each.conversions)
        for each in option
    )


def _outcomes(expression: Expression) -> tuple[list[Plain], bool]:
    """Return the constants that an expression can come to, and whether it can be what an event holds."""
    constants: list[Plain] = [] if expression.default is None else [expression.default.value]
    if expression.table is not None:
        return [*constants, *(value for _, value in expression.table)], False
    match expression.origin:
        case Const(value):
            return [*constants, *_converted(value, expression)], False
        case Coalesce(options):
            inner = [_outcomes(option) for option in options]
            given = [value for values, _ in inner for value in values]
            converted = [each for value in given for each in _converted(value, expression)]
            return [*constants, *converted], any(reads for _, reads in inner)
        case _:
            return constants, True


def _converted(value: Plain, expression: Expression) -> Iterator[Plain]:
    """Yield what a constant is behind the converters of ``expression``, where it gets through them."""
    if any(isinstance(each, Nested) for each in expression.conversions):
        return
    constant = Expression(Const(value), expression.conversions, None, None, expression.place)
    try:
        result = compile_expression(constant, Toolbox({}))(None, NOWHERE)
    except WrongValue:
        return
    if isinstance(result, str | int | float | bool):
        yield result
