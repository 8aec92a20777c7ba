"""The picture of the dashboard: it has every panel, and says what Grafana would say."""

import json
import math
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image

from monitoring import dashboard
from monitoring.picture.__main__ import main
from monitoring.picture.data import Reader, legend
from monitoring.picture.expressions import Span, filled
from monitoring.picture.looks import colour_of, text_of
from monitoring.picture.panels import Panel, Place, Target, panels
from monitoring.picture.sheet import draw, step_of
from monitoring.picture.tables import rows_of
from monitoring.picture.units import written
from monitoring.prometheus import Prometheus, Series

MODEL: Final[Any] = json.loads(dashboard.text())
VARIABLES: Final = {"namespace": "shop", "job": ".+", "instance": ".+"}
SPAN: Final = Span(1_000_000.0, 1_000_600.0, 10.0, 5.0)
MOST_BYTES: Final = 300_000


class Answers(Prometheus):
    """A Prometheus that answers everything with the same series, and remembers what it was asked."""

    def __init__(self, *labels: dict[str, str]) -> None:
        super().__init__("http://127.0.0.1:1")
        self.asked: list[str] = []
        self._labels = labels

    def query(self, expression: str, at: float | None = None) -> list[Series]:
        """Return one point of each series."""
        self.asked.append(expression)
        return [Series(labels, [(at or 0.0, 3.0)]) for labels in self._labels]

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """Return a growing line for each series."""
        self.asked.append(expression)
        count = int((end - start) / step) + 1
        points = [(start + step * number, float(number)) for number in range(count)]
        return [Series(labels, points) for labels in self._labels]


def drawn(server: Prometheus, file: Path, rows: int | None = None, model: Any = MODEL) -> tuple[int, int]:
    """Draw, and return the size of the picture."""
    draw(model, Reader(server, VARIABLES, SPAN), "a test", file, rows)
    with Image.open(file) as picture:
        return picture.size


def test_the_dashboard_is_drawn_whole(tmp_path: Path) -> None:
    """Every query of every panel is asked, every kind of panel is known, and the file is small."""
    buckets = [{"le": le, "instance": "a", "topic": "t", "partition": "0"} for le in ("0.1", "1", "+Inf")]
    with Answers(*buckets) as server:
        width, height = drawn(server, tmp_path / "whole.png")
        asked = set(server.asked)
    assert width == 1536
    assert height > width
    assert (tmp_path / "whole.png").stat().st_size < MOST_BYTES
    targets = [target for panel in panels(MODEL) for target in panel.targets]
    assert {filled(target.expression, VARIABLES, SPAN) for target in targets} <= asked


def test_an_empty_prometheus_is_drawn_too(tmp_path: Path) -> None:
    """Where there is no data the panels say so."""
    with Answers() as server:
        assert drawn(server, tmp_path / "empty.png") > (0, 0)


def test_the_first_rows_can_be_drawn_alone(tmp_path: Path) -> None:
    """A picture for a front page has the top of the dashboard only."""
    with Answers({"le": "1"}) as server:
        heights = [drawn(server, tmp_path / "rows.png", rows)[1] for rows in (1, 2, None)]
    assert heights == sorted(set(heights))


def test_an_unknown_kind_of_panel_is_no_gap(tmp_path: Path) -> None:
    """A panel that can't be drawn is an error: nobody takes the picture for the dashboard."""
    odd = {"type": "piechart", "title": "odd", "gridPos": {"x": 0, "y": 0, "w": 4, "h": 4}}
    with Answers() as server, pytest.raises(KeyError, match="piechart"):
        drawn(server, tmp_path / "odd.png", model={**MODEL, "panels": [odd]})


