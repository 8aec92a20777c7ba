"""One route, read against the shape of its records: what it reads must be there, and fit.

A value is followed from its path through its converters to the field or the comparison that takes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final, assert_never

from consumer.core.meaning.mapping.actions import FIELDS, ITEM_FIELDS, FieldRule, Kind
from consumer.core.meaning.mapping.avro_shapes import NAME_SHAPE, AvroShapes, Shape, Unknown
from consumer.core.meaning.mapping.converters import Form
from consumer.core.meaning.mapping.forms import ACCEPTS, of_plain, root_form, takes_and_gives, words
from consumer.core.meaning.mapping.language import (
    Amount,
    Attributes,
    Coalesce,
    Const,
    Expression,
    Extract,
    FieldValue,
    Items,
    Operator,
    Path,
    Read,
    RecordName,
    Root,
    Route,
    Step,
    Sum,
    Template,
    Test,
)
from consumer.core.meaning.mapping.nodes import near
from consumer.core.meaning.mapping.schema_findings import Check
from consumer.core.meaning.mapping.walking import negated, tests
from consumer.core.settings.documents import Source as Place

_ANYTHING: Final = Shape((), nullable=False)


@dataclass(frozen=True, slots=True)
class _Value:
    """What comes out of an expression. ``inexact``: a number that does not say what it counts."""

    form: Form
    nullable: bool = False
    symbols: tuple[str, ...] | None = None
    inexact: bool = False


@dataclass(frozen=True, slots=True)
class RouteReader:
    """One route, read against the shape of its records."""

    check: Check
    shapes: AvroShapes
    on: Route
    record: Shape

    def route(self) -> None:
        """Look at its predicate and at every field that it sets."""
        for test in tests(self.on.when):
            self._test(test)
        for each in self.on.fields:
            self._field(
                (self.on.name, "set", each.name), each.value, FIELDS[self.on.does][each.name], self.record
            )

    # ------------------------------------------------------------------------------- fields

    def _field(self, path: tuple[str, ...], value: FieldValue, rule: FieldRule, base: Shape) -> None:
        match value:
            case Expression():
                self._fits(
                    path, value, base, ACCEPTS[rule.kind], required=rule.required and rule.kind is Kind.ID
                )
            case Amount():
                self._amount(path, value, base, required=rule.required)
            case Items(each, fields):
                entries = self._entries(path, each, base)
                for name, inner in fields if entries is not None else ():
                    self._field((*path, name), inner, ITEM_FIELDS[name], entries or _ANYTHING)
            case Attributes(fields):
                for name, attribute in fields:
                    self._fits((*path, name), attribute, base, ACCEPTS[Kind.SCALAR], required=False)
            case _:
                assert_never(value)

    def _amount(self, path: tuple[str, ...], amount: Amount, base: Shape, *, required: bool) -> None:
        value = self._fits(path, amount.value, base, ACCEPTS[Kind.AMOUNT], required=required)
        if value is not None and value.inexact:
            what = "reads a number that does not say what it counts"
            self.check.wrong(path, amount.place, what, "add as: minor, or as: decimal for major units")
        for key, inner, accepts in (
            ("currency", amount.currency, Form.TEXT | Form.BYTES),
            ("exponent", amount.exponent, Form.NUMBER),
        ):
            if inner is not None:
                self._fits((*path, key), inner, base, accepts, required=True)

    def _fits(
        self, path: tuple[str, ...], expression: Expression, base: Shape, accepts: Form, *, required: bool
    ) -> _Value | None:
        value = self._value(path, expression, base)
        if value is None:
            return None
        if not value.form & accepts:
            what = f"is {words(value.form) or 'null'} by the schema, where {words(accepts)} is wanted"
            self.check.wrong(path, expression.place, what, "add a converter, or read another field")
        elif value.form & ~accepts and value.form != Form.ANY:
            what = f"can be {words(value.form & ~accepts)} by the schema, where {words(accepts)} is wanted"
            self.check.doubtful(path, expression.place, what, "add a converter, or a route for it")
        elif required and value.nullable:
            what = "can be null by the schema, which sends the event to the dead letters"
            self.check.doubtful(
                path, expression.place, what, "add coalesce, or a route that says what that is"
            )
        return value

    # -------------------------------------------------------------------------- expressions

    def _value(self, path: tuple[str, ...], expression: Expression, base: Shape) -> _Value | None:
        value = self._origin(path, expression, base)
        for conversion in expression.conversions:
            if value is None:
                return None
            takes, gives = takes_and_gives(conversion)
            if value.form and not value.form & takes:
                what = f"is {words(value.form)} by the schema, which its converter does not take"
                self.check.wrong(path, expression.place, what, f"a converter there takes {words(takes)}")
                return None
            value = _Value(gives, value.nullable or isinstance(conversion, Extract | Step))
        if value is None:
            return None
        if expression.table is not None:
            value = self._looked_up(path, expression, value)
        return value if expression.default is None else _Value(value.form, symbols=value.symbols)

    def _looked_up(self, path: tuple[str, ...], expression: Expression, value: _Value) -> _Value:
        table = dict(expression.table or ())
        if value.symbols is not None:
            missing = [symbol for symbol in value.symbols if symbol not in table]
            if missing and expression.default is None:
                what = f"has no entry in map for the symbols {', '.join(missing)}"
                self.check.doubtful(path, expression.place, what, "add them, or a default")
            for odd in table.keys() - set(value.symbols):
                what = f"has an entry in map for {odd}, which the schema's enum does not have"
                self.check.doubtful(path, expression.place, what, near(odd, value.symbols))
        return _Value(reduce(or_, map(of_plain, table.values()), Form(0)), value.nullable)

    def _origin(self, path: tuple[str, ...], expression: Expression, base: Shape) -> _Value | None:
        match expression.origin:
            case Read(way):
                return self._read(path, expression.place, way, base)
            case Const(value):
                return _Value(of_plain(value))
            case Template(parts):
                read = [
                    self._read(path, expression.place, each, base) for each in parts if isinstance(each, Path)
                ]
                return _Value(Form.TEXT, any(each is not None and each.nullable for each in read))
            case Coalesce(options):
                return self._coalesce([self._value(path, option, base) for option in options])
            case Sum(over, of):
                entries = self._entries(path, over, base)
                if entries is not None and of is not None:
                    self._fits(path, of, entries, Form.NUMBER, required=True)
                return _Value(
                    Form.NUMBER, self._nullable(path, over, base), inexact=not expression.conversions
                )
            case _:
                assert_never(expression.origin)

    @staticmethod
    def _coalesce(options: Sequence[_Value | None]) -> _Value | None:
        known = [option for option in options if option is not None]
        if len(known) < len(options):
            return None
        return _Value(
            reduce(or_, (option.form for option in known), Form(0)),
            all(option.nullable for option in known),
            inexact=any(option.inexact for option in known),
        )

    def _read(self, path: tuple[str, ...], place: Place, read: Path, base: Shape) -> _Value | None:
        if read.root is not Root.RECORD:
            nullable = read.root in {Root.KEY, Root.HEADERS, Root.TIMESTAMP}
            return _Value(root_form(read.root), nullable)
        found = self.shapes.follow(base, read.steps)
        if isinstance(found, Unknown):
            self.check.lacks(path, place, read, found)
            return None
        self.check.read.add(read)
        return _Value(found.form, found.nullable, found.symbols, found.inexact)

    def _nullable(self, path: tuple[str, ...], over: Expression, base: Shape) -> bool:
        value = self._value(path, over, base)
        return value is not None and value.nullable

    def _entries(self, path: tuple[str, ...], each: Expression, base: Shape) -> Shape | None:
        """Return what stands in a list; None where that can't be known, or is no list."""
        if not isinstance(each.origin, Read) or each.conversions or each.origin.path.root is not Root.RECORD:
            return None
        found = self.shapes.follow(base, each.origin.path.steps)
        if isinstance(found, Unknown):
            self.check.lacks(path, each.place, each.origin.path, found)
            return None
        entries = self.shapes.entries(found)
        if entries is None:
            what = f"reads {each.origin.path.text}, which is no list by the schema"
            self.check.wrong(path, each.place, what, "read a list")
        return entries

    # --------------------------------------------------------------------------- predicates

    def _test(self, test: Test) -> None:
        path, place = (self.on.name, "when"), test.value.place
        value = self._value(path, test.value, self.record)
        if value is None:
            return
        symbols = value.symbols or self._names(test)
        for comparison in test.comparisons:
            operand = comparison.operand
            if isinstance(operand, Path):
                self._read(path, place, operand, self.record)
                continue
            if comparison.operator in {Operator.EQ, Operator.IN}:
                for each in operand if isinstance(operand, tuple) else (operand,):
                    self._equal(path, place, value, symbols, each)
            elif comparison.operator is not Operator.EXISTS:
                wanted = Form.TEXT | Form.BYTES if comparison.operator is Operator.REGEX else Form.NUMBER
                if value.form and not value.form & wanted:
                    what = f"is {words(value.form)} by the schema, which {comparison.operator} can't compare"
                    self.check.wrong(path, place, what, f"{comparison.operator} compares {words(wanted)}")

    def _equal(
        self,
        path: tuple[str, ...],
        place: Place,
        value: _Value,
        symbols: tuple[str, ...] | None,
        operand: str | float | bool | None,
    ) -> None:
        form = Form.TEXT | Form.BYTES if isinstance(operand, str) else of_plain(operand)
        if value.form and not value.form & form:
            what = f"is {words(value.form)} by the schema, and is never equal to {words(of_plain(operand))}"
            self.check.wrong(path, place, what, "compare it with a value of its type, or add a converter")
        elif symbols is not None and operand not in symbols:
            self.check.wrong(
                path,
                place,
                f"compares with {operand}, which the schema does not have",
                near(str(operand), symbols),
            )

    def _names(self, test: Test) -> tuple[str, ...] | None:
        """Return the names that ``$name`` can be."""
        if not isinstance(test.value.origin, Read) or test.value.conversions:
            return None
        read = test.value.origin.path
        if read.root is Root.NAME:
            return self.record.record_names or None
        if not read.steps or read.steps[-1] != RecordName():
            return None
        holder = self.shapes.follow(self.record, read.steps[:-1])
        return None if isinstance(holder, Unknown) else holder.record_names or None


