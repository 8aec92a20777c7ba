"""Colours: Grafana's names as numbers, and what the picture itself is drawn with."""

from collections.abc import Mapping, Sequence
from typing import Final

CANVAS: Final = "#111217"
PANEL: Final = "#181b1f"
BORDER: Final = "#2c3037"
GRID: Final = "#2a2e35"
TEXT: Final = "#dcdce6"
DIM: Final = "#9fa1ae"
#: Text on a coloured ground.
ON_COLOUR: Final = "#ffffff"

#: Shades of Grafana's hues, from ``super-light`` to ``dark``.
_HUES: Final[Mapping[str, Sequence[str]]] = {
    "red": ("#ffa6b0", "#ff7383", "#f2495c", "#e02f44", "#c4162a"),
    "orange": ("#ffcb7d", "#ffb357", "#ff9830", "#ff780a", "#fa6400"),
    "yellow": ("#fff899", "#ffee52", "#fade2a", "#f2cc0c", "#e0b400"),
    "green": ("#c8f2c2", "#96d98d", "#73bf69", "#56a64b", "#37872d"),
    "blue": ("#c0d8ff", "#8ab8ff", "#5794f2", "#3274d9", "#1f60c4"),
    "purple": ("#deb6f2", "#ca95e5", "#b877d9", "#a352cc", "#8f3bb8"),
}
_SHADES: Final = ("super-light-", "light-", "", "semi-dark-", "dark-")
_NAMED: Final[Mapping[str, str]] = {
    **{
        f"{shade}{hue}": colour
        for hue, colours in _HUES.items()
        for shade, colour in zip(_SHADES, colours, strict=True)
    },
    "text": TEXT,
    "gray": "#8e8e99",
    "white": "#ffffff",
    "black": "#000000",
    "transparent": PANEL,
}

#: What series get in turn that have no colour of their own ("palette-classic").
PALETTE: Final = (
    "#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#c8f2c2",
    "#fade2a", "#447ebc", "#c15c17", "#ca95e5", "#56a64b", "#ffa6b0", "#1f60c4", "#967302",
)  # fmt: skip


def colour(name: str) -> str:
    """Return a colour of Grafana as ``#rrggbb``; such a number is returned as it is.

    Raises KeyError for a name that Grafana does not have.
    """
    return name if name.startswith("#") else _NAMED[name]
