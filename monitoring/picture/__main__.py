"""``python -m monitoring.picture``: draw the dashboard with what a Prometheus holds, as a PNG."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from monitoring.picture.data import Reader
from monitoring.picture.expressions import Span
from monitoring.picture.sheet import draw, step_of
from monitoring.prometheus import Prometheus

DASHBOARD: Final = (
    Path(__file__).resolve().parents[2] / "helm" / "linkrunner-consumer" / "files" / "dashboard.json"
)


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 0, or 2 for arguments that are none."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.picture", description=__doc__)
    parser.add_argument("--prometheus", required=True, metavar="URL", help="the server to ask")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the PNG to write")
    parser.add_argument(
        "--dashboard", type=Path, default=DASHBOARD, metavar="FILE", help="default: the chart's"
    )
    parser.add_argument("--minutes", type=float, default=30, help="how far back to look (default: 30)")
    parser.add_argument("--end", type=float, default=None, help="seconds since the epoch (default: now)")
    parser.add_argument("--scrape", type=float, default=30, help="seconds between scrapes (default: 30)")
    parser.add_argument("--caption", default="", help="what is seen, beside the title")
    parser.add_argument(
        "--rows", type=int, default=None, help="only so many rows from the top (default: all)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a variable of the dashboard"
    )
    given = parser.parse_args(arguments)
    end = time.time() if given.end is None else given.end
    start = end - 60 * given.minutes
    values = dict(pair.split("=", 1) for pair in given.set)
    with Prometheus(given.prometheus) as server:
        reader = Reader(server, values, Span(start, end, step_of(start, end), given.scrape))
        draw(json.loads(given.dashboard.read_text("utf-8")), reader, given.caption, given.out, given.rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
