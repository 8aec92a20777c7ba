"""How a mapping came to its answer, step by step, as data.

Values are kept as the objects that they are: whoever shows a trace masks what must not be seen.
"""

from dataclasses import dataclass

from consumer.core.meaning.intents import Intent
from consumer.core.settings.documents import Source as Place


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done, as the mapping writes it, and what came out.

    ``ours`` says that ``value`` is no value of the record: a setting, a constant of ours, or the answer of a
    comparison. Only that may be shown unmasked; ``what`` can't tell, as a mapping's author writes it.
    """

    what: str
    value: object
    ours: bool = False


@dataclass(frozen=True, slots=True)
class RouteTrace:
    """One route that was tried. ``tests`` are its predicates as far as they were asked, innermost first."""

    name: str
    place: Place
    matched: bool
    tests: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class FieldTrace:
    """One field that was set. ``steps`` lead from the path to ``value``, what the intent got.

    ``value`` is None too where a step failed: ``Trace.intent`` then says how.
    """

    field: str
    place: Place
    steps: tuple[Step, ...]
    value: object


@dataclass(frozen=True, slots=True)
class Trace:
    """The whole way. ``unwrap`` are the steps before any route, ``intent`` is exactly what a run gives."""

    unwrap: tuple[Step, ...]
    routes: tuple[RouteTrace, ...]
    fields: tuple[FieldTrace, ...]
    intent: Intent