def test_the_command_needs_a_server(tmp_path: Path) -> None:
    """Without the address there is nothing to draw: a usage error."""
    with pytest.raises(SystemExit) as ended:
        main(["--out", str(tmp_path / "none.png")])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (0.251, "s", None, "251 ms"),
        (0.251, "s", 0, "251 ms"),
        (90, "s", None, "1.5 mins"),
        (7200, "s", None, "2 hours"),
        (0, "s", None, "0 s"),
        (0.9995, "percentunit", 2, "99.95%"),
        (12.5, "percent", None, "12.5%"),
        (80 * 2**20, "bytes", None, "80 MiB"),
        (1_500, "short", None, "1.5 K"),
        (17, "cps", None, "17 c/s"),
        (1, "bool_yes_no", None, "Yes"),
        (3, "suffix:records", None, "3 records"),
        (math.nan, "s", None, "no data"),
        (math.inf, "s", None, "∞"),
        (-1_500, "short", None, "-1.5 K"),
    ],
)
def test_numbers_are_written_as_grafana_does(
    value: float, unit: str, decimals: int | None, text: str
) -> None:
    """Whoever knows the dashboard reads the picture the same way."""
    assert written(value, unit, decimals) == text


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("rate(a[$__rate_interval])", "rate(a[20s])"),
        ("increase(a[${__range}])", "increase(a[600s])"),
        ('a{namespace=~"$namespace", job=~"${job:regex}"}', 'a{namespace=~"shop", job=~".+"}'),
    ],
)
def test_variables_are_filled_in(expression: str, text: str) -> None:
    """A rate looks at four scrapes at least, as Grafana's interval does."""
    assert filled(expression, VARIABLES, SPAN) == text


def test_a_variable_without_a_value_is_an_error() -> None:
    """A hole in a query is found here, not by a server that finds nothing."""
    with pytest.raises(KeyError, match="pod"):
        filled('a{pod="$pod"}', VARIABLES, SPAN)


@pytest.mark.parametrize(
    ("value", "text", "colour"),
    [
        (0.0, "no", "#73bf69"),
        (1.0, "STOPPED", "#f2495c"),
        (5.0, "5", "#ff9830"),
        (math.nan, "gone", "#dcdce6"),
    ],
)
def test_values_have_the_texts_and_colours_of_their_panel(value: float, text: str, colour: str) -> None:
    """Mappings come first, then thresholds; what is not there has the panel's own word."""
    looks = {
        "unit": "short",
        "noValue": "gone",
        "mappings": [
            {"type": "value", "options": {"0": {"text": "no", "color": "green"}}},
            {"type": "value", "options": {"1": {"text": "STOPPED", "color": "red"}}},
        ],
        "thresholds": {"steps": [{"color": "green", "value": None}, {"color": "orange", "value": 2}]},
    }
    assert (text_of(value, looks), colour_of(value, looks)) == (text, colour)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{{topic}}/{{ partition }}", "t/0"),
        ("oldest", "oldest"),
        ("", '{partition="0", topic="t"}'),
        ("{{absent}}", ""),
    ],
)
def test_series_are_named_by_their_legend(pattern: str, name: str) -> None:
    """The names below a panel are those of the dashboard."""
    assert legend(Target("A", "up", pattern, instant=False), {"partition": "0", "topic": "t"}) == name


def test_a_table_joins_its_queries() -> None:
    """Each query is a column; rows are those of the joined label, columns have the names that are set."""
    organised = {
        "excludeByName": {"Time": True, "job": True},
        "renameByName": {"Value #A": "up", "Value #B": "age"},
    }
    panel = Panel(
        kind="table",
        title="",
        place=Place(0, 0, 8, 8),
        targets=[],
        field={},
        overrides=[],
        options={},
        transformations=[
            {"id": "joinByField", "options": {"byField": "instance"}},
            {"id": "organize", "options": organised},
        ],
    )
    answers = {
        "A": [
            Series({"instance": "a", "job": "j"}, [(0, 1.0)]),
            Series({"instance": "b", "job": "j"}, [(0, 0.0)]),
        ],
        "B": [Series({"instance": "a"}, [(0, 7.0)])],
    }
    assert rows_of(panel, answers) == [{"instance": "a", "up": 1.0, "age": 7.0}, {"instance": "b", "up": 0.0}]


def test_steps_are_whole_seconds() -> None:
    """The grid of times is one that Prometheus can have samples on."""
    assert step_of(0, 30) == 1
    assert step_of(0, 3600) == 15
