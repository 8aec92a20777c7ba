"""A source that is ready to run: which topics it reads, and what each record of them means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from consumer.core.meaning.intents import Action, DeadLetterReason, Intent, Reject, Skip, SkipReason
from consumer.core.meaning.lifecycle import LifecyclePolicy
from consumer.core.meaning.mapping.converters import DecodeNested
from consumer.core.meaning.mapping.events import MappedEvent
from consumer.core.meaning.mapping.expressions import Toolbox
from consumer.core.meaning.mapping.language import SourceDecoding, SourceDefinition
from consumer.core.meaning.mapping.routes import CompiledRoute, compile_route
from consumer.core.meaning.mapping.scope import Scope
from consumer.core.meaning.mapping.trace import FieldTrace, RouteTrace, Step, Trace
from consumer.core.meaning.mapping.unwrapping import Open, Unwrapped, compile_unwrap
from consumer.core.meaning.mapping.values import WrongValue

_TOMBSTONE: Final = Skip(SkipReason.TOMBSTONE)
_NO_ROUTE: Final = Skip(SkipReason.NO_ROUTE)
#: What values can cause: a WrongValue, or what no converter has foreseen. One such record must not hold up
#: its partition for ever; other errors are mistakes in the code, and are raised.
_INCALCULABLE: Final = (ArithmeticError, RecursionError, ValueError)


class Source:
    """Topics that are read in one way.

    ``definition`` is without mistakes, ``nested`` decodes the bytes of each schema file that it names, and
    ``converting`` says that amounts are converted by the time of the event, which then has to have one.
    """

    def __init__(
        self, definition: SourceDefinition, nested: Mapping[str, DecodeNested], *, converting: bool
    ) -> None:
        self.definition: Final = definition
        self._nested: Final = nested
        self._converting: Final = converting
        tools = Toolbox(nested)
        self._unwrap: Final = compile_unwrap(definition.unwrap, nested)
        self._routes: Final = tuple(
            compile_route(route, tools, converting=converting) for route in definition.routes
        )

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics: names, or regular expressions that begin with ``^``."""
        return self.definition.topics

    @property
    def canonical(self) -> bool:
        """Whether its records are ``PaymentEvent``, which the lifecycle interprets and not this source."""
        return self.definition.canonical

    @property
    def decoding(self) -> SourceDecoding | None:
        """How its records are framed, where that differs from the configuration."""
        return self.definition.decoding

    def interpret(self, event: MappedEvent, policy: LifecyclePolicy) -> Intent:
        """Return what ``event`` means. Pure, and never raises: a mapping error is a ``Reject``."""
        return _run(Scope(event, event.name), policy, self._unwrap, self._routes)

    def explain(self, event: MappedEvent, policy: LifecyclePolicy) -> Trace:
        """Return the same answer with every step that led to it.

        What runs is made of the same definition by the same compiler, only with an observer at each step.
        """
        notes = _Notes()
        tools = Toolbox(self._nested, observed=True)
        routes = [
            compile_route(route, tools, converting=self._converting, told=notes.fields.append)
            for route in self.definition.routes
        ]
        intent = _run(Scope(event, event.name, notes.steps), policy, self._unwrap, routes, notes)
        return Trace(tuple(notes.unwrap), tuple(notes.routes), tuple(notes.fields), intent)


@dataclass(frozen=True, slots=True)
class _Notes:
    """What an observed run leaves."""

    steps: list[Step] = field(default_factory=list)
    unwrap: list[Step] = field(default_factory=list)
    routes: list[RouteTrace] = field(default_factory=list)
    fields: list[FieldTrace] = field(default_factory=list)

    def tried(self, route: CompiledRoute, *, matched: bool) -> None:
        """Note a route with the steps of its predicate."""
        self.routes.append(RouteTrace(route.name, route.place, matched, tuple(self.steps)))
        self.steps.clear()


def _run(
    scope: Scope,
    policy: LifecyclePolicy,
    unwrap: Open | None,
    routes: Sequence[CompiledRoute],
    notes: _Notes | None = None,
) -> Intent:
    record = scope.event.value
    if record is None:
        return _TOMBSTONE
    if unwrap is not None:
        opened = _opened(unwrap, record, scope)
        if not isinstance(opened, Unwrapped):
            return opened
        record = opened.record
        if notes is not None:
            notes.unwrap.append(Step("unwrap", record))
    for route in routes:
        action, matched = Action.NONE, False
        try:
            matched = route.when is None or route.when(record, scope)
            if notes is not None:
                notes.tried(route, matched=matched)
            if matched:
                action = route.action
                return route.build(record, scope, policy)
        except _INCALCULABLE as error:
            if notes is not None and not matched:
                notes.tried(route, matched=False)
            return route.failed(_wrong(error), action)
    return _NO_ROUTE


def _opened(unwrap: Open, record: object, scope: Scope) -> Unwrapped | Skip | Reject:
    try:
        return unwrap(record, scope)
    except _INCALCULABLE as error:
        return Reject(DeadLetterReason.MAPPING, f"unwrap: {_wrong(error)}")


def _wrong(error: Exception) -> WrongValue:
    """Return ``error``; of one that nobody foresaw only its type, because its text may hold a value."""
    if isinstance(error, WrongValue):
        return error
    return WrongValue(
        f"a value could not be computed ({type(error).__name__}), which is a fault of the service"
    )