# --------------------------------------------------------------------------------- symbols


def unhandled(check: Check, shapes: AvroShapes, record: Shape) -> None:
    """Warn of enum symbols that the routes tell apart by, and that none of them names."""
    routes = check.definition.routes
    if any(route.when is None for route in routes):
        return
    asked: dict[Path, set[str]] = {}
    open_ended: set[Path] = set()
    for route in routes:
        for test in tests(route.when):
            if not isinstance(test.value.origin, Read) or test.value.conversions:
                continue
            path = test.value.origin.path
            for comparison in test.comparisons:
                if comparison.operator not in {Operator.EQ, Operator.IN} or isinstance(
                    comparison.operand, Path
                ):
                    open_ended.add(path)
                    continue
                operand = comparison.operand
                values = operand if isinstance(operand, tuple) else (operand,)
                asked.setdefault(path, set()).update(each for each in values if isinstance(each, str))
        open_ended.update(negated(route.when))
    for path, named in asked.items():
        shape = shapes.follow(record, path.steps) if path.root is Root.RECORD else NAME_SHAPE
        symbols = () if isinstance(shape, Unknown) else shape.symbols or ()
        missing = [symbol for symbol in symbols if symbol not in named]
        if missing and path not in open_ended:
            what = f"has no route for {path.text} {', '.join(missing)}: such events are skipped as no_route"
            cure = "add a route that skips them, so that they are counted under a name"
            check.doubtful(("routes",), check.definition.place, what, cure)
