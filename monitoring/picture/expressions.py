"""Queries of a dashboard with its variables filled in, as Grafana does it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: ``$name``, ``${name}``, ``${name:format}``.
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")
#: Grafana's rule for ``$__rate_interval``: so many scrapes at least.
_SCRAPES: Final = 4


@dataclass(frozen=True, slots=True)
class Span:
    """What is looked at: from ``start`` to ``end`` (seconds since the epoch) every ``step`` seconds.

    ``scrape`` is the time between two scrapes, in seconds.
    """

    start: float
    end: float
    step: float
    scrape: float

    @property
    def times(self) -> Mapping[str, str]:
        """Grafana's own variables about time."""
        rate = max(self.step + self.scrape, _SCRAPES * self.scrape)
        seconds = max(1, round(self.end - self.start))
        return {
            "__interval": f"{max(1, round(self.step))}s",
            "__rate_interval": f"{max(1, round(rate))}s",
            "__range": f"{seconds}s",
            "__range_s": f"{seconds}",
        }


def filled(expression: str, values: Mapping[str, str], span: Span) -> str:
    """Return ``expression`` with its variables; raises KeyError for one that has no value."""
    known = {**values, **span.times}
    return _VARIABLE.sub(lambda found: known[found[1] or found[2]], expression)
