"""Reading PromQL as far as it is needed."""

from typing import Final

import pytest

from monitoring.promql import Matcher, Selector, grouping_labels, scaled, seconds, selectors, shortened

_DURATIONS: Final = {"5m": 300, "1h30m": 5_400, "250ms": 0.25, "3d": 259_200, "0m": 0, "1w": 604_800}


@pytest.mark.parametrize("text", _DURATIONS)
def test_durations_are_read(text: str) -> None:
    """Every unit of PromQL counts, and several add up."""
    assert seconds(text) == _DURATIONS[text]


@pytest.mark.parametrize("text", ["", "5", "m", "5m ", "5 m", "1.5h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A number without a unit would be taken for something that nobody wrote."""
    with pytest.raises(ValueError, match="no duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(x[5m])", "rate(x[30000ms])"),
        ("x offset 1h + 5", "x offset 360000ms + 5"),
        ('x{le="60.0", path="5m"} > 14.4 * 0.001', 'x{le="60.0", path="5m"} > 14.4 * 0.001'),
        ("a_5m:ratio_rate5m > 1", "a_5m:ratio_rate5m > 1"),
        ("max_over_time(x[1h:5m])", "max_over_time(x[360000ms:30000ms])"),
    ],
)
def test_only_durations_are_scaled(expression: str, expected: str) -> None:
    """Names, texts and numbers that look like a duration stay what they are."""
    assert scaled(expression, 0.1) == expected


def test_a_scale_of_one_changes_nothing() -> None:
    """What ships is what is written."""
    assert (scaled("rate(x[5m])", 1), shortened("1h", 1)) == ("rate(x[5m])", "1h")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("up", [Selector("up")]),
        (
            'sum by (job) (rate(x_total{$selector, a=~"b|c"}[$__rate_interval])) / on (job) y',
            [
                Selector("x_total", (Matcher("a", "=~", "b|c"),), ("$selector",), "$__rate_interval", "rate"),
                Selector("y"),
            ],
        ),
        (
            'absent(x{a!="}"}) or x offset 5m == bool 0',
            [Selector("x", (Matcher("a", "!=", "}"),), (), "", "absent"), Selector("x")],
        ),
        (
            "histogram_quantile(0.9, sum by (le) (rate(x_bucket[1h])))",
            [Selector("x_bucket", (), (), "1h", "rate")],
        ),
        (
            "sum(a) by (job) and on (job) group_left (x) b unless c",
            [Selector("a", function="sum"), Selector("b"), Selector("c")],
        ),
    ],
)
def test_metrics_are_found_with_conditions_ranges_and_functions(
    expression: str, expected: list[Selector]
) -> None:
    """Functions, groupings and words of the language are no metrics."""
    assert list(selectors(expression)) == expected


def test_labels_of_groupings_are_found() -> None:
    """What is grouped or joined by is part of what an expression asks for."""
    assert grouping_labels("sum by (a, b) (x) / on (c) group_left (d) y") == {"a", "b", "c", "d"}


def test_an_open_bracket_is_told() -> None:
    """A selector that does not end can't be read."""
    with pytest.raises(ValueError, match="not closed"):
        selectors("x{a=")
