"""What stands on the dashboard, from the top: rows, panels and their questions."""

from typing import Final

from monitoring.dashboard.panels import Row
from monitoring.dashboard.rows import api, dead_letters, flow, kafka, money, pods

ROWS: Final[tuple[Row, ...]] = (money.ROW, flow.ROW, api.ROW, kafka.ROW, dead_letters.ROW, pods.ROW)
