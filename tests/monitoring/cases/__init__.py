"""What every alert has to do with given series: tables, one module for each module of alerts."""

from typing import Final

from tests.monitoring.cases import events, holds, objectives, outside, progress
from tests.monitoring.promtool import Case

#: Cases that no alert may lack. ``reset`` is a restart: of counters in mid-trouble, or of the pod itself.
REQUIRED: Final = frozenset({"fires", "quiet", "resolves", "reset"})

CASES: Final[tuple[Case, ...]] = (
    *objectives.CASES,
    *progress.CASES,
    *holds.CASES,
    *events.CASES,
    *outside.CASES,
)
