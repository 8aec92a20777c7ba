"""Whether what an expression asks for is there, on a live Prometheus."""

import math
from collections.abc import Iterator

from monitoring.prometheus import Prometheus, Series
from monitoring.promql import Selector, grouping_labels, selectors


def answers(server: Prometheus, expression: str) -> bool:
    """Tell whether ``expression`` has a value now that is a number."""
    return any(not math.isnan(series.last) for series in server.query(expression))


def unknown(server: Prometheus, expression: str) -> list[str]:
    """Return the selectors of ``expression`` that match nothing, and labels it groups by that nothing has.

    An ``or``, ``absent`` or a sum hides such a mistake from whoever looks at the result alone.
    """
    found: list[Series] = []
    missing = []
    for selector in selectors(expression):
        series = server.query(_written(selector))
        found.extend(series)
        if not series:
            missing.append(_written(selector))
    known = {label for series in found for label in series.labels}
    return [*missing, *sorted(grouping_labels(expression) - known)]


def _written(selector: Selector) -> str:
    """Return a selector that finds what this one found at any time of the last hour."""
    return f"last_over_time({selector.metric}{{{', '.join(_conditions(selector))}}}[1h])"


def _conditions(selector: Selector) -> Iterator[str]:
    for matcher in selector.matchers:
        yield f'{matcher.label}{matcher.operator}"{matcher.value}"'
