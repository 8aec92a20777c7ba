"""Numbers as Grafana writes them: units by their names in the dashboard's JSON."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

_MINUTE: Final = 60.0
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
#: Factors with the unit that begins there, the largest first.
_SECONDS: Final = (
    (_DAY, " days"),
    (_HOUR, " hours"),
    (_MINUTE, " mins"),
    (1.0, " s"),
    (1e-3, " ms"),
    (1e-6, " µs"),
)
_BYTES: Final = ((2.0**40, " TiB"), (2.0**30, " GiB"), (2.0**20, " MiB"), (2.0**10, " KiB"), (1.0, " B"))
_SHORT: Final = ((1e9, " Bil"), (1e6, " Mil"), (1e3, " K"), (1.0, ""))
#: Units that scale: their steps, and what stands behind the number.
_SCALED: Final[Mapping[str, tuple[Sequence[tuple[float, str]], str]]] = {
    "s": (_SECONDS, ""),
    "dtdurations": (_SECONDS, ""),
    "bytes": (_BYTES, ""),
    "": (_SHORT, ""),
    "short": (_SHORT, ""),
    "reqps": (_SHORT, " req/s"),
    "ops": (_SHORT, " ops/s"),
    "cps": (_SHORT, " c/s"),
    "eps": (_SHORT, " evt/s"),
}
_PERCENT: Final = {"percentunit": 100.0, "percent": 1.0}
#: What 0 is called, and everything else.
_WORDS: Final = {"bool_yes_no": ("No", "Yes"), "bool_on_off": ("Off", "On"), "bool": ("False", "True")}
_PLAIN: Final = frozenset({"none", "string"})
_SIGNIFICANT: Final = 3
_MOST_DECIMALS: Final = 3


def written(value: float, unit: str = "", decimals: int | None = None) -> str:
    """Return ``value`` in ``unit`` with ``decimals`` behind the point, or as many as tell something.

    Raises KeyError for a unit that is not known here.
    """
    if not math.isfinite(value):
        return "no data" if math.isnan(value) else f"{'-' if value < 0 else ''}∞"
    if unit in _PERCENT:
        return _number(value * _PERCENT[unit], decimals) + "%"
    if unit in _WORDS:
        return _WORDS[unit][value != 0]
    if unit in _PLAIN:
        return _number(value, decimals)
    if unit.startswith("suffix:"):
        return _scaled(value, _SHORT, decimals) + " " + unit.removeprefix("suffix:").strip()
    steps, behind = _SCALED[unit]
    return _scaled(value, steps, decimals) + behind


def step_unit(value: float, unit: str) -> float:
    """Return in what whole numbers of ``unit`` are round near ``value``: 60 for some minutes in seconds."""
    steps, _ = _SCALED.get(unit, (_SHORT, ""))
    return next((factor for factor, _ in steps if abs(value) >= factor), 1.0) if unit not in _PERCENT else 1.0


def _scaled(value: float, steps: Sequence[tuple[float, str]], decimals: int | None) -> str:
    if value == 0:
        base = next(name for factor, name in steps if factor == 1)
        return "0" + base
    factor, name = next((step for step in steps if abs(value) >= step[0]), steps[-1])
    return _number(value / factor, decimals) + name


def _number(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    whole = 0 if value == 0 else math.floor(math.log10(abs(value))) + 1
    places = min(_MOST_DECIMALS, max(0, _SIGNIFICANT - max(whole, 1)))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
