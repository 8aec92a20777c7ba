"""The sheet that panels are drawn on: measured in pixels from its upper left corner."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Rectangle
from PIL import Image

from monitoring.picture.theme import BORDER, CANVAS, DIM, GRID, PANEL, TEXT

#: Pixels per inch of the sheet; the picture has SCALE times as many.
_DENSITY: Final = 100
SCALE: Final = 1.6
#: Colours of the file: a dashboard has few, and anti-aliasing adds shades of them.
_COLOURS: Final = 256
#: Axes lie above the panels that they are in.
_ABOVE: Final = 10
_POINTS_PER_PIXEL: Final = 72 / _DENSITY


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; ``y`` grows downwards."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height

    def inside(self, left: float, top: float, right: float, bottom: float) -> "Box":
        """Return what is left of it inside these margins."""
        return Box(self.x + left, self.y + top, self.width - left - right, self.height - top - bottom)


class Canvas:
    """A sheet of ``width`` times ``height`` pixels."""

    def __init__(self, width: float, height: float) -> None:
        self._width: Final = width
        self._height: Final = height
        self._figure: Final = Figure(
            figsize=(width / _DENSITY, height / _DENSITY), dpi=_DENSITY * SCALE, facecolor=CANVAS
        )
        self._agg: Final = FigureCanvasAgg(self._figure)

    def panel(self, box: Box) -> None:
        """Draw the background of a panel."""
        x, y, width, height = self._shares(box)
        rounded = FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.002",
            mutation_aspect=self._width / self._height,
            facecolor=PANEL,
            edgecolor=BORDER,
            linewidth=0.6,
            transform=self._figure.transFigure,
        )
        self._figure.add_artist(rounded)

    def fill(self, box: Box, colour: str, opacity: float = 1.0) -> None:
        """Fill a rectangle."""
        x, y, width, height = self._shares(box)
        patch = Rectangle(
            (x, y),
            width,
            height,
            color=colour,
            alpha=opacity,
            linewidth=0,
            transform=self._figure.transFigure,
        )
        self._figure.add_artist(patch)

    def rule(self, box: Box, colour: str = GRID) -> None:
        """Draw a thin line along the upper edge of a rectangle."""
        x, y, width, height = self._shares(box)
        line = Line2D(
            (x, x + width),
            (y + height, y + height),
            color=colour,
            linewidth=0.6,
            transform=self._figure.transFigure,
        )
        self._figure.add_artist(line)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        colour: str = TEXT,
        *,
        bold: bool = False,
        align: str = "left",
    ) -> None:
        """Write ``text``, ``size`` pixels high, its middle at the height ``y``."""
        self._figure.text(
            x / self._width,
            1 - y / self._height,
            _plain(text),
            fontsize=size * _POINTS_PER_PIXEL,
            color=colour,
            fontweight="bold" if bold else "normal",
            ha=align,
            va="center_baseline",
        )

    def width_of(self, text: str, size: float, *, bold: bool = False) -> float:
        """Return how wide ``text`` would be."""
        font = FontProperties(size=size * _POINTS_PER_PIXEL, weight="bold" if bold else "normal")
        renderer = self._agg.get_renderer()  # type: ignore[no-untyped-call]  # not annotated by its authors
        width, _, _ = renderer.get_text_width_height_descent(_plain(text), font, ismath=False)
        return float(width) / SCALE

    def shortened(self, text: str, size: float, width: float, *, bold: bool = False) -> str:
        """Return as much of ``text`` as fits into ``width``, with an ellipsis where something is missing."""
        if self.width_of(text, size, bold=bold) <= width:
            return text
        while text and self.width_of(text + "…", size, bold=bold) > width:
            text = text[:-1]
        return text.rstrip() + "…"

    def axes(self, box: Box) -> Axes:
        """Return axes that fill ``box``, with a faint grid and nothing else."""
        axes = self._figure.add_axes(self._shares(box))
        axes.set_facecolor("none")
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.grid(visible=True, color=GRID, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.set_zorder(_ABOVE)
        axes.tick_params(
            length=0, labelsize=7.5 * _POINTS_PER_PIXEL, labelcolor=DIM, pad=2, which="both", colors=DIM
        )
        return axes

    def save(self, file: Path) -> None:
        """Write the sheet as a PNG of few colours: a third of the size, and no visible loss."""
        raw = io.BytesIO()
        self._figure.savefig(raw, format="png", facecolor=CANVAS)
        raw.seek(0)
        with Image.open(raw) as picture:
            small = picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
            small.save(file, optimize=True)

    def _shares(self, box: Box) -> tuple[float, float, float, float]:
        return (
            box.x / self._width,
            1 - box.bottom / self._height,
            box.width / self._width,
            box.height / self._height,
        )


def _plain(text: str) -> str:
    """Return ``text`` with no sign that starts mathematics."""
    return text.replace("$", r"\$")
