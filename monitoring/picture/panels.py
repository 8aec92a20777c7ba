"""The panels of a dashboard's JSON, as values: what is asked, where it stands, how it looks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

#: A part of the dashboard's JSON.
Json: TypeAlias = Mapping[str, Any]

COLUMNS: Final = 24


@dataclass(frozen=True, slots=True)
class Target:
    """One query: ``legend`` is its ``legendFormat``; ``instant`` asks for one moment only."""

    ref: str
    expression: str
    legend: str
    instant: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel stands, in units of Grafana's grid: 24 columns, rows from the top."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. ``field``, ``overrides`` and ``options`` are as Grafana's JSON has them."""

    kind: str
    title: str
    place: Place
    targets: Sequence[Target]
    field: Json
    overrides: Sequence[Json]
    options: Json
    transformations: Sequence[Json]

    def looks(self, name: str, ref: str = "") -> Json:
        """Return how the series or column ``name`` of the query ``ref`` looks: defaults, then overrides."""
        looks: dict[str, Any] = dict(self.field)
        looks["custom"] = dict(self.field.get("custom", {}))
        for override in self.overrides:
            if _meets(override["matcher"], name, ref):
                for property_ in override["properties"]:
                    _put(looks, str(property_["id"]), property_.get("value"))
        return looks


def panels(dashboard: Json) -> list[Panel]:
    """Return all panels from the top, rows as panels of their own; collapsed rows are opened."""
    return sorted(_opened(dashboard["panels"]), key=lambda panel: (panel.place.y, panel.place.x))


def _opened(entries: Sequence[Json]) -> Iterator[Panel]:
    down = 0
    for entry in sorted(entries, key=lambda one: (one["gridPos"]["y"], one["gridPos"]["x"])):
        yield _panel(entry, down)
        nested = entry.get("panels") or []
        if nested:
            first = min(one["gridPos"]["y"] for one in nested)
            last = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in nested)
            under = entry["gridPos"]["y"] + 1 + down
            yield from (_panel(one, under - first) for one in nested)
            down += last - first


def _panel(entry: Json, down: int) -> Panel:
    grid = entry["gridPos"]
    config = entry.get("fieldConfig") or {}
    return Panel(
        kind=entry["type"],
        title=entry.get("title", ""),
        place=Place(grid["x"], grid["y"] + down, grid["w"], grid["h"]),
        targets=[_target(target) for target in entry.get("targets") or [] if not target.get("hide")],
        field=config.get("defaults") or {},
        overrides=config.get("overrides") or [],
        options=entry.get("options") or {},
        transformations=entry.get("transformations") or [],
    )


def _target(target: Json) -> Target:
    return Target(
        ref=target.get("refId", "A"),
        expression=target["expr"],
        legend=target.get("legendFormat") or "",
        instant=bool(target.get("instant")) and not target.get("range"),
    )


def _meets(matcher: Json, name: str, ref: str) -> bool:
    wanted = matcher.get("options")
    match matcher["id"]:
        case "byName":
            return bool(wanted == name)
        case "byRegexp":
            return re.search(str(wanted).strip("/"), name) is not None
        case "byFrameRefID":
            return bool(wanted == ref)
        case "byNames":
            return name in (wanted or {}).get("names", ())
        case other:
            raise ValueError(f"a matcher that is not known here: {other}")


def _put(looks: dict[str, Any], path: str, value: object) -> None:
    if path.startswith("custom."):
        looks["custom"] = {**looks["custom"], path.removeprefix("custom."): value}
    else:
        looks[path] = value
