"""How one value looks: its text and its colour, from units, mappings and thresholds."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from monitoring.picture.panels import Json
from monitoring.picture.theme import PALETTE, TEXT, colour
from monitoring.picture.units import written

_BASE: Final = -math.inf


def text_of(value: float, looks: Json) -> str:
    """Return the value as it is read in a panel."""
    mapped = _mapped(value, looks)
    if mapped and mapped.get("text"):
        return str(mapped["text"])
    if math.isnan(value):
        return str(looks.get("noValue") or "no data")
    return written(value, str(looks.get("unit") or ""), looks.get("decimals"))


def colour_of(value: float, looks: Json) -> str:
    """Return the colour of a value: of its mapping, else of its threshold, else the fixed one."""
    mapped = _mapped(value, looks)
    if mapped and mapped.get("color"):
        return colour(str(mapped["color"]))
    mode = looks.get("color") or {}
    if mode.get("mode") == "fixed":
        return colour(str(mode["fixedColor"]))
    if math.isnan(value):
        return TEXT
    return threshold_colour(value, looks)


def threshold_colour(value: float, looks: Json) -> str:
    """Return the colour of the highest threshold that ``value`` reaches; green without thresholds."""
    reached = [name for level, name in thresholds(looks) if value >= level]
    return colour(reached[-1]) if reached else colour("green")


def thresholds(looks: Json) -> Sequence[tuple[float, str]]:
    """Return the thresholds as (from this value on, colour's name); the first has no lower end."""
    steps = (looks.get("thresholds") or {}).get("steps") or []
    return [(_BASE if step.get("value") is None else float(step["value"]), step["color"]) for step in steps]


def series_colour(position: int, looks: Json, last: float) -> str:
    """Return the colour of a line: fixed, by the threshold of its ``last`` value, or its turn's."""
    mode = looks.get("color") or {}
    match mode.get("mode"):
        case "fixed" | "shades":
            return colour(str(mode["fixedColor"]))
        case "thresholds":
            return threshold_colour(last, looks)
        case _:
            return PALETTE[position % len(PALETTE)]


def _mapped(value: float, looks: Json) -> Mapping[str, Any] | None:
    """Return the result of the first mapping that knows ``value``."""
    for mapping in looks.get("mappings") or []:
        options = mapping["options"]
        match mapping["type"]:
            case "value":
                found = next((options[key] for key in options if _equal(key, value)), None)
            case "range":
                low, high = options.get("from"), options.get("to")
                inside = (low is None or value >= low) and (high is None or value <= high)
                found = options["result"] if inside else None
            case "special":
                found = options["result"] if _special(str(options["match"]), value) else None
            case "regex":
                found = options["result"] if re.search(options["pattern"], written(value)) else None
            case other:
                raise ValueError(f"a mapping that is not known here: {other}")
        if found:
            result: Mapping[str, Any] = found
            return result
    return None


def _equal(key: str, value: float) -> bool:
    try:
        return float(key) == value
    except ValueError:
        return False


def _special(match: str, value: float) -> bool:
    return math.isnan(value) if match in {"null", "nan", "null+nan"} else False
