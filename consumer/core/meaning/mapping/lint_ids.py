"""Ids that several payments would share: the API keeps the first record of an id and drops the others."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from consumer.core.meaning.intents import PaymentStatus
from consumer.core.meaning.mapping.actions import Does
from consumer.core.meaning.mapping.judged import Where, outcomes
from consumer.core.meaning.mapping.language import (
    Coalesce,
    Const,
    Expression,
    Extract,
    Field,
    Name,
    Path,
    Read,
    RecordName,
    Root,
    Route,
    Simple,
    SourceDefinition,
    Step,
    Template,
)
from consumer.core.meaning.mapping.settable import PAYMENT_STATUSES
from consumer.core.meaning.mapping.walking import expressions, paths
from consumer.core.patterns import takes_constants
from consumer.core.settings.documents import Finding
from consumer.core.settings.documents import Source as Place


def constant_id(where: Where) -> Iterator[Finding]:
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
            cure = "read it from the event, not from $topic, $name or what a map makes of it"
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
    if expression.table is not None or _takes_constants(expression) or _gives_a_name(expression):
        return False
    if isinstance(expression.origin, Coalesce):
        options = (_identifies(option, everywhere=everywhere) for option in expression.origin.options)
        return all(options) if everywhere else any(options)
    return any(_is_of_event(path) for path in paths(expression))


def _is_of_event(path: Path) -> bool:
    """Tell whether a path leads to what events differ in; what changes by itself has a rule of its own."""
    return path.root not in {Root.TOPIC, Root.NAME} and not _names_a_type(path)


def _names_a_type(path: Path) -> bool:
    return bool(path.steps) and isinstance(path.steps[-1], RecordName)


# ---------------------------------------------------------------- ids of what is not completed

#: Converters that leave the texts of a template in it, but for case and blanks.
_HARMLESS: Final = frozenset({"string", "trim", "lower", "upper"})

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


def shared_ids(routes: Sequence[Where], sources: Sequence[SourceDefinition]) -> Iterator[Finding]:
    """Find what could take the revenue's id: the API keeps only the first record of one.

    Two spellings of one id can't be told from two ids, so what is not completed has to differ provably.
    """
    captures = [where for where in routes if where.route.does is Does.CAPTURE]
    completed = [where for where in captures if PaymentStatus.COMPLETED in _statuses(where.route)]
    completed += [Where(source, _CANONICAL, ()) for source in sources if source.canonical]
    for where in captures:
        if not _statuses(where.route) - {PaymentStatus.COMPLETED}:
            continue
        shared = next((each for each in completed if not _is_apart(where.route, each.route)), None)
        if shared is not None:
            canonical = shared.route is _CANONICAL
            whose = "a completed payment" if shared is where else f"the route {shared.route.name}"
            whose = "a canonical event's payment" if canonical else whose
            what = f"can be the id of {whose} too: the API would keep the first and lose the revenue"
            split = shared is where
            cure = "give them a route of their own, with" if split else "write"
            yield _of_id(where, what, f'{cure} a template such as "{{id}}:initiated"')


def ids_by_state(where: Where) -> Iterator[Finding]:
    """Find completed payments that are others in each state: counted twice, and met by no refund.

    Where a route also has what is not completed, :func:`shared_ids` tells it.
    """
    status, payment_id = where.route.get("status"), where.route.get("payment_id")
    if status is None or payment_id is None or _statuses(where.route) != {PaymentStatus.COMPLETED}:
        return
    if not set(paths(status)).isdisjoint(paths(payment_id)):
        what = "has in it what status is from: a payment would be another one in each of its states"
        yield _of_id(where, what, "leave that path out")


def _of_id(where: Where, what: str, cure: str) -> Finding:
    place = next(field.place for field in where.route.fields if field.name == "payment_id")
    return Finding(where.field("payment_id"), place, what, cure)


def _statuses(route: Route) -> set[PaymentStatus]:
    """Return the statuses that captures of a route can have."""
    value = route.get("status")
    if not isinstance(value, Expression):
        return {PaymentStatus.COMPLETED}
    constants, reads = outcomes(value)
    if reads:
        return set(PaymentStatus)
    return {
        PAYMENT_STATUSES[each] for each in constants if isinstance(each, str) and each in PAYMENT_STATUSES
    }


def _is_apart(other: Route, completed: Route) -> bool:
    """Tell whether ids of ``other``, where it is not completed, differ from those of completed payments.

    They do by a text that the others' templates have not. A path proves nothing: two states can be completed.
    """
    mine, theirs = other.get("payment_id"), completed.get("payment_id")
    if not isinstance(mine, Expression) or not isinstance(theirs, Expression):
        return True  # Told already: it is missing, or could not be read.
    taken = {text for each in expressions(theirs) for text in _texts(each)}
    return all(_keeps_texts(each) and not taken.issuperset(_texts(each[-1])) for each in _options(mine))


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
    return all(
        each.table is None
        and each.default is None
        and all(isinstance(step, Simple) and step.name in _HARMLESS for step in each.conversions)
        for each in option
    )
