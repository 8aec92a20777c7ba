"""The YAML of expressions, amounts, lines of an order and attributes → ``language``."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from consumer.core.meaning.mapping.actions import ITEM_FIELDS, FieldRule, Kind
from consumer.core.meaning.mapping.converters import CONVERTERS, OPTIONED, Form
from consumer.core.meaning.mapping.forms import ACCEPTS, check_amount, check_form
from consumer.core.meaning.mapping.language import (
    Amount,
    Attributes,
    Coalesce,
    Const,
    Conversion,
    Expression,
    Extract,
    FieldValue,
    Items,
    Nested,
    Origin,
    Path,
    Quantise,
    Read,
    Root,
    Rounding,
    Simple,
    Step,
    Sum,
    Template,
)
from consumer.core.meaning.mapping.nodes import At, near
from consumer.core.meaning.mapping.paths import BadPath, parse_path
from consumer.core.meaning.mapping.templates import BadTemplate, parse_template
from consumer.core.meaning.money import MAX_FRACTION_DIGITS, is_currency
from consumer.core.patterns import BadPattern, compile_pattern
from consumer.core.settings.documents import Plain

#: The keys that say where a value comes from; an expression has one of them.
ORIGINS: Final = ("path", "coalesce", "const", "template", "sum")
#: The keys that may stand beside one.
MODIFIERS: Final = ("as", "map", "default")
#: The keys that may stand beside one where an amount is wanted.
AMOUNT_KEYS: Final = ("currency", "exponent", "exponents")
VALUE_CURE: Final = "write {path: field}, or one of coalesce, const, template, sum"


def read_field(at: At, rule: FieldRule) -> FieldValue | None:
    """Return the value of a settable field, or None with what is wrong in ``at.found``."""
    match rule.kind:
        case Kind.AMOUNT:
            return read_amount(at)
        case Kind.ITEMS:
            return _items(at)
        case Kind.ATTRIBUTES:
            return _attributes(at)
        case _:
            return read_expression(at, ACCEPTS[rule.kind])


def read_expression(at: At, accepts: Form, origins: Sequence[str] = ORIGINS) -> Expression | None:
    """Return a value; what it is must be one of ``accepts`` as far as can be told."""
    entries = at.form((*origins, "of", *MODIFIERS), (), VALUE_CURE)
    if entries is None:
        return None
    expression = _expression(at, entries, origins)
    if expression is not None:
        check_form(at, expression, accepts)
    return expression


def read_amount(at: At) -> Amount | None:
    """Return an amount of money."""
    entries = at.form((*ORIGINS, "of", *MODIFIERS, *AMOUNT_KEYS), (), VALUE_CURE)
    if entries is None:
        return None
    currency = _optional(entries, "currency", Form.TEXT | Form.BYTES)
    exponent = _optional(entries, "exponent", Form.NUMBER)
    exponents = tuple(_exponents(entries["exponents"])) if "exponents" in entries else ()
    value = _expression(at, entries, ORIGINS)
    if value is None:
        return None
    amount = Amount(value, currency, exponent, exponents, at.place)
    check_amount(at, amount)
    return amount


def read_path(at: At) -> Path | None:
    """Return a path."""
    text = at.text("write the way to a field, like customer.id")
    if text is None:
        return None
    try:
        return parse_path(text)
    except BadPath as bad:
        cure = near(bad.word, [root for root in Root if root]) if bad.word else _PATH_CURE
        at.wrong(str(bad), cure)
        return None


_PATH_CURE: Final = 'write names with dots between them, [0] for an entry, and "…" around odd names'


def _expression(at: At, entries: Mapping[str, At], origins: Sequence[str]) -> Expression | None:
    """Return the expression that the keys make, once exactly one of ``origins`` is among them."""
    given = [key for key in origins if key in entries]
    if len(given) != 1:
        what = (
            f"has both {given[0]} and {given[1]}"
            if given
            else "says nothing about where its value comes from"
        )
        at.wrong(what, f"write one of: {', '.join(origins)}")
    if "of" in entries and given != ["sum"]:
        entries["of"].wrong("belongs to sum", "leave it out")
    conversions = tuple(_conversions(entries["as"])) if "as" in entries else ()
    table = tuple(_table(entries["map"])) if "map" in entries else None
    default = _constant(entries["default"]) if "default" in entries else None
    origin = _origin(given[0], entries) if given else None
    if origin is None or len(given) != 1:
        return None
    return Expression(origin, conversions, table, default, at.place)


def _origin(key: str, entries: Mapping[str, At]) -> Origin | None:
    at = entries[key]
    match key:
        case "path":
            path = read_path(at)
            return None if path is None else Read(path)
        case "const":
            return _constant(at)
        case "coalesce":
            return _coalesce(at)
        case "template":
            return _template(at)
        case _:
            return _sum(at, entries.get("of"))


def _constant(at: At) -> Const | None:
    value = at.finite()
    if value is None and at.node.value is None:
        at.wrong("is null, which a field is without it", "write a value, or leave it out")
    return None if value is None else Const(value)


def _coalesce(at: At) -> Coalesce | None:
    options = [read_expression(option, Form.ANY | Form.MINOR) for option in at.list(_LIST_CURE) or ()]
    read = tuple(option for option in options if option is not None)
    for place, option in enumerate(read[:-1]):
        if isinstance(option.origin, Const) or option.default is not None:
            at.wrong(f"never gets beyond entry {place + 1}, which is never null", "leave out what follows it")
            break
    return Coalesce(read) if read and len(read) == len(options) else None


_LIST_CURE: Final = "write a list of values, like [{path: a}, {path: b}]"


def _template(at: At) -> Template | None:
    text = at.text('write a text with paths in braces, like "{order.id}-{attempt}"')
    if text is None:
        return None
    try:
        return Template(parse_template(text), text)
    except BadTemplate as bad:
        at.wrong(str(bad), "write paths in braces, and {{ or }} for a brace")
        return None


def _sum(at: At, of: At | None) -> Sum | None:
    over = _list_value(at)
    entry = None if of is None else read_expression(of, Form.NUMBER)
    return None if over is None or (of is not None and entry is None) else Sum(over, entry)


def _list_value(at: At) -> Expression | None:
    """Return where a list comes from: a path, or an expression for one behind ``json`` or ``avro``."""
    if isinstance(at.node.value, str):
        path = read_path(at)
        return None if path is None else Expression(Read(path), (), None, None, at.place)
    return read_expression(at, Form.TREE, ("path", "coalesce"))


def _table(at: At) -> Iterator[tuple[str, Plain]]:
    entries = at.map("write {value: what it becomes}, one for each")
    if entries is not None and not entries:
        at.wrong("is an empty map", "write {value: what it becomes}, one for each")
    for name, entry in (entries or {}).items():
        constant = _constant(entry)
        if constant is not None:
            yield name, constant.value


def _optional(entries: Mapping[str, At], key: str, accepts: Form) -> Expression | None:
    """Return the value of a key of an amount; a number alone stands for a constant."""
    if key not in entries:
        return None
    at = entries[key]
    if accepts is Form.NUMBER and isinstance(at.node.value, int):
        digits = at.integer(0, MAX_FRACTION_DIGITS)
        return None if digits is None else Expression(Const(digits), (), None, None, at.place)
    return read_expression(at, accepts)


def _exponents(at: At) -> Iterator[tuple[str, int]]:
    for code, entry in (at.map("write {CURRENCY: digits}, like {CLP: 2}") or {}).items():
        if not is_currency(code):
            entry.wrong("is for no ISO 4217 currency", "write its code in upper case")
        digits = entry.integer(0, MAX_FRACTION_DIGITS)
        if digits is not None:
            yield code, digits


# -------------------------------------------------------------------------------- converters


def _conversions(at: At) -> Iterator[Conversion]:
    """Yield the converters, one or a list of them."""
    for each in at.list("name a converter") or () if isinstance(at.node.value, tuple) else (at,):
        conversion = _conversion(each)
        if conversion is not None:
            yield conversion


def _conversion(at: At) -> Conversion | None:
    value = at.node.value
    if isinstance(value, str) and value in CONVERTERS:
        return Simple(value)
    if isinstance(value, str) and value in OPTIONED:
        at.wrong("is a converter that needs to be told something", f"write {{{value}: …}}")
        return None
    if isinstance(value, Mapping) and len(value) == 1:
        name, option = next(iter((at.map("") or {}).items()))
        if name in OPTIONED:
            return _with_option(name, option)
        at.wrong("names no converter that takes an option", near(name, list(OPTIONED)))
        return None
    word = value if isinstance(value, str) else ""
    at.wrong(
        "is no converter", near(word, [*CONVERTERS, *(each for each in OPTIONED if each not in CONVERTERS)])
    )
    return None


def _with_option(name: str, at: At) -> Conversion | None:
    match name:
        case "decimal":
            return _quantise(at)
        case "regex":
            return _extract(at)
        case "avro":
            file = at.text("name the file of the schema")
            return None if file is None else Nested(file, at.place)
        case _:
            path = read_path(at)
            if path is not None and path.root is not Root.RECORD:
                at.wrong("begins anew at a root", "write the way on from what is there")
                return None
            return None if path is None else Step(path)


def _quantise(at: At) -> Quantise | None:
    entries = at.form(
        ("scale", "rounding"), ("scale",), "write {scale: 2}, with rounding: half_up to drop digits"
    )
    if entries is None or "scale" not in entries:
        return None
    scale = entries["scale"].integer(0, MAX_FRACTION_DIGITS)
    rounding = entries["rounding"].choice(list(Rounding)) if "rounding" in entries else None
    return None if scale is None else Quantise(scale, None if rounding is None else Rounding(rounding))


def _extract(at: At) -> Extract | None:
    pattern = read_pattern(at)
    return None if pattern is None else Extract(pattern)


def read_pattern(at: At) -> str | None:
    """Return a regular expression that can't run long."""
    pattern = at.text("write a regular expression, in single quotes")
    if pattern is None:
        return None
    try:
        compile_pattern(pattern)
    except BadPattern as bad:
        at.wrong(str(bad), "write a simpler one: it has to match the whole text")
        return None
    return pattern


# ------------------------------------------------------------------------- items, attributes


def _items(at: At) -> Items | None:
    cure = "write {each: list, id: {path: …}, quantity: {path: …}, unit_price: {path: …}}"
    required = ("each", *(name for name, rule in ITEM_FIELDS.items() if rule.required))
    entries = at.form(("each", *ITEM_FIELDS), required, cure)
    if entries is None:
        return None
    each = _list_value(entries["each"]) if "each" in entries else None
    fields: list[tuple[str, Expression | Amount]] = []
    for name, rule in ITEM_FIELDS.items():
        value = read_field(entries[name], rule) if name in entries else None
        if isinstance(value, Expression | Amount):
            fields.append((name, value))
    complete = each is not None and set(required) <= entries.keys() and len(fields) == len(entries) - 1
    return Items(each, tuple(fields)) if each is not None and complete else None


def _attributes(at: At) -> Attributes | None:
    entries = at.map("write {name: {path: …}}, one for each attribute")
    if entries is None:
        return None
    fields = [(name, read_expression(entry, ACCEPTS[Kind.SCALAR])) for name, entry in entries.items()]
    return Attributes(tuple((name, value) for name, value in fields if value is not None))
